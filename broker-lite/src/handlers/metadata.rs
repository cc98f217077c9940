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
use crate::history;
use crate::node::Node;
use crate::partition::NO_LEADER;
use crate::topic_name;

pub(crate) fn handle(context: &RequestContext<'_>, request: MetadataRequest) -> MetadataResponse {
    let operations = if request.include_topic_authorized_operations { TOPIC_OPERATIONS } else { OPERATIONS_NOT_ASKED_FOR };
    let known = |topic: &Arc<Topic>| describe_or_fail(context, topic, operations);
    let all = request.topics.as_ref().is_none_or(|topics| topics.is_empty() && context.api_version == 0);
    let topics = match &request.topics {
        // Null is all topics, empty none; version 0 had no null.
        Some(wanted) if !all => wanted
            .iter()
            .map(|wanted| find(context, &request, wanted).map_or_else(|missing| missing, |topic| known(&topic)))
            .collect(),
        _ => context.cluster.topics().iter().map(known).collect(),
    };
    let broker = |node: &Node| {
        let (host, port) = context.endpoint(node);
        MetadataResponseBroker { node_id: node.id, host, port, rack: node.rack.clone(), ..Default::default() }
    };
    let brokers = context.cluster.nodes.iter().filter(|node| node.is_alive()).map(broker);
    let cluster_operations =
        if request.include_cluster_authorized_operations { CLUSTER_OPERATIONS } else { OPERATIONS_NOT_ASKED_FOR };
    let whole = context.verdict.error_of(&[ErrorCode::RebootstrapRequired]);
    let mut response = MetadataResponse {
        brokers: brokers.collect(),
        cluster_id: Some(Text::from(context.cluster.id.to_string())),
        controller_id: context.cluster.controller(),
        topics,
        cluster_authorized_operations: cluster_operations,
        error_code: whole.map_or(0, ErrorCode::code),
        ..Default::default()
    };
    if context.verdict.stale_versions() > 0 {
        context
            .cluster
            .history
            .rewind(context.verdict.stale_versions(), &mut response, all, |id| context.cluster.node(id).map(broker));
    }
    response
}

/// A topic, unless a fault says otherwise.
fn describe_or_fail(context: &RequestContext<'_>, topic: &Topic, operations: i32) -> MetadataResponseTopic {
    let verdict = context.verdict;
    let failed = verdict.topic_error(&topic.name, false).or_else(|| verdict.topic_error(&topic.name, true));
    if let Some(error) = failed.filter(|error| *error != ErrorCode::RebootstrapRequired) {
        let (name, topic_id) = (Some(topic.name.clone()), topic.id);
        return MetadataResponseTopic { error_code: error.code(), name, topic_id, ..Default::default() };
    }
    let mut described = describe(topic, operations);
    for partition in &mut described.partitions {
        let failed = verdict.read_error(&topic.name, partition.partition_index);
        if let Some(error) = failed.filter(|error| *error != ErrorCode::RebootstrapRequired) {
            partition.error_code = error.code();
            if error == ErrorCode::LeaderNotAvailable {
                partition.leader_id = NO_LEADER;
            }
        }
    }
    described
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

/// What Metadata says of a topic.
pub(crate) fn describe(topic: &Topic, operations: i32) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().zip(0..).map(|(partition, partition_index)| {
        let mut described = MetadataResponsePartition { partition_index, ..Default::default() };
        history::show(&mut described, &partition.lock().view());
        described
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
