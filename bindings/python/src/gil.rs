//! State that the interpreter's lock guards, and waits without that lock.

use std::cell::{Cell, UnsafeCell};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use ottla_bindings::wait::{Waited, wait};
use pyo3::ffi;
use pyo3::prelude::*;

/// A value that only a thread with the interpreter's lock sees. (abi3 modules always have one; a build for free threads needs
/// real locks here.)
pub(crate) struct Guarded<T>(UnsafeCell<T>);

// SAFETY: whoever looks inside proves by its token that it has the interpreter's lock.
unsafe impl<T: Send> Sync for Guarded<T> {}

impl<T> Guarded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Looks inside. What is called there must not run Python code: that could come here again.
    #[inline]
    pub(crate) fn with<R>(&self, _py: Python<'_>, look: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: the token says that no other thread is here, and by the rule above this thread is here once.
        look(unsafe { &mut *self.0.get() })
    }

    /// Looks inside for the collector of garbage, which has the lock, and comes whenever objects are made.
    ///
    /// # Safety
    /// Called by the collector, and nothing that it knows is made within [`Guarded::with`] of this value.
    pub(crate) unsafe fn peek(&self) -> &T {
        // SAFETY: the caller's word: this thread has the lock, and nobody is within `with`.
        unsafe { &*self.0.get() }
    }
}

thread_local! {
    /// Whether this thread is within [`lending`], with the interpreter's lock.
    static LENDS: Cell<bool> = const { Cell::new(false) };
}

/// Gives a record to the client. Work that takes long, compressing a batch that this record fills, is done within [`let_go`]; all
/// else is too short for it.
#[inline]
pub(crate) fn lending<R>(_py: Python<'_>, send: impl FnOnce() -> R) -> R {
    struct Lent;
    impl Drop for Lent {
        fn drop(&mut self) {
            LENDS.set(false);
        }
    }
    LENDS.set(true);
    let _lent = Lent;
    send()
}

/// Does the client's work, and lets go of the interpreter's lock meanwhile, if this thread has it.
pub(crate) fn let_go(work: &mut dyn FnMut()) {
    if !LENDS.replace(false) {
        return work();
    }
    // SAFETY: within `lending` this thread has the lock, and it takes it back here before anything else is done.
    unsafe {
        let state = ffi::PyEval_SaveThread();
        struct Back(*mut ffi::PyThreadState);
        impl Drop for Back {
            fn drop(&mut self) {
                // SAFETY: as above.
                unsafe { ffi::PyEval_RestoreThread(self.0) };
                LENDS.set(true);
            }
        }
        let _back = Back(state);
        work();
    }
}

/// Waits for `future` with the interpreter's lock released, for `limit` at the longest. `None`: the time is over.
///
/// # Errors
/// What a signal's handler raised: `KeyboardInterrupt`, mostly.
pub(crate) fn block_on<F>(py: Python<'_>, future: F, limit: Option<Duration>) -> PyResult<Option<F::Output>>
where
    F: Future + Send,
    F::Output: Send,
{
    let mut raised = None;
    let waited = py.detach(|| {
        let mut interrupted = || {
            Python::attach(|py| match py.check_signals() {
                Ok(()) => false,
                Err(error) => {
                    raised = Some(error);
                    true
                }
            })
        };
        wait(pin!(future), limit, &mut interrupted)
    });
    match (waited, raised) {
        (_, Some(error)) => Err(error),
        (Waited::Done(output), None) => Ok(Some(output)),
        (Waited::TimedOut | Waited::Interrupted, None) => Ok(None),
    }
}

/// Seconds as Python's callers give them; below zero, or `None`, is for ever.
pub(crate) fn limit(seconds: Option<f64>) -> Option<Duration> {
    // Too long for a Duration is for ever as well.
    seconds.filter(|seconds| *seconds >= 0.0).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}
