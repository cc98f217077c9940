//! Where records wait for their batch to go. Called by the application's threads; knows no IO.
//!
//! A record is encoded once, straight into the open batch of its partition, under that partition's short mutex. The sender learns
//! of edges only: a batch was opened, a batch is ready.

mod partition;
mod shared;
mod stage;

use crate::sync::atomic::Ordering;
use crate::sync::{Arc, MutexGuard};
use std::collections::BTreeMap;

use crate::sync::ArcSwapOption;
use bytes::Bytes;
use ottla_protocol::record::BatchBuilder;

use partition::{OpenBatch, Queue, SealedNow, seal};
pub(crate) use partition::{Partition, Taken};
pub use shared::EdgeWaker;
use shared::lock;
pub(crate) use shared::{Edge, Shared};
use stage::PartitionSet;
pub use stage::Topic;

use super::batch::{Debt, DeliveryReport};
use super::incomplete::{FlushWaiter, Serial};
use super::partitioner;
use super::quota::{Credit, Quota};
use super::settings::ProducerSettings;
use crate::completion::{Completion, RecordHandle};
use crate::error::{Error, ErrorKind};
use crate::event_queue::EventQueue;
use crate::offload::{LET_GO_FROM, Offload};
use crate::time::{Clock, Instant};

/// A record on its way in, borrowed from the caller.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    /// The partition; `None` leaves it to the partitioner.
    pub partition: Option<i32>,
    /// Milliseconds since the epoch; `None` for now.
    pub timestamp: Option<i64>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers in order; keys may repeat.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
    /// Given back with the delivery report.
    pub opaque: u64,
}

/// Where a record went.
#[derive(Debug)]
pub struct Appended {
    completion: Arc<Completion>,
    index: u32,
}

impl Appended {
    /// The handle to the record's result.
    #[must_use]
    pub fn into_handle(self) -> RecordHandle {
        RecordHandle::new(self.completion, self.index)
    }
}

/// Why a record was not taken.
#[derive(Debug)]
pub enum AppendError {
    /// The buffer is full: wait on [`Accumulator::quota`], or give up.
    Full,
    /// The record can't be taken, now or later.
    Rejected(Error),
}

impl From<Error> for AppendError {
    fn from(error: Error) -> Self {
        Self::Rejected(error)
    }
}
/// A record whose quota was taken before, where it waited for its topic's metadata; and its place among the incomplete there.
#[derive(Clone, Copy)]
struct Prepaid {
    serial: Serial,
    since: Instant,
}

/// See the module's page.
pub struct Accumulator {
    pub(crate) shared: Arc<Shared>,
    last: ArcSwapOption<Topic>,
}

impl Accumulator {
    /// An empty accumulator. `waker` wakes the sender; `seed` is for partitions chosen at random.
    #[must_use]
    pub fn new(
        settings: ProducerSettings,
        clock: Arc<dyn Clock>,
        offload: Arc<dyn Offload>,
        waker: EdgeWaker,
        seed: u64,
    ) -> Self {
        let shared = Shared::new(settings, clock, offload, waker, seed);
        Self { shared: Arc::new(shared), last: ArcSwapOption::empty() }
    }

    /// The buffer's quota, to wait on when it is full.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.shared.quota
    }

    /// The queue that delivery reports come in, if they were asked for.
    #[must_use]
    pub fn reports(&self) -> &Arc<EventQueue<DeliveryReport>> {
        &self.shared.reports
    }

    /// The topic's handle.
    ///
    /// # Errors
    /// If the name is none that a topic may have.
    pub fn topic(&self, name: &str) -> Result<Arc<Topic>, Error> {
        if let Some(topic) = self.shared.topics.load().get(name.as_bytes()) {
            return Ok(topic.clone());
        }
        check_topic_name(name)?;
        let _adding = lock(&self.shared.adding);
        let topics = self.shared.topics.load();
        if let Some(topic) = topics.get(name.as_bytes()) {
            return Ok(topic.clone());
        }
        let topic = Arc::new(Topic::new(name));
        let mut next = BTreeMap::clone(&topics);
        next.insert(topic.name().as_bytes().clone(), topic.clone());
        self.shared.topics.store(Arc::new(next));
        Ok(topic)
    }

    /// Takes a record for a topic by its name; the last topic is kept at hand.
    ///
    /// # Errors
    /// If the buffer is full or the record can't be taken.
    pub fn append_to(&self, name: &str, record: &RecordRef<'_>) -> Result<Appended, AppendError> {
        let last = self.last.load();
        if let Some(topic) = last.as_ref()
            && *topic.name() == *name
        {
            return self.append(topic, record);
        }
        drop(last);
        let topic = self.topic(name)?;
        self.last.store(Some(topic.clone()));
        self.append(&topic, record)
    }

    /// Takes a record.
    ///
    /// # Errors
    /// If the buffer is full or the record can't be taken.
    pub fn append(&self, topic: &Arc<Topic>, record: &RecordRef<'_>) -> Result<Appended, AppendError> {
        let shared = &self.shared;
        if shared.closed.load(Ordering::Relaxed) {
            return Err(shared.refusal().into());
        }
        let bytes = BatchBuilder::record_size(record.key, record.value, record.headers.iter().copied());
        if bytes > shared.settings.message_max_bytes {
            return Err(too_large(topic, bytes, shared.settings.message_max_bytes).into());
        }
        if !topic.staging.load(Ordering::Acquire)
            && let Some(partitions) = topic.partitions.load().as_ref()
        {
            return self.append_placed(topic, partitions, record, bytes, None);
        }
        self.append_staged(topic, record, bytes)
    }

    fn append_placed(
        &self,
        topic: &Topic,
        partitions: &PartitionSet,
        record: &RecordRef<'_>,
        bytes: usize,
        prepaid: Option<Prepaid>,
    ) -> Result<Appended, AppendError> {
        let settings = &self.shared.settings;
        let count = i32::try_from(partitions.all.len()).unwrap_or(i32::MAX);
        let mut draw = || self.shared.draw();
        let keyed = record.partition.or_else(|| settings.partitioner.partition_for_key(record.key, count));
        let place = |id: Option<i32>| id.and_then(|id| partitions.all.get(usize::try_from(id).ok()?));
        if keyed.is_some() || !settings.sticky || !settings.partitioner.is_sticky(record.key) {
            let id = keyed.or_else(|| partitioner::random_partition(&partitions.available, count, &mut draw));
            let partition = place(id).ok_or_else(|| unknown_partition(topic, id, count))?;
            return self.append_locked(partition, partition.queue(), record, bytes, prepaid, Credit::default());
        }
        let chosen = topic.sticky.get_or_choose(&partitions.available, count, &mut draw);
        let partition = place(chosen).ok_or_else(|| unknown_partition(topic, chosen, count))?;
        let mut queue = partition.queue();
        let goes_on = match &queue.open {
            Some(open) => open.has_room(settings, bytes),
            // KIP-794: a slow stream of small batches stays until a batch's worth of bytes has gone to the partition.
            None => {
                let had = topic.sticky_since.load(Ordering::Relaxed);
                queue.sealed_bytes.saturating_sub(had) < settings.batch_size as u64
                    && partitions.available.contains(&partition.id)
            }
        };
        if goes_on {
            return self.append_locked(partition, queue, record, bytes, prepaid, Credit::default());
        }
        // A batch ends here: the records without a key move on.
        let (sealed, spare) = seal(partition, &self.shared, &mut queue);
        drop(queue);
        self.after_seal(partition, sealed);
        let next = if settings.adaptive {
            let backlog = |id| place(Some(id)).map_or(u32::MAX, |partition| partition.backlog());
            let next = partitioner::adaptive_partition(&partitions.available, backlog, &mut draw);
            next.map(|next| topic.sticky.replace_by(chosen, next, count))
        } else {
            None
        };
        let next = next.or_else(|| topic.sticky.replace(chosen, &partitions.available, count, &mut draw));
        let Some(partition) = place(next) else {
            self.shared.quota.release(spare.bytes, spare.messages);
            return Err(unknown_partition(topic, next, count).into());
        };
        let queue = partition.queue();
        topic.sticky_since.store(queue.sealed_bytes, Ordering::Relaxed);
        self.append_locked(partition, queue, record, bytes, prepaid, spare)
    }

    /// What is to be done once a batch was sealed and its lock is free.
    fn after_seal(&self, partition: &Arc<Partition>, sealed: SealedNow) {
        match sealed {
            // On the thread that filled the batch, outside the lock.
            SealedNow::ToCompress(job) if job.batch.as_ref().is_some_and(|batch| batch.payload.len() < LET_GO_FROM) => {
                job.run(&self.shared);
            }
            SealedNow::ToCompress(job) => {
                let mut job = Some(job);
                self.shared.offload.run_here(&mut || {
                    if let Some(job) = job.take() {
                        job.run(&self.shared);
                    }
                });
            }
            SealedNow::Ready => self.shared.edge_ready(partition),
            SealedNow::Nothing => {}
        }
    }

    /// `spare` is quota that was taken for a batch that is sealed: this record's batch uses it up. It is not given back under a
    /// lock, for who waits for it may send from within its waker.
    #[inline]
    fn append_locked(
        &self,
        partition: &Arc<Partition>,
        mut queue: MutexGuard<'_, Queue>,
        record: &RecordRef<'_>,
        bytes: usize,
        prepaid: Option<Prepaid>,
        mut spare: Credit,
    ) -> Result<Appended, AppendError> {
        let shared = &self.shared;
        let settings = &shared.settings;
        let is_full = queue.open.as_ref().is_some_and(|open| !open.has_room(settings, bytes));
        let mut sealed = SealedNow::Nothing;
        if is_full {
            let credit;
            (sealed, credit) = seal(partition, shared, &mut queue);
            spare.add(credit);
        }
        let mut due = None;
        let cost = i64::try_from(bytes).unwrap_or(i64::MAX);
        let result = loop {
            if let Some(open) = &mut queue.open {
                open.credit.add(std::mem::take(&mut spare));
                break push(shared, open, record, cost, prepaid.is_some());
            }
            // Looked at again under the lock: what is opened after the end would never go. What was taken before closing, and waited
            // for its topic's metadata, still goes.
            if shared.closed.load(Ordering::Acquire) && (prepaid.is_none() || shared.takes_nothing()) {
                break Err(shared.refusal().into());
            }
            if prepaid.is_none() {
                if !shared.quota.charge(&mut spare, cost) {
                    break Err(AppendError::Full);
                }
                // Back into the credit: `push` takes it from there.
                spare.bytes += cost;
                spare.messages += 1;
            }
            // The time that a record waited for its topic's metadata counts.
            let created = prepaid.map_or_else(|| shared.clock.now(), |prepaid| prepaid.since);
            due = Some(created + settings.linger);
            let debt = Debt {
                shared: shared.clone(),
                topic: partition.topic.clone(),
                partition: partition.id,
                completion: Completion::new(),
                serial: shared.incomplete.open(prepaid.map(|prepaid| prepaid.serial)),
                quota_bytes: 0,
                quota_messages: 0,
                created,
                opaques: Vec::new(),
                report: None,
            };
            queue.open =
                Some(OpenBatch { builder: BatchBuilder::new(shared.buffer()), credit: std::mem::take(&mut spare), debt });
        };
        let full = matches!(result, Err(AppendError::Full));
        drop(queue);
        shared.quota.release(spare.bytes, spare.messages);
        if let Some(due) = due {
            shared.edge(Edge::Opened(partition.clone(), due));
        }
        self.after_seal(partition, sealed);
        if full {
            // What lingers goes now: the buffer is full.
            shared.edge(Edge::Flush);
        }
        result
    }

    pub(crate) fn topics(&self) -> Arc<BTreeMap<Bytes, Arc<Topic>>> {
        self.shared.topics.load_full()
    }

    /// All partitions that exist now.
    pub(crate) fn partitions(&self) -> Vec<Arc<Partition>> {
        let topics = self.shared.topics.load();
        topics.values().filter_map(|topic| topic.partitions.load_full()).flat_map(|set| set.all.clone()).collect()
    }

    /// Begins a flush: what is open goes now. The waiter ends when all that was open is done; call [`Self::end_flush`] then, or
    /// when the wait is given up.
    #[must_use]
    pub fn begin_flush(&self) -> FlushWaiter {
        self.shared.flushing.fetch_add(1, Ordering::AcqRel);
        let waiter = self.shared.incomplete.waiter();
        self.shared.edge(Edge::Flush);
        waiter
    }

    /// Polls a flush.
    pub fn poll_flush(&self, waiter: &FlushWaiter, context: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        self.shared.incomplete.poll(waiter, context)
    }

    /// Ends what [`Self::begin_flush`] began.
    pub fn end_flush(&self) {
        self.shared.flushing.fetch_sub(1, Ordering::AcqRel);
    }

    /// Gives up records: those not sent, or those that no answer has come for.
    pub fn purge(&self, queued: bool, in_flight: bool) {
        self.shared.edge(Edge::Purge { queued, in_flight });
    }

    /// The sender is gone: what is queued is given up, so that no handle waits for ever.
    pub(crate) fn end(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.ended.store(true, Ordering::Release);
        for topic in self.topics().values() {
            self.fail_stage(topic, &self.shared.refusal().with_topic(topic.name().as_str()));
        }
        for partition in self.partitions() {
            drop(partition.take_older(&self.shared, Instant::FAR_FUTURE));
        }
        // What was on its way to the sender holds partitions, and they their batches.
        lock(&self.shared.edges).clear();
        self.shared.quota.wake_all();
    }

    /// The producer has come to its end by an error: no more records are taken, and the error says why.
    pub(crate) fn fail(&self, error: Error) {
        // The first one stands.
        let _ = self.shared.fatal.set(error);
        self.close();
    }

    /// Takes no more records. What is in it goes out.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.quota.wake_all();
        self.shared.edge(Edge::Flush);
    }
}

#[inline]
fn push(
    shared: &Shared,
    open: &mut OpenBatch,
    record: &RecordRef<'_>,
    cost: i64,
    prepaid: bool,
) -> Result<Appended, AppendError> {
    if !prepaid && !shared.quota.charge(&mut open.credit, cost) {
        return Err(AppendError::Full);
    }
    let timestamp = record.timestamp.unwrap_or_else(|| shared.clock.wall_millis());
    let appended = open.builder.append(timestamp, record.key, record.value, record.headers.iter().copied());
    let index = match appended {
        Ok(index) => index,
        Err(error) => {
            if !prepaid {
                open.credit.bytes += cost;
                open.credit.messages += 1;
            }
            return Err(AppendError::Rejected(error.into()));
        }
    };
    open.debt.quota_bytes += cost;
    open.debt.quota_messages += 1;
    if shared.settings.reports && (record.opaque != 0 || !open.debt.opaques.is_empty()) {
        // The vector exists only once somebody gave an opaque; those before it had none.
        let at = usize::try_from(index).unwrap_or(0);
        open.debt.opaques.resize(at, 0);
        open.debt.opaques.push(record.opaque);
    }
    Ok(Appended { completion: open.debt.completion.clone(), index })
}

fn too_large(topic: &Topic, bytes: usize, limit: usize) -> Error {
    let what = format!(
        "the record takes {bytes} bytes, message.max.bytes allows {limit}; raise it here and max.message.bytes at the topic"
    );
    Error::new(ErrorKind::RecordTooLarge, what).with_topic(topic.name().as_str())
}

fn unknown_partition(topic: &Topic, partition: Option<i32>, count: i32) -> Error {
    let partition = partition.unwrap_or(-1);
    let what = format!("the topic has {count} partitions, 0 to {}", count - 1);
    Error::new(ErrorKind::UnknownPartition, what).with_topic(topic.name().as_str()).with_partition(partition)
}

/// Kafka's rule for names: 1 to 249 of `[A-Za-z0-9._-]`, neither `.` nor `..`.
fn check_topic_name(name: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > 249 || name == "." || name == ".." || !name.bytes().all(allowed) {
        let what = "a topic's name has 1 to 249 of ASCII letters, digits, '.', '_' and '-', and is neither '.' nor '..'";
        return Err(Error::new(ErrorKind::InvalidArgument, what).with_topic(name));
    }
    Ok(())
}
