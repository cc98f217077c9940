//! Named tuples of Python's, made without a call of Python code.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};

static TOPIC_PARTITION: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Makes one of its class, whose fields these are. (What its own constructor does, through Python code.)
pub(crate) fn named_tuple<'py>(class: &Bound<'py, PyType>, fields: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let arguments = PyTuple::new(py, [fields])?;
    // SAFETY: tuple's own constructor, of a class that is derived from it, with a tuple of one argument. It answers with a new
    // reference, or null with an exception.
    unsafe {
        let new = ffi::PyType_GetSlot(&raw mut ffi::PyTuple_Type, ffi::Py_tp_new);
        let new: ffi::newfunc = std::mem::transmute(new);
        let made = new(class.as_type_ptr(), arguments.as_ptr(), std::ptr::null_mut());
        Bound::from_owned_ptr_or_err(py, made)
    }
}

/// kafka-python's and aiokafka's `TopicPartition`.
pub(crate) fn topic_partition<'py>(py: Python<'py>, topic: &Py<PyAny>, partition: i32) -> PyResult<Bound<'py, PyAny>> {
    let class = TOPIC_PARTITION.import(py, "ottla.kafka.structs", "TopicPartition")?;
    named_tuple(class, &(topic, partition).into_pyobject(py)?)
}
