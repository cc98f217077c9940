//! OffsetCommit, versions 2 to 10. From version 10 on topics travel as ids.

use std::sync::Arc;

use ottla_protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use ottla_protocol::{ErrorCode, Text};

use crate::cluster::Topic;
use crate::coordinator::{Committed, Offsets, Slot};
use crate::dispatch::RequestContext;

const TOPIC_IDS_FROM: i16 = 10;
/// From this version on a group that is not there has an error of its own.
const GROUP_ID_NOT_FOUND_FROM: i16 = 9;

/// A topic of the request with what was found, and for each partition what becomes of it.
struct Wanted<'a> {
    asked: &'a OffsetCommitRequestTopic,
    name: Text,
    outcomes: Vec<Result<(), ErrorCode>>,
}

pub(crate) fn handle(context: &RequestContext<'_>, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let mut topics: Vec<Wanted<'_>> = request.topics.iter().map(|topic| look_up(context, &request, topic)).collect();
    // Without any partition that is there the group is not looked at.
    if topics.iter().any(|topic| topic.outcomes.contains(&Ok(()))) {
        commit(context, &request, &mut topics);
    }
    let topics = topics.into_iter().map(|topic| {
        let partitions = topic.asked.partitions.iter().zip(topic.outcomes).map(|(partition, outcome)| {
            let index = partition.partition_index;
            let error = context.verdict.offset_error(&request.group_id, &topic.name, index, true).or(outcome.err());
            OffsetCommitResponsePartition {
                partition_index: index,
                error_code: error.unwrap_or(ErrorCode::None).code(),
                ..Default::default()
            }
        });
        OffsetCommitResponseTopic {
            partitions: partitions.collect(),
            name: topic.asked.name.clone(),
            topic_id: topic.asked.topic_id,
            ..Default::default()
        }
    });
    OffsetCommitResponse { topics: topics.collect(), ..Default::default() }
}

fn look_up<'a>(context: &RequestContext<'_>, request: &OffsetCommitRequest, asked: &'a OffsetCommitRequestTopic) -> Wanted<'a> {
    let found = if context.api_version >= TOPIC_IDS_FROM {
        context.cluster.topic_by_id(&asked.topic_id)
    } else {
        context.cluster.topic(&asked.name)
    };
    let name = found.as_ref().map_or_else(|_| asked.name.clone(), |topic| topic.name.clone());
    let outcome = |partition: &OffsetCommitRequestPartition| {
        let index = partition.partition_index;
        if let Some(error) = context.verdict.offset_error(&request.group_id, &name, index, false) {
            return Err(error);
        }
        let topic: &Arc<Topic> = found.as_ref().map_err(|error| *error)?;
        topic.partition(index).map(drop).ok_or(ErrorCode::UnknownTopicOrPartition)
    };
    let outcomes = asked.partitions.iter().map(outcome).collect();
    Wanted { asked, outcomes, name }
}

fn commit(context: &RequestContext<'_>, request: &OffsetCommitRequest, topics: &mut [Wanted<'_>]) {
    let now = context.cluster.clock.steady_ms();
    let longest = usize::try_from(context.cluster.config.number("offset.metadata.max.bytes")).unwrap_or(usize::MAX);
    let mut store = |slot: &mut Slot| {
        let instance_id = request.group_instance_id.as_ref();
        slot.group.check_commit(now, &request.member_id, instance_id, request.generation_id_or_member_epoch)?;
        for topic in topics.iter_mut() {
            for (partition, outcome) in topic.asked.partitions.iter().zip(&mut topic.outcomes) {
                if outcome.is_ok() {
                    *outcome = store_one(&mut slot.offsets, &topic.name, partition, request.retention_time_ms, longest, now);
                }
            }
        }
        Ok(())
    };
    let coordinators = &context.cluster.coordinators;
    let (node, group) = (context.node.id, &request.group_id);
    let done = if request.generation_id_or_member_epoch < 0 {
        // Whoever has no generation may have no group either.
        coordinators.with_new(node, group, now, |slot, _| store(slot))
    } else {
        let missing = if context.api_version >= GROUP_ID_NOT_FOUND_FROM {
            ErrorCode::GroupIdNotFound
        } else {
            ErrorCode::IllegalGeneration
        };
        coordinators.with(node, group, now, |slot, _| slot.ok_or(missing).and_then(store))
    };
    if let Err(error) = done.flatten() {
        let outcomes = topics.iter_mut().flat_map(|topic| &mut topic.outcomes);
        outcomes.filter(|outcome| outcome.is_ok()).for_each(|outcome| *outcome = Err(error));
    }
}

fn store_one(
    offsets: &mut Offsets,
    topic: &Text,
    partition: &OffsetCommitRequestPartition,
    retention_ms: i64,
    longest: usize,
    now: i64,
) -> Result<(), ErrorCode> {
    let metadata = partition.committed_metadata.as_ref().map(Text::detach).unwrap_or_default();
    // Java counts UTF-16 units, though the property says bytes.
    if metadata.encode_utf16().count() > longest {
        return Err(ErrorCode::OffsetMetadataTooLarge);
    }
    let committed = Committed {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata,
        at: now,
        expires: (retention_ms >= 0).then(|| now.saturating_add(retention_ms)),
    };
    offsets.commit(topic, partition.partition_index, committed);
    Ok(())
}
