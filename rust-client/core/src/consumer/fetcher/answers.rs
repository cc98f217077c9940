//! What brokers answer, and what follows from it.

use ottla_protocol::messages::fetch::NodeEndpoint;

use super::errors::truncated;
use super::*;

impl Fetcher {
    /// Takes in the answer to a [`ConsumerCommand::Fetch`]. What came is there to be decoded: [`Self::next_completed`].
    pub fn on_fetch(&mut self, now: Instant, token: u64, answer: Result<FetchResponse, Error>) {
        let Some(in_flight) = self.in_flight.remove(&token) else { return };
        self.brokers.entry(in_flight.broker).or_default().fetch = None;
        for asked in &in_flight.asked {
            if let Some(partition) = self.subscription.current(&asked.key, asked.generation) {
                partition.fetching = false;
            }
        }
        self.wake = true;
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                self.counters.fetch_failures += 1;
                self.brokers.entry(in_flight.broker).or_default().session.start_again();
                for asked in &in_flight.asked {
                    if let Some(partition) = self.subscription.current(&asked.key, asked.generation) {
                        partition.preferred = None;
                    }
                }
                return self.on_broker_failure(now, in_flight.broker, error);
            }
        };
        self.counters.latency.record(now.since(in_flight.sent), 1);
        self.on_broker_success(in_flight.broker);
        self.throttle(now, in_flight.broker, response.throttle_time_ms);
        self.responses += 1;
        let whole = ErrorCode::from_code(response.error_code);
        let session = &mut self.brokers.entry(in_flight.broker).or_default().session;
        if whole != ErrorCode::None {
            if session.on_error(whole) {
                // Asked again at once, in full.
                return;
            }
            for asked in &in_flight.asked {
                self.on_partition_error(now, asked, whole);
            }
            return;
        }
        let full = session.is_full();
        session.on_answer(response.session_id);
        let nodes = &response.node_endpoints;
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
                let hint = leader_hint(asked, &partition, nodes);
                self.on_partition_data(now, in_flight.broker, asked, partition, hint);
            } else if let Some(partition) = self.subscription.current(&asked.key, asked.generation) {
                if !full {
                    // Nothing new there.
                    partition.on_success();
                    self.tell_end(asked);
                    continue;
                }
                let error = Error::new(ErrorKind::Protocol, "the broker's answer to Fetch lacks the partition")
                    .with_topic(asked.key.topic.as_str())
                    .with_partition(asked.key.partition);
                self.trouble(now, &asked.key, error, false);
            }
        }
        if !data.is_empty() {
            // The broker answers for partitions that were not asked for: what it remembers is not what was said.
            self.brokers.entry(in_flight.broker).or_default().session.start_again();
        }
    }

    fn on_partition_data(&mut self, now: Instant, broker: i32, asked: &Asked, data: PartitionData, hint: Option<LeaderHint>) {
        let code = ErrorCode::from_code(data.error_code);
        if code != ErrorCode::None {
            return self.on_fetch_error(now, broker, asked, code, hint);
        }
        let lease = now + self.settings.metadata_max_age;
        let responses = self.responses;
        let Some(partition) = self.subscription.current(&asked.key, asked.generation) else { return };
        partition.on_success();
        let known = |offset: i64| Some(offset).filter(|offset| *offset >= 0);
        partition.watermarks = Watermarks {
            high_watermark: known(data.high_watermark),
            last_stable_offset: known(data.last_stable_offset),
            log_start_offset: known(data.log_start_offset),
        };
        if data.preferred_read_replica >= 0 {
            // Nothing else is in such an answer.
            partition.preferred = Some((data.preferred_read_replica, lease));
            return;
        }
        if data.diverging_epoch.end_offset >= 0 || data.diverging_epoch.epoch >= 0 {
            return self.truncate(&asked.key, data.diverging_epoch.epoch, data.diverging_epoch.end_offset);
        }
        let Some(records) = data.records.filter(|records| !records.is_empty()) else { return self.tell_end(asked) };
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
                broker,
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
            let undecoded = partition.decoding
                || self.completed.iter().any(|fetch| fetch.key == asked.key && fetch.generation == asked.generation);
            if undecoded {
                // So does this one: what stands before it is not decoded yet, and must not be stepped over.
                let (first, longest) = (self.settings.retry_backoff, self.settings.retry_backoff_max);
                partition.retry_at = now + backoff(0, first, longest, &mut self.rng);
                return;
            }
            let at = asked.offset;
            self.on_unreadable(now, &asked.key, at, at.saturating_add(1), reason);
        }
    }

    /// Tells the application that a partition's end is reached, once for each end, where it wants to know.
    fn tell_end(&mut self, asked: &Asked) {
        if !self.settings.partition_eof {
            return;
        }
        let undecoded = self.completed.iter().any(|fetch| fetch.key == asked.key);
        let read_committed = self.settings.isolation == IsolationLevel::ReadCommitted;
        let Some(partition) = self.subscription.current(&asked.key, asked.generation) else { return };
        let marks = partition.watermarks;
        let end = if read_committed { marks.last_stable_offset.or(marks.high_watermark) } else { marks.high_watermark };
        let Some(end) = end else { return };
        // What was fetched before it and is not decoded yet comes first: the next answer tells then.
        let waits = undecoded || partition.decoding;
        if asked.offset < end || partition.fetch_offset != asked.offset || partition.told_end == asked.offset || waits {
            return;
        }
        partition.told_end = asked.offset;
        let error = Error::new(ErrorKind::PartitionEof, "the partition's end is reached")
            .with_topic(asked.key.topic.as_str())
            .with_partition(asked.key.partition)
            .with_offsets(asked.offset, asked.offset);
        partition.entries.push_back(Entry::Error(error));
        self.enqueue(&asked.key);
    }

    /// The log ends at `end_offset` in the epoch of what was read last (KIP-320): what was read behind it is not in the log.
    pub(super) fn truncate(&mut self, key: &TopicPartition, epoch: i32, end_offset: i64) {
        let generation = self.subscription.next_generation();
        let policy = self.settings.reset;
        let Some(partition) = self.subscription.partitions.get_mut(key) else { return };
        partition.generation = generation;
        partition.fetching = false;
        partition.decoding = false;
        partition.querying = false;
        let position = partition.position.offset().unwrap_or(0);
        let consumed_too_much = end_offset < 0 || epoch < 0 || position > end_offset;
        if !consumed_too_much {
            // Only what was prefetched is gone.
            partition.entries.clear();
            partition.buffered = 0;
            partition.state = FetchState::Fetching;
            if partition.taken_to > end_offset {
                // A batch that the application holds reaches behind the end: it must not move the position there.
                partition.position.invalidate();
                partition.move_to(position, -1);
            } else {
                // A later epoch than the log knows wrote nothing: asked with it again, the leader would answer the same for ever.
                partition.taken_epoch = partition.taken_epoch.min(epoch);
                partition.fetch_offset = partition.taken_to;
                partition.fetch_epoch = partition.taken_epoch;
            }
            return;
        }
        self.counters.truncations += 1;
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

    /// A partition's error in an answer to a Fetch.
    fn on_fetch_error(&mut self, now: Instant, broker: i32, asked: &Asked, code: ErrorCode, hint: Option<LeaderHint>) {
        let Some(partition) = self.subscription.current(&asked.key, asked.generation) else { return };
        partition.preferred = None;
        if code == ErrorCode::OffsetOutOfRange && asked.leader != broker {
            // A follower may lag, or have cut off more than the leader: that one knows. After a wait, since it may well name the same
            // follower again.
            let (first, longest) = (self.settings.retry_backoff, self.settings.retry_backoff_max);
            partition.retry_at = now + backoff(0, first, longest, &mut self.rng);
            return;
        }
        let first = partition.attempts == 0;
        self.on_partition_error(now, asked, code);
        let newer = |hint: &LeaderHint| hint.leader >= 0 && hint.leader_epoch > asked.leader_epoch;
        if let Some(hint) = hint.filter(newer) {
            self.hints.push(hint);
            // The new leader is asked at once; if that does not help, only after a wait.
            if let Some(partition) = self.subscription.current(&asked.key, asked.generation).filter(|_| first) {
                partition.retry_at = now;
            }
        }
    }

    /// Newer leaders that came with errors (KIP-951). To be made known before [`Self::poll`] is called again.
    #[must_use]
    pub fn take_hints(&mut self) -> Vec<LeaderHint> {
        std::mem::take(&mut self.hints)
    }

    pub(super) fn on_partition_error(&mut self, now: Instant, asked: &Asked, code: ErrorCode) {
        let policy = self.settings.reset;
        let Some(partition) = self.subscription.current(&asked.key, asked.generation) else { return };
        partition.querying = false;
        if code == ErrorCode::OffsetOutOfRange {
            self.counters.resets += 1;
            partition.reset(policy);
            if policy == ResetPolicy::None {
                let error = Error::new(ErrorKind::OffsetReset, format!("the fetch offset {} is not in the log", asked.offset))
                    .with_code(code)
                    .with_topic(asked.key.topic.as_str())
                    .with_partition(asked.key.partition)
                    .with_offsets(asked.offset, -1);
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
    pub(super) fn trouble(&mut self, now: Instant, key: &TopicPartition, error: Error, at_once: bool) {
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
    pub(super) fn report(&mut self, now: Instant, key: &TopicPartition, error: Error, at_once: bool) -> Instant {
        let every = self.settings.report_after;
        let first = if error.kind() == ErrorKind::UnknownTopic { self.settings.unknown_topic_after } else { every };
        let Some(partition) = self.subscription.partitions.get_mut(key) else { return Instant::FAR_FUTURE };
        let (since, told) = partition.trouble.get_or_insert((now, None));
        let due = if at_once && told.is_none() { now } else { told.map_or(*since + first, |told| told + every.max(first)) };
        if now < due {
            return due;
        }
        *told = Some(now);
        if error.kind() != ErrorKind::Closed && self.errors.len() < MAX_ERRORS {
            self.errors.push_back(error);
        }
        // Whether it is still so is worth a question.
        self.refresh = true;
        now + every.max(first)
    }

    /// The broker asks for a pause (KIP-219).
    pub(super) fn throttle(&mut self, now: Instant, broker: i32, throttle_time_ms: i32) {
        let time = Duration::from_millis(u64::try_from(throttle_time_ms).unwrap_or(0));
        if time.is_zero() {
            return;
        }
        self.counters.throttle_time = self.counters.throttle_time.saturating_add(time);
        // No broker asks for longer than a quota window; a number without bounds must not end the consumer.
        let until = now + time.min(MAX_THROTTLE);
        let broker = self.brokers.entry(broker).or_default();
        broker.throttled_until = broker.throttled_until.max(until);
    }

    pub(super) fn on_broker_success(&mut self, broker: i32) {
        if let Some(broker) = self.brokers.get_mut(&broker) {
            broker.attempts = 0;
            broker.failing_since = None;
            broker.reported = None;
        }
    }

    pub(super) fn on_broker_failure(&mut self, now: Instant, id: i32, error: Error) {
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
}

/// The newer leader that an error came with, if it did.
fn leader_hint(asked: &Asked, data: &PartitionData, nodes: &[NodeEndpoint]) -> Option<LeaderHint> {
    let code = ErrorCode::from_code(data.error_code);
    if !matches!(code, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch) || data.current_leader.leader_id < 0 {
        return None;
    }
    let leader = data.current_leader.leader_id;
    let node = nodes.iter().find(|node| node.node_id == leader);
    Some(LeaderHint {
        topic: asked.key.topic.clone(),
        partition: asked.key.partition,
        leader,
        leader_epoch: data.current_leader.leader_epoch,
        broker: node.map(|node| BrokerInfo {
            id: leader,
            host: node.host.detach(),
            port: node.port,
            rack: node.rack.as_ref().map(Text::detach),
        }),
    })
}
