//! What the messages of one batch have in common, as one object: each message counts it with the interpreter's own counter, which
//! costs no atomic operation.

use std::mem::MaybeUninit;
use std::ptr::{addr_of_mut, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use ottla::BatchCursor;
use ottla_bindings::fork::Kept;
use ottla_protocol::record::DecodedBatch;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::gil::Guarded;
use crate::raw;

/// What keeps the bytes of a batch.
pub(crate) enum Bytes {
    /// Of a batch that was fetched, with the next record to be handed out.
    Fetched(Kept<Guarded<BatchCursor>>),
    /// Of a batch that was sent.
    Sent(DecodedBatch),
}

/// What is the same for all messages of a batch.
pub(crate) struct Batch {
    pub(crate) bytes: Bytes,
    /// An owned reference.
    pub(crate) topic: *mut ffi::PyObject,
    pub(crate) partition: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) timestamp_type: i32,
}

#[repr(C)]
struct Object {
    base: ffi::PyObject,
    batch: MaybeUninit<Batch>,
}

static CLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

/// A reference to a batch, which is let go of with the interpreter's lock held.
pub(crate) struct Shared(*mut ffi::PyObject);

// SAFETY: an owned reference, moved between threads only with the interpreter's lock held.
unsafe impl Send for Shared {}

impl Shared {
    /// # Errors
    /// If there is no memory.
    pub(crate) fn new(py: Python<'_>, batch: Batch) -> PyResult<Self> {
        // SAFETY: the class is made with the module, and has this layout; the batch is written before anybody sees the object.
        unsafe {
            let object = ffi::PyType_GenericAlloc(CLASS.load(Ordering::Relaxed), 0);
            if object.is_null() {
                ffi::Py_XDECREF(batch.topic);
                return Err(PyErr::fetch(py));
            }
            addr_of_mut!((*object.cast::<Object>()).batch).cast::<Batch>().write(batch);
            Ok(Self(object))
        }
    }

    #[inline]
    pub(crate) fn batch(&self) -> &Batch {
        // SAFETY: written when the object was made, which this reference keeps.
        unsafe { (*self.0.cast::<Object>()).batch.assume_init_ref() }
    }

    /// Another reference, which is the caller's.
    #[inline]
    pub(crate) fn to_object(&self) -> *mut ffi::PyObject {
        // SAFETY: alive, and the lock is held, since only who has it sees this.
        unsafe { ffi::Py_NewRef(self.0) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: an owned reference, let go of with the lock held, by the rule of this type.
        unsafe { ffi::Py_DECREF(self.0) };
    }
}

/// The batch of an object that [`Shared::to_object`] gave.
///
/// # Safety
/// The object is one, and outlives the answer.
#[inline]
pub(crate) unsafe fn batch_of<'a>(object: *mut ffi::PyObject) -> &'a Batch {
    // SAFETY: the caller's word.
    unsafe { (*object.cast::<Object>()).batch.assume_init_ref() }
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter's last look at the object; the batch was written when it was made.
    unsafe {
        let batch = addr_of_mut!((*object.cast::<Object>()).batch).cast::<Batch>();
        ffi::Py_XDECREF((*batch).topic);
        batch.drop_in_place();
        raw::free(object);
    }
}

/// Makes the class.
///
/// # Errors
/// If there is no memory.
pub(crate) fn make_class(py: Python<'_>) -> PyResult<()> {
    let slots = vec![raw::slot(ffi::Py_tp_dealloc, dealloc as *const std::ffi::c_void)];
    let class = raw::class::<Object>(py, c"ottla._ottla.Batch", c"What keeps the bytes of messages.", slots, None)?;
    CLASS.store(class.into_ptr().cast(), Ordering::Relaxed);
    Ok(())
}
