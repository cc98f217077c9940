//! Decides which batches go to which broker, numbers them, and judges the answers. One owner, no IO, no clock.
//!
//! It is told of edges only (a batch opened, a batch ready), keeps a ready list for each broker and due times in order, and never
//! scans all partitions but when metadata changes or a flush begins.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ottla_protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use ottla_protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
};
use ottla_protocol::{ErrorCode, Text, Uuid};

use super::accumulator::{Accumulator, Edge, Partition, Taken, Topic};
use super::batch::ProducerBatch;
use crate::error::{Error, ErrorKind, PurgedFrom};
use crate::metadata::{Cluster, backoff};
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A lane's open batch is due, or its backoff over.
    Due(u32),
    /// A lane's oldest batch may have expired.
    Expire(u32),
    /// A topic's stage may have expired.
    Stage,
    /// The producer id may be asked for again.
    ProducerId,
}

/// A partition as the sender sees it.
struct Lane {
    partition: Arc<Partition>,
    leader: i32,
    /// Batches to send again, in order; while there are any, one is in flight at a time, so that order holds.
    retry: VecDeque<ProducerBatch>,
    in_flight: usize,
    queued: bool,
    muted_until: Instant,
    epoch: i16,
    producer_id: i64,
    next_sequence: i32,
}

#[derive(Default)]
struct BrokerLane {
    ready: VecDeque<u32>,
    in_flight: usize,
    connected: bool,
    connecting: bool,
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

/// What an answer means for a batch.
enum Verdict {
    /// Send it again; the leader may have moved.
    Retry,
    /// The broker lost, or we broke, the sequence: a new epoch, and again.
    Renumber,
    Failed,
}

/// See the module's page.
pub struct Sender {
    accumulator: Arc<Accumulator>,
    metrics: Arc<ProducerMetrics>,
    lanes: BTreeMap<u32, Lane>,
    brokers: BTreeMap<i32, BrokerLane>,
    requests: BTreeMap<u64, InFlight>,
    timers: BinaryHeap<Reverse<(Instant, Timer)>>,
    edges: Vec<Edge>,
    next_token: u64,
    cluster: Arc<Cluster>,
    producer_id: ProducerId,
    producer_id_attempts: u32,
    producer_id_since: Option<Instant>,
    fatal: Option<Error>,
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
            timers: BinaryHeap::new(),
            edges: Vec::new(),
            next_token: 0,
            cluster: Arc::new(Cluster::default()),
            producer_id,
            producer_id_attempts: 0,
            producer_id_since: None,
            fatal: None,
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
        self.timers.peek().map_or(Instant::FAR_FUTURE, |Reverse((at, _))| *at)
    }

    fn timer_passed(&self, now: Instant) -> bool {
        self.producer_id_since.is_none_or(|at| now >= at)
    }

    fn on_cluster(&mut self, now: Instant, cluster: &Arc<Cluster>) {
        self.cluster = cluster.clone();
        self.accumulator.on_cluster(cluster);
        for (index, lane) in &mut self.lanes {
            let leader = cluster.partition(&lane.partition.topic, lane.partition.id).map_or(-1, |p| p.leader);
            if leader != lane.leader {
                lane.leader = leader;
                lane.queued = false;
            }
            let _ = index;
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
            let leader = self.cluster.partition(&partition.topic, partition.id).map_or(-1, |p| p.leader);
            let lane = Lane {
                partition: partition.clone(),
                leader,
                retry: VecDeque::new(),
                in_flight: 0,
                queued: false,
                muted_until: Instant::default(),
                epoch: -1,
                producer_id: -1,
                next_sequence: 0,
            };
            self.lanes.insert(index, lane);
        }
        index
    }

    fn timer(&mut self, at: Instant, timer: Timer) {
        self.timers.push(Reverse((at, timer)));
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
        while self.timers.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((_, timer))) = self.timers.pop() else { break };
            match timer {
                Timer::Due(lane) => self.make_ready(now, lane),
                Timer::Expire(lane) => self.expire(now, lane),
                Timer::Stage => self.expire_stages(now),
                Timer::ProducerId => {}
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
            if broker.ready.is_empty() || broker.in_flight >= settings.max_in_flight {
                return;
            }
            if !broker.connected {
                if !broker.connecting {
                    broker.connecting = true;
                    commands.push(Command::Connect(id));
                }
                return;
            }
            if matches!(self.producer_id, ProducerId::Wanted | ProducerId::Asked) && self.fatal.is_none() {
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
        let shared = self.accumulator.shared.clone();
        let lane = self.lanes.get_mut(&index)?;
        let known = match self.producer_id {
            ProducerId::Known { id, epoch } => Some((id, epoch)),
            _ => None,
        };
        if let Some((id, epoch)) = known
            && (lane.producer_id, lane.epoch) != (id, epoch)
        {
            if lane.in_flight > 0 {
                return None;
            }
            // A new epoch starts at 0; what waits to be sent again is numbered anew, in its order.
            (lane.producer_id, lane.epoch, lane.next_sequence) = (id, epoch, 0);
            for batch in &mut lane.retry {
                batch.header.base_sequence = -1;
            }
        }
        let mut batch = if lane.retry.is_empty() {
            match lane.partition.take(&shared, now) {
                Taken::Batch(batch) => batch,
                Taken::Nothing => return None,
            }
        } else if lane.in_flight > 0 {
            return None;
        } else {
            lane.retry.pop_front()?
        };
        if known.is_some() && !batch.has_sequence() {
            batch.header.producer_id = lane.producer_id;
            batch.header.producer_epoch = lane.epoch;
            batch.header.base_sequence = lane.next_sequence;
            lane.next_sequence = next_sequence(lane.next_sequence, batch.header.records_count);
        }
        if let Some(error) = &self.fatal {
            batch.complete(Err(error.clone()), -1, Vec::new());
            return None;
        }
        lane.in_flight += 1;
        Some(batch)
    }

    fn send(
        &mut self,
        broker: i32,
        mut batches: Vec<(u32, ProducerBatch)>,
        commands: &mut Vec<Command>,
        settings: &super::settings::ProducerSettings,
    ) {
        let mut topics: Vec<TopicProduceData> = Vec::new();
        let mut bytes = 0;
        for (index, batch) in &mut batches {
            let Some(lane) = self.lanes.get(index) else { continue };
            batch.sent = true;
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

    /// An answer, or none: what became of a request. With acks=0 the answer is `None` once the request was written.
    pub fn on_produced(
        &mut self,
        now: Instant,
        token: u64,
        answer: Result<Option<ProduceResponse>, Error>,
        commands: &mut Vec<Command>,
    ) {
        let Some(InFlight { broker, batches }) = self.requests.remove(&token) else { return };
        if let Some(lane) = self.brokers.get_mut(&broker) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
        }
        for (index, batch) in batches {
            let Some(lane) = self.lanes.get_mut(&index) else { continue };
            lane.in_flight = lane.in_flight.saturating_sub(1);
            let partition = lane.partition.clone();
            match &answer {
                Err(error) => self.judge(now, index, batch, Err(error.clone()), commands),
                Ok(None) => self.written(now, batch, -1, -1),
                Ok(Some(response)) => match find(response, &partition, &self.cluster) {
                    Some(found) => self.judge(now, index, batch, Ok(found), commands),
                    None => {
                        let error = Error::new(ErrorKind::Protocol, "the broker's answer to Produce leaves the partition out")
                            .retriable();
                        self.judge(now, index, batch, Err(error), commands);
                    }
                },
            }
            self.make_ready(now, index);
        }
        // Lanes of the broker that waited for a place in flight are still in its ready list; `poll` goes on with them.
    }

    fn written(&self, now: Instant, mut batch: ProducerBatch, offset: i64, log_append_time: i64) {
        self.metrics.on_written(
            u64::try_from(batch.header.records_count).unwrap_or(0),
            batch.payload.len(),
            now.since(batch.created),
        );
        batch.complete(Ok(offset), log_append_time, Vec::new());
    }

    fn judge(
        &mut self,
        now: Instant,
        index: u32,
        mut batch: ProducerBatch,
        answer: Result<&PartitionProduceResponse, Error>,
        commands: &mut Vec<Command>,
    ) {
        let error = match answer {
            Ok(answer) => {
                let code = ErrorCode::from_code(answer.error_code);
                if code == ErrorCode::None {
                    self.written(now, batch, answer.base_offset, answer.log_append_time_ms);
                    return;
                }
                if code == ErrorCode::DuplicateSequenceNumber {
                    // It is in the log from an attempt whose answer was lost, too long ago for the broker to know where.
                    self.written(now, batch, -1, -1);
                    return;
                }
                self.broker_error(index, &batch, code, answer)
            }
            Err(error) => error,
        };
        let settings = &self.accumulator.shared.settings;
        let expired = now.since(batch.created) >= settings.delivery_timeout;
        let verdict = self.verdict(index, &batch, &error);
        if error.code().is_none_or(|code| code.is_invalid_metadata()) {
            commands.push(Command::RefreshMetadata);
        }
        let attempts_left = batch.attempts <= settings.retries;
        let (backoff_first, backoff_max) = (settings.retry_backoff, settings.retry_backoff_max);
        match verdict {
            Verdict::Retry | Verdict::Renumber if batch.debt.is_some() && !expired && attempts_left => {
                self.metrics.on_retry();
                let wait = backoff(batch.attempts.saturating_sub(1), backoff_first, backoff_max, &mut self.rng);
                if matches!(verdict, Verdict::Renumber) {
                    self.bump_epoch();
                }
                self.put_back(index, batch);
                if let Some(lane) = self.lanes.get_mut(&index) {
                    lane.muted_until = now + wait;
                }
                self.timer(now + wait, Timer::Due(index));
            }
            _ => {
                // What was numbered and did not get into the log leaves a hole in the sequence.
                if batch.has_sequence() {
                    self.bump_epoch();
                }
                self.metrics.on_failed(u64::try_from(batch.header.records_count).unwrap_or(0));
                let error = if expired { timed_out(&error, settings_delivery(&self.accumulator)) } else { error };
                // A refusal says that nothing was appended, but only of the attempt that it answers.
                let possibly_written = batch.attempts > 1 || error.possibly_written();
                let error = self.place(index, error).with_possibly_written(possibly_written);
                batch.complete(Err(error), -1, Vec::new());
            }
        }
    }

    fn broker_error(&self, index: u32, batch: &ProducerBatch, code: ErrorCode, answer: &PartitionProduceResponse) -> Error {
        let said = answer.error_message.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        let records = batch.header.records_count;
        self.place(index, Error::kafka(code, format!("while producing a batch of {records} records{said}")))
    }

    /// Says which topic, partition and broker the error is about.
    fn place(&self, index: u32, mut error: Error) -> Error {
        if let Some(lane) = self.lanes.get(&index) {
            error = error.with_topic(lane.partition.topic.as_str()).with_partition(lane.partition.id);
            if let Some(broker) = self.cluster.brokers.get(&lane.leader) {
                error = error.with_broker(broker.id, format!("{}:{}", broker.host, broker.port));
            }
        }
        error
    }

    fn verdict(&self, index: u32, batch: &ProducerBatch, error: &Error) -> Verdict {
        let idempotent = batch.has_sequence();
        match error.code() {
            Some(ErrorCode::OutOfOrderSequenceNumber) if idempotent => {
                // Behind a batch that is to go again this is expected; else the sequence is broken.
                let behind = self
                    .lanes
                    .get(&index)
                    .is_some_and(|lane| lane.retry.front().is_some_and(|first| first.serial < batch.serial));
                if behind { Verdict::Retry } else { Verdict::Renumber }
            }
            Some(ErrorCode::UnknownProducerId | ErrorCode::InvalidProducerEpoch | ErrorCode::InvalidProducerIdMapping)
                if idempotent =>
            {
                Verdict::Renumber
            }
            _ if error.is_retriable() => Verdict::Retry,
            _ => Verdict::Failed,
        }
    }

    /// Puts a batch back where its age says, oldest first.
    fn put_back(&mut self, index: u32, batch: ProducerBatch) {
        if let Some(lane) = self.lanes.get_mut(&index) {
            let at = lane.retry.iter().position(|waiting| waiting.serial > batch.serial).unwrap_or(lane.retry.len());
            lane.retry.insert(at, batch);
        }
    }

    /// KIP-360: the next epoch of the same producer id; each partition starts again at 0 when nothing of it is in flight.
    fn bump_epoch(&mut self) {
        if let ProducerId::Known { id, epoch } = self.producer_id {
            self.producer_id = match epoch.checked_add(1) {
                Some(epoch) if epoch < i16::MAX => ProducerId::Known { id, epoch },
                _ => ProducerId::Wanted,
            };
        }
    }

    /// The answer to [`Command::InitProducerId`].
    pub fn on_producer_id(&mut self, now: Instant, answer: Result<InitProducerIdResponse, Error>) {
        let error = match answer {
            Ok(answer) if answer.error_code == 0 => {
                self.producer_id = ProducerId::Known { id: answer.producer_id, epoch: answer.producer_epoch };
                self.producer_id_attempts = 0;
                return;
            }
            Ok(answer) => Error::kafka(ErrorCode::from_code(answer.error_code), "while asking for a producer id"),
            Err(error) => error,
        };
        if !error.is_retriable() {
            self.fatal = Some(error.fatal());
            self.producer_id = ProducerId::Unused;
            return;
        }
        let settings = &self.accumulator.shared.settings;
        let wait = backoff(self.producer_id_attempts, settings.retry_backoff, settings.retry_backoff_max, &mut self.rng);
        self.producer_id_attempts = self.producer_id_attempts.saturating_add(1);
        self.producer_id = ProducerId::Wanted;
        self.producer_id_since = Some(now + wait);
        self.timer(now + wait, Timer::ProducerId);
    }

    /// The error that ended this producer for good, if one did.
    #[must_use]
    pub fn fatal_error(&self) -> Option<&Error> {
        self.fatal.as_ref()
    }

    fn expire(&mut self, now: Instant, index: u32) {
        let shared = self.accumulator.shared.clone();
        let timeout = shared.settings.delivery_timeout;
        let Some(created_before) = now.as_micros().checked_sub(u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX)) else {
            return;
        };
        let created_before = Instant::from_micros(created_before);
        let Some(lane) = self.lanes.get_mut(&index) else { return };
        let mut failed = 0;
        let mut hole = false;
        let reason = if lane.leader < 0 { "its partition has no leader" } else { "no broker acknowledged it" };
        let late = |sent: bool| {
            let what = format!("the record was not delivered within delivery.timeout.ms ({} ms): {reason}", timeout.as_millis());
            Error::new(ErrorKind::MsgTimedOut, what).with_possibly_written(sent)
        };
        let mut late_batches = Vec::new();
        while lane.retry.front().is_some_and(|batch| batch.created <= created_before) {
            late_batches.extend(lane.retry.pop_front());
        }
        let waiting = lane.partition.take_older(&shared, created_before);
        let oldest = lane.retry.front().map(|batch| batch.created).or_else(|| lane.partition.oldest());
        for mut batch in late_batches {
            hole |= batch.has_sequence();
            failed += u64::try_from(batch.header.records_count).unwrap_or(0);
            let error = self.place(index, late(batch.sent));
            batch.complete(Err(error), -1, Vec::new());
        }
        for debt in waiting {
            failed += u64::try_from(debt.quota_messages).unwrap_or(0);
            let error = self.place(index, late(false));
            let partition = debt.partition;
            debt.complete(crate::completion::BatchResult {
                partition,
                outcome: Err(error),
                log_append_time: -1,
                exceptions: Vec::new(),
            });
        }
        // In flight: completed now; what is left of the batch keeps its place in the sequence until the answer comes.
        let mut in_flight = Vec::new();
        for request in self.requests.values_mut() {
            for (at, batch) in &mut request.batches {
                if *at == index && batch.created <= created_before {
                    failed += u64::try_from(batch.header.records_count).unwrap_or(0);
                    in_flight.extend(batch.debt.take());
                }
            }
        }
        for debt in in_flight {
            let error = self.place(index, late(true));
            let partition = debt.partition;
            debt.complete(crate::completion::BatchResult {
                partition,
                outcome: Err(error),
                log_append_time: -1,
                exceptions: Vec::new(),
            });
        }
        if hole {
            self.bump_epoch();
        }
        self.metrics.on_failed(failed);
        if let Some(oldest) = oldest {
            self.timer((oldest + timeout).max(now + Duration::from_millis(1)), Timer::Expire(index));
        }
    }

    fn expire_stages(&mut self, now: Instant) {
        let timeout = self.accumulator.shared.settings.delivery_timeout;
        for topic in self.accumulator.topics().values() {
            let Some(since) = Accumulator::staged_since(topic) else { continue };
            if now >= since + timeout {
                self.fail_stage(topic, timeout);
            } else {
                self.timer(since + timeout, Timer::Stage);
            }
        }
    }

    fn fail_stage(&self, topic: &Arc<Topic>, timeout: Duration) {
        let name = topic.name().as_str();
        let known = self.cluster.topics.get(topic.name());
        let error = match known {
            Some(info) if info.error == ErrorCode::UnknownTopicOrPartition => Error::new(
                ErrorKind::UnknownTopic,
                format!(
                    "the topic does not exist and did not come to be within delivery.timeout.ms ({} ms)",
                    timeout.as_millis()
                ),
            ),
            _ => Error::new(
                ErrorKind::MsgTimedOut,
                format!(
                    "no metadata of the topic came within delivery.timeout.ms ({} ms): is a broker reachable?",
                    timeout.as_millis()
                ),
            ),
        };
        self.accumulator.fail_stage(topic, &error.with_topic(name).with_possibly_written(false));
    }

    fn purge(&mut self, queued: bool, in_flight: bool) {
        let shared = self.accumulator.shared.clone();
        let error = |from| {
            Error::new(ErrorKind::Purged(from), "the record was purged").with_possibly_written(from == PurgedFrom::InFlight)
        };
        if queued {
            for topic in self.accumulator.topics().values() {
                self.accumulator.fail_stage(topic, &error(PurgedFrom::InQueue).with_topic(topic.name().as_str()));
            }
            for partition in self.accumulator.partitions() {
                for debt in partition.take_older(&shared, Instant::FAR_FUTURE) {
                    let error = error(PurgedFrom::InQueue).with_topic(debt.topic.as_str()).with_partition(debt.partition);
                    let partition = debt.partition;
                    debt.complete(crate::completion::BatchResult {
                        partition,
                        outcome: Err(error),
                        log_append_time: -1,
                        exceptions: Vec::new(),
                    });
                }
            }
            let mut hole = false;
            for lane in self.lanes.values_mut() {
                for mut batch in lane.retry.drain(..) {
                    hole |= batch.has_sequence();
                    batch.complete(Err(error(PurgedFrom::InFlight).with_topic(lane.partition.topic.as_str())), -1, Vec::new());
                }
            }
            if hole {
                self.bump_epoch();
            }
        }
        if in_flight {
            for (_, batch) in self.requests.values_mut().flat_map(|request| &mut request.batches) {
                let topic = batch.debt.as_ref().map(|debt| debt.topic.clone()).unwrap_or_default();
                batch.complete(Err(error(PurgedFrom::InFlight).with_topic(topic.as_str())), -1, Vec::new());
            }
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.accumulator.end();
    }
}

fn settings_delivery(accumulator: &Accumulator) -> Duration {
    accumulator.shared.settings.delivery_timeout
}

fn timed_out(cause: &Error, timeout: Duration) -> Error {
    let what = format!("the record was not delivered within delivery.timeout.ms ({} ms)", timeout.as_millis());
    Error::new(ErrorKind::MsgTimedOut, what).with_source(cause.clone())
}

/// The sequence wraps from `i32::MAX` to 0.
fn next_sequence(sequence: i32, records: i32) -> i32 {
    let next = (i64::from(sequence) + i64::from(records)) & i64::from(i32::MAX);
    i32::try_from(next).unwrap_or(0)
}

fn find<'a>(response: &'a ProduceResponse, partition: &Partition, cluster: &Cluster) -> Option<&'a PartitionProduceResponse> {
    let id = cluster.topic(&partition.topic).map(|topic| topic.id);
    response
        .responses
        .iter()
        .filter(|topic| topic.name == partition.topic || (!topic.topic_id.is_zero() && Some(topic.topic_id) == id))
        .flat_map(|topic| &topic.partition_responses)
        .find(|found| found.index == partition.id)
}
