//! Runs something on a thread of its own, and says what it was doing if it does not come to an end.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// Only tells a hang from slowness: the calls' own bounds are some hundred milliseconds each.
const LONG: Duration = Duration::from_secs(90);

/// What a round is at.
#[derive(Clone, Default)]
pub(crate) struct Step(Arc<Mutex<String>>);

impl Step {
    pub(crate) fn at(&self, call: &str) {
        call.clone_into(&mut self.0.lock().unwrap());
    }
}

/// Work under way.
pub(crate) struct Watched<T> {
    name: String,
    step: Step,
    result: mpsc::Receiver<T>,
}

/// Starts it.
pub(crate) fn watched<T: Send + 'static>(name: String, work: impl FnOnce(&Step) -> T + Send + 'static) -> Watched<T> {
    let step = Step::default();
    let (done, result) = mpsc::channel();
    let at = step.clone();
    thread::spawn(move || {
        let result = work(&at);
        // The test may have failed by now.
        let _ = done.send(result);
    });
    Watched { name, step, result }
}

impl<T> Watched<T> {
    /// Waits for it.
    pub(crate) fn finish(self) -> T {
        match self.result.recv_timeout(LONG) {
            Ok(result) => result,
            Err(error) => panic!("{}: at {:?}: {error}", self.name, self.step.0.lock().unwrap()),
        }
    }
}
