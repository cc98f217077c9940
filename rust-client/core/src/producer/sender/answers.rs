//! What brokers answered: to Produce, and to InitProducerId.

use crate::mutants::{self, Mutant};
use std::collections::VecDeque;
use std::time::Duration;

use ottla_protocol::messages::init_producer_id::InitProducerIdResponse;
use ottla_protocol::messages::produce::{PartitionProduceResponse, ProduceResponse};
use ottla_protocol::{ErrorCode, Text};

use super::{Command, InFlight, ProducerId, Sender, Timer, after, is_behind};
use crate::error::{Error, ErrorKind};
use crate::metadata::{BrokerInfo, Cluster, LeaderHint, backoff};
use crate::producer::accumulator::Partition;
use crate::producer::batch::ProducerBatch;
use crate::time::Instant;

/// What an answer means for a batch.
enum Verdict {
    /// Send it again; the leader may have moved.
    Retry,
    /// The broker lost the sequence, or it has a hole: a new epoch, and again.
    Renumber,
    /// It may be in the log, with others behind it, by a broker that has forgotten of all but the last batch what it has: such a
    /// one finds any but the last out of order when it is sent again, as a broker does that was killed. What comes of the next
    /// batch tells: taken, or known already, and this one is in the log too, for the broker takes no sequence with a hole; out of
    /// order up to the last one, and none of them is.
    Hold,
    /// In two parts.
    Split,
    Failed,
}

impl Sender {
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
        if let Ok(Some(response)) = &answer {
            self.throttle(now, broker, response.throttle_time_ms);
            let hints = leader_hints(response, &self.cluster);
            if !hints.is_empty() {
                commands.push(Command::LearnLeaders(hints));
            }
        }
        for (index, batch) in batches {
            let Some(lane) = self.lanes.get_mut(&index) else { continue };
            lane.in_flight = lane.in_flight.saturating_sub(1);
            lane.moved &= lane.in_flight > 0;
            let partition = lane.partition.clone();
            match &answer {
                Err(_) if mutants::is(Mutant::AcknowledgedDropped) => self.written(now, index, batch, -1, -1),
                Err(error) => self.judge(now, index, batch, Err(error.clone()), commands),
                Ok(None) => self.written(now, index, batch, -1, -1),
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

    /// KIP-219: the broker asks not to be sent to for some time.
    fn throttle(&mut self, now: Instant, broker: i32, throttle_time_ms: i32) {
        let time = Duration::from_millis(u64::try_from(throttle_time_ms).unwrap_or(0));
        self.news.on_throttle(broker, time);
        if time.is_zero() {
            return;
        }
        self.metrics.on_throttled(time);
        if let Some(lane) = self.brokers.get_mut(&broker) {
            lane.muted_until = lane.muted_until.max(now + time);
        }
        self.timer(now + time, Timer::Wake);
    }

    fn written(&mut self, now: Instant, index: u32, mut batch: ProducerBatch, offset: i64, log_append_time: i64) {
        self.news.on_end(index);
        let mut held = Vec::new();
        if let Some(lane) = self.lanes.get_mut(&index) {
            lane.sequences.acked(&batch.header);
            held.extend(lane.held.drain(..));
        }
        for before in held {
            // In the log, though nobody knows where.
            self.written(now, index, before, -1, -1);
        }
        if batch.debt.is_some() {
            let records = u64::try_from(batch.header.records_count).unwrap_or(0);
            self.metrics.on_written(records, batch.payload.len(), now.since(batch.created));
        }
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
        let mut exceptions = Vec::new();
        let error = match answer {
            Ok(answer) => match ErrorCode::from_code(answer.error_code) {
                ErrorCode::None => return self.written(now, index, batch, answer.base_offset, answer.log_append_time_ms),
                // It is in the log from an attempt whose answer was lost, too long ago for the broker to know where.
                ErrorCode::DuplicateSequenceNumber => return self.written(now, index, batch, -1, -1),
                code => {
                    exceptions = self.exceptions(index, &batch, code, answer);
                    self.broker_error(index, &batch, code, answer, exceptions.len())
                }
            },
            Err(error) => self.place(index, error),
        };
        // A code that is no refusal, or no answer at all: it may have been appended.
        batch.in_doubt |= error.possibly_written();
        let settings = &self.accumulator.shared.settings;
        let expired = now.since(batch.created) >= settings.delivery_timeout;
        let may_retry = batch.debt.is_some() && !expired && batch.attempts <= settings.retries && self.fatal.is_none();
        let (backoff_first, backoff_max) = (settings.retry_backoff, settings.retry_backoff_max);
        if error.code().is_none_or(|code| code.is_invalid_metadata()) {
            commands.push(Command::RefreshMetadata);
        }
        match self.verdict(index, &batch, &error) {
            Verdict::Split if batch.debt.is_some() && !expired => match batch.split() {
                Ok([first, second]) => {
                    self.metrics.on_split();
                    self.put_back(index, second);
                    self.put_back(index, first);
                }
                Err(batch) => self.fail(index, *batch, error, Vec::new()),
            },
            Verdict::Hold if may_retry => {
                if let Some(lane) = self.lanes.get_mut(&index) {
                    lane.held.push_back(batch);
                }
            }
            verdict @ (Verdict::Retry | Verdict::Renumber) if may_retry => {
                self.metrics.on_retry();
                self.news.on_retry(now, index, &error);
                let wait = backoff(batch.attempts.saturating_sub(1), backoff_first, backoff_max, &mut self.rng);
                self.put_back(index, batch);
                if matches!(verdict, Verdict::Renumber) {
                    self.break_off(index, &error);
                }
                if let Some(lane) = self.lanes.get_mut(&index) {
                    lane.muted_until = now + wait;
                }
                self.timer(now + wait, Timer::Due(index));
            }
            _ => {
                let error = if expired { self.timed_out(index, &error) } else { error };
                if expired && batch.debt.is_some() {
                    self.news.on_expired(u64::try_from(batch.header.records_count).unwrap_or(0));
                }
                self.fail(index, batch, error, exceptions);
            }
        }
    }

    fn fail(&mut self, index: u32, mut batch: ProducerBatch, error: Error, exceptions: Vec<(u32, Error)>) {
        self.news.on_end(index);
        if let Some(lane) = self.lanes.get_mut(&index) {
            lane.sequences.give_up(&batch.header);
        }
        if batch.debt.is_some() {
            self.metrics.on_failed(u64::try_from(batch.header.records_count).unwrap_or(0));
        }
        // Nothing may be left that would tell.
        self.put_back_held(index);
        let fatal = error.code() == Some(ErrorCode::ClusterAuthorizationFailed) && batch.has_sequence();
        let error = error.with_possibly_written(batch.in_doubt);
        batch.complete(Err(error.clone()), -1, exceptions);
        if fatal {
            self.end(error);
        }
    }

    /// The records that the broker names as the culprits (KIP-467).
    fn exceptions(
        &self,
        index: u32,
        batch: &ProducerBatch,
        code: ErrorCode,
        answer: &PartitionProduceResponse,
    ) -> Vec<(u32, Error)> {
        let count = batch.header.records_count;
        let named = answer.record_errors.iter().filter(|record| (0..count).contains(&record.batch_index));
        let mut exceptions: Vec<(u32, Error)> = named
            .map(|record| {
                let said = record.batch_index_error_message.as_ref().or(answer.error_message.as_ref());
                let said = said.map(|text| format!(": {text}")).unwrap_or_default();
                let what = format!("the broker refused this record, number {} of its batch{said}", record.batch_index);
                (record.batch_index.unsigned_abs(), self.place(index, Error::kafka(code, what)).with_possibly_written(false))
            })
            .collect();
        exceptions.sort_by_key(|(at, _)| *at);
        exceptions.dedup_by_key(|(at, _)| *at);
        exceptions
    }

    fn broker_error(
        &self,
        index: u32,
        batch: &ProducerBatch,
        code: ErrorCode,
        answer: &PartitionProduceResponse,
        culprits: usize,
    ) -> Error {
        let said = answer.error_message.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        let records = batch.header.records_count;
        let what = match culprits {
            0 => format!("while producing a batch of {records} records{said}"),
            _ => format!(
                "while producing a batch of {records} records, {culprits} of which the broker refused, and the others with them{said}"
            ),
        };
        self.place(index, Error::kafka(code, what))
    }

    /// Says which topic, partition and broker the error is about.
    pub(super) fn place(&self, index: u32, mut error: Error) -> Error {
        if let Some(lane) = self.lanes.get(&index) {
            error = error.with_topic(lane.partition.topic.as_str()).with_partition(lane.partition.id);
            if let Some(broker) = self.cluster.brokers.get(&lane.leader) {
                error = error.with_broker(broker.id, format!("{}:{}", broker.host, broker.port));
            }
        }
        error
    }

    fn verdict(&self, index: u32, batch: &ProducerBatch, error: &Error) -> Verdict {
        let lane = self.lanes.get(&index).filter(|_| batch.has_sequence());
        match (error.code(), lane) {
            (Some(ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge), _) if batch.header.records_count > 1 => {
                Verdict::Split
            }
            (Some(ErrorCode::OutOfOrderSequenceNumber), Some(lane)) => {
                let end = |batch: &ProducerBatch| after(batch.header.base_sequence, batch.header.records_count);
                let expected = lane.held.back().map_or_else(|| lane.sequences.expected(), end);
                if is_behind(expected, batch.header.base_sequence) && !lane.sequences.is_unresolved() {
                    // Behind a batch that is still to come this is right. Before what the log ends with it never comes right.
                    return Verdict::Retry;
                }
                let tells = |next: &ProducerBatch| next.in_doubt && next.header.base_sequence == end(batch);
                // A broker that knows nothing of a producer takes any sequence for the first: that it has the next one tells nothing
                // then of this one, and sent again it would come behind it.
                let tells = lane.sequences.has_acked() && lane.retry.front().is_some_and(tells);
                match (batch.in_doubt, tells) {
                    (true, true) => Verdict::Hold,
                    // Under other numbers the broker could not tell it from the attempt that is in doubt, which may be in the log
                    // or still on its way there: once at most, and the application hears that nobody knows.
                    (true, false) => Verdict::Failed,
                    (false, _) => Verdict::Renumber,
                }
            }
            (Some(ErrorCode::UnknownProducerId), Some(_)) if !batch.in_doubt => Verdict::Renumber,
            _ if error.is_retriable() => Verdict::Retry,
            _ => Verdict::Failed,
        }
    }

    /// Puts a batch back where its age says, oldest first; of the parts of one batch, what is put back comes first.
    fn put_back(&mut self, index: u32, batch: ProducerBatch) {
        if let Some(lane) = self.lanes.get_mut(&index) {
            let at = lane.retry.iter().position(|waiting| waiting.serial >= batch.serial).unwrap_or(lane.retry.len());
            lane.retry.insert(at, batch);
        }
    }

    /// The partition's numbers are of no use any more: what is to be sent again gets new ones. What is in doubt can't, and fails.
    fn break_off(&mut self, index: u32, error: &Error) {
        self.put_back_held(index);
        let Some(lane) = self.lanes.get_mut(&index) else { return };
        let waiting = std::mem::take(&mut lane.retry).into_iter();
        let (doubtful, sure): (VecDeque<_>, VecDeque<_>) = waiting.partition(|batch| batch.in_doubt);
        lane.retry = sure;
        lane.sequences.break_off();
        for batch in doubtful {
            self.fail(index, batch, error.clone(), Vec::new());
        }
    }

    /// What was held goes again, from the first on.
    pub(super) fn put_back_held(&mut self, index: u32) {
        let held = self.lanes.get_mut(&index).map(|lane| std::mem::take(&mut lane.held));
        for batch in held.into_iter().flatten().rev() {
            self.put_back(index, batch);
        }
    }

    /// The answer to [`Command::InitProducerId`].
    pub fn on_producer_id(&mut self, now: Instant, answer: Result<InitProducerIdResponse, Error>) {
        let error = match answer {
            Ok(answer) if answer.error_code == 0 => {
                self.producer_id = ProducerId::Known { id: answer.producer_id, epoch: answer.producer_epoch };
                self.producer_id_attempts = 0;
                self.news.on_producer_id(answer.producer_id, answer.producer_epoch);
                let lanes: Vec<u32> = self.lanes.keys().copied().collect();
                for index in lanes {
                    self.make_ready(now, index);
                }
                return;
            }
            Ok(answer) => Error::kafka(ErrorCode::from_code(answer.error_code), "while asking for a producer id"),
            Err(error) => error,
        };
        if !error.is_retriable() {
            self.end(error);
            return;
        }
        self.news.on_no_producer_id(&error);
        let settings = &self.accumulator.shared.settings;
        let wait = backoff(self.producer_id_attempts, settings.retry_backoff, settings.retry_backoff_max, &mut self.rng);
        self.producer_id_attempts = self.producer_id_attempts.saturating_add(1);
        self.producer_id = ProducerId::Wanted;
        self.producer_id_since = Some(now + wait);
        self.timer(now + wait, Timer::Wake);
    }

    /// The producer can't go on: what it holds fails now, and what comes is refused, with the same error.
    fn end(&mut self, error: Error) {
        if self.fatal.is_some() {
            return;
        }
        let error = error.fatal();
        self.producer_id = ProducerId::Unused;
        self.accumulator.fail(error.clone());
        self.give_up_queued(|_| error.clone());
        self.fatal = Some(error);
    }
}

/// KIP-951: who leads now, told with the error that says that this broker does not.
fn leader_hints(response: &ProduceResponse, cluster: &Cluster) -> Vec<LeaderHint> {
    let mut hints = Vec::new();
    for topic in &response.responses {
        for answer in &topic.partition_responses {
            let leader = answer.current_leader.leader_id;
            if leader < 0 || answer.error_code == 0 {
                continue;
            }
            let name = if topic.name.is_empty() { cluster.topic_name(topic.topic_id) } else { Some(&topic.name) };
            let Some(name) = name else { continue };
            let node = response.node_endpoints.iter().find(|node| node.node_id == leader);
            let broker = node.map(|node| BrokerInfo {
                id: node.node_id,
                host: node.host.detach(),
                port: node.port,
                rack: node.rack.as_ref().map(Text::detach),
            });
            let leader_epoch = answer.current_leader.leader_epoch;
            hints.push(LeaderHint { topic: name.detach(), partition: answer.index, leader, leader_epoch, broker });
        }
    }
    hints
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
