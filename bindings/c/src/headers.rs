//! Lists of record headers.

use std::ffi::{CString, c_char, c_int, c_void};

use crate::boundary::{bytes, c_string, text};
use crate::error::{INVALID_ARG, NO_ERROR};
use crate::types::rd_kafka_resp_err_t;

/// `_NOENT`: there is no such header.
const NOENT: c_int = -156;

/// Headers in their order (`rd_kafka_headers_t`). A value ends in a zero byte that its length does not count.
#[derive(Clone, Default)]
pub struct rd_kafka_headers_s {
    headers: Vec<(CString, Option<Vec<u8>>)>,
}

impl rd_kafka_headers_s {
    /// Appends a header.
    pub(crate) fn push(&mut self, name: &[u8], value: Option<&[u8]>) {
        let value = value.map(|value| {
            let mut kept = Vec::with_capacity(value.len() + 1);
            kept.extend_from_slice(value);
            kept.push(0);
            kept
        });
        self.headers.push((c_string(name), value));
    }

    /// The headers: keys that are no UTF-8 are refused before they come here.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, Option<&[u8]>)> {
        self.headers.iter().map(|(name, value)| {
            (
                name.to_str().unwrap_or_default(),
                value.as_deref().map(|value| value.split_last().map_or(value, |(_, value)| value)),
            )
        })
    }

    fn raw(&self, at: usize) -> Option<(*const c_char, *const c_void, usize)> {
        let (name, value) = self.headers.get(at)?;
        let (value, size) = match value {
            Some(value) => (value.as_ptr().cast::<c_void>(), value.len().saturating_sub(1)),
            None => (std::ptr::null(), 0),
        };
        Some((name.as_ptr(), value, size))
    }
}

/// The name that C gave, with its length or -1 for that of the string.
///
/// # Safety
/// `name` is null or points to so many bytes, or to a string.
pub(crate) unsafe fn name<'a>(name: *const c_char, size: isize) -> Option<&'a str> {
    match usize::try_from(size) {
        // SAFETY: the caller's promise.
        Ok(size) => unsafe { bytes(name.cast(), size) }.and_then(|bytes| std::str::from_utf8(bytes).ok()),
        // SAFETY: as above.
        Err(_) => unsafe { text(name) },
    }
}

/// The value that C gave, with its length or -1 for that of the string; the answer is `None` for a null.
///
/// # Safety
/// `value` is null or points to so many bytes, or to a string.
pub(crate) unsafe fn value<'a>(value: *const c_void, size: isize) -> Option<&'a [u8]> {
    if value.is_null() {
        return None;
    }
    let size = match usize::try_from(size) {
        Ok(size) => size,
        // SAFETY: not null, and the caller says that it is a string.
        Err(_) => unsafe { libc::strlen(value.cast()) },
    };
    // SAFETY: the caller's promise.
    unsafe { bytes(value, size) }
}

/// `rd_kafka_headers_new`.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_headers_new(initial_count: usize) -> *mut rd_kafka_headers_s {
    guarded!(std::ptr::null_mut(), {
        let headers = Vec::with_capacity(initial_count.min(1000));
        Box::into_raw(Box::new(rd_kafka_headers_s { headers }))
    })
}

/// `rd_kafka_headers_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_headers_destroy(hdrs: *mut rd_kafka_headers_s) {
    if !hdrs.is_null() {
        // SAFETY: it was made by `rd_kafka_headers_new` or `_copy`, and the caller gives it up.
        guarded!((), { drop(unsafe { Box::from_raw(hdrs) }) });
    }
}

/// `rd_kafka_headers_copy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_headers_copy(src: *const rd_kafka_headers_s) -> *mut rd_kafka_headers_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or headers of this library.
        let headers = unsafe { src.as_ref() }.cloned().unwrap_or_default();
        Box::into_raw(Box::new(headers))
    })
}

/// `rd_kafka_header_add`: the key and the value are copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_header_add(
    hdrs: *mut rd_kafka_headers_s,
    key: *const c_char,
    key_size: isize,
    val: *const c_void,
    val_size: isize,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or headers of this library and what the caller says of the rest.
        let (Some(headers), Some(name)) = (unsafe { hdrs.as_mut() }, unsafe { name(key, key_size) }) else {
            return INVALID_ARG;
        };
        // SAFETY: as above.
        headers.push(name.as_bytes(), unsafe { value(val, val_size) });
        NO_ERROR
    })
}

/// `rd_kafka_header_remove`: all headers of that name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_header_remove(hdrs: *mut rd_kafka_headers_s, key: *const c_char) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or headers of this library and a string.
        let (Some(headers), Some(key)) = (unsafe { hdrs.as_mut() }, unsafe { text(key) }) else { return INVALID_ARG };
        let before = headers.headers.len();
        headers.headers.retain(|(name, _)| name.to_bytes() != key.as_bytes());
        if headers.headers.len() < before { NO_ERROR } else { NOENT }
    })
}

/// Writes a header's value to where C wants it.
///
/// # Safety
/// Each place is null or may be written to.
unsafe fn answer(
    found: (*const c_char, *const c_void, usize),
    namep: *mut *const c_char,
    valuep: *mut *const c_void,
    sizep: *mut usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if !namep.is_null() {
            *namep = found.0;
        }
        if !valuep.is_null() {
            *valuep = found.1;
        }
        if !sizep.is_null() {
            *sizep = found.2;
        }
    }
}

/// `rd_kafka_header_get_last`: the last header of that name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_header_get_last(
    hdrs: *const rd_kafka_headers_s,
    key: *const c_char,
    valuep: *mut *const c_void,
    sizep: *mut usize,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or headers of this library and a string.
        let (Some(headers), Some(key)) = (unsafe { hdrs.as_ref() }, unsafe { text(key) }) else { return INVALID_ARG };
        let Some(found) = headers.headers.iter().rposition(|(name, _)| name.to_bytes() == key.as_bytes()) else { return NOENT };
        let Some(found) = headers.raw(found) else { return NOENT };
        // SAFETY: places of the caller's.
        unsafe { answer(found, std::ptr::null_mut(), valuep, sizep) };
        NO_ERROR
    })
}

/// `rd_kafka_header_get`: the header at this index among those of that name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_header_get(
    hdrs: *const rd_kafka_headers_s,
    idx: usize,
    key: *const c_char,
    valuep: *mut *const c_void,
    sizep: *mut usize,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or headers of this library and a string.
        let (Some(headers), Some(key)) = (unsafe { hdrs.as_ref() }, unsafe { text(key) }) else { return INVALID_ARG };
        let mut named = headers.headers.iter().zip(0..).filter(|((name, _), _)| name.to_bytes() == key.as_bytes());
        let Some(found) = named.nth(idx).and_then(|(_, at)| headers.raw(at)) else { return NOENT };
        // SAFETY: places of the caller's.
        unsafe { answer(found, std::ptr::null_mut(), valuep, sizep) };
        NO_ERROR
    })
}

/// `rd_kafka_header_get_all`: the header at this index.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_header_get_all(
    hdrs: *const rd_kafka_headers_s,
    idx: usize,
    namep: *mut *const c_char,
    valuep: *mut *const c_void,
    sizep: *mut usize,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or headers of this library.
        let Some(headers) = (unsafe { hdrs.as_ref() }) else { return INVALID_ARG };
        let Some(found) = headers.raw(idx) else { return NOENT };
        // SAFETY: places of the caller's.
        unsafe { answer(found, namep, valuep, sizep) };
        NO_ERROR
    })
}

/// `rd_kafka_header_cnt`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_header_cnt(hdrs: *const rd_kafka_headers_s) -> usize {
    // SAFETY: null or headers of this library.
    unsafe { hdrs.as_ref() }.map_or(0, |headers| headers.headers.len())
}
