//! Classes made by a specification, for objects whose layout is their own: those of which there is one for each record.

use std::ffi::{CStr, c_int, c_uint, c_void};
use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;

/// A slot of a class.
pub(crate) fn slot<T>(slot: c_int, pointer: *const T) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot, pfunc: pointer.cast_mut().cast() }
}

/// A method that takes nothing (`METH_NOARGS`) or one argument (`METH_O`).
pub(crate) fn method(name: &'static CStr, function: ffi::PyCFunction, flags: c_int) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
        ml_flags: flags,
        ml_doc: std::ptr::null(),
    }
}

/// A method with positional arguments and keywords (`METH_FASTCALL | METH_KEYWORDS`).
pub(crate) fn fast_method(name: &'static CStr, function: ffi::PyCFunctionFastWithKeywords) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: std::ptr::null(),
    }
}

/// Methods as a slot; they live as long as the process.
pub(crate) fn methods(mut all: Vec<ffi::PyMethodDef>) -> ffi::PyType_Slot {
    all.push(ffi::PyMethodDef::zeroed());
    slot(ffi::Py_tp_methods, all.leak().as_ptr())
}

/// Attributes as a slot; they live as long as the process.
pub(crate) fn attributes(mut all: Vec<ffi::PyGetSetDef>) -> ffi::PyType_Slot {
    all.push(ffi::PyGetSetDef::default());
    slot(ffi::Py_tp_getset, all.leak().as_ptr())
}

/// Where an object keeps its weak references, as a slot.
pub(crate) fn weak_references(offset: usize) -> ffi::PyType_Slot {
    let member = ffi::PyMemberDef {
        name: c"__weaklistoffset__".as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset as ffi::Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: std::ptr::null(),
    };
    slot(ffi::Py_tp_members, vec![member, ffi::PyMemberDef::default()].leak().as_ptr())
}

/// Makes a class of objects laid out as `T`, or as `base` where that is given. They can't be made from Python, unless a slot says
/// how.
pub(crate) fn class<'py, T>(
    py: Python<'py>,
    name: &'static CStr,
    documentation: &'static CStr,
    mut slots: Vec<ffi::PyType_Slot>,
    base: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let is_made = slots.iter().any(|slot| slot.slot == ffi::Py_tp_new);
    slots.push(slot(ffi::Py_tp_doc, documentation.as_ptr()));
    slots.push(ffi::PyType_Slot { slot: 0, pfunc: null_mut() });
    let flags = match base {
        Some(_) => ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE,
        None if is_made => ffi::Py_TPFLAGS_DEFAULT,
        None => ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION,
    };
    let is_collected = slots.iter().any(|slot| slot.slot == ffi::Py_tp_traverse);
    let flags = if is_collected { flags | ffi::Py_TPFLAGS_HAVE_GC } else { flags };
    let mut specification = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: if base.is_some() { 0 } else { size_of::<T>() as c_int },
        itemsize: 0,
        flags: flags as c_uint,
        // Copied by the interpreter.
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: a whole specification, whose methods and attributes live for ever; the base is a class, or null.
    unsafe {
        let base = base.map_or(null_mut(), |base| base.as_ptr());
        Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpecWithBases(&raw mut specification, base))
    }
}

/// What an object of a class of ours shows the collector of garbage, as `tp_traverse` has it: its class, and these.
///
/// # Safety
/// Called by the collector for an object of a class that [`class`] made; what is shown is null, or owned by the object.
pub(crate) unsafe fn show(
    object: *mut ffi::PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
    mut held: impl Iterator<Item = *mut ffi::PyObject>,
) -> c_int {
    // SAFETY: the caller's word.
    unsafe {
        let show = |one: *mut ffi::PyObject| if one.is_null() { 0 } else { visit(one, arg) };
        match show(ffi::Py_TYPE(object).cast()) {
            0 => held.find_map(|one| Some(show(one)).filter(|answer| *answer != 0)).unwrap_or(0),
            answer => answer,
        }
    }
}

/// Frees an object's memory, once all that it holds is let go.
///
/// # Safety
/// Called from the deallocation of an object of a class that [`class`] made.
pub(crate) unsafe fn free(object: *mut ffi::PyObject) {
    // SAFETY: a class made by a specification has the slot, and is counted by its objects.
    unsafe {
        let class = ffi::Py_TYPE(object);
        let free: ffi::freefunc = std::mem::transmute(ffi::PyType_GetSlot(class, ffi::Py_tp_free));
        free(object.cast::<c_void>());
        ffi::Py_DECREF(class.cast());
    }
}

/// A new reference to None.
#[inline]
pub(crate) unsafe fn none() -> *mut ffi::PyObject {
    // SAFETY: None is always there.
    unsafe { ffi::Py_NewRef(ffi::Py_None()) }
}

/// A new reference to what is held, to None if nothing is.
#[inline]
pub(crate) unsafe fn object_or_none(held: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: null, or alive.
    unsafe { if held.is_null() { none() } else { ffi::Py_NewRef(held) } }
}
