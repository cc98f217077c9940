//! The producer behind `ottla.kafka.KafkaProducer`: `send` answers with a record's delivery.

use std::ptr::null_mut;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ottla::{Client, Delivery, Error, ErrorKind, Record, TopicProducer};
use ottla_bindings::exit::Leaving;
use ottla_bindings::fork::Kept;
use ottla_bindings::{Outstanding, exit};
use ottla_core::config::Face;
use pyo3::exceptions::{PyBufferError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::admin::Admin;
use crate::arguments::{Names, add_method, bytes, fast, integer, is_none, text, value_of};
use crate::delivery::{DeliveryFuture, Sent};
use crate::errors;
use crate::future::{Future as Answer, Kind};
use crate::gil::{Guarded, block_on, lending, let_go, limit};
use crate::held::Held;
use crate::port::{Port, Woken};
use crate::producer::{config, header_pairs};

struct State {
    topic_object: *mut ffi::PyObject,
    topic: Option<Kept<TopicProducer>>,
    /// How many records had ended when that was last looked at.
    ended: u64,
    closed: bool,
}

// SAFETY: an owned reference, moved between threads only with the interpreter's lock held.
unsafe impl Send for State {}

struct Inner {
    kept: Arc<Kept<Leaving>>,
    client: Kept<Client>,
    outstanding: Outstanding,
    /// Of keys and values.
    serializers: [Held; 2],
    /// Of `ottla.aio`: records' futures are settled there.
    port: Option<Py<Port>>,
}

/// The native part of `ottla.kafka.KafkaProducer`.
#[pyclass(frozen, subclass, weakref, module = "ottla._ottla", name = "SendingProducer")]
pub(crate) struct SendingProducer {
    inner: OnceLock<Inner>,
    state: Guarded<State>,
}

/// A record as a caller gives it: arguments of its call, null where none was given.
pub(crate) struct Given {
    pub(crate) topic: *mut ffi::PyObject,
    pub(crate) value: *mut ffi::PyObject,
    pub(crate) key: *mut ffi::PyObject,
    pub(crate) headers: *mut ffi::PyObject,
    pub(crate) partition: *mut ffi::PyObject,
    pub(crate) timestamp: *mut ffi::PyObject,
}

fn now_ms() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

/// What a serializer makes of a key or a value.
fn serialized<'py>(
    py: Python<'py>,
    by: &Held,
    topic: *mut ffi::PyObject,
    object: *mut ffi::PyObject,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    // SAFETY: an argument of the call, or null.
    let given = unsafe { Bound::from_borrowed_ptr_or_opt(py, object) };
    let Some(by) = by.get(py) else { return Ok(given.filter(|object| !object.is_none())) };
    let given = given.unwrap_or_else(|| py.None().into_bound(py));
    let made = if by.is_callable() {
        by.call1((given,))?
    } else {
        // SAFETY: an argument of the call.
        by.call_method1("serialize", (unsafe { Bound::from_borrowed_ptr(py, topic) }, given))?
    };
    Ok(Some(made).filter(|made| !made.is_none()))
}

impl Default for SendingProducer {
    fn default() -> Self {
        let state = State { topic_object: null_mut(), topic: None, ended: 0, closed: false };
        Self { inner: OnceLock::new(), state: Guarded::new(state) }
    }
}

impl SendingProducer {
    fn inner(&self) -> PyResult<&Inner> {
        self.inner.get().ok_or_else(|| PyRuntimeError::new_err("KafkaProducer.__init__() was not called"))
    }

    /// An error as the users of this kind of producer know it.
    fn raised(&self, py: Python<'_>, error: &Error) -> PyErr {
        let error = errors::raise(py, error);
        match self.inner.get() {
            Some(Inner { port: Some(_), .. }) => errors::aio_translated(py, error),
            _ => errors::translated(py, error),
        }
    }

    fn leaving(&self, py: Python<'_>) -> PyResult<&Leaving> {
        self.inner()?.kept.get().map_err(|error| self.raised(py, &error))
    }

    fn topic(&self, py: Python<'_>, object: *mut ffi::PyObject) -> PyResult<()> {
        // Looked at again: letting go of the one before may run Python code, which may send to another topic.
        while !self.state.with(py, |state| state.topic_object == object && state.topic.is_some()) {
            // SAFETY: an argument of the call.
            let name = unsafe { text("topic", object)? };
            let topic = self.leaving(py)?.producer.topic(name);
            let topic = topic.map_err(|error| self.raised(py, &error))?;
            // SAFETY: an argument of the call, and the reference that the cache owned.
            unsafe {
                let object = ffi::Py_NewRef(object);
                let before = self.state.with(py, |state| {
                    state.topic = Some(Kept::new(topic));
                    std::mem::replace(&mut state.topic_object, object)
                });
                ffi::Py_XDECREF(before);
            }
        }
        Ok(())
    }

    fn append(&self, py: Python<'_>, object: *mut ffi::PyObject, record: Record<'_>, may_wait: bool) -> PyResult<Delivery> {
        // Taken out: other threads may come here while this one has let go of the lock.
        let topic = self.state.with(py, |state| state.topic.take());
        let sent = match &topic {
            Some(topic) => topic.get().and_then(|topic| lending(py, || topic.try_send(&record))),
            None => Err(Error::new(ErrorKind::State, "the topic is gone")),
        };
        let is_full = may_wait && sent.as_ref().is_err_and(|error| error.kind() == ErrorKind::QueueFull);
        let waits = topic.as_ref().filter(|_| is_full).and_then(|topic| topic.get().cloned().ok());
        self.state.with(py, |state| {
            if state.topic_object == object && state.topic.is_none() {
                state.topic = topic;
            }
        });
        let sent = match (sent, waits) {
            // max.block.ms bounds the wait.
            (Err(error), Some(topic)) => block_on(py, topic.send(record), None)?.unwrap_or(Err(error)),
            (sent, _) => sent,
        };
        sent.map_err(|error| {
            if error.kind() == ErrorKind::QueueFull && !may_wait {
                return PyBufferError::new_err(error.to_string());
            }
            self.raised(py, &error)
        })
    }

    /// Whether it takes records: it was opened, and not closed since.
    #[inline]
    pub(crate) fn is_open(&self, py: Python<'_>) -> bool {
        self.inner.get().is_some() && !self.state.with(py, |state| state.closed)
    }

    /// Takes a record; what answers for it is a delivery, or of a port's producer a future of that kind.
    ///
    /// # Safety
    /// The objects are arguments of a call that the interpreter made, with its lock, or null.
    pub(crate) unsafe fn take(&self, given: Given, kind: Kind) -> PyResult<*mut ffi::PyObject> {
        // SAFETY: called by the interpreter, with its lock. All objects are arguments of the call, or made from them, and alive
        // until it ends; what may change meanwhile is copied.
        unsafe {
            let py = Python::assume_attached();
            let inner = self.inner()?;
            if self.state.with(py, |state| state.closed) {
                return Err(self.raised(py, &Error::new(ErrorKind::State, "KafkaProducer is closed")));
            }
            let Given { topic, value, key, headers, partition, timestamp } = given;
            if topic.is_null() {
                return Err(PyTypeError::new_err("send() missing required argument 'topic' (pos 1)"));
            }
            let [of_key, of_value] = &inner.serializers;
            let key = serialized(py, of_key, topic, key)?;
            let value = serialized(py, of_value, topic, value)?;
            let (mut key_copy, mut value_copy) = (Vec::new(), Vec::new());
            let mut record = Record::to("");
            let mut sizes = [-1, -1, -1];
            if let Some(value) = &value
                && let Some(value) = bytes("value", value.as_ptr(), &mut value_copy)?
            {
                sizes[1] = i64::try_from(value.len()).unwrap_or(-1);
                record = record.value(value);
            }
            if let Some(key) = &key
                && let Some(key) = bytes("key", key.as_ptr(), &mut key_copy)?
            {
                sizes[0] = i64::try_from(key.len()).unwrap_or(-1);
                record = record.key(key);
            }
            if !is_none(partition) {
                let number = i32::try_from(integer("partition", partition)?);
                let number = number.ok().filter(|number| *number >= 0);
                record = record.partition(number.ok_or_else(|| PyValueError::new_err("partition is out of range"))?);
            }
            let millis = if is_none(timestamp) { now_ms() } else { integer("timestamp_ms", timestamp)? };
            record = record.timestamp(millis);
            let pairs = if is_none(headers) { Vec::new() } else { header_pairs(&Bound::from_borrowed_ptr(py, headers))? };
            for (name, value) in &pairs {
                record = match value {
                    Some(value) => record.header(name, value),
                    None => record.null_header(name),
                };
            }
            if !pairs.is_empty() {
                let size: usize = pairs.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len)).sum();
                sizes[2] = i64::try_from(size).unwrap_or(-1);
            }
            let (object, topic) = (topic, Bound::from_borrowed_ptr(py, topic).unbind());
            if let Some(port) = &inner.port {
                let port = port.get();
                // Made first: that may run Python code, which may send to another topic.
                let future = Answer::new(py, kind, port.event_loop(py), Some((topic, millis)))?;
                self.topic(py, object)?;
                let opaque = port.keep(py, &future);
                if let Err(error) = self.append(py, object, record.opaque(opaque), false) {
                    drop(port.take(py, opaque));
                    return Err(error);
                }
                inner.outstanding.add(1);
                return Ok(future.into_object());
            }
            self.topic(py, object)?;
            let delivery = self.append(py, object, record, true)?;
            inner.outstanding.add(1);
            Ok(Py::new(py, DeliveryFuture::new(delivery, Sent { topic, timestamp: millis, sizes }))?.into_ptr())
        }
    }

    /// What a record that can't be sent is answered with: an awaitable that raises.
    pub(crate) fn refuse(&self, py: Python<'_>, error: PyErr) -> PyResult<*mut ffi::PyObject> {
        let Some(port) = &self.inner()?.port else { return Err(error) };
        let future = Answer::new(py, Kind::Sending(false), port.get().event_loop(py), None)?;
        future.raise(py, error);
        Ok(future.into_object())
    }

    pub(crate) fn native(&self, py: Python<'_>) -> PyResult<ottla::Producer> {
        Ok(self.leaving(py)?.producer.clone())
    }

    pub(crate) fn client(&self, py: Python<'_>) -> PyResult<Client> {
        Ok(self.inner()?.client.get().map_err(|error| errors::raise(py, &error))?.clone())
    }

    /// Takes what has ended off what is outstanding, for the end of the process.
    pub(crate) fn settle(&self, py: Python<'_>) {
        let Some(inner) = self.inner.get() else { return };
        let Ok(leaving) = inner.kept.get() else { return };
        // There is no loop any more to settle futures in.
        if let Some(port) = &inner.port
            && let Ok(queue) = port.get().queue(py)
        {
            while queue.try_pop().is_some() {}
        }
        let metrics = leaving.producer.metrics();
        let ended = metrics.records_written + metrics.records_failed;
        let before = self.state.with(py, |state| std::mem::replace(&mut state.ended, ended));
        inner.outstanding.remove(ended.saturating_sub(before).min(inner.outstanding.get()));
    }
}

#[pymethods]
impl SendingProducer {
    #[new]
    #[pyo3(signature = (*_args, **_keywords))]
    fn new(_args: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    #[pyo3(signature = (properties, key_serializer, value_serializer, port = None))]
    fn _open(
        &self,
        py: Python<'_>,
        properties: Vec<(String, String)>,
        key_serializer: Option<Py<PyAny>>,
        value_serializer: Option<Py<PyAny>>,
        port: Option<Py<Port>>,
    ) -> PyResult<()> {
        let config = config(py, Face::Rust, &properties)?;
        let made = py.detach(|| {
            let limit = config.client()?.exit_timeout;
            let client = Client::builder().config(config).around_work(let_go).build()?;
            let producer = client.producer_builder().reports(port.is_some()).build()?;
            Ok::<_, Error>((client, producer, limit))
        });
        let (client, producer, limit) = made.map_err(|error| errors::raise(py, &error))?;
        if let Some(port) = &port {
            let queue = port.get().queue(py)?.clone();
            producer.reports().relay_to(Some(Arc::new(move |report| queue.push(Woken::Report(report)))));
        }
        let outstanding = Outstanding::default();
        let kept = Arc::new(Kept::new(Leaving { producer, outstanding: outstanding.clone(), limit }));
        exit::register(Arc::downgrade(&kept));
        let serializers = [Held::new(key_serializer), Held::new(value_serializer)];
        let inner = Inner { kept, client: Kept::new(client), outstanding, serializers, port };
        self.inner.set(inner).map_err(|_| PyRuntimeError::new_err("KafkaProducer.__init__() was called twice"))
    }

    /// Serializers may refer to what refers to their producer.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(inner) = self.inner.get() else { return Ok(()) };
        inner.serializers.iter().try_for_each(|one| one.traverse(&visit))?;
        visit.call(&inner.port)
    }

    fn __clear__(&self, py: Python<'_>) {
        if let Some(inner) = self.inner.get() {
            inner.serializers.iter().for_each(|one| one.clear(py));
        }
    }

    /// Waits until all that was sent before has ended; whether it has in time.
    fn _flush(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let producer = &self.leaving(py)?.producer;
        Ok(block_on(py, producer.flush(), limit(timeout))?.is_some())
    }

    /// Takes no more records, and gives up what has not ended.
    fn _close(&self, py: Python<'_>) -> PyResult<()> {
        self.state.with(py, |state| state.closed = true);
        let leaving = self.leaving(py)?;
        py.detach(|| leaving.producer.purge(true, true));
        Ok(())
    }

    fn _is_closed(&self, py: Python<'_>) -> bool {
        self.state.with(py, |state| state.closed)
    }

    fn _metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let producer = &self.leaving(py)?.producer;
        let metrics = producer.metrics();
        let counted = PyDict::new(py);
        let millis = |latency: Option<Duration>| latency.map(|latency| latency.as_secs_f64() * 1000.0);
        counted.set_item("request-total", metrics.requests)?;
        counted.set_item("record-send-total", metrics.records_written)?;
        counted.set_item("record-error-total", metrics.records_failed)?;
        counted.set_item("record-retry-total", metrics.retries)?;
        counted.set_item("outgoing-byte-total", metrics.bytes_sent)?;
        counted.set_item("buffered-bytes", producer.buffered_bytes())?;
        counted.set_item("delivery-latency-p50-ms", millis(metrics.delivery_latency_p50))?;
        counted.set_item("delivery-latency-p99-ms", millis(metrics.delivery_latency_p99))?;
        Ok(counted)
    }

    fn _admin(&self, py: Python<'_>) -> PyResult<Admin> {
        Ok(Admin::of(self.inner()?.client.get().map_err(|error| errors::raise(py, &error))?))
    }
}

impl Drop for SendingProducer {
    fn drop(&mut self) {
        // A pyclass is dropped by the interpreter, with its lock.
        Python::attach(|py| {
            let topic = self.state.with(py, |state| std::mem::replace(&mut state.topic_object, null_mut()));
            // SAFETY: an owned reference, or null.
            unsafe { ffi::Py_XDECREF(topic) };
        });
    }
}

static SEND: OnceLock<Names<6>> = OnceLock::new();

fast!(raw_send, "send", SEND, |_py, object, [topic, value, key, headers, partition, timestamp]| {
    value_of::<SendingProducer>(object).take(Given { topic, value, key, headers, partition, timestamp }, Kind::Call)
});

/// Adds the class with its hot method.
pub(crate) fn add_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let _ = SEND.set(Names::new([c"topic", c"value", c"key", c"headers", c"partition", c"timestamp_ms"]));
    module.add_class::<SendingProducer>()?;
    module.add_class::<DeliveryFuture>()?;
    let class = module.py().get_type::<SendingProducer>();
    add_method(
        &class,
        c"send",
        raw_send,
        c"send(topic, value=None, key=None, headers=None, partition=None, timestamp_ms=None)\n\n\
          Takes a record into its batch, and answers with a future of its metadata. \
          Waits max_block_ms at the longest while the buffer is full.",
    )
}
