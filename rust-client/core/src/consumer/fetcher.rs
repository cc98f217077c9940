//! Decides what to ask which broker for, takes in the answers, and hands batches to the application.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla_protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData};
use ottla_protocol::messages::list_offsets::{ListOffsetsPartitionResponse, ListOffsetsResponse};
use ottla_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use ottla_protocol::record::{RawBatch, split_batches};
use ottla_protocol::{DecodeError, ErrorCode, Text, Uuid};

use super::completed_fetch::{AbortedTransactions, CompletedFetch, DecodeSettings, Decoded, weight};
use super::fetched_batch::{FetchedBatch, Handed, next_offset};
use super::position::Position;
use super::prefetch::{BufferPool, PrefetchQuota};
use super::subscription_state::{Entry, FetchState, Partition, SubscriptionState, TopicPartition, Watermarks};
use super::{ConsumerCommand, ConsumerSettings, IsolationLevel, LATEST_TIMESTAMP, ResetPolicy, StartAt, list_offsets_request};
use crate::error::{Error, ErrorKind};
use crate::metadata::{Cluster, backoff};
use crate::random::Rng;
use crate::time::Instant;

/// How long a fetch may wait at the broker while a partition of that broker is left out of it, since enough of it is buffered: the
/// broker answers one request at a time, so that partition would wait behind it.
const LEFT_OUT_WAIT: Duration = Duration::from_millis(20);

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
    leader_epoch: i32,
}

struct InFlight {
    broker: i32,
    asked: Vec<Asked>,
}

#[derive(Default)]
struct BrokerState {
    /// The fetch that is under way. One at a time: the broker answers one request of a connection at a time.
    fetch: Option<u64>,
    not_before: Instant,
    attempts: u32,
    failing_since: Option<Instant>,
    reported: Option<Instant>,
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
    /// Partitions with something for the application; each gets its turn.
    ready: VecDeque<TopicPartition>,
    errors: VecDeque<Error>,
    /// The batch that was taken last: consumed when the next one is asked for.
    taken: Option<Arc<Handed>>,
    /// The application asked and got nothing. Then at least one batch comes in, whatever it holds.
    starving: bool,
    /// Whether [`Self::poll`] would have something to do that no deadline tells.
    wake: bool,
    refresh: bool,
    /// The snapshot that was there when metadata was asked for last.
    refreshed: Option<u64>,
    rng: Rng,
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
            ready: VecDeque::new(),
            errors: VecDeque::new(),
            taken: None,
            starving: false,
            wake: false,
            refresh: false,
            refreshed: None,
            rng,
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

    // ---- the application's side ------------------------------------------------------------------------------------------

    /// Replaces the assignment. Batches taken before hand out no more records.
    pub fn assign(&mut self, partitions: impl IntoIterator<Item = (TopicPartition, StartAt)>) {
        self.consume_taken();
        for partition in self.subscription.partitions.values() {
            partition.position.invalidate();
        }
        self.subscription.partitions.clear();
        self.ready.clear();
        self.errors.clear();
        self.add(partitions);
    }

    /// Adds to the assignment; a partition that is assigned already starts anew.
    pub fn add(&mut self, partitions: impl IntoIterator<Item = (TopicPartition, StartAt)>) {
        for (key, at) in partitions {
            let generation = self.subscription.next_generation();
            let mut partition = Partition::new(generation);
            self.begin(&key, &mut partition, at, generation);
            if let Some(before) = self.subscription.partitions.insert(key, partition) {
                before.position.invalidate();
            }
        }
        self.wake = true;
    }

    /// Takes partitions away. Batches of them that were taken before hand out no more records.
    pub fn remove<'a>(&mut self, partitions: impl IntoIterator<Item = &'a TopicPartition>) {
        self.consume_taken();
        for key in partitions {
            if let Some(partition) = self.subscription.partitions.remove(key) {
                partition.position.invalidate();
            }
        }
        self.wake = true;
    }

    fn begin(&mut self, key: &TopicPartition, partition: &mut Partition, at: StartAt, generation: u64) {
        partition.start(at, self.settings.reset, generation);
        if partition.state == FetchState::AwaitSeek {
            self.errors.push_back(no_offset(key));
        }
    }

    /// Goes on elsewhere. Batches of the partition that were taken before hand out no more records.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the partition is not assigned.
    pub fn seek(&mut self, key: &TopicPartition, at: StartAt) -> Result<(), Error> {
        let generation = self.subscription.next_generation();
        let policy = self.settings.reset;
        let partition = self.assigned(key, "can't seek")?;
        partition.start(at, policy, generation);
        if partition.state == FetchState::AwaitSeek {
            self.errors.push_back(no_offset(key));
        }
        self.wake = true;
        Ok(())
    }

    /// Hands out no records of the partition until it is resumed. Its position stays.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the partition is not assigned.
    pub fn pause(&mut self, key: &TopicPartition) -> Result<(), Error> {
        self.assigned(key, "can't pause")?.paused = true;
        Ok(())
    }

    /// Ends [`Self::pause`].
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the partition is not assigned.
    pub fn resume(&mut self, key: &TopicPartition) -> Result<(), Error> {
        self.assigned(key, "can't resume")?.paused = false;
        self.enqueue(key);
        self.wake = true;
        Ok(())
    }

    /// The assigned partitions that are paused.
    pub fn paused(&self) -> impl Iterator<Item = &TopicPartition> {
        self.subscription.partitions.iter().filter(|(_, partition)| partition.paused).map(|(key, _)| key)
    }

    fn assigned(&mut self, key: &TopicPartition, what: &'static str) -> Result<&mut Partition, Error> {
        self.subscription.partitions.get_mut(key).ok_or_else(|| {
            Error::new(ErrorKind::State, format!("{what}: the partition is not assigned"))
                .with_topic(key.topic.as_str())
                .with_partition(key.partition)
        })
    }

    /// The assigned partitions.
    pub fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.subscription.partitions.keys()
    }

    /// Where the application stands: the position as it is shared with taken batches. `None` if the partition is not assigned.
    #[must_use]
    pub fn position(&self, key: &TopicPartition) -> Option<&Arc<Position>> {
        Some(&self.subscription.partitions.get(key)?.position)
    }

    /// What the partition's log holds, as far as the last fetch told. `None` if the partition is not assigned.
    #[must_use]
    pub fn watermarks(&self, key: &TopicPartition) -> Option<Watermarks> {
        Some(self.subscription.partitions.get(key)?.watermarks)
    }

    /// The batch that was taken last counts as consumed, unless its records are handed out one by one. Part of [`Self::take`]; to
    /// be called at close too.
    pub fn consume_taken(&mut self) {
        let Some(handed) = self.taken.take() else { return };
        let malformed_at = handed.malformed_at.load(Ordering::Acquire);
        if malformed_at < 0 {
            handed.consumed();
            return;
        }
        if !handed.position.is_valid() {
            return;
        }
        handed.position.advance(malformed_at, handed.leader_epoch);
        let key = TopicPartition { topic: handed.topic.clone(), partition: handed.partition };
        let reason = DecodeError::Malformed("a record contradicts the record format, though the batch's checksum is right");
        self.errors.push_back(unreadable(&key, malformed_at, reason));
        let generation = self.subscription.next_generation();
        if let Some(partition) = self.subscription.partitions.get_mut(&key)
            && Arc::ptr_eq(&partition.position, &handed.position)
        {
            // Not fetched again and again: the same bytes would come. The application seeks behind it, or gives up.
            partition.restart(generation);
            partition.fetch_offset = malformed_at;
            partition.state = FetchState::AwaitSeek;
        }
    }

    /// The next batch, or what went wrong with a partition; the consumer goes on after an error. What was taken before counts as
    /// consumed now. `None`: nothing is there yet.
    pub fn take(&mut self) -> Option<Result<FetchedBatch, Error>> {
        self.consume_taken();
        self.starving = false;
        if let Some(error) = self.errors.pop_front() {
            return Some(Err(error));
        }
        while let Some(key) = self.ready.pop_front() {
            let Some(partition) = self.subscription.partitions.get_mut(&key) else { continue };
            partition.queued = false;
            if partition.paused {
                continue;
            }
            let taken = loop {
                match partition.entries.pop_front() {
                    None => break None,
                    Some(Entry::Error(error)) => break Some(Err(error)),
                    Some(Entry::Batch(batch)) => {
                        partition.buffered = partition.buffered.saturating_sub(batch.weight);
                        partition.taken_to = batch.next_offset();
                        break Some(Ok(batch));
                    }
                    Some(Entry::Skipped { from, next_offset, leader_epoch }) => {
                        partition.taken_to = next_offset;
                        if partition.position.offset().is_some_and(|position| position >= from && position < next_offset) {
                            partition.position.advance(next_offset, leader_epoch);
                        }
                    }
                }
            };
            let emptied = partition.entries.is_empty();
            // A reset waits until what was fetched before it is taken; an error until the application has heard of it.
            self.wake |= emptied && (partition.state != FetchState::Fetching || matches!(taken, Some(Err(_))));
            self.wake |= partition.left_out && partition.buffered < self.settings.queued_min_messages / 2;
            if !emptied {
                self.enqueue(&key);
            }
            if let Some(taken) = taken {
                if let Ok(batch) = &taken {
                    self.taken = Some(batch.handed().clone());
                }
                return Some(taken);
            }
        }
        self.starving = true;
        // What waits for room may come in now.
        self.wake |= !self.completed.is_empty() || self.decode_settings.quota.room() == 0;
        None
    }

    /// Whether [`Self::take`] would find something, or at least look in vain only once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.errors.is_empty() || !self.ready.is_empty()
    }

    /// Whether the driver has to poll though no deadline has come; asking resets it.
    pub fn take_wake(&mut self) -> bool {
        std::mem::take(&mut self.wake)
    }

    fn enqueue(&mut self, key: &TopicPartition) {
        if let Some(partition) = self.subscription.partitions.get_mut(key)
            && !partition.queued
            && !partition.paused
            && !partition.entries.is_empty()
        {
            partition.queued = true;
            self.ready.push_back(key.clone());
        }
    }

    // ---- the driver's side -----------------------------------------------------------------------------------------------

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
            self.send_resets(broker, plan.reset, commands);
            self.send_validations(broker, plan.validate, commands);
            if room > 0 && !plan.fetch.is_empty() {
                let max_bytes = i32::try_from(room / brokers).unwrap_or(i32::MAX).clamp(1, self.settings.fetch_max_bytes.max(1));
                self.send_fetch(broker, plan.fetch, plan.left_out, max_bytes, commands);
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
        if room == 0 && self.starving && self.ready.is_empty() && self.completed.is_empty() { 1 } else { room }
    }

    /// Drops what is buffered; the position stays, and is fetched from.
    fn rewind(&mut self, key: &TopicPartition) {
        let generation = self.subscription.next_generation();
        let Some(partition) = self.subscription.partitions.get_mut(key) else { return };
        partition.restart(generation);
        partition.fetch_offset = partition.taken_to;
        partition.fetch_epoch = -1;
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
        if partition.state == FetchState::AwaitSeek || partition.querying {
            return;
        }
        let known = cluster.topic(&key.topic).zip(cluster.partition(&key.topic, key.partition));
        let Some((topic, info)) = known.filter(|(_, info)| cluster.brokers.contains_key(&info.leader)) else {
            let error = unavailable(cluster, key);
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
            if partition.fetch_epoch >= 0 && partition.validated_epoch >= 0 {
                if !partition.fetching {
                    partition.state = FetchState::AwaitValidation;
                }
            } else {
                partition.validated_epoch = info.leader_epoch;
            }
        }
        let asked = Asked {
            key: key.clone(),
            topic_id: topic.id,
            generation: partition.generation,
            offset: partition.fetch_offset,
            epoch: partition.fetch_epoch,
            leader_epoch: info.leader_epoch,
        };
        let plan = plans.entry(info.leader).or_default();
        match partition.state {
            FetchState::AwaitReset { timestamp } => {
                if partition.entries.is_empty() && partition.buffered == 0 {
                    plan.reset.push((asked, timestamp));
                }
            }
            FetchState::AwaitValidation => plan.validate.push(asked),
            FetchState::Fetching => {
                let broker = self.brokers.entry(info.leader).or_default();
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
            FetchState::AwaitSeek => {}
        }
    }

    fn token(&mut self, broker: i32, asked: Vec<Asked>) -> u64 {
        self.next_token += 1;
        self.in_flight.insert(self.next_token, InFlight { broker, asked });
        self.next_token
    }

    fn mark_querying(&mut self, asked: &[Asked]) {
        for one in asked {
            if let Some(partition) = self.subscription.current(&one.key, one.generation) {
                partition.querying = true;
            }
        }
    }

    fn send_resets(&mut self, broker: i32, resets: Vec<(Asked, i64)>, commands: &mut Vec<ConsumerCommand>) {
        if resets.is_empty() {
            return;
        }
        let request = list_offsets_request(
            self.settings.isolation,
            30_000,
            resets.iter().map(|(asked, timestamp)| (&asked.key.topic, asked.key.partition, asked.leader_epoch, *timestamp)),
        );
        let asked: Vec<Asked> = resets.into_iter().map(|(asked, _)| asked).collect();
        self.mark_querying(&asked);
        let token = self.token(broker, asked);
        commands.push(ConsumerCommand::ListOffsets { token, broker, request });
    }

    fn send_validations(&mut self, broker: i32, asked: Vec<Asked>, commands: &mut Vec<ConsumerCommand>) {
        if asked.is_empty() {
            return;
        }
        let mut topics: Vec<OffsetForLeaderTopic> = Vec::new();
        for one in &asked {
            let partition = OffsetForLeaderPartition {
                partition: one.key.partition,
                current_leader_epoch: one.leader_epoch,
                leader_epoch: one.epoch,
                ..OffsetForLeaderPartition::default()
            };
            match topics.last_mut().filter(|topic| topic.topic == one.key.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(OffsetForLeaderTopic {
                    topic: one.key.topic.clone(),
                    partitions: vec![partition],
                    ..OffsetForLeaderTopic::default()
                }),
            }
        }
        // -1: a consumer asks.
        let request = OffsetForLeaderEpochRequest { replica_id: -1, topics, ..OffsetForLeaderEpochRequest::default() };
        self.mark_querying(&asked);
        let token = self.token(broker, asked);
        commands.push(ConsumerCommand::OffsetForLeaderEpoch { token, broker, request });
    }

    fn send_fetch(
        &mut self,
        broker: i32,
        mut partitions: Vec<(u64, Asked)>,
        left_out: bool,
        max_bytes: i32,
        commands: &mut Vec<ConsumerCommand>,
    ) {
        // A broker fills its answer in the request's order: who has waited longest comes first.
        partitions.sort_by_key(|(served, _)| *served);
        let mut topics: Vec<FetchTopic> = Vec::new();
        let mut places: BTreeMap<Text, usize> = BTreeMap::new();
        let mut without_id = false;
        for (_, asked) in &partitions {
            without_id |= asked.topic_id.is_zero();
            let partition = FetchPartition {
                partition: asked.key.partition,
                current_leader_epoch: asked.leader_epoch,
                fetch_offset: asked.offset,
                last_fetched_epoch: asked.epoch,
                partition_max_bytes: self.settings.max_partition_fetch_bytes,
                ..FetchPartition::default()
            };
            let place = *places.entry(asked.key.topic.clone()).or_insert(topics.len());
            if place == topics.len() {
                // Name and id: the version that the connection speaks carries one of them.
                topics.push(FetchTopic { topic: asked.key.topic.clone(), topic_id: asked.topic_id, ..FetchTopic::default() });
            }
            if let Some(topic) = topics.get_mut(place) {
                topic.partitions.push(partition);
            }
        }
        let wait = if left_out { self.settings.fetch_wait_max.min(LEFT_OUT_WAIT) } else { self.settings.fetch_wait_max };
        let request = FetchRequest {
            replica_id: -1,
            max_wait_ms: i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: self.settings.fetch_min_bytes,
            max_bytes,
            isolation_level: self.settings.isolation.id(),
            // No fetch session: 0 and -1 decline it.
            session_id: 0,
            session_epoch: -1,
            topics,
            ..FetchRequest::default()
        };
        let asked: Vec<Asked> = partitions.into_iter().map(|(_, asked)| asked).collect();
        for one in &asked {
            if let Some(partition) = self.subscription.current(&one.key, one.generation) {
                partition.fetching = true;
            }
        }
        let token = self.token(broker, asked);
        self.brokers.entry(broker).or_default().fetch = Some(token);
        commands.push(ConsumerCommand::Fetch { token, broker, request, max_version: without_id.then_some(12) });
    }

    /// Takes in the answer to a [`ConsumerCommand::Fetch`]. What came is there to be decoded: [`Self::next_completed`].
    pub fn on_fetch(&mut self, now: Instant, token: u64, answer: Result<FetchResponse, Error>) {
        let Some(in_flight) = self.in_flight.remove(&token) else { return };
        if let Some(broker) = self.brokers.get_mut(&in_flight.broker) {
            broker.fetch = None;
        }
        for asked in &in_flight.asked {
            if let Some(partition) = self.subscription.current(&asked.key, asked.generation) {
                partition.fetching = false;
            }
        }
        self.wake = true;
        let response = match answer {
            Ok(response) => response,
            Err(error) => return self.on_broker_failure(now, in_flight.broker, error),
        };
        self.on_broker_success(in_flight.broker);
        self.responses += 1;
        let whole = ErrorCode::from_code(response.error_code);
        if whole != ErrorCode::None {
            for asked in &in_flight.asked {
                self.on_partition_error(now, asked, whole);
            }
            return;
        }
        let mut data: BTreeMap<(Text, Uuid, i32), PartitionData> = BTreeMap::new();
        for topic in response.responses {
            for partition in topic.partitions {
                data.insert((topic.topic.clone(), topic.topic_id, partition.partition_index), partition);
            }
        }
        for asked in &in_flight.asked {
            // Up to version 12 the answer has the name and no id, from 13 on the id and no name.
            let by_name = (asked.key.topic.clone(), Uuid::ZERO, asked.key.partition);
            let by_id = (Text::default(), asked.topic_id, asked.key.partition);
            if let Some(partition) = data.remove(&by_name).or_else(|| data.remove(&by_id)) {
                self.on_partition_data(now, asked, partition);
            } else if self.subscription.current(&asked.key, asked.generation).is_some() {
                let error = Error::new(ErrorKind::Protocol, "the broker's answer to Fetch lacks the partition")
                    .with_topic(asked.key.topic.as_str())
                    .with_partition(asked.key.partition);
                self.trouble(now, &asked.key, error, false);
            }
        }
    }

    fn on_partition_data(&mut self, now: Instant, asked: &Asked, data: PartitionData) {
        let code = ErrorCode::from_code(data.error_code);
        if code != ErrorCode::None {
            return self.on_partition_error(now, asked, code);
        }
        let responses = self.responses;
        let Some(partition) = self.subscription.current(&asked.key, asked.generation) else { return };
        partition.on_success();
        let known = |offset: i64| Some(offset).filter(|offset| *offset >= 0);
        partition.watermarks = Watermarks {
            high_watermark: known(data.high_watermark),
            last_stable_offset: known(data.last_stable_offset),
            log_start_offset: known(data.log_start_offset),
        };
        if data.diverging_epoch.end_offset >= 0 || data.diverging_epoch.epoch >= 0 {
            return self.truncate(&asked.key, data.diverging_epoch.epoch, data.diverging_epoch.end_offset);
        }
        let Some(records) = data.records.filter(|records| !records.is_empty()) else { return };
        partition.served = responses;
        let bytes = records.to_bytes();
        let mut split = split_batches(&bytes);
        let (mut batches, mut error) = (VecDeque::new(), None);
        for batch in &mut split {
            match batch {
                Ok(batch) => batches.push_back(batch),
                Err(reason) => error = Some(reason),
            }
        }
        if batches.is_empty() && error.is_none() && split.truncated() {
            error = Some(DecodeError::Malformed("not one whole batch came: raise max.partition.fetch.bytes"));
        }
        let behind = batches.back().map(|last: &RawBatch| (next_offset(&last.header), last.header.partition_leader_epoch));
        if let Some((next, epoch)) = behind {
            if next <= asked.offset {
                error = Some(DecodeError::Malformed("the broker sent only records before the offset that was asked for"));
                batches.clear();
            } else {
                partition.fetch_offset = next;
                partition.fetch_epoch = epoch;
                partition.buffered += batches.iter().map(weight).sum::<usize>();
            }
        }
        if !batches.is_empty() {
            let read_committed = self.settings.isolation == IsolationLevel::ReadCommitted;
            self.completed.push_back(CompletedFetch {
                key: asked.key.clone(),
                generation: asked.generation,
                position: partition.position.clone(),
                from: asked.offset,
                batches,
                aborted: read_committed.then(|| AbortedTransactions::new(data.aborted_transactions.unwrap_or_default())),
                settings: self.decode_settings.clone(),
                held: self.decode_settings.quota.hold(bytes.len()),
            });
        } else if let Some(reason) = error {
            // After whole batches the error comes again with the next fetch, which begins where it stands.
            let at = asked.offset;
            self.on_unreadable(now, &asked.key, at, reason);
        }
    }

    /// The next piece of work for the driver: decode it and report with [`Self::on_decoded`]. One at a time, so that the order
    /// holds.
    pub fn next_completed(&mut self) -> Option<CompletedFetch> {
        loop {
            let front = self.completed.front()?;
            let (key, generation) = (front.key.clone(), front.generation);
            if self.subscription.current(&key, generation).is_none() {
                self.completed.pop_front();
                continue;
            }
            // What waits here is counted as well, so that alone must not stop it.
            let waiting: usize =
                self.completed.iter().map(|fetch| fetch.batches.iter().map(|b| b.bytes.len()).sum::<usize>()).sum();
            let quota = &self.decode_settings.quota;
            let full = quota.held().saturating_sub(waiting) >= self.settings.queued_max_bytes && quota.room() == 0;
            if full && !(self.starving && self.ready.is_empty()) {
                return None;
            }
            return self.completed.pop_front();
        }
    }

    /// Takes in what was decoded.
    pub fn on_decoded(&mut self, now: Instant, decoded: Decoded) {
        let Some(partition) = self.subscription.current(&decoded.key, decoded.generation) else { return };
        for entry in decoded.entries {
            partition.push(entry);
        }
        if let Some(rest) = decoded.rest {
            self.completed.push_front(rest);
        }
        if let Some((at, reason)) = decoded.error {
            self.on_unreadable(now, &decoded.key, at, reason);
        }
        self.enqueue(&decoded.key);
        // Offsets without records move the position though nobody takes anything.
        if self.is_ready() {
            self.starving = false;
        }
    }

    /// A batch that can't be read: the application hears of it after what stands before, and the position stays in front of it.
    /// It is fetched again when the application has heard, since another copy may be sound.
    fn on_unreadable(&mut self, now: Instant, key: &TopicPartition, at: i64, reason: DecodeError) {
        let generation = self.subscription.next_generation();
        let wait = match self.subscription.partitions.get_mut(key) {
            Some(partition) => {
                partition.attempts += 1;
                backoff(partition.attempts - 1, self.settings.retry_backoff, self.settings.retry_backoff_max, &mut self.rng)
            }
            None => return,
        };
        if let Some(partition) = self.subscription.partitions.get_mut(key) {
            partition.generation = generation;
            partition.fetching = false;
            partition.fetch_offset = at;
            partition.fetch_epoch = -1;
            partition.buffered =
                partition.entries.iter().map(|entry| if let Entry::Batch(b) = entry { b.weight } else { 0 }).sum();
            partition.retry_at = now + wait;
            partition.entries.push_back(Entry::Error(unreadable(key, at, reason)));
        }
        self.enqueue(key);
    }

    /// The log ends at `end_offset` in the epoch of what was read last (KIP-320): what was read behind it is not in the log.
    fn truncate(&mut self, key: &TopicPartition, epoch: i32, end_offset: i64) {
        let generation = self.subscription.next_generation();
        let policy = self.settings.reset;
        let Some(partition) = self.subscription.partitions.get_mut(key) else { return };
        partition.generation = generation;
        partition.fetching = false;
        partition.querying = false;
        let position = partition.position.offset().unwrap_or(0);
        let consumed_too_much = end_offset < 0 || epoch < 0 || position > end_offset;
        if !consumed_too_much {
            // Only what was prefetched is gone.
            partition.entries.clear();
            partition.buffered = 0;
            partition.fetch_offset = position;
            partition.fetch_epoch = partition.position.leader_epoch();
            partition.state = FetchState::Fetching;
            // A batch that the application holds may reach behind the end: it must not move the position there.
            if self.taken.as_ref().is_some_and(|taken| taken.next_offset.load(Ordering::Acquire) > end_offset) {
                partition.position.invalidate();
                partition.move_to(position, -1);
            }
            return;
        }
        partition.position.invalidate();
        partition.entries.clear();
        partition.buffered = 0;
        match policy {
            ResetPolicy::None => {
                partition.state = FetchState::AwaitSeek;
                self.errors.push_back(truncated(key, position, end_offset));
            }
            _ if end_offset >= 0 && epoch >= 0 => partition.move_to(end_offset, epoch),
            _ => {
                partition.position = Position::new(position, -1);
                partition.reset(policy);
            }
        }
        self.wake = true;
    }

    fn on_partition_error(&mut self, now: Instant, asked: &Asked, code: ErrorCode) {
        let policy = self.settings.reset;
        let Some(partition) = self.subscription.current(&asked.key, asked.generation) else { return };
        partition.querying = false;
        if code == ErrorCode::OffsetOutOfRange {
            partition.reset(policy);
            if policy == ResetPolicy::None {
                let error = Error::new(ErrorKind::OffsetReset, format!("the fetch offset {} is not in the log", asked.offset))
                    .with_code(code)
                    .with_topic(asked.key.topic.as_str())
                    .with_partition(asked.key.partition);
                partition.entries.push_back(Entry::Error(error));
                self.enqueue(&asked.key);
            }
            return;
        }
        let error = Error::kafka(code, format!("can't read from offset {}", asked.offset))
            .with_topic(asked.key.topic.as_str())
            .with_partition(asked.key.partition);
        // Of others than these nothing says that they will come right by themselves.
        let at_once = !code.is_retriable() || code == ErrorCode::CorruptMessage;
        self.trouble(now, &asked.key, error, at_once);
    }

    /// Something is in a partition's way: asks for metadata, waits, and tells the application, at once or if it lasts.
    fn trouble(&mut self, now: Instant, key: &TopicPartition, error: Error, at_once: bool) {
        self.refresh = true;
        self.wake = true;
        let Some(partition) = self.subscription.partitions.get_mut(key) else { return };
        partition.retry_at =
            now + backoff(partition.attempts, self.settings.retry_backoff, self.settings.retry_backoff_max, &mut self.rng);
        partition.attempts = partition.attempts.saturating_add(1);
        self.report(now, key, error, at_once);
    }

    /// Tells the application of a partition's trouble when it is due, and again after each such while, so that an application that
    /// waits is not left in silence. Returns when it is due next.
    fn report(&mut self, now: Instant, key: &TopicPartition, error: Error, at_once: bool) -> Instant {
        let every = self.settings.report_after;
        let Some(partition) = self.subscription.partitions.get_mut(key) else { return Instant::FAR_FUTURE };
        let (since, told) = partition.trouble.get_or_insert((now, None));
        let due = if at_once && told.is_none() { now } else { told.unwrap_or(*since) + every };
        if now < due {
            return due;
        }
        *told = Some(now);
        if error.kind() != ErrorKind::Closed && self.errors.len() < MAX_ERRORS {
            self.errors.push_back(error);
        }
        // Whether it is still so is worth a question.
        self.refresh = true;
        now + every
    }

    fn on_broker_success(&mut self, broker: i32) {
        if let Some(broker) = self.brokers.get_mut(&broker) {
            broker.attempts = 0;
            broker.failing_since = None;
            broker.reported = None;
        }
    }

    fn on_broker_failure(&mut self, now: Instant, id: i32, error: Error) {
        let wait = {
            let attempts = self.brokers.entry(id).or_default().attempts;
            backoff(attempts, self.settings.retry_backoff, self.settings.retry_backoff_max, &mut self.rng)
        };
        let broker = self.brokers.entry(id).or_default();
        broker.attempts = broker.attempts.saturating_add(1);
        broker.not_before = now + wait;
        let since = *broker.failing_since.get_or_insert(now);
        // Told after a while, and again each such while, so that an application that waits is not left in silence.
        let from = broker.reported.unwrap_or(since);
        let due = now.since(from) >= self.settings.report_after || (!error.is_retriable() && broker.reported.is_none());
        if due && error.kind() != ErrorKind::Closed && self.errors.len() < MAX_ERRORS {
            broker.reported = Some(now);
            self.errors.push_back(error);
        }
        self.refresh = true;
    }

    /// Takes in the answer to a [`ConsumerCommand::ListOffsets`].
    pub fn on_list_offsets(&mut self, now: Instant, token: u64, answer: Result<ListOffsetsResponse, Error>) {
        let Some(asked) = self.end_query(token) else { return };
        let response = match answer {
            Ok(response) => response,
            Err(error) => return self.on_query_failure(now, &asked, &error),
        };
        let mut data: BTreeMap<TopicPartition, ListOffsetsPartitionResponse> = BTreeMap::new();
        for topic in response.topics {
            for partition in topic.partitions {
                data.insert(TopicPartition { topic: topic.name.clone(), partition: partition.partition_index }, partition);
            }
        }
        for asked in &asked {
            let Some(found) = data.remove(&asked.key) else {
                let error = Error::new(ErrorKind::Protocol, "the broker's answer to ListOffsets lacks the partition");
                self.on_query_failure(now, std::slice::from_ref(asked), &error);
                continue;
            };
            let code = ErrorCode::from_code(found.error_code);
            if code != ErrorCode::None {
                self.on_partition_error(now, asked, code);
                continue;
            }
            let generation = self.subscription.next_generation();
            let Some(partition) = self.subscription.current(&asked.key, asked.generation) else { continue };
            partition.on_success();
            if found.offset < 0 {
                // No record is that young: the end. (An answer without an end would be asked for for ever.)
                let nothing = matches!(partition.state, FetchState::AwaitReset { timestamp } if timestamp != LATEST_TIMESTAMP);
                if nothing {
                    partition.await_reset(LATEST_TIMESTAMP);
                    continue;
                }
            }
            partition.restart(generation);
            partition.move_to(found.offset.max(0), found.leader_epoch);
            partition.validated_epoch = partition.validated_epoch.max(asked.leader_epoch);
        }
    }

    /// Takes in the answer to a [`ConsumerCommand::OffsetForLeaderEpoch`].
    pub fn on_offset_for_leader_epoch(&mut self, now: Instant, token: u64, answer: Result<OffsetForLeaderEpochResponse, Error>) {
        let Some(asked) = self.end_query(token) else { return };
        let response = match answer {
            Ok(response) => response,
            Err(error) if error.kind() == ErrorKind::UnsupportedVersion => {
                // The broker is too old to be asked: nothing can be checked.
                return asked.iter().for_each(|asked| self.validated(asked));
            }
            Err(error) => return self.on_query_failure(now, &asked, &error),
        };
        let mut data: BTreeMap<TopicPartition, EpochEndOffset> = BTreeMap::new();
        for topic in response.topics {
            for partition in topic.partitions {
                data.insert(TopicPartition { topic: topic.topic.clone(), partition: partition.partition }, partition);
            }
        }
        for asked in &asked {
            let Some(end) = data.remove(&asked.key) else {
                let error = Error::new(ErrorKind::Protocol, "the broker's answer to OffsetForLeaderEpoch lacks the partition");
                self.on_query_failure(now, std::slice::from_ref(asked), &error);
                continue;
            };
            match ErrorCode::from_code(end.error_code) {
                ErrorCode::None if end.leader_epoch >= 0 && end.end_offset >= asked.offset => self.validated(asked),
                ErrorCode::None => {
                    self.validated(asked);
                    if self.subscription.current(&asked.key, asked.generation).is_some() {
                        self.truncate(&asked.key, end.leader_epoch, end.end_offset);
                    }
                }
                code => self.on_partition_error(now, asked, code),
            }
        }
    }

    fn validated(&mut self, asked: &Asked) {
        if let Some(partition) = self.subscription.current(&asked.key, asked.generation) {
            partition.on_success();
            partition.validated_epoch = asked.leader_epoch;
            partition.state = FetchState::Fetching;
        }
    }

    fn end_query(&mut self, token: u64) -> Option<Vec<Asked>> {
        let asked = self.in_flight.remove(&token)?.asked;
        for one in &asked {
            if let Some(partition) = self.subscription.current(&one.key, one.generation) {
                partition.querying = false;
            }
        }
        self.wake = true;
        Some(asked)
    }

    fn on_query_failure(&mut self, now: Instant, asked: &[Asked], error: &Error) {
        for one in asked {
            if self.subscription.current(&one.key, one.generation).is_some() {
                let error = error.clone().with_topic(one.key.topic.as_str()).with_partition(one.key.partition);
                let at_once = !error.is_retriable();
                self.trouble(now, &one.key, error, at_once);
            }
        }
    }
}

fn no_offset(key: &TopicPartition) -> Error {
    Error::new(ErrorKind::OffsetReset, "there is no offset to start from, and auto.offset.reset is \"none\": seek to one")
        .with_topic(key.topic.as_str())
        .with_partition(key.partition)
}

fn truncated(key: &TopicPartition, position: i64, end_offset: i64) -> Error {
    let what = if end_offset < 0 {
        format!("the log was truncated below the position {position}, nobody knows from where on: seek to go on")
    } else {
        format!("the log was truncated to offset {end_offset}, below the position {position}: seek to go on")
    };
    Error::new(ErrorKind::LogTruncation, what).with_topic(key.topic.as_str()).with_partition(key.partition)
}

fn unreadable(key: &TopicPartition, at: i64, reason: DecodeError) -> Error {
    let (kind, code) = match &reason {
        DecodeError::CorruptBatch { .. } => (ErrorKind::Broker, Some(ErrorCode::CorruptMessage)),
        DecodeError::UnsupportedCompression(_) => (ErrorKind::UnsupportedFeature, None),
        DecodeError::Compression { .. } | DecodeError::TooLarge { .. } => (ErrorKind::Compression, None),
        _ => (ErrorKind::Protocol, None),
    };
    let error =
        Error::new(kind, format!("the records at offset {at} can't be read; the position stays there: seek to skip them"))
            .with_topic(key.topic.as_str())
            .with_partition(key.partition)
            .with_source(reason);
    match code {
        Some(code) => error.with_code(code),
        None => error,
    }
}

/// Why a partition has no leader to ask.
fn unavailable(cluster: &Cluster, key: &TopicPartition) -> Error {
    let at = |error: Error| error.with_topic(key.topic.as_str()).with_partition(key.partition);
    let Some(topic) = cluster.topics.get(&key.topic) else {
        return at(Error::new(ErrorKind::UnknownTopic, "the cluster has not told of the topic yet").retriable());
    };
    match topic.error {
        ErrorCode::None => {}
        ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId => {
            return at(Error::new(ErrorKind::UnknownTopic, "the topic does not exist").with_code(topic.error).retriable());
        }
        // As an error of the client's, so that those that are final are told at once.
        code => return at(Error::kafka(code, "can't find the topic")),
    }
    match cluster.partition(&key.topic, key.partition) {
        None => at(Error::new(
            ErrorKind::UnknownPartition,
            format!("the topic has partitions 0 to {} only", topic.partitions.len().saturating_sub(1)),
        )),
        Some(_) => at(Error::kafka(ErrorCode::LeaderNotAvailable, "the partition has no leader")),
    }
}
