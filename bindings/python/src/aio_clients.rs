//! What `AIOKafkaProducer` and `AIOKafkaConsumer` derive from: their hot calls, which make no coroutine of Python's unless they
//! wait.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{addr_of_mut, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::exceptions::{PyBufferError, PyRuntimeError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::arguments::{Names, add_method, fast, finish, value_of};
use crate::consumer::Consumer;
use crate::future::Kind;
use crate::gil::Guarded;
use crate::held;
use crate::raw::{class, free, method, methods, none, show, slot};
use crate::sending::{Given, SendingProducer};
use crate::steps;

/// So many records without a suspension, and then the loop has a turn.
const TURN: u32 = 500;

/// Whether it is the loop's turn.
fn is_turn(py: Python<'_>, left: &Guarded<u32>) -> bool {
    left.with(py, |left| {
        *left = left.checked_sub(1).unwrap_or(TURN);
        *left == 0
    })
}

/// What `AIOKafkaProducer` derives from.
#[pyclass(frozen, subclass, weakref, module = "ottla._ottla", name = "AioProducer")]
pub(crate) struct AioProducer {
    native: Py<SendingProducer>,
    turn: Guarded<u32>,
}

#[pymethods]
impl AioProducer {
    #[new]
    #[pyo3(signature = (*_args, **_keywords))]
    fn new(py: Python<'_>, _args: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        Ok(Self { native: Py::new(py, SendingProducer::default())?, turn: Guarded::new(TURN) })
    }

    #[getter]
    fn _native(&self, py: Python<'_>) -> Py<SendingProducer> {
        self.native.clone_ref(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.native)
    }
}

static SEND: OnceLock<Names<6>> = OnceLock::new();

// What it answers with is awaited for the record's future, whether it is ready or a coroutine that waits for room.
fast!(raw_send, "send", SEND, |py, object, [topic, value, key, partition, timestamp, headers]| {
    let producer = value_of::<AioProducer>(object);
    let native = producer.native.get();
    if native.is_open(py) {
        let kind = Kind::Sending(is_turn(py, &producer.turn));
        match native.take(Given { topic, value, key, headers, partition, timestamp }, kind) {
            Ok(sent) => return Ok(sent),
            Err(error) if error.is_instance_of::<PyBufferError>(py) => {}
            Err(error) => return native.refuse(py, error),
        }
    }
    let given = |object| Bound::from_borrowed_ptr_or_opt(py, object);
    let given = (given(topic), given(value), given(key), given(partition), given(timestamp), given(headers));
    Ok(Bound::from_borrowed_ptr(py, object).call_method1("_send_when_there_is_room", given)?.into_ptr())
});

/// What `AIOKafkaConsumer` derives from, by way of a class that has the slot of `__anext__`.
#[pyclass(frozen, subclass, weakref, module = "ottla._ottla", name = "AioConsumer")]
pub(crate) struct AioConsumer {
    native: Py<Consumer>,
    turn: Guarded<u32>,
    /// The last awaitable, to be used again once nobody else has it: an owned reference, or null.
    last: Guarded<Last>,
}

struct Last(*mut ffi::PyObject);

// SAFETY: an owned reference, moved between threads only with the interpreter's lock held.
unsafe impl Send for Last {}

#[pymethods]
impl AioConsumer {
    #[new]
    #[pyo3(signature = (*_args, **_keywords))]
    fn new(py: Python<'_>, _args: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let native = Py::new(py, Consumer::default())?;
        Ok(Self { native, turn: Guarded::new(TURN), last: Guarded::new(Last(null_mut())) })
    }

    #[getter]
    fn _native(&self, py: Python<'_>) -> Py<Consumer> {
        self.native.clone_ref(py)
    }

    /// Lets go of the awaitable that was to be used again: one that was given up midway refers to its consumer.
    fn _forget_last(&self, py: Python<'_>) {
        let last = self.last.with(py, |last| std::mem::replace(&mut last.0, null_mut()));
        // SAFETY: an owned reference, or null.
        unsafe { ffi::Py_XDECREF(last) };
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.native)?;
        // SAFETY: called by the collector; nothing is made within `with` of this.
        held::traverse(&unsafe { self.last.peek() }.0, &visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self._forget_last(py);
    }
}

impl Drop for AioConsumer {
    fn drop(&mut self) {
        // A pyclass is dropped by the interpreter, with its lock.
        Python::attach(|py| self._forget_last(py));
    }
}

/// An awaitable for the next record, which is taken by its first step and no earlier, so that one that is never awaited takes
/// none.
struct Next {
    /// The consumer, until it has ended: an owned reference, or null.
    consumer: *mut ffi::PyObject,
    /// The coroutine that waits, once there was nothing at hand: an owned reference, or null.
    waits: *mut ffi::PyObject,
}

#[repr(C)]
struct NextObject {
    base: ffi::PyObject,
    next: MaybeUninit<Next>,
}

static NEXT: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

/// # Safety
/// One of its class, with the lock held; the answer is not kept while Python runs.
#[inline]
unsafe fn next_of<'a>(object: *mut ffi::PyObject) -> &'a mut Next {
    // SAFETY: written when the object was made.
    unsafe { (*object.cast::<NextObject>()).next.assume_init_mut() }
}

/// Ends it: what it holds is let go.
unsafe fn end(object: *mut ffi::PyObject) {
    // SAFETY: the caller's word. Letting go may run Python code, which finds nothing here any more.
    unsafe {
        let next = next_of(object);
        let held = [std::mem::replace(&mut next.consumer, null_mut()), std::mem::replace(&mut next.waits, null_mut())];
        held.into_iter().for_each(|held| ffi::Py_XDECREF(held));
    }
}

/// `__anext__`
unsafe extern "C" fn anext(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    finish(|| {
        // SAFETY: a slot of a class that is derived from the consumer's, called with the lock held.
        unsafe {
            let py = Python::assume_attached();
            let consumer = value_of::<AioConsumer>(object);
            let last = consumer.last.with(py, |last| last.0);
            if !last.is_null() && ffi::Py_REFCNT(last) == 1 {
                // Held first: ending it may run Python code, which may come here.
                ffi::Py_INCREF(last);
                // Whoever had it last may have given it up midway.
                end(last);
                next_of(last).consumer = ffi::Py_NewRef(object);
                return Ok(last);
            }
            let made = ffi::PyType_GenericAlloc(NEXT.load(Ordering::Relaxed), 0);
            if made.is_null() {
                return Err(PyErr::fetch(py));
            }
            let next = Next { consumer: ffi::Py_NewRef(object), waits: null_mut() };
            addr_of_mut!((*made.cast::<NextObject>()).next).cast::<Next>().write(next);
            let before = consumer.last.with(py, |last| std::mem::replace(&mut last.0, ffi::Py_NewRef(made)));
            ffi::Py_XDECREF(before);
            Ok(made)
        }
    })
}

unsafe extern "C" fn own(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a slot of its class.
    unsafe { ffi::Py_NewRef(object) }
}

/// One step, with what is sent into it.
unsafe fn step(object: *mut ffi::PyObject, sent: *mut ffi::PyObject) -> PyResult<*mut ffi::PyObject> {
    // SAFETY: the caller's word: one of its class, alive, with the lock held.
    unsafe {
        let py = Python::assume_attached();
        if next_of(object).waits.is_null() {
            let Some(consumer) = Bound::from_borrowed_ptr_or_opt(py, next_of(object).consumer) else {
                return Err(PyRuntimeError::new_err("cannot reuse already awaited coroutine"));
            };
            let own = value_of::<AioConsumer>(consumer.as_ptr());
            let is_turn = is_turn(py, &own.turn);
            if !is_turn {
                let record = own.native.get().take_fresh(py).inspect_err(|_| end(object))?;
                if !record.is_null() {
                    end(object);
                    steps::answer(record);
                    ffi::Py_DECREF(record);
                    return Ok(null_mut());
                }
            }
            let waits = consumer.call_method1("_next_record", (is_turn,)).inspect_err(|_| end(object))?;
            next_of(object).waits = waits.into_ptr();
        }
        // Held for itself: what runs may end this awaitable.
        let waits = Bound::from_borrowed_ptr(py, next_of(object).waits);
        let mut answer = null_mut();
        match ffi::PyIter_Send(waits.as_ptr(), sent, &raw mut answer) {
            ffi::PySendResult::PYGEN_NEXT => Ok(answer),
            ffi::PySendResult::PYGEN_RETURN => {
                end(object);
                steps::answer(answer);
                ffi::Py_DECREF(answer);
                Ok(null_mut())
            }
            ffi::PySendResult::PYGEN_ERROR => {
                let error = PyErr::fetch(py);
                end(object);
                Err(error)
            }
        }
    }
}

unsafe extern "C" fn iternext(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a slot of its class, called with the lock held.
    finish(|| unsafe { step(object, ffi::Py_None()) })
}

unsafe extern "C" fn send(object: *mut ffi::PyObject, value: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of its class, called with the lock held.
    finish(|| unsafe { step(object, value) })
}

unsafe extern "C" fn throw(object: *mut ffi::PyObject, args: *mut ffi::PyObject) -> *mut ffi::PyObject {
    finish(|| {
        // SAFETY: a method of its class, called with the lock held and a tuple.
        unsafe {
            let py = Python::assume_attached();
            let args = Bound::from_borrowed_ptr(py, args).cast_into_unchecked::<PyTuple>();
            let Some(waits) = Bound::from_borrowed_ptr_or_opt(py, next_of(object).waits) else {
                end(object);
                return Err(steps::thrown(&args));
            };
            match waits.call_method1("throw", args) {
                Ok(yielded) => Ok(yielded.into_ptr()),
                Err(error) => {
                    end(object);
                    Err(error)
                }
            }
        }
    })
}

unsafe extern "C" fn close(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    finish(|| {
        // SAFETY: a method of its class, called with the lock held.
        unsafe {
            let waits = Bound::from_borrowed_ptr_or_opt(Python::assume_attached(), next_of(object).waits);
            let closed = waits.map_or(Ok(()), |waits| waits.call_method0("close").map(drop));
            end(object);
            closed.map(|()| none())
        }
    })
}

unsafe extern "C" fn traverse(object: *mut ffi::PyObject, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: called by the collector, with the lock held. One that was only just made is all zeros, which is nothing held.
    unsafe {
        let next = (*object.cast::<NextObject>()).next.assume_init_ref();
        show(object, visit, arg, [next.consumer, next.waits].into_iter())
    }
}

unsafe extern "C" fn clear(object: *mut ffi::PyObject) -> c_int {
    // SAFETY: called by the collector, with the lock held.
    unsafe { end(object) };
    0
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter's last look at the object, with the lock held.
    unsafe {
        ffi::PyObject_GC_UnTrack(object.cast());
        end(object);
        free(object);
    }
}

/// Adds the classes.
///
/// # Errors
/// If there is no memory.
pub(crate) fn add_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let _ = SEND.set(Names::new([c"topic", c"value", c"key", c"partition", c"timestamp_ms", c"headers"]));
    module.add_class::<AioProducer>()?;
    add_method(
        &py.get_type::<AioProducer>(),
        c"send",
        raw_send,
        c"send(topic, value=None, key=None, partition=None, timestamp_ms=None, headers=None)\n\n\
          Takes a record into its batch; awaiting it waits while the buffer is full, and gives a future of its metadata.",
    )?;
    let slots = vec![
        slot(ffi::Py_tp_dealloc, dealloc as *const c_void),
        slot(ffi::Py_tp_traverse, traverse as *const c_void),
        slot(ffi::Py_tp_clear, clear as *const c_void),
        slot(ffi::Py_am_await, own as *const c_void),
        slot(ffi::Py_tp_iter, own as *const c_void),
        slot(ffi::Py_tp_iternext, iternext as *const c_void),
        methods(vec![
            method(c"send", send, ffi::METH_O),
            method(c"throw", throw, ffi::METH_VARARGS),
            method(c"close", close, ffi::METH_NOARGS),
        ]),
    ];
    let next = class::<NextObject>(py, c"ottla.aio.Next", c"The next record, to be awaited.", slots, None)?;
    NEXT.store(next.into_ptr().cast(), Ordering::Relaxed);
    // A class of its own, since one that PyO3 makes reaches `__anext__` by a look-up.
    let slots = vec![slot(ffi::Py_am_anext, anext as *const c_void), slot(ffi::Py_am_aiter, own as *const c_void)];
    let base = py.get_type::<AioConsumer>();
    let documentation = c"What reads records for a loop.";
    let consumer = class::<ffi::PyObject>(py, c"ottla._ottla.AioConsumer", documentation, slots, Some(base.as_any()))?;
    module.add("AioConsumer", consumer)
}
