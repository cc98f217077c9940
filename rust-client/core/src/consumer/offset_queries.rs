//! Asking for offsets by time.

use ottla_protocol::Text;
use ottla_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};

use super::IsolationLevel;

/// Stands for the first offset that is still there in a ListOffsets request.
pub const EARLIEST_TIMESTAMP: i64 = -2;
/// Stands for the end of the partition: its high watermark, or under read_committed its last stable offset.
pub const LATEST_TIMESTAMP: i64 = -1;

/// Asks for the offsets at timestamps: (topic, partition, leader epoch known, timestamp).
#[must_use]
pub fn list_offsets_request<'a>(
    isolation: IsolationLevel,
    timeout_ms: i32,
    partitions: impl IntoIterator<Item = (&'a Text, i32, i32, i64)>,
) -> ListOffsetsRequest {
    let mut topics: Vec<ListOffsetsTopic> = Vec::new();
    for (topic, partition_index, current_leader_epoch, timestamp) in partitions {
        let partition =
            ListOffsetsPartition { partition_index, current_leader_epoch, timestamp, ..ListOffsetsPartition::default() };
        match topics.iter_mut().rev().find(|known| known.name == *topic) {
            Some(known) => known.partitions.push(partition),
            None => {
                topics.push(ListOffsetsTopic { name: topic.clone(), partitions: vec![partition], ..ListOffsetsTopic::default() });
            }
        }
    }
    ListOffsetsRequest { replica_id: -1, isolation_level: isolation.id(), topics, timeout_ms, ..ListOffsetsRequest::default() }
}
