//! OffsetForLeaderEpoch, versions 2 to 4.

use ottla_protocol::ErrorCode;
use ottla_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
};

use crate::dispatch::RequestContext;

pub(crate) fn handle(context: &RequestContext<'_>, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| OffsetForLeaderTopicResult {
        partitions: topic.partitions.iter().map(|partition| answer(context, &topic.topic, partition)).collect(),
        topic: topic.topic,
        ..Default::default()
    });
    OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() }
}

fn answer(context: &RequestContext<'_>, topic: &str, wanted: &OffsetForLeaderPartition) -> EpochEndOffset {
    let (error, (leader_epoch, end_offset)) = match end_offset(context, topic, wanted) {
        Ok(found) => (ErrorCode::None, found),
        Err(error) => (error, (-1, -1)),
    };
    EpochEndOffset { error_code: error.code(), partition: wanted.partition, leader_epoch, end_offset, ..Default::default() }
}

fn end_offset(context: &RequestContext<'_>, topic: &str, wanted: &OffsetForLeaderPartition) -> Result<(i32, i64), ErrorCode> {
    if let Some(error) = context.verdict.read_error(topic, wanted.partition) {
        return Err(error);
    }
    let topic = context.cluster.topic(topic)?;
    let partition = topic.partition(wanted.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?.lock();
    partition.check_leader(context.node.id, wanted.current_leader_epoch)?;
    Ok(partition.log.end_offset_for_epoch(wanted.leader_epoch))
}
