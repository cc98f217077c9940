//! Messages: records as C gets them, in slabs that their batch shares.
//!
//! A slab is allocated for many records at once, and freed with the last of them: messages may be destroyed in any order, on any
//! thread, also after the consumer. Keys and values stay where the batch has them.

use std::cell::UnsafeCell;
use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use ottla::{BatchCursor, HeadersView, RecordView};
use ottla_protocol::record::TimestampType;

use crate::error::{INVALID_ARG, NO_ERROR};
use crate::headers::rd_kafka_headers_s;
use crate::topic::rd_kafka_topic_s;
use crate::types::{rd_kafka_message_s, rd_kafka_msg_status_t, rd_kafka_resp_err_t, rd_kafka_timestamp_type_t};

/// `RD_KAFKA_TIMESTAMP_*`.
const NOT_AVAILABLE: c_int = 0;
const CREATE_TIME: c_int = 1;
const LOG_APPEND_TIME: c_int = 2;

/// `_NOENT`: no headers.
const NOENT: c_int = -156;

/// Where a message lies.
pub(crate) enum Home {
    /// On the stack, while a report is served.
    Report,
    /// In a slab.
    Slab(NonNull<Slab>),
    /// Alone: an error.
    Alone,
}

/// Whom a message is shown to.
#[derive(Clone, Copy)]
pub(crate) enum Shown {
    /// A delivery report callback.
    Report,
    /// An application that consumes.
    Fetched(NonNull<Slab>),
}

/// A message, of which C knows the first part.
#[repr(C)]
pub(crate) struct Message {
    pub(crate) raw: rd_kafka_message_s,
    timestamp: i64,
    timestamp_type: c_int,
    pub(crate) status: c_int,
    pub(crate) leader_epoch: i32,
    /// The broker that it was fetched from; -1 if it was not.
    broker: i32,
    /// The headers as they lie in the batch, which lives as long as this.
    view: HeadersView<'static>,
    /// The headers once they were asked for.
    headers: AtomicPtr<rd_kafka_headers_s>,
    home: Home,
    /// Of an error: its text, and its topic where it stands in a message's place.
    words: Option<CString>,
    topic: Option<Arc<rd_kafka_topic_s>>,
}

fn raw(bytes: Option<&[u8]>) -> (*mut c_void, usize) {
    bytes.map_or((std::ptr::null_mut(), 0), |bytes| (bytes.as_ptr().cast_mut().cast(), bytes.len()))
}

impl Message {
    /// A record's message. The batch must live as long as it.
    pub(crate) fn of_record(record: &RecordView<'_>, rkt: *mut rd_kafka_topic_s, partition: i32, shown: Shown) -> Self {
        let (payload, len) = raw(record.value);
        let (key, key_len) = raw(record.key);
        // SAFETY: the bytes lie in the batch's buffer, which neither moves nor goes while a message of it lives: a slab holds the
        // batch, and a report is served while its batch is held.
        let view = unsafe { std::mem::transmute::<HeadersView<'_>, HeadersView<'static>>(record.headers) };
        let home = match shown {
            Shown::Report => Home::Report,
            Shown::Fetched(slab) => Home::Slab(slab),
        };
        Self {
            raw: rd_kafka_message_s {
                err: NO_ERROR,
                rkt,
                partition,
                payload,
                len,
                key,
                key_len,
                offset: record.offset,
                _private: std::ptr::null_mut(),
            },
            timestamp: record.timestamp,
            timestamp_type: if record.timestamp < 0 { NOT_AVAILABLE } else { CREATE_TIME },
            status: 2,
            leader_epoch: -1,
            broker: -1,
            view,
            headers: AtomicPtr::new(std::ptr::null_mut()),
            home,
            words: None,
            topic: None,
        }
    }

    /// The broker's own timestamp.
    pub(crate) fn set_log_append_time(&mut self, at: i64) {
        (self.timestamp, self.timestamp_type) = (at, LOG_APPEND_TIME);
    }

    /// What `rd_kafka_message_errstr` tells of a record that was not delivered.
    pub(crate) fn say(&mut self, words: CString) {
        self.words = Some(words);
    }

    /// An error in a message's place.
    pub(crate) fn of_error(
        err: c_int,
        words: CString,
        topic: Option<Arc<rd_kafka_topic_s>>,
        partition: i32,
        offset: i64,
    ) -> *mut rd_kafka_message_s {
        let rkt = topic.as_ref().map_or(std::ptr::null_mut(), |topic| Arc::as_ptr(topic).cast_mut());
        let message = Self {
            raw: rd_kafka_message_s {
                err,
                rkt,
                partition,
                payload: words.as_ptr().cast_mut().cast(),
                len: words.as_bytes().len(),
                key: std::ptr::null_mut(),
                key_len: 0,
                offset,
                _private: std::ptr::null_mut(),
            },
            timestamp: -1,
            timestamp_type: NOT_AVAILABLE,
            status: 0,
            leader_epoch: -1,
            broker: -1,
            view: HeadersView::default(),
            headers: AtomicPtr::new(std::ptr::null_mut()),
            home: Home::Alone,
            words: Some(words),
            topic,
        };
        Box::into_raw(Box::new(message)).cast()
    }
}

/// Frees the headers that were made when they were asked for.
pub(crate) fn drop_headers(message: &mut Message) {
    let headers = std::mem::replace(message.headers.get_mut(), std::ptr::null_mut());
    if !headers.is_null() {
        // SAFETY: made by `message_headers`, and the message's own.
        drop(unsafe { Box::from_raw(headers) });
    }
}

/// A batch that is being handed out.
pub(crate) struct Held(UnsafeCell<BatchCursor>);

// SAFETY: the cursor is used by the one reader that made it; whoever else holds it only keeps it alive.
unsafe impl Send for Held {}
// SAFETY: as above.
unsafe impl Sync for Held {}

/// How many messages a slab has room for at most.
const SLAB: usize = 128;

/// Room for messages of one batch.
pub(crate) struct Slab {
    /// The messages that live, and the reader as long as it fills this slab.
    live: AtomicUsize,
    places: Box<[UnsafeCell<MaybeUninit<Message>>]>,
    _batch: Arc<Held>,
    _topic: Arc<rd_kafka_topic_s>,
}

impl Slab {
    fn new(room: usize, batch: Arc<Held>, topic: Arc<rd_kafka_topic_s>) -> NonNull<Self> {
        let places = (0..room).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
        NonNull::from(Box::leak(Box::new(Self { live: AtomicUsize::new(1), places, _batch: batch, _topic: topic })))
    }

    /// One of those that keep it alive goes.
    ///
    /// # Safety
    /// It was counted, and does not use the slab any more.
    unsafe fn release(slab: NonNull<Self>) {
        // SAFETY: it is alive as long as one is counted.
        if unsafe { slab.as_ref() }.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: nobody is counted any more, and it came from a box.
            drop(unsafe { Box::from_raw(slab.as_ptr()) });
        }
    }
}

/// Hands a batch out, message by message.
pub(crate) struct Reader {
    batch: Arc<Held>,
    topic: Arc<rd_kafka_topic_s>,
    partition: i32,
    leader_epoch: i32,
    broker: i32,
    log_append_time: bool,
    left: usize,
    slab: Option<NonNull<Slab>>,
    used: usize,
}

// SAFETY: the slab that it fills is its own, and messages in it are not touched by it once they were handed out.
unsafe impl Send for Reader {}

impl Reader {
    /// Begins with a batch.
    pub(crate) fn new(cursor: BatchCursor, topic: Arc<rd_kafka_topic_s>) -> Self {
        let batch = cursor.batch();
        let (partition, leader_epoch, left) = (batch.partition(), batch.leader_epoch(), batch.len_hint());
        let broker = batch.broker();
        let log_append_time = batch.header().attributes.timestamp_type() == TimestampType::LogAppendTime;
        let batch = Arc::new(Held(UnsafeCell::new(cursor)));
        Self { batch, topic, partition, leader_epoch, broker, log_append_time, left, slab: None, used: 0 }
    }

    /// The next message, which is consumed thereby.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<*mut rd_kafka_message_s> {
        // SAFETY: only this reader uses the cursor, and only one call at a time, since it takes `&mut self`.
        let record = unsafe { &mut *self.batch.0.get() }.next()?;
        let slab = match self.slab {
            // SAFETY: the reader is counted in its slab.
            Some(slab) if self.used < unsafe { slab.as_ref() }.places.len() => slab,
            full => {
                if let Some(full) = full {
                    // SAFETY: it was counted, and goes on with another.
                    unsafe { Slab::release(full) };
                }
                let slab = Slab::new(self.left.clamp(1, SLAB), self.batch.clone(), self.topic.clone());
                (self.slab, self.used) = (Some(slab), 0);
                slab
            }
        };
        let rkt = Arc::as_ptr(&self.topic).cast_mut();
        let mut message = Message::of_record(&record, rkt, self.partition, Shown::Fetched(slab));
        (message.leader_epoch, message.broker) = (self.leader_epoch, self.broker);
        if self.log_append_time {
            message.timestamp_type = LOG_APPEND_TIME;
        }
        self.left = self.left.saturating_sub(1);
        // SAFETY: the reader is counted in its slab.
        let slab = unsafe { slab.as_ref() };
        let place = slab.places.get(self.used)?;
        self.used += 1;
        slab.live.fetch_add(1, Ordering::Relaxed);
        // SAFETY: this place was not used before, so nobody else knows of it.
        let message = unsafe { (*place.get()).write(message) };
        Some(std::ptr::from_mut(message).cast())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(slab) = self.slab.take() {
            // SAFETY: it was counted.
            unsafe { Slab::release(slab) };
        }
    }
}

/// A message of this library's.
///
/// # Safety
/// `message` is null or came from this library and was not destroyed.
unsafe fn of<'a>(message: *const rd_kafka_message_s) -> Option<&'a Message> {
    // SAFETY: the caller's promise; C's part comes first.
    unsafe { message.cast::<Message>().as_ref() }
}

/// `rd_kafka_message_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_message_destroy(rkmessage: *mut rd_kafka_message_s) {
    let message = rkmessage.cast::<Message>();
    guarded!((), {
        // SAFETY: null or a message of this library, which the caller gives up.
        let Some(whole) = (unsafe { message.as_mut() }) else { return };
        match whole.home {
            Home::Report => {}
            // SAFETY: it came from a box.
            Home::Alone => drop(unsafe { Box::from_raw(message) }),
            Home::Slab(slab) => {
                drop_headers(whole);
                // SAFETY: it was counted, and is not used any more; it has nothing else to drop.
                unsafe { Slab::release(slab) };
            }
        }
    });
}

/// `rd_kafka_message_timestamp`: in ms since the epoch, -1 if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_message_timestamp(
    rkmessage: *const rd_kafka_message_s,
    tstype: *mut rd_kafka_timestamp_type_t,
) -> i64 {
    // SAFETY: null or a message of this library.
    let (at, kind) = unsafe { of(rkmessage) }.map_or((-1, NOT_AVAILABLE), |message| {
        if message.raw.err == NO_ERROR { (message.timestamp, message.timestamp_type) } else { (-1, NOT_AVAILABLE) }
    });
    if !tstype.is_null() {
        // SAFETY: a place of the caller's.
        unsafe { *tstype = kind };
    }
    at
}

/// `rd_kafka_message_status`: whether a record that a report is about is in the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_message_status(rkmessage: *const rd_kafka_message_s) -> rd_kafka_msg_status_t {
    // SAFETY: null or a message of this library.
    unsafe { of(rkmessage) }.map_or(0, |message| message.status)
}

/// `rd_kafka_message_leader_epoch`: -1 if unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_message_leader_epoch(rkmessage: *const rd_kafka_message_s) -> i32 {
    // SAFETY: null or a message of this library.
    unsafe { of(rkmessage) }.map_or(-1, |message| message.leader_epoch)
}

/// `rd_kafka_message_broker_id`: whom a message was fetched from; -1 if it was not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_message_broker_id(rkmessage: *const rd_kafka_message_s) -> i32 {
    // SAFETY: null or a message of this library.
    unsafe { of(rkmessage) }.map_or(-1, |message| message.broker)
}

/// `rd_kafka_message_latency`: -1, not measured for each message.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_message_latency(_rkmessage: *const rd_kafka_message_s) -> i64 {
    -1
}

/// `rd_kafka_message_errstr`: null if the message is no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_message_errstr(rkmessage: *const rd_kafka_message_s) -> *const c_char {
    // SAFETY: null or a message of this library.
    let Some(message) = (unsafe { of(rkmessage) }) else { return std::ptr::null() };
    match &message.words {
        _ if message.raw.err == NO_ERROR => std::ptr::null(),
        Some(words) if !words.is_empty() => words.as_ptr(),
        _ => crate::error::rd_kafka_err2str(message.raw.err),
    }
}

/// `rd_kafka_message_produce_errstr`: why a record was not delivered; null if it was, or if nothing more is known than the code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_message_produce_errstr(rkmessage: *const rd_kafka_message_s) -> *const c_char {
    // SAFETY: null or a message of this library.
    let words = unsafe { of(rkmessage) }.filter(|message| message.raw.err != NO_ERROR).and_then(|message| message.words.as_ref());
    words.map_or(std::ptr::null(), |words| words.as_ptr())
}

/// The headers of a message, made when they are asked for first.
fn headers_of(message: &Message) -> *mut rd_kafka_headers_s {
    let known = message.headers.load(Ordering::Acquire);
    if !known.is_null() || message.view.is_empty() {
        return known;
    }
    let mut headers = rd_kafka_headers_s::default();
    for header in message.view.iter() {
        headers.push(header.key.as_bytes(), header.value);
    }
    let made = Box::into_raw(Box::new(headers));
    match message.headers.compare_exchange(std::ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => made,
        Err(other) => {
            // SAFETY: another thread was quicker; nobody knows of this one.
            drop(unsafe { Box::from_raw(made) });
            other
        }
    }
}

/// `rd_kafka_message_headers`: stay the message's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_message_headers(
    rkmessage: *const rd_kafka_message_s,
    hdrsp: *mut *mut rd_kafka_headers_s,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a message of this library.
        let Some(message) = (unsafe { of(rkmessage) }) else { return INVALID_ARG };
        let headers = headers_of(message);
        if headers.is_null() {
            return NOENT;
        }
        if !hdrsp.is_null() {
            // SAFETY: a place of the caller's.
            unsafe { *hdrsp = headers };
        }
        NO_ERROR
    })
}

/// `rd_kafka_message_detach_headers`: become the caller's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_message_detach_headers(
    rkmessage: *mut rd_kafka_message_s,
    hdrsp: *mut *mut rd_kafka_headers_s,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a message of this library, which nobody else uses meanwhile.
        let Some(message) = (unsafe { rkmessage.cast::<Message>().as_mut() }) else { return INVALID_ARG };
        if hdrsp.is_null() {
            return INVALID_ARG;
        }
        let headers = headers_of(message);
        if headers.is_null() {
            return NOENT;
        }
        // They are not made again.
        message.view = HeadersView::default();
        *message.headers.get_mut() = std::ptr::null_mut();
        // SAFETY: a place of the caller's.
        unsafe { *hdrsp = headers };
        NO_ERROR
    })
}

/// `rd_kafka_message_set_headers`: replace those that the message has, and become the message's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_message_set_headers(rkmessage: *mut rd_kafka_message_s, hdrs: *mut rd_kafka_headers_s) {
    guarded!((), {
        // SAFETY: null or a message of this library, which nobody else uses meanwhile.
        let Some(message) = (unsafe { rkmessage.cast::<Message>().as_mut() }) else { return };
        drop_headers(message);
        message.view = HeadersView::default();
        *message.headers.get_mut() = hdrs;
    });
}

impl Drop for Message {
    fn drop(&mut self) {
        drop_headers(self);
    }
}
