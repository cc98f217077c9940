//! Work that goes on without anybody waiting: it is polled where it is woken.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use crate::handle::lock;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Driven {
    work: Mutex<Option<Work>>,
    /// It was woken while it was polled.
    again: Mutex<bool>,
}

impl Wake for Driven {
    fn wake(self: Arc<Self>) {
        *lock(&self.again) = true;
        // Looked at without the work in hand: who found that taken meanwhile leaves it to this one.
        while *lock(&self.again) {
            // Held by who polls: that one looks again.
            let Ok(mut work) = self.work.try_lock() else { return };
            if !std::mem::take(&mut *lock(&self.again)) {
                continue;
            }
            let Some(inner) = work.as_mut() else { return };
            let waker = Waker::from(self.clone());
            if inner.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(()) {
                *work = None;
                return;
            }
        }
    }
}

/// Carries a future of the client's to its end. What it does must be short: it may run on the IO thread.
pub(crate) fn drive(work: impl Future<Output = ()> + Send + 'static) {
    Arc::new(Driven { work: Mutex::new(Some(Box::pin(work))), again: Mutex::new(false) }).wake();
}
