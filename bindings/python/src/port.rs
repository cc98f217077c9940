//! Where a client meets asyncio: one file descriptor that wakes the loop once for all that has come, and futures that the loop's
//! thread settles then. No other thread takes the interpreter's lock, and none is started.

use std::collections::HashMap;
use std::future::Future;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use ottla::{DeliveryReport, Error, ErrorKind, Written};
use ottla_bindings::fork::Kept;
use ottla_bindings::{Queue, Wakeup};
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

use crate::errors;
use crate::gil::Guarded;
use crate::tuples::{named_tuple, topic_partition};

static CANCELLED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static INVALID_STATE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static METADATA: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// What a call ends with: how its answer is made into Python's object.
pub(crate) type Settle = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// A call of the client's that is under way.
pub(crate) type Call = Pin<Box<dyn Future<Output = Settle> + Send>>;

/// What woke the loop.
pub(crate) enum Woken {
    Call(u64),
    Report(DeliveryReport),
}

enum Outcome {
    Pending,
    /// A record, whose metadata is made when it is asked for.
    Written {
        topic: Py<PyAny>,
        written: Written,
        timestamp: i64,
    },
    Value(Py<PyAny>),
    Failed(Py<PyAny>),
    Cancelled,
}

struct FutureState {
    outcome: Outcome,
    /// The record's topic and timestamp, for its metadata.
    sent: Option<(Py<PyAny>, i64)>,
    callbacks: Vec<(Py<PyAny>, Option<Py<PyAny>>)>,
    is_blocking: bool,
    /// Whether the application has looked at how it ended.
    is_seen: bool,
}

/// A future that asyncio takes for one of its own. Cancelling it cancels the wait, and nothing else.
#[pyclass(frozen, weakref, module = "ottla.aio", name = "Future")]
pub(crate) struct AioFuture {
    event_loop: Py<PyAny>,
    state: Guarded<FutureState>,
}

impl AioFuture {
    pub(crate) fn new(event_loop: Py<PyAny>, sent: Option<(Py<PyAny>, i64)>) -> Self {
        let state = FutureState { outcome: Outcome::Pending, sent, callbacks: Vec::new(), is_blocking: false, is_seen: false };
        Self { event_loop, state: Guarded::new(state) }
    }

    fn is_done(&self, py: Python<'_>) -> bool {
        self.state.with(py, |state| !matches!(state.outcome, Outcome::Pending))
    }

    /// Ends it, unless it has ended, and has its callbacks called soon.
    fn end(slf: &Bound<'_, Self>, outcome: Outcome) -> PyResult<bool> {
        let (py, this) = (slf.py(), slf.get());
        if this.is_done(py) {
            return Ok(false);
        }
        let callbacks = this.state.with(py, |state| {
            state.outcome = outcome;
            std::mem::take(&mut state.callbacks)
        });
        for (callback, context) in callbacks {
            this.call_soon(slf, callback, context)?;
        }
        Ok(true)
    }

    fn call_soon(&self, slf: &Bound<'_, Self>, callback: Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        let py = slf.py();
        let event_loop = self.event_loop.bind(py);
        match context {
            None => event_loop.call_method1("call_soon", (callback, slf)).map(drop),
            Some(context) => {
                let keywords = PyDict::new(py);
                keywords.set_item("context", context)?;
                event_loop.call_method("call_soon", (callback, slf), Some(&keywords)).map(drop)
            }
        }
    }

    /// What it ended with.
    fn answer(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        enum Told {
            Value(Py<PyAny>),
            Written(Py<PyAny>, Written, i64),
            Failed(Py<PyAny>),
            Cancelled,
            Pending,
        }
        let told = self.state.with(py, |state| {
            state.is_seen = true;
            match &state.outcome {
                Outcome::Value(value) => Told::Value(value.clone_ref(py)),
                Outcome::Written { topic, written, timestamp } => Told::Written(topic.clone_ref(py), written.clone(), *timestamp),
                Outcome::Failed(exception) => Told::Failed(exception.clone_ref(py)),
                Outcome::Cancelled => Told::Cancelled,
                Outcome::Pending => Told::Pending,
            }
        });
        match told {
            Told::Value(value) => Ok(value),
            Told::Written(topic, written, timestamp) => {
                let (time, kind) = written.log_append_time.map_or((timestamp, 0), |time| (time, 1));
                let made = metadata(py, &topic, &written, time, kind)?;
                let kept = made.clone_ref(py);
                let before = self.state.with(py, |state| std::mem::replace(&mut state.outcome, Outcome::Value(kept)));
                drop(before);
                Ok(made)
            }
            Told::Failed(exception) => Err(PyErr::from_value(exception.into_bound(py))),
            Told::Cancelled => Err(PyErr::from_type(CANCELLED.import(py, "asyncio", "CancelledError")?.clone(), ())),
            Told::Pending => {
                let class = INVALID_STATE.import(py, "asyncio", "InvalidStateError")?;
                Err(PyErr::from_type(class.clone(), ("the result is not there yet",)))
            }
        }
    }
}

#[pymethods]
impl AioFuture {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        let (py, this) = (slf.py(), slf.get());
        if this.is_done(py) {
            // Made here, which is quicker than having it made of its class and arguments when it is looked at.
            let stop = py.get_type::<PyStopIteration>().call1((this.answer(py)?,))?;
            return Err(PyErr::from_value(stop));
        }
        this.state.with(py, |state| state.is_blocking = true);
        Ok(slf)
    }

    #[getter(_asyncio_future_blocking)]
    fn is_blocking(&self, py: Python<'_>) -> bool {
        self.state.with(py, |state| state.is_blocking)
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, py: Python<'_>, is_blocking: bool) {
        self.state.with(py, |state| state.is_blocking = is_blocking);
    }

    #[getter]
    fn _loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.clone_ref(py)
    }

    /// The loop it belongs to.
    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.clone_ref(py)
    }

    /// Whether it has ended.
    fn done(&self, py: Python<'_>) -> bool {
        self.is_done(py)
    }

    /// Whether the wait was given up.
    fn cancelled(&self, py: Python<'_>) -> bool {
        self.state.with(py, |state| matches!(state.outcome, Outcome::Cancelled))
    }

    /// Gives up the wait; what is waited for goes on.
    #[pyo3(signature = (msg = None))]
    fn cancel(slf: Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        drop(msg);
        Self::end(&slf, Outcome::Cancelled)
    }

    /// What it ended with, or raises it.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.answer(py)
    }

    /// What went wrong, None if nothing did.
    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let failed = self.state.with(py, |state| {
            state.is_seen = true;
            match &state.outcome {
                Outcome::Failed(exception) => Some(exception.clone_ref(py)),
                _ => None,
            }
        });
        match failed {
            Some(exception) => Ok(Some(exception)),
            None => self.answer(py).map(|_| None),
        }
    }

    /// Has `callback(future)` called by the loop once it has ended.
    #[pyo3(signature = (callback, *, context = None))]
    fn add_done_callback(slf: Bound<'_, Self>, callback: Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if this.is_done(py) {
            return this.call_soon(&slf, callback, context);
        }
        this.state.with(py, |state| state.callbacks.push((callback, context)));
        Ok(())
    }

    /// Takes a callback back; how many of it there were.
    fn remove_done_callback(&self, py: Python<'_>, callback: &Bound<'_, PyAny>) -> PyResult<usize> {
        let all = self.state.with(py, |state| std::mem::take(&mut state.callbacks));
        let (mut kept, mut removed) = (Vec::new(), 0);
        for (one, context) in all {
            if one.bind(py).eq(callback)? {
                removed += 1;
            } else {
                kept.push((one, context));
            }
        }
        self.state.with(py, |state| state.callbacks = kept);
        Ok(removed)
    }
}

impl Drop for AioFuture {
    fn drop(&mut self) {
        // A failure that nobody looked at is told to the loop, as asyncio does it.
        Python::attach(|py| {
            let unseen = self.state.with(py, |state| match &state.outcome {
                Outcome::Failed(exception) if !state.is_seen => Some(exception.clone_ref(py)),
                _ => None,
            });
            let Some(exception) = unseen else { return };
            let told = PyDict::new(py);
            let tell = told
                .set_item("message", "a record's failure was never looked at")
                .and_then(|()| told.set_item("exception", exception))
                .and_then(|()| self.event_loop.call_method1(py, "call_exception_handler", (told,)));
            if let Err(error) = tell {
                error.write_unraisable(py, None);
            }
        });
    }
}

fn metadata(py: Python<'_>, topic: &Py<PyAny>, written: &Written, time: i64, kind: i32) -> PyResult<Py<PyAny>> {
    let class = METADATA.import(py, "ottla.aio.structs", "RecordMetadata")?;
    let partition = topic_partition(py, topic, written.partition)?;
    let fields = (topic, written.partition, partition, written.offset, time, kind, py.None()).into_pyobject(py)?;
    Ok(named_tuple(class, &fields)?.unbind())
}

struct Running {
    call: Call,
    answer: Py<AioFuture>,
}

#[derive(Default)]
struct State {
    calls: HashMap<u64, Running>,
    /// Futures of records under way, by the opaques of their records, which count from 1.
    records: Vec<Option<Py<AioFuture>>>,
    free: Vec<usize>,
    closed: bool,
}

/// A client's port to a loop.
#[pyclass(frozen, weakref, module = "ottla._ottla", name = "Port")]
pub(crate) struct Port {
    event_loop: Py<PyAny>,
    wakeup: Arc<Wakeup>,
    queue: Kept<Queue<Woken>>,
    next: AtomicU64,
    state: Guarded<State>,
}

/// Puts a call into the port's queue, to be looked at again.
struct Ring {
    queue: Queue<Woken>,
    number: u64,
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.queue.push(Woken::Call(self.number));
    }
}

impl Port {
    pub(crate) fn queue(&self, py: Python<'_>) -> PyResult<&Queue<Woken>> {
        self.queue.get().map_err(|error| errors::translated(py, errors::raise(py, &error)))
    }

    pub(crate) fn event_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.clone_ref(py)
    }

    /// Runs a call; its answer comes with the future.
    pub(crate) fn run(&self, py: Python<'_>, call: Call) -> PyResult<Py<AioFuture>> {
        if self.state.with(py, |state| state.closed) {
            return Err(PyRuntimeError::new_err("the client is stopped"));
        }
        let answer = Py::new(py, AioFuture::new(self.event_loop.clone_ref(py), None))?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.look(py, number, Running { call, answer: answer.clone_ref(py) })?;
        Ok(answer)
    }

    fn look(&self, py: Python<'_>, number: u64, mut running: Running) -> PyResult<()> {
        let waker = Waker::from(Arc::new(Ring { queue: self.queue(py)?.clone(), number }));
        match running.call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => {
                self.state.with(py, |state| state.calls.insert(number, running));
                Ok(())
            }
            Poll::Ready(settle) => {
                let outcome = match settle(py) {
                    Ok(value) => Outcome::Value(value),
                    Err(error) => Outcome::Failed(errors::translated(py, error).into_value(py).into_any()),
                };
                AioFuture::end(running.answer.bind(py), outcome).map(drop)
            }
        }
    }

    /// Keeps a record's future until its report comes.
    pub(crate) fn keep(&self, py: Python<'_>, future: Py<AioFuture>) -> u64 {
        self.state.with(py, |state| {
            let at = state.free.pop().unwrap_or_else(|| {
                state.records.push(None);
                state.records.len() - 1
            });
            if let Some(place) = state.records.get_mut(at) {
                *place = Some(future);
            }
            at as u64 + 1
        })
    }

    pub(crate) fn take(&self, py: Python<'_>, opaque: u64) -> Option<Py<AioFuture>> {
        let at = usize::try_from(opaque).ok()?.checked_sub(1)?;
        self.state.with(py, |state| {
            let future = state.records.get_mut(at)?.take()?;
            state.free.push(at);
            Some(future)
        })
    }

    fn report(&self, py: Python<'_>, report: &DeliveryReport) -> PyResult<()> {
        let unknown = || Error::new(ErrorKind::State, "what became of the record is not known");
        for index in 0..u32::try_from(report.len()).unwrap_or(0) {
            let Some(future) = self.take(py, report.opaque(index)) else { continue };
            let future = future.bind(py);
            let sent = future.get().state.with(py, |state| state.sent.take());
            let outcome = match report.result().map_or_else(|| Err(unknown()), |result| result.record(index)) {
                Ok(written) => match sent {
                    Some((topic, timestamp)) => Outcome::Written { topic, written, timestamp },
                    None => Outcome::Value(py.None()),
                },
                Err(error) => Outcome::Failed(errors::translated(py, errors::raise(py, &error)).into_value(py).into_any()),
            };
            AioFuture::end(future, outcome)?;
        }
        Ok(())
    }
}

#[pymethods]
impl Port {
    #[new]
    fn new(py: Python<'_>, event_loop: Py<PyAny>) -> PyResult<Self> {
        let wakeup = Wakeup::new().map_err(|error| errors::raise(py, &error))?;
        let queue = Queue::new();
        let ring = wakeup.clone();
        queue.set_wake(Some(Arc::new(move || ring.ring())));
        Ok(Self { event_loop, wakeup, queue: Kept::new(queue), next: AtomicU64::new(0), state: Guarded::new(State::default()) })
    }

    /// What the loop waits on.
    fn fileno(&self) -> RawFd {
        self.wakeup.descriptor()
    }

    /// Settles what has come; the loop calls it. How many records that were.
    fn serve(&self, py: Python<'_>) -> PyResult<usize> {
        self.wakeup.clear();
        let queue = self.queue(py)?;
        let mut records = 0;
        while let Some(woken) = queue.try_pop() {
            match woken {
                Woken::Report(report) => {
                    records += report.len();
                    self.report(py, &report)?;
                }
                Woken::Call(number) => {
                    if let Some(running) = self.state.with(py, |state| state.calls.remove(&number)) {
                        self.look(py, number, running)?;
                    }
                }
            }
        }
        Ok(records)
    }

    /// Runs no more calls; those under way are given up.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let calls = self.state.with(py, |state| {
            state.closed = true;
            std::mem::take(&mut state.calls)
        });
        for running in calls.into_values() {
            AioFuture::end(running.answer.bind(py), Outcome::Cancelled)?;
        }
        Ok(())
    }
}
