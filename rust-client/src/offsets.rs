//! Asks the partitions' leaders for offsets by time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::consumer::{IsolationLevel, TopicPartition, list_offsets_request};
use ottla_core::error::{Error, ErrorKind};
use ottla_core::metadata::Cluster;
use ottla_core::time::Clock;
use ottla_protocol::ErrorCode;
use ottla_protocol::messages::list_offsets::ListOffsetsResponse;

use crate::client::ClientInner;
use crate::network::Purpose;

/// An offset that was found by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetAndTimestamp {
    /// The record's offset.
    pub offset: i64,
    /// Its timestamp in ms, -1 if the broker did not say.
    pub timestamp: i64,
    /// The leader's epoch when it appended the record, -1 if unknown.
    pub leader_epoch: i32,
}

/// For how long a partition may be unknown, though its topic is known, before that is taken for the answer.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(5);

/// Asks for each (partition, timestamp), until all have an answer or `limit` has passed, or `unknown_topic` if a topic stays
/// unknown (`topic.metadata.propagation.max.ms`). Runs on the IO runtime.
pub(crate) async fn list_offsets(
    client: Arc<ClientInner>,
    isolation: IsolationLevel,
    times: Vec<(TopicPartition, i64)>,
    limit: Duration,
    unknown_topic: Duration,
) -> Result<Vec<(TopicPartition, Option<OffsetAndTimestamp>)>, Error> {
    let start = client.clock.now();
    let mut news = client.news();
    let mut found: BTreeMap<TopicPartition, Option<OffsetAndTimestamp>> = BTreeMap::new();
    for (key, _) in &times {
        client.follow(&key.topic, false);
    }
    loop {
        news.get();
        let cluster = client.cluster();
        let mut last = None;
        let mut plans: BTreeMap<i32, Vec<(&TopicPartition, i32, i64)>> = BTreeMap::new();
        for (key, timestamp) in times.iter().filter(|(key, _)| !found.contains_key(key)) {
            match leader(&cluster, key) {
                Ok((leader, epoch)) => plans.entry(leader).or_default().push((key, epoch, *timestamp)),
                Err(error) if !error.is_retriable() => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        for (broker, plan) in plans {
            let timeout = limit.saturating_sub(client.clock.now().since(start)).min(client.settings.socket_timeout);
            let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
            let asked = plan.iter().map(|(key, epoch, timestamp)| (&key.topic, key.partition, *epoch, *timestamp));
            let request = list_offsets_request(isolation, timeout_ms, asked);
            match client.call(broker, Purpose::Common, &request, timeout).await {
                Ok(response) => {
                    if let Some(error) = take_in(response, &mut found)? {
                        last = Some(error);
                    }
                }
                Err(error) if error.is_retriable() => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        if times.iter().all(|(key, _)| found.contains_key(key)) {
            let answers = times.into_iter().map(|(key, _)| {
                let at = found.get(&key).copied().flatten();
                (key, at)
            });
            return Ok(answers.collect());
        }
        let limit_now = match last.as_ref().map(Error::kind) {
            Some(ErrorKind::UnknownTopic) => limit.min(unknown_topic),
            Some(ErrorKind::UnknownPartition) => limit.min(UNKNOWN_LIMIT),
            _ => limit,
        };
        if client.clock.now().since(start) >= limit_now {
            let error =
                last.unwrap_or_else(|| Error::new(ErrorKind::Protocol, "the broker's answer to ListOffsets lacks a partition"));
            return Err(error);
        }
        client.refresh();
        // A backoff, and not longer than metadata takes.
        tokio::time::sleep(client.settings.retry_backoff).await;
        let rest = limit.saturating_sub(client.clock.now().since(start)).min(Duration::from_secs(1));
        // In time or not: asked again all the same.
        let _ = tokio::time::timeout(rest, news.changed()).await;
    }
}

fn leader(cluster: &Cluster, key: &TopicPartition) -> Result<(i32, i32), Error> {
    let at = |error: Error| error.with_topic(key.topic.as_str()).with_partition(key.partition);
    match cluster.topics.get(&key.topic).map(|topic| topic.error) {
        None => return Err(at(Error::new(ErrorKind::UnknownTopic, "the cluster has not told of the topic").retriable())),
        Some(ErrorCode::None) => {}
        Some(code @ (ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId)) => {
            return Err(at(Error::new(ErrorKind::UnknownTopic, "the topic does not exist").with_code(code).retriable()));
        }
        Some(code) => return Err(at(Error::kafka(code, "can't find the topic"))),
    }
    let Some(info) = cluster.partition(&key.topic, key.partition) else {
        return Err(at(Error::new(ErrorKind::UnknownPartition, "the topic has no such partition").retriable()));
    };
    if cluster.brokers.contains_key(&info.leader) {
        Ok((info.leader, info.leader_epoch))
    } else {
        Err(at(Error::kafka(ErrorCode::LeaderNotAvailable, "the partition has no leader")))
    }
}

/// Returns a retriable error of a partition, if there was one.
fn take_in(
    response: ListOffsetsResponse,
    found: &mut BTreeMap<TopicPartition, Option<OffsetAndTimestamp>>,
) -> Result<Option<Error>, Error> {
    let mut last = None;
    for topic in response.topics {
        for partition in topic.partitions {
            let key = TopicPartition { topic: topic.name.detach(), partition: partition.partition_index };
            match ErrorCode::from_code(partition.error_code) {
                ErrorCode::None => {
                    let at = OffsetAndTimestamp {
                        offset: partition.offset,
                        timestamp: partition.timestamp,
                        leader_epoch: partition.leader_epoch,
                    };
                    found.insert(key, (partition.offset >= 0).then_some(at));
                }
                code => {
                    let error =
                        Error::kafka(code, "can't list offsets").with_topic(key.topic.as_str()).with_partition(key.partition);
                    if !code.is_retriable() {
                        return Err(error);
                    }
                    last = Some(error);
                }
            }
        }
    }
    Ok(last)
}
