//! What every function at the border does: stops panics, reads and writes C's texts.

use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Runs the body of a function that C calls; if it panics, says so on stderr and answers with the fallback.
macro_rules! guarded {
    ($fallback:expr, $body:block) => {
        match $crate::boundary::caught(|| $body) {
            Some(value) => value,
            None => $fallback,
        }
    };
}

/// What `body` answers, or `None` if it panicked: the panic hook has told of it already.
pub(crate) fn caught<T>(body: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(body)).ok()
}

/// A text of C's; `None` if it is null or no UTF-8.
///
/// # Safety
/// `text` is null or points to a string that ends in a zero byte and lives as long as what is made of it.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}

/// Bytes of C's; `None` for a null pointer.
///
/// # Safety
/// `bytes` is null or points to so many bytes that live as long as what is made of them.
pub(crate) unsafe fn bytes<'a>(bytes: *const libc::c_void, len: usize) -> Option<&'a [u8]> {
    if bytes.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller's promise.
    Some(unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), len) })
}

/// A text for C. What stands behind a zero byte in it is lost.
pub(crate) fn c_string(text: impl Into<Vec<u8>>) -> CString {
    let mut bytes: Vec<u8> = text.into();
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    CString::new(bytes).unwrap_or_default()
}

/// Writes as much of a text as there is room for, and a zero byte.
///
/// # Safety
/// `buffer` is null or has room for `size` bytes.
pub(crate) unsafe fn write_text(buffer: *mut c_char, size: usize, text: &str) {
    if buffer.is_null() || size == 0 {
        return;
    }
    let length = text.len().min(size - 1);
    // SAFETY: there is room for `length` bytes and one more, and a text of Rust's does not lie in C's buffer.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast::<u8>(), length);
        *buffer.add(length) = 0;
    }
}

/// A time that C gave: -1 (or less) is for ever.
pub(crate) fn limit(timeout_ms: libc::c_int) -> Option<Duration> {
    u64::try_from(timeout_ms).ok().map(Duration::from_millis)
}

/// When a wait that C limited ends. `None`: never, or so late that no clock gets there.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// So many ms from now; -1 (or less) is never.
    pub(crate) fn after(timeout_ms: libc::c_int) -> Self {
        Self(limit(timeout_ms).and_then(|limit| Instant::now().checked_add(limit)))
    }

    /// How much time is left.
    pub(crate) fn left(self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Whether no time is left.
    pub(crate) fn is_over(self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }
}
