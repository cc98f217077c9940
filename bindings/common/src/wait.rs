//! A wait on a thread of the host's, for a future of the client's.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How a wait ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited<T> {
    /// What was waited for came.
    Done(T),
    /// The time is over. The future can be waited for again.
    TimedOut,
    /// The host has something else to do first: a signal came. The future can be waited for again.
    Interrupted,
}

impl<T> Waited<T> {
    /// What came, if it did.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(value) => Some(value),
            Self::TimedOut | Self::Interrupted => None,
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// How often a host is asked whether it wants its thread back.
pub const TICK: Duration = Duration::from_millis(100);

/// Waits for `future`, for `limit` at the longest (for ever without one), and asks `interrupted` before it sleeps for more than
/// [`TICK`]: Python looks for signals there. A limit of 0 polls once.
pub fn wait<F: Future + ?Sized>(
    mut future: Pin<&mut F>,
    limit: Option<Duration>,
    interrupted: &mut dyn FnMut() -> bool,
) -> Waited<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
        return Waited::Done(output);
    }
    if limit.is_some_and(|limit| limit.is_zero()) {
        return Waited::TimedOut;
    }
    // None: so far away that no clock gets there.
    let end = limit.and_then(|limit| Instant::now().checked_add(limit));
    let mut look = Instant::now() + TICK;
    loop {
        let now = Instant::now();
        if end.is_some_and(|end| end <= now) {
            return Waited::TimedOut;
        }
        if look <= now {
            if interrupted() {
                return Waited::Interrupted;
            }
            look = Instant::now() + TICK;
        }
        let until = end.map_or(look, |end| end.min(look));
        std::thread::park_timeout(until.saturating_duration_since(now));
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Waited::Done(output);
        }
    }
}

/// Waits for `future` without a limit of its own: each call of the client has one already.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    loop {
        if let Waited::Done(output) = wait(future.as_mut(), None, &mut || false) {
            return output;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[test]
    fn a_wait_ends_by_what_it_waits_for_by_its_limit_or_by_its_host() {
        assert_eq!(wait(pin!(std::future::ready(1)), Some(Duration::ZERO), &mut || false), Waited::Done(1));
        let mut never = pin!(std::future::pending::<()>());
        assert_eq!(wait(never.as_mut(), Some(Duration::ZERO), &mut || true), Waited::TimedOut);
        assert_eq!(wait(never.as_mut(), Some(Duration::from_millis(1)), &mut || true), Waited::TimedOut);
        let mut asked = 0;
        let third_time = &mut || {
            asked += 1;
            asked == 3
        };
        assert_eq!(wait(never.as_mut(), None, third_time), Waited::Interrupted);
        // A limit beyond all clocks is none.
        assert_eq!(wait(never.as_mut(), Some(Duration::MAX), &mut || true), Waited::Interrupted);
    }
}
