//! What groups have committed: OffsetFetch, OffsetCommit by who is no member, OffsetDelete (KIP-496).

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
};
use ottla_protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic, OffsetDeleteResponse,
};
use ottla_protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
};
use ottla_protocol::{ErrorCode, Text};

use super::{group_error, is_about_coordinator, left_out};
use crate::consumer::TopicPartition;
use crate::error::Error;
use crate::group::offset_commit::OffsetAndMetadata;
use crate::group::partitions_by_topic;

/// From the next version of OffsetFetch and OffsetCommit on topics travel as ids, which the newest metadata may not have.
pub const MAX_OFFSET_VERSION: i16 = 9;

/// What became of each partition.
pub type PartitionResults<T> = BTreeMap<TopicPartition, Result<T, Error>>;

/// The partitions that are asked for, `None` for all.
type Asked = Option<BTreeSet<TopicPartition>>;

/// Of the newest version; [`crate::group::offset_commit::fit_offset_fetch`] makes one of a single group fit an older one.
#[must_use]
pub fn offset_fetch_request<'a>(
    groups: impl IntoIterator<Item = (&'a Text, &'a Asked)>,
    require_stable: bool,
) -> OffsetFetchRequest {
    let group = |(group_id, asked): (&Text, &Asked)| OffsetFetchRequestGroup {
        group_id: group_id.clone(),
        topics: asked.as_ref().map(|asked| {
            let topic = |(name, partition_indexes)| OffsetFetchRequestTopics { name, partition_indexes, ..Default::default() };
            by_topic(asked).into_iter().map(topic).collect()
        }),
        ..Default::default()
    };
    OffsetFetchRequest { groups: groups.into_iter().map(group).collect(), require_stable, ..OffsetFetchRequest::default() }
}

fn by_topic<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Vec<(Text, Vec<i32>)> {
    partitions_by_topic(&partitions.into_iter().cloned().collect::<Vec<_>>())
}

/// What one group has committed, of an answer of whatever version. A partition without an offset is `None`.
///
/// # Errors
/// That of the whole group.
pub fn read_offset_fetch(
    group_id: &Text,
    asked: &Asked,
    version: i16,
    response: &OffsetFetchResponse,
) -> Result<PartitionResults<Option<OffsetAndMetadata>>, Error> {
    const TRIED: &str = "while listing a group's offsets";
    let mut answers = Vec::new();
    if version >= 8 {
        let group = response.groups.iter().find(|group| group.group_id == *group_id);
        let group = group.ok_or_else(|| left_out("OffsetFetch"))?;
        group_error(group.error_code, None, TRIED, group_id)?;
        for topic in &group.topics {
            for p in &topic.partitions {
                answers.push((
                    &topic.name,
                    p.partition_index,
                    p.committed_offset,
                    p.committed_leader_epoch,
                    &p.metadata,
                    p.error_code,
                ));
            }
        }
    } else {
        group_error(response.error_code, None, TRIED, group_id)?;
        for topic in &response.topics {
            for p in &topic.partitions {
                answers.push((
                    &topic.name,
                    p.partition_index,
                    p.committed_offset,
                    p.committed_leader_epoch,
                    &p.metadata,
                    p.error_code,
                ));
            }
        }
    }
    let mut results = PartitionResults::new();
    for (topic, partition, offset, leader_epoch, metadata, code) in answers {
        let key = TopicPartition { topic: topic.detach(), partition };
        // Version 1 has no other place for them.
        if is_about_coordinator(code) {
            group_error(code, None, TRIED, group_id)?;
        }
        let metadata = metadata.as_ref().map(Text::detach).unwrap_or_default();
        let committed = (offset >= 0).then_some(OffsetAndMetadata { offset, leader_epoch, metadata });
        let result = partition_error(code, TRIED, group_id, &key).map(|()| committed);
        // A partition without an offset is no offset of the group's, unless it was asked for.
        if asked.is_some() || !matches!(result, Ok(None)) {
            results.insert(key, result);
        }
    }
    Ok(match asked {
        Some(asked) => only(asked, results, "OffsetFetch", group_id),
        None => results,
    })
}

/// Commits without being a member, which only a group without members takes.
#[must_use]
pub fn offset_commit_request(group: &Text, offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>) -> OffsetCommitRequest {
    let topic = |(name, partitions): (Text, Vec<i32>)| {
        let partition = |partition_index: i32| {
            let offset = offsets.get(&TopicPartition { topic: name.clone(), partition: partition_index });
            offset.map(|offset| OffsetCommitRequestPartition {
                partition_index,
                committed_offset: offset.offset,
                committed_leader_epoch: offset.leader_epoch,
                committed_metadata: Some(offset.metadata.clone()),
                ..Default::default()
            })
        };
        let partitions = partitions.into_iter().filter_map(partition).collect();
        OffsetCommitRequestTopic { name: name.clone(), partitions, ..Default::default() }
    };
    let topics = by_topic(offsets.keys()).into_iter().map(topic).collect();
    OffsetCommitRequest { group_id: group.clone(), topics, ..OffsetCommitRequest::default() }
}

/// Which offsets were altered.
///
/// # Errors
/// If another broker coordinates the group.
pub fn read_offset_commit<'a>(
    group: &Text,
    asked: impl IntoIterator<Item = &'a TopicPartition>,
    response: &OffsetCommitResponse,
) -> Result<PartitionResults<()>, Error> {
    let partitions = response.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (&topic.name, partition.partition_index, partition.error_code))
    });
    read_partitions(group, asked, partitions, "while altering a group's offset", "OffsetCommit")
}

/// Deletes what is committed of these partitions.
#[must_use]
pub fn offset_delete_request<'a>(group: &Text, asked: impl IntoIterator<Item = &'a TopicPartition>) -> OffsetDeleteRequest {
    let topic = |(name, partitions): (Text, Vec<i32>)| {
        let partition = |partition_index| OffsetDeleteRequestPartition { partition_index, ..Default::default() };
        OffsetDeleteRequestTopic { name, partitions: partitions.into_iter().map(partition).collect(), ..Default::default() }
    };
    let topics = by_topic(asked).into_iter().map(topic).collect();
    OffsetDeleteRequest { group_id: group.clone(), topics, ..OffsetDeleteRequest::default() }
}

/// Which offsets were deleted.
///
/// # Errors
/// That of the whole group.
pub fn read_offset_delete<'a>(
    group: &Text,
    asked: impl IntoIterator<Item = &'a TopicPartition>,
    response: &OffsetDeleteResponse,
) -> Result<PartitionResults<()>, Error> {
    const TRIED: &str = "while deleting a group's offset";
    group_error(response.error_code, None, TRIED, group)?;
    let partitions = response.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (&topic.name, partition.partition_index, partition.error_code))
    });
    read_partitions(group, asked, partitions, TRIED, "OffsetDelete")
}

fn read_partitions<'a, 'b>(
    group: &Text,
    asked: impl IntoIterator<Item = &'a TopicPartition>,
    answers: impl Iterator<Item = (&'b Text, i32, i16)>,
    tried: &'static str,
    api: &str,
) -> Result<PartitionResults<()>, Error> {
    let mut results = PartitionResults::new();
    for (topic, partition, code) in answers {
        let key = TopicPartition { topic: topic.detach(), partition };
        // Then it is said of all.
        if is_about_coordinator(code) {
            group_error(code, None, tried, group)?;
        }
        let result = partition_error(code, tried, group, &key);
        results.insert(key, result);
    }
    Ok(only(asked, results, api, group))
}

/// What was asked for and nothing else.
fn only<'a, T>(
    asked: impl IntoIterator<Item = &'a TopicPartition>,
    mut results: PartitionResults<T>,
    api: &str,
    group: &Text,
) -> PartitionResults<T> {
    let result = |key: &TopicPartition| {
        let missing = || Err(at(left_out(api).with_group(group.as_str()), key));
        (key.clone(), results.remove(key).unwrap_or_else(missing))
    };
    asked.into_iter().map(result).collect()
}

fn partition_error(code: i16, tried: &'static str, group: &Text, key: &TopicPartition) -> Result<(), Error> {
    match ErrorCode::from_code(code) {
        ErrorCode::None => Ok(()),
        code => Err(at(Error::kafka(code, tried).with_group(group.as_str()), key)),
    }
}

fn at(error: Error, key: &TopicPartition) -> Error {
    error.with_topic(key.topic.as_str()).with_partition(key.partition)
}

#[cfg(test)]
mod tests {
    use ottla_protocol::messages::{offset_commit, offset_fetch};

    use super::*;
    use crate::error::ErrorKind;
    use crate::group::offset_commit::fit_offset_fetch;

    fn key(partition: i32) -> TopicPartition {
        TopicPartition::new("t", partition)
    }

    /// The answer about topic `t`, as (partition, offset, error).
    fn fetched(version: i16, code: i16, partitions: &[(i32, i64, i16)]) -> OffsetFetchResponse {
        if version < 8 {
            let one =
                |(partition_index, committed_offset, error_code): &(i32, i64, i16)| offset_fetch::OffsetFetchResponsePartition {
                    partition_index: *partition_index,
                    committed_offset: *committed_offset,
                    error_code: *error_code,
                    ..Default::default()
                };
            let partitions = partitions.iter().map(one).collect();
            let topic = offset_fetch::OffsetFetchResponseTopic { name: "t".into(), partitions, ..Default::default() };
            return OffsetFetchResponse { error_code: code, topics: vec![topic], ..Default::default() };
        }
        let one =
            |(partition_index, committed_offset, error_code): &(i32, i64, i16)| offset_fetch::OffsetFetchResponsePartitions {
                partition_index: *partition_index,
                committed_offset: *committed_offset,
                error_code: *error_code,
                ..Default::default()
            };
        let partitions = partitions.iter().map(one).collect();
        let topic = offset_fetch::OffsetFetchResponseTopics { name: "t".into(), partitions, ..Default::default() };
        let group = offset_fetch::OffsetFetchResponseGroup {
            group_id: "g".into(),
            error_code: code,
            topics: vec![topic],
            ..Default::default()
        };
        OffsetFetchResponse { groups: vec![group], ..Default::default() }
    }

    #[test]
    fn offsets_are_read_from_each_version_and_only_what_was_asked_for() {
        let group = Text::from("g");
        let some: Asked = Some([key(0), key(1), key(2), key(3)].into());
        for version in [2, 7, 8, 9] {
            let mut request = offset_fetch_request([(&group, &some)], true);
            fit_offset_fetch(&mut request, version);
            ottla_protocol::Encode::encode(&request, &mut ottla_protocol::WireBuf::new(), version).unwrap();
            let response = fetched(version, 0, &[(0, 7, 0), (1, -1, 0), (2, -1, 88), (9, 1, 0)]);
            let results = read_offset_fetch(&group, &some, version, &response).unwrap();
            assert_eq!(results.keys().cloned().collect::<Vec<_>>(), [key(0), key(1), key(2), key(3)]);
            assert_eq!(results[&key(0)].as_ref().unwrap().as_ref().unwrap().offset, 7);
            assert!(results[&key(1)].as_ref().unwrap().is_none());
            let error = results[&key(2)].as_ref().unwrap_err();
            assert_eq!((error.code(), error.group()), (Some(ErrorCode::UnstableOffsetCommit), Some("g")));
            assert_eq!((error.topic(), error.partition(), error.is_retriable()), (Some("t"), Some(2), true));
            assert_eq!(results[&key(3)].as_ref().unwrap_err().kind(), ErrorKind::Protocol);
            let all = read_offset_fetch(&group, &None, version, &response).unwrap();
            assert_eq!(all.keys().cloned().collect::<Vec<_>>(), [key(0), key(2), key(9)]);
            let moved = read_offset_fetch(&group, &some, version, &fetched(version, 16, &[])).unwrap_err();
            assert!(moved.is_retriable());
        }
        assert!(read_offset_fetch(&group, &None, 9, &OffsetFetchResponse::default()).is_err());
    }

    #[test]
    fn commits_and_deletions_are_read_by_partition() {
        let group = Text::from("g");
        let offsets = BTreeMap::from([(key(0), OffsetAndMetadata::new(3)), (key(1), OffsetAndMetadata::new(4))]);
        let request = offset_commit_request(&group, &offsets);
        assert_eq!(request.topics[0].partitions.len(), 2);
        assert_eq!((request.generation_id_or_member_epoch, request.member_id.as_str()), (-1, ""));
        let answer = |codes: &[i16]| {
            let one = |(partition_index, error_code): (i32, &i16)| offset_commit::OffsetCommitResponsePartition {
                partition_index,
                error_code: *error_code,
                ..Default::default()
            };
            let partitions = (0..).zip(codes).map(one).collect();
            let topic = offset_commit::OffsetCommitResponseTopic { name: "t".into(), partitions, ..Default::default() };
            OffsetCommitResponse { topics: vec![topic], ..Default::default() }
        };
        let results = read_offset_commit(&group, offsets.keys(), &answer(&[0, 25])).unwrap();
        assert!(results[&key(0)].is_ok());
        assert_eq!(results[&key(1)].as_ref().unwrap_err().code(), Some(ErrorCode::UnknownMemberId));
        assert!(read_offset_commit(&group, offsets.keys(), &answer(&[16, 16])).unwrap_err().is_retriable());
        let results = read_offset_commit(&group, offsets.keys(), &answer(&[0])).unwrap();
        assert_eq!(results[&key(1)].as_ref().unwrap_err().kind(), ErrorKind::Protocol);
        let refused = OffsetDeleteResponse { error_code: 68, ..Default::default() };
        assert_eq!(read_offset_delete(&group, [&key(0)], &refused).unwrap_err().code(), Some(ErrorCode::NonEmptyGroup));
        assert_eq!(offset_delete_request(&group, [&key(0), &key(1)]).topics[0].partitions.len(), 2);
    }
}
