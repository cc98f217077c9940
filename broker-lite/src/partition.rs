//! One partition: its log, its leader epoch, and who waits for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla_protocol::ErrorCode;

use crate::config::TopicConfig;
use crate::log::{Appended, CheckedBatch, Log, Refusal};
use crate::purgatory::{DelayedFetch, Watchers};
use crate::storage::Storage;

/// A partition that this broker leads.
pub(crate) struct Partition {
    state: Mutex<PartitionState>,
}

/// What lies under the partition's lock.
pub(crate) struct PartitionState {
    pub(crate) log: Log,
    leader_epoch: i32,
    /// The topic was deleted while a request held on to the partition.
    deleted: bool,
    watchers: Watchers,
}

impl Partition {
    pub(crate) fn new(topic: Arc<str>, partition: i32, storage: Arc<dyn Storage>) -> Self {
        let mut log = Log::new(topic, partition, storage);
        log.assign_epoch(0);
        Self { state: Mutex::new(PartitionState { log, leader_epoch: 0, deleted: false, watchers: Watchers::default() }) }
    }

    /// The lock is held for one step at a time and never across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, PartitionState> {
        // Nothing panics under the lock; if it did, the log would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartitionState {
    pub(crate) fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// Appends a batch and wakes who waited for it.
    pub(crate) fn append(&mut self, batch: CheckedBatch, config: &TopicConfig, now_ms: i64) -> Result<Appended, Refusal> {
        if self.deleted {
            let code = ErrorCode::UnknownTopicOrPartition;
            return Err(Refusal::new(code, code.message()));
        }
        let appended = self.log.append(batch, config, self.leader_epoch, now_ms)?;
        if appended.size > 0 {
            self.watchers.appended(appended.size);
        }
        Ok(appended)
    }

    /// Holds the leader epoch that a client knows (-1: none) against ours.
    pub(crate) fn check_epoch(&self, known: i32) -> Result<(), ErrorCode> {
        match known {
            _ if self.deleted => Err(ErrorCode::UnknownTopicOrPartition),
            known if known < 0 || known == self.leader_epoch => Ok(()),
            known if known < self.leader_epoch => Err(ErrorCode::FencedLeaderEpoch),
            _ => Err(ErrorCode::UnknownLeaderEpoch),
        }
    }

    /// Registers a fetch that saw the log end at `seen_end` and found too little. False if something came in between.
    pub(crate) fn watch(&mut self, fetch: &Arc<DelayedFetch>, seen_end: i64) -> bool {
        if self.deleted || self.log.log_end_offset() != seen_end {
            return false;
        }
        self.watchers.watch(fetch);
        true
    }

    /// The same leader takes over anew.
    pub(crate) fn bump_leader_epoch(&mut self) -> i32 {
        self.leader_epoch = self.leader_epoch.saturating_add(1);
        self.log.assign_epoch(self.leader_epoch);
        self.watchers.changed();
        self.leader_epoch
    }

    /// The topic is being deleted.
    pub(crate) fn delete(&mut self) {
        self.deleted = true;
        self.watchers.changed();
    }
}
