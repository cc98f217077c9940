//! DeleteRecords, versions 0 to 2.

use ottla_protocol::ErrorCode;
use ottla_protocol::messages::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};

use crate::dispatch::RequestContext;

/// Stands for the high watermark.
const UP_TO_HIGH_WATERMARK: i64 = -1;

pub(crate) fn handle(context: &RequestContext<'_>, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|topic| DeleteRecordsTopicResult {
        partitions: topic
            .partitions
            .iter()
            .map(|partition| {
                let deleted = delete(context, &topic.name, partition.partition_index, partition.offset);
                DeleteRecordsPartitionResult {
                    partition_index: partition.partition_index,
                    low_watermark: deleted.unwrap_or(-1),
                    error_code: deleted.err().unwrap_or(ErrorCode::None).code(),
                    ..Default::default()
                }
            })
            .collect(),
        name: topic.name,
        ..Default::default()
    });
    DeleteRecordsResponse { topics: topics.collect(), ..Default::default() }
}

/// Answers the new start of the log.
fn delete(context: &RequestContext<'_>, topic: &str, partition: i32, offset: i64) -> Result<i64, ErrorCode> {
    if let Some(error) = context.verdict.partition_error(topic, partition, false) {
        return Err(error);
    }
    let index = partition;
    let topic = context.cluster.topic(topic)?;
    let partition = topic.partition(partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if !topic.config.delete {
        return Err(ErrorCode::PolicyViolation);
    }
    let mut partition = partition.lock();
    partition.check_leader(context.node.id, -1)?;
    let end = partition.high_watermark();
    let offset = if offset == UP_TO_HIGH_WATERMARK { end } else { offset };
    if offset < 0 || offset > end {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    partition.log.delete_records_before(offset);
    match context.verdict.partition_error(&topic.name, index, true) {
        Some(error) => Err(error),
        None => Ok(partition.log.log_start_offset()),
    }
}
