//! A consumer as a member of its group, or with partitions assigned by hand: C's functions.

use std::collections::BTreeSet;
use std::ffi::{c_char, c_int};
use std::sync::atomic::Ordering;

use ottla::{Consumer, Error, OffsetAndMetadata, TopicPartition};

use crate::boundary::{Deadline, c_string};
use crate::error::{self, CONFLICT, INVALID_ARG, NO_ERROR, UNKNOWN_GROUP, code, object_of, rd_kafka_error_s};
use crate::handle::{lock, of, rd_kafka_s};
use crate::list;
use crate::member::{Member, start};
use crate::message::Message;
use crate::queue::{Item, rd_kafka_queue_s};
use crate::types::{offset, rd_kafka_message_s, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_s as List};

/// A consumer's membership, or the code of what it lacks.
///
/// # Safety
/// `rk` is null or a client.
pub(crate) unsafe fn member<'a>(rk: *const rd_kafka_s) -> Result<(&'a rd_kafka_s, &'a Member), c_int> {
    // SAFETY: the caller's promise.
    let handle = unsafe { of(rk) }.ok_or(INVALID_ARG)?;
    Ok((handle, handle.member.as_ref().ok_or(UNKNOWN_GROUP)?))
}

/// The code of what a call answered.
pub(crate) fn answered(result: Result<(), Error>) -> c_int {
    result.map_or_else(|error| code(&error), |()| NO_ERROR)
}

/// A list of C's as partitions with offsets; `None` for a null.
///
/// # Safety
/// `list` is null or a list of this library.
unsafe fn wanted(list: *const List) -> Option<Vec<(TopicPartition, i64)>> {
    // SAFETY: the caller's promise.
    (!list.is_null()).then(|| unsafe { list::elems(list) }.iter().map(|elem| (elem.key(), elem.offset)).collect())
}

/// A list of what was to be committed, with the code of each.
pub(crate) fn committed_list(offsets: &[(TopicPartition, OffsetAndMetadata, c_int)]) -> *mut List {
    let made = list::new(offsets.len());
    for (key, at, code) in offsets {
        // SAFETY: made above, and nobody else knows of it.
        if let Some(elem) = list::add(unsafe { &mut *made }, key.topic.as_str(), key.partition) {
            elem.set_committed(Some(at));
            elem.err = *code;
        }
    }
    made
}

/// `rd_kafka_poll_set_consumer`: what `rd_kafka_poll` served is served by `rd_kafka_consumer_poll` from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_poll_set_consumer(rk: *mut rd_kafka_s) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a client.
        match unsafe { member(rk) } {
            Ok((handle, member)) => {
                handle.main.forward(Some(&member.queue));
                NO_ERROR
            }
            Err(code) => code,
        }
    })
}

/// `rd_kafka_subscribe`: the partitions in the list do not count, only the topics; `^` begins a regular expression.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_subscribe(rk: *mut rd_kafka_s, topics: *const List) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a client.
        let member = match unsafe { member(rk) } {
            Ok((_, member)) => member,
            Err(code) => return code,
        };
        // SAFETY: null or a list of the caller's.
        let names: Vec<String> = unsafe { list::elems(topics) }.iter().map(|elem| elem.topic().to_owned()).collect();
        let different = BTreeSet::from_iter(&names);
        if names.is_empty() || different.len() < names.len() || names.iter().any(String::is_empty) {
            return INVALID_ARG;
        }
        let subscribed = member.consumer().and_then(|consumer| consumer.subscribe(&names));
        if subscribed.is_ok() {
            *lock(&member.subscription) = names;
        }
        answered(subscribed)
    })
}

/// `rd_kafka_unsubscribe`: leaves the group; that goes on while the consumer is polled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_unsubscribe(rk: *mut rd_kafka_s) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a client.
        match unsafe { member(rk) } {
            Ok((_, member)) => {
                lock(&member.subscription).clear();
                answered(member.consumer().and_then(|consumer| consumer.subscribe(std::iter::empty::<&str>())))
            }
            Err(code) => code,
        }
    })
}

/// `rd_kafka_subscription`: a list for the caller to destroy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_subscription(rk: *mut rd_kafka_s, topics: *mut *mut List) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a client.
        let (Ok((_, member)), false) = (unsafe { member(rk) }, topics.is_null()) else { return UNKNOWN_GROUP };
        let made = list::new(0);
        for topic in &*lock(&member.subscription) {
            // SAFETY: made above.
            list::add(unsafe { &mut *made }, topic, -1);
        }
        // SAFETY: a place of the caller's.
        unsafe { *topics = made };
        NO_ERROR
    })
}

/// Serves a queue until there is a message, or the time is over.
pub(crate) fn next_message(handle: &rd_kafka_s, queue: &rd_kafka_queue_s, timeout_ms: c_int) -> *mut rd_kafka_message_s {
    // What was asked for in an earlier poll is over.
    let _ = crate::handle::yields();
    let mut ready = std::ptr::null_mut();
    if queue.ready(1, |message| ready = message) == 1 {
        return ready;
    }
    let _kept = handle.keep();
    let deadline = Deadline::after(timeout_ms);
    loop {
        let left = deadline.left();
        match queue.next(left) {
            Some(Item::Message(message)) => return message,
            Some(Item::Op(op)) => {
                handle.serve(op);
                if crate::handle::yields() || handle.is_gone() {
                    return std::ptr::null_mut();
                }
            }
            None => return std::ptr::null_mut(),
        }
    }
}

/// `rd_kafka_consumer_poll`: a record or an error, to be destroyed by the caller; null if the time is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consumer_poll(rk: *mut rd_kafka_s, timeout_ms: c_int) -> *mut rd_kafka_message_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a client.
        let (handle, member) = match unsafe { member(rk) } {
            Ok(both) => both,
            Err(code) => return Message::of_error(code, c_string(""), None, -1, offset::INVALID),
        };
        if handle.is_forked() {
            let words = c_string("the client was made before the process forked, and can't be used in the child");
            return Message::of_error(error::STATE, words, None, -1, offset::INVALID);
        }
        // Looked at before: a callback may destroy the client.
        let (consume_cb, opaque) = (handle.conf.callbacks.consume, handle.conf.callbacks.opaque.0);
        let message = next_message(handle, &member.queue, timeout_ms);
        match consume_cb {
            Some(consume_cb) if !message.is_null() => {
                // SAFETY: the application's function, with a message that lives until it returns.
                unsafe {
                    consume_cb(message, opaque);
                    crate::message::rd_kafka_message_destroy(message);
                }
                std::ptr::null_mut()
            }
            _ => message,
        }
    })
}

/// `rd_kafka_consumer_close`: commits what was consumed, as configured, and leaves the group.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consumer_close(rk: *mut rd_kafka_s) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a client.
        match unsafe { member(rk) } {
            Ok((_, member)) => answered(member.close()),
            Err(code) => code,
        }
    })
}

/// `rd_kafka_consumer_close_queue`: as `rd_kafka_consumer_close`, but goes on while the queue is polled, where rebalances come as
/// events, until `rd_kafka_consumer_closed` says that it is done.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consumer_close_queue(
    rk: *mut rd_kafka_s,
    rkqu: *mut rd_kafka_queue_s,
) -> *mut rd_kafka_error_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null, or a client and a queue.
        match (unsafe { member(rk) }, unsafe { crate::queue_api::shared(rkqu) }) {
            (Ok((_, member)), Some(queue)) => object(member.close_by(&queue)),
            (Ok(_), None) => error::object(INVALID_ARG, "Queue must be specified"),
            (Err(code), _) => lacking(code),
        }
    })
}

/// `rd_kafka_consumer_closed`: whether it was closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_consumer_closed(rk: *mut rd_kafka_s) -> c_int {
    // SAFETY: null or a client.
    unsafe { member(rk) }.is_ok_and(|(_, member)| member.closed.load(Ordering::Acquire)).into()
}

/// `rd_kafka_assign`: in a rebalance callback the answer to it; else partitions by hand. Null unassigns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_assign(rk: *mut rd_kafka_s, partitions: *const List) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or a client and a list.
        match unsafe { member(rk) } {
            // SAFETY: as above.
            Ok((_, member)) => answered(member.assign(unsafe { wanted(partitions) }.as_deref(), false)),
            Err(code) => code,
        }
    })
}

/// An error object, or null.
fn object(result: Result<(), Error>) -> *mut rd_kafka_error_s {
    result.map_or_else(|error| object_of(&error), |()| std::ptr::null_mut())
}

fn lacking(code: c_int) -> *mut rd_kafka_error_s {
    error::object(code, "Requires a consumer with group.id configured")
}

/// Outside a rebalance, the first of these partitions that is assigned, or that is not.
fn first(member: &Member, partitions: &[(TopicPartition, i64)], is_assigned: bool) -> Option<String> {
    let assigned = member.consumer().ok().filter(|_| member.asked().is_none())?.assignment();
    let (key, _) = partitions.iter().find(|(key, _)| assigned.contains(key) == is_assigned)?;
    Some(format!("{} [{}]", key.topic, key.partition))
}

/// `rd_kafka_incremental_assign`: adds to the assignment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_incremental_assign(rk: *mut rd_kafka_s, partitions: *const List) -> *mut rd_kafka_error_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null, or a client and a list.
        match (unsafe { member(rk) }, unsafe { wanted(partitions) }) {
            (Ok((_, member)), Some(wanted)) => match first(member, &wanted, true) {
                Some(place) => error::object(CONFLICT, format!("{place} is already part of the current assignment")),
                None => object(member.assign(Some(&wanted), true)),
            },
            (Ok(_), None) => error::object(INVALID_ARG, "partitions must not be null"),
            (Err(code), _) => lacking(code),
        }
    })
}

/// `rd_kafka_incremental_unassign`: takes from the assignment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_incremental_unassign(rk: *mut rd_kafka_s, partitions: *const List) -> *mut rd_kafka_error_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null, or a client and a list.
        match (unsafe { member(rk) }, unsafe { wanted(partitions) }) {
            (Ok((_, member)), Some(wanted)) => match first(member, &wanted, false) {
                Some(place) => error::object(INVALID_ARG, format!("{place} is not part of the current assignment")),
                None => object(member.unassign(&wanted)),
            },
            (Ok(_), None) => error::object(INVALID_ARG, "partitions must not be null"),
            (Err(code), _) => lacking(code),
        }
    })
}

/// `rd_kafka_assignment`: a list for the caller to destroy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_assignment(rk: *mut rd_kafka_s, partitions: *mut *mut List) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a client.
        match unsafe { member(rk) } {
            Ok(_) if partitions.is_null() => INVALID_ARG,
            Ok((_, member)) => {
                let assigned = member.consumer().map(Consumer::assignment).unwrap_or_default();
                // SAFETY: a place of the caller's.
                unsafe { *partitions = list::of(&assigned) };
                NO_ERROR
            }
            Err(code) => code,
        }
    })
}

/// `rd_kafka_assignment_lost`: whether the partitions of the rebalance that is being answered are another's already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_assignment_lost(rk: *mut rd_kafka_s) -> c_int {
    // SAFETY: null or a client.
    unsafe { member(rk) }.is_ok_and(|(_, member)| member.lost.load(Ordering::Acquire)).into()
}

/// `rd_kafka_rebalance_protocol`: `NONE`, `EAGER` or `COOPERATIVE`; null without a group.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_rebalance_protocol(rk: *mut rd_kafka_s) -> *const c_char {
    guarded!(std::ptr::null(), {
        // SAFETY: null or a client.
        let Ok((handle, member)) = (unsafe { member(rk) }) else { return std::ptr::null() };
        let Some(state) = member.consumer().ok().and_then(Consumer::group_state) else { return c"NONE".as_ptr() };
        let joined = state.generation >= 0 || member.asked().is_some();
        let strategy = match &state.assignor {
            Some(assignor) => assignor.as_str().to_owned(),
            None => handle.conf.merged().get("partition.assignment.strategy").unwrap_or_default().to_owned(),
        };
        match (joined, strategy.as_str()) {
            (false, _) => c"NONE".as_ptr(),
            (true, "cooperative-sticky") => c"COOPERATIVE".as_ptr(),
            (true, _) => c"EAGER".as_ptr(),
        }
    })
}

/// `rd_kafka_memberid`: to be freed by the caller; null before the coordinator gave one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_memberid(rk: *const rd_kafka_s) -> *mut c_char {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a client.
        let Ok((_, member)) = (unsafe { member(rk) }) else { return std::ptr::null_mut() };
        let state = member.consumer().ok().and_then(Consumer::group_state);
        match state.map(|state| state.member_id).filter(|id| !id.as_str().is_empty()) {
            // SAFETY: a text.
            Some(id) => unsafe { libc::strdup(c_string(id.as_str()).as_ptr()) },
            None => std::ptr::null_mut(),
        }
    })
}

/// Does something to each partition of a list, whose `err` says how it went.
///
/// # Safety
/// `rk` is null or a client, `partitions` null or a list.
unsafe fn each(
    rk: *mut rd_kafka_s,
    partitions: *mut List,
    act: impl Fn(&Member, &mut crate::types::rd_kafka_topic_partition_s) -> Result<(), Error>,
) -> c_int {
    // SAFETY: the caller's promise.
    let member = match unsafe { member(rk) } {
        Ok((_, member)) => member,
        Err(code) => return code,
    };
    if partitions.is_null() {
        return INVALID_ARG;
    }
    // SAFETY: the caller's promise.
    for elem in unsafe { list::elems_mut(partitions) } {
        elem.err = answered(act(member, elem));
    }
    NO_ERROR
}

/// `rd_kafka_pause_partitions`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_pause_partitions(rk: *mut rd_kafka_s, partitions: *mut List) -> rd_kafka_resp_err_t {
    // SAFETY: null, or a client and a list.
    guarded!(INVALID_ARG, {
        unsafe { each(rk, partitions, |member, elem| member.consumer()?.pause(elem.topic(), elem.partition)) }
    })
}

/// `rd_kafka_resume_partitions`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_resume_partitions(rk: *mut rd_kafka_s, partitions: *mut List) -> rd_kafka_resp_err_t {
    // SAFETY: null, or a client and a list.
    guarded!(INVALID_ARG, {
        unsafe { each(rk, partitions, |member, elem| member.consumer()?.resume(elem.topic(), elem.partition)) }
    })
}

/// `rd_kafka_seek_partitions`: at once, so that the time given is not needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_seek_partitions(
    rk: *mut rd_kafka_s,
    partitions: *mut List,
    _timeout_ms: c_int,
) -> *mut rd_kafka_error_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null, or a client and a list.
        let code = unsafe {
            each(rk, partitions, |member, elem| {
                let consumer = member.consumer()?;
                consumer.seek(elem.topic(), elem.partition, start(consumer, &elem.key(), elem.offset)?)
            })
        };
        if code == NO_ERROR { std::ptr::null_mut() } else { lacking(code) }
    })
}

/// `rd_kafka_position`: the offsets of the next records to consume.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_position(rk: *mut rd_kafka_s, partitions: *mut List) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or a client and a list.
        unsafe {
            each(rk, partitions, |member, elem| {
                let revoked = member.asked().and_then(|rebalance| rebalance.position(elem.topic(), elem.partition));
                let position = revoked.or_else(|| member.consumer().ok()?.position(elem.topic(), elem.partition));
                elem.offset = position.unwrap_or(offset::INVALID);
                Ok(())
            })
        }
    })
}
