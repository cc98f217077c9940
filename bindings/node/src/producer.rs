//! A producer: whole sends go in, whole sends are settled.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use napi::{Env, sys};
use napi_derive::napi;
use ottla::{DeliveryReport, Error, ErrorKind, Record, TopicProducer};
use ottla_bindings::exit::{self, Leaves, Leaving};
use ottla_bindings::fork::Kept;
use ottla_bindings::{Outstanding, Queue};

use crate::error;
use crate::event_loop::{self, own_waker};
use crate::handles;
use crate::raw::{self, Raw, Reference, to_number};
use crate::records::{self, Reader};
use crate::value::Value;
use crate::{Answer, answer};

/// Where a send's records went in one partition.
#[derive(Clone, Copy)]
struct Written {
    topic: u32,
    partition: i32,
    base_offset: i64,
    log_append_time: i64,
}

/// A send of which something is under way.
struct Sending {
    /// Records that nothing is known of yet.
    left: u32,
    error: Option<Error>,
    first: Option<Written>,
    more: Vec<Written>,
}

impl Sending {
    fn written(&mut self, written: Written) {
        let same = |other: &&mut Written| (other.topic, other.partition) == (written.topic, written.partition);
        if let Some(before) = self.first.iter_mut().chain(&mut self.more).find(same) {
            before.base_offset = before.base_offset.min(written.base_offset);
        } else if self.first.is_none() {
            self.first = Some(written);
        } else {
            self.more.push(written);
        }
    }
}

/// Packed sends that wait for room.
struct Waiting {
    /// The send that was begun, without its head.
    begun: Option<records::Send>,
    table: Vec<i32>,
    text: Vec<u8>,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Scratch {
    text: Vec<u8>,
    units: Vec<u16>,
    lengths: Vec<i32>,
    /// The last send was not ASCII: the next one is probably not either.
    wide: bool,
}

/// More than that is not kept for the next send.
const KEPT: usize = 1 << 20;

impl Scratch {
    fn shrink(&mut self) {
        self.text.clear();
        self.text.shrink_to(KEPT);
        self.units.clear();
        self.units.shrink_to(KEPT);
        self.lengths.clear();
        self.lengths.shrink_to(KEPT);
    }
}

/// See the module's page.
pub(crate) struct ProducerHandle {
    kept: Arc<Kept<Leaving>>,
    /// By name too: reports name their topic.
    topics: RefCell<(Vec<TopicProducer>, HashMap<String, u32>)>,
    sends: RefCell<Vec<Option<Sending>>>,
    /// Sends that are done and not yet told.
    done: RefCell<Vec<(u32, Sending)>>,
    waiting: RefCell<VecDeque<Waiting>>,
    /// Somebody carries on with what waits.
    is_carrying_on: Cell<bool>,
    /// Who waits for that.
    closing: RefCell<Option<Waker>>,
    reports: Queue<DeliveryReport>,
    scratch: RefCell<Scratch>,
    settled: RefCell<Option<Reference>>,
    /// Wakes the task that tells what is done.
    waker: RefCell<Option<Waker>>,
}

impl ProducerHandle {
    fn leaving(&self) -> Result<&Leaving, Error> {
        self.kept.get()
    }

    fn begin(&self, send: records::Send) {
        let mut sends = self.sends.borrow_mut();
        let at = send.id as usize;
        if sends.len() <= at {
            sends.resize_with(at + 1, || None);
        }
        if let Some(slot) = sends.get_mut(at) {
            *slot = Some(Sending { left: send.messages, error: None, first: None, more: Vec::new() });
        }
        drop(sends);
        if let Ok(leaving) = self.leaving() {
            leaving.outstanding.add(u64::from(send.messages));
        }
        if send.messages == 0 {
            self.settle(send.id, 0, |_| {});
            self.wake_teller();
        }
    }

    /// Something is known of so many records of a send.
    fn settle(&self, id: u32, records: u32, note: impl FnOnce(&mut Sending)) {
        let mut sends = self.sends.borrow_mut();
        let Some(slot) = sends.get_mut(id as usize) else { return };
        let Some(sending) = slot else { return };
        note(sending);
        let known = records.min(sending.left);
        sending.left -= known;
        if let Ok(leaving) = self.leaving() {
            leaving.outstanding.remove(u64::from(known));
        }
        if sending.left == 0
            && let Some(sending) = slot.take()
        {
            self.done.borrow_mut().push((id, sending));
        }
    }

    /// So many records of a send were not taken.
    fn refuse(&self, id: u32, records: u32, error: Error) {
        self.settle(id, records, |sending| {
            sending.error.get_or_insert(error);
        });
        self.wake_teller();
    }

    fn wake_teller(&self) {
        let waker = self.waker.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn topic(&self, at: u32) -> Result<TopicProducer, Error> {
        let found = self.topics.borrow().0.get(at as usize).cloned();
        found.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "no such topic handle"))
    }

    /// Takes one report into account.
    fn serve(&self, report: &DeliveryReport) {
        let Some(result) = report.result() else { return };
        let count = u32::try_from(report.len()).unwrap_or(u32::MAX);
        let topic = self.topics.borrow().1.get(report.topic().as_str()).copied().unwrap_or(u32::MAX);
        let (mut at, mut exceptions) = (0, result.exceptions.iter().peekable());
        while at < count {
            let opaque = report.opaque(at);
            let begin = at;
            // One send's records mostly lie in a row. Single failures end a row.
            while at < count && report.opaque(at) == opaque && exceptions.peek().is_none_or(|(index, _)| *index != at) {
                at += 1;
            }
            let Some(id) = opaque.checked_sub(1).and_then(|id| u32::try_from(id).ok()) else { return };
            if at > begin {
                self.settle(id, at - begin, |sending| match &result.outcome {
                    Ok(base) => sending.written(Written {
                        topic,
                        partition: result.partition,
                        base_offset: if *base < 0 { -1 } else { base.saturating_add(i64::from(begin)) },
                        log_append_time: result.log_append_time,
                    }),
                    Err(error) => {
                        sending.error.get_or_insert_with(|| error.clone());
                    }
                });
            }
            while let Some((_, error)) = exceptions.next_if(|(index, _)| *index == at && at < count) {
                let opaque = report.opaque(at);
                let id = opaque.checked_sub(1).and_then(|id| u32::try_from(id).ok());
                self.settle(id.unwrap_or(u32::MAX), 1, |sending| {
                    sending.error.get_or_insert_with(|| error.clone());
                });
                at += 1;
            }
        }
    }

    /// Tells JavaScript which sends are done: a table of numbers (the send, how many partitions or -1 for an error, and of each
    /// partition its topic, number, first offset and append time), and the errors in order.
    fn tell(&self) {
        while let Some(report) = self.reports.try_pop() {
            self.serve(&report);
        }
        let done = std::mem::take(&mut *self.done.borrow_mut());
        let Some(current) = event_loop::current() else { return };
        if done.is_empty() {
            return;
        }
        let env = current.env();
        let (mut table, mut errors) = (Vec::with_capacity(done.len() * 6), Vec::new());
        for (id, sending) in done {
            table.push(f64::from(id));
            if let Some(error) = &sending.error {
                table.push(-1.0);
                errors.push(error::to_js(env, error));
                continue;
            }
            table.push(to_number(i64::try_from(usize::from(sending.first.is_some()) + sending.more.len()).unwrap_or(0)));
            for written in sending.first.iter().chain(&sending.more) {
                table.extend([f64::from(written.topic), f64::from(written.partition)]);
                table.extend([to_number(written.base_offset), to_number(written.log_append_time)]);
            }
        }
        let table = raw::typed(env, sys::TypedarrayType::float64_array, &table);
        let errors = raw::array(env, errors);
        let settled = self.settled.borrow().as_ref().map(Reference::get);
        if let Some(settled) = settled {
            raw::call_quietly(env, settled, &[table, errors]);
        }
    }

    /// Sends what was packed; what finds no room waits.
    fn take(self: &Rc<Self>, table: &[i32], text: &[u8], bytes: &[u8]) {
        let mut reader = Reader::new(table, text, bytes);
        let must_wait = self.is_carrying_on.get();
        if must_wait {
            return self.wait(None, &reader);
        }
        while let Some(mut send) = reader.send() {
            self.begin(send);
            let topic = match self.topic(send.topic) {
                Ok(topic) => topic,
                Err(error) => {
                    self.refuse(send.id, send.messages, error);
                    reader.skip(send.messages);
                    continue;
                }
            };
            while send.messages > 0 {
                let before = reader;
                let Some(record) = reader.message(send.id) else {
                    return self.refuse(send.id, send.messages, malformed());
                };
                match topic.try_send(&record) {
                    Ok(delivery) => {
                        drop(delivery);
                        send.messages -= 1;
                    }
                    Err(error) if error.kind() == ErrorKind::QueueFull => return self.wait(Some(send), &before),
                    Err(error) => {
                        // The rest of it would be sent again with what failed.
                        reader.skip(send.messages - 1);
                        self.refuse(send.id, send.messages, error);
                        break;
                    }
                }
            }
        }
    }

    /// Keeps what is left, and carries on with it when there is room.
    fn wait(self: &Rc<Self>, begun: Option<records::Send>, left: &Reader<'_>) {
        let (table, text, bytes) = left.rest();
        let mut ahead = *left;
        if let Some(send) = begun {
            ahead.skip(send.messages);
        }
        while let Some(send) = ahead.send() {
            self.begin(send);
            ahead.skip(send.messages);
        }
        let waiting = Waiting { begun, table: table.to_vec(), text: text.to_vec(), bytes: bytes.to_vec() };
        self.waiting.borrow_mut().push_back(waiting);
        if self.is_carrying_on.replace(true) {
            return;
        }
        let handle = self.clone();
        if let Some(current) = event_loop::current() {
            current.spawn(async move {
                let mut full = None;
                loop {
                    let next = handle.waiting.borrow_mut().pop_front();
                    let Some(next) = next else { break };
                    handle.carry_on(next, &mut full).await;
                }
                handle.is_carrying_on.set(false);
                let closing = handle.closing.take();
                if let Some(closing) = closing {
                    closing.wake();
                }
            });
        }
    }

    /// `full`: there was no room for `max.block.ms`; what waits behind has waited too.
    async fn carry_on(&self, waiting: Waiting, full: &mut Option<Error>) {
        let mut reader = Reader::new(&waiting.table, &waiting.text, &waiting.bytes);
        let mut begun = waiting.begun;
        while let Some(mut send) = begun.take().or_else(|| reader.send()) {
            while send.messages > 0 {
                let Some(record) = reader.message(send.id) else {
                    return self.refuse(send.id, send.messages, malformed());
                };
                let sent = match full {
                    Some(error) => Err(error.clone()),
                    None => self.send_when_room(send.topic, record).await,
                };
                if let Err(error) = sent {
                    if error.kind() == ErrorKind::QueueFull {
                        *full = Some(error.clone());
                    }
                    reader.skip(send.messages - 1);
                    self.refuse(send.id, send.messages, error);
                    break;
                }
                send.messages -= 1;
            }
        }
    }

    async fn send_when_room(&self, topic: u32, record: Record<'_>) -> Result<(), Error> {
        // `max.block.ms` at the longest.
        self.topic(topic)?.send(record).await.map(drop)
    }

    /// Waits until nothing waits for room any more.
    async fn carried_on(&self) {
        std::future::poll_fn(|context| {
            if !self.is_carrying_on.get() {
                return Poll::Ready(());
            }
            self.closing.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

fn malformed() -> Error {
    Error::new(ErrorKind::InvalidArgument, "the packed messages are not as the package packs them")
}

fn closed() -> Error {
    error::closed("the producer is disconnected")
}

/// A producer of a client, with properties of its own (name, value, name, value). Answers with its number.
#[napi(catch_unwind)]
pub fn producer_create(env: Env, client: u32, properties: Vec<String>) -> napi::Result<u32> {
    let made = (|| {
        let handle = handles::client(client).ok_or_else(|| error::closed("the client is closed"))?;
        let mut builder = handle.get()?.producer_builder().reports(true);
        for pair in properties.chunks_exact(2) {
            if let [name, value] = pair {
                builder = builder.set(name, value);
            }
        }
        Ok((builder.build()?, handle.exit_timeout))
    })();
    let (producer, limit) = made.map_err(|error: Error| error::thrown(env.raw(), &error))?;
    let reports = Queue::new();
    let queue = reports.clone();
    producer.reports().relay_to(Some(Arc::new(move |report| queue.push(report))));
    let kept = Arc::new(Kept::new(Leaving { producer, outstanding: Outstanding::default(), limit }));
    let handle = Rc::new(ProducerHandle {
        kept,
        topics: RefCell::default(),
        sends: RefCell::default(),
        done: RefCell::default(),
        waiting: RefCell::default(),
        is_carrying_on: Cell::new(false),
        closing: RefCell::default(),
        reports,
        scratch: RefCell::default(),
        settled: RefCell::default(),
        waker: RefCell::default(),
    });
    if let Some(current) = event_loop::current() {
        let weak = Rc::downgrade(&handle);
        current.spawn(async move {
            let waker = own_waker().await;
            if let Some(handle) = weak.upgrade() {
                handle.waker.replace(Some(waker.clone()));
                handle.reports.set_wake(Some(Arc::new(move || waker.wake_by_ref())));
            }
            std::future::poll_fn(|_| match weak.upgrade() {
                Some(handle) => {
                    handle.tell();
                    Poll::Pending
                }
                None => Poll::Ready(()),
            })
            .await;
        });
    }
    Ok(handles::add_producer(handle))
}

/// A producer's handle to a topic, as the number that sends name.
#[napi(catch_unwind)]
pub fn producer_topic(env: Env, producer: u32, name: String) -> napi::Result<u32> {
    let made = (|| {
        let handle = handles::producer(producer).ok_or_else(closed)?;
        let topic = handle.leaving()?.producer.topic(&name)?;
        let mut topics = handle.topics.borrow_mut();
        let at = u32::try_from(topics.0.len()).unwrap_or(u32::MAX);
        topics.0.push(topic);
        topics.1.insert(name, at);
        Ok(at)
    })();
    made.map_err(|error: Error| error::thrown(env.raw(), &error))
}

/// A topic's partitions, for a partitioner of the program's; waits for one that is being created.
#[napi(catch_unwind, ts_return_type = "Promise<object>")]
pub fn producer_partitions(producer: u32, topic: String) -> napi::Result<Answer> {
    answer(async move {
        let handle = handles::producer(producer).ok_or_else(closed)?;
        let partitions = handle.leaving()?.producer.partitions(&topic).await?;
        Ok(Value::list(partitions.into_iter().map(|partition| {
            Value::Object(vec![
                ("partitionErrorCode", i32::from(partition.error.code()).into()),
                ("partitionId", partition.partition.into()),
                ("leader", partition.leader.into()),
                ("replicas", partition.replicas.into()),
                ("isr", partition.isr.into()),
                ("offlineReplicas", Value::List(Vec::new())),
            ])
        })))
    })
}

/// Waits until all is delivered or has failed, then takes no more. What is left after `close.timeout.ms` is given up.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn producer_close(producer: u32) -> napi::Result<Answer> {
    answer(async move {
        let Some(handle) = handles::producer(producer) else { return Ok(Value::Undefined) };
        handle.carried_on().await;
        let closed = handle.leaving()?.producer.clone().close().await;
        handle.tell();
        if let Some(waker) = handle.waker.take() {
            handles::remove_producer(producer);
            drop(handle);
            // The task that tells finds nobody, and ends.
            waker.wake();
        }
        closed.map(|()| Value::Undefined)
    })
}

/// What this thread's producers have is sent, each within its bound. Answers with how many records are lost. Blocks: for the end of the
/// process.
#[napi(catch_unwind)]
pub fn flush_at_exit() -> f64 {
    let begin = Instant::now();
    let mut limit = Duration::ZERO;
    loop {
        let mut leaving = Vec::new();
        handles::each_producer(|handle| leaving.push(handle.kept.clone() as Arc<dyn Leaves>));
        let lost = exit::flush(leaving, &mut || {
            // What waits for room is carried on with.
            if let Some(current) = event_loop::current() {
                current.run_woken();
            }
            handles::each_producer(ProducerHandle::serve_all);
        });
        handles::each_producer(|handle| limit = handle.leaving().map_or(limit, |leaving| limit.max(leaving.limit)));
        // What found room meanwhile was not part of that flush.
        if lost == 0 || begin.elapsed() >= limit {
            return to_number(i64::try_from(lost).unwrap_or(i64::MAX));
        }
    }
}

impl ProducerHandle {
    /// Takes reports off the queue when nobody is there to be told.
    fn serve_all(&self) {
        while let Some(report) = self.reports.try_pop() {
            self.serve(&report);
        }
    }
}

/// `producerSend(producer, text, textLength, table, tableLength, bytes)`: sends what was packed.
pub(crate) unsafe extern "C" fn send(env: sys::napi_env, info: sys::napi_callback_info) -> Raw {
    raw::guarded(env, || {
        let [producer, text, text_len, table, table_len, bytes] = raw::arguments(env, info);
        let Some(handle) = handles::producer(raw::index(env, producer)) else {
            return raw::throw(env, error::to_js(env, &closed()));
        };
        if let Err(error) = handle.leaving() {
            return raw::throw(env, error::to_js(env, &error));
        }
        let len = raw::index(env, text_len) as usize;
        // SAFETY: no JavaScript runs until they have been read.
        let (table, bytes) = unsafe { (raw::int32s(env, table), raw::bytes(env, bytes)) };
        let table = table.get(..raw::index(env, table_len) as usize).unwrap_or_default();
        let mut scratch = std::mem::take(&mut *handle.scratch.borrow_mut());
        let Scratch { text: utf8, units, lengths, wide } = &mut scratch;
        if !*wide && raw::ascii(env, text, len, utf8) {
            handle.take(table, utf8, bytes);
        } else {
            raw::utf16(env, text, len, units);
            if records::transcode(table, units, lengths, utf8).is_none() {
                return raw::throw(env, error::to_js(env, &malformed()));
            }
            *wide = utf8.len() != units.len();
            handle.take(lengths, utf8, bytes);
        }
        scratch.shrink();
        handle.scratch.replace(scratch);
        raw::undefined(env)
    })
}

/// `producerOnSettled(producer, function)`: who hears of sends that are done.
pub(crate) unsafe extern "C" fn on_settled(env: sys::napi_env, info: sys::napi_callback_info) -> Raw {
    raw::guarded(env, || {
        let [producer, function] = raw::arguments(env, info);
        if let Some(handle) = handles::producer(raw::index(env, producer)) {
            handle.settled.replace(Some(Reference::new(env, function)));
        }
        raw::undefined(env)
    })
}
