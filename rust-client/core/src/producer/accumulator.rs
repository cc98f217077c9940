//! Where records wait for their batch to go. Called by the application's threads; knows no IO.
//!
//! A record is encoded once, straight into the open batch of its partition, under that partition's short mutex. The sender learns
//! of edges only: a batch was opened, a batch is ready.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use ottla_protocol::record::{Attributes, BatchBuilder, BatchHeader};
use ottla_protocol::{ErrorCode, Text};

use super::batch::{CompressJob, Debt, DeliveryReport, ProducerBatch, ReportBytes};
use super::incomplete::{FlushWaiter, Incomplete, Serial};
use super::partitioner::{self, StickyPartition};
use super::quota::{Credit, Quota};
use super::settings::ProducerSettings;
use crate::completion::{Completion, RecordHandle, Redirect};
use crate::error::{Error, ErrorKind};
use crate::event_queue::EventQueue;
use crate::metadata::{Cluster, TopicInfo};
use crate::offload::{OFFLOAD_FROM, Offload};
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

/// Wakes the sender.
pub type EdgeWaker = Arc<dyn Fn() + Send + Sync>;

/// What the sender is told.
pub(crate) enum Edge {
    /// A batch was opened and is due at this time.
    Opened(Arc<Partition>, Instant),
    /// A batch is full or compressed: it may go.
    Ready(Arc<Partition>),
    /// A record waits for its topic's metadata, until this time.
    Staged(Arc<Topic>, Instant),
    /// All that is open is to go now.
    Flush,
    /// What is queued, or also what is in flight, is to be given up.
    Purge { queued: bool, in_flight: bool },
}

/// What accumulator, sender and batches share.
pub(crate) struct Shared {
    pub(crate) settings: ProducerSettings,
    pub(crate) quota: Quota,
    pub(crate) incomplete: Incomplete,
    pub(crate) reports: Arc<EventQueue<DeliveryReport>>,
    edges: Mutex<Vec<Edge>>,
    waker: EdgeWaker,
    clock: Arc<dyn Clock>,
    offload: Arc<dyn Offload>,
    random: AtomicU64,
    next_partition: AtomicU32,
    topics: ArcSwap<BTreeMap<Bytes, Arc<Topic>>>,
    /// Held while a topic is added.
    adding: Mutex<()>,
    closed: AtomicBool,
    /// The sender is gone: nothing that is queued will ever go.
    ended: AtomicBool,
    /// Flushes under way: while there are any, an open batch does not linger.
    pub(crate) flushing: AtomicU32,
    buffers: Mutex<Vec<Vec<u8>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn edge(&self, edge: Edge) {
        let first = {
            let mut edges = lock(&self.edges);
            edges.push(edge);
            edges.len() == 1
        };
        if first {
            (self.waker)();
        }
    }

    pub(crate) fn edge_ready(self: &Arc<Self>, partition: &Arc<Partition>) {
        self.edge(Edge::Ready(partition.clone()));
        if self.ended.load(Ordering::Acquire) {
            // It was sealed or compressed while the sender went away.
            drop(partition.take_older(self, Instant::FAR_FUTURE));
        }
    }

    pub(crate) fn take_edges(&self, into: &mut Vec<Edge>) {
        std::mem::swap(&mut *lock(&self.edges), into);
    }

    /// SplitMix64 over a shared counter: one atomic add for a draw.
    fn draw(&self) -> u32 {
        let mut z = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 32) as u32
    }

    fn buffer(&self) -> Vec<u8> {
        lock(&self.buffers).pop().unwrap_or_default()
    }

    fn recycle(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut buffers = lock(&self.buffers);
        if buffers.len() < 16 {
            buffers.push(buffer);
        }
    }
}

/// A buffer that goes back to the pool when the last reader lets go of it.
struct Pooled {
    buffer: Vec<u8>,
    shared: Arc<Shared>,
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        self.shared.recycle(std::mem::take(&mut self.buffer));
    }
}

struct OpenBatch {
    builder: BatchBuilder,
    credit: Credit,
    debt: Debt,
}

impl OpenBatch {
    fn is_due(&self, shared: &Shared, now: Instant) -> bool {
        now >= self.debt.created + shared.settings.linger
            || shared.flushing.load(Ordering::Acquire) > 0
            || shared.closed.load(Ordering::Acquire)
            || shared.quota.is_contended()
    }
}

#[allow(clippy::large_enum_variant, reason = "nearly all are Ready; a box would cost an allocation for each batch")]
enum Sealed {
    Ready(ProducerBatch),
    Compressing(Serial),
}

#[derive(Default)]
struct Queue {
    open: Option<OpenBatch>,
    sealed: VecDeque<Sealed>,
}

/// A partition's line of batches.
pub(crate) struct Partition {
    pub(crate) topic: Text,
    pub(crate) id: i32,
    /// The sender's number for it.
    pub(crate) index: u32,
    queue: Mutex<Queue>,
}

/// What the sender finds in a partition.
#[allow(clippy::large_enum_variant, reason = "it is moved once, from the queue to the sender")]
pub(crate) enum Taken {
    Batch(ProducerBatch),
    /// Nothing that is due; an edge tells when there is.
    Nothing,
}

impl Partition {
    /// Takes the next batch, sealing the open one if it is due.
    pub(crate) fn take(self: &Arc<Self>, shared: &Arc<Shared>, now: Instant) -> Taken {
        let mut queue = lock(&self.queue);
        match queue.sealed.front() {
            Some(Sealed::Compressing(_)) => return Taken::Nothing,
            Some(Sealed::Ready(_)) => {
                if let Some(Sealed::Ready(batch)) = queue.sealed.pop_front() {
                    return Taken::Batch(batch);
                }
            }
            None => {}
        }
        if !queue.open.as_ref().is_some_and(|open| open.is_due(shared, now)) {
            return Taken::Nothing;
        }
        if queue.open.as_ref().is_some_and(|open| open.builder.count() == 0) {
            // Opened for a record that was then refused.
            if let Some(open) = queue.open.take() {
                shared.quota.release(open.credit.bytes, open.credit.messages);
            }
            return Taken::Nothing;
        }
        let Some(job) = seal(self, shared, &mut queue) else {
            return match queue.sealed.pop_front() {
                Some(Sealed::Ready(batch)) => Taken::Batch(batch),
                _ => Taken::Nothing,
            };
        };
        drop(queue);
        let small = job.batch.as_ref().is_some_and(|batch| batch.payload.len() < OFFLOAD_FROM);
        let work = shared.clone();
        if small {
            job.run(shared);
        } else {
            shared.offload.run(Box::new(move || job.run(&work)));
        }
        // The edge that the job leaves brings the sender back.
        Taken::Nothing
    }

    /// Whether a batch waits that is ready to go, or due.
    pub(crate) fn has_ready(&self, shared: &Shared, now: Instant) -> bool {
        let queue = lock(&self.queue);
        match queue.sealed.front() {
            Some(place) => matches!(place, Sealed::Ready(_)),
            None => queue.open.as_ref().is_some_and(|open| open.is_due(shared, now)),
        }
    }

    /// Puts a compressed batch in its place, or frees the place.
    pub(crate) fn compressed(&self, serial: Serial, batch: Option<ProducerBatch>) {
        let mut queue = lock(&self.queue);
        let at = queue.sealed.iter().position(|place| matches!(place, Sealed::Compressing(waiting) if *waiting == serial));
        let Some(at) = at else { return };
        match batch {
            Some(batch) => {
                if let Some(place) = queue.sealed.get_mut(at) {
                    *place = Sealed::Ready(batch);
                }
            }
            None => {
                queue.sealed.remove(at);
            }
        }
    }

    /// Takes what has waited since before `created_before`, open or sealed, to fail it.
    pub(crate) fn take_older(&self, shared: &Arc<Shared>, created_before: Instant) -> Vec<Debt> {
        let mut queue = lock(&self.queue);
        let mut old = Vec::new();
        while let Some(Sealed::Ready(batch)) = queue.sealed.front_mut() {
            if batch.created > created_before {
                return old;
            }
            old.extend(batch.debt.take());
            queue.sealed.pop_front();
        }
        if queue.sealed.is_empty()
            && queue.open.as_ref().is_some_and(|open| open.debt.created <= created_before)
            && let Some(open) = queue.open.take()
        {
            shared.quota.release(open.credit.bytes, open.credit.messages);
            shared.recycle(open.builder.finish().0);
            old.push(open.debt);
        }
        old
    }

    /// When its oldest batch was opened.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let queue = lock(&self.queue);
        let sealed = queue.sealed.iter().find_map(|place| match place {
            Sealed::Ready(batch) => Some(batch.created),
            Sealed::Compressing(_) => None,
        });
        sealed.or(queue.open.as_ref().map(|open| open.debt.created))
    }
}

/// Closes the open batch. Returns the work that is left where it is to be compressed: its place in the line is kept.
fn seal(partition: &Arc<Partition>, shared: &Arc<Shared>, queue: &mut Queue) -> Option<CompressJob> {
    let OpenBatch { builder, credit, mut debt } = queue.open.take()?;
    shared.quota.release(credit.bytes, credit.messages);
    let (buffer, meta) = builder.finish();
    let header = BatchHeader {
        base_offset: 0,
        batch_length: 0,
        partition_leader_epoch: -1,
        magic: 2,
        crc: 0,
        attributes: Attributes::default(),
        last_offset_delta: i32::try_from(meta.count).unwrap_or(i32::MAX) - 1,
        base_timestamp: meta.base_timestamp,
        max_timestamp: meta.max_timestamp,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        records_count: i32::try_from(meta.count).unwrap_or(i32::MAX),
    };
    let payload = Bytes::from_owner(Pooled { buffer, shared: shared.clone() });
    if shared.settings.reports {
        debt.report = Some(ReportBytes { header, payload: payload.clone() });
    }
    let (created, serial) = (debt.created, debt.serial);
    let batch = ProducerBatch { header, payload, attempts: 0, sent: false, debt: Some(debt), created, serial };
    if shared.settings.compression == ottla_protocol::compression::Compression::None {
        queue.sealed.push_back(Sealed::Ready(batch));
        return None;
    }
    queue.sealed.push_back(Sealed::Compressing(serial));
    Some(CompressJob { partition: partition.clone(), batch: Some(batch) })
}

/// The partitions of a topic, as the newest metadata has them.
struct PartitionSet {
    all: Vec<Arc<Partition>>,
    /// Those with a leader, which records without a key go to.
    available: Vec<i32>,
}

struct Staged {
    partition: Option<i32>,
    timestamp: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<(String, Option<Bytes>)>,
    opaque: u64,
    bytes: i64,
}

#[derive(Default)]
struct Stage {
    records: Vec<Staged>,
    completion: Option<Arc<Completion>>,
    serial: Serial,
    since: Instant,
}

/// A topic that is written to: a handle that spares the look-up by name.
pub struct Topic {
    name: Text,
    partitions: ArcSwapOption<PartitionSet>,
    sticky: StickyPartition,
    /// Records wait in the stage: later ones go through it too, so that order holds.
    staging: AtomicBool,
    stage: Mutex<Stage>,
}

impl Topic {
    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }
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
        let quota = Quota::new(settings.buffer_bytes, settings.buffer_messages);
        let shared = Shared {
            settings,
            quota,
            incomplete: Incomplete::default(),
            reports: EventQueue::new(),
            edges: Mutex::default(),
            waker,
            clock,
            offload,
            random: AtomicU64::new(seed),
            next_partition: AtomicU32::new(0),
            topics: ArcSwap::default(),
            adding: Mutex::default(),
            closed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            flushing: AtomicU32::new(0),
            buffers: Mutex::default(),
        };
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
        let topic = Arc::new(Topic {
            name: Text::from(name),
            partitions: ArcSwapOption::empty(),
            sticky: StickyPartition::new(),
            staging: AtomicBool::new(false),
            stage: Mutex::default(),
        });
        let mut next = BTreeMap::clone(&topics);
        next.insert(topic.name.as_bytes().clone(), topic.clone());
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
            && topic.name == *name
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
            return Err(closed().into());
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
        instead_of: Option<Serial>,
    ) -> Result<Appended, AppendError> {
        let settings = &self.shared.settings;
        let count = i32::try_from(partitions.all.len()).unwrap_or(i32::MAX);
        let mut draw = || self.shared.draw();
        let keyed = record.partition.or_else(|| settings.partitioner.partition_for_key(record.key, count));
        let place = |id: Option<i32>| id.and_then(|id| partitions.all.get(usize::try_from(id).ok()?));
        if keyed.is_some() || !settings.sticky || !settings.partitioner.is_sticky(record.key) {
            let id = keyed.or_else(|| partitioner::random_partition(&partitions.available, count, &mut draw));
            let partition = place(id).ok_or_else(|| unknown_partition(topic, id, count))?;
            return self.append_locked(partition, lock(&partition.queue), record, bytes, instead_of);
        }
        let chosen = topic.sticky.get_or_choose(&partitions.available, count, &mut draw);
        let partition = place(chosen).ok_or_else(|| unknown_partition(topic, chosen, count))?;
        let queue = lock(&partition.queue);
        if queue.open.is_some() {
            return self.append_locked(partition, queue, record, bytes, instead_of);
        }
        // KIP-480: a new batch begins, so the records without a key move on.
        drop(queue);
        let next = topic.sticky.replace(chosen, &partitions.available, count, &mut draw);
        let partition = place(next).ok_or_else(|| unknown_partition(topic, next, count))?;
        self.append_locked(partition, lock(&partition.queue), record, bytes, instead_of)
    }

    #[inline]
    fn append_locked(
        &self,
        partition: &Arc<Partition>,
        mut queue: MutexGuard<'_, Queue>,
        record: &RecordRef<'_>,
        bytes: usize,
        instead_of: Option<Serial>,
    ) -> Result<Appended, AppendError> {
        let shared = &self.shared;
        let settings = &shared.settings;
        let mut job = None;
        let mut sealed = false;
        if let Some(open) = &queue.open
            && (open.builder.len() + bytes > settings.batch_size || open.builder.count() >= settings.batch_messages)
        {
            job = seal(partition, shared, &mut queue);
            sealed = true;
        }
        let mut due = None;
        let cost = i64::try_from(bytes).unwrap_or(i64::MAX);
        let result = loop {
            if let Some(open) = &mut queue.open {
                break push(shared, open, record, cost);
            }
            // Looked at again under the lock: what is opened after the end would never go.
            if shared.closed.load(Ordering::Acquire) {
                break Err(closed().into());
            }
            let mut credit = Credit::default();
            if !shared.quota.charge(&mut credit, cost) {
                break Err(AppendError::Full);
            }
            // Back into the credit: `push` takes it from there.
            credit.bytes += cost;
            credit.messages += 1;
            let created = shared.clock.now();
            due = Some(created + settings.linger);
            let debt = Debt {
                shared: shared.clone(),
                topic: partition.topic.clone(),
                partition: partition.id,
                completion: Completion::new(),
                serial: shared.incomplete.open(instead_of),
                quota_bytes: 0,
                quota_messages: 0,
                created,
                opaques: Vec::new(),
                report: None,
            };
            queue.open = Some(OpenBatch { builder: BatchBuilder::new(shared.buffer()), credit, debt });
        };
        let full = matches!(result, Err(AppendError::Full));
        drop(queue);
        if let Some(due) = due {
            shared.edge(Edge::Opened(partition.clone(), due));
        }
        match job {
            // On the thread that filled the batch, outside the lock.
            Some(job) => job.run(shared),
            None if sealed => shared.edge_ready(partition),
            None => {}
        }
        if full {
            // What lingers goes now: the buffer is full.
            shared.edge(Edge::Flush);
        }
        result
    }

    fn append_staged(&self, topic: &Arc<Topic>, record: &RecordRef<'_>, bytes: usize) -> Result<Appended, AppendError> {
        let shared = &self.shared;
        let mut stage = lock(&topic.stage);
        // The stage may have been drained while this thread waited for it.
        if !topic.staging.load(Ordering::Acquire)
            && let Some(partitions) = topic.partitions.load().as_ref()
        {
            drop(stage);
            return self.append_placed(topic, partitions, record, bytes, None);
        }
        if shared.closed.load(Ordering::Acquire) {
            return Err(closed().into());
        }
        let mut credit = Credit::default();
        let cost = i64::try_from(bytes).unwrap_or(i64::MAX);
        if !shared.quota.charge(&mut credit, cost) {
            return Err(AppendError::Full);
        }
        shared.quota.release(credit.bytes, credit.messages);
        let own = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
        let staged = Staged {
            partition: record.partition,
            timestamp: record.timestamp.unwrap_or_else(|| shared.clock.wall_millis()),
            key: own(record.key),
            value: own(record.value),
            headers: record.headers.iter().map(|(key, value)| ((*key).to_owned(), own(*value))).collect(),
            opaque: record.opaque,
            bytes: cost,
        };
        let first = stage.records.is_empty();
        if first {
            stage.completion = Some(Completion::new());
            stage.serial = shared.incomplete.open(None);
            stage.since = shared.clock.now();
        }
        let index = u32::try_from(stage.records.len()).unwrap_or(u32::MAX);
        stage.records.push(staged);
        topic.staging.store(true, Ordering::Release);
        let completion = stage.completion.get_or_insert_with(Completion::new).clone();
        let deadline = stage.since + shared.settings.delivery_timeout;
        drop(stage);
        if first {
            shared.edge(Edge::Staged(topic.clone(), deadline));
        }
        Ok(Appended { completion, index })
    }

    /// Takes in new metadata: partitions come to be, and records that waited for them are placed. Called by the sender.
    pub(crate) fn on_cluster(&self, cluster: &Cluster) {
        for topic in self.shared.topics.load().values() {
            if let Some(info) = cluster.topic(&topic.name).filter(|info| !info.partitions.is_empty()) {
                self.update_topic(topic, info);
                self.drain_stage(topic);
            } else if let Some(info) = cluster.topics.get(&topic.name)
                && matches!(info.error, ErrorCode::InvalidTopicException | ErrorCode::TopicAuthorizationFailed)
            {
                self.fail_stage(
                    topic,
                    &Error::kafka(info.error, "while looking up the topic's leaders").with_topic(topic.name.as_str()),
                );
            }
        }
    }

    fn update_topic(&self, topic: &Topic, info: &TopicInfo) {
        let before = topic.partitions.load();
        let available: Vec<i32> = info.partitions.iter().filter(|p| p.leader >= 0).map(|p| p.partition).collect();
        if let Some(before) = before.as_ref()
            && before.all.len() == info.partitions.len()
            && before.available == available
        {
            return;
        }
        let all = info.partitions.iter().enumerate().map(|(place, p)| {
            before.as_ref().and_then(|set| set.all.get(place)).cloned().unwrap_or_else(|| {
                Arc::new(Partition {
                    topic: topic.name.clone(),
                    id: p.partition,
                    index: self.shared.next_partition.fetch_add(1, Ordering::Relaxed),
                    queue: Mutex::default(),
                })
            })
        });
        topic.partitions.store(Some(Arc::new(PartitionSet { all: all.collect(), available })));
    }

    fn drain_stage(&self, topic: &Topic) {
        if !topic.staging.load(Ordering::Acquire) {
            return;
        }
        // Held to the end: who sends meanwhile waits, and then finds the stage empty and goes straight on, in order.
        let mut stage = lock(&topic.stage);
        let partitions = topic.partitions.load();
        let Some(partitions) = partitions.as_ref() else { return };
        let Stage { records, completion, serial, .. } = std::mem::take(&mut *stage);
        let redirects = records.into_iter().map(|staged| {
            // Given back and taken again by its batch; who waits for room is not woken in between.
            self.shared.quota.release(staged.bytes, 1);
            let headers: Vec<(&str, Option<&[u8]>)> =
                staged.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
            let record = RecordRef {
                partition: staged.partition,
                timestamp: Some(staged.timestamp),
                key: staged.key.as_deref(),
                value: staged.value.as_deref(),
                headers: &headers,
                opaque: staged.opaque,
            };
            let bytes = usize::try_from(staged.bytes).unwrap_or(0);
            match self.append_placed(topic, partitions, &record, bytes, Some(serial)) {
                Ok(Appended { completion, index }) => Redirect::To(completion, index),
                Err(AppendError::Rejected(error)) => Redirect::Failed(error),
                Err(AppendError::Full) => Redirect::Failed(
                    Error::new(ErrorKind::QueueFull, "the buffer was full when the topic's metadata came")
                        .with_topic(topic.name.as_str()),
                ),
            }
        });
        let redirects = redirects.collect();
        if let Some(completion) = completion {
            completion.redirect(redirects);
        }
        topic.staging.store(false, Ordering::Release);
        drop(stage);
        self.shared.incomplete.done(serial);
    }

    /// Gives up the records that wait for the topic's metadata.
    pub(crate) fn fail_stage(&self, topic: &Topic, error: &Error) {
        let mut stage = lock(&topic.stage);
        let Stage { records, completion, serial, .. } = std::mem::take(&mut *stage);
        topic.staging.store(false, Ordering::Release);
        drop(stage);
        let Some(completion) = completion else { return };
        let bytes = records.iter().map(|staged| staged.bytes).sum();
        completion.redirect(records.iter().map(|_| Redirect::Failed(error.clone())).collect());
        self.shared.quota.release(bytes, i64::try_from(records.len()).unwrap_or(i64::MAX));
        self.shared.incomplete.done(serial);
    }

    /// Whether records wait for the topic's metadata, and since when.
    pub(crate) fn staged_since(topic: &Topic) -> Option<Instant> {
        topic.staging.load(Ordering::Acquire).then(|| lock(&topic.stage).since)
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
            self.fail_stage(topic, &closed().with_topic(topic.name.as_str()));
        }
        for partition in self.partitions() {
            drop(partition.take_older(&self.shared, Instant::FAR_FUTURE));
        }
        // What was on its way to the sender holds partitions, and they their batches.
        lock(&self.shared.edges).clear();
        self.shared.quota.wake_all();
    }

    /// Takes no more records. What is in it goes out.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.quota.wake_all();
        self.shared.edge(Edge::Flush);
    }
}

#[inline]
fn push(shared: &Shared, open: &mut OpenBatch, record: &RecordRef<'_>, cost: i64) -> Result<Appended, AppendError> {
    if !shared.quota.charge(&mut open.credit, cost) {
        return Err(AppendError::Full);
    }
    let timestamp = record.timestamp.unwrap_or_else(|| shared.clock.wall_millis());
    let appended = open.builder.append(timestamp, record.key, record.value, record.headers.iter().copied());
    let index = match appended {
        Ok(index) => index,
        Err(error) => {
            open.credit.bytes += cost;
            open.credit.messages += 1;
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

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the producer is closed")
}

fn too_large(topic: &Topic, bytes: usize, limit: usize) -> Error {
    let what = format!(
        "the record takes {bytes} bytes, message.max.bytes allows {limit}; raise it here and max.message.bytes at the topic"
    );
    Error::new(ErrorKind::RecordTooLarge, what).with_topic(topic.name.as_str())
}

fn unknown_partition(topic: &Topic, partition: Option<i32>, count: i32) -> Error {
    let partition = partition.unwrap_or(-1);
    let what = format!("the topic has {count} partitions, 0 to {}", count - 1);
    Error::new(ErrorKind::UnknownPartition, what).with_topic(topic.name.as_str()).with_partition(partition)
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
