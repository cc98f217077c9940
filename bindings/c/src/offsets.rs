//! Offsets: committed, stored, asked for.

use std::ffi::{c_char, c_int, c_void};

use ottla::{Consumer, Error, ErrorKind, OffsetAndMetadata, TopicPartition};

use crate::asked::asked;
use crate::boundary::text;
use crate::conf::{OffsetCommitCb, Opaque};
use crate::consumer::{answered, member};
use crate::drive::drive;
use crate::error::{INVALID_ARG, NO_ERROR, NO_OFFSET, STATE, code, rd_kafka_error_s};
use crate::event;
use crate::handle::{of, rd_kafka_s};
use crate::list;
use crate::member::Member;
use crate::op::Op;
use crate::queue::rd_kafka_queue_s;
use crate::topic::rd_kafka_topic_s;
use crate::types::{
    offset, rd_kafka_message_s, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_s as List, rd_kafka_topic_partition_s as Elem,
};

type Offsets = Vec<(TopicPartition, OffsetAndMetadata)>;

/// Who is told of a commit instead of the configured callback.
type Reply = Option<(OffsetCommitCb, Opaque)>;

/// What is told of a commit that was asked for.
fn told(code: c_int, offsets: Offsets, reply: Reply) -> Op {
    let of_each = if code == NO_OFFSET { NO_ERROR } else { code };
    Op::OffsetCommit { code, offsets: offsets.into_iter().map(|(key, at)| (key, at, of_each)).collect(), reply }
}

/// What to commit: a list of C's, or what was consumed or stored. Of a partition that has nothing to commit the offset is INVALID, if
/// it is so of all.
///
/// # Safety
/// `list` is null or a list of this library.
unsafe fn to_commit(member: &Member, list: *const List) -> Result<Offsets, c_int> {
    let consumer = member.consumer().map_err(|error| code(&error))?;
    let (mut offsets, all): (Offsets, Vec<TopicPartition>) = if list.is_null() {
        (consumer.to_commit().map_err(|error| code(&error))?.into_iter().collect(), consumer.assignment())
    } else {
        // SAFETY: the caller's promise.
        let elems = unsafe { list::elems(list) };
        let offsets = elems.iter().filter(|elem| elem.offset >= 0).map(|elem| (elem.key(), elem.to_commit())).collect();
        (offsets, elems.iter().map(Elem::key).collect())
    };
    if offsets.is_empty() {
        offsets.extend(all.into_iter().map(|key| (key, OffsetAndMetadata::new(offset::INVALID))));
    }
    Ok(offsets)
}

/// Whether nothing of it can be committed.
fn is_nothing(offsets: &Offsets) -> bool {
    offsets.iter().all(|(_, at)| at.offset < 0)
}

/// Commits, and waits for the answer.
fn commit_now(member: &Member, offsets: &Offsets) -> c_int {
    if is_nothing(offsets) {
        return NO_OFFSET;
    }
    answered(member.consumer().and_then(|consumer| consumer.commit_offsets_blocking(offsets.clone())))
}

/// Commits; what becomes of it is told later.
fn commit_later(member: &Member, offsets: Offsets, tell: impl FnOnce(c_int, Offsets) + Send + 'static) -> c_int {
    if is_nothing(&offsets) {
        tell(NO_OFFSET, offsets);
        return NO_ERROR;
    }
    match member.consumer().and_then(|consumer| consumer.commit_offsets_async(offsets.clone())) {
        Ok(committing) => {
            drive(async move { tell(answered(committing.await), offsets) });
            NO_ERROR
        }
        Err(error) => code(&error),
    }
}

fn commit(handle: &rd_kafka_s, member: &Member, offsets: Offsets, is_async: bool) -> c_int {
    let hears = handle.conf.callbacks.offset_commit.is_some() || handle.conf.has_event(event::kind::OFFSET_COMMIT);
    let queue = member.queue.ops.clone();
    let tell = move |code: c_int, offsets: Offsets| {
        if hears {
            queue.push(told(code, offsets, None));
        }
    };
    if is_async {
        return commit_later(member, offsets, tell);
    }
    let code = commit_now(member, &offsets);
    tell(code, offsets);
    code
}

/// `rd_kafka_commit`: the offsets in the list, or what was consumed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_commit(rk: *mut rd_kafka_s, offsets: *const List, r#async: c_int) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or a client and a list.
        let (handle, member) = match unsafe { member(rk) } {
            Ok(both) => both,
            Err(code) => return code,
        };
        // SAFETY: as above.
        match unsafe { to_commit(member, offsets) } {
            Ok(offsets) => commit(handle, member, offsets, r#async != 0),
            Err(code) => code,
        }
    })
}

/// `rd_kafka_commit_message`: the offset behind a message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_commit_message(
    rk: *mut rd_kafka_s,
    rkmessage: *const rd_kafka_message_s,
    r#async: c_int,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or a client and a message.
        let ((handle, member), Some((key, at))) = (
            match unsafe { member(rk) } {
                Ok(both) => both,
                Err(code) => return code,
            },
            unsafe { behind(rkmessage) },
        ) else {
            return INVALID_ARG;
        };
        commit(handle, member, vec![(key, at)], r#async != 0)
    })
}

/// The offset behind a message; `None` if it is an error.
///
/// # Safety
/// `message` is null or a message of this library.
unsafe fn behind(message: *const rd_kafka_message_s) -> Option<(TopicPartition, OffsetAndMetadata)> {
    // SAFETY: the caller's promise.
    let raw = unsafe { message.as_ref() }?;
    // SAFETY: a message's topic lives as long as it.
    let topic = unsafe { raw.rkt.as_ref() }?;
    if raw.err != NO_ERROR || raw.offset < 0 {
        return None;
    }
    // SAFETY: as above.
    let leader_epoch = unsafe { crate::message::rd_kafka_message_leader_epoch(message) };
    let at = OffsetAndMetadata { offset: raw.offset.saturating_add(1), leader_epoch, ..OffsetAndMetadata::new(0) };
    Some((TopicPartition::new(topic.name(), raw.partition), at))
}

/// `rd_kafka_commit_queue`: the result goes into a queue, or to a callback that is called from there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_commit_queue(
    rk: *mut rd_kafka_s,
    offsets: *const List,
    rkqu: *mut rd_kafka_queue_s,
    cb: Option<OffsetCommitCb>,
    commit_opaque: *mut c_void,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or a client and a queue.
        let (handle, member) = match unsafe { member(rk) } {
            Ok(both) => both,
            Err(code) => return code,
        };
        // SAFETY: null or a list.
        let offsets = match unsafe { to_commit(member, offsets) } {
            Ok(offsets) => offsets,
            Err(code) => return code,
        };
        let reply = cb.map(|cb| (cb, Opaque(commit_opaque)));
        // SAFETY: null or a queue.
        let Some(queue) = (unsafe { rkqu.as_ref() }) else {
            // The caller waits, and is called here.
            let code = commit_now(member, &offsets);
            handle.serve(told(code, offsets, reply));
            return code;
        };
        let queue = queue.ops.clone();
        commit_later(member, offsets, move |code, offsets| queue.push(told(code, offsets, reply)))
    })
}

/// `rd_kafka_committed`: what the group has committed, into the list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_committed(
    rk: *mut rd_kafka_s,
    partitions: *mut List,
    timeout_ms: c_int,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a client.
        let member = match unsafe { member(rk) } {
            Ok((_, member)) => member,
            Err(code) => return code,
        };
        if partitions.is_null() {
            return INVALID_ARG;
        }
        let consumer = match member.consumer() {
            Ok(consumer) => consumer,
            Err(error) => return code(&error),
        };
        // SAFETY: a list of the caller's.
        let elems = unsafe { list::elems_mut(partitions) };
        let keys: Vec<(String, i32)> = elems.iter().map(|elem| (elem.topic().to_owned(), elem.partition)).collect();
        match asked(consumer.committed(keys), timeout_ms) {
            Ok(found) => {
                for elem in elems {
                    elem.set_committed(found.get(&elem.key()).and_then(Option::as_ref));
                    elem.err = NO_ERROR;
                }
                NO_ERROR
            }
            Err(code) => code,
        }
    })
}

fn store(member: &Member, key: TopicPartition, at: OffsetAndMetadata) -> c_int {
    match member.consumer().and_then(|consumer| consumer.store_offset(key, at)) {
        // With enable.auto.offset.store librdkafka answers the same.
        Err(error) if error.kind() == ErrorKind::State => STATE,
        stored => answered(stored),
    }
}

/// `rd_kafka_offsets_store`: offsets for the next automatic commit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_offsets_store(rk: *mut rd_kafka_s, offsets: *mut List) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a client.
        let (handle, member) = match unsafe { member(rk) } {
            Ok(both) => both,
            Err(code) => return code,
        };
        if handle.conf.merged().get("enable.auto.offset.store").is_ok_and(|store| store == "true") {
            return INVALID_ARG;
        }
        let mut last = NO_ERROR;
        // SAFETY: null or a list.
        for elem in unsafe { list::elems_mut(offsets) } {
            elem.err = store(member, elem.key(), elem.to_commit());
            if elem.err != NO_ERROR {
                last = elem.err;
            }
        }
        last
    })
}

/// `rd_kafka_offset_store`: the offset of a message that was consumed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_offset_store(rkt: *mut rd_kafka_topic_s, partition: i32, offset: i64) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a topic.
        let Some(topic) = (unsafe { rkt.as_ref() }) else { return INVALID_ARG };
        let Some(handle) = topic.handle.upgrade() else { return crate::error::DESTROY };
        let Some(member) = &handle.member else { return crate::error::UNKNOWN_GROUP };
        let at = OffsetAndMetadata::new(offset.saturating_add(1));
        store(member, TopicPartition::new(topic.name(), partition), at)
    })
}

/// `rd_kafka_offset_store_message`: the offset behind a message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_offset_store_message(rkmessage: *mut rd_kafka_message_s) -> *mut rd_kafka_error_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a message.
        let Some((key, at)) = (unsafe { behind(rkmessage) }) else {
            return crate::error::object(INVALID_ARG, "Message object must not have an error set");
        };
        // SAFETY: `behind` has looked at both.
        let handle = unsafe { (*(*rkmessage).rkt).handle.upgrade() };
        let code = match handle.as_ref().and_then(|handle| handle.member.as_ref()) {
            Some(member) => store(member, key, at),
            None => crate::error::UNKNOWN_GROUP,
        };
        if code == NO_ERROR { std::ptr::null_mut() } else { crate::error::object(code, "") }
    })
}

/// A consumer to ask with, which is in no group.
fn asking(handle: &rd_kafka_s) -> Result<Consumer, Error> {
    handle.client()?.consumer_builder().set("group.id", "").build()
}

/// `rd_kafka_query_watermark_offsets`: asks the leader for a partition's first offset and its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_query_watermark_offsets(
    rk: *mut rd_kafka_s,
    topic: *const c_char,
    partition: i32,
    low: *mut i64,
    high: *mut i64,
    timeout_ms: c_int,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or a client and a text.
        let (Some(handle), Some(topic)) = (unsafe { of(rk) }, unsafe { text(topic) }) else { return INVALID_ARG };
        let consumer = match asking(handle) {
            Ok(consumer) => consumer,
            Err(error) => return code(&error),
        };
        match asked(consumer.watermarks(topic, partition), timeout_ms) {
            Ok((first, end)) => {
                // SAFETY: null or places of the caller's.
                unsafe { answer(low, high, first, end) };
                NO_ERROR
            }
            Err(code) => code,
        }
    })
}

/// # Safety
/// Each place is null or may be written to.
unsafe fn answer(low: *mut i64, high: *mut i64, first: i64, end: i64) {
    // SAFETY: the caller's promise.
    unsafe {
        if !low.is_null() {
            *low = first;
        }
        if !high.is_null() {
            *high = end;
        }
    }
}

/// `rd_kafka_get_watermark_offsets`: what the last fetch told; INVALID where there was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_get_watermark_offsets(
    rk: *mut rd_kafka_s,
    topic: *const c_char,
    partition: i32,
    low: *mut i64,
    high: *mut i64,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or a client and a text.
        let (Some(handle), Some(topic)) = (unsafe { of(rk) }, unsafe { text(topic) }) else { return INVALID_ARG };
        let cached = handle.member.as_ref().and_then(|member| member.consumer().ok()?.cached_watermarks(topic, partition));
        let (first, end) = cached.map_or((None, None), |cached| (cached.log_start_offset, cached.high_watermark));
        // SAFETY: null or places of the caller's.
        unsafe { answer(low, high, first.unwrap_or(offset::INVALID), end.unwrap_or(offset::INVALID)) };
        NO_ERROR
    })
}

/// `rd_kafka_offsets_for_times`: each offset in the list is a time; becomes the offset of the first record from then on, or END.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_offsets_for_times(
    rk: *mut rd_kafka_s,
    offsets: *mut List,
    timeout_ms: c_int,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a client.
        let Some(handle) = (unsafe { of(rk) }) else { return INVALID_ARG };
        // SAFETY: null or a list.
        let elems: &mut [Elem] = unsafe { list::elems_mut(offsets) };
        if elems.is_empty() {
            return INVALID_ARG;
        }
        let consumer = match asking(handle) {
            Ok(consumer) => consumer,
            Err(error) => return code(&error),
        };
        let work = async {
            let times = elems.iter().filter(|elem| elem.offset >= 0);
            let times: Vec<_> = times.map(|elem| (elem.topic().to_owned(), elem.partition, elem.offset)).collect();
            let found = if times.is_empty() { Vec::new() } else { consumer.offsets_for_times(times).await? };
            for elem in &mut *elems {
                elem.offset = match elem.offset {
                    // Not times, but what stands for the ends of the log.
                    at @ (offset::BEGINNING | offset::END) => {
                        let (first, end) = consumer.watermarks(elem.topic(), elem.partition).await?;
                        if at == offset::BEGINNING { first } else { end }
                    }
                    _ => {
                        let at = found.iter().find(|(key, _)| *key == elem.key()).and_then(|(_, at)| *at);
                        at.map_or(offset::END, |at| at.offset)
                    }
                };
                elem.err = NO_ERROR;
            }
            Ok(())
        };
        asked(work, timeout_ms).err().unwrap_or(NO_ERROR)
    })
}
