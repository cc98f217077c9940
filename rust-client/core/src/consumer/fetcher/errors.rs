//! What the application is told.

use super::*;

pub(super) fn no_offset(key: &TopicPartition) -> Error {
    Error::new(ErrorKind::OffsetReset, "there is no offset to start from, and auto.offset.reset is \"none\": seek to one")
        .with_topic(key.topic.as_str())
        .with_partition(key.partition)
}

pub(super) fn truncated(key: &TopicPartition, position: i64, end_offset: i64) -> Error {
    let what = if end_offset < 0 {
        format!("the log was truncated below the position {position}, nobody knows from where on: seek to go on")
    } else {
        format!("the log was truncated to offset {end_offset}, below the position {position}: seek to go on")
    };
    Error::new(ErrorKind::LogTruncation, what)
        .with_topic(key.topic.as_str())
        .with_partition(key.partition)
        .with_offsets(position, end_offset)
}

pub(super) fn made_anew(key: &TopicPartition, position: i64) -> Error {
    let what = format!("the topic was deleted and made again, so the position {position} means nothing any more: seek to go on");
    Error::new(ErrorKind::OffsetReset, what)
        .with_topic(key.topic.as_str())
        .with_partition(key.partition)
        .with_offsets(position, 0)
}

pub(super) fn unreadable(key: &TopicPartition, at: i64, next: i64, reason: DecodeError) -> Error {
    let (kind, code) = match &reason {
        DecodeError::CorruptBatch { .. } => (ErrorKind::Broker, Some(ErrorCode::CorruptMessage)),
        DecodeError::UnsupportedCompression(_) => (ErrorKind::UnsupportedFeature, None),
        DecodeError::Compression { .. } | DecodeError::TooLarge { .. } => (ErrorKind::Compression, None),
        _ => (ErrorKind::Protocol, None),
    };
    let or_raise = if matches!(reason, DecodeError::TooLarge { .. }) { ", or raise inflate.max.bytes" } else { "" };
    let what = format!(
        "the records at offset {at} can't be read; the position stays there: seek to offset {next} to skip them{or_raise}"
    );
    let error = Error::new(kind, what)
        .with_topic(key.topic.as_str())
        .with_partition(key.partition)
        .with_offsets(at, next)
        .with_source(reason);
    match code {
        Some(code) => error.with_code(code),
        None => error,
    }
}

fn unknown(what: &str, limit: Duration) -> String {
    format!("{what}, and that did not change within topic.metadata.propagation.max.ms ({} ms)", limit.as_millis())
}

/// Why a partition has no leader to ask.
pub(super) fn unavailable(cluster: &Cluster, key: &TopicPartition, limit: Duration) -> Error {
    let at = |error: Error| error.with_topic(key.topic.as_str()).with_partition(key.partition);
    let Some(topic) = cluster.topics.get(&key.topic) else {
        return at(Error::new(ErrorKind::UnknownTopic, unknown("the cluster does not tell of the topic", limit)).retriable());
    };
    match topic.error {
        ErrorCode::None => {}
        ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId => {
            return at(Error::new(ErrorKind::UnknownTopic, unknown("the topic does not exist", limit))
                .with_code(topic.error)
                .retriable());
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
