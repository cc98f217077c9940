//! Messages: an object of its own layout for each record, which keeps its batch alive and makes key, value and headers into
//! Python's objects when they are asked for. How they look from Python is in `message_classes`.

use std::mem::MaybeUninit;
use std::ptr::{addr_of_mut, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use ottla::RecordView;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::gil::Guarded;
use crate::raw;
use crate::shared::{Shared, batch_of};

/// Not there.
pub(crate) const NO_PARTITION: i32 = -1;
/// librdkafka's "no offset".
pub(crate) const NO_OFFSET: i64 = -1001;

pub(crate) const TIMESTAMP_NOT_AVAILABLE: i32 = 0;
pub(crate) const TIMESTAMP_CREATE_TIME: i32 = 1;
pub(crate) const TIMESTAMP_LOG_APPEND_TIME: i32 = 2;

/// What a message has that its batch does not say. The objects are owned references, or null.
pub(crate) struct Own {
    pub(crate) topic: *mut ffi::PyObject,
    pub(crate) partition: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) timestamp_type: i32,
    pub(crate) latency: f64,
    /// Set by a caller, or made of the record already.
    pub(crate) headers: *mut ffi::PyObject,
    pub(crate) error: *mut ffi::PyObject,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            topic: null_mut(),
            partition: NO_PARTITION,
            leader_epoch: -1,
            timestamp_type: TIMESTAMP_NOT_AVAILABLE,
            latency: -1.0,
            headers: null_mut(),
            error: null_mut(),
        }
    }
}

impl Own {
    fn objects(&self) -> [*mut ffi::PyObject; 3] {
        [self.topic, self.headers, self.error]
    }
}

/// What a message is made of. The objects are owned references, or null.
pub(crate) struct Fields {
    /// Its batch, which keeps what `record` points at.
    shared: *mut ffi::PyObject,
    pub(crate) record: RecordView<'static>,
    /// What was made of the record already, or set by a caller, or by a deserializer.
    pub(crate) key: *mut ffi::PyObject,
    pub(crate) value: *mut ffi::PyObject,
    own: Option<Box<Own>>,
}

impl Fields {
    /// Of no batch.
    pub(crate) fn new(own: Own) -> Self {
        let record = RecordView { offset: NO_OFFSET, timestamp: -1, key: None, value: None, headers: Default::default() };
        Self { shared: null_mut(), record, key: null_mut(), value: null_mut(), own: Some(Box::new(own)) }
    }

    /// A record of a batch.
    ///
    /// # Safety
    /// The record's bytes lie in the batch, and the interpreter's lock is held.
    #[inline]
    pub(crate) unsafe fn of(shared: &Shared, record: RecordView<'_>) -> Self {
        // SAFETY: the bytes lie where they are as long as the batch lives, which the message keeps.
        let record = unsafe { std::mem::transmute::<RecordView<'_>, RecordView<'static>>(record) };
        Self { shared: shared.to_object(), record, key: null_mut(), value: null_mut(), own: None }
    }

    /// The topic, borrowed, or null.
    pub(crate) fn topic(&self) -> *mut ffi::PyObject {
        match &self.own {
            Some(own) => own.topic,
            // SAFETY: a message has a batch if it has nothing of its own.
            None => unsafe { batch_of(self.shared) }.topic,
        }
    }

    pub(crate) fn partition(&self) -> i32 {
        // SAFETY: as above.
        self.own.as_ref().map_or_else(|| unsafe { batch_of(self.shared) }.partition, |own| own.partition)
    }

    pub(crate) fn leader_epoch(&self) -> i32 {
        // SAFETY: as above.
        self.own.as_ref().map_or_else(|| unsafe { batch_of(self.shared) }.leader_epoch, |own| own.leader_epoch)
    }

    pub(crate) fn timestamp_type(&self) -> i32 {
        match &self.own {
            Some(own) => own.timestamp_type,
            None if self.record.timestamp < 0 => TIMESTAMP_NOT_AVAILABLE,
            // SAFETY: as above.
            None => unsafe { batch_of(self.shared) }.timestamp_type,
        }
    }

    pub(crate) fn latency(&self) -> f64 {
        self.own.as_ref().map_or(-1.0, |own| own.latency)
    }

    /// Borrowed, or null.
    pub(crate) fn error(&self) -> *mut ffi::PyObject {
        self.own.as_ref().map_or(null_mut(), |own| own.error)
    }

    /// Borrowed, or null.
    pub(crate) fn headers(&self) -> *mut ffi::PyObject {
        self.own.as_ref().map_or(null_mut(), |own| own.headers)
    }

    /// What it has of its own, which begins as what its batch says.
    pub(crate) fn own(&mut self) -> &mut Own {
        let (partition, leader_epoch, timestamp_type) = (self.partition(), self.leader_epoch(), self.timestamp_type());
        let topic = self.topic();
        self.own.get_or_insert_with(|| {
            // SAFETY: null, or the batch's, which is alive.
            let topic = if topic.is_null() { topic } else { unsafe { ffi::Py_NewRef(topic) } };
            Box::new(Own { topic, partition, leader_epoch, timestamp_type, ..Own::default() })
        })
    }

    /// Lets go of all that is held.
    ///
    /// # Safety
    /// Once, with the interpreter's lock held.
    #[inline]
    unsafe fn release(&mut self) {
        // SAFETY: owned references, or null.
        unsafe {
            ffi::Py_XDECREF(self.key);
            ffi::Py_XDECREF(self.value);
            if let Some(own) = self.own.take() {
                own.objects().into_iter().for_each(|object| ffi::Py_XDECREF(object));
            }
            ffi::Py_XDECREF(self.shared);
        }
    }
}

#[repr(C)]
pub(crate) struct MessageObject {
    base: ffi::PyObject,
    fields: MaybeUninit<Fields>,
}

pub(crate) static MESSAGE: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());
pub(crate) static RECORD: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

/// Which of the two classes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Message,
    ConsumerRecord,
}

/// Memory of messages that are gone, for the next ones: both classes are of one size, and none is derived from them.
struct Free {
    objects: Vec<*mut ffi::PyObject>,
}

// SAFETY: memory that nobody else knows, looked at with the interpreter's lock only.
unsafe impl Send for Free {}

static FREE: Guarded<Free> = Guarded::new(Free { objects: Vec::new() });

/// How many are kept: what one `consume` of the usual size takes.
const KEEP: usize = 1000;

/// Makes a message; takes over the references in `fields`. Null with an exception if there is no memory.
#[inline]
pub(crate) fn make(py: Python<'_>, class: Class, fields: Fields) -> *mut ffi::PyObject {
    let class = match class {
        Class::Message => &MESSAGE,
        Class::ConsumerRecord => &RECORD,
    };
    // SAFETY: the classes are made with the module, and both have this layout.
    unsafe { allocate(py, class.load(Ordering::Relaxed), fields) }
}

/// # Safety
/// `class` is one of the two.
#[inline]
pub(crate) unsafe fn allocate(py: Python<'_>, class: *mut ffi::PyTypeObject, mut fields: Fields) -> *mut ffi::PyObject {
    // SAFETY: memory of an object of this layout; the fields are written before anybody sees it.
    unsafe {
        let object = match FREE.with(py, |free| free.objects.pop()) {
            Some(memory) => ffi::PyObject_Init(memory, class),
            None => ffi::PyType_GenericAlloc(class, 0),
        };
        if object.is_null() {
            fields.release();
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
pub(crate) unsafe fn fields<'a>(object: *mut ffi::PyObject) -> &'a mut Fields {
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
        let is = |other: &AtomicPtr<ffi::PyTypeObject>| class == other.load(Ordering::Relaxed);
        if is(&MESSAGE) || is(&RECORD) { Ok(fields(object.as_ptr())) } else { Err(PyTypeError::new_err("expected a Message")) }
    }
}

pub(crate) unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter's last look at the object; the fields were written when it was made. A class made by a
    // specification is counted by its objects.
    unsafe {
        fields(object).release();
        let is_kept = FREE.with(Python::assume_attached(), |free| {
            let is_kept = free.objects.len() < KEEP;
            if is_kept {
                free.objects.push(object);
            }
            is_kept
        });
        if is_kept {
            ffi::Py_DECREF(ffi::Py_TYPE(object).cast());
        } else {
            raw::free(object);
        }
    }
}
