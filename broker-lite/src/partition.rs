//! One partition: its log, its replicas, its leader, and who waits for it.
//!
//! There is one log, the leader's. Of each replica only the end offset is kept, since below it all replicas are the same: a follower
//! has the leader's batches up to its end offset and no others. When a follower with a lower end offset becomes the leader, the log is
//! truncated there. The high watermark is the lowest end offset of the in-sync replicas, so what lies below it is on each of them
//! and outlives every election from among them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla_protocol::ErrorCode;

use crate::config::TopicConfig;
use crate::log::{Appended, CheckedBatch, Log, Refusal};
use crate::purgatory::{DelayedFetch, Watchers};
use crate::storage::Storage;

/// Stands for the leader of a partition that has none.
pub(crate) const NO_LEADER: i32 = -1;

/// A partition.
pub(crate) struct Partition {
    state: Mutex<PartitionState>,
}

/// A copy of the partition on one broker.
#[derive(Clone, Debug)]
struct Replica {
    node: i32,
    log_end_offset: i64,
    /// As far as the broker has heard of it.
    high_watermark: i64,
    in_sync: bool,
    /// The broker is neither stopped nor isolated.
    alive: bool,
}

/// What clients are told of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartitionView {
    pub(crate) leader: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) replicas: Vec<i32>,
    pub(crate) isr: Vec<i32>,
    pub(crate) offline: Vec<i32>,
}

impl PartitionView {
    /// The error that Metadata gives for the partition.
    pub(crate) fn error(&self) -> ErrorCode {
        if self.leader == NO_LEADER { ErrorCode::LeaderNotAvailable } else { ErrorCode::None }
    }
}

/// What lies under the partition's lock.
pub(crate) struct PartitionState {
    pub(crate) log: Log,
    leader: i32,
    leader_epoch: i32,
    /// In the order of the assignment, in which leaders are looked for.
    replicas: Vec<Replica>,
    high_watermark: i64,
    /// Bytes above the high watermark.
    uncommitted: usize,
    /// unclean.leader.election.enable
    unclean_election: bool,
    /// The topic was deleted while a request held on to the partition.
    deleted: bool,
    watchers: Watchers,
}

/// What a partition is made from.
pub(crate) struct PartitionSetup<'a> {
    pub(crate) topic: Arc<str>,
    pub(crate) index: i32,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) config: &'a TopicConfig,
    /// Brokers, and whether they are alive.
    pub(crate) assignment: Vec<(i32, bool)>,
}

impl Partition {
    pub(crate) fn new(setup: PartitionSetup<'_>) -> Self {
        let mut log = Log::new(setup.topic, setup.index, setup.storage);
        log.assign_epoch(0);
        let replica = |(node, alive): (i32, bool)| Replica { node, log_end_offset: 0, high_watermark: 0, in_sync: alive, alive };
        let mut replicas: Vec<Replica> = setup.assignment.into_iter().map(replica).collect();
        let leader = replicas.iter().find(|replica| replica.alive).map_or(NO_LEADER, |replica| replica.node);
        if leader == NO_LEADER {
            // Somebody has to be able to lead once it is there.
            replicas.iter_mut().take(1).for_each(|replica| replica.in_sync = true);
        }
        Self {
            state: Mutex::new(PartitionState {
                log,
                leader,
                leader_epoch: 0,
                replicas,
                high_watermark: 0,
                uncommitted: 0,
                unclean_election: setup.config.unclean_leader_election,
                deleted: false,
                watchers: Watchers::default(),
            }),
        }
    }

    /// The lock is held for one step at a time and never across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, PartitionState> {
        // Nothing panics under the lock; if it did, the log would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A batch's way to the followers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replication {
    /// The producer waits for all in-sync replicas (acks=all).
    pub(crate) all_in_sync: bool,
    /// Followers copy only what a producer waits for.
    pub(crate) held: bool,
}

impl PartitionState {
    pub(crate) fn leader(&self) -> i32 {
        self.leader
    }

    pub(crate) fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    pub(crate) fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    pub(crate) fn view(&self) -> PartitionView {
        let nodes = |wanted: fn(&Replica) -> bool| self.replicas.iter().filter(|it| wanted(it)).map(|it| it.node).collect();
        PartitionView {
            leader: self.leader,
            leader_epoch: self.leader_epoch,
            replicas: nodes(|_| true),
            isr: nodes(|replica| replica.in_sync),
            offline: nodes(|replica| !replica.alive),
        }
    }

    /// The end offset of each replica, in the order of the assignment.
    pub(crate) fn replica_end_offsets(&self) -> Vec<(i32, i64)> {
        self.replicas.iter().map(|replica| (replica.node, replica.log_end_offset)).collect()
    }

    /// Appends a batch at the leader, and wakes who waited for what became visible.
    pub(crate) fn append(
        &mut self,
        node: i32,
        batch: CheckedBatch,
        config: &TopicConfig,
        replication: Replication,
        now_ms: i64,
    ) -> Result<Appended, Refusal> {
        let refuse = |code: ErrorCode| Refusal::new(code, code.message());
        self.check_leader(node, -1).map_err(refuse)?;
        let in_sync = self.replicas.iter().filter(|replica| replica.in_sync).count();
        if replication.all_in_sync && i64::try_from(in_sync).unwrap_or(i64::MAX) < config.min_insync_replicas {
            return Err(Refusal::new(
                ErrorCode::NotEnoughReplicas,
                format!(
                    "The size of the current ISR is {in_sync}, which is less than the min.isr requirement of {}",
                    config.min_insync_replicas
                ),
            ));
        }
        let appended = self.log.append(batch, config, self.leader_epoch, now_ms)?;
        self.uncommitted += appended.size;
        self.note_leaders_end();
        if !replication.held {
            self.replicate();
        } else {
            if replication.all_in_sync {
                self.copy_to(|replica| replica.in_sync);
            }
            self.advance_high_watermark();
        }
        Ok(appended)
    }

    fn note_leaders_end(&mut self) {
        let (leader, end) = (self.leader, self.log.log_end_offset());
        if let Some(replica) = self.replicas.iter_mut().find(|replica| replica.node == leader) {
            replica.log_end_offset = end;
        }
    }

    /// All followers that are there catch up, and are in sync.
    pub(crate) fn replicate(&mut self) {
        if self.leader == NO_LEADER {
            return;
        }
        self.copy_to(|_| true);
        for replica in self.replicas.iter_mut().filter(|replica| replica.alive) {
            replica.in_sync = true;
        }
        self.advance_high_watermark();
    }

    fn copy_to(&mut self, wanted: fn(&Replica) -> bool) {
        let end = self.log.log_end_offset();
        for replica in self.replicas.iter_mut().filter(|replica| replica.alive && wanted(replica)) {
            replica.log_end_offset = end;
        }
    }

    /// In-sync followers that lag leave the ISR, as they do after replica.lag.time.max.ms.
    pub(crate) fn shrink_isr(&mut self) {
        if self.leader == NO_LEADER {
            return;
        }
        let end = self.log.log_end_offset();
        for replica in &mut self.replicas {
            replica.in_sync &= replica.log_end_offset == end;
        }
        self.advance_high_watermark();
    }

    fn advance_high_watermark(&mut self) {
        let in_sync = self.replicas.iter().filter(|replica| replica.in_sync);
        let lowest = in_sync.map(|replica| replica.log_end_offset).min().unwrap_or(self.high_watermark);
        let before = self.high_watermark;
        self.high_watermark = lowest.max(before).min(self.log.log_end_offset());
        let (high_watermark, leader) = (self.high_watermark, self.leader);
        let mut followers_heard = false;
        for replica in self.replicas.iter_mut().filter(|replica| replica.alive) {
            // A follower hears of the high watermark with what it copies.
            if replica.node == leader || replica.log_end_offset >= high_watermark {
                followers_heard |= replica.node != leader && replica.high_watermark != high_watermark;
                replica.high_watermark = high_watermark;
            }
        }
        if self.high_watermark == self.log.log_end_offset() {
            let committed = std::mem::take(&mut self.uncommitted);
            if committed > 0 {
                self.watchers.appended(committed);
                return;
            }
        }
        if self.high_watermark != before || followers_heard {
            self.watchers.changed();
        }
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

    /// Whether this broker leads the partition, in the epoch that the client knows.
    pub(crate) fn check_leader(&self, node: i32, known_epoch: i32) -> Result<(), ErrorCode> {
        self.check_replica(node, known_epoch)?;
        if self.leader == node { Ok(()) } else { Err(ErrorCode::NotLeaderOrFollower) }
    }

    /// Whether this broker has the partition, in the epoch that the client knows: up to which offset a consumer may read there, and
    /// where its copy ends.
    pub(crate) fn check_replica(&self, node: i32, known_epoch: i32) -> Result<(i64, i64), ErrorCode> {
        let replica = self.replicas.iter().find(|replica| replica.node == node && replica.alive);
        if self.deleted {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        let replica = replica.ok_or(ErrorCode::NotLeaderOrFollower)?;
        self.check_epoch(known_epoch)?;
        Ok((replica.high_watermark, replica.log_end_offset))
    }

    /// The broker that a consumer of the leader had better read from, by Kafka's RackAwareReplicaSelector (KIP-392): of the in-sync
    /// replicas in its rack that have the offset the leader, or else the one that has most. `in_rack` tells for a broker.
    pub(crate) fn preferred_read_replica(&self, fetch_offset: i64, in_rack: impl Fn(i32) -> bool) -> Option<i32> {
        let has_it = |replica: &&Replica| {
            let usable = replica.alive && replica.in_sync && replica.log_end_offset >= fetch_offset;
            usable && fetch_offset >= self.log.log_start_offset() && in_rack(replica.node)
        };
        // Of equals the first one.
        let rank = |replica: &&Replica| (replica.node == self.leader, replica.log_end_offset);
        let best = self.replicas.iter().rev().filter(has_it).max_by_key(rank)?;
        (best.node != self.leader).then_some(best.node)
    }

    /// Registers a fetch at a broker that saw this visible end there and found too little. False if something came in between.
    pub(crate) fn watch(&mut self, fetch: &Arc<DelayedFetch>, node: i32, seen_end: i64) -> bool {
        if !self.check_replica(node, -1).is_ok_and(|(visible_end, _)| visible_end == seen_end) {
            return false;
        }
        self.watchers.watch(fetch);
        true
    }

    /// A broker came or went. Tells whether that changed what clients see.
    pub(crate) fn set_alive(&mut self, node: i32, alive: bool, held: bool) -> Result<bool, Refusal> {
        let Some(replica) = self.replicas.iter_mut().find(|replica| replica.node == node && replica.alive != alive) else {
            return Ok(false);
        };
        replica.alive = alive;
        if !alive {
            // The last one stays in the ISR: only it has everything.
            if self.replicas.iter().any(|replica| replica.in_sync && replica.node != node) {
                self.replicas.iter_mut().filter(|replica| replica.node == node).for_each(|replica| replica.in_sync = false);
            }
            if self.leader == node {
                self.elect(None, held)?;
            }
        } else if self.leader == NO_LEADER {
            self.elect(None, held)?;
        } else if !held {
            self.replicate();
        }
        self.advance_high_watermark();
        self.watchers.changed();
        Ok(true)
    }

    /// Makes this broker the leader, or has it take over anew.
    pub(crate) fn move_leader(&mut self, node: i32, held: bool) -> Result<(), Refusal> {
        if !self.replicas.iter().any(|replica| replica.node == node) {
            let message = format!("broker {node} has no replica of the partition");
            return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        self.elect(Some(node), held)
    }

    /// The first in-sync replica that is there takes over, or the wanted one; with unclean.leader.election.enable another one if there
    /// is none. What the new leader does not have is truncated.
    fn elect(&mut self, wanted: Option<i32>, held: bool) -> Result<(), Refusal> {
        let may = |replica: &&Replica| replica.alive && wanted.is_none_or(|node| node == replica.node);
        let clean = self.replicas.iter().filter(may).find(|replica| replica.in_sync);
        let found = match clean {
            None if self.unclean_election => self.replicas.iter().find(may),
            clean => clean,
        };
        let Some(elected) = found.cloned() else {
            if let Some(node) = wanted {
                let message = format!("broker {node} is not an in-sync replica of the partition that is there");
                return Err(Refusal::new(ErrorCode::EligibleLeadersNotAvailable, message));
            }
            self.leader = NO_LEADER;
            self.leader_epoch = self.leader_epoch.saturating_add(1);
            self.watchers.changed();
            return Ok(());
        };
        let end = elected.log_end_offset.max(self.log.log_start_offset());
        self.log.truncate_to(end)?;
        self.leader = elected.node;
        self.leader_epoch = self.leader_epoch.saturating_add(1);
        self.log.assign_epoch(self.leader_epoch);
        self.high_watermark = self.high_watermark.min(end);
        for replica in &mut self.replicas {
            replica.log_end_offset = replica.log_end_offset.min(end);
            replica.high_watermark = replica.high_watermark.min(end);
            // After an unclean election nobody else can be relied on.
            replica.in_sync = if elected.in_sync { replica.in_sync } else { replica.node == elected.node };
        }
        self.note_leaders_end();
        if self.high_watermark == end {
            self.uncommitted = 0;
        }
        if held {
            self.advance_high_watermark()
        } else {
            self.replicate()
        }
        self.watchers.changed();
        Ok(())
    }

    /// The topic is being deleted.
    pub(crate) fn delete(&mut self) {
        self.deleted = true;
        self.watchers.changed();
    }
}
