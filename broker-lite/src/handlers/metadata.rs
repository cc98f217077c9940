//! Metadata, versions 0 to 13.

use std::sync::Arc;

use ottla_protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use ottla_protocol::{ErrorCode, Text, Uuid};

use super::{CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED_FOR, TOPIC_OPERATIONS};
use crate::cluster::Topic;
use crate::dispatch::RequestContext;
use crate::topic_name;

pub(crate) fn handle(context: &RequestContext<'_>, request: MetadataRequest) -> MetadataResponse {
    let operations = if request.include_topic_authorized_operations { TOPIC_OPERATIONS } else { OPERATIONS_NOT_ASKED_FOR };
    let known = |topic: &Arc<Topic>| describe(topic, operations);
    let topics = match &request.topics {
        // Null is all topics, empty none; version 0 had no null.
        Some(wanted) if !wanted.is_empty() || context.api_version > 0 => wanted
            .iter()
            .map(|wanted| find(context, &request, wanted).map_or_else(|missing| missing, |topic| known(&topic)))
            .collect(),
        _ => context.cluster.topics().iter().map(known).collect(),
    };
    let brokers = context.cluster.nodes.iter().filter(|node| node.is_alive()).map(|node| {
        let (host, port) = context.endpoint(node);
        MetadataResponseBroker { node_id: node.id, host, port, rack: node.rack.clone(), ..Default::default() }
    });
    let cluster_operations =
        if request.include_cluster_authorized_operations { CLUSTER_OPERATIONS } else { OPERATIONS_NOT_ASKED_FOR };
    MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: Some(Text::from(context.cluster.id.to_string())),
        controller_id: context.cluster.controller(),
        topics,
        cluster_authorized_operations: cluster_operations,
        ..Default::default()
    }
}

fn find(
    context: &RequestContext<'_>,
    request: &MetadataRequest,
    wanted: &MetadataRequestTopic,
) -> Result<Arc<Topic>, MetadataResponseTopic> {
    let refuse = |name: Option<Text>, topic_id: Uuid, error: ErrorCode| MetadataResponseTopic {
        error_code: error.code(),
        // Only from version 12 on may the name be null.
        name: if context.api_version < 12 { Some(name.unwrap_or_default()) } else { name },
        topic_id,
        topic_authorized_operations: OPERATIONS_NOT_ASKED_FOR,
        ..Default::default()
    };
    let by_id = !wanted.topic_id.is_zero();
    if context.api_version < 12 && (by_id || wanted.name.is_none()) {
        return Err(refuse(wanted.name.clone(), wanted.topic_id, ErrorCode::InvalidRequest));
    }
    let Some(name) = wanted.name.as_ref().filter(|_| !by_id) else {
        return context.cluster.topic_by_id(&wanted.topic_id).map_err(|error| refuse(None, wanted.topic_id, error));
    };
    let found = context.cluster.topic(name).or_else(|unknown| {
        if topic_name::check(name).is_err() {
            return Err(ErrorCode::InvalidTopicException);
        }
        // Apache Kafka answers 3 once and creates the topic meanwhile; it is there already here, which a client may see of a Kafka
        // too if another client was faster.
        let create = request.allow_auto_topic_creation && context.cluster.config.flag("auto.create.topics.enable");
        if create { context.cluster.auto_create_topic(name) } else { Err(unknown) }
    });
    found.map_err(|error| refuse(Some(name.clone()), Uuid::ZERO, error))
}

fn describe(topic: &Arc<Topic>, operations: i32) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().zip(0..).map(|(partition, partition_index)| {
        let view = partition.lock().view();
        MetadataResponsePartition {
            error_code: view.error().code(),
            partition_index,
            leader_id: view.leader,
            leader_epoch: view.leader_epoch,
            replica_nodes: view.replicas,
            isr_nodes: view.isr,
            offline_replicas: view.offline,
            ..Default::default()
        }
    });
    MetadataResponseTopic {
        name: Some(topic.name.clone()),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: partitions.collect(),
        topic_authorized_operations: operations,
        ..Default::default()
    }
}
