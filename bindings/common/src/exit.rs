//! What is still queued when the process ends.
//!
//! An interpreter that ends does not close what its program left open. So each producer of a face stands on a list, weakly, and the
//! face calls [`flush_all`] when its host says that it ends.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use ottla::Producer;

use crate::fork::Kept;
use crate::outstanding::Outstanding;
use crate::wait::wait;

/// A producer as the end of the process finds it.
pub struct Leaving {
    /// Through which it sends what it has.
    pub producer: Producer,
    /// What it has taken and not reported.
    pub outstanding: Outstanding,
    /// How long it may take then.
    pub limit: Duration,
}

static LIST: Mutex<Vec<Weak<Kept<Leaving>>>> = Mutex::new(Vec::new());

fn list() -> MutexGuard<'static, Vec<Weak<Kept<Leaving>>>> {
    LIST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a producer on the list, as long as it lives.
pub fn register(leaving: Weak<Kept<Leaving>>) {
    let mut list = list();
    list.retain(|other| other.strong_count() > 0);
    list.push(leaving);
}

/// Sends what all producers have, each for its limit at the longest, counted from now; `serve` is called for each of them in
/// between, to take reports off its queue, since what is not reported counts as not sent. Answers with how many records are lost.
pub fn flush_all(serve: &mut dyn FnMut()) -> u64 {
    let leaving: Vec<_> = list().iter().filter_map(Weak::upgrade).collect();
    let begin = Instant::now();
    let mut lost = 0;
    for one in leaving {
        let Ok(one) = one.get() else { continue };
        if one.outstanding.get() > 0 {
            let mut flush = pin!(one.producer.flush());
            loop {
                serve();
                let left = one.limit.saturating_sub(begin.elapsed());
                let slice = left.min(Duration::from_millis(20));
                if wait(flush.as_mut(), Some(slice), &mut || false).done().is_some() || left.is_zero() {
                    break;
                }
            }
            serve();
        }
        lost += one.outstanding.get();
    }
    lost
}
