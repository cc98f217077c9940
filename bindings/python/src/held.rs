//! Python's objects that a client holds: the collector of garbage is shown them, and may have them let go of.

use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::gil::Guarded;

/// A callback, a serializer or the like, if there is one.
pub(crate) struct Held(Guarded<Option<Py<PyAny>>>);

impl Default for Held {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Held {
    pub(crate) const fn new(object: Option<Py<PyAny>>) -> Self {
        Self(Guarded::new(object))
    }

    #[inline]
    pub(crate) fn is_none(&self, py: Python<'_>) -> bool {
        self.0.with(py, |object| object.is_none())
    }

    #[inline]
    pub(crate) fn get<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.0.with(py, |object| object.as_ref().map(|object| object.bind(py).clone()))
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: called by the collector; nothing is made within `with`.
        visit.call(unsafe { self.0.peek() })
    }

    pub(crate) fn clear(&self, py: Python<'_>) {
        // Let go of outside: that runs Python code, which may look.
        let before = self.0.with(py, Option::take);
        drop(before);
    }
}

/// Shows the collector an object that is held as a plain pointer: owned, or null.
pub(crate) fn traverse(object: &*mut ffi::PyObject, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    // SAFETY: `Py` is laid out as a pointer that is not null, and this one is looked at only.
    let object: &Option<Py<PyAny>> = unsafe { &*std::ptr::from_ref(object).cast() };
    visit.call(object)
}
