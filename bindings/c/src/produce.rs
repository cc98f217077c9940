//! Records out: from C's arguments into a batch, at once.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use ottla::{Client, Config, Error, ErrorKind, Producer, Record, TopicProducer};
use ottla_bindings::fork::Kept;
use ottla_bindings::{Outstanding, Queue};

use crate::boundary::{bytes, text};
use crate::conf::{overlay, rd_kafka_conf_s};
use crate::error::{
    INVALID_ARG, NO_ERROR, UNKNOWN_PARTITION, UNKNOWN_TOPIC, code, object, object_of, rd_kafka_error_s, set_last,
};
use crate::event;
use crate::exit;
use crate::handle::{lock, rd_kafka_s};
use crate::headers::{name, rd_kafka_headers_s, value};
use crate::op::Op;
use crate::report::Waiting;
use crate::topic::rd_kafka_topic_s;
use crate::types::{PARTITION_UA, flag, rd_kafka_message_s, rd_kafka_resp_err_t, rd_kafka_vu_s, vtype};

/// What comes back with a report and does not fit into a record's number: the application's own pointer to the value, and opaques
/// that can't be told from an index.
pub(crate) struct Side {
    pub(crate) opaque: usize,
    /// The application's value, where it is not copied.
    pub(crate) payload: usize,
    /// It is to be freed with C's allocator.
    free: bool,
}

impl Drop for Side {
    fn drop(&mut self) {
        if self.free {
            // SAFETY: the application said that it is the library's to free, by RD_KAFKA_MSG_F_FREE.
            unsafe { libc::free(self.payload as *mut c_void) };
        }
    }
}

/// Sides by their index.
#[derive(Default)]
struct Sides {
    kept: Vec<Option<Side>>,
    free: Vec<usize>,
}

impl Sides {
    fn put(&mut self, side: Side) -> usize {
        match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.kept.get_mut(at) {
                    *place = Some(side);
                }
                at
            }
            None => {
                self.kept.push(Some(side));
                self.kept.len() - 1
            }
        }
    }

    fn take(&mut self, at: usize) -> Option<Side> {
        let side = self.kept.get_mut(at)?.take()?;
        self.free.push(at);
        Some(side)
    }
}

/// What a topic's configuration sets beside the client's.
type Overrides = Vec<(&'static str, String)>;

/// Where a client's records go out.
pub(crate) struct Outlet {
    /// Producers by what their topics' configurations set: most clients have one.
    producers: Mutex<BTreeMap<Overrides, Kept<Producer>>>,
    /// What no report was served for.
    pub(crate) outstanding: Outstanding,
    /// What no report has come for.
    pub(crate) unanswered: Outstanding,
    /// What failed while the process ended: nobody hears of it any more.
    pub(crate) failed_at_exit: Arc<AtomicU64>,
    /// How long the end of the process may wait for it.
    pub(crate) exit_timeout: OnceLock<Duration>,
    sides: Arc<Mutex<Sides>>,
    queue: Queue<Op>,
    /// A test of the application says that the client can't go on.
    pub(crate) ended: AtomicBool,
    /// Whether the application wants reports, and of failures only.
    wants: Wants,
    /// Reports are events: the application serves them itself while it flushes.
    pub(crate) by_event: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wants {
    Nothing,
    Failures,
    All,
}

/// An opaque as a record carries it: itself, or the index of its side with the lowest bit set.
fn plain(opaque: usize) -> Option<u64> {
    (opaque & 1 == 0).then_some(opaque as u64)
}

impl Outlet {
    /// An outlet whose reports go into `queue`.
    pub(crate) fn new(conf: &rd_kafka_conf_s, queue: Queue<Op>) -> Self {
        let by_event = conf.has_event(event::kind::DR);
        let only_errors = conf.own("delivery.report.only.error") == "true";
        let wants = match (conf.callbacks.dr_msg.is_some() || conf.callbacks.dr.is_some() || by_event, only_errors) {
            (false, _) => Wants::Nothing,
            (true, true) => Wants::Failures,
            (true, false) => Wants::All,
        };
        let outstanding = Outstanding::default();
        Self {
            producers: Mutex::default(),
            unanswered: outstanding.beside(),
            outstanding,
            failed_at_exit: Arc::default(),
            exit_timeout: OnceLock::new(),
            sides: Arc::default(),
            queue,
            ended: AtomicBool::new(false),
            wants,
            by_event,
        }
    }

    /// The producer of what was set beside the client's configuration.
    fn producer(&self, client: &Client, over: &Config) -> Result<Producer, Error> {
        let key: Overrides = over
            .iter()
            .filter(|(name, value)| client.config().get(name).is_ok_and(|now| now != *value))
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        let mut producers = lock(&self.producers);
        if let Some(producer) = producers.get(&key) {
            return producer.get().cloned();
        }
        let mut builder = client.producer_builder().reports(true);
        for (name, value) in &key {
            builder = builder.set(name, value);
        }
        let producer = builder.build()?;
        let (queue, wants) = (self.queue.clone(), self.wants);
        let (sides, outstanding) = (Arc::downgrade(&self.sides), self.outstanding.clone());
        let (unanswered, failed_at_exit) = (self.unanswered.clone(), self.failed_at_exit.clone());
        producer.reports().relay_to(Some(Arc::new(move |report| {
            if exit::is_leaving() {
                let failed = report.result().map_or(report.len(), |result| match result.outcome {
                    Ok(_) => result.exceptions.len(),
                    Err(_) => report.len(),
                });
                failed_at_exit.fetch_add(failed as u64, Ordering::Relaxed);
            }
            unanswered.remove(report.len() as u64);
            let failed = || report.result().is_none_or(|result| result.outcome.is_err() || !result.exceptions.is_empty());
            if wants == Wants::All || (wants == Wants::Failures && failed()) {
                return queue.push(Op::Report(Waiting::new(report)));
            }
            for index in 0..u32::try_from(report.len()).unwrap_or(0) {
                let number = report.opaque(index);
                if number & 1 == 1
                    && let Some(sides) = sides.upgrade()
                {
                    drop(lock(&sides).take(usize::try_from(number >> 1).unwrap_or(usize::MAX)));
                }
            }
            let records = report.len() as u64;
            drop(report);
            outstanding.remove(records);
        })));
        producers.insert(key, Kept::new(producer.clone()));
        Ok(producer)
    }

    /// A topic's way out.
    pub(crate) fn topic(&self, handle: &rd_kafka_s, name: &str, over: Option<&Config>) -> Result<Kept<TopicProducer>, Error> {
        let client = handle.client()?;
        let mut config = Config::default();
        if let Some(over) = over {
            overlay(&mut config, over);
        }
        Ok(Kept::new(self.producer(client, &config)?.topic(name)?))
    }

    /// Makes the producer of the client's own configuration, so that what is wrong with it shows.
    pub(crate) fn prepare(&self, client: &Client) -> Result<(), Error> {
        self.producer(client, &Config::default()).map(|_| ())
    }

    /// All producers.
    pub(crate) fn all(&self) -> Vec<Producer> {
        lock(&self.producers).values().filter_map(|producer| producer.get().ok().cloned()).collect()
    }

    /// The opaque and the application's own value that came with a record.
    pub(crate) fn opaque(&self, number: u64) -> (usize, Option<Side>) {
        if number & 1 == 0 {
            return (usize::try_from(number).unwrap_or(0), None);
        }
        let side = lock(&self.sides).take(usize::try_from(number >> 1).unwrap_or(usize::MAX));
        (side.as_ref().map_or(0, |side| side.opaque), side)
    }

    /// The number that a record carries.
    fn number(&self, opaque: usize, payload: *mut c_void, flags: c_int) -> u64 {
        let free = flags & flag::FREE != 0;
        let copy = flags & flag::COPY != 0;
        // The value is in the batch already; its pointer is kept for who gets it back, or until it is freed.
        let keeps = !payload.is_null() && (free || (!copy && self.wants != Wants::Nothing));
        match plain(opaque) {
            Some(number) if !keeps => number,
            _ => {
                let payload = if keeps { payload as usize } else { 0 };
                // Freed only once the record was taken: see `take_back`.
                let at = lock(&self.sides).put(Side { opaque, payload, free: free && keeps });
                ((at as u64) << 1) | 1
            }
        }
    }

    /// The record was not taken: what was kept for it stays the application's.
    fn take_back(&self, number: u64) {
        if number & 1 == 1
            && let Some(mut side) = lock(&self.sides).take(usize::try_from(number >> 1).unwrap_or(usize::MAX))
        {
            side.free = false;
        }
    }
}

/// What a record is made of, as C gives it.
pub(crate) struct Parts<'a> {
    partition: i32,
    flags: c_int,
    payload: *mut c_void,
    len: usize,
    key: Option<&'a [u8]>,
    headers: &'a [(&'a str, Option<&'a [u8]>)],
    timestamp: i64,
    opaque: *mut c_void,
}

/// Takes a record into its batch.
///
/// # Safety
/// The payload is null or so many bytes.
unsafe fn produce(topic: &rd_kafka_topic_s, parts: &Parts<'_>) -> Result<(), Error> {
    let Some((outlet, producer)) = &topic.out else {
        return Err(Error::new(ErrorKind::State, "this client is a consumer: it can't produce"));
    };
    let producer = producer.get()?;
    if outlet.ended.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Fatal, "rd_kafka_test_fatal_error was called"));
    }
    let number = outlet.number(parts.opaque as usize, parts.payload, parts.flags);
    let mut record = Record::to(topic.name()).opaque(number);
    // SAFETY: the caller's promise.
    if let Some(value) = unsafe { bytes(parts.payload, parts.len) } {
        record = record.value(value);
    }
    if let Some(key) = parts.key {
        record = record.key(key);
    }
    if parts.partition != PARTITION_UA {
        record = record.partition(parts.partition);
    }
    if parts.timestamp > 0 {
        record = record.timestamp(parts.timestamp);
    }
    for (name, value) in parts.headers {
        record = match value {
            Some(value) => record.header(name, *value),
            None => record.null_header(name),
        };
    }
    // Before it is taken: its report may be quicker than this call's return.
    outlet.outstanding.add(1);
    let mut taken = producer.try_send(&record);
    if parts.flags & flag::BLOCK != 0 && matches!(&taken, Err(error) if error.kind() == ErrorKind::QueueFull) {
        taken = producer.send_blocking(record);
    }
    match taken {
        Ok(_) => Ok(()),
        Err(error) => {
            outlet.outstanding.take_back(1);
            outlet.take_back(number);
            Err(error)
        }
    }
}

/// The value of errno that goes with a code.
fn errno(code: c_int) -> c_int {
    match code {
        -184 => libc::ENOBUFS,
        10 => libc::EMSGSIZE,
        UNKNOWN_PARTITION => libc::ESRCH,
        UNKNOWN_TOPIC => libc::ENOENT,
        -185 | -192 => libc::ETIMEDOUT,
        -150 => libc::ECANCELED,
        _ => libc::EINVAL,
    }
}

/// `rd_kafka_produce`: 0, or -1 with the code in `rd_kafka_last_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_produce(
    rkt: *mut rd_kafka_topic_s,
    partition: i32,
    msgflags: c_int,
    payload: *mut c_void,
    len: usize,
    key: *const c_void,
    keylen: usize,
    msg_opaque: *mut c_void,
) -> c_int {
    guarded!(-1, {
        // SAFETY: null or a topic of this library.
        let Some(topic) = (unsafe { rkt.as_ref() }) else {
            set_last(INVALID_ARG, libc::EINVAL);
            return -1;
        };
        // SAFETY: the caller's bytes, for as long as this call.
        let key = unsafe { bytes(key, keylen) };
        let parts = Parts { partition, flags: msgflags, payload, len, key, headers: &[], timestamp: 0, opaque: msg_opaque };
        // SAFETY: as above.
        match unsafe { produce(topic, &parts) } {
            Ok(()) => {
                set_last(NO_ERROR, 0);
                0
            }
            Err(error) => {
                let code = code(&error);
                set_last(code, errno(code));
                -1
            }
        }
    })
}

/// `rd_kafka_produce_batch`: how many were taken; each message's `err` says what became of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_produce_batch(
    rkt: *mut rd_kafka_topic_s,
    partition: i32,
    msgflags: c_int,
    rkmessages: *mut rd_kafka_message_s,
    message_cnt: c_int,
) -> c_int {
    guarded!(0, {
        // SAFETY: null or a topic of this library.
        let Some(topic) = (unsafe { rkt.as_ref() }) else { return 0 };
        let count = usize::try_from(message_cnt).unwrap_or(0);
        if rkmessages.is_null() || count == 0 {
            return 0;
        }
        // SAFETY: the caller says that so many messages are there.
        let messages = unsafe { std::slice::from_raw_parts_mut(rkmessages, count) };
        let mut taken = 0;
        for message in messages {
            let partition = if msgflags & flag::PARTITION != 0 { message.partition } else { partition };
            let parts = Parts {
                partition,
                flags: msgflags,
                payload: message.payload,
                len: message.len,
                // SAFETY: the caller's bytes.
                key: unsafe { bytes(message.key, message.key_len) },
                headers: &[],
                timestamp: 0,
                opaque: message._private,
            };
            // SAFETY: as above.
            message.err = match unsafe { produce(topic, &parts) } {
                Ok(()) => {
                    taken += 1;
                    NO_ERROR
                }
                Err(error) => code(&error),
            };
        }
        taken
    })
}

/// Who a record goes to, and what it is made of, from the parts that C names one by one.
struct Gathered<'a> {
    topic: Option<Target<'a>>,
    parts: Parts<'a>,
    headers: Vec<(&'a str, Option<&'a [u8]>)>,
    /// Headers whose owner the library becomes.
    given: *mut rd_kafka_headers_s,
}

enum Target<'a> {
    Name(&'a str),
    Handle(&'a rd_kafka_topic_s),
}

/// # Safety
/// Each part is what its tag says.
unsafe fn gather<'a>(vus: &'a [rd_kafka_vu_s]) -> Result<Gathered<'a>, String> {
    let mut gathered = Gathered {
        topic: None,
        parts: Parts {
            partition: PARTITION_UA,
            flags: 0,
            payload: std::ptr::null_mut(),
            len: 0,
            key: None,
            headers: &[],
            timestamp: 0,
            opaque: std::ptr::null_mut(),
        },
        headers: Vec::new(),
        given: std::ptr::null_mut(),
    };
    for vu in vus {
        let parts = &mut gathered.parts;
        // SAFETY: the tag says which of the union's values was written; the pointers are the caller's.
        unsafe {
            match vu.vtype {
                vtype::TOPIC => {
                    let name = text(vu.u.cstr).ok_or("the topic's name is null or no UTF-8")?;
                    gathered.topic = Some(Target::Name(name));
                }
                vtype::RKT => gathered.topic = vu.u.rkt.as_ref().map(Target::Handle),
                vtype::PARTITION => parts.partition = vu.u.i32_,
                vtype::VALUE => (parts.payload, parts.len) = (vu.u.mem.ptr, vu.u.mem.size),
                vtype::KEY => parts.key = bytes(vu.u.mem.ptr, vu.u.mem.size),
                vtype::OPAQUE => parts.opaque = vu.u.ptr,
                vtype::MSGFLAGS => parts.flags = vu.u.i,
                vtype::TIMESTAMP => parts.timestamp = vu.u.i64_,
                vtype::HEADER if !gathered.given.is_null() => {
                    return Err("VTYPE_HEADER and VTYPE_HEADERS exclude each other".into());
                }
                vtype::HEADER => {
                    let header = vu.u.header;
                    let key = name(header.name, -1).ok_or("a header's name is null or no UTF-8")?;
                    gathered.headers.push((key, value(header.val, header.size)));
                }
                vtype::HEADERS if !gathered.headers.is_empty() => {
                    return Err("VTYPE_HEADER and VTYPE_HEADERS exclude each other".into());
                }
                vtype::HEADERS => {
                    gathered.given = vu.u.headers;
                    if let Some(headers) = vu.u.headers.as_ref() {
                        gathered.headers.extend(headers.iter());
                    }
                }
                other => return Err(format!("Unsupported VTYPE {other}")),
            }
        }
    }
    Ok(gathered)
}

/// `rd_kafka_produceva`: a record from an array of parts; an error object, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_produceva(rk: *mut rd_kafka_s, vus: *const rd_kafka_vu_s, cnt: usize) -> *mut rd_kafka_error_s {
    guarded!(object(INVALID_ARG, "the library panicked"), {
        // SAFETY: null or a client of this library.
        let Some(handle) = (unsafe { crate::handle::of(rk) }) else { return object(INVALID_ARG, "the client is null") };
        let vus = match vus.is_null() {
            true => &[],
            // SAFETY: the caller says that so many parts are there.
            false => unsafe { std::slice::from_raw_parts(vus, cnt) },
        };
        // SAFETY: the caller's parts.
        let mut gathered = match unsafe { gather(vus) } {
            Ok(gathered) => gathered,
            Err(words) => return object(INVALID_ARG, words),
        };
        let headers = std::mem::take(&mut gathered.headers);
        gathered.parts.headers = &headers;
        let made;
        let topic = match gathered.topic {
            None => return object(INVALID_ARG, "the record has no topic: give RD_KAFKA_V_TOPIC or RD_KAFKA_V_RKT"),
            Some(Target::Handle(topic)) => topic,
            Some(Target::Name(name)) => match handle.own_topic(name) {
                Ok(topic) => {
                    made = topic;
                    &*made
                }
                Err(error) => return object_of(&error),
            },
        };
        // SAFETY: the caller's bytes.
        if let Err(error) = unsafe { produce(topic, &gathered.parts) } {
            return object_of(&error);
        }
        if !gathered.given.is_null() {
            // SAFETY: with the record's acceptance they became the library's.
            drop(unsafe { Box::from_raw(gathered.given) });
        }
        std::ptr::null_mut()
    })
}

/// `rd_kafka_purge`: gives records up; their reports say so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_purge(rk: *mut rd_kafka_s, purge_flags: c_int) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a client of this library.
        let Some(handle) = (unsafe { crate::handle::of(rk) }) else { return INVALID_ARG };
        if purge_flags & !0x7 != 0 {
            return INVALID_ARG;
        }
        let Some(outlet) = &handle.outlet else { return crate::error::NOT_IMPLEMENTED };
        for producer in outlet.all() {
            producer.purge(purge_flags & 1 != 0, purge_flags & 2 != 0);
        }
        NO_ERROR
    })
}
