//! Where a client meets asyncio: one file descriptor that wakes the loop once for all that has come, and futures that the loop's
//! thread settles then. No other thread takes the interpreter's lock, and none is started.

use std::collections::HashMap;
use std::future::Future;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use ottla::{DeliveryReport, Error, ErrorKind, PurgedFrom};
use ottla_bindings::fork::Kept;
use ottla_bindings::{Queue, Wakeup};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::consumer::Consumer;
use crate::errors;
use crate::future::{Future as Answer, Kind, Outcome};
use crate::gil::Guarded;
use crate::table::Table;

/// What a call ends with: how its answer is made into Python's object.
///
/// It owns no object of Python's, since the collector of garbage can't look inside: whose call it is, is given.
pub(crate) type Settle = Box<dyn FnOnce(Python<'_>, Option<&Consumer>) -> PyResult<Py<PyAny>> + Send>;

/// A call of the client's that is under way.
pub(crate) type Call = Pin<Box<dyn Future<Output = Settle> + Send>>;

/// What woke the loop.
pub(crate) enum Woken {
    Call(u64),
    Report(DeliveryReport),
}

struct Running {
    call: Call,
    /// Whose call it is, if the answer is for it.
    consumer: Option<Py<Consumer>>,
    answer: Answer,
}

#[derive(Default)]
struct State {
    calls: HashMap<u64, Running>,
    /// Futures of records under way.
    records: Table,
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
        self.queue.get().map_err(|error| errors::aio_translated(py, errors::raise(py, &error)))
    }

    pub(crate) fn event_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.clone_ref(py)
    }

    /// Runs a call; its answer comes with the future.
    pub(crate) fn run(&self, py: Python<'_>, consumer: Option<Py<Consumer>>, call: Call) -> PyResult<Py<PyAny>> {
        if self.state.with(py, |state| state.closed) {
            return Err(PyRuntimeError::new_err("the client is stopped"));
        }
        let answer = Answer::new(py, Kind::Call, self.event_loop.clone_ref(py), None)?;
        // SAFETY: a new reference.
        let told = unsafe { Bound::from_owned_ptr(py, answer.to_object()) }.unbind();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.look(py, number, Running { call, consumer, answer })?;
        Ok(told)
    }

    /// Closes it, and takes out all that is under way.
    fn take_all(&self, py: Python<'_>) -> (HashMap<u64, Running>, Vec<*mut ffi::PyObject>) {
        self.state.with(py, |state| {
            state.closed = true;
            (std::mem::take(&mut state.calls), state.records.take_all())
        })
    }

    fn look(&self, py: Python<'_>, number: u64, mut running: Running) -> PyResult<()> {
        let waker = Waker::from(Arc::new(Ring { queue: self.queue(py)?.clone(), number }));
        match running.call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => {
                // Looking at the call may have closed the port.
                let closed = self.state.with(py, |state| {
                    if state.closed {
                        return Some(running);
                    }
                    state.calls.insert(number, running);
                    None
                });
                closed.map_or(Ok(()), |running| running.answer.end(py, Outcome::Cancelled(None)).map(drop))
            }
            Poll::Ready(settle) => {
                let outcome = match settle(py, running.consumer.as_ref().map(Py::get)) {
                    Ok(value) => Outcome::Value(value),
                    Err(error) => Outcome::Raised(errors::aio_translated(py, error).into_value(py).into_any()),
                };
                running.answer.end(py, outcome).map(drop)
            }
        }
    }

    /// Keeps a record's future until its report comes.
    #[inline]
    pub(crate) fn keep(&self, py: Python<'_>, future: &Answer) -> u64 {
        self.state.with(py, |state| state.records.keep(future.to_object()))
    }

    pub(crate) fn take(&self, py: Python<'_>, opaque: u64) -> Option<Answer> {
        let future = self.state.with(py, |state| state.records.take(opaque));
        // SAFETY: a reference that the table owned.
        (!future.is_null()).then(|| unsafe { Answer::from_object(future) })
    }

    /// Ends all of a report's futures, and answers with the first error of those.
    fn report(&self, py: Python<'_>, report: &DeliveryReport) -> PyResult<()> {
        let mut told = Ok(());
        let unknown = || Error::new(ErrorKind::State, "what became of the record is not known");
        for index in 0..u32::try_from(report.len()).unwrap_or(0) {
            let Some(future) = self.take(py, report.opaque(index)) else { continue };
            let outcome = match report.result().map_or_else(|| Err(unknown()), |result| result.record(index)) {
                Ok(written) => Outcome::Written(written),
                Err(error) => Outcome::Failed(Box::new(error)),
            };
            told = told.and(future.end(py, outcome).map(drop));
        }
        told
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
        let queue = self.queue(py)?;
        self.wakeup.clear();
        let (mut records, mut served) = (0, Ok(()));
        // What one of them raises keeps nobody else waiting: it is raised when all have been served.
        while let Some(woken) = queue.try_pop() {
            match woken {
                Woken::Report(report) => {
                    records += report.len();
                    served = served.and(self.report(py, &report));
                }
                Woken::Call(number) => {
                    if let Some(running) = self.state.with(py, |state| state.calls.remove(&number)) {
                        served = served.and(self.look(py, number, running));
                    }
                }
            }
        }
        served.map(|()| records)
    }

    /// How many records are under way.
    fn under_way(&self, py: Python<'_>) -> usize {
        self.state.with(py, |state| state.records.len())
    }

    /// Runs no more calls; those under way are given up.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let (calls, records) = self.take_all(py);
        let mut told = Ok(());
        for record in records.into_iter().filter(|record| !record.is_null()) {
            // SAFETY: a reference that the table owned.
            let record = unsafe { Answer::from_object(record) };
            let gone = ErrorKind::Purged(PurgedFrom::InFlight);
            let gone = Error::new(gone, "the producer is stopped: what became of the record is not known");
            told = told.and(record.end(py, Outcome::Failed(Box::new(gone))).map(drop));
        }
        for running in calls.into_values() {
            told = told.and(running.answer.end(py, Outcome::Cancelled(None)).map(drop));
        }
        told
    }

    /// What waits here refers to who waits, and that to its client and to this.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        // SAFETY: called by the collector; nothing is made within `with` of this state.
        let state = unsafe { self.state.peek() };
        state.records.traverse(&visit)?;
        state.calls.values().try_for_each(|Running { consumer, answer, .. }| {
            visit.call(consumer)?;
            answer.traverse(&visit)
        })
    }

    /// Nobody is there any more who waits.
    fn __clear__(&self, py: Python<'_>) {
        let (calls, records) = self.take_all(py);
        // SAFETY: owned references, or null.
        records.into_iter().for_each(|future| unsafe { ffi::Py_XDECREF(future) });
        drop(calls);
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // A pyclass is dropped by the interpreter, with its lock. Who waits is told; what is raised now is not disturbed by it.
        Python::attach(|py| {
            let raised = PyErr::take(py);
            if let Err(error) = self.close(py) {
                // The loop is closed, and nobody goes on there.
                drop(error);
            }
            if let Some(raised) = raised {
                raised.restore(py);
            }
        });
    }
}
