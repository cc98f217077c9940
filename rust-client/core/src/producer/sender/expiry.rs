//! What is given up: what is too old, what is purged, what the producer's end leaves behind.

use std::sync::Arc;
use std::time::Duration;

use ottla_protocol::ErrorCode;

use super::{Sender, Timer};
use crate::completion::BatchResult;
use crate::error::{Error, ErrorKind, PurgedFrom};
use crate::producer::accumulator::{Accumulator, Topic};
use crate::producer::batch::Debt;
use crate::time::Instant;

fn fail(debt: Debt, error: Error) {
    let partition = debt.partition;
    debt.complete(BatchResult { partition, outcome: Err(error), log_append_time: -1, exceptions: Vec::new() });
}

impl Sender {
    /// A lane's batches that are older than `delivery.timeout.ms`.
    pub(super) fn expire(&mut self, now: Instant, index: u32) {
        let shared = self.accumulator.shared.clone();
        let timeout = shared.settings.delivery_timeout;
        let Some(created_before) = now.as_micros().checked_sub(u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX)) else {
            return;
        };
        let created_before = Instant::from_micros(created_before);
        if self.lanes.get(&index).is_some_and(|lane| lane.held.front().is_some_and(|held| held.created <= created_before)) {
            self.put_back_held(index);
        }
        let Some(lane) = self.lanes.get_mut(&index) else { return };
        let reason = if lane.leader < 0 { "its partition has no leader" } else { "no broker acknowledged it" };
        let late = |in_doubt: bool| {
            let what = format!("the record was not delivered within delivery.timeout.ms ({} ms): {reason}", timeout.as_millis());
            Error::new(ErrorKind::MsgTimedOut, what).with_possibly_written(in_doubt)
        };
        let mut given_up: Vec<(Debt, bool)> = Vec::new();
        while lane.retry.front().is_some_and(|batch| batch.created <= created_before) {
            let Some(mut batch) = lane.retry.pop_front() else { break };
            lane.sequences.give_up(&batch.header);
            given_up.extend(batch.debt.take().map(|debt| (debt, batch.in_doubt)));
        }
        let waiting = lane.partition.take_older(&shared, created_before);
        given_up.extend(waiting.into_iter().map(|debt| (debt, false)));
        let again = lane.held.front().or(lane.retry.front());
        let mut oldest = again.map(|batch| batch.created).or_else(|| lane.partition.oldest());
        // In flight: completed now; what is left of the batch keeps its place in the sequence until the answer comes.
        for (at, batch) in self.requests.values_mut().flat_map(|request| &mut request.batches) {
            if *at != index || batch.debt.is_none() {
                continue;
            }
            if batch.created <= created_before {
                given_up.extend(batch.debt.take().map(|debt| (debt, true)));
            } else {
                oldest = Some(oldest.map_or(batch.created, |oldest| oldest.min(batch.created)));
            }
        }
        for (debt, in_doubt) in given_up {
            let records = u64::try_from(debt.quota_messages).unwrap_or(0);
            self.metrics.on_failed(records);
            self.news.on_expired(records);
            let error = self.place(index, late(in_doubt));
            fail(debt, error);
        }
        match self.lanes.get(&index) {
            Some(lane) if lane.retry.is_empty() && lane.held.is_empty() && lane.in_flight == 0 => self.news.on_end(index),
            _ => {}
        }
        if let Some(oldest) = oldest {
            self.timer((oldest + timeout).max(now + Duration::from_millis(1)), Timer::Expire(index));
        }
    }

    pub(super) fn timed_out(&self, index: u32, cause: &Error) -> Error {
        let timeout = self.accumulator.shared.settings.delivery_timeout;
        let what = format!("the record was not delivered within delivery.timeout.ms ({} ms)", timeout.as_millis());
        self.place(index, Error::new(ErrorKind::MsgTimedOut, what).with_source(cause.clone()))
    }

    /// Records that have waited too long for their topic's metadata.
    pub(super) fn expire_stages(&mut self, now: Instant) {
        let settings = &self.accumulator.shared.settings;
        let (timeout, unknown_limit) = (settings.delivery_timeout, settings.unknown_topic_limit);
        let pause = settings.retry_backoff_max;
        let mut expired = 0;
        for topic in self.accumulator.topics().values() {
            let Some(since) = Accumulator::staged_since(topic) else { continue };
            let unknown = self.cluster.topics.get(topic.name()).map(|info| info.error);
            let unknown = unknown == Some(ErrorCode::UnknownTopicOrPartition);
            if unknown && now >= since + unknown_limit.min(timeout) {
                let (limit, name) = if unknown_limit < timeout {
                    (unknown_limit, "topic.metadata.propagation.max.ms")
                } else {
                    (timeout, "delivery.timeout.ms")
                };
                let limit = limit.as_millis();
                let what = format!("the topic does not exist and did not come to be within {name} ({limit} ms)");
                expired += self.fail_stage(topic, Error::new(ErrorKind::UnknownTopic, what));
            } else if now >= since + timeout {
                let limit = timeout.as_millis();
                let what =
                    format!("no metadata of the topic came within delivery.timeout.ms ({limit} ms): is a broker reachable?");
                expired += self.fail_stage(topic, Error::new(ErrorKind::MsgTimedOut, what));
            } else {
                // It may turn out unknown only after its limit: looked at again as long as it waits.
                let again = (since + unknown_limit).max(now + pause);
                self.timer(again.min(since + timeout), Timer::Stage);
            }
        }
        self.news.on_expired(expired);
    }

    fn fail_stage(&self, topic: &Arc<Topic>, error: Error) -> u64 {
        let error = error.with_topic(topic.name().as_str()).with_possibly_written(false);
        let failed = self.accumulator.fail_stage(topic, &error);
        self.metrics.on_failed(failed);
        failed
    }

    /// Gives up all that is not in flight, each topic's with an error of its own.
    pub(super) fn give_up_queued(&mut self, error: impl Fn(PurgedFrom) -> Error) {
        let shared = self.accumulator.shared.clone();
        for topic in self.accumulator.topics().values() {
            self.fail_stage(topic, error(PurgedFrom::InQueue));
        }
        let mut failed = 0;
        for partition in self.accumulator.partitions() {
            for debt in partition.take_older(&shared, Instant::FAR_FUTURE) {
                let error = error(PurgedFrom::InQueue).with_topic(debt.topic.as_str()).with_partition(debt.partition);
                failed += u64::try_from(debt.quota_messages).unwrap_or(0);
                fail(debt, error.with_possibly_written(false));
            }
        }
        let lanes: Vec<u32> = self.lanes.keys().copied().collect();
        for index in lanes {
            self.put_back_held(index);
            let Some(lane) = self.lanes.get_mut(&index) else { continue };
            let mut given_up = Vec::new();
            for mut batch in lane.retry.drain(..) {
                lane.sequences.give_up(&batch.header);
                given_up.extend(batch.debt.take().map(|debt| (debt, batch.in_doubt)));
            }
            for (debt, in_doubt) in given_up {
                failed += u64::try_from(debt.quota_messages).unwrap_or(0);
                let from = if in_doubt { PurgedFrom::InFlight } else { PurgedFrom::InQueue };
                let error = self.place(index, error(from).with_possibly_written(in_doubt));
                fail(debt, error);
            }
        }
        self.metrics.on_failed(failed);
    }

    pub(super) fn purge(&mut self, queued: bool, in_flight: bool) {
        let error = |from| Error::new(ErrorKind::Purged(from), "the record was purged");
        if queued {
            self.give_up_queued(error);
        }
        if in_flight {
            let mut given_up = Vec::new();
            for (index, batch) in self.requests.values_mut().flat_map(|request| &mut request.batches) {
                given_up.extend(batch.debt.take().map(|debt| (*index, debt)));
            }
            for (index, debt) in given_up {
                self.metrics.on_failed(u64::try_from(debt.quota_messages).unwrap_or(0));
                let error = self.place(index, error(PurgedFrom::InFlight).with_possibly_written(true));
                fail(debt, error);
            }
        }
    }
}
