//! The consumer: records are handed out one by one from the batch at hand; the next batch is waited for without the interpreter's
//! lock.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::ptr::null_mut;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ottla::{Client, ClientEvent, Committing, Config, Error, ErrorKind, FetchedBatch, Text};
use ottla_bindings::Queue;
use ottla_bindings::fork::Kept;
use ottla_bindings::statistics::{Reading, Statistics};
use ottla_core::config::Face;
use ottla_protocol::record::TimestampType;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration, PyValueError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::admin::Admin;
use crate::arguments::{LastTimeout, Names, add_method, fast, integer, is_none, seconds, value_of};
use crate::commits::{Commits, Offsets};
use crate::gil::{Guarded, block_on, limit};
use crate::held::Held;
use crate::listener::{Callbacks, Rebalances};
use crate::message::{self, Class, Fields, Own, TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME};
use crate::raw::none;
use crate::shared::{Batch, Bytes, Shared};
use crate::{errors, events};

/// The topic of the batch at hand, as one string for all its messages.
struct Topic {
    text: Text,
    object: *mut ffi::PyObject,
}

// SAFETY: an owned reference, moved between threads only with the interpreter's lock held.
unsafe impl Send for Topic {}

struct State {
    /// The batch whose records are being handed out.
    batch: Option<Shared>,
    /// Those that came while another one was at hand: of a call for more that outlived whoever asked.
    following: VecDeque<Shared>,
    topic: Topic,
    timeout: LastTimeout,
    /// When the group was last seen to, in ms of a coarse clock.
    seen_to: i64,
    /// Errors that came while somebody was not to be told yet.
    errors: VecDeque<Error>,
    closed: bool,
}

pub(crate) struct Inner {
    pub(crate) consumer: Kept<Arc<ottla::Consumer>>,
    client: Kept<Client>,
    pub(crate) rebalances: Rebalances,
    /// What happens to the client, for its callbacks.
    events: Kept<Queue<ClientEvent>>,
    callbacks: events::Callbacks,
    commits: Commits,
    statistics: Statistics,
    class: Class,
    /// Deserializers of keys and values.
    deserializers: [Held; 2],
    /// For how long iterating waits; then it ends.
    iteration: Option<Duration>,
}

/// The native part of `ottla.Consumer`.
#[pyclass(frozen, subclass, weakref, module = "ottla._ottla", name = "Consumer")]
pub(crate) struct Consumer {
    inner: OnceLock<Inner>,
    state: Guarded<State>,
}

/// Messages on their way into a list: owned references.
#[derive(Default)]
struct Taken(Vec<*mut ffi::PyObject>);

impl Taken {
    /// Takes an owned reference; null is an exception.
    #[inline]
    fn push(&mut self, py: Python<'_>, message: *mut ffi::PyObject) -> PyResult<()> {
        if message.is_null() {
            return Err(PyErr::fetch(py));
        }
        self.0.push(message);
        Ok(())
    }

    fn into_list(mut self, py: Python<'_>) -> PyResult<Py<PyList>> {
        let taken = std::mem::take(&mut self.0);
        // SAFETY: a list of so many places, which nobody has seen, takes the references over. Without memory for it there is an
        // exception, and the messages leak.
        unsafe {
            let list = Bound::from_owned_ptr_or_err(py, ffi::PyList_New(taken.len() as ffi::Py_ssize_t))?;
            for (at, message) in (0..).zip(taken) {
                ffi::PyList_SetItem(list.as_ptr(), at, message);
            }
            Ok(list.cast_into_unchecked::<PyList>().unbind())
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // SAFETY: owned references; the lock is held where messages are taken.
        self.0.drain(..).for_each(|message| unsafe { ffi::Py_DECREF(message) });
    }
}

/// How often the group is seen to while a batch is handed out, in ms.
const SEE_TO: i64 = 50;

fn now_ms() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

/// Whether an error says what is wrong for some time only: it goes to `error_cb`, as with librdkafka, and not to who reads
/// messages. (With kafka-python a topic that is not there yet is waited for as well.)
fn is_passing(error: &Error, class: Class) -> bool {
    let is_unknown = matches!(error.kind(), ErrorKind::UnknownTopic | ErrorKind::UnknownPartition) || error.local_code() == 3;
    if is_unknown { class == Class::ConsumerRecord } else { error.is_retriable() && !error.is_fatal() }
}

/// What a deserializer makes of bytes; null, which stands for the bytes themselves, without one.
fn deserialized(py: Python<'_>, by: &Held, bytes: Option<&[u8]>) -> PyResult<*mut ffi::PyObject> {
    let (Some(by), Some(bytes)) = (by.get(py), bytes) else { return Ok(null_mut()) };
    Ok(by.call1((bytes,))?.into_ptr())
}

/// What ends a wait for the next batch.
enum Come {
    Next(Result<Option<FetchedBatch>, Error>),
    Event(ClientEvent),
    Committed(Offsets, Result<(), Error>),
    Raised,
}

impl Inner {
    /// Whether keys and values are handed out as they are.
    #[inline]
    fn hands_out_bytes(&self, py: Python<'_>) -> bool {
        self.deserializers.iter().all(|one| one.is_none(py))
    }

    /// Tells of the commits that have ended.
    fn serve_commits(&self, py: Python<'_>) -> PyResult<()> {
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready((offsets, outcome)) = self.commits.poll(&mut context) {
            self.callbacks.committed(py, &offsets, outcome)?;
        }
        Ok(())
    }

    /// Keeps a commit of the application's, if it is to be told what became of it.
    pub(crate) fn tell_of_commit(&self, py: Python<'_>, offsets: Offsets, committing: Committing) {
        if self.callbacks.hears_of_commits(py) {
            self.commits.begun(offsets, committing);
        }
    }

    /// The same of one that was waited for, of which kafka-python's users are not told.
    pub(crate) fn tell_of_committed(&self, py: Python<'_>, offsets: Offsets, outcome: Result<(), Error>) {
        if self.class == Class::Message && self.callbacks.hears_of_commits(py) {
            self.commits.ended(offsets, outcome);
        }
    }

    fn serve_event(&self, py: Python<'_>, event: ClientEvent) -> PyResult<()> {
        let read = || {
            let reading = match (self.client.get(), self.consumer.get(), self.events.get()) {
                (Ok(client), Ok(consumer), Ok(events)) => Reading {
                    consumer: Some(consumer.metrics()),
                    group: consumer.group_state(),
                    ..crate::events::reading(client, events.len())
                },
                _ => Reading::default(),
            };
            self.statistics.json(&reading)
        };
        self.callbacks.serve(py, event, self.client.get().ok(), read)
    }
}

impl Default for Consumer {
    fn default() -> Self {
        let topic = Topic { text: Text::default(), object: null_mut() };
        let state = State {
            batch: None,
            following: VecDeque::new(),
            topic,
            timeout: LastTimeout::default(),
            seen_to: 0,
            errors: VecDeque::new(),
            closed: false,
        };
        Self { inner: OnceLock::new(), state: Guarded::new(state) }
    }
}

impl Consumer {
    fn inner(&self) -> PyResult<&Inner> {
        self.inner.get().ok_or_else(|| PyRuntimeError::new_err("Consumer.__init__() was not called"))
    }

    pub(crate) fn open(&self, py: Python<'_>) -> PyResult<(&Inner, &ottla::Consumer)> {
        let inner = self.inner()?;
        // What close() calls back may still commit.
        if self.state.with(py, |state| state.closed) && inner.rebalances.asked().is_none() {
            return Err(PyRuntimeError::new_err("Consumer closed"));
        }
        Ok((inner, inner.consumer.get().map_err(|error| errors::raise(py, &error))?))
    }

    /// The next record of the batch at hand; with `Err`, none is left in it.
    #[inline]
    fn next_fields(py: Python<'_>, state: &mut State) -> Option<Result<Fields, Option<Shared>>> {
        let shared = state.batch.as_ref()?;
        let Bytes::Fetched(cursor) = &shared.batch().bytes else { return None };
        // SAFETY: the record is of that batch.
        let next = cursor.get().ok()?.with(py, |cursor| Some(unsafe { Fields::of(shared, cursor.next()?) }));
        Some(next.ok_or_else(|| {
            let following = state.following.pop_front();
            std::mem::replace(&mut state.batch, following)
        }))
    }

    /// The next record of the batch at hand as a message; null if there is none, or with an exception.
    #[inline]
    fn next_at_hand(&self, py: Python<'_>, inner: &Inner) -> *mut ffi::PyObject {
        loop {
            match self.state.with(py, |state| Self::next_fields(py, state)) {
                Some(Ok(fields)) => return self.hand_out(py, inner, fields),
                // The batch at its end is let go here, outside of the state.
                Some(Err(ended)) => drop(ended),
                None => return null_mut(),
            }
        }
    }

    /// Takes what is at hand, up to `count` messages in all; whether there may be more at hand.
    ///
    /// # Errors
    /// What a deserializer raised; what was taken before stays taken.
    fn take_at_hand(&self, py: Python<'_>, inner: &Inner, count: usize, taken: &mut Taken) -> PyResult<()> {
        if inner.hands_out_bytes(py) {
            // No code of Python's runs here, so that all are taken in one go.
            while let Some(ended) = self.state.with(py, |state| {
                while taken.0.len() < count {
                    match Self::next_fields(py, state) {
                        Some(Ok(fields)) => taken.push(py, message::make(py, inner.class, fields))?,
                        Some(Err(ended)) => return Ok(ended),
                        None => break,
                    }
                }
                Ok::<_, PyErr>(None)
            })? {
                drop(ended);
            }
            return Ok(());
        }
        while taken.0.len() < count {
            let message = self.next_at_hand(py, inner);
            if message.is_null() {
                return PyErr::take(py).map_or(Ok(()), Err);
            }
            taken.push(py, message)?;
        }
        Ok(())
    }

    #[inline]
    fn hand_out(&self, py: Python<'_>, inner: &Inner, mut fields: Fields) -> *mut ffi::PyObject {
        if inner.hands_out_bytes(py) {
            return message::make(py, inner.class, fields);
        }
        let [of_key, of_value] = &inner.deserializers;
        let made = deserialized(py, of_key, fields.record.key).and_then(|key| {
            fields.key = key;
            deserialized(py, of_value, fields.record.value)
        });
        match made {
            Ok(value) => {
                fields.value = value;
                message::make(py, inner.class, fields)
            }
            Err(error) => {
                // Made and let go, so that what it owns is.
                // SAFETY: a new reference, or null with an exception that is replaced.
                unsafe { ffi::Py_XDECREF(message::make(py, inner.class, fields)) };
                error.restore(py);
                null_mut()
            }
        }
    }

    /// Has a batch handed out, after those at hand. Its cursor knows by itself when a seek or a revocation has outdated it.
    pub(crate) fn take_batch(&self, py: Python<'_>, mut batch: FetchedBatch) -> PyResult<()> {
        // What Python holds for as long as it likes does not keep the next batches from coming.
        batch.release_quota();
        let text = batch.topic().clone();
        let timestamp_type = match batch.header().attributes.timestamp_type() {
            TimestampType::CreateTime => TIMESTAMP_CREATE_TIME,
            TimestampType::LogAppendTime => TIMESTAMP_LOG_APPEND_TIME,
        };
        let (partition, leader_epoch) = (batch.partition(), batch.leader_epoch());
        let bytes = Bytes::Fetched(Kept::new(Guarded::new(batch.into_cursor())));
        let is_new = self.state.with(py, |state| state.topic.object.is_null() || state.topic.text != text);
        if is_new {
            let topic = Topic { object: PyString::new(py, &text).into_any().into_ptr(), text };
            let before = self.state.with(py, |state| std::mem::replace(&mut state.topic, topic));
            // SAFETY: the state's reference, or null.
            unsafe { ffi::Py_XDECREF(before.object) };
        }
        // SAFETY: the state owns a reference; this is another one.
        let topic = self.state.with(py, |state| unsafe { ffi::Py_NewRef(state.topic.object) });
        let shared = Shared::new(py, Batch { bytes, topic, partition, leader_epoch, timestamp_type })?;
        self.state.with(py, |state| match &state.batch {
            None => state.batch = Some(shared),
            Some(_) => state.following.push_back(shared),
        });
        Ok(())
    }

    /// Sees to the group now and then while a batch is handed out: it counts as polled, and revocations are answered.
    fn see_to_group(&self, py: Python<'_>, inner: &Inner, consumer: &ottla::Consumer) -> PyResult<()> {
        let now = now_ms();
        let is_due = self.state.with(py, |state| {
            let is_due = now - state.seen_to >= SEE_TO;
            if is_due {
                state.seen_to = now;
            }
            is_due
        });
        if !is_due {
            return Ok(());
        }
        let events = inner.events.get().map_err(|error| errors::raise(py, &error))?;
        while let Some(event) = events.try_pop() {
            inner.serve_event(py, event)?;
        }
        inner.serve_commits(py)?;
        if !consumer.progressed() {
            return Ok(());
        }
        let served = block_on(py, consumer.serve(), Some(Duration::ZERO))?;
        if let Some(Err(error)) = served {
            self.state.with(py, |state| state.errors.push_back(error));
        }
        inner.rebalances.take_raised(py).map_or(Ok(()), Err)
    }

    /// Waits for the next batch. `Ok(None)`: none came in time.
    fn next_batch(&self, py: Python<'_>, limit: Option<Duration>) -> PyResult<Option<Result<FetchedBatch, Error>>> {
        let (inner, consumer) = self.open(py)?;
        let events = inner.events.get().map_err(|error| errors::raise(py, &error))?;
        if let Some(raised) = inner.rebalances.take_raised(py) {
            return Err(raised);
        }
        if let Some(error) = self.state.with(py, |state| state.errors.pop_front()) {
            return Ok(Some(Err(error)));
        }
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let mut next = pin!(consumer.next());
            let mut event = pin!(events.pop());
            let rebalances = &inner.rebalances;
            let come = poll_fn(|context| match next.as_mut().poll(context) {
                Poll::Ready(next) => Poll::Ready(Come::Next(next)),
                // What a callback raised is for the caller now.
                Poll::Pending if rebalances.has_raised() => Poll::Ready(Come::Raised),
                Poll::Pending => match inner.commits.poll(context) {
                    Poll::Ready((offsets, outcome)) => Poll::Ready(Come::Committed(offsets, outcome)),
                    Poll::Pending => event.as_mut().poll(context).map(Come::Event),
                },
            });
            let come = block_on(py, come, left)?;
            if let Some(raised) = inner.rebalances.take_raised(py) {
                // Nothing is lost: the next call begins with what came.
                match come {
                    Some(Come::Next(Ok(Some(batch)))) => self.take_batch(py, batch)?,
                    Some(Come::Next(Err(error))) => self.state.with(py, |state| state.errors.push_back(error)),
                    _ => {}
                }
                return Err(raised);
            }
            match come {
                None => return Ok(None),
                Some(Come::Raised) => {}
                Some(Come::Event(event)) => inner.serve_event(py, event)?,
                Some(Come::Committed(offsets, outcome)) => inner.callbacks.committed(py, &offsets, outcome)?,
                Some(Come::Next(Ok(Some(batch)))) => return Ok(Some(Ok(batch))),
                Some(Come::Next(Ok(None))) => return Err(PyRuntimeError::new_err("Consumer closed")),
                Some(Come::Next(Err(error))) if is_passing(&error, inner.class) => inner.callbacks.tell(py, &error)?,
                Some(Come::Next(Err(error))) => return Ok(Some(Err(error))),
            }
        }
    }

    /// An error as a message.
    fn error_message(&self, py: Python<'_>, error: &Error) -> PyResult<*mut ffi::PyObject> {
        let told = errors::kafka_error(py, error)?;
        let value = told.call_method0("str")?.call_method0("encode")?;
        let topic = error.topic().map_or(null_mut(), |topic| PyString::new(py, topic).into_any().into_ptr());
        let partition = error.partition().unwrap_or(message::NO_PARTITION);
        let mut fields = Fields::new(Own { topic, partition, error: told.into_ptr(), ..Own::default() });
        fields.value = value.into_ptr();
        fields.record.offset = error.offset().unwrap_or(message::NO_OFFSET);
        Ok(message::make(py, Class::Message, fields))
    }

    /// The next message within `limit`; null without an exception if there is none.
    fn poll_for(&self, py: Python<'_>, limit: Option<Duration>) -> PyResult<*mut ffi::PyObject> {
        let (inner, consumer) = self.open(py)?;
        if let Some(raised) = inner.rebalances.take_raised(py) {
            return Err(raised);
        }
        self.see_to_group(py, inner, consumer)?;
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            let message = self.next_at_hand(py, inner);
            if !message.is_null() {
                return Ok(message);
            }
            if let Some(error) = PyErr::take(py) {
                return Err(error);
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            match self.next_batch(py, left)? {
                // A batch may turn out to hold nothing that is to be handed out.
                Some(Ok(batch)) => self.take_batch(py, batch)?,
                Some(Err(error)) if inner.class == Class::Message => return self.error_message(py, &error),
                Some(Err(error)) => return Err(errors::translated(py, errors::raise(py, &error))),
                None => return Ok(null_mut()),
            }
        }
    }

    /// The next record at hand; null without an exception if there is none.
    fn take(&self, py: Python<'_>) -> PyResult<*mut ffi::PyObject> {
        let message = self.take_fresh(py)?;
        if !message.is_null() {
            return Ok(message);
        }
        Python::attach(|py| {
            let (inner, consumer) = self.open(py)?;
            self.see_to_group(py, inner, consumer)?;
            let message = self.next_at_hand(py, inner);
            if message.is_null()
                && let Some(error) = PyErr::take(py)
            {
                Err(error)
            } else {
                Ok(message)
            }
        })
    }

    /// The next record at hand, if the group was seen to not long ago.
    #[inline]
    pub(crate) fn take_fresh(&self, py: Python<'_>) -> PyResult<*mut ffi::PyObject> {
        if let Some(inner) = self.inner.get() {
            let now = now_ms();
            let is_fresh = self.state.with(py, |state| !state.closed && now - state.seen_to < SEE_TO && state.batch.is_some());
            if is_fresh {
                let message = self.next_at_hand(py, inner);
                if !message.is_null() {
                    return Ok(message);
                }
                if let Some(error) = PyErr::take(py) {
                    return Err(error);
                }
            }
        }
        Ok(null_mut())
    }

    fn poll_fast(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<*mut ffi::PyObject> {
        let message = self.take_fresh(py)?;
        if message.is_null() { Python::attach(|py| self.poll_for(py, limit(seconds))) } else { Ok(message) }
    }

    /// Up to `count` messages, waiting until there are so many, or `limit` is over.
    fn consume(&self, py: Python<'_>, count: usize, limit: Option<Duration>) -> PyResult<Py<PyList>> {
        let (inner, consumer) = self.open(py)?;
        if let Some(raised) = inner.rebalances.take_raised(py) {
            return Err(raised);
        }
        self.see_to_group(py, inner, consumer)?;
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut taken = Taken::default();
        loop {
            if let Err(error) = self.take_at_hand(py, inner, count, &mut taken) {
                return self.later(py, inner, taken, error);
            }
            if taken.0.len() >= count {
                break;
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            match self.next_batch(py, left) {
                Ok(Some(Ok(batch))) => self.take_batch(py, batch)?,
                Ok(Some(Err(error))) => taken.push(py, self.error_message(py, &error)?)?,
                Ok(None) => break,
                Err(error) => return self.later(py, inner, taken, error),
            }
        }
        taken.into_list(py)
    }

    /// What was taken is not lost with an error: that comes with the next call.
    fn later(&self, py: Python<'_>, inner: &Inner, taken: Taken, error: PyErr) -> PyResult<Py<PyList>> {
        if taken.0.is_empty() {
            return Err(error);
        }
        inner.rebalances.raise_later(py, error);
        taken.into_list(py)
    }

    /// Up to `count` records, waiting for the first one only.
    fn some(&self, py: Python<'_>, count: usize, limit: Option<Duration>) -> PyResult<Py<PyList>> {
        let inner = self.inner()?;
        let mut taken = Taken::default();
        let mut left = limit;
        while taken.0.len() < count {
            match self.poll_for(py, left) {
                Ok(message) if message.is_null() => break,
                Ok(message) => taken.push(py, message)?,
                Err(error) => return self.later(py, inner, taken, error),
            }
            if let Err(error) = self.take_at_hand(py, inner, count, &mut taken) {
                return self.later(py, inner, taken, error);
            }
            left = Some(Duration::ZERO);
        }
        taken.into_list(py)
    }

    /// Ends it: the group is left, its callbacks are called, what was consumed is committed where that is automatic.
    fn close_now(&self, py: Python<'_>) -> PyResult<()> {
        let Some(inner) = self.inner.get() else { return Ok(()) };
        let Some(closing) = self.begin_close(py)? else { return Ok(()) };
        // A signal does not keep it from closing: that goes on by itself.
        let closed = block_on(py, closing, None)?;
        if let Ok(client) = inner.client.get() {
            py.detach(|| client.close());
        }
        if let Some(raised) = inner.rebalances.take_raised(py) {
            return Err(raised);
        }
        inner.serve_commits(py)?;
        let events = inner.events.get().map_err(|error| errors::raise(py, &error))?;
        while let Some(event) = events.try_pop() {
            // The last one, of what was consumed; other events are of no use any more.
            if matches!(event, ClientEvent::AutomaticCommit { .. }) {
                inner.serve_event(py, event)?;
            }
        }
        match closed {
            Some(Err(error)) => inner.callbacks.tell(py, &error),
            _ => Ok(()),
        }
    }

    /// The client's own consumer, for calls that outlive this one's.
    pub(crate) fn shared(&self, py: Python<'_>) -> PyResult<Arc<ottla::Consumer>> {
        self.open(py)?;
        Ok(self.inner()?.consumer.get().map_err(|error| errors::raise(py, &error))?.clone())
    }

    pub(crate) fn client(&self, py: Python<'_>) -> PyResult<Client> {
        Ok(self.open(py)?.0.client.get().map_err(|error| errors::raise(py, &error))?.clone())
    }

    /// Takes in what came of asking for the next batch; raises an error that the application is to hear of.
    pub(crate) fn take_answer(&self, py: Python<'_>, batch: Option<FetchedBatch>) -> PyResult<Py<PyAny>> {
        if let Some(batch) = batch {
            self.take_batch(py, batch)?;
        }
        if let Some(inner) = self.inner.get()
            && let Some(raised) = inner.rebalances.take_raised(py)
        {
            return Err(raised);
        }
        Ok(py.None())
    }

    /// Whether iterating ends, because it is closed.
    fn ends_closed(&self, py: Python<'_>) -> bool {
        self.inner.get().is_some_and(|inner| inner.class == Class::ConsumerRecord) && self.state.with(py, |state| state.closed)
    }

    /// Whether an error is for the application: other ones its callbacks are told.
    pub(crate) fn is_for_application(&self, py: Python<'_>, error: &Error) -> PyResult<bool> {
        let inner = self.inner()?;
        if !is_passing(error, inner.class) {
            return Ok(true);
        }
        inner.callbacks.tell(py, error).map(|()| false)
    }

    /// Begins to end it. None: it has ended already.
    pub(crate) fn begin_close(&self, py: Python<'_>) -> PyResult<Option<ottla::Closing>> {
        let Some(inner) = self.inner.get() else { return Ok(None) };
        let batch = self.state.with(py, |state| {
            if std::mem::replace(&mut state.closed, true) {
                None
            } else {
                Some((state.batch.take(), std::mem::take(&mut state.following)))
            }
        });
        if batch.is_none() {
            return Ok(None);
        }
        Ok(Some(inner.consumer.get().map_err(|error| errors::raise(py, &error))?.close()))
    }

    pub(crate) fn admin(&self, py: Python<'_>) -> PyResult<Admin> {
        let (inner, _) = self.open(py)?;
        Ok(Admin::of(inner.client.get().map_err(|error| errors::raise(py, &error))?))
    }

    #[expect(clippy::too_many_arguments, reason = "what a constructor passes on")]
    pub(crate) fn start(
        &self,
        py: Python<'_>,
        object: *mut ffi::PyObject,
        config: Config,
        callbacks: events::Callbacks,
        class: Class,
        deserializers: [Option<Py<PyAny>>; 2],
        iteration: Option<Duration>,
    ) -> PyResult<()> {
        let rebalances = Rebalances::default();
        rebalances.polls(object);
        let listener = rebalances.clone();
        let statistics = events::statistics(config.get("client.id").unwrap_or_default(), "consumer");
        let queue = Queue::new();
        let hears_of_commits = callbacks.hears_of_commits(py);
        let made = py.detach(|| {
            let observer = events::observer(&queue, |event| event, hears_of_commits);
            let client = Client::builder().config(config).observer(observer).build()?;
            let consumer = client.consumer_builder().listener(listener).build()?;
            Ok::<_, Error>((client, consumer))
        });
        let (client, consumer) = made.map_err(|error| errors::raise(py, &error))?;
        let (consumer, client, events) = (Kept::new(Arc::new(consumer)), Kept::new(client), Kept::new(queue));
        let commits = Commits::default();
        let deserializers = deserializers.map(Held::new);
        let inner =
            Inner { consumer, client, rebalances, events, callbacks, commits, statistics, class, deserializers, iteration };
        self.inner.set(inner).map_err(|_| PyRuntimeError::new_err("Consumer.__init__() was called twice"))
    }
}

#[pymethods]
impl Consumer {
    #[new]
    #[pyo3(signature = (*_args, **_keywords))]
    fn new(_args: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    #[pyo3(signature = (
        properties, callbacks, records = false, key_deserializer = None, value_deserializer = None, iteration = None
    ))]
    fn _open(
        slf: &Bound<'_, Self>,
        properties: Vec<(String, String)>,
        callbacks: &Bound<'_, PyDict>,
        records: bool,
        key_deserializer: Option<Py<PyAny>>,
        value_deserializer: Option<Py<PyAny>>,
        iteration: Option<f64>,
    ) -> PyResult<()> {
        let (py, class) = (slf.py(), if records { Class::ConsumerRecord } else { Class::Message });
        let face = if records { Face::Rust } else { Face::Librdkafka };
        let config = crate::producer::config(py, face, &properties)?;
        let callbacks = events::Callbacks::new(callbacks)?;
        slf.get().start(py, slf.as_ptr(), config, callbacks, class, [key_deserializer, value_deserializer], limit(iteration))
    }

    fn _subscribe(
        &self,
        py: Python<'_>,
        topics: Vec<String>,
        on_assign: Option<Py<PyAny>>,
        on_revoke: Option<Py<PyAny>>,
        on_lost: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let (inner, consumer) = self.open(py)?;
        inner.rebalances.set_callbacks(Callbacks { on_assign, on_revoke, on_lost });
        py.detach(|| consumer.subscribe(&topics)).map_err(|error| errors::raise(py, &error))
    }

    /// Callbacks may refer to what refers to their consumer.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(inner) = self.inner.get() else { return Ok(()) };
        inner.deserializers.iter().try_for_each(|one| one.traverse(&visit))?;
        inner.callbacks.traverse(&visit)?;
        inner.rebalances.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        if let Some(inner) = self.inner.get() {
            inner.deserializers.iter().for_each(|one| one.clear(py));
            inner.callbacks.clear(py);
            inner.rebalances.clear();
        }
    }

    /// Leaves the group.
    fn unsubscribe(&self, py: Python<'_>) -> PyResult<()> {
        let (inner, consumer) = self.open(py)?;
        let done = block_on(py, consumer.unsubscribe(), None)?;
        if let Some(raised) = inner.rebalances.take_raised(py) {
            return Err(raised);
        }
        done.unwrap_or(Ok(())).map_err(|error| errors::raise(py, &error))
    }

    /// Leaves the group and ends the consumer.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.close_now(py)
    }

    /// Up to so many records, waiting for the first one only.
    fn _some(&self, py: Python<'_>, count: usize, timeout: Option<f64>) -> PyResult<Py<PyList>> {
        self.some(py, count, limit(timeout))
    }

    fn _is_closed(&self, py: Python<'_>) -> bool {
        self.state.with(py, |state| state.closed)
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn _admin(&self, py: Python<'_>) -> PyResult<Admin> {
        self.admin(py)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // A pyclass is dropped by the interpreter, with its lock.
        Python::attach(|py| {
            let (batch, objects) = self.state.with(py, |state| {
                let topic = std::mem::replace(&mut state.topic.object, null_mut());
                ((state.batch.take(), std::mem::take(&mut state.following)), [topic, state.timeout.forget()])
            });
            drop(batch);
            // Nobody polls any more; what closes it goes on by itself, and calls nobody.
            if let Some(inner) = self.inner.get() {
                inner.rebalances.clear();
            }
            // SAFETY: owned references, or null.
            objects.into_iter().for_each(|object| unsafe { ffi::Py_XDECREF(object) });
        });
    }
}

static POLL: OnceLock<Names<1>> = OnceLock::new();
static CONSUME: OnceLock<Names<2>> = OnceLock::new();
static NOTHING: OnceLock<Names<0>> = OnceLock::new();

fast!(raw_poll, "poll", POLL, |py, object, [timeout]| {
    let consumer = value_of::<Consumer>(object);
    let seconds = match consumer.state.with(py, |state| state.timeout.find(timeout)) {
        Some(seconds) => seconds,
        None => {
            let seconds = seconds(timeout)?;
            ffi::Py_XDECREF(consumer.state.with(py, |state| state.timeout.remember(timeout, seconds)));
            seconds
        }
    };
    let message = consumer.poll_fast(py, seconds)?;
    Ok(if message.is_null() { none() } else { message })
});

fast!(raw_consume, "consume", CONSUME, |_py, object, [number, timeout]| {
    let number = if is_none(number) { 1 } else { integer("num_messages", number)? };
    let number = usize::try_from(number).ok().filter(|number| *number <= 1_000_000);
    let number = number.ok_or_else(|| PyValueError::new_err("num_messages must be between 0 and 1000000 (1M)"))?;
    let seconds = seconds(timeout)?;
    Ok(Python::attach(|py| value_of::<Consumer>(object).consume(py, number, limit(seconds)))?.into_ptr())
});

// `__next__`: waits for ever, or as long as iterating is to wait.
fast!(raw_next, "__next__", NOTHING, |py, object, []| {
    let consumer = value_of::<Consumer>(object);
    let within = consumer.inner.get().and_then(|inner| inner.iteration);
    let message = consumer.poll_fast(py, within.map(|limit| limit.as_secs_f64()));
    let message = match message {
        // kafka-python's iteration ends when the consumer is closed.
        Err(error) if error.is_instance_of::<PyRuntimeError>(py) && consumer.ends_closed(py) => null_mut(),
        message => message?,
    };
    if message.is_null() { Err(PyStopIteration::new_err(())) } else { Ok(message) }
});

// `_take`: the next record at hand, or None.
fast!(raw_take, "_take", NOTHING, |py, object, []| {
    let message = value_of::<Consumer>(object).take(py)?;
    Ok(if message.is_null() { none() } else { message })
});

/// The error that no call fits: for the rest of this module's files.
pub(crate) fn state_error(py: Python<'_>, what: &'static str) -> PyErr {
    errors::raise(py, &Error::new(ErrorKind::State, what))
}

/// Adds the class with its hot methods.
pub(crate) fn add_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let _ = POLL.set(Names::new([c"timeout"]));
    let _ = NOTHING.set(Names::new([]));
    let _ = CONSUME.set(Names::new([c"num_messages", c"timeout"]));
    module.add_class::<Consumer>()?;
    let class = module.py().get_type::<Consumer>();
    add_method(&class, c"poll", raw_poll, c"poll(timeout=-1)\n\nThe next message, or None if none came in time.")?;
    add_method(
        &class,
        c"consume",
        raw_consume,
        c"consume(num_messages=1, timeout=-1)\n\nUp to so many messages, as many as came in time.",
    )?;
    add_method(&class, c"_take", raw_take, c"The next record at hand, or None.")?;
    add_method(&class, c"__next__", raw_next, c"The next message.")
}
