//! OffsetFetch, versions 1 to 10: of one group, from version 8 on of several. From version 10 on topics travel as ids.

use ottla_protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use ottla_protocol::{Text, Uuid};

use crate::coordinator::{Committed, Offsets};
use crate::dispatch::RequestContext;

const SEVERAL_GROUPS_FROM: i16 = 8;
const TOPIC_IDS_FROM: i16 = 10;
/// From this version on there is a place for an error of the whole response.
const ERROR_FROM: i16 = 2;

pub(crate) fn handle(context: &RequestContext<'_>, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if context.api_version >= SEVERAL_GROUPS_FROM {
        let groups = request.groups.iter().map(|group| fetch(context, group)).collect();
        return OffsetFetchResponse { groups, ..Default::default() };
    }
    let several = |topic: OffsetFetchRequestTopic| OffsetFetchRequestTopics {
        name: topic.name,
        partition_indexes: topic.partition_indexes,
        ..Default::default()
    };
    let topics = request.topics.map(|topics| topics.into_iter().map(several).collect());
    let group = OffsetFetchRequestGroup { group_id: request.group_id, topics, ..Default::default() };
    let mut fetched = fetch(context, &group);
    if fetched.error_code != 0 && context.api_version < ERROR_FROM {
        fetched.topics = fail(&group, fetched.error_code);
    }
    single(fetched)
}

/// The older form of the same.
fn single(group: OffsetFetchResponseGroup) -> OffsetFetchResponse {
    let partition = |it: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: it.partition_index,
        committed_offset: it.committed_offset,
        committed_leader_epoch: it.committed_leader_epoch,
        metadata: it.metadata,
        error_code: it.error_code,
        ..Default::default()
    };
    let topic = |it: OffsetFetchResponseTopics| OffsetFetchResponseTopic {
        name: it.name,
        partitions: it.partitions.into_iter().map(partition).collect(),
        ..Default::default()
    };
    let topics = group.topics.into_iter().map(topic).collect();
    OffsetFetchResponse { error_code: group.error_code, topics, ..Default::default() }
}

/// The error at each partition that was asked for.
fn fail(group: &OffsetFetchRequestGroup, error_code: i16) -> Vec<OffsetFetchResponseTopics> {
    let fail = |topic: &OffsetFetchRequestTopics| OffsetFetchResponseTopics {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic
            .partition_indexes
            .iter()
            .map(|index| OffsetFetchResponsePartitions { error_code, ..describe(*index, None) })
            .collect(),
        ..Default::default()
    };
    group.topics.iter().flatten().map(fail).collect()
}

fn fetch(context: &RequestContext<'_>, group: &OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
    let response = OffsetFetchResponseGroup { group_id: group.group_id.clone(), ..Default::default() };
    let failed = context.verdict.group_read_error(&group.group_id);
    let now = context.cluster.clock.steady_ms();
    let read = || {
        context.cluster.coordinators.with(context.node.id, &group.group_id, now, |slot, _| {
            // A group that is not there has committed nothing.
            let offsets = slot.map(|slot| &slot.offsets);
            match &group.topics {
                Some(topics) => topics.iter().map(|topic| some(context, &group.group_id, topic, offsets)).collect(),
                None => all(context, offsets),
            }
        })
    };
    match failed.map_or_else(read, Err) {
        Ok(topics) => OffsetFetchResponseGroup { topics, ..response },
        Err(error) => OffsetFetchResponseGroup { error_code: error.code(), ..response },
    }
}

/// What was asked for of a topic.
fn some(
    context: &RequestContext<'_>,
    group: &str,
    asked: &OffsetFetchRequestTopics,
    offsets: Option<&Offsets>,
) -> OffsetFetchResponseTopics {
    let by_id = context.api_version >= TOPIC_IDS_FROM;
    let name = match by_id {
        true => context.cluster.topic_by_id(&asked.topic_id).map(|topic| topic.name.clone()),
        false => Ok(asked.name.clone()),
    };
    let partition = |index: &i32| {
        let name = match &name {
            Ok(name) => name,
            Err(error) => return OffsetFetchResponsePartitions { error_code: error.code(), ..describe(*index, None) },
        };
        let failed = |applied: bool| context.verdict.offset_error(group, name, *index, applied);
        match failed(false).or_else(|| failed(true)) {
            Some(error) => OffsetFetchResponsePartitions { error_code: error.code(), ..describe(*index, None) },
            None => describe(*index, offsets.and_then(|offsets| offsets.get(name, *index))),
        }
    };
    OffsetFetchResponseTopics {
        partitions: asked.partition_indexes.iter().map(partition).collect(),
        name: asked.name.clone(),
        topic_id: asked.topic_id,
        ..Default::default()
    }
}

/// All that the group has committed.
fn all(context: &RequestContext<'_>, offsets: Option<&Offsets>) -> Vec<OffsetFetchResponseTopics> {
    let topic = |(name, partitions): (&Text, &std::collections::BTreeMap<i32, Committed>)| {
        let topic_id = context.cluster.topic(name).map_or(Uuid::ZERO, |topic| topic.id);
        let partitions = partitions.iter().map(|(index, committed)| describe(*index, Some(committed))).collect();
        OffsetFetchResponseTopics { name: name.clone(), topic_id, partitions, ..Default::default() }
    };
    let topics = offsets.into_iter().flat_map(Offsets::topics).map(topic);
    topics.filter(|topic| context.api_version < TOPIC_IDS_FROM || !topic.topic_id.is_zero()).collect()
}

fn describe(partition_index: i32, committed: Option<&Committed>) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: committed.map_or(-1, |committed| committed.offset),
        committed_leader_epoch: committed.map_or(-1, |committed| committed.leader_epoch),
        metadata: Some(committed.map(|committed| committed.metadata.clone()).unwrap_or_default()),
        ..Default::default()
    }
}
