//! Events: what a queue has, taken out by `rd_kafka_queue_poll` instead of being served by callbacks.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use ottla::Rebalance;

use crate::boundary::{Deadline, write_text};
use crate::consumer::committed_list;
use crate::error::{NO_ERROR, rd_kafka_err2str};
use crate::handle::{rd_kafka_s, yields};
use crate::list;
use crate::member::rebalance_code;
use crate::message::{rd_kafka_message_destroy, rd_kafka_message_errstr};
use crate::op::Op;
use crate::queue::{Item, rd_kafka_queue_s};
use crate::queue_api::with_handle;
use crate::report::Delivered;
use crate::types::{
    rd_kafka_message_s, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_s as List, rd_kafka_topic_partition_s as Elem,
};

/// `rd_kafka_event_type_t`, a number in C.
pub type rd_kafka_event_type_t = c_int;

/// `RD_KAFKA_EVENT_*`.
pub(crate) mod kind {
    use std::ffi::c_int;

    pub(crate) const NONE: c_int = 0;
    pub(crate) const DR: c_int = 0x1;
    pub(crate) const FETCH: c_int = 0x2;
    pub(crate) const LOG: c_int = 0x4;
    pub(crate) const ERROR: c_int = 0x8;
    pub(crate) const REBALANCE: c_int = 0x10;
    pub(crate) const OFFSET_COMMIT: c_int = 0x20;
    pub(crate) const STATS: c_int = 0x40;
}

/// Something that a queue had (`rd_kafka_event_t`).
pub struct rd_kafka_event_s {
    kind: c_int,
    err: c_int,
    body: Body,
}

enum Body {
    /// The reports of a batch of records.
    Delivered(Box<Delivered>),
    /// A record or, in its place, an error of a partition; and whether it was asked for.
    Message(*mut rd_kafka_message_s, bool),
    Error {
        words: CString,
        fatal: bool,
    },
    Log {
        level: c_int,
        facility: &'static CStr,
        words: CString,
    },
    Statistics(CString),
    Partitions(*mut List, *mut c_void),
}

impl Drop for Body {
    fn drop(&mut self) {
        match self {
            // SAFETY: they were made here or by a queue, and are the event's own.
            Self::Message(message, _) => unsafe { rd_kafka_message_destroy(*message) },
            // SAFETY: as above.
            Self::Partitions(partitions, _) => unsafe { list::rd_kafka_topic_partition_list_destroy(*partitions) },
            _ => {}
        }
    }
}

impl rd_kafka_event_s {
    fn of_message(message: *mut rd_kafka_message_s) -> Self {
        // SAFETY: a queue gave it away.
        let err = unsafe { message.as_ref() }.map_or(NO_ERROR, |message| message.err);
        let kind = if err == NO_ERROR { kind::FETCH } else { kind::ERROR };
        Self { kind, err, body: Body::Message(message, false) }
    }

    fn of_rebalance(rebalance: &Rebalance) -> Self {
        let body = Body::Partitions(list::of(rebalance.partitions()), std::ptr::null_mut());
        Self { kind: kind::REBALANCE, err: rebalance_code(rebalance), body }
    }

    /// What there is an event for; what there is none for is served by its callback.
    fn of(handle: &rd_kafka_s, op: Op) -> Option<Self> {
        match op {
            Op::Report(report) => {
                let delivered = Delivered::of(handle, report);
                delivered.map(|delivered| Self { kind: kind::DR, err: NO_ERROR, body: Body::Delivered(Box::new(delivered)) })
            }
            Op::Error { code, words, fatal } => {
                let is_fatal = code == crate::error::FATAL;
                if let Some(fatal) = fatal {
                    handle.set_fatal(&fatal);
                }
                Some(Self { kind: kind::ERROR, err: code, body: Body::Error { words, fatal: is_fatal } })
            }
            Op::Log { level, facility, words } => {
                Some(Self { kind: kind::LOG, err: NO_ERROR, body: Body::Log { level, facility, words } })
            }
            Op::Statistics => {
                let body = handle.statistics().map(Body::Statistics);
                body.map(|body| Self { kind: kind::STATS, err: NO_ERROR, body })
            }
            Op::OffsetCommit { code, offsets, reply } => {
                let opaque = reply.map_or(std::ptr::null_mut(), |(_, opaque)| opaque.0);
                let body = Body::Partitions(committed_list(&offsets), opaque);
                Some(Self { kind: kind::OFFSET_COMMIT, err: code, body })
            }
            Op::Rebalance(rebalance) => Some(Self::of_rebalance(&rebalance)),
            Op::Throttle { .. } | Op::Yield => {
                handle.serve(op);
                None
            }
        }
    }
}

/// What is next in a queue, as an event. What there is no event for is served on the way.
fn next(handle: &rd_kafka_s, queue: &rd_kafka_queue_s, timeout_ms: c_int) -> Option<rd_kafka_event_s> {
    let _ = yields();
    if handle.is_forked() {
        return None;
    }
    let mut ready = None;
    queue.ready(1, |message| ready = Some(message));
    if let Some(message) = ready {
        return Some(rd_kafka_event_s::of_message(message));
    }
    let deadline = Deadline::after(timeout_ms);
    loop {
        match queue.next(deadline.left())? {
            Item::Message(message) => return Some(rd_kafka_event_s::of_message(message)),
            Item::Op(op) => match rd_kafka_event_s::of(handle, op) {
                Some(event) => return Some(event),
                None if yields() || handle.is_gone() => return None,
                None => {}
            },
        }
    }
}

/// `rd_kafka_queue_poll`: what is next, to be destroyed by the caller; null if the time is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_queue_poll(rkqu: *mut rd_kafka_queue_s, timeout_ms: c_int) -> *mut rd_kafka_event_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a queue.
        let Some((handle, queue)) = (unsafe { with_handle(rkqu) }) else { return std::ptr::null_mut() };
        next(&handle, &queue, timeout_ms).map_or(std::ptr::null_mut(), |event| Box::into_raw(Box::new(event)))
    })
}

/// An event of this library's.
///
/// # Safety
/// `rkev` is null or an event that was not destroyed.
unsafe fn of<'a>(rkev: *const rd_kafka_event_s) -> Option<&'a rd_kafka_event_s> {
    // SAFETY: the caller's promise.
    unsafe { rkev.as_ref() }
}

/// `rd_kafka_event_destroy`: with all that was taken out of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_destroy(rkev: *mut rd_kafka_event_s) {
    if !rkev.is_null() {
        // SAFETY: it was given to C by `rd_kafka_queue_poll`, and the caller gives it up.
        guarded!((), { drop(unsafe { Box::from_raw(rkev) }) });
    }
}

/// `rd_kafka_event_type`: `RD_KAFKA_EVENT_NONE` of a null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_type(rkev: *const rd_kafka_event_s) -> rd_kafka_event_type_t {
    // SAFETY: null or an event.
    unsafe { of(rkev) }.map_or(kind::NONE, |event| event.kind)
}

/// `rd_kafka_event_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_name(rkev: *const rd_kafka_event_s) -> *const c_char {
    // SAFETY: null or an event.
    let name = match unsafe { rd_kafka_event_type(rkev) } {
        kind::NONE => c"(NONE)",
        kind::DR => c"DeliveryReport",
        kind::FETCH => c"Fetch",
        kind::LOG => c"Log",
        kind::ERROR => c"Error",
        kind::REBALANCE => c"Rebalance",
        kind::OFFSET_COMMIT => c"OffsetCommit",
        kind::STATS => c"Stats",
        _ => c"?unknown?",
    };
    name.as_ptr()
}

/// `rd_kafka_event_message_next`: the next message, which stays the event's own; null if there is none left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_message_next(rkev: *mut rd_kafka_event_s) -> *const rd_kafka_message_s {
    guarded!(std::ptr::null(), {
        // SAFETY: null or an event, which nobody else uses meanwhile.
        let next = match unsafe { rkev.as_mut() } {
            Some(rd_kafka_event_s { body: Body::Delivered(delivered), .. }) => delivered.next(),
            Some(rd_kafka_event_s { kind: kind::FETCH, body: Body::Message(message, taken), .. }) => {
                (!std::mem::replace(taken, true)).then_some(message.cast_const())
            }
            _ => None,
        };
        next.unwrap_or(std::ptr::null())
    })
}

/// `rd_kafka_event_message_array`: so many messages at most, which stay the event's own; how many there were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_message_array(
    rkev: *mut rd_kafka_event_s,
    rkmessages: *mut *const rd_kafka_message_s,
    size: usize,
) -> usize {
    let mut count = 0;
    while count < size && !rkmessages.is_null() {
        // SAFETY: null or an event.
        let message = unsafe { rd_kafka_event_message_next(rkev) };
        if message.is_null() {
            break;
        }
        // SAFETY: the caller says that there is room for so many.
        unsafe { *rkmessages.add(count) = message };
        count += 1;
    }
    count
}

/// `rd_kafka_event_message_count`: how many reports are left; 1 for a record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_message_count(rkev: *mut rd_kafka_event_s) -> usize {
    // SAFETY: null or an event.
    match unsafe { of(rkev) } {
        Some(rd_kafka_event_s { body: Body::Delivered(delivered), .. }) => delivered.left(),
        Some(rd_kafka_event_s { kind: kind::FETCH, .. }) => 1,
        _ => 0,
    }
}

/// `rd_kafka_event_config_string`: null, since no event of this library has one.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_event_config_string(_rkev: *mut rd_kafka_event_s) -> *const c_char {
    std::ptr::null()
}

/// `rd_kafka_event_error`: of a rebalance whether partitions are assigned or revoked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_error(rkev: *mut rd_kafka_event_s) -> rd_kafka_resp_err_t {
    // SAFETY: null or an event.
    unsafe { of(rkev) }.map_or(NO_ERROR, |event| event.err)
}

/// `rd_kafka_event_error_string`: stays the event's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_error_string(rkev: *mut rd_kafka_event_s) -> *const c_char {
    // SAFETY: null or an event.
    match unsafe { of(rkev) } {
        Some(rd_kafka_event_s { body: Body::Error { words, .. }, .. }) => words.as_ptr(),
        // SAFETY: the event's own message.
        Some(rd_kafka_event_s { kind: kind::ERROR, body: Body::Message(message, _), .. }) => unsafe {
            rd_kafka_message_errstr(*message)
        },
        event => rd_kafka_err2str(event.map_or(NO_ERROR, |event| event.err)),
    }
}

/// `rd_kafka_event_error_is_fatal`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_error_is_fatal(rkev: *mut rd_kafka_event_s) -> c_int {
    // SAFETY: null or an event.
    matches!(unsafe { of(rkev) }, Some(rd_kafka_event_s { body: Body::Error { fatal: true, .. }, .. })).into()
}

/// `rd_kafka_event_opaque`: what `rd_kafka_commit_queue` was given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_opaque(rkev: *mut rd_kafka_event_s) -> *mut c_void {
    // SAFETY: null or an event.
    match unsafe { of(rkev) } {
        Some(rd_kafka_event_s { body: Body::Partitions(_, opaque), .. }) => *opaque,
        _ => std::ptr::null_mut(),
    }
}

/// `rd_kafka_event_log`: 0, or -1 if it is no line of the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_log(
    rkev: *mut rd_kafka_event_s,
    fac: *mut *const c_char,
    str: *mut *const c_char,
    level: *mut c_int,
) -> c_int {
    // SAFETY: null or an event.
    let Some(rd_kafka_event_s { body: Body::Log { level: at, facility, words }, .. }) = (unsafe { of(rkev) }) else { return -1 };
    // SAFETY: null or places of the caller's.
    unsafe {
        if let Some(fac) = fac.as_mut() {
            *fac = facility.as_ptr();
        }
        if let Some(str) = str.as_mut() {
            *str = words.as_ptr();
        }
        if let Some(level) = level.as_mut() {
            *level = *at;
        }
    }
    0
}

/// `rd_kafka_event_debug_contexts`: 0, or -1 if it is no line of the log. No line here is of such a context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_debug_contexts(rkev: *mut rd_kafka_event_s, dst: *mut c_char, dstsize: usize) -> c_int {
    // SAFETY: null or an event.
    if !matches!(unsafe { of(rkev) }, Some(rd_kafka_event_s { kind: kind::LOG, .. })) {
        return -1;
    }
    // SAFETY: the caller's buffer.
    unsafe { write_text(dst, dstsize, "") };
    0
}

/// `rd_kafka_event_stats`: the statistics as JSON, which stay the event's own; null if it is another event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_stats(rkev: *mut rd_kafka_event_s) -> *const c_char {
    // SAFETY: null or an event.
    match unsafe { of(rkev) } {
        Some(rd_kafka_event_s { body: Body::Statistics(json), .. }) => json.as_ptr(),
        _ => std::ptr::null(),
    }
}

/// `rd_kafka_event_topic_partition_list`: of a rebalance or a commit, stays the event's own; null if it is another event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_topic_partition_list(rkev: *mut rd_kafka_event_s) -> *mut List {
    // SAFETY: null or an event.
    match unsafe { of(rkev) } {
        Some(rd_kafka_event_s { body: Body::Partitions(partitions, _), .. }) => *partitions,
        _ => std::ptr::null_mut(),
    }
}

/// `rd_kafka_event_topic_partition`: what an error concerns, to be destroyed by the caller; null if it concerns no partition.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_event_topic_partition(rkev: *mut rd_kafka_event_s) -> *mut Elem {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or an event.
        let Some(rd_kafka_event_s { kind: kind::ERROR, err, body: Body::Message(message, _) }) = (unsafe { of(rkev) }) else {
            return std::ptr::null_mut();
        };
        // SAFETY: the event's own message, whose topic lives as long as it.
        let Some((message, topic)) = (unsafe { message.as_ref().and_then(|message| Some((message, message.rkt.as_ref()?))) })
        else {
            return std::ptr::null_mut();
        };
        list::alone(topic.name(), message.partition, message.offset, *err)
    })
}

/// `rd_kafka_set_log_queue`: with `log.queue`, where lines of the log go; a null is the main queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_set_log_queue(rk: *mut rd_kafka_s, rkqu: *mut rd_kafka_queue_s) -> rd_kafka_resp_err_t {
    guarded!(crate::error::INVALID_ARG, {
        // SAFETY: null, or a client and a queue.
        let (Some(handle), queue) = (unsafe { crate::handle::of(rk) }, unsafe { crate::queue_api::shared(rkqu) }) else {
            return crate::error::INVALID_ARG;
        };
        if handle.conf.own("log.queue") != "true" {
            return crate::error::NOT_CONFIGURED;
        }
        match handle.logs.forward(Some(queue.as_ref().unwrap_or(&handle.main))) {
            true => NO_ERROR,
            false => crate::error::INVALID_ARG,
        }
    })
}
