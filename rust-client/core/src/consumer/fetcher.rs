//! Decides what to ask which broker for, takes in the answers, and hands batches to the application.

mod answers;
mod decoding;
mod errors;
mod queries;
mod requests;
mod taking;

use errors::{made_anew, unavailable};

use crate::mutants::{self, Mutant};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, PartitionData};
use ottla_protocol::messages::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsResponse};
use ottla_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use ottla_protocol::record::{RawBatch, split_batches};
use ottla_protocol::{DecodeError, ErrorCode, Text, Uuid};

use super::completed_fetch::{AbortedTransactions, CompletedFetch, DecodeSettings, Decoded, DecodedEntry, weight};
use super::fetch_session::{FetchSession, Wish};
use super::fetched_batch::{FetchedBatch, Handed, next_offset};
use super::metrics::{ConsumerSnapshot, Counters};
use super::position::Position;
use super::prefetch::{BufferPool, PrefetchQuota};
use super::subscription_state::{BY_DURATION, Entry, FetchState, Partition, SubscriptionState, TopicPartition, Watermarks};
use super::{ConsumerCommand, ConsumerSettings, IsolationLevel, LATEST_TIMESTAMP, ResetPolicy, StartAt, list_offsets_request};
use crate::error::{Error, ErrorKind};
use crate::metadata::{BrokerInfo, Cluster, LeaderHint, PartitionInfo, backoff};
use crate::random::Rng;
use crate::time::Instant;

/// How long a fetch may wait at the broker while a partition of that broker is left out of it, since enough of it is buffered: the
/// broker answers one request at a time, so that partition would wait behind it.
const LEFT_OUT_WAIT: Duration = Duration::from_millis(20);

/// How many partitions are decoded at a time, each up to a slice: together they bound what comes in beyond the prefetch.
const MAX_DECODING: usize = 4;

/// The longest that a consumer holds back because a broker throttles it: far beyond what a quota's window gives.
const MAX_THROTTLE: Duration = Duration::from_secs(300);

/// How often metadata are asked for again that tell of an older leader than a committed offset does. After that the topic is taken
/// for another one of the same name.
const OLDER_METADATA_ATTEMPTS: u32 = 8;

/// How many errors wait for an application that does not ask.
const MAX_ERRORS: usize = 1000;

/// A partition in a request, as it was when that was sent.
#[derive(Clone)]
struct Asked {
    key: TopicPartition,
    topic_id: Uuid,
    generation: u64,
    offset: i64,
    epoch: i32,
    leader: i32,
    leader_epoch: i32,
}

struct InFlight {
    broker: i32,
    sent: Instant,
    asked: Vec<Asked>,
}

#[derive(Default)]
struct BrokerState {
    /// The fetch that is under way. One at a time: the broker answers one request of a connection at a time.
    fetch: Option<u64>,
    session: FetchSession,
    not_before: Instant,
    /// The broker asked for a pause until then (KIP-219).
    throttled_until: Instant,
    attempts: u32,
    failing_since: Option<Instant>,
    reported: Option<Instant>,
    /// How often the application had taken something when a fetch last left a partition out.
    left_out_at: Option<u64>,
}

/// What [`Fetcher::poll`] found to do for one broker.
#[derive(Default)]
struct Plan {
    reset: Vec<(Asked, i64)>,
    validate: Vec<Asked>,
    fetch: Vec<(u64, Asked)>,
    left_out: bool,
}

/// A consumer's one state machine. See the module's page.
pub struct Fetcher {
    settings: ConsumerSettings,
    decode_settings: DecodeSettings,
    subscription: SubscriptionState,
    brokers: BTreeMap<i32, BrokerState>,
    in_flight: BTreeMap<u64, InFlight>,
    next_token: u64,
    responses: u64,
    /// Fetched, not decoded yet, in the order of the answers.
    completed: VecDeque<CompletedFetch>,
    /// How many slices are being decoded.
    decoding: usize,
    /// Partitions with something for the application; each gets its turn.
    ready: VecDeque<TopicPartition>,
    errors: VecDeque<Error>,
    /// The batch that was taken last: consumed when the next one is asked for.
    taken: Option<Arc<Handed>>,
    /// The application asked and got nothing. Then at least one batch comes in, whatever it holds.
    starving: bool,
    /// How often the application has taken something.
    takes: u64,
    /// Whether [`Self::poll`] would have something to do that no deadline tells.
    wake: bool,
    refresh: bool,
    /// The snapshot that was there when metadata was asked for last.
    refreshed: Option<u64>,
    /// Newer leaders that came with errors (KIP-951), for the driver to make known.
    hints: Vec<LeaderHint>,
    rng: Rng,
    /// Ms since the epoch, as the driver last said.
    wall_millis: i64,
    counters: Counters,
}

impl Fetcher {
    /// Without partitions.
    #[must_use]
    pub fn new(settings: ConsumerSettings, rng: Rng) -> Self {
        let decode_settings = DecodeSettings {
            check_crcs: settings.check_crcs,
            inflate_limit: settings.inflate_limit,
            quota: PrefetchQuota::new(settings.queued_max_bytes),
            pool: Arc::new(BufferPool::default()),
        };
        Self {
            settings,
            decode_settings,
            subscription: SubscriptionState::default(),
            brokers: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            next_token: 0,
            responses: 0,
            completed: VecDeque::new(),
            decoding: 0,
            ready: VecDeque::new(),
            errors: VecDeque::new(),
            taken: None,
            starving: false,
            takes: 0,
            wake: false,
            refresh: false,
            refreshed: None,
            hints: Vec::new(),
            rng,
            wall_millis: 0,
            counters: Counters::default(),
        }
    }

    /// The count of what is held, which tells the driver when there is room again.
    #[must_use]
    pub fn quota(&self) -> &Arc<PrefetchQuota> {
        &self.decode_settings.quota
    }

    /// The properties.
    #[must_use]
    pub fn settings(&self) -> &ConsumerSettings {
        &self.settings
    }

    /// What time it is, in ms since the epoch: said before each [`Self::poll`], for [`ResetPolicy::ByDuration`].
    pub fn set_wall_millis(&mut self, millis: i64) {
        self.wall_millis = millis;
    }

    /// How many offsets the partition's position is behind the end, as the last fetch told: under read_committed the last stable
    /// offset, else the high watermark. `None` if the partition is not assigned, or as long as one of the two is not known.
    #[must_use]
    pub fn lag(&self, key: &TopicPartition) -> Option<u64> {
        self.lag_of(self.subscription.partitions.get(key)?)
    }

    fn lag_of(&self, partition: &Partition) -> Option<u64> {
        let read_committed = self.settings.isolation == IsolationLevel::ReadCommitted;
        let marks = partition.watermarks;
        let end = if read_committed { marks.last_stable_offset.or(marks.high_watermark) } else { marks.high_watermark };
        let behind = end?.saturating_sub(partition.position.offset()?);
        Some(u64::try_from(behind).unwrap_or(0))
    }

    /// What was counted.
    #[must_use]
    pub fn metrics(&self) -> ConsumerSnapshot {
        let lags =
            self.subscription.partitions.iter().filter_map(|(key, partition)| Some((key.clone(), self.lag_of(partition)?)));
        self.counters.snapshot(self.decode_settings.quota.held(), lags.collect())
    }

    /// What to do now. Returns when to come back at the latest, if nothing else happens.
    pub fn poll(&mut self, now: Instant, cluster: &Arc<Cluster>, commands: &mut Vec<ConsumerCommand>) -> Instant {
        let room = self.room();
        let mut deadline = Instant::FAR_FUTURE;
        let mut plans: BTreeMap<i32, Plan> = BTreeMap::new();
        let keys: Vec<TopicPartition> = self.subscription.partitions.keys().cloned().collect();
        for key in &keys {
            self.plan(now, cluster, key, &mut plans, &mut deadline);
        }
        let brokers = plans.len().max(1);
        for (broker, plan) in plans {
            self.send_resets(now, broker, plan.reset, commands);
            self.send_validations(now, broker, plan.validate, commands);
            if room > 0 && !plan.fetch.is_empty() {
                let max_bytes = i32::try_from(room / brokers).unwrap_or(i32::MAX).clamp(1, self.settings.fetch_max_bytes.max(1));
                self.send_fetch(now, broker, plan.fetch, plan.left_out, max_bytes, commands);
            }
        }
        if std::mem::take(&mut self.refresh) {
            self.refreshed = Some(cluster.version);
            commands.push(ConsumerCommand::RefreshMetadata);
        }
        deadline
    }

    /// How many bytes may come in.
    fn room(&mut self) -> usize {
        let room = self.decode_settings.quota.room();
        if room > 0 {
            return room;
        }
        // What paused partitions have buffered must not keep the others from going on: it is fetched again after the resume.
        let mut keys = Vec::new();
        for (key, partition) in &self.subscription.partitions {
            if partition.paused && (partition.buffered > 0 || partition.fetching) && !partition.ends_in_error() {
                keys.push(key.clone());
            }
        }
        for key in keys {
            self.rewind(&key);
        }
        let room = self.decode_settings.quota.room();
        if room == 0 && self.starving && self.ready.is_empty() && self.completed.is_empty() && self.decoding == 0 {
            1
        } else {
            room
        }
    }

    /// Drops what is buffered; the position stays, and is fetched from.
    fn rewind(&mut self, key: &TopicPartition) {
        let generation = self.subscription.next_generation();
        let Some(partition) = self.subscription.partitions.get_mut(key) else { return };
        partition.restart(generation);
        partition.fetch_offset = partition.taken_to;
        partition.fetch_epoch = partition.taken_epoch;
        self.completed.retain(|fetch| fetch.key != *key);
    }

    fn plan(
        &mut self,
        now: Instant,
        cluster: &Cluster,
        key: &TopicPartition,
        plans: &mut BTreeMap<i32, Plan>,
        deadline: &mut Instant,
    ) {
        let Some(partition) = self.subscription.partitions.get_mut(key) else { return };
        if matches!(partition.state, FetchState::AwaitSeek | FetchState::AwaitCommitted) {
            return;
        }
        if let Some(topic) = cluster.topic(&key.topic) {
            let anew = is_another(partition.topic_id, topic.id);
            partition.topic_id = topic.id;
            if anew {
                self.on_topic_made_anew(key);
            }
        }
        let Some(partition) = self.subscription.partitions.get_mut(key).filter(|partition| !partition.querying) else { return };
        let known = cluster.topic(&key.topic).zip(cluster.partition(&key.topic, key.partition));
        let Some((topic, info)) = known.filter(|(_, info)| cluster.brokers.contains_key(&info.leader)) else {
            let error = unavailable(cluster, key, self.settings.unknown_topic_after);
            let at_once = !error.is_retriable() && error.kind() == ErrorKind::Broker;
            self.refresh |= partition.trouble.is_none_or(|(_, told)| told.is_none()) && self.refreshed != Some(cluster.version);
            let report_at = self.report(now, key, error, at_once);
            *deadline = (*deadline).min(report_at);
            return;
        };
        if now < partition.retry_at {
            *deadline = (*deadline).min(partition.retry_at);
            return;
        }
        if partition.state == FetchState::Fetching && info.leader_epoch > partition.validated_epoch {
            let stale = mutants::is(Mutant::StaleLeaderEpochAccepted);
            if partition.fetch_epoch >= 0 && partition.validated_epoch >= 0 && !stale {
                if !partition.fetching {
                    partition.state = FetchState::AwaitValidation;
                }
            } else {
                partition.validated_epoch = info.leader_epoch;
            }
        }
        if partition.state == FetchState::AwaitValidation && (partition.fetch_epoch < 0 || info.leader_epoch < 0) {
            // Stepped back meanwhile to where no epoch is known, or the brokers have none: there is nothing to compare.
            partition.state = FetchState::Fetching;
            partition.validated_epoch = info.leader_epoch;
        }
        let older = partition.state == FetchState::AwaitValidation && info.leader_epoch < partition.fetch_epoch;
        if older && partition.attempts < OLDER_METADATA_ATTEMPTS {
            // What was committed is of a later leader than the metadata tell: that one would not know its epoch.
            let wait = backoff(partition.attempts, self.settings.retry_backoff, self.settings.retry_backoff_max, &mut self.rng);
            partition.attempts += 1;
            partition.retry_at = now + wait;
            *deadline = (*deadline).min(partition.retry_at);
            self.refresh = true;
            return;
        }
        let asked = Asked {
            key: key.clone(),
            topic_id: topic.id,
            generation: partition.generation,
            offset: partition.fetch_offset,
            epoch: if mutants::is(Mutant::StaleLeaderEpochAccepted) { -1 } else { partition.fetch_epoch },
            leader: info.leader,
            leader_epoch: info.leader_epoch,
        };
        let broker =
            if partition.state == FetchState::Fetching { read_replica(now, partition, cluster, info) } else { info.leader };
        let since = match self.settings.reset {
            // Below zero are the special values.
            ResetPolicy::ByDuration(ago) => {
                self.wall_millis.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)).max(0)
            }
            _ => LATEST_TIMESTAMP,
        };
        let throttled_until = self.brokers.get(&broker).map_or(Instant::default(), |broker| broker.throttled_until);
        if now < throttled_until {
            *deadline = (*deadline).min(throttled_until);
            return;
        }
        let plan = plans.entry(broker).or_default();
        match partition.state {
            FetchState::AwaitReset { timestamp } => {
                if partition.entries.is_empty() && partition.buffered == 0 {
                    let timestamp = if timestamp == BY_DURATION { since } else { timestamp };
                    plan.reset.push((asked, timestamp));
                }
            }
            FetchState::AwaitValidation => plan.validate.push(asked),
            FetchState::Fetching => {
                let broker = self.brokers.entry(broker).or_default();
                if partition.paused || partition.fetching || partition.ends_in_error() {
                    return;
                }
                partition.left_out = partition.buffered >= self.settings.queued_min_messages.max(1);
                if partition.left_out {
                    plan.left_out = true;
                } else if broker.fetch.is_none() {
                    if now < broker.not_before {
                        *deadline = (*deadline).min(broker.not_before);
                    } else {
                        plan.fetch.push((partition.served, asked));
                    }
                }
            }
            FetchState::AwaitSeek | FetchState::AwaitCommitted => {}
        }
    }

    /// Whether the cluster knows the partition's topic as another one than it was when the partition was last looked at: deleted, and
    /// made again. What the position says is of the deleted one.
    #[must_use]
    pub fn is_made_anew(&self, key: &TopicPartition, cluster: &Cluster) -> bool {
        let known = self.subscription.partitions.get(key).zip(cluster.topic(&key.topic));
        known.is_some_and(|(partition, topic)| is_another(partition.topic_id, topic.id))
    }

    /// The topic was deleted and made again: what was read is not in its log, whose offsets begin anew. What was fetched before, or is
    /// being handed out, is not handed out any more, since its offsets mean something else now.
    fn on_topic_made_anew(&mut self, key: &TopicPartition) {
        let policy = self.settings.reset;
        let generation = self.subscription.next_generation();
        let Some(partition) = self.subscription.partitions.get_mut(key) else { return };
        let (from, consumed) = (partition.fetch_offset, partition.position.offset());
        partition.position.invalidate();
        partition.restart(generation);
        partition.validated_epoch = -1;
        partition.preferred = None;
        self.completed.retain(|fetch| fetch.key != *key);
        match partition.state {
            FetchState::Fetching | FetchState::AwaitValidation if from > 0 => {
                self.counters.resets += 1;
                partition.position = Position::new(-1, -1);
                partition.reset(policy);
                if policy == ResetPolicy::None {
                    partition.entries.push_back(Entry::Error(made_anew(key, consumed.unwrap_or(from))));
                    self.enqueue(key);
                }
            }
            FetchState::Fetching | FetchState::AwaitValidation => partition.move_to(from.max(0), -1),
            _ => partition.position = Position::new(-1, -1),
        }
    }
}

/// Whether these are two topics, as far as both are known.
fn is_another(before: Uuid, now: Uuid) -> bool {
    before != now && !before.is_zero() && !now.is_zero()
}

/// Whom to read from: the replica that the leader has named, as long as that holds, or the leader.
fn read_replica(now: Instant, partition: &mut Partition, cluster: &Cluster, info: &PartitionInfo) -> i32 {
    partition.preferred = partition.preferred.filter(|(replica, until)| now < *until && cluster.brokers.contains_key(replica));
    partition.preferred.map_or(info.leader, |(replica, _)| replica)
}
