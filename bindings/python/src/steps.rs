//! What an awaitable's steps end with.

use std::ptr::null_mut;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Ends an awaitable's step, and with it the awaitable, with an answer: sets the `StopIteration` that says so.
///
/// # Safety
/// The object is alive, and the interpreter's lock is held. The caller answers with null.
#[inline]
pub(crate) unsafe fn answer(object: *mut ffi::PyObject) {
    // SAFETY: the caller's word. A tuple or an exception would be taken for the arguments of the exception, or for it, so that it
    // is made here.
    unsafe {
        let stop = ffi::PyExc_StopIteration;
        if ffi::PyTuple_Check(object) == 0 && ffi::PyExceptionInstance_Check(object) == 0 {
            ffi::PyErr_SetObject(stop, object);
            return;
        }
        let made = ffi::PyObject_CallFunctionObjArgs(stop, object, null_mut::<ffi::PyObject>());
        if !made.is_null() {
            ffi::PyErr_SetObject(stop, made);
            ffi::Py_DECREF(made);
        }
    }
}

/// What `throw(...)` is called with, as an exception: one, or its class with or without a value.
pub(crate) fn thrown(args: &Bound<'_, PyTuple>) -> PyErr {
    let given: Vec<_> = args.iter().filter(|one| !one.is_none()).collect();
    match given.as_slice() {
        [] => PyTypeError::new_err("throw() takes an exception"),
        [class, value, ..] if value.is_instance_of::<pyo3::exceptions::PyBaseException>() => {
            let _ = class;
            PyErr::from_value(value.clone())
        }
        [one, ..] => PyErr::from_value(one.clone()),
    }
}
