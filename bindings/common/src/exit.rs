//! What is still queued when the process ends.
//!
//! An interpreter or a program that ends does not close what it left open. So each producer of a face stands on a list, weakly, and
//! the face calls [`flush_all`] when its host says that it ends.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use ottla::Producer;

use crate::fork::Kept;
use crate::outstanding::Outstanding;
use crate::wait::wait;

/// What the end of the process may have to send.
pub trait Leaves: Send + Sync {
    /// Through which it goes; none in another process than the one it was made in.
    fn producers(&self) -> Vec<Producer>;

    /// How many records are not delivered yet, as far as this face can tell.
    fn outstanding(&self) -> u64;

    /// How long it may take.
    fn limit(&self) -> Duration;

    /// Tells how many records are lost when so many are still outstanding.
    fn lost(&self, outstanding: u64) -> u64 {
        outstanding
    }
}

/// A producer as the end of the process finds it.
pub struct Leaving {
    /// Through which it sends what it has.
    pub producer: Producer,
    /// What it has taken and not reported.
    pub outstanding: Outstanding,
    /// How long it may take then.
    pub limit: Duration,
}

impl Leaves for Kept<Leaving> {
    fn producers(&self) -> Vec<Producer> {
        self.get().map(|leaving| leaving.producer.clone()).into_iter().collect()
    }

    fn outstanding(&self) -> u64 {
        self.get().map_or(0, |leaving| leaving.outstanding.get())
    }

    fn limit(&self) -> Duration {
        self.get().map_or(Duration::ZERO, |leaving| leaving.limit)
    }
}

type List = Vec<Weak<dyn Leaves>>;

static LIST: Mutex<List> = Mutex::new(Vec::new());

/// Puts what has producers on the list, as long as it lives.
pub fn register(leaving: Weak<impl Leaves + 'static>) {
    let mut list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
    list.retain(|other| other.strong_count() > 0);
    list.push(leaving);
}

/// Who has something left. Looked for within a bound: in the child of a process that forked while it registered one the list stays
/// locked.
fn left() -> Vec<Arc<dyn Leaves>> {
    let of =
        |list: MutexGuard<'_, List>| list.iter().filter_map(Weak::upgrade).filter(|leaving| leaving.outstanding() > 0).collect();
    for _ in 0..100 {
        match LIST.try_lock() {
            Ok(list) => return of(list),
            Err(TryLockError::Poisoned(poisoned)) => return of(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    Vec::new()
}

/// For how long [`flush_all`] may take; `None` if nothing is left.
#[must_use]
pub fn longest() -> Option<Duration> {
    left().iter().map(|leaving| leaving.limit()).max()
}

/// [`flush`] for all producers on the list.
pub fn flush_all(serve: &mut dyn FnMut()) -> u64 {
    flush(left(), serve)
}

/// Sends what these producers have, side by side, each for its limit at the longest; `serve` is called in between, to take reports off
/// their queues, for those faces to which what is not reported counts as not sent. Answers with how many records are lost.
pub fn flush(leaving: Vec<Arc<dyn Leaves>>, serve: &mut dyn FnMut()) -> u64 {
    let begin = Instant::now();
    let producers: Vec<Producer> = leaving.iter().flat_map(|leaving| leaving.producers()).collect();
    let mut flushes: Vec<_> = producers.iter().map(|producer| Box::pin(producer.flush())).collect();
    let mut flushed = pin!(poll_fn(|context| {
        flushes.retain_mut(|flush| flush.as_mut().poll(context).is_pending());
        if flushes.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }));
    loop {
        serve();
        // Where nobody serves reports, a flush waits for them in vain, though all is answered.
        let unsent = leaving.iter().filter(|leaving| leaving.outstanding() > 0);
        let left = unsent.map(|leaving| leaving.limit().saturating_sub(begin.elapsed())).max().unwrap_or_default();
        let slice = left.min(Duration::from_millis(5));
        if wait(flushed.as_mut(), Some(slice), &mut || false).done().is_some() || left.is_zero() {
            break;
        }
    }
    serve();
    leaving.iter().map(|leaving| leaving.lost(leaving.outstanding())).sum()
}
