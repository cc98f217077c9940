//! Futures that asyncio takes for its own, settled by a [`Port`](crate::port::Port) on the loop's thread.
//!
//! `AIOKafkaProducer.send` is a coroutine function by its callers' lights, and its coroutine answers with a future. Both are one
//! object here: it begins as a [`Kind::Sending`], which can be awaited and be made a task, and ends its first step as the future
//! that it answers with, by changing its class. A future of [`Kind::Call`] is one from the beginning.

use std::ffi::c_void;
use std::mem::{MaybeUninit, offset_of};
use std::ptr::{addr_of_mut, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use ottla::{Error, Written};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::arguments::{Names, fast, finish};
use crate::raw::{self, attributes, class, fast_method, method, methods, none, show, slot, weak_references};
use crate::tuples::{named_tuple, topic_partition};
use crate::{errors, held, steps};

static CANCELLED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static INVALID_STATE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static COPY_CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static METADATA: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static DONE_CALLBACK: OnceLock<Names<2>> = OnceLock::new();
static CANCEL: OnceLock<Names<1>> = OnceLock::new();

/// How it ended.
pub(crate) enum Outcome {
    Pending,
    /// A record; its metadata is made when it is asked for.
    Written(Written),
    Value(Py<PyAny>),
    /// A record's failure. Its exception is made anew each time it is asked for: one that was kept would have a traceback, and
    /// with it whoever waited.
    Failed(Box<Error>),
    Raised(Py<PyAny>),
    /// With what was said about it, if anything.
    Cancelled(Option<Py<PyAny>>),
}

struct Fields {
    event_loop: Py<PyAny>,
    outcome: Outcome,
    /// Of a record.
    topic: Option<Py<PyAny>>,
    timestamp: i64,
    /// Functions and the contexts that they are called in.
    callbacks: Vec<(Py<PyAny>, Py<PyAny>)>,
    /// The first step suspends, so that the loop has a turn.
    has_turn: bool,
    is_blocking: bool,
    /// Whether the application has looked at how it ended.
    is_seen: bool,
}

#[repr(C)]
struct Object {
    base: ffi::PyObject,
    weak_references: *mut ffi::PyObject,
    fields: MaybeUninit<Fields>,
}

static SENDING: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());
static FUTURE: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

/// Shows an object to the collector of garbage, once there is something that may be part of a circle: not each record's future is
/// worth its while.
unsafe fn track(object: *mut ffi::PyObject) {
    // SAFETY: the caller's word: alive, of these classes, with the lock held.
    unsafe {
        if ffi::PyObject_GC_IsTracked(object) == 0 {
            ffi::PyObject_GC_Track(object.cast());
        }
    }
}

/// As what it begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What `send` answers with; `true`: its first step gives the loop a turn.
    Sending(bool),
    Call,
}

/// A reference to a future, which is let go of with the interpreter's lock held.
pub(crate) struct Future(*mut ffi::PyObject);

impl Drop for Future {
    fn drop(&mut self) {
        // SAFETY: an owned reference, let go of with the lock held, by the rule of this type.
        unsafe { ffi::Py_DECREF(self.0) };
    }
}

// SAFETY: an owned reference, moved between threads only with the interpreter's lock held.
unsafe impl Send for Future {}

impl Future {
    /// # Errors
    /// If there is no memory.
    #[inline]
    pub(crate) fn new(py: Python<'_>, kind: Kind, event_loop: Py<PyAny>, record: Option<(Py<PyAny>, i64)>) -> PyResult<Self> {
        let (class, has_turn) = match kind {
            Kind::Sending(has_turn) => (&SENDING, has_turn),
            Kind::Call => (&FUTURE, false),
        };
        let (topic, timestamp) = record.map_or((None, -1), |(topic, timestamp)| (Some(topic), timestamp));
        let fields = Fields {
            event_loop,
            outcome: Outcome::Pending,
            topic,
            timestamp,
            callbacks: Vec::new(),
            has_turn,
            is_blocking: false,
            is_seen: false,
        };
        // SAFETY: the classes are made with the module, and have this layout; the fields are written before anybody sees the
        // object.
        unsafe {
            let object = ffi::PyType_GenericAlloc(class.load(Ordering::Relaxed), 0);
            if object.is_null() {
                return Err(PyErr::fetch(py));
            }
            ffi::PyObject_GC_UnTrack(object.cast());
            addr_of_mut!((*object.cast::<Object>()).fields).cast::<Fields>().write(fields);
            if kind == Kind::Call {
                ffi::PyObject_GC_Track(object.cast());
            }
            Ok(Self(object))
        }
    }

    /// A reference that was [`Future::into_object`].
    ///
    /// # Safety
    /// It was, and is given up.
    pub(crate) unsafe fn from_object(object: *mut ffi::PyObject) -> Self {
        Self(object)
    }

    /// The reference as the interpreter's.
    pub(crate) fn into_object(self) -> *mut ffi::PyObject {
        std::mem::ManuallyDrop::new(self).0
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        held::traverse(&self.0, visit)
    }

    /// Another reference, which is the caller's.
    pub(crate) fn to_object(&self) -> *mut ffi::PyObject {
        // SAFETY: alive, with the lock held.
        unsafe { ffi::Py_NewRef(self.0) }
    }

    /// Ends it, unless it has ended, and has its callbacks called soon.
    ///
    /// # Errors
    /// If the loop takes no callbacks: it was closed.
    #[inline]
    pub(crate) fn end(&self, py: Python<'_>, outcome: Outcome) -> PyResult<bool> {
        // SAFETY: alive, with the lock held, and one of these classes.
        unsafe { end(py, self.0, outcome) }
    }

    /// Has its first step raise an exception.
    pub(crate) fn raise(&self, py: Python<'_>, error: PyErr) {
        // SAFETY: as above.
        unsafe {
            fields(self.0).outcome = Outcome::Raised(error.into_value(py).into_any());
            track(self.0);
        }
    }
}

/// # Safety
/// One of these classes, with the lock held; the answer is not kept while Python runs.
#[inline]
unsafe fn fields<'a>(object: *mut ffi::PyObject) -> &'a mut Fields {
    // SAFETY: written when the object was made.
    unsafe { (*object.cast::<Object>()).fields.assume_init_mut() }
}

#[inline]
unsafe fn is_done(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller's word.
    !matches!(unsafe { fields(object) }.outcome, Outcome::Pending)
}

#[inline]
unsafe fn end(py: Python<'_>, object: *mut ffi::PyObject, outcome: Outcome) -> PyResult<bool> {
    // SAFETY: the caller's word; the fields are not kept while Python runs.
    unsafe {
        if is_done(object) {
            return Ok(false);
        }
        let fields = fields(object);
        fields.outcome = outcome;
        if fields.callbacks.is_empty() {
            return Ok(true);
        }
        // All are called that can be, whatever comes of one.
        let mut told = Ok(true);
        for (callback, context) in std::mem::take(&mut fields.callbacks) {
            told = told.and(call_soon(py, object, callback, context).map(|()| true));
        }
        told
    }
}

unsafe fn call_soon(py: Python<'_>, object: *mut ffi::PyObject, callback: Py<PyAny>, context: Py<PyAny>) -> PyResult<()> {
    // SAFETY: the caller's word: alive, of these classes.
    let (own, event_loop) = unsafe { (Bound::from_borrowed_ptr(py, object), fields(object).event_loop.clone_ref(py)) };
    let event_loop = event_loop.bind(py);
    let keywords = PyDict::new(py);
    keywords.set_item("context", context)?;
    event_loop.call_method("call_soon", (callback, own), Some(&keywords)).map(drop)
}

fn metadata(py: Python<'_>, topic: &Py<PyAny>, written: &Written, timestamp: i64) -> PyResult<Py<PyAny>> {
    let class = METADATA.import(py, "ottla.aio.structs", "RecordMetadata")?;
    let partition = topic_partition(py, topic, written.partition)?;
    let (time, kind) = written.log_append_time.map_or((timestamp, 0), |time| (time, 1));
    let fields = (topic, written.partition, partition, written.offset, time, kind, py.None()).into_pyobject(py)?;
    Ok(named_tuple(class, &fields)?.unbind())
}

fn cancelled_error(py: Python<'_>, message: Option<Py<PyAny>>) -> PyResult<Bound<'_, PyAny>> {
    let class = CANCELLED.import(py, "asyncio", "CancelledError")?;
    message.map_or_else(|| class.call0(), |message| class.call1((message,)))
}

fn invalid_state(py: Python<'_>) -> PyErr {
    match INVALID_STATE.import(py, "asyncio", "InvalidStateError") {
        Ok(class) => PyErr::from_type(class.clone(), ("the result is not there yet",)),
        Err(error) => error,
    }
}

/// What it ended with.
unsafe fn answer(py: Python<'_>, object: *mut ffi::PyObject) -> PyResult<Py<PyAny>> {
    // SAFETY: the caller's word. What the fields hold is copied before Python runs.
    let fields = unsafe { fields(object) };
    fields.is_seen = true;
    let (topic, written) = match &fields.outcome {
        Outcome::Value(value) => return Ok(value.clone_ref(py)),
        Outcome::Failed(error) => {
            let error = Error::clone(error);
            return Err(errors::aio_translated(py, errors::raise(py, &error)));
        }
        Outcome::Raised(exception) => return Err(PyErr::from_value(exception.clone_ref(py).into_bound(py))),
        Outcome::Cancelled(message) => {
            let message = message.as_ref().map(|message| message.clone_ref(py));
            return Err(PyErr::from_value(cancelled_error(py, message)?));
        }
        Outcome::Pending => return Err(invalid_state(py)),
        Outcome::Written(written) => match &fields.topic {
            Some(topic) => (topic.clone_ref(py), written.clone()),
            None => return Ok(py.None()),
        },
    };
    let made = metadata(py, &topic, &written, fields.timestamp)?;
    // SAFETY: as above, looked at anew.
    let fields = unsafe { self::fields(object) };
    let before = std::mem::replace(&mut fields.outcome, Outcome::Value(made.clone_ref(py)));
    drop(before);
    Ok(made)
}

unsafe extern "C" fn own(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a slot of these classes.
    unsafe { ffi::Py_NewRef(object) }
}

/// From a coroutine into the future that it answers with: both classes have one layout.
unsafe fn become_future(object: *mut ffi::PyObject) {
    // SAFETY: a class made by a specification is counted by its objects.
    unsafe {
        let (before, class) = (ffi::Py_TYPE(object), FUTURE.load(Ordering::Relaxed));
        if before != class {
            ffi::Py_INCREF(class.cast());
            (*object).ob_type = class;
            ffi::Py_DECREF(before.cast());
        }
    }
}

unsafe extern "C" fn sending_next(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a slot of its class, called with the lock held.
    unsafe {
        let fields = fields(object);
        if std::mem::take(&mut fields.has_turn) {
            return none();
        }
        become_future(object);
        if let Outcome::Raised(_) = &fields.outcome {
            fields.is_seen = true;
            // Taken out: kept here, the exception's traceback would keep its frames, and those this.
            if let Outcome::Raised(exception) = std::mem::replace(&mut fields.outcome, Outcome::Cancelled(None)) {
                PyErr::from_value(exception.into_bound(Python::assume_attached())).restore(Python::assume_attached());
            }
            return null_mut();
        }
        steps::answer(object);
        null_mut()
    }
}

unsafe extern "C" fn sending_send(object: *mut ffi::PyObject, _value: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of its class.
    unsafe { sending_next(object) }
}

unsafe extern "C" fn sending_throw(object: *mut ffi::PyObject, args: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of its class, called with a tuple. The record is on its way all the same.
    unsafe {
        become_future(object);
        finish(|| Err(steps::thrown(&Bound::from_borrowed_ptr(Python::assume_attached(), args).cast_into_unchecked::<PyTuple>())))
    }
}

unsafe extern "C" fn sending_close(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of its class.
    unsafe {
        become_future(object);
        none()
    }
}

unsafe extern "C" fn future_next(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    finish(|| {
        // SAFETY: a slot of its class, called with the lock held.
        unsafe {
            if is_done(object) {
                let answer = answer(Python::assume_attached(), object)?;
                steps::answer(answer.as_ptr());
                return Ok(null_mut());
            }
            fields(object).is_blocking = true;
            Ok(ffi::Py_NewRef(object))
        }
    })
}

unsafe extern "C" fn done(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of its class.
    unsafe { ffi::PyBool_FromLong(is_done(object).into()) }
}

unsafe extern "C" fn cancelled(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of its class.
    unsafe { ffi::PyBool_FromLong(matches!(fields(object).outcome, Outcome::Cancelled(_)).into()) }
}

// Gives up the wait; what is waited for goes on.
fast!(cancel, "cancel", CANCEL, |py, object, [message]| {
    let message = Bound::from_borrowed_ptr_or_opt(py, message).filter(|message| !message.is_none()).map(Bound::unbind);
    let ended = end(py, object, Outcome::Cancelled(message))?;
    Ok(ffi::PyBool_FromLong(ended.into()))
});

/// What `cancel` said, for `asyncio.gather`.
unsafe extern "C" fn cancel_message(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: an attribute of its class, read with the lock held.
    unsafe {
        match &fields(object).outcome {
            Outcome::Cancelled(Some(message)) => message.clone_ref(Python::assume_attached()).into_ptr(),
            _ => none(),
        }
    }
}

/// `_make_cancelled_error()`: what `asyncio.gather` raises for a future that was cancelled.
unsafe extern "C" fn make_cancelled_error(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    finish(|| {
        // SAFETY: a method of its class, called with the lock held; what the fields hold is copied before Python runs.
        let (py, fields) = unsafe { (Python::assume_attached(), fields(object)) };
        let message = match &fields.outcome {
            Outcome::Cancelled(message) => message.as_ref().map(|message| message.clone_ref(py)),
            _ => None,
        };
        Ok(cancelled_error(py, message)?.into_ptr())
    })
}

unsafe extern "C" fn result(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of its class, called with the lock held.
    finish(|| Ok(unsafe { answer(Python::assume_attached(), object) }?.into_ptr()))
}

unsafe extern "C" fn exception(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    finish(|| {
        // SAFETY: a method of its class, called with the lock held.
        let (py, outcome) = unsafe { (Python::assume_attached(), &fields(object).outcome) };
        let is_failure = matches!(outcome, Outcome::Failed(_) | Outcome::Raised(_));
        // SAFETY: as above.
        match unsafe { answer(py, object) } {
            Err(error) if is_failure => Ok(error.into_value(py).into_ptr()),
            Err(error) => Err(error),
            Ok(_) => Ok(py.None().into_ptr()),
        }
    })
}

// Has `callback(future)` called by the loop once it has ended.
fast!(add_done_callback, "add_done_callback", DONE_CALLBACK, |py, object, [callback, context]| {
    let Some(callback) = Bound::from_borrowed_ptr_or_opt(py, callback) else {
        return Err(pyo3::exceptions::PyTypeError::new_err("add_done_callback() takes a callback"));
    };
    // Without one it is the caller's: the loop serves futures in a context of its own.
    let context = match Bound::from_borrowed_ptr_or_opt(py, context).filter(|context| !context.is_none()) {
        Some(context) => context.unbind(),
        None => COPY_CONTEXT.import(py, "contextvars", "copy_context")?.call0()?.unbind(),
    };
    if is_done(object) {
        call_soon(py, object, callback.unbind(), context)?;
    } else {
        fields(object).callbacks.push((callback.unbind(), context));
        track(object);
    }
    Ok(none())
});

/// `remove_done_callback(callback)`: how many of it there were.
unsafe extern "C" fn remove_done_callback(object: *mut ffi::PyObject, callback: *mut ffi::PyObject) -> *mut ffi::PyObject {
    finish(|| {
        // SAFETY: a method of its class, called with the lock held; the fields are not kept while Python compares.
        unsafe {
            let py = Python::assume_attached();
            // Compared on a copy: comparing may raise, and may end this future.
            let all: Vec<_> = fields(object).callbacks.iter().map(|(one, _)| one.clone_ref(py)).collect();
            let mut equal = Vec::new();
            for one in all {
                if one.bind(py).eq(Bound::from_borrowed_ptr(py, callback))? {
                    equal.push(one);
                }
            }
            let is_kept = |one: &Py<PyAny>| !equal.iter().any(|other| other.is(one));
            let (kept, removed): (Vec<_>, Vec<_>) =
                std::mem::take(&mut fields(object).callbacks).into_iter().partition(|(one, _)| is_kept(one));
            fields(object).callbacks = kept;
            let count = std::ffi::c_long::try_from(removed.len()).unwrap_or(std::ffi::c_long::MAX);
            drop(removed);
            Ok(ffi::PyLong_FromLong(count))
        }
    })
}

unsafe extern "C" fn get_loop(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of its class, called with the lock held.
    unsafe { fields(object).event_loop.clone_ref(Python::assume_attached()).into_ptr() }
}

unsafe extern "C" fn loop_attribute(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: an attribute of its class.
    unsafe { get_loop(object, null_mut()) }
}

unsafe extern "C" fn is_blocking(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: an attribute of its class.
    unsafe { ffi::PyBool_FromLong(fields(object).is_blocking.into()) }
}

unsafe extern "C" fn set_blocking(object: *mut ffi::PyObject, to: *mut ffi::PyObject, _: *mut c_void) -> std::ffi::c_int {
    // SAFETY: an attribute of its class; to delete it is to set it to false.
    unsafe {
        fields(object).is_blocking = !to.is_null() && ffi::PyObject_IsTrue(to) == 1;
    }
    0
}

unsafe extern "C" fn traverse(object: *mut ffi::PyObject, visit: ffi::visitproc, arg: *mut c_void) -> std::ffi::c_int {
    // SAFETY: called by the collector, with the lock held, for an object whose fields are written; they are looked at only.
    unsafe {
        let fields = (*object.cast::<Object>()).fields.assume_init_ref();
        let ended = match &fields.outcome {
            Outcome::Value(held) | Outcome::Raised(held) | Outcome::Cancelled(Some(held)) => held.as_ptr(),
            _ => null_mut(),
        };
        let callbacks = fields.callbacks.iter().flat_map(|(callback, context)| [callback.as_ptr(), context.as_ptr()]);
        show(object, visit, arg, [fields.event_loop.as_ptr(), ended].into_iter().chain(callbacks))
    }
}

unsafe extern "C" fn clear(object: *mut ffi::PyObject) -> std::ffi::c_int {
    // SAFETY: called by the collector, with the lock held; what is let go of is taken out before.
    unsafe {
        let fields = fields(object);
        let callbacks = std::mem::take(&mut fields.callbacks);
        let is_shown = matches!(fields.outcome, Outcome::Value(_) | Outcome::Raised(_) | Outcome::Cancelled(Some(_)));
        let outcome = is_shown.then(|| std::mem::replace(&mut fields.outcome, Outcome::Cancelled(None)));
        drop((callbacks, outcome));
    }
    0
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter's last look at the object, with the lock held; the fields were written when it was made.
    unsafe {
        ffi::PyObject_GC_UnTrack(object.cast());
        if !(*object.cast::<Object>()).weak_references.is_null() {
            ffi::PyObject_ClearWeakRefs(object);
        }
        let py = Python::assume_attached();
        let fields = addr_of_mut!((*object.cast::<Object>()).fields).cast::<Fields>().read();
        raw::free(object);
        if let (Outcome::Failed(error), false) = (&fields.outcome, fields.is_seen) {
            tell_unseen(py, &fields.event_loop, error);
        }
    }
}

/// A failure that nobody looked at is told to the loop, as asyncio does it.
fn tell_unseen(py: Python<'_>, event_loop: &Py<PyAny>, error: &Error) {
    // What is raised now, if anything, is not to be disturbed.
    let raised = PyErr::take(py);
    let told = PyDict::new(py);
    let tell = told
        .set_item("message", "a record's failure was never looked at")
        .and_then(|()| told.set_item("exception", errors::aio_translated(py, errors::raise(py, error)).into_value(py)))
        .and_then(|()| event_loop.call_method1(py, "call_exception_handler", (told,)));
    if let Err(error) = tell {
        error.write_unraisable(py, None);
    }
    if let Some(raised) = raised {
        raised.restore(py);
    }
}

fn attribute(name: &'static std::ffi::CStr, get: ffi::getter, set: Option<ffi::setter>) -> ffi::PyGetSetDef {
    ffi::PyGetSetDef { name: name.as_ptr(), get: Some(get), set, doc: std::ptr::null(), closure: null_mut() }
}

/// Makes both classes.
///
/// # Errors
/// If there is no memory.
pub(crate) fn make_classes(py: Python<'_>) -> PyResult<()> {
    let _ = DONE_CALLBACK.set(Names::new([c"callback", c"context"]));
    let _ = CANCEL.set(Names::new([c"msg"]));
    let slots = vec![
        slot(ffi::Py_tp_dealloc, dealloc as *const c_void),
        slot(ffi::Py_tp_traverse, traverse as *const c_void),
        slot(ffi::Py_tp_clear, clear as *const c_void),
        slot(ffi::Py_am_await, own as *const c_void),
        slot(ffi::Py_tp_iter, own as *const c_void),
        slot(ffi::Py_tp_iternext, sending_next as *const c_void),
        weak_references(offset_of!(Object, weak_references)),
        methods(vec![
            method(c"send", sending_send, ffi::METH_O),
            method(c"throw", sending_throw, ffi::METH_VARARGS),
            method(c"close", sending_close, ffi::METH_NOARGS),
        ]),
    ];
    let sending =
        class::<Object>(py, c"ottla.aio.Sending", c"A record that was sent: awaiting it gives its future.", slots, None)?;
    SENDING.store(sending.into_ptr().cast(), Ordering::Relaxed);
    let slots = vec![
        slot(ffi::Py_tp_dealloc, dealloc as *const c_void),
        slot(ffi::Py_tp_traverse, traverse as *const c_void),
        slot(ffi::Py_tp_clear, clear as *const c_void),
        slot(ffi::Py_am_await, own as *const c_void),
        slot(ffi::Py_tp_iter, own as *const c_void),
        slot(ffi::Py_tp_iternext, future_next as *const c_void),
        weak_references(offset_of!(Object, weak_references)),
        attributes(vec![
            attribute(c"_asyncio_future_blocking", is_blocking, Some(set_blocking)),
            attribute(c"_loop", loop_attribute, None),
            attribute(c"_cancel_message", cancel_message, None),
        ]),
        methods(vec![
            method(c"get_loop", get_loop, ffi::METH_NOARGS),
            method(c"done", done, ffi::METH_NOARGS),
            method(c"cancelled", cancelled, ffi::METH_NOARGS),
            fast_method(c"cancel", cancel),
            method(c"_make_cancelled_error", make_cancelled_error, ffi::METH_NOARGS),
            method(c"result", result, ffi::METH_NOARGS),
            method(c"exception", exception, ffi::METH_NOARGS),
            fast_method(c"add_done_callback", add_done_callback),
            method(c"remove_done_callback", remove_done_callback, ffi::METH_O),
        ]),
    ];
    let future = class::<Object>(py, c"ottla.aio.Future", c"What becomes of a record, or of a call.", slots, None)?;
    FUTURE.store(future.into_ptr().cast(), Ordering::Relaxed);
    Ok(())
}
