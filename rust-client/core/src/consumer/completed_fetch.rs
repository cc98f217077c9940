//! What was fetched of a partition, on its way from bytes to batches.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::messages::fetch::AbortedTransaction;
use ottla_protocol::record::{ControlKey, ControlType, DecodedBatch, RawBatch};
use ottla_protocol::{DecodeError, Text};

use super::fetched_batch::{FetchedBatch, next_offset};
use super::position::Position;
use super::prefetch::{BufferPool, Held, PrefetchQuota};
use super::subscription_state::TopicPartition;
use crate::offload::{OFFLOAD_FROM, Offload};

/// After how many inflated bytes [`CompletedFetch::decode`] pauses, so that the application gets its first batches early and the
/// driver's thread gets to other work. Uncompressed batches, which are only checked and copied, are given away from here on.
const DECODE_SLICE: usize = 512 * 1024;

/// How batches are decoded.
#[derive(Clone)]
pub(super) struct DecodeSettings {
    pub(super) check_crcs: bool,
    pub(super) inflate_limit: usize,
    pub(super) quota: Arc<PrefetchQuota>,
    pub(super) pool: Arc<BufferPool>,
}

/// The batches of one partition in one response, not yet checked or inflated.
pub struct CompletedFetch {
    pub(super) key: TopicPartition,
    pub(super) broker: i32,
    pub(super) generation: u64,
    pub(super) position: Arc<Position>,
    /// The offset that was asked for: what the first batch holds before it is not the application's.
    pub(super) from: i64,
    pub(super) batches: VecDeque<RawBatch>,
    pub(super) aborted: Option<AbortedTransactions>,
    pub(super) settings: DecodeSettings,
    pub(super) held: Held,
}

/// The transactions that a read_committed fetch has to leave out.
pub(super) struct AbortedTransactions {
    /// By their first offset: those that no batch has reached yet.
    ahead: BTreeMap<i64, BTreeSet<i64>>,
    open: BTreeSet<i64>,
}

impl AbortedTransactions {
    pub(super) fn new(aborted: Vec<AbortedTransaction>) -> Self {
        let mut ahead: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        for transaction in aborted {
            ahead.entry(transaction.first_offset).or_default().insert(transaction.producer_id);
        }
        Self { ahead, open: BTreeSet::new() }
    }

    fn reach(&mut self, last_offset: i64) {
        while let Some(entry) = self.ahead.first_entry().filter(|entry| *entry.key() <= last_offset) {
            self.open.append(&mut entry.remove());
        }
    }
}

/// What [`CompletedFetch::decode`] made.
pub struct Decoded {
    pub(super) key: TopicPartition,
    pub(super) generation: u64,
    pub(super) entries: Vec<DecodedEntry>,
    /// The offset of the batch that can't be read, that behind it, and why. What stands behind it is dropped.
    pub(super) error: Option<(i64, i64, DecodeError)>,
    pub(super) rest: Option<CompletedFetch>,
    /// The work was dropped unrun: from which offset on to fetch again.
    pub(super) lost: Option<i64>,
}

/// A slice of decoding that another thread does. Dropped unrun, it says so.
struct DecodeJob<F: FnOnce(Decoded)> {
    lost: Option<Decoded>,
    done: Option<F>,
}

impl<F: FnOnce(Decoded)> DecodeJob<F> {
    fn run(mut self, fetch: CompletedFetch) {
        let decoded = fetch.decode();
        self.lost = None;
        if let Some(done) = self.done.take() {
            done(decoded);
        }
    }
}

impl<F: FnOnce(Decoded)> Drop for DecodeJob<F> {
    fn drop(&mut self) {
        if let Some((lost, done)) = self.lost.take().zip(self.done.take()) {
            done(lost);
        }
    }
}

pub(super) enum DecodedEntry {
    Batch(FetchedBatch),
    /// Nothing for the application, but the position moves over it.
    Skipped {
        next_offset: i64,
        leader_epoch: i32,
        weight: usize,
    },
}

/// How much of `queued.min.messages` a batch takes.
pub(super) fn weight(batch: &RawBatch) -> usize {
    usize::try_from(batch.header.records_count).unwrap_or_default().max(1)
}

impl CompletedFetch {
    /// Whether [`Self::decode`] would keep its thread from other work for long.
    #[must_use]
    pub fn takes_long(&self) -> bool {
        let (mut compressed, mut whole) = (0_usize, 0_usize);
        for batch in &self.batches {
            let len = batch.bytes.len();
            compressed = compressed.saturating_add(if is_compressed(batch) { len } else { 0 });
            whole = whole.saturating_add(len);
            if compressed >= OFFLOAD_FROM || len >= DECODE_SLICE {
                return true;
            }
            if whole >= DECODE_SLICE {
                return false;
            }
        }
        false
    }

    /// [`Self::decode`] somewhere else. `done` is called once, there, also if the work is dropped unrun.
    pub fn decode_elsewhere(self, offload: &dyn Offload, done: impl FnOnce(Decoded) + Send + 'static) {
        let at = self.batches.front().map_or(self.from, |first| self.from.max(first.header.base_offset));
        let (key, generation) = (self.key.clone(), self.generation);
        let lost = Decoded { key, generation, entries: Vec::new(), error: None, rest: None, lost: Some(at) };
        let job = DecodeJob { lost: Some(lost), done: Some(done) };
        offload.run(Box::new(move || job.run(self)));
    }

    /// Checks and inflates batches, up to a slice of them; the rest goes back to the fetcher with the result. Takes its time: call
    /// it without holding the fetcher.
    #[must_use]
    pub fn decode(mut self) -> Decoded {
        let mut entries = Vec::new();
        let (mut bytes, mut error) = (0_usize, None);
        while let Some(raw) = self.batches.pop_front() {
            let at = self.from.max(raw.header.base_offset);
            match self.decode_batch(&raw) {
                Ok(entry) => {
                    if let DecodedEntry::Batch(batch) = &entry {
                        bytes = bytes.saturating_add(batch.inflated_len());
                    }
                    entries.push(entry);
                }
                Err(reason) => {
                    error = Some((at, next_offset(&raw.header), reason));
                    self.batches.clear();
                }
            }
            self.held.release(raw.bytes.len());
            if bytes >= DECODE_SLICE {
                break;
            }
        }
        let (key, generation) = (self.key.clone(), self.generation);
        let rest = (!self.batches.is_empty()).then_some(self);
        Decoded { key, generation, entries, error, rest, lost: None }
    }

    fn decode_batch(&mut self, raw: &RawBatch) -> Result<DecodedEntry, DecodeError> {
        let header = &raw.header;
        let skipped = DecodedEntry::Skipped {
            next_offset: next_offset(header),
            leader_epoch: header.partition_leader_epoch,
            weight: weight(raw),
        };
        let is_control = header.attributes.is_control();
        if let Some(aborted) = &mut self.aborted
            && header.producer_id >= 0
        {
            aborted.reach(next_offset(header) - 1);
            if !is_control && header.attributes.is_transactional() && aborted.open.contains(&header.producer_id) {
                return Ok(skipped);
            }
        }
        let settings = &self.settings;
        let buffer = settings.pool.take();
        if is_control {
            let control = raw.decode(settings.check_crcs, settings.inflate_limit, buffer)?;
            if let Some(aborted) = &mut self.aborted
                && is_abort(&control)?
            {
                aborted.open.remove(&header.producer_id);
            }
            return Ok(skipped);
        }
        let batch = decode_into(raw, settings, buffer)?;
        if next_offset(&batch.header) <= self.from {
            return Ok(skipped);
        }
        let held = settings.quota.hold(batch.payload.len());
        let TopicPartition { topic, partition } = &self.key;
        let (topic, position, pool): (Text, _, _) = (topic.clone(), self.position.clone(), settings.pool.clone());
        let (from, broker) = (self.from, self.broker);
        Ok(DecodedEntry::Batch(FetchedBatch::new(topic, *partition, position, batch, from, pool, held, weight(raw), broker)))
    }
}

/// Decodes into a buffer that belongs to the batch alone, so that a batch which the application holds does not keep the whole
/// response alive.
fn decode_into(raw: &RawBatch, settings: &DecodeSettings, buffer: Vec<u8>) -> Result<DecodedBatch, DecodeError> {
    if is_compressed(raw) {
        return raw.decode(settings.check_crcs, settings.inflate_limit, buffer);
    }
    let mut batch = raw.decode(settings.check_crcs, settings.inflate_limit, Vec::new())?;
    let mut own = buffer;
    own.extend_from_slice(&batch.payload);
    batch.payload = Bytes::from(own);
    Ok(batch)
}

/// Whether it has to be inflated, or converted from an older format.
fn is_compressed(raw: &RawBatch) -> bool {
    raw.header.magic < 2 || raw.header.attributes.0 & COMPRESSION_MASK != 0
}

/// The bits of a batch's attributes that name its codec.
const COMPRESSION_MASK: i16 = 0b111;

fn is_abort(control: &DecodedBatch) -> Result<bool, DecodeError> {
    let Some(record) = control.records().next().transpose()? else { return Ok(false) };
    Ok(record.key.map(ControlKey::parse).transpose()?.is_some_and(|key| key.kind == ControlType::Abort))
}
