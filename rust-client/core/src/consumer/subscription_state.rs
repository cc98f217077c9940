//! The assigned partitions, where each stands, and what it waits for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ottla_protocol::{Text, Uuid};

use super::completed_fetch::DecodedEntry;
use super::fetched_batch::FetchedBatch;
use super::position::Position;
use super::{ResetPolicy, StartAt};
use crate::error::Error;
use crate::time::Instant;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Text,
    /// The partition.
    pub partition: i32,
}

impl TopicPartition {
    /// A partition of a topic.
    #[must_use]
    pub fn new(topic: impl Into<Text>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

/// What a partition's log holds, as the last fetch told; `None` before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset that is still there.
    pub log_start_offset: Option<i64>,
    /// The offset behind the last record that all in-sync replicas have.
    pub high_watermark: Option<i64>,
    /// The offset before which no transaction is open.
    pub last_stable_offset: Option<i64>,
}

/// In place of a timestamp: so long before the moment at which the leader is asked as `auto.offset.reset` says.
pub(super) const BY_DURATION: i64 = i64::MIN;

/// What a partition waits for before records can be fetched, or that nothing is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchState {
    /// An offset: that of the first record at or after a timestamp, or one of its special values.
    AwaitReset { timestamp: i64 },
    /// The leader changed: whether the log still is what was read (KIP-320).
    AwaitValidation,
    /// Nothing.
    Fetching,
    /// The offset at which its group stands.
    AwaitCommitted,
    /// A seek by the application, which was told why.
    AwaitSeek,
}

/// What waits for the application, in the partition's order.
pub(super) enum Entry {
    Batch(FetchedBatch),
    /// The position moves over offsets without records.
    Skipped {
        from: i64,
        next_offset: i64,
        leader_epoch: i32,
    },
    Error(Error),
}

/// One assigned partition.
pub(super) struct Partition {
    pub(super) position: Arc<Position>,
    /// Changes with each assignment, seek, reset or step back, so that an answer to what was asked before is known as such.
    pub(super) generation: u64,
    pub(super) state: FetchState,
    /// A ListOffsets or OffsetForLeaderEpoch is under way.
    pub(super) querying: bool,
    /// A fetch is under way.
    pub(super) fetching: bool,
    /// A slice of what was fetched is being decoded. One at a time, so that the order holds.
    pub(super) decoding: bool,
    /// What is fetched next. Ahead of the position by what is prefetched.
    pub(super) fetch_offset: i64,
    /// The leader's epoch of the record before it, -1 if unknown.
    pub(super) fetch_epoch: i32,
    /// The offset behind what the application has taken: where the position stands once that is consumed.
    pub(super) taken_to: i64,
    /// The leader's epoch of the record before that, -1 if unknown.
    pub(super) taken_epoch: i32,
    /// The leader's epoch up to which the log is known to be what was read.
    pub(super) validated_epoch: i32,
    /// The replica to read from instead of the leader, and until when (KIP-392).
    pub(super) preferred: Option<(i32, Instant)>,
    /// The topic's id when its partition was last looked at.
    pub(super) topic_id: Uuid,
    pub(super) paused: bool,
    pub(super) retry_at: Instant,
    pub(super) attempts: u32,
    /// Since when it does not go on, and when the application was told last.
    pub(super) trouble: Option<(Instant, Option<Instant>)>,
    pub(super) watermarks: Watermarks,
    /// The end that the application was told of last, -1 for none.
    pub(super) told_end: i64,
    pub(super) entries: VecDeque<Entry>,
    /// How many records were fetched and not taken.
    pub(super) buffered: usize,
    /// Whether it stands in the queue of those with entries.
    pub(super) queued: bool,
    /// Whether it was left out of a fetch since enough is buffered.
    pub(super) left_out: bool,
    /// When it last got records, counted in responses: who waits longest comes first in a request.
    pub(super) served: u64,
}

impl Partition {
    pub(super) fn new(generation: u64) -> Self {
        Self {
            position: Position::new(-1, -1),
            generation,
            state: FetchState::AwaitSeek,
            querying: false,
            fetching: false,
            decoding: false,
            fetch_offset: -1,
            fetch_epoch: -1,
            taken_to: -1,
            taken_epoch: -1,
            validated_epoch: -1,
            preferred: None,
            topic_id: Uuid::ZERO,
            paused: false,
            retry_at: Instant::default(),
            attempts: 0,
            trouble: None,
            watermarks: Watermarks::default(),
            told_end: -1,
            entries: VecDeque::new(),
            buffered: 0,
            queued: false,
            left_out: false,
            served: 0,
        }
    }

    /// Begins a new stretch. What was fetched before, or is being handed out, is not handed out any more.
    pub(super) fn start(&mut self, at: StartAt, policy: ResetPolicy, generation: u64) {
        self.position.invalidate();
        self.restart(generation);
        self.attempts = 0;
        self.trouble = None;
        self.retry_at = Instant::default();
        match at {
            StartAt::Offset(offset) => self.move_to(offset.max(0), -1),
            StartAt::OffsetAndEpoch { offset, leader_epoch } => {
                self.move_to(offset.max(0), leader_epoch.max(-1));
                if leader_epoch >= 0 {
                    self.state = FetchState::AwaitValidation;
                }
            }
            StartAt::Beginning => self.await_reset(super::EARLIEST_TIMESTAMP),
            StartAt::End => self.await_reset(super::LATEST_TIMESTAMP),
            StartAt::Timestamp(timestamp) => self.await_reset(timestamp.max(0)),
            StartAt::Default => self.reset(policy),
        }
        if !matches!(self.state, FetchState::Fetching | FetchState::AwaitValidation) {
            self.position = Position::new(-1, -1);
        }
    }

    /// Forgets what is under way and what is buffered.
    pub(super) fn restart(&mut self, generation: u64) {
        self.generation = generation;
        self.querying = false;
        self.fetching = false;
        self.decoding = false;
        self.told_end = -1;
        self.entries.clear();
        self.buffered = 0;
        self.left_out = false;
    }

    /// Fetches from here on, with a position of its own.
    pub(super) fn move_to(&mut self, offset: i64, leader_epoch: i32) {
        self.position = Position::new(offset, leader_epoch);
        self.fetch_offset = offset;
        self.fetch_epoch = leader_epoch;
        self.taken_to = offset;
        self.taken_epoch = leader_epoch;
        self.state = FetchState::Fetching;
    }

    pub(super) fn await_reset(&mut self, timestamp: i64) {
        self.state = FetchState::AwaitReset { timestamp };
    }

    /// Does as `auto.offset.reset` says.
    pub(super) fn reset(&mut self, policy: ResetPolicy) {
        match policy {
            ResetPolicy::Earliest => self.await_reset(super::EARLIEST_TIMESTAMP),
            ResetPolicy::Latest => self.await_reset(super::LATEST_TIMESTAMP),
            ResetPolicy::ByDuration(_) => self.await_reset(BY_DURATION),
            ResetPolicy::None => self.state = FetchState::AwaitSeek,
        }
    }

    /// The leader's epoch of the last record before `offset`, which is behind all entries; -1 if unknown.
    pub(super) fn epoch_before(&self, offset: i64) -> i32 {
        match self.entries.back() {
            Some(Entry::Batch(batch)) if batch.next_offset() == offset => batch.leader_epoch(),
            Some(Entry::Skipped { next_offset, leader_epoch, .. }) if *next_offset == offset => *leader_epoch,
            None if self.taken_to == offset => self.taken_epoch,
            _ => -1,
        }
    }

    /// Whether the last thing that waits for the application is an error: it hears of it before there is another attempt.
    pub(super) fn ends_in_error(&self) -> bool {
        matches!(self.entries.back(), Some(Entry::Error(_)))
    }

    pub(super) fn push(&mut self, entry: DecodedEntry) {
        match entry {
            DecodedEntry::Batch(batch) => self.entries.push_back(Entry::Batch(batch)),
            DecodedEntry::Skipped { next_offset, leader_epoch, weight } => {
                self.buffered = self.buffered.saturating_sub(weight);
                self.skip(next_offset, leader_epoch);
            }
        }
    }

    /// The position will move over these offsets together with what stands before them.
    fn skip(&mut self, next: i64, epoch: i32) {
        match self.entries.back_mut() {
            Some(Entry::Batch(batch)) => {
                batch.handed().next_offset.store(next, std::sync::atomic::Ordering::Release);
            }
            Some(Entry::Skipped { next_offset, leader_epoch, .. }) => {
                *next_offset = next;
                *leader_epoch = epoch;
            }
            _ => {
                let from = self.taken_to;
                self.entries.push_back(Entry::Skipped { from, next_offset: next, leader_epoch: epoch });
            }
        }
    }

    /// Everything went well: a later failure begins anew.
    pub(super) fn on_success(&mut self) {
        self.attempts = 0;
        self.trouble = None;
    }
}

/// All assigned partitions.
#[derive(Default)]
pub(super) struct SubscriptionState {
    pub(super) partitions: BTreeMap<TopicPartition, Partition>,
    generation: u64,
}

impl SubscriptionState {
    pub(super) fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    /// The partition, if the answer is to what was asked last.
    pub(super) fn current(&mut self, key: &TopicPartition, generation: u64) -> Option<&mut Partition> {
        self.partitions.get_mut(key).filter(|partition| partition.generation == generation)
    }
}
