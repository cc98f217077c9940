//! Arguments of the hot methods, which come as a vector and a tuple of keywords (METH_FASTCALL | METH_KEYWORDS).

use std::ffi::{CStr, c_char};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::{Borrowed, PyClass, ffi};

/// The names of a hot method's parameters, interned, so that a keyword is mostly found by its address.
pub(crate) struct Names<const N: usize>([usize; N]);

impl<const N: usize> Names<N> {
    /// Interns them; they live as long as the interpreter.
    pub(crate) fn new(names: [&CStr; N]) -> Self {
        // SAFETY: made while the module is, with the interpreter's lock; the reference is kept for ever.
        Self(names.map(|name| unsafe { ffi::PyUnicode_InternFromString(name.as_ptr()) } as usize))
    }

    fn find(&self, name: *mut ffi::PyObject) -> Option<usize> {
        let found = self.0.iter().position(|known| *known == name as usize);
        found.or_else(|| {
            // SAFETY: both are strings: keywords always are. Neither is null.
            self.0.iter().position(|known| unsafe { ffi::PyUnicode_Compare(*known as *mut ffi::PyObject, name) } == 0)
        })
    }

    /// Sorts arguments to their parameters, null where none was given. All are borrowed from the call.
    ///
    /// # Errors
    /// `TypeError` as Python itself has it.
    ///
    /// # Safety
    /// `args`, `count` and `keywords` are what the interpreter called a fast function with.
    #[inline]
    pub(crate) unsafe fn sort(
        &self,
        method: &str,
        args: *const *mut ffi::PyObject,
        count: ffi::Py_ssize_t,
        keywords: *mut ffi::PyObject,
    ) -> PyResult<[*mut ffi::PyObject; N]> {
        let mut sorted = [std::ptr::null_mut(); N];
        let count = usize::try_from(count).unwrap_or(0);
        if count > N {
            return Err(PyTypeError::new_err(format!("{method}() takes at most {N} arguments ({count} given)")));
        }
        for (at, place) in sorted.iter_mut().enumerate().take(count) {
            // SAFETY: there are `count` positional arguments.
            *place = unsafe { *args.add(at) };
        }
        if !keywords.is_null() {
            // SAFETY: the names of the keywords are a tuple, and their values follow the positional arguments.
            let named = unsafe { ffi::PyTuple_Size(keywords) };
            for at in 0..named {
                // SAFETY: as above.
                let (name, value) =
                    unsafe { (ffi::PyTuple_GetItem(keywords, at), *args.add(count + usize::try_from(at).unwrap_or(0))) };
                match self.find(name).and_then(|found| sorted.get_mut(found)) {
                    Some(place) if place.is_null() => *place = value,
                    found => {
                        // SAFETY: a keyword is a live string.
                        let name = unsafe { text("a keyword", name) }?;
                        let why = if found.is_some() { "got multiple values for argument" } else { "has no argument" };
                        return Err(PyTypeError::new_err(format!("{method}() {why} '{name}'")));
                    }
                }
            }
        }
        Ok(sorted)
    }
}

/// Whether an argument was left out, or is None.
#[inline]
pub(crate) fn is_none(object: *mut ffi::PyObject) -> bool {
    // SAFETY: compares addresses.
    object.is_null() || object == unsafe { ffi::Py_None() }
}

/// The text of a string.
///
/// # Errors
/// `TypeError` if it is none.
///
/// # Safety
/// `object` is alive for `'a`, and the interpreter's lock is held.
#[inline]
pub(crate) unsafe fn text<'a>(what: &str, object: *mut ffi::PyObject) -> PyResult<&'a str> {
    let mut length = 0;
    // SAFETY: the object is alive; what is no string answers with null and an exception.
    let data: *const c_char = unsafe { ffi::PyUnicode_AsUTF8AndSize(object, &raw mut length) };
    if data.is_null() {
        // SAFETY: the lock is held.
        let py = unsafe { Python::assume_attached() };
        let error = PyErr::fetch(py);
        let is_type = error.is_instance_of::<PyTypeError>(py);
        return Err(if is_type { PyTypeError::new_err(format!("{what} must be str")) } else { error });
    }
    // SAFETY: UTF-8 of this length, kept by the string as long as that lives.
    Ok(unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(data.cast(), usize::try_from(length).unwrap_or(0))) })
}

/// The bytes of a key or a value: bytes, a string's UTF-8, or what any other buffer holds, copied into `copy`. None is null.
///
/// # Errors
/// `TypeError` if it is none of these.
///
/// # Safety
/// `object` is alive for `'a`, or null, and the interpreter's lock is held.
#[inline]
pub(crate) unsafe fn bytes<'a>(what: &str, object: *mut ffi::PyObject, copy: &'a mut Vec<u8>) -> PyResult<Option<&'a [u8]>> {
    if is_none(object) {
        return Ok(None);
    }
    // SAFETY: the object is alive, and its kind is asked before it is read as such. Bytes do not change, nor move.
    unsafe {
        if ffi::PyBytes_Check(object) != 0 {
            let length = usize::try_from(ffi::PyBytes_Size(object)).unwrap_or(0);
            return Ok(Some(std::slice::from_raw_parts(ffi::PyBytes_AsString(object).cast(), length)));
        }
        if ffi::PyUnicode_Check(object) != 0 {
            return Ok(Some(text(what, object)?.as_bytes()));
        }
        // A buffer may change once Python runs again, so it is copied.
        let mut view = std::mem::MaybeUninit::<ffi::Py_buffer>::zeroed();
        if ffi::PyObject_GetBuffer(object, view.as_mut_ptr(), ffi::PyBUF_SIMPLE) != 0 {
            let _ = PyErr::take(Python::assume_attached());
            return Err(PyTypeError::new_err(format!("{what} must be bytes, str, a buffer of contiguous bytes, or None")));
        }
        let mut view = view.assume_init();
        let length = usize::try_from(view.len).unwrap_or(0);
        if length > 0 {
            copy.extend_from_slice(std::slice::from_raw_parts(view.buf.cast(), length));
        }
        ffi::PyBuffer_Release(&raw mut view);
    }
    Ok(Some(copy))
}

/// A whole number.
///
/// # Errors
/// What Python says of an object that is none, `ValueError` if it is too large.
///
/// # Safety
/// `object` is alive, and the interpreter's lock is held.
pub(crate) unsafe fn integer(what: &str, object: *mut ffi::PyObject) -> PyResult<i64> {
    // SAFETY: the object is alive.
    let value = unsafe { ffi::PyLong_AsLongLong(object) };
    if value == -1 {
        // SAFETY: the lock is held.
        if let Some(error) = PyErr::take(unsafe { Python::assume_attached() }) {
            // SAFETY: as above.
            let py = unsafe { Python::assume_attached() };
            let is_type = error.is_instance_of::<PyTypeError>(py);
            return Err(if is_type {
                PyTypeError::new_err(format!("{what} must be int"))
            } else {
                PyValueError::new_err(format!("{what} is out of range"))
            });
        }
    }
    Ok(value)
}

/// Seconds to wait; left out, None or below zero is for ever.
///
/// # Errors
/// `TypeError` if it is no number.
///
/// # Safety
/// `object` is alive, or null, and the interpreter's lock is held.
pub(crate) unsafe fn seconds(object: *mut ffi::PyObject) -> PyResult<Option<f64>> {
    if is_none(object) {
        return Ok(None);
    }
    // SAFETY: the object is alive.
    let value = unsafe { ffi::PyFloat_AsDouble(object) };
    if value == -1.0 {
        // SAFETY: the lock is held.
        if PyErr::take(unsafe { Python::assume_attached() }).is_some() {
            return Err(PyTypeError::new_err("timeout must be a number of seconds"));
        }
    }
    Ok(Some(value))
}

/// The timeout that a method was called with last, found again by its object, which is kept: mostly it is one and the same.
pub(crate) struct LastTimeout {
    object: *mut ffi::PyObject,
    seconds: Option<f64>,
}

// SAFETY: an owned reference, moved between threads only with the interpreter's lock held.
unsafe impl Send for LastTimeout {}

impl Default for LastTimeout {
    fn default() -> Self {
        Self { object: std::ptr::null_mut(), seconds: None }
    }
}

impl LastTimeout {
    /// The seconds, if this is the object of the last time.
    #[inline]
    pub(crate) fn find(&self, object: *mut ffi::PyObject) -> Option<Option<f64>> {
        (!object.is_null() && object == self.object).then_some(self.seconds)
    }

    /// Remembers seconds, if they can't change. A reference that was kept so far is the caller's now.
    ///
    /// # Safety
    /// `object` is alive, or null, and the interpreter's lock is held.
    #[must_use]
    pub(crate) unsafe fn remember(&mut self, object: *mut ffi::PyObject, seconds: Option<f64>) -> *mut ffi::PyObject {
        // SAFETY: compares addresses of classes that are always there.
        unsafe {
            let is_number = |class| ffi::Py_TYPE(object) == class;
            if object.is_null() || !(is_number(&raw mut ffi::PyLong_Type) || is_number(&raw mut ffi::PyFloat_Type)) {
                return std::ptr::null_mut();
            }
            self.seconds = seconds;
            std::mem::replace(&mut self.object, ffi::Py_NewRef(object))
        }
    }

    /// Forgets it; the reference is the caller's.
    pub(crate) fn forget(&mut self) -> *mut ffi::PyObject {
        std::mem::replace(&mut self.object, std::ptr::null_mut())
    }
}

/// Ends a raw function: what it made, or the exception set and null. No panic goes on into the interpreter.
pub(crate) fn finish(work: impl FnOnce() -> PyResult<*mut ffi::PyObject>) -> *mut ffi::PyObject {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    let error = match done {
        Ok(Ok(object)) => return object,
        Ok(Err(error)) => error,
        Err(_) => pyo3::exceptions::PySystemError::new_err("ottla's native module failed within"),
    };
    // SAFETY: called by the interpreter, with its lock.
    error.restore(unsafe { Python::assume_attached() });
    std::ptr::null_mut()
}

/// Makes a fast method's function: its arguments are sorted by their names, and what its body does is unsafe, as it is called by
/// the interpreter, with its lock, for an object of the class that has the method. The body answers with a new reference, or an
/// error.
macro_rules! fast {
    ($name:ident, $method:literal, $names:ident, |$py:ident, $object:ident, [$($parameter:ident),*]| $body:block) => {
        unsafe extern "C" fn $name(
            $object: *mut ffi::PyObject,
            args: *const *mut ffi::PyObject,
            count: ffi::Py_ssize_t,
            keywords: *mut ffi::PyObject,
        ) -> *mut ffi::PyObject {
            $crate::arguments::finish(|| {
                // SAFETY: a fast call of the interpreter's: the descriptor has checked the class, and object and arguments are
                // alive while this runs.
                unsafe {
                    let $py = Python::assume_attached();
                    let names = $names
                        .get()
                        .ok_or_else(|| pyo3::exceptions::PyRuntimeError::new_err("the module is not there yet"))?;
                    let [$($parameter),*] = names.sort($method, args, count, keywords)?;
                    $body
                }
            })
        }
    };
}
pub(crate) use fast;

/// Adds a fast method to a class.
///
/// # Errors
/// If the class can't be changed.
pub(crate) fn add_method(
    class: &Bound<'_, pyo3::types::PyType>,
    name: &'static CStr,
    function: ffi::PyCFunctionFastWithKeywords,
    documentation: &'static CStr,
) -> PyResult<()> {
    // Lives as long as the class, which lives as long as the process.
    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: documentation.as_ptr(),
    }));
    // SAFETY: the definition lives for ever, and the class is alive; the descriptor is a new reference, or null with an
    // exception.
    unsafe {
        let descriptor = ffi::PyDescr_NewMethod(class.as_ptr().cast(), definition);
        let descriptor = Bound::from_owned_ptr_or_err(class.py(), descriptor)?;
        if ffi::PyObject_SetAttrString(class.as_ptr(), name.as_ptr(), descriptor.as_ptr()) != 0 {
            return Err(PyErr::fetch(class.py()));
        }
    }
    Ok(())
}

/// What lies in the object that one of its class' fast methods was called with.
///
/// # Safety
/// The interpreter called a method of that class with it, and the answer is not kept for longer than that call.
pub(crate) unsafe fn value_of<'a, T>(object: *mut ffi::PyObject) -> &'a T
where
    T: PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Sync,
{
    // SAFETY: the descriptor has checked the class; the value lives in the object, which is alive while its method runs.
    unsafe {
        let value: *const T = Borrowed::from_ptr(Python::assume_attached(), object).cast_unchecked::<T>().get();
        &*value
    }
}
