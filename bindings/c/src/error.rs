//! Codes, their names and texts, and error objects.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::OnceLock;

use ottla::Error;
use ottla_bindings::error_code;

use crate::boundary::{c_string, text};
use crate::types::rd_kafka_resp_err_t;

/// No error.
pub(crate) const NO_ERROR: c_int = 0;
pub(crate) const FAIL: c_int = -196;
pub(crate) const INVALID_ARG: c_int = -186;
pub(crate) const UNKNOWN_GROUP: c_int = -179;
pub(crate) const CONFLICT: c_int = -173;
pub(crate) const STATE: c_int = -172;
pub(crate) const UNKNOWN_TOPIC: c_int = -188;
pub(crate) const UNKNOWN_PARTITION: c_int = -190;
pub(crate) const TIMED_OUT: c_int = -185;
pub(crate) const DESTROY: c_int = -197;
pub(crate) const FATAL: c_int = -150;
pub(crate) const UNSUPPORTED_FEATURE: c_int = -165;
pub(crate) const NOT_IMPLEMENTED: c_int = -170;
pub(crate) const NOT_CONFIGURED: c_int = -145;
pub(crate) const PARTITION_EOF: c_int = -191;
pub(crate) const TRANSPORT: c_int = -195;
pub(crate) const NO_OFFSET: c_int = -168;
pub(crate) const ASSIGN_PARTITIONS: c_int = -175;
pub(crate) const REVOKE_PARTITIONS: c_int = -174;

/// librdkafka's code for an error.
pub(crate) fn code(error: &Error) -> c_int {
    c_int::from(error.local_code())
}

/// librdkafka's text of the error's code, and our words behind it.
pub(crate) fn told(error: &Error) -> String {
    format!("{}: {error}", error_code::text(error.local_code()))
}

thread_local! {
    static LAST: Cell<c_int> = const { Cell::new(NO_ERROR) };
    /// Name and text of a code that is in no table. Never freed while the thread lives: who asked for one may ask for another before it
    /// looks.
    static UNKNOWN: RefCell<[[u8; 32]; 2]> = const { RefCell::new([[0; 32]; 2]) };
}

/// Keeps what `rd_kafka_last_error` answers on this thread, and sets errno for who looks there.
pub(crate) fn set_last(code: c_int, errno: c_int) {
    LAST.set(code);
    // SAFETY: errno is this thread's own.
    unsafe { *libc::__errno_location() = errno };
}

struct Texts {
    text: CString,
    name: CString,
}

fn table() -> &'static BTreeMap<i16, Texts> {
    static TABLE: OnceLock<BTreeMap<i16, Texts>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let rows = error_code::ALL.iter().filter(|row| !row.text.is_empty());
        rows.map(|row| (row.code, Texts { text: c_string(row.text), name: c_string(row.name) })).collect()
    })
}

fn unknown(is_text: bool, words: &str) -> *const c_char {
    UNKNOWN.with_borrow_mut(|[name, text]| {
        let kept = if is_text { text } else { name };
        // The last byte stays zero.
        for (place, byte) in kept.iter_mut().take(31).zip(words.bytes().chain(std::iter::repeat(0))) {
            *place = byte;
        }
        kept.as_ptr().cast()
    })
}

fn known(code: c_int) -> Option<&'static Texts> {
    table().get(&i16::try_from(code).ok()?)
}

/// `rd_kafka_err2str`: the text of a code.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_err2str(err: rd_kafka_resp_err_t) -> *const c_char {
    guarded!(c"".as_ptr(), { known(err).map_or_else(|| unknown(true, &format!("Err-{err}?")), |row| row.text.as_ptr()) })
}

/// `rd_kafka_err2name`: the name of a code.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_err2name(err: rd_kafka_resp_err_t) -> *const c_char {
    guarded!(c"".as_ptr(), { known(err).map_or_else(|| unknown(false, &format!("ERR_{err}?")), |row| row.name.as_ptr()) })
}

/// A code with its name and text (`struct rd_kafka_err_desc`).
#[repr(C)]
pub struct rd_kafka_err_desc {
    /// The code.
    pub code: rd_kafka_resp_err_t,
    /// Its name, without a prefix.
    pub name: *const c_char,
    /// Its text.
    pub desc: *const c_char,
}

struct Descriptions(Vec<rd_kafka_err_desc>);
// SAFETY: the pointers lead to texts that live as long as the program and never change.
unsafe impl Send for Descriptions {}
// SAFETY: as above.
unsafe impl Sync for Descriptions {}

/// `rd_kafka_get_err_descs`: all codes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_get_err_descs(errdescs: *mut *const rd_kafka_err_desc, cntp: *mut usize) {
    guarded!((), {
        static ALL: OnceLock<Descriptions> = OnceLock::new();
        let all = ALL.get_or_init(|| {
            let rows = table().iter();
            Descriptions(
                rows.map(|(code, row)| rd_kafka_err_desc {
                    code: c_int::from(*code),
                    name: row.name.as_ptr(),
                    desc: row.text.as_ptr(),
                })
                .collect(),
            )
        });
        if !errdescs.is_null() && !cntp.is_null() {
            // SAFETY: neither is null, and the caller says that they are places to write to.
            unsafe {
                *errdescs = all.0.as_ptr();
                *cntp = all.0.len();
            }
        }
    });
}

/// `rd_kafka_last_error`: what the last function on this thread that answers without a code failed with.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_last_error() -> rd_kafka_resp_err_t {
    LAST.get()
}

/// `rd_kafka_errno2err`: what a value of errno means that a function of the legacy API left behind.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_errno2err(errnox: c_int) -> rd_kafka_resp_err_t {
    match errnox {
        libc::EINVAL => INVALID_ARG,
        libc::EBUSY => CONFLICT,
        libc::ENOENT => UNKNOWN_TOPIC,
        libc::ESRCH => UNKNOWN_PARTITION,
        libc::ETIMEDOUT => TIMED_OUT,
        libc::EMSGSIZE => 10,
        libc::ENOBUFS => -184,
        libc::ECANCELED => FATAL,
        _ => FAIL,
    }
}

/// `rd_kafka_errno`: errno as this library sees it.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_errno() -> c_int {
    // SAFETY: errno is this thread's own.
    unsafe { *libc::__errno_location() }
}

/// An error object (`rd_kafka_error_t`).
pub struct rd_kafka_error_s {
    code: c_int,
    text: CString,
    fatal: bool,
    retriable: bool,
    txn_requires_abort: bool,
}

/// An error object for C, to be destroyed there.
pub(crate) fn object(code: c_int, words: impl Into<Vec<u8>>) -> *mut rd_kafka_error_s {
    let error = rd_kafka_error_s { code, text: c_string(words), fatal: false, retriable: false, txn_requires_abort: false };
    Box::into_raw(Box::new(error))
}

/// An error object from an error of the client.
pub(crate) fn object_of(error: &Error) -> *mut rd_kafka_error_s {
    let object = rd_kafka_error_s {
        code: code(error),
        text: c_string(told(error)),
        fatal: error.is_fatal(),
        retriable: error.is_retriable(),
        txn_requires_abort: error.txn_requires_abort(),
    };
    Box::into_raw(Box::new(object))
}

/// The end of `rd_kafka_error_new`, whose variable arguments C has read.
#[unsafe(no_mangle)]
unsafe extern "C" fn ottla_error_from_text(code: rd_kafka_resp_err_t, words: *const c_char) -> *mut rd_kafka_error_s {
    // SAFETY: null or the text that the C part made.
    guarded!(std::ptr::null_mut(), { object(code, unsafe { text(words) }.unwrap_or_default()) })
}

/// Looks into an error object; null is no error.
///
/// # Safety
/// `error` is null or an error object that was not destroyed.
unsafe fn of<'a>(error: *const rd_kafka_error_s) -> Option<&'a rd_kafka_error_s> {
    // SAFETY: the caller's promise.
    unsafe { error.as_ref() }
}

/// `rd_kafka_error_code`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_error_code(error: *const rd_kafka_error_s) -> rd_kafka_resp_err_t {
    // SAFETY: null or an error object of this library.
    unsafe { of(error) }.map_or(NO_ERROR, |error| error.code)
}

/// `rd_kafka_error_name`: empty for a null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_error_name(error: *const rd_kafka_error_s) -> *const c_char {
    // SAFETY: null or an error object of this library.
    unsafe { of(error) }.map_or(c"".as_ptr(), |error| rd_kafka_err2name(error.code))
}

/// `rd_kafka_error_string`: empty for a null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_error_string(error: *const rd_kafka_error_s) -> *const c_char {
    // SAFETY: null or an error object of this library.
    match unsafe { of(error) } {
        Some(error) if !error.text.is_empty() => error.text.as_ptr(),
        Some(error) => rd_kafka_err2str(error.code),
        None => c"".as_ptr(),
    }
}

/// `rd_kafka_error_is_fatal`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_error_is_fatal(error: *const rd_kafka_error_s) -> c_int {
    // SAFETY: null or an error object of this library.
    unsafe { of(error) }.is_some_and(|error| error.fatal).into()
}

/// `rd_kafka_error_is_retriable`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_error_is_retriable(error: *const rd_kafka_error_s) -> c_int {
    // SAFETY: null or an error object of this library.
    unsafe { of(error) }.is_some_and(|error| error.retriable).into()
}

/// `rd_kafka_error_txn_requires_abort`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_error_txn_requires_abort(error: *const rd_kafka_error_s) -> c_int {
    // SAFETY: null or an error object of this library.
    unsafe { of(error) }.is_some_and(|error| error.txn_requires_abort).into()
}

/// `rd_kafka_error_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_error_destroy(error: *mut rd_kafka_error_s) {
    if !error.is_null() {
        // SAFETY: it was made by `object` or `object_of`, and the caller gives it up.
        guarded!((), { drop(unsafe { Box::from_raw(error) }) });
    }
}

/// librdkafka's version that this library stands for, in hexadecimal: 2.16.0.
const VERSION: c_int = 0x0210_00ff;

/// `rd_kafka_version`: the version of librdkafka that this stands for.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_version() -> c_int {
    VERSION
}

/// `rd_kafka_version_str`: the same in words, with our own.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_version_str() -> *const c_char {
    const TEXT: &CStr = match CStr::from_bytes_with_nul(concat!("2.16.0-ottla-", env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(text) => text,
        Err(_) => c"2.16.0-ottla",
    };
    TEXT.as_ptr()
}
