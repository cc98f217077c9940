//! A consumer's membership in its group: rebalances asked by callbacks or events, closing.

use std::collections::BTreeSet;
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use ottla::{Answering, Client, Consumer, Error, ErrorKind, QuestionKind, Rebalance, RebalanceListener, StartAt, TopicPartition};
use ottla_bindings::Queue;
use ottla_bindings::fork::Kept;

use crate::conf::RebalanceCb;
use crate::error::{ASSIGN_PARTITIONS, REVOKE_PARTITIONS};
use crate::event::kind;
use crate::handle::{lock, rd_kafka_s};
use crate::list;
use crate::op::Op;
use crate::queue::{Source, rd_kafka_queue_s};
use crate::types::offset;

/// A consumer with a group.
pub(crate) struct Member {
    handle: Weak<rd_kafka_s>,
    /// Its records, its rebalances, and what is forwarded to it.
    pub(crate) queue: Arc<rd_kafka_queue_s>,
    started: OnceLock<(Arc<Kept<Consumer>>, Arc<Source>)>,
    pub(crate) subscription: Mutex<Vec<String>>,
    /// The rebalance that the application is asked about.
    rebalancing: Mutex<Option<Rebalancing>>,
    /// Rebalances are events, which the application answers when it likes to.
    by_event: bool,
    /// It is being closed, or was.
    closing: AtomicBool,
    /// That goes on while a queue is polled, and asks by events.
    closes_by_queue: AtomicBool,
    pub(crate) closed: AtomicBool,
    pub(crate) lost: AtomicBool,
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
    pub(crate) fn asked(&self) -> Option<Rebalance> {
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
        // A callback may destroy the client.
        let kept = self.handle.upgrade();
        if self.closing.swap(true, Ordering::AcqRel) {
            // One that goes on while a queue is polled is brought to its end here.
            let by_queue = self.closes_by_queue.swap(false, Ordering::AcqRel);
            if !by_queue || self.closed.load(Ordering::Acquire) {
                return Err(Error::new(ErrorKind::Closed, "the consumer is closed, or being closed"));
            }
        }
        let Some((consumer, source)) = self.started.get() else { return Ok(()) };
        let consumer = consumer.get()?;
        source.forget();
        // Whom an event asked before is not waited for any more.
        self.answer_to_event();
        let closed = consumer.close().wait();
        self.closed.store(true, Ordering::Release);
        if let Some(handle) = kept.filter(|handle| handle.conf.callbacks.offset_commit.is_some()) {
            self.serve_last(&handle);
        }
        closed
    }

    /// Nobody need poll any more: who is called for commits hears of the last one here.
    fn serve_last(&self, handle: &rd_kafka_s) {
        if self.queue.is_forwarded() || handle.conf.has_event(kind::OFFSET_COMMIT) {
            return;
        }
        let mut others = Vec::new();
        while let Some(op) = self.queue.ops.try_pop() {
            match op {
                Op::OffsetCommit { .. } if !handle.is_gone() => _ = handle.serve(op),
                other => others.push(other),
            }
        }
        others.into_iter().rev().for_each(|op| self.queue.ops.put_back(op));
    }

    /// Leaves the group while `queue` is polled: what it asks, and what it has for the application, comes there.
    pub(crate) fn close_by(&self, queue: &Arc<rd_kafka_queue_s>) -> Result<(), Error> {
        let (consumer, source) = match self.started.get() {
            Some((consumer, source)) => (consumer.get()?, source),
            None => return self.consumer().map(|_| ()),
        };
        if source.is_polled_here() {
            return Err(Error::new(ErrorKind::State, "a rebalance callback can't close its consumer by a queue"));
        }
        if self.closing.swap(true, Ordering::AcqRel) {
            return Err(Error::new(ErrorKind::Closed, "the consumer is closed, or being closed"));
        }
        self.closes_by_queue.store(true, Ordering::Release);
        if !Arc::ptr_eq(&self.queue, queue) && !self.queue.forward(Some(queue)) {
            self.closes_by_queue.store(false, Ordering::Release);
            self.closing.store(false, Ordering::Release);
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
        // Who waits already is the one to poll it.
        queue.stir();
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
    pub(crate) fn assign(&self, wanted: Option<&[(TopicPartition, i64)]>, incremental: bool) -> Result<(), Error> {
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
    pub(crate) fn unassign(&self, partitions: &[(TopicPartition, i64)]) -> Result<(), Error> {
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
