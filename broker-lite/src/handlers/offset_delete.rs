//! OffsetDelete, version 0.

use ottla_protocol::ErrorCode;
use ottla_protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

use crate::coordinator::{Slot, State};
use crate::dispatch::RequestContext;

pub(crate) fn handle(context: &RequestContext<'_>, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let refuse = |error: ErrorCode| OffsetDeleteResponse { error_code: error.code(), ..Default::default() };
    if let Some(error) = context.verdict.group_error(&request.group_id, false) {
        return refuse(error);
    }
    if request.group_id.is_empty() {
        return refuse(ErrorCode::InvalidGroupId);
    }
    let now = context.cluster.clock.steady_ms();
    let deleted = context.cluster.coordinators.with(context.node.id, &request.group_id, now, |slot, _| {
        let slot = slot.ok_or(ErrorCode::GroupIdNotFound)?;
        match slot.group.state() {
            State::Dead => Err(ErrorCode::GroupIdNotFound),
            // What others than consumers subscribe to is not known.
            State::Empty => Ok(delete(context, &request, slot)),
            _ if slot.group.uses_consumer_protocol() => Ok(delete(context, &request, slot)),
            _ => Err(ErrorCode::NonEmptyGroup),
        }
    });
    let applied = context.verdict.group_error(&request.group_id, true);
    match applied.map_or(deleted.flatten(), Err) {
        Ok(topics) => OffsetDeleteResponse { topics, ..Default::default() },
        Err(error) => refuse(error),
    }
}

fn delete(context: &RequestContext<'_>, request: &OffsetDeleteRequest, slot: &mut Slot) -> Vec<OffsetDeleteResponseTopic> {
    let group = &request.group_id;
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let found = context.cluster.topic(&topic.name);
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let index = partition.partition_index;
            let exists = found.as_ref().is_ok_and(|topic| topic.partition(index).is_some());
            let error = if let Some(error) = context.verdict.offset_error(group, &topic.name, index, false) {
                error
            } else if !exists {
                ErrorCode::UnknownTopicOrPartition
            } else if slot.group.is_subscribed_to(&topic.name) {
                ErrorCode::GroupSubscribedToTopic
            } else {
                slot.offsets.delete(&topic.name, index);
                context.verdict.offset_error(group, &topic.name, index, true).unwrap_or(ErrorCode::None)
            };
            let error_code = error.code();
            partitions.push(OffsetDeleteResponsePartition { partition_index: index, error_code, ..Default::default() });
        }
        topics.push(OffsetDeleteResponseTopic { name: topic.name.clone(), partitions, ..Default::default() });
    }
    topics
}
