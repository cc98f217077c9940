//! Offsets asked for and logs validated: what is answered, and what follows from it.

use super::*;

impl Fetcher {
    /// Takes in the answer to a [`ConsumerCommand::ListOffsets`].
    pub fn on_list_offsets(&mut self, now: Instant, token: u64, answer: Result<ListOffsetsResponse, Error>) {
        let Some((broker, asked)) = self.end_query(token) else { return };
        let response = match answer {
            Ok(response) => response,
            Err(error) => return self.on_query_failure(now, &asked, &error),
        };
        self.throttle(now, broker, response.throttle_time_ms);
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
        let Some((broker, asked)) = self.end_query(token) else { return };
        let response = match answer {
            Ok(response) => response,
            Err(error) if error.kind() == ErrorKind::UnsupportedVersion => {
                // The broker is too old to be asked: nothing can be checked.
                return asked.iter().for_each(|asked| self.validated(asked));
            }
            Err(error) => return self.on_query_failure(now, &asked, &error),
        };
        self.throttle(now, broker, response.throttle_time_ms);
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

    pub(super) fn validated(&mut self, asked: &Asked) {
        if let Some(partition) = self.subscription.current(&asked.key, asked.generation) {
            partition.on_success();
            partition.validated_epoch = asked.leader_epoch;
            partition.state = FetchState::Fetching;
        }
    }

    pub(super) fn end_query(&mut self, token: u64) -> Option<(i32, Vec<Asked>)> {
        let InFlight { broker, asked, .. } = self.in_flight.remove(&token)?;
        for one in &asked {
            if let Some(partition) = self.subscription.current(&one.key, one.generation) {
                partition.querying = false;
            }
        }
        self.wake = true;
        Some((broker, asked))
    }

    pub(super) fn on_query_failure(&mut self, now: Instant, asked: &[Asked], error: &Error) {
        for one in asked {
            if self.subscription.current(&one.key, one.generation).is_some() {
                let error = error.clone().with_topic(one.key.topic.as_str()).with_partition(one.key.partition);
                let at_once = !error.is_retriable();
                self.trouble(now, &one.key, error, at_once);
            }
        }
    }
}
