//! Messages: an object of its own layout for each record, which keeps its batch alive and makes key, value and headers into Python's
//! objects when they are asked for.
//!
//! Two classes share the layout: `Message`, whose fields are methods (confluent-kafka's), and `ConsumerRecord`, whose fields are
//! attributes (kafka-python's and aiokafka's).

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{addr_of_mut, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use ottla::RecordView;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::arguments::finish;

/// What a message's bytes lie in, kept alive by it. Never read through.
pub(crate) type Kept = Arc<dyn std::any::Any + Send + Sync>;

/// Not there.
pub(crate) const NO_PARTITION: i32 = -1;
/// librdkafka's "no offset".
pub(crate) const NO_OFFSET: i64 = -1001;

pub(crate) const TIMESTAMP_NOT_AVAILABLE: i32 = 0;
pub(crate) const TIMESTAMP_CREATE_TIME: i32 = 1;
pub(crate) const TIMESTAMP_LOG_APPEND_TIME: i32 = 2;

/// What a message is made of. The objects are owned references, or null.
pub(crate) struct Fields {
    /// Keeps what `record` points at.
    pub(crate) kept: Option<Kept>,
    pub(crate) record: RecordView<'static>,
    pub(crate) topic: *mut ffi::PyObject,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp_type: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) latency: f64,
    /// What was made of the record already, or set by a caller, or by a deserializer.
    pub(crate) key: *mut ffi::PyObject,
    pub(crate) value: *mut ffi::PyObject,
    pub(crate) headers: *mut ffi::PyObject,
    pub(crate) error: *mut ffi::PyObject,
}

impl Fields {
    /// Nothing at all.
    pub(crate) fn empty() -> Self {
        Self {
            kept: None,
            record: RecordView { offset: NO_OFFSET, timestamp: -1, key: None, value: None, headers: Default::default() },
            topic: null_mut(),
            partition: NO_PARTITION,
            offset: NO_OFFSET,
            timestamp_type: TIMESTAMP_NOT_AVAILABLE,
            leader_epoch: -1,
            latency: -1.0,
            key: null_mut(),
            value: null_mut(),
            headers: null_mut(),
            error: null_mut(),
        }
    }

    fn objects(&self) -> [*mut ffi::PyObject; 5] {
        [self.topic, self.key, self.value, self.headers, self.error]
    }
}

#[repr(C)]
struct MessageObject {
    base: ffi::PyObject,
    fields: MaybeUninit<Fields>,
}

/// Says that a record's bytes live as long as a message does, which keeps their batch.
///
/// # Safety
/// What the record points at is kept by the `Kept` beside which it is put into `Fields`, at a place in memory that does not change.
pub(crate) unsafe fn outlive(record: RecordView<'_>) -> RecordView<'static> {
    // SAFETY: the caller's word.
    unsafe { std::mem::transmute(record) }
}

static MESSAGE: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());
static RECORD: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

/// Which of the two classes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Message,
    ConsumerRecord,
}

/// Makes a message; takes over the references in `fields`. Null with an exception if there is no memory.
pub(crate) fn make(_py: Python<'_>, class: Class, fields: Fields) -> *mut ffi::PyObject {
    let class = match class {
        Class::Message => &MESSAGE,
        Class::ConsumerRecord => &RECORD,
    };
    // SAFETY: the classes are made with the module, and both have this layout.
    unsafe { allocate(class.load(Ordering::Relaxed), fields) }
}

unsafe fn allocate(class: *mut ffi::PyTypeObject, fields: Fields) -> *mut ffi::PyObject {
    // SAFETY: a class of this layout; the fields are written before anybody sees the object.
    unsafe {
        let object = ffi::PyType_GenericAlloc(class, 0);
        if object.is_null() {
            fields.objects().into_iter().for_each(|object| ffi::Py_XDECREF(object));
            return object;
        }
        addr_of_mut!((*object.cast::<MessageObject>()).fields).cast::<Fields>().write(fields);
        object
    }
}

/// The fields of a message, for as long as the interpreter's lock is held and the message lives.
///
/// # Safety
/// `object` is one of the two classes.
#[inline]
unsafe fn fields<'a>(object: *mut ffi::PyObject) -> &'a mut Fields {
    // SAFETY: written when the object was made.
    unsafe { (*object.cast::<MessageObject>()).fields.assume_init_mut() }
}

/// The fields of what may be a message.
///
/// # Errors
/// `TypeError` if it is none.
pub(crate) fn fields_of<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<&'a Fields> {
    // SAFETY: the classes live as long as the module; the check comes before the look.
    unsafe {
        let class = ffi::Py_TYPE(object.as_ptr());
        let is = |other: &AtomicPtr<ffi::PyTypeObject>| ffi::PyType_IsSubtype(class, other.load(Ordering::Relaxed)) != 0;
        if is(&MESSAGE) || is(&RECORD) { Ok(fields(object.as_ptr())) } else { Err(PyTypeError::new_err("expected a Message")) }
    }
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter's last look at the object; the fields were written when it was made. A class made by a specification is
    // counted by its objects.
    unsafe {
        let class = ffi::Py_TYPE(object);
        let fields = addr_of_mut!((*object.cast::<MessageObject>()).fields).cast::<Fields>();
        for held in (*fields).objects() {
            ffi::Py_XDECREF(held);
        }
        fields.drop_in_place();
        let free: ffi::freefunc = std::mem::transmute(ffi::PyType_GetSlot(class, ffi::Py_tp_free));
        free(object.cast());
        ffi::Py_DECREF(class.cast());
    }
}

#[inline]
unsafe fn none() -> *mut ffi::PyObject {
    // SAFETY: None is always there.
    unsafe { ffi::Py_NewRef(ffi::Py_None()) }
}

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

unsafe fn object_or_none(held: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: null, or a reference that the message owns.
    unsafe { if held.is_null() { none() } else { ffi::Py_NewRef(held) } }
}

unsafe extern "C" fn topic(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe { object_or_none(fields(object).topic) }
}

unsafe extern "C" fn error(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe { object_or_none(fields(object).error) }
}

unsafe extern "C" fn partition(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe {
        match fields(object).partition {
            NO_PARTITION => none(),
            partition => ffi::PyLong_FromLong(partition.into()),
        }
    }
}

unsafe extern "C" fn offset(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe {
        match fields(object).offset {
            offset @ 0.. => ffi::PyLong_FromLongLong(offset),
            _ => none(),
        }
    }
}

unsafe extern "C" fn leader_epoch(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe {
        match fields(object).leader_epoch {
            epoch @ 0.. => ffi::PyLong_FromLong(epoch.into()),
            _ => none(),
        }
    }
}

unsafe extern "C" fn latency(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe {
        let latency = fields(object).latency;
        if latency < 0.0 { none() } else { ffi::PyFloat_FromDouble(latency) }
    }
}

unsafe extern "C" fn timestamp(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    finish(|| {
        // SAFETY: a method of these classes, called with the lock held.
        let (py, fields) = unsafe { (Python::assume_attached(), fields(object)) };
        Ok((fields.timestamp_type, fields.record.timestamp).into_pyobject(py)?.into_any().into_ptr())
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
        if fields.headers.is_null() {
            if fields.record.headers.is_empty() && or_none {
                return Ok(py.None().into_ptr());
            }
            fields.headers = header_list(py, &fields.record)?.into_any().into_ptr();
        }
        // SAFETY: a reference that the message owns.
        Ok(unsafe { ffi::Py_NewRef(fields.headers) })
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

unsafe extern "C" fn set_headers(object: *mut ffi::PyObject, to: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe { set(&mut fields(object).headers, to) }
}

unsafe extern "C" fn set_error(object: *mut ffi::PyObject, to: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method of these classes.
    unsafe {
        if to == ffi::Py_None() {
            let before = std::mem::replace(&mut fields(object).error, null_mut());
            ffi::Py_XDECREF(before);
            return none();
        }
        set(&mut fields(object).error, to)
    }
}

const PARAMETERS: [&str; 10] =
    ["topic", "partition", "offset", "key", "value", "headers", "error", "timestamp", "latency", "leader_epoch"];

/// Fills fields from a constructor's arguments, for tests of applications.
fn construct(args: &Bound<'_, PyTuple>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Fields> {
    if args.len() > PARAMETERS.len() {
        return Err(PyTypeError::new_err("Message() takes at most 10 arguments"));
    }
    let mut fields = Fields::empty();
    let positional = args.iter().zip(PARAMETERS).map(|(value, name)| (name.to_owned(), value));
    let mut given: Vec<(String, Bound<'_, PyAny>)> = positional.collect();
    for (name, value) in keywords.into_iter().flat_map(|keywords| keywords.iter()) {
        given.push((name.extract()?, value));
    }
    // What owns references is set last, when nothing can fail any more.
    let mut owned = Vec::new();
    for (name, value) in given.into_iter().filter(|(_, value)| !value.is_none()) {
        match name.as_str() {
            "partition" => fields.partition = value.extract()?,
            "offset" => fields.offset = value.extract()?,
            "timestamp" => (fields.timestamp_type, fields.record.timestamp) = value.extract()?,
            "latency" => fields.latency = value.extract()?,
            "leader_epoch" => fields.leader_epoch = value.extract()?,
            name if PARAMETERS.contains(&name) => owned.push((name.to_owned(), value)),
            name => return Err(PyTypeError::new_err(format!("Message() has no argument '{name}'"))),
        }
    }
    for (name, value) in owned {
        let place = match name.as_str() {
            "topic" => &mut fields.topic,
            "key" => &mut fields.key,
            "value" => &mut fields.value,
            "headers" => &mut fields.headers,
            _ => &mut fields.error,
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
            Ok(allocate(class, construct(&args, keywords.as_ref())?))
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
    unsafe { ffi::PyLong_FromLongLong(fields(object).offset) }
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

fn slot<T>(slot: c_int, pointer: *const T) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot, pfunc: pointer.cast_mut().cast() }
}

fn make_class<'py>(
    py: Python<'py>,
    name: &'static std::ffi::CStr,
    mut slots: Vec<ffi::PyType_Slot>,
) -> PyResult<Bound<'py, PyAny>> {
    slots.push(slot(ffi::Py_tp_dealloc, dealloc as *const c_void));
    slots.push(ffi::PyType_Slot { slot: 0, pfunc: null_mut() });
    let mut specification = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: size_of::<MessageObject>() as c_int,
        itemsize: 0,
        flags: ffi::Py_TPFLAGS_DEFAULT as std::ffi::c_uint,
        // Copied by the interpreter.
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: a whole specification, whose methods and attributes live for ever.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&raw mut specification)) }
}

/// Makes both classes and puts them into the module.
pub(crate) fn add_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let method = |name: &'static std::ffi::CStr, function: ffi::PyCFunction, flags| ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
        ml_flags: flags,
        ml_doc: std::ptr::null(),
    };
    let methods = vec![
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
        method(c"set_key", set_key, ffi::METH_O),
        method(c"set_value", set_value, ffi::METH_O),
        method(c"set_headers", set_headers, ffi::METH_O),
        method(c"set_error", set_error, ffi::METH_O),
        ffi::PyMethodDef::zeroed(),
    ];
    let documentation = c"A record that was read, or that a delivery report is about.";
    let slots = vec![
        slot(ffi::Py_tp_methods, methods.leak().as_ptr()),
        slot(ffi::Py_tp_new, new as *const c_void),
        slot(ffi::Py_sq_length, length as *const c_void),
        slot(ffi::Py_tp_doc, documentation.as_ptr()),
    ];
    let message = make_class(py, c"ottla.Message", slots)?;
    let attributes = vec![
        attribute!(c"topic", |object| topic(object, null_mut())),
        attribute!(c"partition", |object| partition(object, null_mut())),
        attribute!(c"offset", attribute_offset),
        attribute!(c"key", |object| key(object, null_mut())),
        attribute!(c"value", |object| value(object, null_mut())),
        attribute!(c"headers", |object| headers_once(object, false)),
        attribute!(c"leader_epoch", |object| leader_epoch(object, null_mut())),
        attribute!(c"timestamp", |object| ffi::PyLong_FromLongLong(fields(object).record.timestamp)),
        // kafka-python counts from 0: CreateTime.
        attribute!(c"timestamp_type", |object| ffi::PyLong_FromLong((fields(object).timestamp_type - 1).into())),
        attribute!(c"checksum", |_| none()),
        attribute!(c"serialized_key_size", |object| size(fields(object).record.key)),
        attribute!(c"serialized_value_size", |object| size(fields(object).record.value)),
        attribute!(c"serialized_header_size", header_size),
        ffi::PyGetSetDef::default(),
    ];
    let documentation = c"A record that was read.";
    let slots = vec![
        slot(ffi::Py_tp_getset, attributes.leak().as_ptr()),
        slot(ffi::Py_tp_repr, record_repr as *const c_void),
        slot(ffi::Py_tp_doc, documentation.as_ptr()),
    ];
    let record = make_class(py, c"ottla.ConsumerRecord", slots)?;
    module.add("Message", &message)?;
    module.add("ConsumerRecord", &record)?;
    // Kept for ever: the module's reference could be deleted.
    MESSAGE.store(message.into_ptr().cast(), Ordering::Relaxed);
    RECORD.store(record.into_ptr().cast(), Ordering::Relaxed);
    Ok(())
}
