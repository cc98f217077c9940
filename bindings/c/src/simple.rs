//! The legacy consumer: partitions are read one by one, without a group. A queue that partitions are read into owns a consumer.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla::{Consumer, Error, ErrorKind, TopicPartition};
use ottla_bindings::fork::Kept;

use crate::boundary::Deadline;
use crate::conf::ConsumeCb;
use crate::consumer::next_message;
use crate::error::{CONFLICT, INVALID_ARG, NO_ERROR, STATE, TIMED_OUT, UNKNOWN_PARTITION, code, set_last};
use crate::handle::{lock, rd_kafka_s, yields};
use crate::member::start;
use crate::message::rd_kafka_message_destroy;
use crate::queue::{Item, Source, rd_kafka_queue_s};
use crate::topic::rd_kafka_topic_s;
use crate::types::{CONSUMER, offset, rd_kafka_message_s, rd_kafka_resp_err_t};

/// A partition that is read.
struct Reading {
    queue: Arc<rd_kafka_queue_s>,
    source: Arc<Source>,
    /// What the topic's configuration sets: partitions of one queue with the same share a consumer.
    config: Vec<(&'static str, String)>,
}

/// The partitions that a client reads so.
#[derive(Default)]
pub(crate) struct Legacy(Mutex<BTreeMap<TopicPartition, Reading>>);

impl Legacy {
    fn start(
        &self,
        handle: &rd_kafka_s,
        topic: &rd_kafka_topic_s,
        partition: i32,
        at: i64,
        queue: Option<Arc<rd_kafka_queue_s>>,
    ) -> Result<(), (c_int, c_int)> {
        let told = |error: Error| (code(&error), libc::EINVAL);
        if handle.kind != CONSUMER {
            return Err((INVALID_ARG, libc::EINVAL));
        }
        if partition < 0 {
            return Err((UNKNOWN_PARTITION, libc::ESRCH));
        }
        if !matches!(at, 0..|offset::BEGINNING| offset::END | offset::STORED) && at > offset::TAIL_BASE {
            return Err((INVALID_ARG, libc::EINVAL));
        }
        let key = TopicPartition::new(topic.name(), partition);
        let client = handle.client().map_err(told)?;
        let config: Vec<(&'static str, String)> = topic.config.iter().map(|(name, value)| (name, value.to_owned())).collect();
        let mut all = lock(&self.0);
        if all.contains_key(&key) {
            return Err((CONFLICT, libc::EBUSY));
        }
        let shared = queue.as_ref().and_then(|queue| {
            let same = |reading: &&Reading| Arc::ptr_eq(&reading.queue, queue) && reading.config == config;
            all.values().find(same).map(|reading| reading.source.clone())
        });
        let queue = queue.unwrap_or_else(|| rd_kafka_queue_s::new(handle.weak()));
        let source = match shared {
            Some(source) => source,
            None => {
                let mut builder = client.consumer_builder().set("group.id", "");
                for (name, value) in &config {
                    builder = builder.set(name, value);
                }
                let source = Source::new(Arc::new(Kept::new(builder.build().map_err(told)?)), handle.weak());
                queue.add(source.clone());
                source
            }
        };
        let begun = (|| {
            let consumer = source.consumer.get()?;
            let from = match (&handle.member, at) {
                (Some(member), offset::STORED) => member.starts(&[(key.clone(), at)])?.pop().map(|(_, from)| from),
                (None, offset::STORED) => {
                    return Err(Error::new(ErrorKind::InvalidArgument, "a stored offset needs group.id"));
                }
                _ => Some(start(consumer, &key, at)?),
            };
            consumer.incremental_assign(from.map(|from| (key.topic.as_str(), key.partition, from)))
        })();
        if let Err(error) = begun {
            if !all.values().any(|reading| Arc::ptr_eq(&reading.source, &source)) {
                queue.remove(&source);
            }
            return Err(told(error));
        }
        all.insert(key, Reading { queue, source, config });
        Ok(())
    }

    fn stop(&self, key: &TopicPartition) -> Result<(), (c_int, c_int)> {
        let mut all = lock(&self.0);
        let Some(reading) = all.remove(key) else { return Err((UNKNOWN_PARTITION, libc::ESRCH)) };
        let last = !all.values().any(|other| Arc::ptr_eq(&other.source, &reading.source));
        drop(all);
        if let Ok(consumer) = reading.source.consumer.get() {
            // It assigns by hand, so that nothing is in the way.
            let _ = consumer.incremental_unassign([(key.topic.as_str(), key.partition)]);
        }
        if last {
            reading.queue.remove(&reading.source);
        }
        Ok(())
    }

    /// Ends all.
    pub(crate) fn clear(&self) {
        for reading in std::mem::take(&mut *lock(&self.0)).into_values() {
            reading.queue.remove(&reading.source);
        }
    }

    fn queue(&self, key: &TopicPartition) -> Option<Arc<rd_kafka_queue_s>> {
        lock(&self.0).get(key).map(|reading| reading.queue.clone())
    }

    fn source(&self, key: &TopicPartition) -> Option<Arc<Source>> {
        lock(&self.0).get(key).map(|reading| reading.source.clone())
    }
}

/// A topic with its client.
///
/// # Safety
/// `rkt` is null or a topic.
unsafe fn parts<'a>(rkt: *const rd_kafka_topic_s) -> Option<(&'a rd_kafka_topic_s, Arc<rd_kafka_s>)> {
    // SAFETY: the caller's promise.
    let topic = unsafe { rkt.as_ref() }?;
    Some((topic, topic.handle.upgrade()?))
}

fn answer(result: Result<(), (c_int, c_int)>) -> c_int {
    match result {
        Ok(()) => {
            set_last(NO_ERROR, 0);
            0
        }
        Err((code, errno)) => {
            set_last(code, errno);
            -1
        }
    }
}

/// `rd_kafka_consume_start`: 0, or -1 with the code in `rd_kafka_last_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consume_start(rkt: *mut rd_kafka_topic_s, partition: i32, offset: i64) -> c_int {
    guarded!(-1, {
        // SAFETY: null or a topic.
        let Some((topic, handle)) = (unsafe { parts(rkt) }) else { return answer(Err((INVALID_ARG, libc::EINVAL))) };
        answer(handle.legacy.start(&handle, topic, partition, offset, None))
    })
}

/// `rd_kafka_consume_start_queue`: records come into a queue, from several partitions if it is called for each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consume_start_queue(
    rkt: *mut rd_kafka_topic_s,
    partition: i32,
    offset: i64,
    rkqu: *mut rd_kafka_queue_s,
) -> c_int {
    guarded!(-1, {
        // SAFETY: null, or a topic and a queue.
        let (Some((topic, handle)), Some(queue)) = (unsafe { parts(rkt) }, unsafe { crate::queue_api::shared(rkqu) }) else {
            return answer(Err((INVALID_ARG, libc::EINVAL)));
        };
        answer(handle.legacy.start(&handle, topic, partition, offset, Some(queue)))
    })
}

/// `rd_kafka_consume_stop`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consume_stop(rkt: *mut rd_kafka_topic_s, partition: i32) -> c_int {
    guarded!(-1, {
        // SAFETY: null or a topic.
        let Some((topic, handle)) = (unsafe { parts(rkt) }) else { return answer(Err((INVALID_ARG, libc::EINVAL))) };
        answer(handle.legacy.stop(&TopicPartition::new(topic.name(), partition)))
    })
}

/// `rd_kafka_seek`: at once, so that the time given is not needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_seek(
    rkt: *mut rd_kafka_topic_s,
    partition: i32,
    offset: i64,
    _timeout_ms: c_int,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a topic.
        let Some((topic, handle)) = (unsafe { parts(rkt) }) else { return INVALID_ARG };
        let key = TopicPartition::new(topic.name(), partition);
        let seek = |consumer: &Consumer| consumer.seek(key.topic.as_str(), partition, start(consumer, &key, offset)?);
        let sought = match (handle.legacy.source(&key), &handle.member) {
            (Some(source), _) => source.consumer.get().and_then(seek),
            (None, Some(member)) => member.consumer().and_then(seek),
            (None, None) => return STATE,
        };
        crate::consumer::answered(sought)
    })
}

/// The queue of a partition that is read.
///
/// # Safety
/// `rkt` is null or a topic.
unsafe fn queue_of(rkt: *mut rd_kafka_topic_s, partition: i32) -> Option<(Arc<rd_kafka_s>, Arc<rd_kafka_queue_s>)> {
    // SAFETY: the caller's promise.
    let Some((topic, handle)) = (unsafe { parts(rkt) }) else {
        set_last(INVALID_ARG, libc::EINVAL);
        return None;
    };
    let queue = handle.legacy.queue(&TopicPartition::new(topic.name(), partition));
    if queue.is_none() {
        set_last(UNKNOWN_PARTITION, libc::ESRCH);
    }
    queue.map(|queue| (handle, queue))
}

fn one(handle: &rd_kafka_s, queue: &rd_kafka_queue_s, timeout_ms: c_int) -> *mut rd_kafka_message_s {
    let message = next_message(handle, queue, timeout_ms);
    if message.is_null() {
        set_last(TIMED_OUT, libc::ETIMEDOUT);
    } else {
        set_last(NO_ERROR, 0);
    }
    message
}

/// `rd_kafka_consume`: a record or an error, to be destroyed by the caller; null if the time is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consume(
    rkt: *mut rd_kafka_topic_s,
    partition: i32,
    timeout_ms: c_int,
) -> *mut rd_kafka_message_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a topic.
        match unsafe { queue_of(rkt, partition) } {
            Some((handle, queue)) => one(&handle, &queue, timeout_ms),
            None => std::ptr::null_mut(),
        }
    })
}

/// `rd_kafka_consume_queue`: as `rd_kafka_consume`, from a queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consume_queue(rkqu: *mut rd_kafka_queue_s, timeout_ms: c_int) -> *mut rd_kafka_message_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a queue.
        match unsafe { crate::queue_api::with_handle(rkqu) } {
            Some((handle, queue)) => one(&handle, &queue, timeout_ms),
            None => std::ptr::null_mut(),
        }
    })
}

/// Fills an array with messages, until it is full or the time is over; how many there are.
///
/// # Safety
/// There is room for so many.
unsafe fn fill(
    handle: &rd_kafka_s,
    queue: &rd_kafka_queue_s,
    timeout_ms: c_int,
    messages: *mut *mut rd_kafka_message_s,
    room: usize,
) -> isize {
    let deadline = Deadline::after(timeout_ms);
    let mut count = 0;
    let _ = yields();
    while count < room && !messages.is_null() {
        let taken = queue.ready(room - count, |message| {
            // SAFETY: the caller's promise; no more come than there is room left for.
            unsafe { *messages.add(count) = message };
            count += 1;
        });
        if taken > 0 {
            continue;
        }
        match queue.next(deadline.left()) {
            Some(Item::Message(message)) => {
                // SAFETY: the caller's promise.
                unsafe { *messages.add(count) = message };
                count += 1;
            }
            Some(Item::Op(op)) => {
                handle.serve(op);
                if yields() || handle.is_gone() {
                    break;
                }
            }
            None => break,
        }
    }
    isize::try_from(count).unwrap_or(isize::MAX)
}

/// `rd_kafka_consume_batch`: how many messages were put into the array, -1 if the partition is not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consume_batch(
    rkt: *mut rd_kafka_topic_s,
    partition: i32,
    timeout_ms: c_int,
    rkmessages: *mut *mut rd_kafka_message_s,
    rkmessages_size: usize,
) -> isize {
    guarded!(-1, {
        // SAFETY: null or a topic.
        match unsafe { queue_of(rkt, partition) } {
            // SAFETY: the caller's array.
            Some((handle, queue)) => unsafe { fill(&handle, &queue, timeout_ms, rkmessages, rkmessages_size) },
            None => -1,
        }
    })
}

/// `rd_kafka_consume_batch_queue`: as `rd_kafka_consume_batch`, from a queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consume_batch_queue(
    rkqu: *mut rd_kafka_queue_s,
    timeout_ms: c_int,
    rkmessages: *mut *mut rd_kafka_message_s,
    rkmessages_size: usize,
) -> isize {
    guarded!(-1, {
        // SAFETY: null or a queue.
        match unsafe { crate::queue_api::with_handle(rkqu) } {
            // SAFETY: the caller's array.
            Some((handle, queue)) => unsafe { fill(&handle, &queue, timeout_ms, rkmessages, rkmessages_size) },
            None => -1,
        }
    })
}

/// How many messages one call of a callback function hands out at most: so that it ends where records come as fast as they go.
const IN_ONE_CALL: c_int = 100_000;

/// Calls a function with each message that is there, waiting for the first; how many there were.
fn call(handle: &rd_kafka_s, queue: &rd_kafka_queue_s, timeout_ms: c_int, consume_cb: ConsumeCb, opaque: *mut c_void) -> c_int {
    let deadline = Deadline::after(timeout_ms);
    let mut left = deadline.left();
    let mut count = 0;
    let _ = yields();
    while count < IN_ONE_CALL {
        let mut ready = None;
        queue.ready(1, |message| ready = Some(Item::Message(message)));
        match ready.or_else(|| queue.next(left)) {
            Some(Item::Message(message)) => {
                count += 1;
                left = Some(Duration::ZERO);
                // SAFETY: the application's function, with a message that lives until it returns.
                unsafe {
                    consume_cb(message, opaque);
                    rd_kafka_message_destroy(message);
                }
            }
            Some(Item::Op(op)) => {
                handle.serve(op);
                if count == 0 {
                    left = deadline.left();
                }
            }
            None => break,
        }
        if yields() || handle.is_gone() {
            break;
        }
    }
    count
}

/// `rd_kafka_consume_callback`: how many messages the function was called with, -1 if the partition is not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consume_callback(
    rkt: *mut rd_kafka_topic_s,
    partition: i32,
    timeout_ms: c_int,
    consume_cb: Option<ConsumeCb>,
    commit_opaque: *mut c_void,
) -> c_int {
    guarded!(-1, {
        // SAFETY: null or a topic.
        match (unsafe { queue_of(rkt, partition) }, consume_cb) {
            (Some((handle, queue)), Some(consume_cb)) => call(&handle, &queue, timeout_ms, consume_cb, commit_opaque),
            _ => -1,
        }
    })
}

/// `rd_kafka_consume_callback_queue`: as `rd_kafka_consume_callback`, from a queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consume_callback_queue(
    rkqu: *mut rd_kafka_queue_s,
    timeout_ms: c_int,
    consume_cb: Option<ConsumeCb>,
    commit_opaque: *mut c_void,
) -> c_int {
    guarded!(-1, {
        // SAFETY: null or a queue.
        match (unsafe { crate::queue_api::with_handle(rkqu) }, consume_cb) {
            (Some((handle, queue)), Some(consume_cb)) => call(&handle, &queue, timeout_ms, consume_cb, commit_opaque),
            _ => -1,
        }
    })
}
