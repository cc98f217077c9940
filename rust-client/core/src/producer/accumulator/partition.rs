//! A partition's line of batches: one that is open, and those that are sealed before it.

use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard};
use std::collections::VecDeque;

use bytes::Bytes;
use ottla_protocol::Text;
use ottla_protocol::record::{Attributes, BatchBuilder, BatchHeader};

use super::shared::{Pooled, Shared, lock};
use crate::offload::OFFLOAD_FROM;
use crate::producer::batch::{CompressJob, Debt, ProducerBatch, ReportBytes};
use crate::producer::incomplete::Serial;
use crate::producer::quota::Credit;
use crate::producer::settings::ProducerSettings;
use crate::time::Instant;

pub(super) struct OpenBatch {
    pub(super) builder: BatchBuilder,
    pub(super) credit: Credit,
    pub(super) debt: Debt,
}

impl OpenBatch {
    /// Whether a record of so many bytes still goes into it.
    pub(super) fn has_room(&self, settings: &ProducerSettings, bytes: usize) -> bool {
        self.builder.len() + bytes <= settings.batch_size && self.builder.count() < settings.batch_messages
    }

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
pub(super) struct Queue {
    pub(super) open: Option<OpenBatch>,
    sealed: VecDeque<Sealed>,
    /// Bytes of records, before compression, of all batches sealed so far.
    pub(super) sealed_bytes: u64,
}

/// A partition's line of batches.
pub(crate) struct Partition {
    pub(crate) topic: Text,
    pub(crate) id: i32,
    /// The sender's number for it.
    pub(crate) index: u32,
    queue: Mutex<Queue>,
    /// How many sealed batches wait in the line, for who chooses a partition.
    backlog: AtomicU32,
}

/// What the sender finds in a partition.
#[allow(clippy::large_enum_variant, reason = "it is moved once, from the queue to the sender")]
pub(crate) enum Taken {
    Batch(ProducerBatch),
    /// Nothing that is due; an edge tells when there is.
    Nothing,
}

impl Partition {
    pub(super) fn new(topic: Text, id: i32, index: u32) -> Self {
        Self { topic, id, index, queue: Mutex::default(), backlog: AtomicU32::new(0) }
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    /// How many sealed batches wait in the line.
    pub(super) fn backlog(&self) -> u32 {
        self.backlog.load(Ordering::Relaxed)
    }

    fn count_backlog(&self, queue: &Queue) {
        self.backlog.store(u32::try_from(queue.sealed.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }
    /// Takes the next batch, sealing the open one if it is due.
    pub(crate) fn take(self: &Arc<Self>, shared: &Arc<Shared>, now: Instant) -> Taken {
        let mut queue = lock(&self.queue);
        match queue.sealed.front() {
            Some(Sealed::Compressing(_)) => return Taken::Nothing,
            Some(Sealed::Ready(_)) => {
                if let Some(Sealed::Ready(batch)) = queue.sealed.pop_front() {
                    self.count_backlog(&queue);
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
            let open = queue.open.take();
            drop(queue);
            if let Some(open) = open {
                shared.quota.release(open.credit.bytes, open.credit.messages);
            }
            return Taken::Nothing;
        }
        let (sealed, credit) = seal(self, shared, &mut queue);
        let SealedNow::ToCompress(job) = sealed else {
            let first = queue.sealed.pop_front();
            self.count_backlog(&queue);
            drop(queue);
            shared.quota.release(credit.bytes, credit.messages);
            return match first {
                Some(Sealed::Ready(batch)) => Taken::Batch(batch),
                _ => Taken::Nothing,
            };
        };
        drop(queue);
        shared.quota.release(credit.bytes, credit.messages);
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
                self.count_backlog(&queue);
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
            self.count_backlog(&queue);
        }
        if queue.sealed.is_empty()
            && queue.open.as_ref().is_some_and(|open| open.debt.created <= created_before)
            && let Some(OpenBatch { builder, credit, mut debt }) = queue.open.take()
        {
            let (buffer, meta) = builder.finish();
            if shared.settings.reports && meta.count > 0 {
                // It is reported with its records, as it would be had it been sealed.
                let header = BatchHeader::for_batch(&meta, Attributes::default());
                let payload = Bytes::from_owner(Pooled { buffer, shared: Arc::downgrade(shared) });
                debt.report = Some(ReportBytes { header, payload });
            } else {
                shared.recycle(buffer);
            }
            old.push(debt);
            drop(queue);
            shared.quota.release(credit.bytes, credit.messages);
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

/// What became of the open batch.
#[must_use]
#[allow(clippy::large_enum_variant, reason = "it is moved once, to where the lock is free")]
pub(super) enum SealedNow {
    /// There was none.
    Nothing,
    /// It is ready to go.
    Ready,
    /// Its place in the line is kept until this is done.
    ToCompress(CompressJob),
}

/// Closes the open batch. The quota that it did not use is the caller's, to be given back once the queue's lock is free.
pub(super) fn seal(partition: &Arc<Partition>, shared: &Arc<Shared>, queue: &mut Queue) -> (SealedNow, Credit) {
    let Some(OpenBatch { builder, credit, mut debt }) = queue.open.take() else {
        return (SealedNow::Nothing, Credit::default());
    };
    let (buffer, meta) = builder.finish();
    let header = BatchHeader::for_batch(&meta, Attributes::default());
    queue.sealed_bytes += buffer.len() as u64;
    let payload = Bytes::from_owner(Pooled { buffer, shared: Arc::downgrade(shared) });
    if shared.settings.reports {
        debt.report = Some(ReportBytes { header, payload: payload.clone() });
    }
    let (created, serial) = (debt.created, debt.serial);
    let batch = ProducerBatch { header, payload, attempts: 0, in_doubt: false, debt: Some(debt), created, serial };
    let compressed = shared.settings.compression != ottla_protocol::compression::Compression::None;
    let (place, batch) = if compressed { (Sealed::Compressing(serial), Some(batch)) } else { (Sealed::Ready(batch), None) };
    queue.sealed.push_back(place);
    partition.count_backlog(queue);
    let job = batch.map(|batch| CompressJob { partition: partition.clone(), batch: Some(batch) });
    (job.map_or(SealedNow::Ready, SealedNow::ToCompress), credit)
}
