//! The producer: records go out by `produce`, their reports are served by `poll` and `flush`, on the thread that calls them.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Instant;

use ottla::{Client, ClientEvent, Config, DeliveryReport, Error, ErrorKind, Record, TopicProducer};
use ottla_bindings::exit::Leaving;
use ottla_bindings::fork::Kept;
use ottla_bindings::statistics::{Reading, Statistics};
use ottla_bindings::{Outstanding, Queue, exit};
use ottla_core::config::Face;
use ottla_protocol::record::RecordCursor;
use pyo3::exceptions::{PyBufferError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::admin::Admin;
use crate::arguments::{Names, add_method, bytes, fast, integer, is_none, seconds, text, value_of};
use crate::gil::{Guarded, block_on, lending, let_go, limit};
use crate::held::Held;
use crate::message::{self, Class, Fields, Own, TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME};
use crate::raw::none;
use crate::sending::SendingProducer;
use crate::shared::{Batch, Bytes, Shared};
use crate::table::Table;
use crate::{errors, events};

/// A report that is being served: its records one after another, since a callback may raise in between.
struct Serving {
    report: DeliveryReport,
    shared: Shared,
    cursor: RecordCursor,
    next: u32,
}

/// The topic that was produced to last, found by the address of its string, which is kept.
struct LastTopic {
    object: *mut ffi::PyObject,
    topic: Option<Kept<TopicProducer>>,
}

// SAFETY: an owned reference, moved between threads only with the interpreter's lock held.
unsafe impl Send for LastTopic {}

struct State {
    last: LastTopic,
    callbacks: Table,
    serving: VecDeque<Box<Serving>>,
    closed: bool,
}

/// What a producer serves when it is polled.
enum Event {
    Report(DeliveryReport),
    Client(ClientEvent),
}

struct Inner {
    kept: Arc<Kept<Leaving>>,
    client: Kept<Client>,
    outstanding: Outstanding,
    events: Kept<Queue<Event>>,
    default_callback: Held,
    callbacks: events::Callbacks,
    statistics: Statistics,
}

/// The native part of `ottla.Producer`.
#[pyclass(frozen, subclass, weakref, module = "ottla._ottla", name = "Producer")]
pub(crate) struct Producer {
    inner: OnceLock<Inner>,
    state: Guarded<State>,
}

/// A configuration out of what a caller wrote.
pub(crate) fn config(py: Python<'_>, face: Face, properties: &[(String, String)]) -> PyResult<Config> {
    let mut config = Config::with_defaults_of(face);
    config.set_all(properties.iter().map(|(name, value)| (name, value))).map_err(|error| errors::raise(py, &error))?;
    Ok(config)
}

/// Whether these properties, with Java's defaults, can be: for who configures now and opens later.
#[pyfunction]
pub(crate) fn check_properties(py: Python<'_>, properties: Vec<(String, String)>) -> PyResult<()> {
    config(py, Face::Rust, &properties).map(drop)
}

impl Producer {
    fn inner(&self) -> PyResult<&Inner> {
        self.inner.get().ok_or_else(|| PyRuntimeError::new_err("Producer.__init__() was not called"))
    }

    fn is_forked(&self) -> bool {
        self.inner.get().is_none_or(|inner| inner.kept.is_forked())
    }

    fn open(&self, py: Python<'_>) -> PyResult<&Inner> {
        let inner = self.inner()?;
        if self.state.with(py, |state| state.closed) {
            return Err(PyRuntimeError::new_err("Producer has been closed"));
        }
        Ok(inner)
    }

    /// The handle of a topic, and to be let go afterwards, what stood for the last one.
    fn change_topic(&self, py: Python<'_>, inner: &Inner, object: *mut ffi::PyObject) -> PyResult<()> {
        // SAFETY: an argument of the call.
        let name = unsafe { text("topic", object)? };
        let leaving = inner.kept.get().map_err(|error| errors::raise(py, &error))?;
        let topic = leaving.producer.topic(name).map_err(|error| errors::raise(py, &error))?;
        // SAFETY: an argument of the call.
        let object = unsafe { ffi::Py_NewRef(object) };
        let before =
            self.state.with(py, |state| std::mem::replace(&mut state.last, LastTopic { object, topic: Some(Kept::new(topic)) }));
        // SAFETY: the reference was owned by the cache.
        unsafe { ffi::Py_XDECREF(before.object) };
        Ok(())
    }

    fn append(&self, py: Python<'_>, inner: &Inner, object: *mut ffi::PyObject, record: &Record<'_>) -> PyResult<()> {
        if self.state.with(py, |state| state.last.object != object || state.last.topic.is_none()) {
            self.change_topic(py, inner, object)?;
        }
        inner.outstanding.add(1);
        // Taken out: other threads may come here while this one has let go of the lock.
        let topic = self.state.with(py, |state| state.last.topic.take());
        let sent = match &topic {
            Some(topic) => topic.get().and_then(|topic| lending(py, || topic.try_send(record))).map(drop),
            None => Err(Error::new(ErrorKind::State, "the topic is gone")),
        };
        self.state.with(py, |state| {
            if state.last.object == object && state.last.topic.is_none() {
                state.last.topic = topic;
            }
        });
        sent.map_err(|error| {
            inner.outstanding.remove(1);
            if error.kind() == ErrorKind::QueueFull {
                return PyBufferError::new_err(format!("Local: Queue full: {error}"));
            }
            errors::raise(py, &error)
        })
    }

    /// # Safety
    /// The objects are arguments of a call that the interpreter made, with its lock, or null.
    #[inline]
    unsafe fn produce(&self, py: Python<'_>, given: [*mut ffi::PyObject; 7]) -> PyResult<()> {
        let [topic, value, key, partition, callback, timestamp, headers] = given;
        // SAFETY: the caller's word. All objects are alive until the call ends; keys and values are encoded before Python runs
        // again.
        unsafe {
            let inner = self.open(py)?;
            if topic.is_null() {
                return Err(PyTypeError::new_err("produce() missing required argument 'topic' (pos 1)"));
            }
            let (mut key_copy, mut value_copy) = (Vec::new(), Vec::new());
            let mut record = Record::to("");
            if let Some(value) = bytes("value", value, &mut value_copy)? {
                record = record.value(value);
            }
            if let Some(key) = bytes("key", key, &mut key_copy)? {
                record = record.key(key);
            }
            if !is_none(partition) {
                match integer("partition", partition)? {
                    i64::MIN..0 => {}
                    number => {
                        let number = i32::try_from(number).map_err(|_| PyValueError::new_err("partition is out of range"))?;
                        record = record.partition(number);
                    }
                }
            }
            if !is_none(timestamp) {
                match integer("timestamp", timestamp)? {
                    0 => {}
                    millis => record = record.timestamp(millis),
                }
            }
            let pairs = if is_none(headers) { Vec::new() } else { header_pairs(&Bound::from_borrowed_ptr(py, headers))? };
            for (name, value) in &pairs {
                record = match value {
                    Some(value) => record.header(name, value),
                    None => record.null_header(name),
                };
            }
            if is_none(callback) {
                return self.append(py, inner, topic, &record);
            }
            if ffi::PyCallable_Check(callback) == 0 {
                return Err(PyTypeError::new_err("on_delivery must be callable"));
            }
            let opaque = self.state.with(py, |state| state.callbacks.keep(ffi::Py_NewRef(callback)));
            self.append(py, inner, topic, &record.opaque(opaque)).inspect_err(|_| {
                ffi::Py_XDECREF(self.state.with(py, |state| state.callbacks.take(opaque)));
            })
        }
    }

    /// Serves the reports that are there; how many records they were about.
    ///
    /// # Errors
    /// What a callback raised. The reports that are left are served by the next call.
    pub(crate) fn serve(&self, py: Python<'_>) -> PyResult<u64> {
        let inner = self.inner()?;
        let events = inner.events.get().map_err(|error| errors::raise(py, &error))?;
        let mut served = 0;
        loop {
            let mut serving = match self.state.with(py, |state| state.serving.pop_front()) {
                Some(begun) => begun,
                None => match events.try_pop() {
                    None => return Ok(served),
                    Some(Event::Report(report)) => Serving::begin(py, report)?,
                    Some(Event::Client(event)) => {
                        inner.serve_event(py, event)?;
                        served += 1;
                        continue;
                    }
                },
            };
            while let Some(index) = serving.advance() {
                served += 1;
                inner.outstanding.remove(1);
                let callback = self.state.with(py, |state| state.callbacks.take(serving.report.opaque(index)));
                // SAFETY: a reference that the table owned, or null.
                let callback = unsafe { Bound::from_owned_ptr_or_opt(py, callback) };
                let Some(callback) = callback.or_else(|| inner.default_callback.get(py)) else { continue };
                let (error, message) = serving.message(py, index)?;
                // Put back first: the callback may raise, or poll.
                self.state.with(py, |state| state.serving.push_front(serving));
                // SAFETY: all are alive; the result is a new reference, or null with an exception.
                let called = unsafe {
                    let called = ffi::PyObject_CallFunctionObjArgs(
                        callback.as_ptr(),
                        error.as_ptr(),
                        message.as_ptr(),
                        null_mut::<ffi::PyObject>(),
                    );
                    Bound::from_owned_ptr_or_err(py, called)
                };
                called?;
                match self.state.with(py, |state| state.serving.pop_front()) {
                    Some(back) => serving = back,
                    None => break,
                }
            }
        }
    }

    /// Takes an event that was waited for, and serves it; how many records it was about.
    fn take_event(&self, py: Python<'_>, inner: &Inner, event: Event) -> PyResult<u64> {
        match event {
            Event::Report(report) => {
                let serving = Serving::begin(py, report)?;
                self.state.with(py, |state| state.serving.push_back(serving));
                Ok(0)
            }
            Event::Client(event) => inner.serve_event(py, event).map(|()| 1),
        }
    }

    fn poll_for(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<u64> {
        let inner = self.inner()?;
        let events = inner.events.get().map_err(|error| errors::raise(py, &error))?;
        let is_idle = self.state.with(py, |state| state.serving.is_empty()) && events.is_empty();
        if is_idle {
            if seconds == Some(0.0) {
                return Ok(0);
            }
            let Some(event) = block_on(py, events.pop(), limit(seconds))? else { return Ok(0) };
            let served = self.take_event(py, inner, event)?;
            return Ok(served + self.serve(py)?);
        }
        self.serve(py)
    }
}

impl Inner {
    fn serve_event(&self, py: Python<'_>, event: ClientEvent) -> PyResult<()> {
        let read = || {
            let reading = match (self.client.get(), self.kept.get(), self.events.get()) {
                (Ok(client), Ok(leaving), Ok(events)) => Reading {
                    producer: Some(leaving.producer.metrics()),
                    outstanding: self.outstanding.get(),
                    buffered_bytes: leaving.producer.buffered_bytes(),
                    ..crate::events::reading(client, events.len())
                },
                _ => Reading::default(),
            };
            self.statistics.json(&reading)
        };
        self.callbacks.serve(py, event, self.client.get().ok(), read)
    }
}

impl Serving {
    fn begin(py: Python<'_>, report: DeliveryReport) -> PyResult<Box<Self>> {
        let records = report.records().map_err(|error| errors::raise(py, &error))?;
        let batch = Batch {
            bytes: Bytes::Sent(records),
            topic: PyString::new(py, report.topic()).into_any().into_ptr(),
            partition: report.result().map_or(message::NO_PARTITION, |result| result.partition),
            leader_epoch: -1,
            timestamp_type: TIMESTAMP_CREATE_TIME,
        };
        Ok(Box::new(Self { report, shared: Shared::new(py, batch)?, cursor: RecordCursor::default(), next: 0 }))
    }

    /// The index of the next record.
    fn advance(&mut self) -> Option<u32> {
        let index = self.next;
        if usize::try_from(index).ok()? >= self.report.len() {
            return None;
        }
        self.next += 1;
        Some(index)
    }

    /// What a callback is given for the record at `index`, which is not before the last one that was asked for.
    fn message<'py>(&mut self, py: Python<'py>, index: u32) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let mut found = None;
        if let Bytes::Sent(records) = &self.shared.batch().bytes {
            while self.cursor.index <= index {
                match self.cursor.next(records) {
                    Some(Ok(record)) => found = Some(record),
                    _ => break,
                }
            }
        }
        let mut fields = match found {
            // SAFETY: the record is of that batch.
            Some(record) => unsafe { Fields::of(&self.shared, record) },
            None => Fields::new(Own::default()),
        };
        let unknown = || Error::new(ErrorKind::State, "what became of the record is not known");
        let error = match self.report.result().map_or_else(|| Err(unknown()), |result| result.record(index)) {
            Ok(written) => {
                fields.record.offset = written.offset;
                if fields.partition() != written.partition {
                    fields.own().partition = written.partition;
                }
                if let Some(time) = written.log_append_time {
                    fields.own().timestamp_type = TIMESTAMP_LOG_APPEND_TIME;
                    fields.record.timestamp = time;
                }
                py.None().into_bound(py)
            }
            Err(error) => {
                fields.record.offset = message::NO_OFFSET;
                let error = errors::kafka_error(py, &error)?;
                fields.own().error = error.clone().into_ptr();
                error
            }
        };
        // SAFETY: a new reference, or null with an exception.
        let message = unsafe { Bound::from_owned_ptr_or_err(py, message::make(py, Class::Message, fields)) }?;
        Ok((error, message))
    }
}

/// A header: its key, and its value unless that is null.
pub(crate) type HeaderPair = (String, Option<Vec<u8>>);

/// Headers as a list of pairs or a dictionary.
pub(crate) fn header_pairs(headers: &Bound<'_, PyAny>) -> PyResult<Vec<HeaderPair>> {
    let wrong = || PyTypeError::new_err("headers must be a list of (str, bytes | str | None) tuples or a dict");
    let pairs = match headers.cast::<PyDict>() {
        Ok(dict) => dict.items().into_any(),
        Err(_) => headers.clone(),
    };
    let mut out = Vec::new();
    for pair in pairs.try_iter().map_err(|_| wrong())? {
        let (name, value): (String, Bound<'_, PyAny>) = pair?.extract().map_err(|_| wrong())?;
        let mut copy = Vec::new();
        // SAFETY: the value is alive.
        let value = unsafe { bytes("a header's value", value.as_ptr(), &mut copy)? }.map(<[u8]>::to_vec);
        out.push((name, value));
    }
    Ok(out)
}

#[pymethods]
impl Producer {
    #[new]
    #[pyo3(signature = (*_args, **_keywords))]
    fn new(_args: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> Self {
        let last = LastTopic { object: null_mut(), topic: None };
        let state = State { last, callbacks: Table::default(), serving: VecDeque::new(), closed: false };
        Self { inner: OnceLock::new(), state: Guarded::new(state) }
    }

    fn _open(
        &self,
        py: Python<'_>,
        properties: Vec<(String, String)>,
        default_callback: Option<Py<PyAny>>,
        callbacks: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let config = config(py, Face::Librdkafka, &properties)?;
        let callbacks = events::Callbacks::new(callbacks)?;
        let statistics = events::statistics(config.get("client.id").unwrap_or_default(), "producer");
        let queue = Queue::new();
        let made = py.detach(|| {
            let limit = config.client()?.exit_timeout;
            let client = Client::builder()
                .config(config)
                .observer(events::observer(&queue, Event::Client, false))
                .around_work(let_go)
                .build()?;
            let producer = client.producer_builder().reports(true).build()?;
            Ok::<_, Error>((client, producer, limit))
        });
        let (client, producer, limit) = made.map_err(|error| errors::raise(py, &error))?;
        let relayed = queue.clone();
        producer.reports().relay_to(Some(Arc::new(move |report| relayed.push(Event::Report(report)))));
        let outstanding = Outstanding::default();
        let kept = Arc::new(Kept::new(Leaving { producer, outstanding: outstanding.clone(), limit }));
        exit::register(Arc::downgrade(&kept));
        let (client, events) = (Kept::new(client), Kept::new(queue));
        let default_callback = Held::new(default_callback);
        let inner = Inner { kept, client, outstanding, events, default_callback, callbacks, statistics };
        self.inner.set(inner).map_err(|_| PyRuntimeError::new_err("Producer.__init__() was called twice"))
    }

    #[pyo3(signature = (timeout = None))]
    fn flush(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<u64> {
        let inner = self.inner()?;
        let producer = inner.kept.get().map_err(|error| errors::raise(py, &error))?.producer.clone();
        let events = inner.events.get().map_err(|error| errors::raise(py, &error))?;
        let end = limit(timeout).and_then(|limit| Instant::now().checked_add(limit));
        let mut flush = pin!(async move { producer.flush().await });
        loop {
            self.serve(py)?;
            if inner.outstanding.get() == 0 {
                return Ok(0);
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let mut event = pin!(events.pop());
            let flushing = &mut flush;
            let come = poll_fn(|context| match event.as_mut().poll(context) {
                Poll::Ready(event) => Poll::Ready(Some(event)),
                // What was served elsewhere meanwhile counts as well.
                Poll::Pending => flushing.as_mut().poll(context).map(|()| None),
            });
            match block_on(py, come, left)? {
                Some(Some(event)) => drop(self.take_event(py, inner, event)?),
                Some(None) => {
                    self.serve(py)?;
                    return Ok(inner.outstanding.get());
                }
                None => return Ok(inner.outstanding.get()),
            }
        }
    }

    #[pyo3(signature = (in_queue = true, in_flight = true, blocking = true))]
    fn purge(&self, py: Python<'_>, in_queue: bool, in_flight: bool, blocking: bool) -> PyResult<()> {
        // Never waits, so there is nothing to do without blocking.
        let _ = blocking;
        let inner = self.open(py)?;
        let leaving = inner.kept.get().map_err(|error| errors::raise(py, &error))?;
        py.detach(|| leaving.producer.purge(in_queue, in_flight));
        Ok(())
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.inner()?.outstanding.get()).unwrap_or(usize::MAX))
    }

    /// Whether there are records under way; a producer itself is always true.
    fn __bool__(&self) -> bool {
        true
    }

    /// Callbacks may refer to what refers to their producer.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: called by the collector; no object that it knows is made within `with` of this state.
        unsafe { self.state.peek() }.callbacks.traverse(&visit)?;
        let Some(inner) = self.inner.get() else { return Ok(()) };
        inner.default_callback.traverse(&visit)?;
        inner.callbacks.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        let callbacks = self.state.with(py, |state| state.callbacks.take_all());
        // SAFETY: owned references, or null.
        callbacks.into_iter().for_each(|callback| unsafe { ffi::Py_XDECREF(callback) });
        if let Some(inner) = self.inner.get() {
            inner.default_callback.clear(py);
            inner.callbacks.clear(py);
        }
    }

    fn _close(&self, py: Python<'_>) {
        self.state.with(py, |state| state.closed = true);
    }

    fn _admin(&self, py: Python<'_>) -> PyResult<Admin> {
        let client = self.open(py)?.client.get().map_err(|error| errors::raise(py, &error))?;
        Ok(Admin::of(client))
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // A pyclass is dropped by the interpreter, with its lock.
        Python::attach(|py| {
            let (topic, callbacks) =
                self.state.with(py, |state| (std::mem::replace(&mut state.last.object, null_mut()), state.callbacks.take_all()));
            // SAFETY: owned references, or null.
            callbacks.into_iter().chain([topic]).for_each(|object| unsafe { ffi::Py_XDECREF(object) });
            if let Some(inner) = self.inner.get()
                && !inner.kept.is_forked()
                && inner.outstanding.get() > 0
                && !ENDED.load(Ordering::Relaxed)
            {
                let what = format!(
                    "a Producer was deleted with {} records that were not delivered or not reported: flush() first\0",
                    inner.outstanding.get()
                );
                let category = py.get_type::<pyo3::exceptions::PyResourceWarning>();
                if let Ok(what) = std::ffi::CStr::from_bytes_with_nul(what.as_bytes())
                    && let Err(error) = PyErr::warn(py, &category, what, 1)
                {
                    error.write_unraisable(py, None);
                }
            }
        });
    }
}

static PRODUCE: OnceLock<Names<8>> = OnceLock::new();
static POLL: OnceLock<Names<1>> = OnceLock::new();

fast!(
    raw_produce,
    "produce",
    PRODUCE,
    |py, object, [topic, value, key, partition, callback, on_delivery, timestamp, headers]| {
        let callback = if is_none(callback) { on_delivery } else { callback };
        value_of::<Producer>(object).produce(py, [topic, value, key, partition, callback, timestamp, headers])?;
        Ok(none())
    }
);

fast!(raw_poll, "poll", POLL, |_py, object, [timeout]| {
    let seconds = seconds(timeout)?;
    let served = Python::attach(|py| value_of::<Producer>(object).poll_for(py, seconds))?;
    Ok(ffi::PyLong_FromUnsignedLongLong(served))
});

/// What was lost at the end of the process was counted.
static ENDED: AtomicBool = AtomicBool::new(false);

/// Sends what these producers, and all others of the process, still have, each within its bound; how many records are lost.
#[pyfunction]
pub(crate) fn flush_all(py: Python<'_>, producers: Vec<Py<Producer>>, sending: Vec<Py<SendingProducer>>) -> u64 {
    sending.iter().for_each(|producer| producer.get().settle(py));
    let lost = py.detach(|| {
        exit::flush_all(&mut || {
            Python::attach(|py| {
                sending.iter().for_each(|producer| producer.get().settle(py));
                // Those of before a fork are the parent's.
                for producer in producers.iter().filter(|producer| !producer.get().is_forked()) {
                    if let Err(error) = producer.get().serve(py) {
                        error.write_unraisable(py, Some(producer.bind(py).as_any()));
                    }
                }
            });
        })
    });
    ENDED.store(true, Ordering::Relaxed);
    lost
}

/// Adds the class with its hot methods.
pub(crate) fn add_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let _ = PRODUCE.set(Names::new([
        c"topic",
        c"value",
        c"key",
        c"partition",
        c"callback",
        c"on_delivery",
        c"timestamp",
        c"headers",
    ]));
    let _ = POLL.set(Names::new([c"timeout"]));
    module.add_class::<Producer>()?;
    let class = module.py().get_type::<Producer>();
    add_method(
        &class,
        c"produce",
        raw_produce,
        c"produce(topic, value=None, key=None, partition=-1, callback=None, on_delivery=None, timestamp=0, headers=None)\n\n\
          Takes a record into its batch at once. BufferError if the producer's buffer is full.",
    )?;
    add_method(
        &class,
        c"poll",
        raw_poll,
        c"poll(timeout=-1)\n\n\
          Serves delivery reports, waiting for the first one, and calls their callbacks. Returns how many there were.",
    )
}
