//! CreateTopics, versions 2 to 7.

use std::collections::BTreeMap;

use ottla_protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use ottla_protocol::{ErrorCode, Text};

use crate::cluster::NODE_ID;
use crate::config::TopicConfig;
use crate::dispatch::RequestContext;
use crate::log::Refusal;

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
            Some(1) => create(context, topic, request.validate_only),
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

fn create(context: &RequestContext<'_>, topic: &CreatableTopic, validate_only: bool) -> Result<CreatableTopicResult, Refusal> {
    let cluster = context.cluster;
    let properties = topic.configs.iter().map(|config| (config.name.as_str(), config.value.as_deref()));
    let config = TopicConfig::new(&cluster.config, properties)
        .map_err(|error| Refusal::new(ErrorCode::InvalidConfig, error.to_string()))?;
    let partitions = if topic.assignments.is_empty() {
        let default_factor = cluster.config.number("default.replication.factor");
        check_replication_factor(topic.replication_factor, default_factor)?;
        match topic.num_partitions {
            -1 => cluster.default_partitions(),
            count if count > 0 => count,
            _ => {
                let message = "Number of partitions was set to an invalid non-positive value.";
                return Err(Refusal::new(ErrorCode::InvalidPartitions, message));
            }
        }
    } else {
        check_assignments(topic)?
    };
    let created = cluster.create_topic(&topic.name, partitions, config, validate_only)?;
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
        replication_factor: 1,
        configs: Some(configs.collect()),
        ..Default::default()
    })
}

fn check_replication_factor(wanted: i16, default: i64) -> Result<(), Refusal> {
    let factor = if wanted == -1 { default } else { i64::from(wanted) };
    match factor {
        1 => Ok(()),
        ..=0 => {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message))
        }
        _ => Err(Refusal::new(
            ErrorCode::InvalidReplicationFactor,
            format!(
                "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot be reached \
                 because only 1 broker(s) are registered."
            ),
        )),
    }
}

/// A manual assignment may only say what would be done anyway, since there is one broker. Answers the number of partitions.
fn check_assignments(topic: &CreatableTopic) -> Result<i32, Refusal> {
    let request = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    let assignment = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
    if topic.replication_factor != -1 {
        return request("A manual partition assignment was specified, but replication factor was not set to -1.");
    }
    if topic.num_partitions != -1 {
        return request("A manual partition assignment was specified, but numPartitions was not set to -1.");
    }
    let mut indexes = Vec::with_capacity(topic.assignments.len());
    for partition in &topic.assignments {
        match partition.broker_ids.as_slice() {
            [NODE_ID] => indexes.push(partition.partition_index),
            [] => return assignment("The manual partition assignment includes an empty replica list.".into()),
            brokers => {
                return assignment(match brokers.iter().find(|id| **id != NODE_ID) {
                    Some(id) => {
                        format!("The manual partition assignment includes broker {id}, but no such broker is registered.")
                    }
                    None => format!("The manual partition assignment includes the broker {NODE_ID} more than once."),
                });
            }
        }
    }
    indexes.sort_unstable();
    for (expected, index) in (0..).zip(&indexes) {
        match index.cmp(&expected) {
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Less if *index >= 0 => {
                return assignment(format!("Found multiple manual partition assignments for partition {index}"));
            }
            _ => return assignment("partitions should be a consecutive 0-based integer sequence".into()),
        }
    }
    // So many would not fit a request's frame.
    Ok(i32::try_from(indexes.len()).unwrap_or(i32::MAX))
}
