//! The thread that calls back: callbacks of deliveries, and calls that answer with a future. Python starts it when it is needed
//! first (`ottla._callbacks`), as a daemon that nothing at the end of the process waits for.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use ottla::Error;
use ottla_bindings::Queue;
use ottla_bindings::fork::Kept;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::delivery::DeliveryFuture;
use crate::errors;
use crate::gil::{Guarded, block_on, limit};

static START: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// What the thread has to look at.
pub(crate) enum Woken {
    /// A delivery with callbacks.
    Delivery(u64),
    Call(u64),
    End,
}

static QUEUE: LazyLock<Queue<Woken>> = LazyLock::new(Queue::new);
static NEXT: AtomicU64 = AtomicU64::new(1);
static CALLS: Guarded<BTreeMap<u64, Running>> = Guarded::new(BTreeMap::new());

type Call = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

struct Running {
    call: Kept<Call>,
    end: Option<Instant>,
    /// Called with None, or with the exception.
    done: Py<PyAny>,
}

struct Ring(u64);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        QUEUE.push(Woken::Call(self.0));
    }
}

/// Has the thread look at something.
pub(crate) fn wake(woken: Woken) {
    QUEUE.push(woken);
}

/// Starts the thread, unless it is there.
pub(crate) fn start(py: Python<'_>) -> PyResult<()> {
    START.import(py, "ottla._callbacks", "serve")?.call0().map(drop)
}

/// Runs a call, for so many seconds at the longest; `done` is called with what became of it. Its number.
pub(crate) fn run(
    py: Python<'_>,
    call: impl Future<Output = Result<(), Error>> + Send + 'static,
    seconds: Option<f64>,
    done: Py<PyAny>,
) -> PyResult<u64> {
    start(py)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let end = limit(seconds).and_then(|limit| Instant::now().checked_add(limit));
    let call: Call = Box::pin(call);
    CALLS.with(py, |calls| calls.insert(number, Running { call: Kept::new(call), end, done }));
    QUEUE.push(Woken::Call(number));
    Ok(number)
}

/// Gives a call up: nobody is told what becomes of it.
#[pyfunction]
pub(crate) fn give_up_call(py: Python<'_>, number: u64) {
    let call = CALLS.with(py, |calls| calls.remove(&number));
    // What is dropped may run Python code.
    drop(call);
}

/// Goes on with a call.
fn look(py: Python<'_>, number: u64) {
    let Some(Running { call, end, done }) = CALLS.with(py, |calls| calls.remove(&number)) else { return };
    // The parent's.
    let Some(mut call) = call.into_inner() else { return };
    let waker = Waker::from(Arc::new(Ring(number)));
    let polled = py.detach(|| call.as_mut().poll(&mut Context::from_waker(&waker)));
    let told = match polled {
        Poll::Ready(Ok(())) => done.call1(py, (py.None(),)),
        Poll::Ready(Err(error)) => done.call1(py, (errors::raise(py, &error),)),
        Poll::Pending if end.is_some_and(|end| end <= Instant::now()) => {
            done.call1(py, (errors::timed_out(py, "no broker answered in the time that the call gave"),))
        }
        Poll::Pending => {
            CALLS.with(py, |calls| calls.insert(number, Running { call: Kept::new(call), end, done }));
            return;
        }
    };
    if let Err(error) = told {
        error.write_unraisable(py, None);
    }
}

/// Calls back, on the thread that calls this, until [`stop_callbacks`].
#[pyfunction]
pub(crate) fn serve_callbacks(py: Python<'_>) -> PyResult<()> {
    loop {
        let first = CALLS.with(py, |calls| calls.values().filter_map(|call| call.end).min());
        let left = first.map(|end| end.saturating_duration_since(Instant::now()));
        match block_on(py, QUEUE.pop(), left)? {
            Some(Woken::Delivery(number)) => DeliveryFuture::serve(py, number),
            Some(Woken::Call(number)) => look(py, number),
            Some(Woken::End) => return Ok(()),
            None => {
                let now = Instant::now();
                let is_late = |call: &Running| call.end.is_some_and(|end| end <= now);
                let late: Vec<_> =
                    CALLS.with(py, |calls| calls.iter().filter(|(_, call)| is_late(call)).map(|(number, _)| *number).collect());
                late.into_iter().for_each(|number| look(py, number));
            }
        }
    }
}

/// Ends the thread of [`serve_callbacks`], after what has ended by now.
#[pyfunction]
pub(crate) fn stop_callbacks() {
    QUEUE.push(Woken::End);
}
