//! What waits for the reports of records under way, by the opaques of the records, which count from 1.

use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};

use crate::held;

/// Owned references by number.
#[derive(Default)]
pub(crate) struct Table {
    places: Vec<*mut ffi::PyObject>,
    free: Vec<usize>,
}

// SAFETY: owned references, moved between threads only with the interpreter's lock held.
unsafe impl Send for Table {}

impl Table {
    /// Keeps an owned reference.
    #[inline]
    pub(crate) fn keep(&mut self, object: *mut ffi::PyObject) -> u64 {
        if let Some(at) = self.free.pop()
            && let Some(place) = self.places.get_mut(at)
        {
            *place = object;
            return at as u64 + 1;
        }
        self.places.push(object);
        self.places.len() as u64
    }

    /// Gives the reference back, null if there is none.
    #[inline]
    pub(crate) fn take(&mut self, opaque: u64) -> *mut ffi::PyObject {
        let Some(at) = usize::try_from(opaque).ok().and_then(|opaque| opaque.checked_sub(1)) else { return null_mut() };
        match self.places.get_mut(at) {
            Some(place) if !place.is_null() => {
                self.free.push(at);
                std::mem::replace(place, null_mut())
            }
            _ => null_mut(),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Shows all of them to the collector of garbage.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.places.iter().try_for_each(|place| held::traverse(place, visit))
    }

    /// Gives all of them back, some of which are null.
    pub(crate) fn take_all(&mut self) -> Vec<*mut ffi::PyObject> {
        self.free.clear();
        std::mem::take(&mut self.places)
    }
}
