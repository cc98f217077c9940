//! Produce, versions 3 to 13. Versions 0 to 2 are advertised as Apache Kafka does it, and refused when used.

use std::collections::BTreeSet;
use std::sync::Arc;

use ottla_protocol::messages::produce::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData, TopicProduceResponse,
};
use ottla_protocol::{ErrorCode, Text};

use crate::cluster::Topic;
use crate::dispatch::{Reply, RequestContext};
use crate::log::{CheckedBatch, Refusal};
use crate::node::Node;
use crate::partition::Replication;

/// From this version on topics come by their ids.
const TOPIC_IDS_FROM: i16 = 13;
/// From this version on an error says who leads instead (KIP-951).
const LEADER_HINT_FROM: i16 = 10;

pub(crate) fn handle(context: &RequestContext<'_>, request: ProduceRequest) -> Reply<ProduceResponse> {
    let acks = request.acks;
    let responses: Vec<_> = request.topic_data.into_iter().map(|topic| append_topic(context, acks, topic)).collect();
    let response = ProduceResponse { node_endpoints: endpoints(context, &responses), responses, ..Default::default() };
    if acks != 0 {
        return response.into();
    }
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    match partitions.find(|partition| partition.error_code != 0) {
        // There is no response to say it in.
        Some(failed) => {
            let error = ErrorCode::from_code(failed.error_code);
            let message = failed.error_message.as_deref().unwrap_or_default();
            Reply::Close(format!("Produce with acks=0 failed with {error}: {message}"))
        }
        None => Reply::Silence,
    }
}

fn append_topic(context: &RequestContext<'_>, acks: i16, data: TopicProduceData) -> TopicProduceResponse {
    let topic = if context.api_version >= TOPIC_IDS_FROM {
        context.cluster.topic_by_id(&data.topic_id)
    } else {
        context.cluster.topic(&data.name)
    };
    let mut partition_responses = Vec::with_capacity(data.partition_data.len());
    for partition in data.partition_data {
        let index = partition.index;
        let appended = append(context, acks, &topic, partition);
        partition_responses.push(appended.unwrap_or_else(|refusal| refused(context, index, refusal)));
    }
    TopicProduceResponse { name: data.name, topic_id: data.topic_id, partition_responses, ..Default::default() }
}

fn refused(context: &RequestContext<'_>, index: i32, refusal: Refusal) -> PartitionProduceResponse {
    let mut response = PartitionProduceResponse {
        index,
        error_code: refusal.code.code(),
        base_offset: -1,
        error_message: Some(Text::from(refusal.message)),
        ..Default::default()
    };
    if let Some((leader_id, leader_epoch)) = refusal.leader.filter(|_| context.api_version >= LEADER_HINT_FROM) {
        response.current_leader = LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
    }
    response
}

/// Where the leaders are that the answers name.
fn endpoints(context: &RequestContext<'_>, responses: &[TopicProduceResponse]) -> Vec<NodeEndpoint> {
    let partitions = responses.iter().flat_map(|topic| &topic.partition_responses);
    let leaders: BTreeSet<i32> = partitions.map(|partition| partition.current_leader.leader_id).collect();
    let nodes = leaders.into_iter().filter_map(|id| context.cluster.node(id));
    let endpoint = |node: &Node| {
        let (host, port) = context.endpoint(node);
        NodeEndpoint { node_id: node.id, host, port, rack: node.rack.clone(), ..Default::default() }
    };
    nodes.map(endpoint).collect()
}

fn append(
    context: &RequestContext<'_>,
    acks: i16,
    topic: &Result<Arc<Topic>, ErrorCode>,
    data: PartitionProduceData,
) -> Result<PartitionProduceResponse, Refusal> {
    let refuse = |code: ErrorCode| Refusal::new(code, code.message());
    if !matches!(acks, -1..=1) {
        return Err(refuse(ErrorCode::InvalidRequiredAcks));
    }
    let topic = topic.as_ref().map_err(|code| refuse(*code))?;
    let partition = topic.partition(data.index).ok_or_else(|| refuse(ErrorCode::UnknownTopicOrPartition))?;
    let now_ms = context.cluster.clock.now_ms();
    let records = data.records.map(|records| records.to_bytes());
    let batch = CheckedBatch::check(records.as_ref(), context.api_version, &topic.name, data.index, &topic.config, now_ms)?;
    if batch.is_transactional() {
        return Err(Refusal::new(ErrorCode::InvalidTxnState, super::NO_TRANSACTIONS));
    }
    if let Some(code) = context.verdict.partition_error(&topic.name, data.index, false) {
        return Err(refuse(code));
    }
    let mut partition = partition.lock();
    let replication = Replication { all_in_sync: acks == -1, held: context.cluster.replication_held() };
    let appended = partition.append(context.node.id, batch, &topic.config, replication, now_ms).map_err(|mut refusal| {
        if refusal.code == ErrorCode::NotLeaderOrFollower {
            refusal.leader = Some((partition.leader(), partition.leader_epoch()));
        }
        refusal
    })?;
    if let Some(code) = context.verdict.partition_error(&topic.name, data.index, true) {
        return Err(refuse(code));
    }
    Ok(PartitionProduceResponse {
        index: data.index,
        base_offset: appended.base_offset,
        log_append_time_ms: appended.log_append_time,
        log_start_offset: partition.log.log_start_offset(),
        ..Default::default()
    })
}
