//! Fetching what is committed.

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics};
use ottla_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};
use ottla_protocol::{ErrorCode, Text};

use super::{CommittedOffsets, MAX_VERSION, OffsetAndMetadata, OffsetCommand, OffsetCommitter, OffsetRequest};
use crate::consumer::TopicPartition;
use crate::error::Error;
use crate::group::partitions_by_topic;
use crate::time::Instant;

/// A fetch that is not over.
pub(super) struct Fetch {
    pub(super) id: u64,
    partitions: BTreeSet<TopicPartition>,
    require_stable: bool,
    pub(super) by: Instant,
    pub(super) token: Option<u64>,
    pub(super) retry_at: Instant,
    attempts: u32,
    pub(super) last_error: Option<Error>,
}

const TRIED: &str = "while fetching committed offsets";

/// A partition's answer: offset, leader epoch, metadata, error code.
type Answer = (TopicPartition, i64, i32, Option<Text>, i16);

impl OffsetCommitter {
    /// Fetches what the group has committed of these partitions, until `by` at most. With `require_stable` it waits for open
    /// transactions that may still change it. Answers with the fetch's number.
    pub fn fetch(&mut self, now: Instant, partitions: BTreeSet<TopicPartition>, require_stable: bool, by: Instant) -> u64 {
        let id = self.id();
        if partitions.is_empty() {
            self.outbox.push(OffsetCommand::Fetched { id, result: Ok(BTreeMap::new()) });
        } else {
            let (token, attempts, last_error) = (None, 0, None);
            self.fetches.push(Fetch { id, partitions, require_stable, by, token, retry_at: now, attempts, last_error });
        }
        id
    }

    pub(super) fn send_fetches(&mut self, now: Instant) {
        let Some(broker) = self.coordinator else { return };
        // A commit that is under way was asked for before: what is fetched is to have it.
        if self.committing.is_some() {
            return;
        }
        for fetch in &mut self.fetches {
            if fetch.token.is_some() || fetch.retry_at > now {
                continue;
            }
            self.next_id += 1;
            fetch.token = Some(self.next_id);
            let partitions: Vec<TopicPartition> = fetch.partitions.iter().cloned().collect();
            let topics = partitions_by_topic(&partitions).into_iter().map(|(name, partition_indexes)| OffsetFetchRequestTopics {
                name,
                partition_indexes,
                ..OffsetFetchRequestTopics::default()
            });
            let group = OffsetFetchRequestGroup {
                group_id: self.settings.group_id.clone(),
                topics: Some(topics.collect()),
                ..OffsetFetchRequestGroup::default()
            };
            let request =
                OffsetFetchRequest { groups: vec![group], require_stable: fetch.require_stable, ..OffsetFetchRequest::default() };
            self.outbox.push(OffsetCommand::Send {
                token: self.next_id,
                broker,
                request: OffsetRequest::Fetch(request),
                max_version: MAX_VERSION,
                timeout: fetch.by.since(now).min(self.settings.request_timeout),
            });
        }
    }

    pub(super) fn on_fetch(&mut self, now: Instant, place: usize, response: OffsetFetchResponse) {
        let (code, answers) = flatten(&self.settings.group_id, response);
        let Some(fetch) = self.fetches.get(place) else { return };
        let mut found: CommittedOffsets = BTreeMap::new();
        let mut failed = (code != ErrorCode::None).then(|| Error::kafka(code, TRIED));
        for (partition, offset, leader_epoch, metadata, code) in answers {
            if !fetch.partitions.contains(&partition) {
                continue;
            }
            match ErrorCode::from_code(code) {
                ErrorCode::None => {
                    let metadata = metadata.map(|metadata| metadata.detach()).unwrap_or_default();
                    let offset = (offset >= 0).then_some(OffsetAndMetadata { offset, leader_epoch, metadata });
                    found.insert(partition, offset);
                }
                code => {
                    let error =
                        Error::kafka(code, TRIED).with_topic(partition.topic.as_str()).with_partition(partition.partition);
                    // One that no retry mends comes before one that a retry may.
                    if failed.as_ref().is_none_or(|known| known.is_retriable() && !error.is_retriable()) {
                        failed = Some(error);
                    }
                }
            }
        }
        if let Some(error) = failed {
            if matches!(error.code(), Some(ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable)) {
                self.on_coordinator_lost();
            }
            return self.fetch_failed(now, place, error);
        }
        let fetch = self.fetches.swap_remove(place);
        // A partition that the answer leaves out has nothing committed.
        for partition in &fetch.partitions {
            match found.entry(partition.clone()).or_insert(None) {
                Some(offset) => drop(self.committed.insert(partition.clone(), offset.clone())),
                None => drop(self.committed.remove(partition)),
            }
        }
        self.outbox.push(OffsetCommand::Fetched { id: fetch.id, result: Ok(found) });
    }

    pub(super) fn fetch_failed(&mut self, now: Instant, place: usize, error: Error) {
        let Some(attempts) = self.fetches.get(place).map(|fetch| fetch.attempts) else { return };
        let retry_at = now + self.wait(attempts);
        match self.fetches.get_mut(place) {
            Some(fetch) if error.is_retriable() && retry_at < fetch.by => {
                fetch.token = None;
                (fetch.attempts, fetch.retry_at) = (attempts + 1, retry_at);
                fetch.last_error = Some(error);
            }
            _ => {
                let fetch = self.fetches.swap_remove(place);
                self.outbox.push(OffsetCommand::Fetched { id: fetch.id, result: Err(error) });
            }
        }
    }
}

/// The answer's error and partitions, wherever its version has them.
fn flatten(group_id: &Text, response: OffsetFetchResponse) -> (ErrorCode, Vec<Answer>) {
    let mut answers = Vec::new();
    let mut code = response.error_code;
    for topic in response.topics {
        for p in topic.partitions {
            let key = TopicPartition { topic: topic.name.detach(), partition: p.partition_index };
            answers.push((key, p.committed_offset, p.committed_leader_epoch, p.metadata, p.error_code));
        }
    }
    for group in response.groups.into_iter().filter(|group| group.group_id == *group_id) {
        if group.error_code != 0 {
            code = group.error_code;
        }
        for topic in group.topics {
            for p in topic.partitions {
                let key = TopicPartition { topic: topic.name.detach(), partition: p.partition_index };
                answers.push((key, p.committed_offset, p.committed_leader_epoch, p.metadata, p.error_code));
            }
        }
    }
    (ErrorCode::from_code(code), answers)
}

/// Below version 8 an OffsetFetch is of one group only, which stands in other fields; below 7 nobody waits for transactions.
pub fn fit_offset_fetch(request: &mut OffsetFetchRequest, version: i16) {
    if version >= 8 {
        return;
    }
    if let Some(group) = std::mem::take(&mut request.groups).into_iter().next() {
        request.group_id = group.group_id;
        request.topics = group.topics.map(|topics| {
            topics
                .into_iter()
                .map(|topic| OffsetFetchRequestTopic {
                    name: topic.name,
                    partition_indexes: topic.partition_indexes,
                    ..OffsetFetchRequestTopic::default()
                })
                .collect()
        });
    }
    if version < 7 {
        request.require_stable = false;
    }
}
