//! A consumer as a member of its group, or with partitions assigned by hand.

use std::collections::BTreeSet;
use std::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use ottla::{
    Answering, Client, Consumer, Error, ErrorKind, OffsetAndMetadata, QuestionKind, Rebalance, RebalanceListener, StartAt,
    TopicPartition,
};
use ottla_bindings::Queue;
use ottla_bindings::fork::Kept;

use crate::boundary::{Deadline, c_string};
use crate::conf::RebalanceCb;
use crate::error::{
    self, ASSIGN_PARTITIONS, INVALID_ARG, NO_ERROR, REVOKE_PARTITIONS, UNKNOWN_GROUP, code, object_of, rd_kafka_error_s,
};
use crate::handle::{lock, of, rd_kafka_s};
use crate::list;
use crate::message::Message;
use crate::op::Op;
use crate::queue::{Item, Source, rd_kafka_queue_s};
use crate::types::{offset, rd_kafka_message_s, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_s as List};

/// A consumer with a group.
pub(crate) struct Member {
    handle: Weak<rd_kafka_s>,
    /// Its records, its rebalances, and what is forwarded to it.
    pub(crate) queue: Arc<rd_kafka_queue_s>,
    started: OnceLock<(Arc<Kept<Consumer>>, Arc<Source>)>,
    subscription: Mutex<Vec<String>>,
    /// The rebalance that the application is asked about.
    rebalancing: Mutex<Option<Rebalancing>>,
    /// Rebalances are events, which the application answers when it likes to.
    by_event: bool,
    /// It is being closed, or was.
    closing: AtomicBool,
    /// That goes on while a queue is polled, and asks by events.
    closes_by_queue: AtomicBool,
    closed: AtomicBool,
    lost: AtomicBool,
}

/// A rebalance that the application is asked about.
struct Rebalancing {
    rebalance: Rebalance,
    /// The partitions that it took.
    taken: BTreeSet<TopicPartition>,
    /// Who waits for the answer, where it was asked by an event.
    waiting: Option<Queue<()>>,
}

/// Asks the application, on the thread that polls.
struct Listener(Weak<rd_kafka_s>);

impl Listener {
    fn ask(&self, rebalance: Rebalance) -> Answering {
        let handle = self.0.clone();
        Box::pin(async move {
            let answered = handle.upgrade().and_then(|handle| {
                let member = handle.member.as_ref()?;
                if member.by_event {
                    return member.ask(rebalance);
                }
                member.rebalance(&handle, rebalance);
                None
            });
            // Nothing keeps the client alive meanwhile.
            if let Some(answered) = answered {
                answered.pop().await;
            }
        })
    }
}

impl RebalanceListener for Listener {
    fn assigned(&self, rebalance: Rebalance) -> Answering {
        self.ask(rebalance)
    }

    fn revoked(&self, rebalance: Rebalance) -> Answering {
        self.ask(rebalance)
    }

    fn lost(&self, rebalance: Rebalance) -> Answering {
        self.ask(rebalance)
    }
}

impl Member {
    pub(crate) fn new(handle: Weak<rd_kafka_s>, by_event: bool) -> Self {
        Self {
            by_event,
            queue: rd_kafka_queue_s::new(handle.clone()),
            handle,
            started: OnceLock::new(),
            subscription: Mutex::default(),
            rebalancing: Mutex::default(),
            closing: AtomicBool::new(false),
            closes_by_queue: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            lost: AtomicBool::new(false),
        }
    }

    /// Makes the consumer, which is in no group yet.
    pub(crate) fn start(&self, client: &Client, handle: &rd_kafka_s) -> Result<(), Error> {
        let mut builder = client.consumer_builder();
        if handle.conf.callbacks.rebalance.is_some() || self.by_event {
            builder = builder.listener(Listener(self.handle.clone()));
        }
        let consumer = Arc::new(Kept::new(builder.build()?));
        let source = Source::new(consumer.clone(), self.handle.clone());
        if self.started.set((consumer, source.clone())).is_ok() {
            self.queue.add(source);
        }
        Ok(())
    }

    /// The consumer.
    pub(crate) fn consumer(&self) -> Result<&Consumer, Error> {
        match self.started.get() {
            _ if self.closed.load(Ordering::Acquire) => Err(Error::new(ErrorKind::Closed, "the consumer is closed")),
            Some((consumer, _)) => consumer.get(),
            None => Err(Error::new(ErrorKind::State, "no bootstrap.servers are configured: the client has nobody to ask")),
        }
    }

    /// Asks the application by an event. The answer to wait for; `None` if nobody is asked any more.
    fn ask(&self, rebalance: Rebalance) -> Option<Queue<()>> {
        if self.closing.load(Ordering::Acquire) && !self.closes_by_queue.load(Ordering::Acquire) {
            return None;
        }
        let answered = Queue::new();
        self.begin(rebalance.clone(), Some(answered.clone()));
        self.queue.ops.push(Op::Rebalance(rebalance));
        Some(answered)
    }

    fn begin(&self, rebalance: Rebalance, waiting: Option<Queue<()>>) {
        self.lost.store(rebalance.kind() == QuestionKind::Lost, Ordering::Release);
        *lock(&self.rebalancing) = Some(Rebalancing { rebalance, taken: BTreeSet::new(), waiting });
    }

    /// Calls the application's rebalance callback.
    fn rebalance(&self, handle: &rd_kafka_s, rebalance: Rebalance) {
        let Some(rebalance_cb) = handle.conf.callbacks.rebalance else { return };
        self.begin(rebalance.clone(), None);
        call(handle, rebalance_cb, &rebalance);
        self.answer();
    }

    /// A rebalance that was meant for an event is served by the callback or, without one, answered as the group wants it.
    pub(crate) fn serve(&self, handle: &rd_kafka_s, rebalance: &Rebalance) {
        match handle.conf.callbacks.rebalance {
            Some(rebalance_cb) => call(handle, rebalance_cb, rebalance),
            None => {
                if let Some(now) = &mut *lock(&self.rebalancing) {
                    now.taken.extend(rebalance.partitions().iter().cloned());
                }
            }
        }
        self.answer();
    }

    /// The application has answered: the group goes on.
    fn answer(&self) {
        let Some(Rebalancing { rebalance, taken, waiting }) = lock(&self.rebalancing).take() else { return };
        self.lost.store(false, Ordering::Release);
        if rebalance.kind() == QuestionKind::Assigned {
            // What the application did not assign it gets no records of.
            for key in rebalance.partitions().iter().filter(|key| !taken.contains(key)) {
                // It is assigned, or gone meanwhile.
                let _ = rebalance.pause(key.topic.as_str(), key.partition);
            }
        }
        if let Some(waiting) = waiting {
            waiting.push(());
        }
    }

    /// The rebalance that the application is asked about.
    fn asked(&self) -> Option<Rebalance> {
        lock(&self.rebalancing).as_ref().map(|now| now.rebalance.clone())
    }

    /// An event is answered by assigning or unassigning, a callback by its return.
    fn answer_to_event(&self) {
        if lock(&self.rebalancing).as_ref().is_some_and(|now| now.waiting.is_some()) {
            self.answer();
        }
    }

    /// Leaves the group, asking the application on this thread, which may use the consumer until that is done.
    pub(crate) fn close(&self) -> Result<(), Error> {
        if self.closing.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let Some((consumer, source)) = self.started.get() else { return Ok(()) };
        let consumer = consumer.get()?;
        source.forget();
        // Whom an event asked before is not waited for any more.
        self.answer_to_event();
        let closed = consumer.close().wait();
        self.closed.store(true, Ordering::Release);
        closed
    }

    /// Leaves the group while `queue` is polled: what it asks, and what it has for the application, comes there.
    fn close_by(&self, queue: &Arc<rd_kafka_queue_s>) -> Result<(), Error> {
        let (consumer, source) = match self.started.get() {
            Some((consumer, source)) => (consumer.get()?, source),
            None => return self.consumer().map(|_| ()),
        };
        self.closes_by_queue.store(true, Ordering::Release);
        if self.closing.swap(true, Ordering::AcqRel) {
            return Err(Error::new(ErrorKind::Closed, "the consumer is closed, or being closed"));
        }
        if !Arc::ptr_eq(&self.queue, queue) && !self.queue.forward(Some(queue)) {
            return Err(Error::new(ErrorKind::InvalidArgument, "the queue is forwarded to the consumer's"));
        }
        let handle = self.handle.clone();
        let closing = consumer.close();
        source.close_by(async move {
            // Why the last commit failed has nobody to go to.
            let _ = closing.await;
            if let Some(handle) = handle.upgrade()
                && let Some(member) = &handle.member
            {
                member.closed.store(true, Ordering::Release);
            }
        });
        Ok(())
    }

    /// Ends without asking anybody.
    pub(crate) fn drop_out(&self) {
        self.closed.store(true, Ordering::Release);
        self.closing.store(true, Ordering::Release);
        self.closes_by_queue.store(false, Ordering::Release);
        self.answer_to_event();
        if let Some((consumer, source)) = self.started.get() {
            source.forget();
            self.queue.remove(source);
            if let Ok(consumer) = consumer.get() {
                drop(consumer.close());
            }
        }
    }

    /// Where to begin: what the application says or, with STORED, what the group has committed.
    pub(crate) fn starts(&self, wanted: &[(TopicPartition, i64)]) -> Result<Vec<(TopicPartition, StartAt)>, Error> {
        let consumer = self.consumer()?;
        let stored: Vec<_> = wanted
            .iter()
            .filter(|(_, at)| matches!(*at, offset::STORED | offset::INVALID))
            .map(|(key, _)| (key.topic.as_str(), key.partition))
            .collect();
        let committed = if stored.is_empty() { Default::default() } else { consumer.committed_blocking(stored)? };
        let mut starts = Vec::with_capacity(wanted.len());
        for (key, at) in wanted {
            let start = match committed.get(key) {
                Some(Some(committed)) => StartAt::Offset(committed.offset),
                Some(None) => StartAt::Default,
                None => start(consumer, key, *at)?,
            };
            starts.push((key.clone(), start));
        }
        Ok(starts)
    }

    /// `rd_kafka_assign` and `_incremental_assign`.
    fn assign(&self, wanted: Option<&[(TopicPartition, i64)]>, incremental: bool) -> Result<(), Error> {
        let consumer = self.consumer()?;
        if let Some(rebalance) = self.asked() {
            for (key, at) in wanted.unwrap_or_default() {
                if let Some(now) = &mut *lock(&self.rebalancing) {
                    now.taken.insert(key.clone());
                }
                if !matches!(*at, offset::STORED | offset::INVALID) {
                    rebalance.seek(key.topic.as_str(), key.partition, start(consumer, key, *at)?)?;
                }
            }
            self.answer_to_event();
            return Ok(());
        }
        let starts = self.starts(wanted.unwrap_or_default())?;
        let starts = starts.into_iter().map(|(key, at)| (key.topic, key.partition, at));
        let starts: Vec<_> = starts.map(|(topic, partition, at)| (topic.as_str().to_owned(), partition, at)).collect();
        if incremental {
            return consumer.incremental_assign(starts);
        }
        if !lock(&self.subscription).is_empty() {
            // Outside a rebalance it has nothing to answer: the group has assigned.
            return match wanted {
                None => Ok(()),
                Some(_) => Err(Error::new(ErrorKind::State, "the consumer subscribes, and its group assigns")),
            };
        }
        consumer.assign(starts);
        Ok(())
    }

    /// `rd_kafka_incremental_unassign`.
    fn unassign(&self, partitions: &[(TopicPartition, i64)]) -> Result<(), Error> {
        if self.asked().is_some() {
            self.answer_to_event();
            return Ok(());
        }
        self.consumer()?.incremental_unassign(partitions.iter().map(|(key, _)| (key.topic.as_str(), key.partition)))
    }
}

/// Calls the application's rebalance callback.
fn call(handle: &rd_kafka_s, rebalance_cb: RebalanceCb, rebalance: &Rebalance) {
    let partitions = list::of(rebalance.partitions());
    // SAFETY: the application's function, with a list that is destroyed when it has returned.
    unsafe {
        rebalance_cb(handle.pointer(), rebalance_code(rebalance), partitions, handle.conf.callbacks.opaque.0);
        list::rd_kafka_topic_partition_list_destroy(partitions);
    }
}

/// How librdkafka names what a rebalance does.
pub(crate) fn rebalance_code(rebalance: &Rebalance) -> c_int {
    if rebalance.kind() == QuestionKind::Assigned { ASSIGN_PARTITIONS } else { REVOKE_PARTITIONS }
}

/// Where an offset of C's says to start; what counts from the end is asked for.
pub(crate) fn start(consumer: &Consumer, key: &TopicPartition, at: i64) -> Result<StartAt, Error> {
    if at > offset::TAIL_BASE {
        return Ok(list::start_at(at));
    }
    let (first, end) = consumer.watermarks_blocking(key.topic.as_str(), key.partition)?;
    Ok(StartAt::Offset(end.saturating_sub(offset::TAIL_BASE.saturating_sub(at)).max(first)))
}

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

/// A list of what was committed.
pub(crate) fn committed_list(offsets: &[(TopicPartition, OffsetAndMetadata)], code: c_int) -> *mut List {
    let made = list::new(offsets.len());
    for (key, at) in offsets {
        // SAFETY: made above, and nobody else knows of it.
        if let Some(elem) = list::add(unsafe { &mut *made }, key.topic.as_str(), key.partition) {
            elem.set_committed(Some(at));
            elem.err = code;
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
        if topics.is_null() || names.iter().any(String::is_empty) {
            return INVALID_ARG;
        }
        if names.is_empty() {
            // SAFETY: a client.
            return unsafe { rd_kafka_unsubscribe(rk) };
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

/// `rd_kafka_incremental_assign`: adds to the assignment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_incremental_assign(rk: *mut rd_kafka_s, partitions: *const List) -> *mut rd_kafka_error_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null, or a client and a list.
        match (unsafe { member(rk) }, unsafe { wanted(partitions) }) {
            (Ok((_, member)), Some(wanted)) => object(member.assign(Some(&wanted), true)),
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
            (Ok((_, member)), Some(wanted)) => object(member.unassign(&wanted)),
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

/// `rd_kafka_rebalance_protocol`: `NONE`, `EAGER` or `COOPERATIVE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_rebalance_protocol(rk: *mut rd_kafka_s) -> *const c_char {
    guarded!(c"NONE".as_ptr(), {
        // SAFETY: null or a client.
        let Ok((handle, member)) = (unsafe { member(rk) }) else { return c"NONE".as_ptr() };
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
