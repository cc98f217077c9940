//! What becomes of a record, as an object that is waited for, asked, or called back from: kafka-python's `FutureRecordMetadata`.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use ottla::{Delivery, Error, Written};
use ottla_bindings::fork::Kept;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::errors;
use crate::gil::{Guarded, block_on, limit};
use crate::service::{self, Woken};
use crate::tuples::{named_tuple, topic_partition};

static METADATA: PyOnceLock<Py<PyType>> = PyOnceLock::new();

static NEXT: AtomicU64 = AtomicU64::new(1);
/// Those whose callbacks wait. They live as long.
static WAITING: Guarded<Option<HashMap<u64, Py<DeliveryFuture>>>> = Guarded::new(None);

/// Has the thread that calls back look at a delivery.
struct Ring(u64);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        service::wake(Woken::Delivery(self.0));
    }
}

/// What the record was, for its metadata.
pub(crate) struct Sent {
    pub(crate) topic: Py<PyAny>,
    pub(crate) timestamp: i64,
    /// -1 for null.
    pub(crate) sizes: [i64; 3],
}

struct Callback {
    function: Py<PyAny>,
    args: Py<PyTuple>,
    keywords: Option<Py<PyDict>>,
    on_success: bool,
}

enum State {
    Pending {
        sent: Sent,
        callbacks: Vec<Callback>,
        number: u64,
    },
    Done {
        value: Py<PyAny>,
        is_success: bool,
        is_retriable: bool,
    },
    /// Taken by the collector of garbage.
    Collected,
}

/// A record's delivery.
#[pyclass(frozen, weakref, module = "ottla.kafka", name = "FutureRecordMetadata")]
pub(crate) struct DeliveryFuture {
    delivery: Kept<Mutex<Delivery>>,
    state: Guarded<State>,
}

/// Waits for a delivery that others may wait for as well: each tick it is looked at again.
struct Shared<'a>(&'a Mutex<Delivery>);

fn lock(delivery: &Mutex<Delivery>) -> MutexGuard<'_, Delivery> {
    delivery.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Future for Shared<'_> {
    type Output = Result<Written, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut delivery = lock(self.0);
        Pin::new(&mut *delivery).poll(context)
    }
}

impl DeliveryFuture {
    pub(crate) fn new(delivery: Delivery, sent: Sent) -> Self {
        let state = State::Pending { sent, callbacks: Vec::new(), number: 0 };
        Self { delivery: Kept::new(Mutex::new(delivery)), state: Guarded::new(state) }
    }

    fn is_pending(&self, py: Python<'_>) -> bool {
        self.state.with(py, |state| matches!(state, State::Pending { .. }))
    }

    /// Takes the result in, if it has come and was not taken in before, and calls who waits for it.
    fn settle(&self, py: Python<'_>) -> PyResult<bool> {
        if !self.is_pending(py) {
            return Ok(true);
        }
        let delivery = self.delivery.get().map_err(|error| errors::raise(py, &error))?;
        let result = lock(delivery).try_result();
        let Some(result) = result else { return Ok(false) };
        // Made first: that runs Python, and with it other threads, which see a delivery that is under way until it has ended.
        let sent = self.state.with(py, |state| match state {
            State::Pending { sent, .. } => {
                Some(Sent { topic: sent.topic.clone_ref(py), timestamp: sent.timestamp, sizes: sent.sizes })
            }
            _ => None,
        });
        let Some(sent) = sent else { return Ok(true) };
        let (value, is_success, is_retriable) = match result {
            Ok(written) => (metadata(py, &sent, &written)?, true, false),
            Err(error) => {
                let exception = errors::raise(py, &error);
                (errors::translated(py, exception).into_value(py).into_any(), false, error.is_retriable())
            }
        };
        let told = value.clone_ref(py);
        let before = self.state.with(py, |state| {
            let ends = matches!(state, State::Pending { .. });
            ends.then(|| std::mem::replace(state, State::Done { value, is_success, is_retriable }))
        });
        // Another thread was quicker, and calls them.
        let Some(State::Pending { callbacks, number, .. }) = before else { return Ok(true) };
        let kept = WAITING.with(py, |waiting| waiting.as_mut().and_then(|waiting| waiting.remove(&number)));
        for callback in callbacks.into_iter().filter(|callback| callback.on_success == is_success) {
            callback.call(py, &told);
        }
        drop(kept);
        Ok(true)
    }

    /// Asks to be called back from the thread that does so.
    fn ask(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let number = this.state.with(py, |state| match state {
            State::Pending { number, .. } if *number == 0 => {
                *number = NEXT.fetch_add(1, Ordering::Relaxed);
                Some((*number, true))
            }
            State::Pending { number, .. } => Some((*number, false)),
            _ => None,
        });
        let Some((number, is_first)) = number else { return Ok(()) };
        if is_first {
            let own = slf.clone().unbind();
            WAITING.with(py, |waiting| waiting.get_or_insert_default().insert(number, own));
            service::start(py)?;
        }
        let delivery = this.delivery.get().map_err(|error| errors::raise(py, &error))?;
        let waker = Waker::from(Arc::new(Ring(number)));
        if Pin::new(&mut *lock(delivery)).poll(&mut Context::from_waker(&waker)).is_ready() {
            service::wake(Woken::Delivery(number));
        }
        Ok(())
    }

    fn add(
        slf: &Bound<'_, Self>,
        function: Bound<'_, PyAny>,
        args: Bound<'_, PyTuple>,
        keywords: Option<Bound<'_, PyDict>>,
        on_success: bool,
    ) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let keywords = keywords.map(Bound::unbind);
        let callback = Callback { function: function.unbind(), args: args.unbind(), keywords, on_success };
        this.settle(py)?;
        let late = this.state.with(py, |state| match state {
            State::Pending { callbacks, .. } => {
                callbacks.push(callback);
                None
            }
            State::Done { value, is_success, .. } if *is_success == on_success => Some((callback, value.clone_ref(py))),
            _ => None,
        });
        match late {
            Some((callback, value)) => callback.call(py, &value),
            None => Self::ask(slf)?,
        }
        Ok(())
    }
}

impl Callback {
    fn call(self, py: Python<'_>, value: &Py<PyAny>) {
        let call = || {
            let args = self.args.bind(py).as_sequence().concat(PyTuple::new(py, [value])?.as_sequence())?.to_tuple()?;
            self.function.bind(py).call(args, self.keywords.as_ref().map(|keywords| keywords.bind(py)))
        };
        if let Err(error) = call() {
            // Logged, as kafka-python does it.
            let logged = (|| {
                let keywords = PyDict::new(py);
                keywords.set_item("exc_info", &error)?;
                let logger = py.import("logging")?.call_method1("getLogger", ("ottla.kafka",))?;
                logger.call_method("error", ("a record's callback failed: %r", self.function.bind(py)), Some(&keywords))
            })();
            if let Err(error) = logged {
                error.write_unraisable(py, Some(self.function.bind(py)));
            }
        }
    }
}

fn metadata(py: Python<'_>, sent: &Sent, written: &Written) -> PyResult<Py<PyAny>> {
    let [key, value, headers] = sent.sizes;
    let timestamp = written.log_append_time.unwrap_or(sent.timestamp);
    let class = METADATA.import(py, "ottla.kafka.structs", "RecordMetadata")?;
    let partition = topic_partition(py, &sent.topic, written.partition)?;
    let fields = (&sent.topic, written.partition, partition, written.offset, timestamp, py.None(), key, value, headers);
    Ok(named_tuple(class, &fields.into_pyobject(py)?)?.unbind())
}

#[pymethods]
impl DeliveryFuture {
    /// Callbacks, and the frames that an exception went through, may refer to the future.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: called by the collector; nothing is made within `with` of this state.
        match unsafe { self.state.peek() } {
            State::Pending { sent, callbacks, .. } => {
                visit.call(&sent.topic)?;
                callbacks.iter().try_for_each(|Callback { function, args, keywords, .. }| {
                    visit.call(function)?;
                    visit.call(args)?;
                    visit.call(keywords)
                })
            }
            State::Done { value, .. } => visit.call(value),
            State::Collected => Ok(()),
        }
    }

    fn __clear__(&self, py: Python<'_>) {
        let before = self.state.with(py, |state| std::mem::replace(state, State::Collected));
        drop(before);
    }

    /// What became of the record; waits for it.
    #[pyo3(signature = (timeout = None))]
    fn get(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Py<PyAny>> {
        if !self.settle(py)? {
            let delivery = self.delivery.get().map_err(|error| errors::raise(py, &error))?;
            let mut shared = Shared(delivery);
            let done = block_on(py, poll_fn(|context| Pin::new(&mut shared).poll(context).map(drop)), limit(timeout))?;
            if done.is_none() {
                // Who is called back has lost its place to this wait.
                if let Some(own) = self.waits(py) {
                    Self::ask(own.bind(py))?;
                }
                let error = errors::timed_out(py, "the record was not acknowledged in the time that get() gave");
                return Err(errors::translated(py, error));
            }
            self.settle(py)?;
        }
        let done = self.state.with(py, |state| match state {
            State::Done { value, is_success, .. } => Some((value.clone_ref(py), *is_success)),
            _ => None,
        });
        match done {
            Some((value, true)) => Ok(value),
            Some((exception, false)) => Err(PyErr::from_value(exception.into_bound(py))),
            None => Err(errors::translated(py, errors::timed_out(py, "the record's result is not there"))),
        }
    }

    /// Whether it is known what became of the record.
    #[getter]
    fn is_done(&self, py: Python<'_>) -> PyResult<bool> {
        self.settle(py)
    }

    /// Whether it was written.
    fn succeeded(&self, py: Python<'_>) -> PyResult<bool> {
        self.settle(py)?;
        Ok(self.state.with(py, |state| matches!(state, State::Done { is_success: true, .. })))
    }

    /// Whether it failed.
    fn failed(&self, py: Python<'_>) -> PyResult<bool> {
        self.settle(py)?;
        Ok(self.state.with(py, |state| matches!(state, State::Done { is_success: false, .. })))
    }

    /// Whether it failed, and may succeed when it is sent again.
    fn retriable(&self, py: Python<'_>) -> PyResult<bool> {
        self.settle(py)?;
        Ok(self.state.with(py, |state| matches!(state, State::Done { is_success: false, is_retriable: true, .. })))
    }

    /// The metadata, None before it is known or after a failure.
    #[getter]
    fn value(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.settle(py)?;
        Ok(self.state.with(py, |state| match state {
            State::Done { value, is_success: true, .. } => Some(value.clone_ref(py)),
            _ => None,
        }))
    }

    /// The error, None if there is none.
    #[getter]
    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.settle(py)?;
        Ok(self.state.with(py, |state| match state {
            State::Done { value, is_success: false, .. } => Some(value.clone_ref(py)),
            _ => None,
        }))
    }

    /// Calls `f(*args, metadata)` once the record is written.
    #[pyo3(signature = (f, *args, **keywords))]
    fn add_callback<'py>(
        slf: Bound<'py, Self>,
        f: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        keywords: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        Self::add(&slf, f, args, keywords, true)?;
        Ok(slf)
    }

    /// Calls `f(*args, error)` once the record has failed.
    #[pyo3(signature = (f, *args, **keywords))]
    fn add_errback<'py>(
        slf: Bound<'py, Self>,
        f: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        keywords: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        Self::add(&slf, f, args, keywords, false)?;
        Ok(slf)
    }

    /// Both of them.
    #[pyo3(signature = (f, *args, **keywords))]
    fn add_both<'py>(
        slf: Bound<'py, Self>,
        f: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        keywords: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        Self::add(&slf, f.clone(), args.clone(), keywords.clone(), true)?;
        Self::add(&slf, f, args, keywords, false)?;
        Ok(slf)
    }
}

impl DeliveryFuture {
    /// Itself, if callbacks wait for it.
    fn waits(&self, py: Python<'_>) -> Option<Py<Self>> {
        let number = self.state.with(py, |state| match state {
            State::Pending { number, .. } => *number,
            _ => 0,
        });
        WAITING.with(py, |waiting| waiting.as_ref()?.get(&number).map(|own| own.clone_ref(py)))
    }
    /// Calls the callbacks of the delivery with this number, if it has ended.
    pub(crate) fn serve(py: Python<'_>, number: u64) {
        let own =
            WAITING.with(py, |waiting| waiting.as_ref().and_then(|waiting| waiting.get(&number).map(|own| own.clone_ref(py))));
        let Some(own) = own else { return };
        // It may have gone on in another batch: then that one's end is waited for.
        let settled = own.get().settle(py).and_then(|is_done| if is_done { Ok(()) } else { Self::ask(own.bind(py)) });
        if let Err(error) = settled {
            error.write_unraisable(py, Some(own.bind(py).as_any()));
        }
    }
}
