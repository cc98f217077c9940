//! A consumer: batches by number, questions of its group, positions.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use napi::{Env, sys};
use napi_derive::napi;
use ottla::{Consumer, Error, ErrorKind, FetchedBatch, OffsetAndMetadata, StartAt, Text, TopicPartition};
use ottla_bindings::fork::Kept;

use crate::assignor::RoundRobinAssigner;
use crate::batch;
use crate::error;
use crate::event_loop;
use crate::handles::{self, Slots};
use crate::listener::{Asking, Listener, Questions};
use crate::raw::{self, Raw, Reference};
use crate::value::Value;
use crate::{Answer, answer};

/// What a call of [`progress`] tells: the group asks for something, and the batch's records may not be handed out any more.
const WORK: i32 = 1;
const STALE: i32 = 2;

/// See the module's page.
pub(crate) struct ConsumerHandle {
    kept: Kept<Arc<Consumer>>,
    /// Those that JavaScript has and is not done with.
    batches: RefCell<Slots<Vec<FetchedBatch>>>,
    /// Taken, and not for one batch with those before it.
    left_over: RefCell<Option<FetchedBatch>>,
    pub(crate) questions: Arc<Questions>,
    pub(crate) on_question: RefCell<Option<Reference>>,
}

impl ConsumerHandle {
    fn get(&self) -> Result<&Arc<Consumer>, Error> {
        self.kept.get()
    }
}

fn closed() -> Error {
    error::closed("the consumer is disconnected")
}

fn found(consumer: u32) -> Result<Rc<ConsumerHandle>, Error> {
    handles::consumer(consumer).ok_or_else(closed)
}

/// Does something with a consumer, or throws why not.
fn with<T>(env: Env, consumer: u32, act: impl FnOnce(&ConsumerHandle, &Consumer) -> Result<T, Error>) -> napi::Result<T> {
    let done = found(consumer).and_then(|handle| act(&handle, handle.get()?));
    done.map_err(|error| error::thrown(env.raw(), &error))
}

/// A promise for what a call comes to, within which the group may ask.
fn asking<F>(consumer: u32, call: impl FnOnce(Arc<Consumer>) -> F + 'static) -> napi::Result<Answer>
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    answer(async move {
        let handle = found(consumer)?;
        let future = Box::pin(call(handle.get()?.clone()));
        Asking { future, handle }.await.map(|()| Value::Undefined)
    })
}

/// A consumer of a client, with properties of its own (name, value, name, value), that subscribes. Answers with its number.
#[napi(catch_unwind)]
pub fn consumer_create(env: Env, client: u32, properties: Vec<String>, topics: Vec<String>) -> napi::Result<u32> {
    let questions = Arc::new(Questions::default());
    let made = (|| {
        let handle = handles::client(client).ok_or_else(|| error::closed("the client is closed"))?;
        let mut builder = handle.get()?.consumer_builder().listener(Listener(questions.clone()));
        builder = builder.assignor(Arc::new(RoundRobinAssigner));
        for pair in properties.chunks_exact(2) {
            if let [name, value] = pair {
                builder = builder.set(name, value);
            }
        }
        let consumer = builder.build()?;
        consumer.subscribe(topics)?;
        Ok(consumer)
    })();
    let consumer = made.map_err(|error: Error| error::thrown(env.raw(), &error))?;
    Ok(handles::add_consumer(Rc::new(ConsumerHandle {
        kept: Kept::new(Arc::new(consumer)),
        batches: RefCell::new(Slots::new()),
        left_over: RefCell::default(),
        questions,
        on_question: RefCell::default(),
    })))
}

/// Sees to what the group asks for, and takes no records.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn consumer_serve(consumer: u32) -> napi::Result<Answer> {
    asking(consumer, |consumer| async move { consumer.serve().await })
}

/// Answers a question.
#[napi(catch_unwind)]
pub fn consumer_answer(consumer: u32, question: u32) {
    if let Some(handle) = handles::consumer(consumer) {
        handle.questions.answer(question);
    }
}

/// Commits what was consumed, leaves the group and ends.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn consumer_close(consumer: u32) -> napi::Result<Answer> {
    answer(async move {
        let Some(handle) = handles::consumer(consumer) else { return Ok(Value::Undefined) };
        let held = (handle.batches.replace(Slots::new()), handle.left_over.take());
        drop(held);
        let closing = handle.get()?.close();
        let closed = Asking { future: Box::pin(closing), handle: handle.clone() }.await;
        handles::remove_consumer(consumer);
        closed.map(|()| Value::Undefined)
    })
}

fn offset_of(text: &str) -> Result<i64, Error> {
    text.parse().map_err(|_| Error::new(ErrorKind::InvalidArgument, format!("{text:?} is no offset")))
}

/// Offsets as they come from JavaScript: topic, partition, offset, metadata, and so on.
pub(crate) fn offsets_of(words: &[String]) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>, Error> {
    let mut offsets = BTreeMap::new();
    for four in words.chunks_exact(4) {
        let [topic, partition, offset, metadata] = four else { continue };
        let partition = i32::try_from(offset_of(partition)?).unwrap_or(-1);
        let (offset, metadata) = (offset_of(offset)?, Text::from(metadata.as_str()));
        offsets.insert(TopicPartition::new(topic.as_str(), partition), OffsetAndMetadata { offset, leader_epoch: -1, metadata });
    }
    Ok(offsets)
}

/// Goes on elsewhere in a partition: at an offset, at its end (-1) or at its beginning (-2).
#[napi(catch_unwind)]
pub fn consumer_seek(env: Env, consumer: u32, topic: String, partition: i32, offset: String) -> napi::Result<()> {
    with(env, consumer, |_, consumer| {
        let at = match offset_of(&offset)? {
            -1 => StartAt::End,
            -2 => StartAt::Beginning,
            offset => StartAt::Offset(offset),
        };
        consumer.seek(&topic, partition, at)
    })
}

/// Hands out no records of a partition, or does again.
#[napi(catch_unwind)]
pub fn consumer_pause(env: Env, consumer: u32, topic: String, partition: i32, paused: bool) -> napi::Result<()> {
    with(env, consumer, |_, consumer| match paused {
        true => consumer.pause(&topic, partition),
        false => consumer.resume(&topic, partition),
    })
}

/// Commits offsets: topic, partition, offset, metadata (or nothing), and so on.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn consumer_commit(consumer: u32, offsets: Vec<String>) -> napi::Result<Answer> {
    answer(async move {
        let map = offsets_of(&offsets)?;
        found(consumer)?.get()?.clone().commit_offsets(map).await.map(|()| Value::Undefined)
    })
}

/// Commits the positions.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn consumer_commit_positions(consumer: u32) -> napi::Result<Answer> {
    answer(async move { found(consumer)?.get()?.clone().commit_positions().await.map(|()| Value::Undefined) })
}

/// The assigned partitions, in order, with their positions where they are known.
#[napi(catch_unwind, ts_return_type = "{topic: string, partition: number, offset: string | null, high: string | null}[]")]
pub fn consumer_positions(env: Env, consumer: u32) -> napi::Result<Answer> {
    let positions = with(env, consumer, |_, consumer| {
        Ok(Value::list(consumer.assignment().into_iter().map(|key| {
            let topic = key.topic.as_str();
            let known = |offset: Option<i64>| offset.map_or(Value::Null, Value::offset);
            let high = consumer.cached_watermarks(topic, key.partition).and_then(|marks| marks.high_watermark);
            Value::Object(vec![
                ("topic", topic.into()),
                ("partition", key.partition.into()),
                ("offset", known(consumer.position(topic, key.partition))),
                ("high", known(high)),
            ])
        })))
    })?;
    Ok(Answer(positions.into_js(env.raw())))
}

/// How the consumer stands in its group.
#[napi(catch_unwind, ts_return_type = "{generation: number, memberId: string, leader: string | null, assignor: string | null}")]
pub fn consumer_group(env: Env, consumer: u32) -> napi::Result<Answer> {
    let state = with(env, consumer, |_, consumer| Ok(consumer.group_state()))?;
    let text = |text: Option<Text>| text.map_or(Value::Null, |text| text.as_str().into());
    let value = match state {
        None => Value::Null,
        Some(state) => Value::Object(vec![
            ("generation", state.generation.into()),
            ("memberId", state.member_id.as_str().into()),
            ("leader", text(state.leader)),
            ("assignor", text(state.assignor)),
        ]),
    };
    Ok(Answer(value.into_js(env.raw())))
}

/// A batch, with those behind it that are there already if they are small: one to JavaScript.
fn together(handle: &ConsumerHandle, consumer: &Consumer, batch: FetchedBatch) -> Vec<FetchedBatch> {
    let mut bytes = batch.payload().len();
    let mut taken = vec![batch];
    while bytes < batch::TOGETHER
        && let (Some(first), Some(last)) = (taken.first(), taken.last())
        && last.payload().len() <= batch::SMALL
        && let Some(next) = consumer.next_behind(last, batch::SMALL)
    {
        next.hand_out_by_record();
        if !batch::fits(first, &next) {
            handle.left_over.replace(Some(next));
            break;
        }
        bytes += next.payload().len();
        taken.push(next);
    }
    taken
}

/// `consumerNext(consumer)`: a promise for the next batch ([`batch::to_js`]), or `null` once the consumer is closed.
pub(crate) unsafe extern "C" fn next(env: sys::napi_env, info: sys::napi_callback_info) -> Raw {
    raw::guarded(env, || {
        let [consumer] = raw::arguments(env, info);
        let consumer = raw::index(env, consumer);
        let Some(current) = event_loop::current() else { return raw::undefined(env) };
        let next = async move {
            let handle = found(consumer)?;
            let consumer = handle.get()?.clone();
            let left_over = handle.left_over.take();
            let batch = match left_over {
                Some(batch) => Some(batch),
                None => {
                    let taking = consumer.clone();
                    let future = Box::pin(async move { taking.next().await });
                    Asking { future, handle: handle.clone() }.await?
                }
            };
            Ok(batch.map(|batch| {
                batch.hand_out_by_record();
                let marks = consumer.cached_watermarks(batch.topic().as_str(), batch.partition());
                let high = marks.and_then(|marks| marks.high_watermark).unwrap_or(-1);
                let taken = together(&handle, &consumer, batch);
                (handle, taken, high)
            }))
        };
        current.promise(next, |env, taken| match taken {
            None => raw::null(env),
            Some((handle, taken, high)) => {
                let mut batches = handle.batches.borrow_mut();
                let at = batches.insert(taken);
                batches.get(at).map_or_else(|| raw::null(env), |taken| batch::to_js(env, at, taken, high))
            }
        })
    })
}

/// `consumerProgress(consumer, batch, offset, done)`: records before the offset are consumed, none of them if it is below 0; the
/// batch is done with, its number free. The application is alive. Answers with bits.
pub(crate) unsafe extern "C" fn progress(env: sys::napi_env, info: sys::napi_callback_info) -> Raw {
    raw::guarded(env, || {
        let [consumer, batch, offset, done] = raw::arguments(env, info);
        let Some(handle) = handles::consumer(raw::index(env, consumer)) else { return raw::int32(env, STALE) };
        let consumer = match handle.get() {
            Ok(consumer) => consumer,
            Err(error) => return raw::throw(env, error::to_js(env, &error)),
        };
        let (at, offset, mut is_done) = (raw::index(env, batch), raw::integer(env, offset), false);
        // SAFETY: a value of this call; anything but a boolean leaves it false.
        unsafe { sys::napi_get_value_bool(env, done, &raw mut is_done) };
        let mut told = STALE;
        let mut batches = handle.batches.borrow_mut();
        if let Some(taken) = batches.get(at) {
            if offset >= 0 {
                taken.iter().for_each(|batch| batch.consumed_to(offset));
            }
            told = if taken.first().is_some_and(FetchedBatch::is_valid) { 0 } else { STALE };
        }
        let ended = if is_done { batches.remove(at) } else { None };
        drop(batches);
        drop(ended);
        raw::int32(env, told | if consumer.progressed() { WORK } else { 0 })
    })
}

/// `consumerOnQuestion(consumer, function)`: who is asked when partitions come and go.
pub(crate) unsafe extern "C" fn on_question(env: sys::napi_env, info: sys::napi_callback_info) -> Raw {
    raw::guarded(env, || {
        let [consumer, function] = raw::arguments(env, info);
        if let Some(handle) = handles::consumer(raw::index(env, consumer)) {
            handle.on_question.replace(Some(Reference::new(env, function)));
        }
        raw::undefined(env)
    })
}
