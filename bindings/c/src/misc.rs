//! Logs, fatal errors for tests, and what transactions answer until they come.

use std::ffi::{c_char, c_int, c_void};
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::boundary::{c_string, text};
use crate::conf::LogCb;
use crate::error::{INVALID_ARG, NO_ERROR, UNSUPPORTED_FEATURE, object, rd_kafka_error_s};
use crate::handle::{of, rd_kafka_s};
use crate::types::{PRODUCER, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_s as List};

/// Where lines of the log go.
#[derive(Clone, Copy)]
pub(crate) enum Logger {
    /// To a function of the application's.
    Calls(LogCb),
    /// To the standard error.
    Prints,
    /// Nowhere.
    Silent,
}

impl Logger {
    /// The application's function; without one nothing is logged.
    pub(crate) fn of(log_cb: Option<LogCb>) -> Self {
        log_cb.map_or(Self::Silent, Self::Calls)
    }
}

/// A line of the log, as librdkafka prints it.
pub(crate) fn log_line(level: c_int, facility: &str, name: &str, words: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("%{level}|{}.{:03}|{facility}|{name}| {words}", now.as_secs(), now.subsec_millis())
}

/// Prints a line to the standard error, which may be closed: there is nobody else to tell.
pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// `rd_kafka_log_print`: prints a line to the standard error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_log_print(rk: *const rd_kafka_s, level: c_int, fac: *const c_char, buf: *const c_char) {
    guarded!((), {
        // SAFETY: null or texts; null or a client.
        let (facility, words) = unsafe { (text(fac).unwrap_or_default(), text(buf).unwrap_or_default()) };
        // SAFETY: as above.
        let name = unsafe { of(rk) }.map(rd_kafka_s::name).unwrap_or_default();
        print(&log_line(level, facility, name, words));
    });
}

/// `rd_kafka_log_syslog`: sends a line to the system's log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_log_syslog(rk: *const rd_kafka_s, level: c_int, fac: *const c_char, buf: *const c_char) {
    guarded!((), {
        // SAFETY: null or texts; null or a client.
        let (facility, words) = unsafe { (text(fac).unwrap_or_default(), text(buf).unwrap_or_default()) };
        // SAFETY: as above.
        let name = unsafe { of(rk) }.map(rd_kafka_s::name).unwrap_or_default();
        let line = c_string(format!("{facility}: {name}: {words}"));
        // SAFETY: a format that takes one text, and that text.
        unsafe { libc::syslog(level, c"%s".as_ptr(), line.as_ptr()) };
    });
}

/// `rd_kafka_set_logger`: where the lines of a client go from now on; null: nowhere.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_set_logger(rk: *mut rd_kafka_s, func: Option<LogCb>) {
    // SAFETY: null or a client.
    guarded!((), {
        if let Some(handle) = unsafe { of(rk) } {
            handle.set_logger(Logger::of(func));
        }
    });
}

/// `rd_kafka_set_log_level`: lines of higher numbers are left out from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_set_log_level(rk: *mut rd_kafka_s, level: c_int) {
    // SAFETY: null or a client.
    if let Some(handle) = unsafe { of(rk) } {
        handle.log_level.store(level, std::sync::atomic::Ordering::Relaxed);
    }
}

/// `rd_kafka_get_debug_contexts`.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_get_debug_contexts() -> *const c_char {
    c"all,generic,broker,topic,metadata,feature,queue,msg,protocol,cgrp,security,fetch,interceptor,plugin,consumer,admin,eos,mock,assignor,conf"
        .as_ptr()
}

/// `rd_kafka_dump`: what the client has, for people to read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_dump(fp: *mut libc::FILE, rk: *mut rd_kafka_s) {
    guarded!((), {
        // SAFETY: null or a client.
        let (Some(handle), false) = (unsafe { of(rk) }, fp.is_null()) else { return };
        let mut lines = vec![format!("rd_kafka_t {:p}: {}", rk, handle.name())];
        lines.extend(handle.client().map(|client| format!("{:?}", client.metrics())).ok());
        lines.extend(handle.topic_names().into_iter().map(|name| format!(" topic {name}")));
        let dump = lines.join("\n") + "\n";
        // SAFETY: an open file of the caller's, and so many bytes.
        unsafe { libc::fwrite(dump.as_ptr().cast(), 1, dump.len(), fp) };
    });
}

/// `rd_kafka_test_fatal_error`: has the application see a fatal error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_test_fatal_error(
    rk: *mut rd_kafka_s,
    err: rd_kafka_resp_err_t,
    reason: *const c_char,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or a client and a text.
        let (Some(handle), reason) = (unsafe { of(rk) }, unsafe { text(reason) }.unwrap_or_default()) else { return INVALID_ARG };
        // `_PREV_IN_PROGRESS`: there was one already.
        if handle.pretend_fatal(err, reason) { NO_ERROR } else { -177 }
    })
}

/// What a transactional function answers.
unsafe fn no_transactions(rk: *const rd_kafka_s) -> *mut rd_kafka_error_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a client.
        match unsafe { of(rk) } {
            Some(handle) if handle.kind == PRODUCER => object(UNSUPPORTED_FEATURE, "Transactions are not supported yet"),
            _ => object(INVALID_ARG, "The transactional API can only be used on producer instances"),
        }
    })
}

/// `rd_kafka_init_transactions`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_init_transactions(rk: *mut rd_kafka_s, _timeout_ms: c_int) -> *mut rd_kafka_error_s {
    // SAFETY: null or a client.
    unsafe { no_transactions(rk) }
}

/// `rd_kafka_begin_transaction`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_begin_transaction(rk: *mut rd_kafka_s) -> *mut rd_kafka_error_s {
    // SAFETY: null or a client.
    unsafe { no_transactions(rk) }
}

/// `rd_kafka_send_offsets_to_transaction`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_send_offsets_to_transaction(
    rk: *mut rd_kafka_s,
    _offsets: *const List,
    _cgmetadata: *const rd_kafka_consumer_group_metadata_s,
    _timeout_ms: c_int,
) -> *mut rd_kafka_error_s {
    // SAFETY: null or a client.
    unsafe { no_transactions(rk) }
}

/// `rd_kafka_commit_transaction`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_commit_transaction(rk: *mut rd_kafka_s, _timeout_ms: c_int) -> *mut rd_kafka_error_s {
    // SAFETY: null or a client.
    unsafe { no_transactions(rk) }
}

/// `rd_kafka_abort_transaction`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_abort_transaction(rk: *mut rd_kafka_s, _timeout_ms: c_int) -> *mut rd_kafka_error_s {
    // SAFETY: null or a client.
    unsafe { no_transactions(rk) }
}

/// A consumer's standing in its group, for transactions (`rd_kafka_consumer_group_metadata_t`). None is made yet.
pub struct rd_kafka_consumer_group_metadata_s {
    _nothing: *mut c_void,
}
