//! CreateTopics, versions 2 to 7.

use std::collections::BTreeMap;

use ottla_protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use ottla_protocol::{ErrorCode, Text};

use crate::config::TopicConfig;
use crate::dispatch::RequestContext;
use crate::log::Refusal;
use crate::placement::{self, Layout};

pub(crate) fn handle(context: &RequestContext<'_>, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.as_str()).or_default() += 1;
    }
    let mut topics = Vec::new();
    for topic in &request.topics {
        let result = match times.get(topic.name.as_str()) {
            // All of them are refused, with one result.
            Some(0) => continue,
            Some(1) => create_or_fail(context, topic, request.validate_only),
            _ => Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name.")),
        };
        times.insert(topic.name.as_str(), 0);
        topics.push(result.unwrap_or_else(|refusal| CreatableTopicResult {
            name: topic.name.clone(),
            error_code: refusal.code.code(),
            error_message: Some(Text::from(refusal.message)),
            num_partitions: -1,
            replication_factor: -1,
            configs: Some(Vec::new()),
            ..Default::default()
        }));
    }
    CreateTopicsResponse { topics, ..Default::default() }
}

fn create_or_fail(
    context: &RequestContext<'_>,
    topic: &CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, Refusal> {
    let failed = |applied: bool| {
        let error = context.verdict.topic_error(&topic.name, applied);
        error.map_or(Ok(()), |error| Err(Refusal::new(error, error.message())))
    };
    failed(false)?;
    let created = create(context, topic, validate_only)?;
    failed(true).map(|()| created)
}

fn create(context: &RequestContext<'_>, topic: &CreatableTopic, validate_only: bool) -> Result<CreatableTopicResult, Refusal> {
    let cluster = context.cluster;
    let properties = topic.configs.iter().map(|config| (config.name.as_str(), config.value.as_deref()));
    let config = TopicConfig::new(&cluster.config, properties)
        .map_err(|error| Refusal::new(ErrorCode::InvalidConfig, error.to_string()))?;
    let (layout, partitions, replication_factor) =
        if topic.assignments.is_empty() { spread(context, topic)? } else { manual(context, topic)? };
    let created = cluster.create_topic(&topic.name, layout, config, validate_only)?;
    let configs = created.config.describe(&cluster.config).into_iter().map(|config| CreatableTopicConfigs {
        name: Text::from_static(config.definition.name),
        value: config.value.map(Text::from),
        config_source: config.source as i8,
        ..Default::default()
    });
    Ok(CreatableTopicResult {
        name: topic.name.clone(),
        topic_id: created.id,
        num_partitions: partitions,
        replication_factor,
        configs: Some(configs.collect()),
        ..Default::default()
    })
}

/// The layout, the number of partitions and of replicas.
type Planned = (Layout, i32, i16);

fn spread(context: &RequestContext<'_>, topic: &CreatableTopic) -> Result<Planned, Refusal> {
    let cluster = context.cluster;
    let default_factor = cluster.config.number("default.replication.factor");
    let factor = if topic.replication_factor == -1 { default_factor } else { i64::from(topic.replication_factor) };
    let factor = placement::check_replication_factor(factor, cluster.nodes.len())?;
    let replication_factor = i16::try_from(factor).unwrap_or(i16::MAX);
    let partitions = if topic.num_partitions == -1 { cluster.default_partitions() } else { topic.num_partitions };
    let layout = Layout::Spread { partitions, replication_factor: Some(replication_factor) };
    Ok((layout, partitions, replication_factor))
}

fn manual(context: &RequestContext<'_>, topic: &CreatableTopic) -> Result<Planned, Refusal> {
    let request = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    let assignment = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
    if topic.replication_factor != -1 {
        return request("A manual partition assignment was specified, but replication factor was not set to -1.");
    }
    if topic.num_partitions != -1 {
        return request("A manual partition assignment was specified, but numPartitions was not set to -1.");
    }
    let mut assignments: Vec<(i32, Vec<i32>)> =
        topic.assignments.iter().map(|partition| (partition.partition_index, partition.broker_ids.clone())).collect();
    let places = context.cluster.places();
    for (_, replicas) in &assignments {
        placement::check_assignment(replicas, &places)?;
    }
    assignments.sort();
    for (expected, (index, replicas)) in (0..).zip(&assignments) {
        match index.cmp(&expected) {
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Less if *index >= 0 => {
                return assignment(format!("Found multiple manual partition assignments for partition {index}"));
            }
            _ => return assignment("partitions should be a consecutive 0-based integer sequence".into()),
        }
        let first = assignments.first().map_or(0, |(_, first)| first.len());
        if replicas.len() != first {
            return assignment(format!(
                "The manual partition assignment for partition {index} has {} replica(s), others have {first}.",
                replicas.len()
            ));
        }
    }
    let replicas: Vec<Vec<i32>> = assignments.into_iter().map(|(_, replicas)| replicas).collect();
    // So many would not fit a request's frame.
    let partitions = i32::try_from(replicas.len()).unwrap_or(i32::MAX);
    let factor = replicas.first().map_or(1, |replicas| i16::try_from(replicas.len()).unwrap_or(i16::MAX));
    Ok((Layout::Manual(replicas), partitions, factor))
}
