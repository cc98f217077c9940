//! How messages look from Python. Two classes share the layout: `Message`, whose fields are methods (confluent-kafka's), and
//! `ConsumerRecord`, whose fields are attributes (kafka-python's and aiokafka's).

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::Ordering;

use ottla::RecordView;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::arguments::finish;
use crate::message::{Fields, MESSAGE, MessageObject, NO_PARTITION, Own, RECORD, allocate, dealloc, fields};
use crate::raw::{attributes, class, method, methods, none, object_or_none, slot};

/// What was made already, or the bytes made now and kept.
#[inline]
unsafe fn bytes_once(made: &mut *mut ffi::PyObject, bytes: Option<&[u8]>) -> *mut ffi::PyObject {
    // SAFETY: the lock is held; the batch of the bytes is kept by the object.
    unsafe {
        if made.is_null() {
            let Some(bytes) = bytes else { return none() };
            *made = ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), bytes.len() as ffi::Py_ssize_t);
            if made.is_null() {
                return null_mut();
            }
        }
        ffi::Py_NewRef(*made)
    }
}

unsafe extern "C" fn key(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe {
        let fields = fields(object);
        bytes_once(&mut fields.key, fields.record.key)
    }
}

unsafe extern "C" fn value(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe {
        let fields = fields(object);
        bytes_once(&mut fields.value, fields.record.value)
    }
}

unsafe extern "C" fn topic(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe { object_or_none(fields(object).topic()) }
}

unsafe extern "C" fn error(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe { object_or_none(fields(object).error()) }
}

unsafe extern "C" fn partition(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe {
        match fields(object).partition() {
            NO_PARTITION => none(),
            partition => ffi::PyLong_FromLong(partition.into()),
        }
    }
}

unsafe extern "C" fn offset(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe {
        match fields(object).record.offset {
            offset @ 0.. => ffi::PyLong_FromLongLong(offset),
            _ => none(),
        }
    }
}

unsafe extern "C" fn leader_epoch(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe {
        match fields(object).leader_epoch() {
            epoch @ 0.. => ffi::PyLong_FromLong(epoch.into()),
            _ => none(),
        }
    }
}

unsafe extern "C" fn latency(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe {
        let latency = fields(object).latency();
        if latency < 0.0 { none() } else { ffi::PyFloat_FromDouble(latency) }
    }
}

unsafe extern "C" fn timestamp(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    finish(|| {
        // SAFETY: a method of these classes, called with the lock held.
        let (py, fields) = unsafe { (Python::assume_attached(), fields(object)) };
        Ok((fields.timestamp_type(), fields.record.timestamp).into_pyobject(py)?.into_any().into_ptr())
    })
}

/// A record's headers as a list of pairs.
fn header_list<'py>(py: Python<'py>, record: &RecordView<'_>) -> PyResult<Bound<'py, PyList>> {
    let headers = PyList::empty(py);
    for header in &record.headers {
        let key = String::from_utf8_lossy(header.raw_key);
        headers.append((PyString::new(py, &key), header.value.map(|value| PyBytes::new(py, value))))?;
    }
    Ok(headers)
}

/// `None` (or an empty list, as an attribute) where there are none.
unsafe fn headers_once(object: *mut ffi::PyObject, or_none: bool) -> *mut ffi::PyObject {
    finish(|| {
        // SAFETY: one of these classes, with the lock held.
        let (py, fields) = unsafe { (Python::assume_attached(), fields(object)) };
        if fields.headers().is_null() {
            if fields.record.headers.is_empty() && or_none {
                return Ok(py.None().into_ptr());
            }
            let made = header_list(py, &fields.record)?.into_any().into_ptr();
            fields.own().headers = made;
        }
        // SAFETY: a reference that the message owns.
        Ok(unsafe { ffi::Py_NewRef(fields.headers()) })
    })
}

unsafe extern "C" fn headers(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe { headers_once(object, true) }
}

unsafe extern "C" fn length(object: *mut ffi::PyObject) -> ffi::Py_ssize_t {
    // SAFETY: a method of these classes.
    let value = unsafe { value(object, null_mut()) };
    if value.is_null() {
        return -1;
    }
    // SAFETY: a new reference.
    unsafe {
        let length = if value == ffi::Py_None() { 0 } else { ffi::PyObject_Size(value) };
        ffi::Py_DECREF(value);
        length
    }
}

unsafe fn set(place: &mut *mut ffi::PyObject, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the argument is alive; what was there is let go last, since that may run Python code.
    unsafe {
        let before = std::mem::replace(place, ffi::Py_NewRef(object));
        ffi::Py_XDECREF(before);
        none()
    }
}

unsafe extern "C" fn set_key(object: *mut ffi::PyObject, to: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe { set(&mut fields(object).key, to) }
}

unsafe extern "C" fn set_value(object: *mut ffi::PyObject, to: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe { set(&mut fields(object).value, to) }
}

unsafe extern "C" fn set_topic(object: *mut ffi::PyObject, to: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe { set(&mut fields(object).own().topic, to) }
}

unsafe extern "C" fn set_headers(object: *mut ffi::PyObject, to: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe { set(&mut fields(object).own().headers, to) }
}

unsafe extern "C" fn set_error(object: *mut ffi::PyObject, to: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe {
        if to == ffi::Py_None() {
            let before = std::mem::replace(&mut fields(object).own().error, null_mut());
            ffi::Py_XDECREF(before);
            return none();
        }
        set(&mut fields(object).own().error, to)
    }
}

const PARAMETERS: [&str; 10] =
    ["topic", "partition", "offset", "key", "value", "headers", "error", "timestamp", "latency", "leader_epoch"];

/// Fills fields from a constructor's arguments, for tests of applications.
fn construct(args: &Bound<'_, PyTuple>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Fields> {
    if args.len() > PARAMETERS.len() {
        return Err(PyTypeError::new_err("Message() takes at most 10 arguments"));
    }
    let mut own = Own::default();
    let (mut offset, mut timestamp) = (None, None);
    let positional = args.iter().zip(PARAMETERS).map(|(value, name)| (name.to_owned(), value));
    let mut given: Vec<(String, Bound<'_, PyAny>)> = positional.collect();
    for (name, value) in keywords.into_iter().flat_map(|keywords| keywords.iter()) {
        given.push((name.extract()?, value));
    }
    // What owns references is set last, when nothing can fail any more.
    let mut owned = Vec::new();
    for (name, value) in given.into_iter().filter(|(_, value)| !value.is_none()) {
        match name.as_str() {
            "partition" => own.partition = value.extract()?,
            "offset" => offset = Some(value.extract()?),
            "timestamp" => {
                let (kind, millis): (i32, i64) = value.extract()?;
                own.timestamp_type = kind;
                timestamp = Some(millis);
            }
            "latency" => own.latency = value.extract()?,
            "leader_epoch" => own.leader_epoch = value.extract()?,
            name if PARAMETERS.contains(&name) => owned.push((name.to_owned(), value)),
            name => return Err(PyTypeError::new_err(format!("Message() has no argument '{name}'"))),
        }
    }
    let mut fields = Fields::new(own);
    fields.record.offset = offset.unwrap_or(fields.record.offset);
    fields.record.timestamp = timestamp.unwrap_or(fields.record.timestamp);
    for (name, value) in owned {
        let place = match name.as_str() {
            "topic" => &mut fields.own().topic,
            "key" => &mut fields.key,
            "value" => &mut fields.value,
            "headers" => &mut fields.own().headers,
            _ => &mut fields.own().error,
        };
        *place = value.into_ptr();
    }
    Ok(fields)
}

unsafe extern "C" fn new(
    class: *mut ffi::PyTypeObject,
    args: *mut ffi::PyObject,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    finish(|| {
        // SAFETY: called by the interpreter, with its lock, a tuple, and a dictionary or null.
        unsafe {
            let py = Python::assume_attached();
            let args = Bound::from_borrowed_ptr(py, args).cast_into_unchecked::<PyTuple>();
            let keywords = Bound::from_borrowed_ptr_or_opt(py, keywords).map(|dict| dict.cast_into_unchecked::<PyDict>());
            Ok(allocate(py, class, construct(&args, keywords.as_ref())?))
        }
    })
}

/// An attribute that is a method of the other class.
macro_rules! attribute {
    ($name:literal, $get:expr) => {{
        unsafe extern "C" fn get(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
            // SAFETY: an attribute of these classes.
            unsafe { $get(object) }
        }
        ffi::PyGetSetDef { name: $name.as_ptr(), get: Some(get), set: None, doc: std::ptr::null(), closure: null_mut() }
    }};
}

unsafe fn attribute_offset(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: an attribute of these classes.
    unsafe { ffi::PyLong_FromLongLong(fields(object).record.offset) }
}

unsafe fn size(bytes: Option<&[u8]>) -> *mut ffi::PyObject {
    // SAFETY: makes a number.
    unsafe { bytes.map_or_else(|| ffi::PyLong_FromLong(-1), |bytes| ffi::PyLong_FromSize_t(bytes.len())) }
}

unsafe fn header_size(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: an attribute of these classes.
    unsafe {
        let headers = fields(object).record.headers;
        let size: usize = headers.iter().map(|header| header.raw_key.len() + header.value.map_or(0, <[u8]>::len)).sum();
        if headers.is_empty() { ffi::PyLong_FromLong(-1) } else { ffi::PyLong_FromSize_t(size) }
    }
}

unsafe extern "C" fn record_repr(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    finish(|| {
        // SAFETY: called by the interpreter with its lock, for one of these classes.
        let record = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), object) };
        let mut text = String::from("ConsumerRecord(");
        for (at, name) in
            ["topic", "partition", "offset", "timestamp", "timestamp_type", "key", "value", "headers"].iter().enumerate()
        {
            let comma = if at == 0 { "" } else { ", " };
            text.push_str(&format!("{comma}{name}={}", record.getattr(*name)?.repr()?));
        }
        text.push(')');
        Ok(PyString::new(record.py(), &text).into_any().into_ptr())
    })
}

/// Makes both classes and puts them into the module.
pub(crate) fn add_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let documentation = c"A record that was read, or that a delivery report is about.";
    let all = vec![
        method(c"topic", topic, ffi::METH_NOARGS),
        method(c"partition", partition, ffi::METH_NOARGS),
        method(c"offset", offset, ffi::METH_NOARGS),
        method(c"key", key, ffi::METH_NOARGS),
        method(c"value", value, ffi::METH_NOARGS),
        method(c"deserialized_key", key, ffi::METH_NOARGS),
        method(c"deserialized_value", value, ffi::METH_NOARGS),
        method(c"headers", headers, ffi::METH_NOARGS),
        method(c"error", error, ffi::METH_NOARGS),
        method(c"timestamp", timestamp, ffi::METH_NOARGS),
        method(c"latency", latency, ffi::METH_NOARGS),
        method(c"leader_epoch", leader_epoch, ffi::METH_NOARGS),
        method(c"set_topic", set_topic, ffi::METH_O),
        method(c"set_key", set_key, ffi::METH_O),
        method(c"set_value", set_value, ffi::METH_O),
        method(c"set_headers", set_headers, ffi::METH_O),
        method(c"set_error", set_error, ffi::METH_O),
    ];
    let slots = vec![
        methods(all),
        slot(ffi::Py_tp_new, new as *const c_void),
        slot(ffi::Py_sq_length, length as *const c_void),
        slot(ffi::Py_tp_dealloc, dealloc as *const c_void),
    ];
    let message = class::<MessageObject>(py, c"ottla.Message", documentation, slots, None)?;
    let all = vec![
        attribute!(c"topic", |object| topic(object, null_mut())),
        attribute!(c"partition", |object| partition(object, null_mut())),
        attribute!(c"offset", attribute_offset),
        attribute!(c"key", |object| key(object, null_mut())),
        attribute!(c"value", |object| value(object, null_mut())),
        attribute!(c"headers", |object| headers_once(object, false)),
        attribute!(c"leader_epoch", |object| leader_epoch(object, null_mut())),
        attribute!(c"timestamp", |object| ffi::PyLong_FromLongLong(fields(object).record.timestamp)),
        // kafka-python counts from 0: CreateTime.
        attribute!(c"timestamp_type", |object| ffi::PyLong_FromLong((fields(object).timestamp_type() - 1).into())),
        attribute!(c"checksum", |_| none()),
        attribute!(c"serialized_key_size", |object| size(fields(object).record.key)),
        attribute!(c"serialized_value_size", |object| size(fields(object).record.value)),
        attribute!(c"serialized_header_size", header_size),
    ];
    let slots = vec![
        attributes(all),
        slot(ffi::Py_tp_repr, record_repr as *const c_void),
        slot(ffi::Py_tp_dealloc, dealloc as *const c_void),
    ];
    let record = class::<MessageObject>(py, c"ottla.ConsumerRecord", c"A record that was read.", slots, None)?;
    module.add("Message", &message)?;
    module.add("ConsumerRecord", &record)?;
    // Kept for ever: the module's reference could be deleted.
    MESSAGE.store(message.into_ptr().cast(), Ordering::Relaxed);
    RECORD.store(record.into_ptr().cast(), Ordering::Relaxed);
    Ok(())
}
