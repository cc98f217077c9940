//! Decides which batches go to which broker, numbers them, and judges the answers. One owner, no IO, no clock.
//!
//! It is told of edges only (a batch opened, a batch ready), keeps a ready list for each broker and due times in order, and never
//! scans all partitions but when metadata changes or a flush begins.

mod answers;
mod expiry;
mod news;
mod sequences;

use crate::mutants::{self, Mutant};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use news::News;
use ottla_protocol::messages::init_producer_id::InitProducerIdRequest;
use ottla_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use ottla_protocol::{Text, Uuid};
pub(super) use sequences::after;
use sequences::{Sequences, is_behind};

use super::accumulator::{Accumulator, Edge, Partition, Taken};
use super::batch::ProducerBatch;
use super::settings::ProducerSettings;
use crate::error::Error;
use crate::metadata::{Cluster, LeaderHint};
use crate::metrics::ProducerMetrics;
use crate::random::Rng;
use crate::time::Instant;

/// A request holds at most so many bytes of batches: a broker refuses frames above `socket.request.max.bytes` (100 MB by default)
/// and answers one request of a connection at a time, so there is nothing to win in larger ones.
const MAX_REQUEST_BYTES: usize = 8 * 1024 * 1024;

/// What the sender wants done.
#[derive(Debug)]
pub enum Command {
    /// Send a Produce request; report with [`Sender::on_produced`].
    Produce {
        /// Names the request in the report.
        token: u64,
        /// The broker's id.
        broker: i32,
        /// The request, with topic names and ids; the version decides which are written.
        request: ProduceRequest,
    },
    /// Open a connection; report with [`Sender::on_connected`] or [`Sender::on_disconnected`].
    Connect(i32),
    /// Ask any broker for a producer id; report with [`Sender::on_producer_id`].
    InitProducerId(InitProducerIdRequest),
    /// Follow the topic in metadata.
    Follow(Text),
    /// What is known of leaders is stale.
    RefreshMetadata,
    /// Newer leaders, as a broker told them with its errors.
    LearnLeaders(Vec<LeaderHint>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A lane's open batch is due, or its backoff over.
    Due(u32),
    /// A lane's oldest batch may have expired.
    Expire(u32),
    /// A topic's stage may have expired.
    Stage,
    /// Something may go on: the producer id may be asked for again, or a broker's throttling is over.
    Wake,
}

/// A partition as the sender sees it.
struct Lane {
    partition: Arc<Partition>,
    leader: i32,
    leader_epoch: i32,
    /// What is in flight went to another leader: nothing goes to the new one until that has ended, so that order holds.
    moved: bool,
    /// Batches to send again, in order; while there are any, one is in flight at a time, so that order holds.
    retry: VecDeque<ProducerBatch>,
    /// Batches whose fate shows in what the broker makes of the next one to be sent again: see `Verdict::Hold`.
    held: VecDeque<ProducerBatch>,
    in_flight: usize,
    queued: bool,
    muted_until: Instant,
    sequences: Sequences,
}

struct BrokerLane {
    ready: VecDeque<u32>,
    in_flight: usize,
    connected: bool,
    connecting: bool,
    /// The broker throttles this client (KIP-219).
    muted_until: Instant,
}

impl Default for BrokerLane {
    fn default() -> Self {
        let ready = VecDeque::new();
        Self { ready, in_flight: 0, connected: false, connecting: false, muted_until: Instant::default() }
    }
}

struct InFlight {
    broker: i32,
    batches: Vec<(u32, ProducerBatch)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProducerId {
    /// Not idempotent.
    Unused,
    Wanted,
    Asked,
    Known {
        id: i64,
        epoch: i16,
    },
}

/// See the module's page.
pub struct Sender {
    accumulator: Arc<Accumulator>,
    metrics: Arc<ProducerMetrics>,
    lanes: BTreeMap<u32, Lane>,
    brokers: BTreeMap<i32, BrokerLane>,
    requests: BTreeMap<u64, InFlight>,
    timers: BTreeSet<(Instant, Timer)>,
    edges: Vec<Edge>,
    next_token: u64,
    cluster: Arc<Cluster>,
    producer_id: ProducerId,
    producer_id_attempts: u32,
    producer_id_since: Option<Instant>,
    fatal: Option<Error>,
    news: News,
    rng: Rng,
}

impl Sender {
    /// A sender for what comes into `accumulator`.
    #[must_use]
    pub fn new(accumulator: Arc<Accumulator>, metrics: Arc<ProducerMetrics>, rng: Rng) -> Self {
        let producer_id = if accumulator.shared.settings.idempotence { ProducerId::Wanted } else { ProducerId::Unused };
        Self {
            accumulator,
            metrics,
            lanes: BTreeMap::new(),
            brokers: BTreeMap::new(),
            requests: BTreeMap::new(),
            timers: BTreeSet::new(),
            edges: Vec::new(),
            next_token: 0,
            cluster: Arc::new(Cluster::default()),
            producer_id,
            producer_id_attempts: 0,
            producer_id_since: None,
            fatal: None,
            news: News::default(),
            rng,
        }
    }

    /// Takes in what changed and says what to do. Returns when to be called again at the latest.
    pub fn poll(&mut self, now: Instant, cluster: &Arc<Cluster>, commands: &mut Vec<Command>) -> Instant {
        if cluster.version != self.cluster.version {
            self.on_cluster(now, cluster);
        }
        self.on_edges(now, commands);
        self.on_timers(now, commands);
        if self.producer_id == ProducerId::Wanted && !self.lanes.is_empty() && self.timer_passed(now) {
            self.producer_id = ProducerId::Asked;
            commands.push(Command::InitProducerId(InitProducerIdRequest {
                transactional_id: None,
                transaction_timeout_ms: i32::MAX,
                ..InitProducerIdRequest::default()
            }));
        }
        let ids: Vec<i32> = self.brokers.iter().filter(|(_, broker)| !broker.ready.is_empty()).map(|(id, _)| *id).collect();
        for id in ids {
            self.drain(now, id, commands);
        }
        if let Some(more) = self.news.tell(now) {
            self.timer(more, Timer::Wake);
        }
        self.timers.first().map_or(Instant::FAR_FUTURE, |(at, _)| *at)
    }

    fn timer_passed(&self, now: Instant) -> bool {
        self.producer_id_since.is_none_or(|at| now >= at)
    }

    fn on_cluster(&mut self, now: Instant, cluster: &Arc<Cluster>) {
        self.cluster = cluster.clone();
        self.accumulator.on_cluster(cluster);
        for lane in self.lanes.values_mut() {
            let (leader, epoch) = leader_of(cluster, &lane.partition);
            if (leader, epoch) != (lane.leader, lane.leader_epoch) {
                lane.moved |= leader != lane.leader && lane.in_flight > 0;
                lane.queued &= leader == lane.leader;
                (lane.leader, lane.leader_epoch) = (leader, epoch);
                // A new leader is asked at once: the backoff was for the old one.
                lane.muted_until = Instant::default();
            }
        }
        for broker in self.brokers.values_mut() {
            let lanes = &self.lanes;
            let id_of = |index: &u32| lanes.get(index).is_some_and(|lane| lane.queued);
            broker.ready.retain(id_of);
        }
        let all: Vec<u32> = self.lanes.keys().copied().collect();
        for index in all {
            self.make_ready(now, index);
        }
    }

    fn lane(&mut self, partition: &Arc<Partition>) -> u32 {
        let index = partition.index;
        if !self.lanes.contains_key(&index) {
            let (leader, leader_epoch) = leader_of(&self.cluster, partition);
            let lane = Lane {
                partition: partition.clone(),
                leader,
                leader_epoch,
                moved: false,
                retry: VecDeque::new(),
                held: VecDeque::new(),
                in_flight: 0,
                queued: false,
                muted_until: Instant::default(),
                sequences: Sequences::new(),
            };
            self.lanes.insert(index, lane);
        }
        index
    }

    fn timer(&mut self, at: Instant, timer: Timer) {
        self.timers.insert((at, timer));
    }

    fn on_edges(&mut self, now: Instant, commands: &mut Vec<Command>) {
        let mut edges = std::mem::take(&mut self.edges);
        self.accumulator.shared.take_edges(&mut edges);
        let settings = &self.accumulator.shared.settings;
        let (linger, delivery_timeout) = (settings.linger, settings.delivery_timeout);
        for edge in edges.drain(..) {
            match edge {
                Edge::Opened(partition, due) => {
                    let lane = self.lane(&partition);
                    self.timer(due, Timer::Due(lane));
                    // Due is when it was opened, and linger after that.
                    let opened =
                        Instant::from_micros(due.as_micros().saturating_sub(u64::try_from(linger.as_micros()).unwrap_or(0)));
                    self.timer(opened + delivery_timeout, Timer::Expire(lane));
                    if due <= now || self.accumulator.shared.flushing.load(std::sync::atomic::Ordering::Acquire) > 0 {
                        self.make_ready(now, lane);
                    }
                }
                Edge::Ready(partition) => {
                    let lane = self.lane(&partition);
                    self.make_ready(now, lane);
                }
                Edge::Staged(topic, deadline) => {
                    commands.push(Command::Follow(topic.name().clone()));
                    self.timer(deadline, Timer::Stage);
                    self.timer(now + self.accumulator.shared.settings.unknown_topic_limit, Timer::Stage);
                    // The client may know the topic already, through another producer or consumer.
                    if self.cluster.topic(topic.name()).is_some() {
                        self.accumulator.on_cluster(&self.cluster);
                    }
                }
                Edge::Flush => {
                    for partition in self.accumulator.partitions() {
                        let lane = self.lane(&partition);
                        self.make_ready(now, lane);
                    }
                }
                Edge::Purge { queued, in_flight } => self.purge(queued, in_flight),
            }
        }
        self.edges = edges;
    }

    fn on_timers(&mut self, now: Instant, commands: &mut Vec<Command>) {
        while let Some((at, timer)) = self.timers.pop_first() {
            if at > now {
                self.timers.insert((at, timer));
                break;
            }
            match timer {
                Timer::Due(lane) => self.make_ready(now, lane),
                Timer::Expire(lane) => self.expire(now, lane),
                Timer::Stage => self.expire_stages(now),
                Timer::Wake => {}
            }
        }
        let orphan = |lane: &Lane| lane.leader < 0 && (lane.in_flight > 0 || !lane.retry.is_empty());
        if self.lanes.values().any(orphan) {
            commands.push(Command::RefreshMetadata);
        }
    }

    /// Puts a lane in the line of its leader.
    fn make_ready(&mut self, now: Instant, index: u32) {
        let Some(lane) = self.lanes.get_mut(&index) else { return };
        if lane.queued || lane.leader < 0 || lane.muted_until > now {
            return;
        }
        lane.queued = true;
        self.brokers.entry(lane.leader).or_default().ready.push_back(index);
    }

    fn drain(&mut self, now: Instant, id: i32, commands: &mut Vec<Command>) {
        let settings = self.accumulator.shared.settings.clone();
        loop {
            let Some(broker) = self.brokers.get_mut(&id) else { return };
            if broker.ready.is_empty() || broker.in_flight >= settings.max_in_flight || broker.muted_until > now {
                return;
            }
            if !broker.connected {
                if !broker.connecting {
                    broker.connecting = true;
                    commands.push(Command::Connect(id));
                }
                return;
            }
            if matches!(self.producer_id, ProducerId::Wanted | ProducerId::Asked) {
                return;
            }
            let mut batches = Vec::new();
            let mut bytes = 0;
            for _ in 0..broker.ready.len() {
                let Some(broker) = self.brokers.get_mut(&id) else { return };
                let Some(index) = broker.ready.pop_front() else { break };
                if let Some(lane) = self.lanes.get_mut(&index) {
                    lane.queued = false;
                }
                if let Some(batch) = self.next_batch(now, index) {
                    bytes += batch.len();
                    batches.push((index, batch));
                    if self
                        .lanes
                        .get(&index)
                        .is_some_and(|lane| !lane.retry.is_empty() || lane.partition.has_ready(&self.accumulator.shared, now))
                    {
                        self.make_ready(now, index);
                    }
                    if bytes >= MAX_REQUEST_BYTES {
                        break;
                    }
                }
            }
            if batches.is_empty() {
                return;
            }
            self.send(id, batches, commands, &settings);
        }
    }

    /// The lane's next batch, numbered.
    fn next_batch(&mut self, now: Instant, index: u32) -> Option<ProducerBatch> {
        let known = self.sequences_for(index)?;
        let lane = self.lanes.get_mut(&index)?;
        let overtaken = mutants::is(Mutant::RetryOutOfOrder) && lane.partition.has_ready(&self.accumulator.shared, now);
        let mut batch = if lane.retry.is_empty() || overtaken {
            match lane.partition.take(&self.accumulator.shared, now) {
                Taken::Batch(batch) => batch,
                Taken::Nothing => return None,
            }
        } else {
            lane.retry.pop_front()?
        };
        if known && !batch.has_sequence() {
            lane.sequences.assign(&mut batch.header);
        }
        lane.in_flight += 1;
        Some(batch)
    }

    /// Brings the lane's sequences up to the producer's epoch. `None`: nothing may go now; an answer that is awaited brings the
    /// lane back. Else whether batches are numbered.
    fn sequences_for(&mut self, index: u32) -> Option<bool> {
        let lane = self.lanes.get(&index)?;
        let (idle, again) = (lane.in_flight == 0, !lane.retry.is_empty());
        if !idle && (lane.moved || again || lane.sequences.is_broken()) {
            return None;
        }
        let (id, epoch) = match self.producer_id {
            ProducerId::Known { id, epoch } => (id, epoch),
            ProducerId::Unused => return Some(false),
            // A new id is on its way; with it all lanes come back.
            ProducerId::Wanted | ProducerId::Asked => return None,
        };
        if lane.sequences.is_broken() {
            if lane.sequences.is_of(id, epoch) {
                self.bump_epoch();
            }
        } else if again {
            // As they were numbered: some may be in the log already, and only their own numbers show it to the broker.
            return Some(true);
        } else if lane.sequences.is_unresolved() {
            if !idle {
                return None;
            }
            let lane = self.lanes.get_mut(&index)?;
            if !lane.sequences.settle() && lane.sequences.is_of(id, epoch) {
                self.bump_epoch();
            }
        }
        let ProducerId::Known { id, epoch } = self.producer_id else { return None };
        let lane = self.lanes.get_mut(&index)?;
        // A broker that knows nothing of a producer takes any sequence for the first. Were the second batch under way already when
        // it refuses the first (its leadership is new to it), that one could never come before the other any more.
        if !idle && !lane.sequences.has_acked() {
            return None;
        }
        if !lane.sequences.is_of(id, epoch) {
            if !idle {
                return None;
            }
            lane.sequences.restart(id, epoch);
            // What waits to be sent again is numbered anew, in its order.
            for batch in &mut lane.retry {
                batch.header.base_sequence = -1;
            }
        }
        Some(true)
    }

    /// KIP-360: the next epoch of the same producer id. Each partition goes over to it when nothing of it is under way.
    fn bump_epoch(&mut self) {
        if let ProducerId::Known { id, epoch } = self.producer_id {
            self.producer_id = match epoch.checked_add(1) {
                Some(epoch) if epoch < i16::MAX => {
                    self.news.on_new_epoch(id, epoch);
                    ProducerId::Known { id, epoch }
                }
                _ => ProducerId::Wanted,
            };
        }
    }

    fn send(
        &mut self,
        broker: i32,
        mut batches: Vec<(u32, ProducerBatch)>,
        commands: &mut Vec<Command>,
        settings: &ProducerSettings,
    ) {
        let mut topics: Vec<TopicProduceData> = Vec::new();
        let mut bytes = 0;
        for (index, batch) in &mut batches {
            let Some(lane) = self.lanes.get(index) else { continue };
            batch.attempts += 1;
            bytes += batch.len();
            let data = PartitionProduceData {
                index: lane.partition.id,
                records: Some(batch.records()),
                ..PartitionProduceData::default()
            };
            let name = &lane.partition.topic;
            match topics.iter_mut().find(|topic| topic.name == *name) {
                Some(topic) => topic.partition_data.push(data),
                None => topics.push(TopicProduceData {
                    name: name.clone(),
                    topic_id: self.cluster.topic(name).map_or(Uuid::ZERO, |topic| topic.id),
                    partition_data: vec![data],
                    ..TopicProduceData::default()
                }),
            }
        }
        self.metrics.on_request(batches.len(), bytes);
        self.next_token += 1;
        let token = self.next_token;
        if let Some(lane) = self.brokers.get_mut(&broker) {
            lane.in_flight += 1;
        }
        self.requests.insert(token, InFlight { broker, batches });
        let timeout_ms = i32::try_from(settings.request_timeout.as_millis()).unwrap_or(i32::MAX);
        let request = ProduceRequest { acks: settings.acks, timeout_ms, topic_data: topics, ..ProduceRequest::default() };
        commands.push(Command::Produce { token, broker, request });
    }

    /// The broker can be sent to.
    pub fn on_connected(&mut self, broker: i32) {
        let lane = self.brokers.entry(broker).or_default();
        (lane.connected, lane.connecting) = (true, false);
    }

    /// The broker can't be sent to now; its requests are reported one by one. Asks for a connection again when there is work.
    pub fn on_disconnected(&mut self, broker: i32) {
        let lane = self.brokers.entry(broker).or_default();
        (lane.connected, lane.connecting) = (false, false);
    }

    /// The error that ended this producer for good, if one did.
    #[must_use]
    pub fn fatal_error(&self) -> Option<&Error> {
        self.fatal.as_ref()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.accumulator.end();
    }
}

fn leader_of(cluster: &Cluster, partition: &Partition) -> (i32, i32) {
    cluster.partition(&partition.topic, partition.id).map_or((-1, -1), |info| (info.leader, info.leader_epoch))
}
