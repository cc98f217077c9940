//! Which batches are not done yet, for flush and close.

use crate::sync::{Mutex, MutexGuard, PoisonError};
use std::collections::BTreeSet;
use std::task::{Context, Poll, Waker};

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    open: BTreeSet<Serial>,
    wakers: Vec<Waker>,
}

/// A batch's place among all: its turn, and a number of its own. What goes on into another batch keeps its turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Serial {
    turn: u64,
    number: u64,
}

/// The serial numbers of all batches that were opened and are not done.
#[derive(Debug, Default)]
pub(crate) struct Incomplete(Mutex<Inner>);

/// Waits for all batches that were open when it was made; those opened later don't hold it up.
#[derive(Debug)]
pub struct FlushWaiter {
    pub(crate) last: u64,
}

impl Incomplete {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new batch; with the turn of `instead_of`, if its records were counted there.
    pub(crate) fn open(&self, instead_of: Option<Serial>) -> Serial {
        let mut inner = self.inner();
        inner.next += 1;
        let number = inner.next;
        let serial = Serial { turn: instead_of.map_or(number, |before| before.turn), number };
        inner.open.insert(serial);
        serial
    }

    pub(crate) fn done(&self, serial: Serial) {
        let mut inner = self.inner();
        let was_first = inner.open.first() == Some(&serial);
        inner.open.remove(&serial);
        if was_first && !inner.wakers.is_empty() {
            let wakers = std::mem::take(&mut inner.wakers);
            drop(inner);
            for waker in wakers {
                waker.wake();
            }
        }
    }

    pub(crate) fn waiter(&self) -> FlushWaiter {
        FlushWaiter { last: self.inner().next }
    }

    pub(crate) fn poll(&self, waiter: &FlushWaiter, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.inner();
        if inner.open.first().is_none_or(|first| first.turn > waiter.last) {
            return Poll::Ready(());
        }
        if !inner.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            inner.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}
