//! DescribeTopicPartitions, version 0 (KIP-966): topics in the order of their names, a page at a time.

use std::collections::BTreeSet;

use ottla_protocol::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use ottla_protocol::{ErrorCode, Text};

use super::{OPERATIONS_NOT_ASKED_FOR, TOPIC_OPERATIONS};
use crate::cluster::Topic;
use crate::dispatch::{Reply, RequestContext};
use crate::topic_name;

pub(crate) fn handle(
    context: &RequestContext<'_>,
    request: DescribeTopicPartitionsRequest,
) -> Reply<DescribeTopicPartitionsResponse> {
    let cursor = request.cursor.unwrap_or_default();
    if cursor.partition_index < 0 {
        // The response has no field for an error of the whole request.
        return Reply::Close("DescribeTopicPartitions: the cursor has a negative partition".into());
    }
    let all_topics = request.topics.is_empty();
    let mut names: BTreeSet<Text> = request.topics.into_iter().map(|topic| topic.name).collect();
    if all_topics {
        names.extend(context.cluster.topics().iter().map(|topic| topic.name.clone()));
    }
    let limit = context.cluster.config.number("max.request.partition.size.limit");
    let mut room = usize::try_from(limit.min(i64::from(request.response_partition_limit)).max(1)).unwrap_or(1);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names.into_iter().filter(|name| *name >= cursor.topic_name) {
        if room == 0 {
            response.next_cursor = Some(Cursor { topic_name: name, partition_index: 0, ..Default::default() });
            break;
        }
        let first = if name == cursor.topic_name { cursor.partition_index } else { 0 };
        match context.cluster.topic(&name) {
            Ok(topic) => {
                let described = describe(&topic, first, room);
                room -= described.partitions.len();
                let next = first.saturating_add(i32::try_from(described.partitions.len()).unwrap_or(i32::MAX));
                response.topics.push(described);
                if topic.partition(next).is_some() {
                    response.next_cursor = Some(Cursor { topic_name: name, partition_index: next, ..Default::default() });
                    break;
                }
            }
            Err(_) if all_topics => {}
            Err(unknown) => {
                let error = if topic_name::check(&name).is_err() { ErrorCode::InvalidTopicException } else { unknown };
                response.topics.push(DescribeTopicPartitionsResponseTopic {
                    error_code: error.code(),
                    name: Some(name),
                    topic_authorized_operations: OPERATIONS_NOT_ASKED_FOR,
                    ..Default::default()
                });
            }
        }
    }
    response.into()
}

fn describe(topic: &Topic, first: i32, room: usize) -> DescribeTopicPartitionsResponseTopic {
    let from = usize::try_from(first).unwrap_or(0);
    let page = topic.partitions.iter().zip(0..).skip(from).take(room);
    let partitions = page.map(|(partition, partition_index)| {
        let view = partition.lock().view();
        DescribeTopicPartitionsResponsePartition {
            error_code: view.error().code(),
            partition_index,
            leader_id: view.leader,
            leader_epoch: view.leader_epoch,
            replica_nodes: view.replicas,
            isr_nodes: view.isr,
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            offline_replicas: view.offline,
            ..Default::default()
        }
    });
    DescribeTopicPartitionsResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: partitions.collect(),
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..Default::default()
    }
}
