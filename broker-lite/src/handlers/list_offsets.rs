//! ListOffsets, versions 1 to 11.

use std::collections::HashSet;

use ottla_protocol::ErrorCode;
use ottla_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};

use crate::dispatch::RequestContext;
use crate::log::TimestampAndOffset;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// Where nothing matches.
const NOWHERE: TimestampAndOffset = TimestampAndOffset { timestamp: -1, offset: -1, leader_epoch: -1 };

pub(crate) fn handle(context: &RequestContext<'_>, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let mut seen = HashSet::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let found = if seen.insert((topic.name.clone(), wanted.partition_index)) {
                find(context, &topic.name, wanted)
            } else {
                Err(ErrorCode::InvalidRequest)
            };
            let error = found.err().unwrap_or(ErrorCode::None);
            let TimestampAndOffset { timestamp, offset, leader_epoch } = found.unwrap_or(NOWHERE);
            partitions.push(ListOffsetsPartitionResponse {
                partition_index: wanted.partition_index,
                error_code: error.code(),
                timestamp,
                offset,
                // Came with version 4; older ones must not carry one.
                leader_epoch: if context.api_version >= 4 { leader_epoch } else { -1 },
                ..Default::default()
            });
        }
        topics.push(ListOffsetsTopicResponse { name: topic.name, partitions, ..Default::default() });
    }
    ListOffsetsResponse { topics, ..Default::default() }
}

fn find(context: &RequestContext<'_>, topic: &str, wanted: &ListOffsetsPartition) -> Result<TimestampAndOffset, ErrorCode> {
    let first_version = match wanted.timestamp {
        0.. | LATEST | EARLIEST => 1,
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        EARLIEST_PENDING_UPLOAD => 11,
        _ => i16::MAX,
    };
    if context.api_version < first_version {
        return Err(ErrorCode::UnsupportedVersion);
    }
    if let Some(error) = context.verdict.read_error(topic, wanted.partition_index) {
        return Err(error);
    }
    let topic = context.cluster.topic(topic)?;
    let partition = topic.partition(wanted.partition_index).ok_or(ErrorCode::UnknownTopicOrPartition)?.lock();
    partition.check_leader(context.node.id, wanted.current_leader_epoch)?;
    let (log, end) = (&partition.log, partition.high_watermark());
    let found = match wanted.timestamp {
        LATEST => {
            return Ok(TimestampAndOffset { timestamp: -1, offset: end, leader_epoch: log.latest_epoch() });
        }
        // Without tiers all is local.
        EARLIEST | EARLIEST_LOCAL => Ok(Some(log.earliest())),
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok(None),
        MAX_TIMESTAMP => log.max_timestamp(),
        timestamp => log.first_at(timestamp),
    };
    // What lies above the high watermark is not there yet.
    let visible = |found: &TimestampAndOffset| found.offset < end || found.timestamp < 0;
    found.map(|found| found.filter(visible).unwrap_or(NOWHERE)).map_err(|refusal| refusal.code)
}
