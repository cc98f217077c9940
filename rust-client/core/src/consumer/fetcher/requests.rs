//! The requests that a plan turns into.

use super::*;

impl Fetcher {
    fn token(&mut self, now: Instant, broker: i32, asked: Vec<Asked>) -> u64 {
        self.next_token += 1;
        self.in_flight.insert(self.next_token, InFlight { broker, sent: now, asked });
        self.next_token
    }

    fn mark_querying(&mut self, asked: &[Asked]) {
        for one in asked {
            if let Some(partition) = self.subscription.current(&one.key, one.generation) {
                partition.querying = true;
            }
        }
    }

    pub(super) fn send_resets(
        &mut self,
        now: Instant,
        broker: i32,
        resets: Vec<(Asked, i64)>,
        commands: &mut Vec<ConsumerCommand>,
    ) {
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
        let token = self.token(now, broker, asked);
        commands.push(ConsumerCommand::ListOffsets { token, broker, request });
    }

    pub(super) fn send_validations(&mut self, now: Instant, broker: i32, asked: Vec<Asked>, commands: &mut Vec<ConsumerCommand>) {
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
        let token = self.token(now, broker, asked);
        commands.push(ConsumerCommand::OffsetForLeaderEpoch { token, broker, request });
    }

    pub(super) fn send_fetch(
        &mut self,
        now: Instant,
        broker: i32,
        mut partitions: Vec<(u64, Asked)>,
        left_out: bool,
        max_bytes: i32,
        commands: &mut Vec<ConsumerCommand>,
    ) {
        // A broker fills its answer in the request's order: who has waited longest comes first.
        partitions.sort_by_key(|(served, _)| *served);
        let without_id = partitions.iter().any(|(_, asked)| asked.topic_id.is_zero());
        let wish = |asked: &Asked| Wish {
            key: asked.key.clone(),
            topic_id: asked.topic_id,
            partition: FetchPartition {
                partition: asked.key.partition,
                current_leader_epoch: asked.leader_epoch,
                fetch_offset: asked.offset,
                last_fetched_epoch: asked.epoch,
                partition_max_bytes: self.settings.max_partition_fetch_bytes,
                ..FetchPartition::default()
            },
        };
        let wishes = partitions.iter().map(|(_, asked)| wish(asked)).collect();
        // An application that takes nothing will not make room soon: no broker is asked fifty times a second for its sake.
        let state = self.brokers.entry(broker).or_default();
        let soon = left_out && state.left_out_at != Some(self.takes);
        state.left_out_at = left_out.then_some(self.takes);
        let session = state.session.request(wishes);
        let wait = if soon { self.settings.fetch_wait_max.min(LEFT_OUT_WAIT) } else { self.settings.fetch_wait_max };
        let request = FetchRequest {
            replica_id: -1,
            max_wait_ms: i32::try_from(wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: self.settings.fetch_min_bytes,
            max_bytes,
            isolation_level: self.settings.isolation.id(),
            session_id: session.id,
            session_epoch: session.epoch,
            topics: session.topics,
            forgotten_topics_data: session.forgotten,
            rack_id: self.settings.client_rack.clone(),
            ..FetchRequest::default()
        };
        let asked: Vec<Asked> = partitions.into_iter().map(|(_, asked)| asked).collect();
        for one in &asked {
            if let Some(partition) = self.subscription.current(&one.key, one.generation) {
                partition.fetching = true;
            }
        }
        let follower = asked.iter().any(|one| one.leader != broker);
        let token = self.token(now, broker, asked);
        self.counters.fetch_requests += 1;
        self.counters.follower_fetches += u64::from(follower);
        self.brokers.entry(broker).or_default().fetch = Some(token);
        commands.push(ConsumerCommand::Fetch { token, broker, request, max_version: without_id.then_some(12) });
    }
}
