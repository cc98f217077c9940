//! CreatePartitions, versions 0 to 3.

use std::collections::BTreeMap;

use ottla_protocol::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};
use ottla_protocol::{ErrorCode, Text};

use crate::dispatch::RequestContext;
use crate::log::Refusal;

pub(crate) fn handle(context: &RequestContext<'_>, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.as_str()).or_default() += 1;
    }
    let mut results = Vec::with_capacity(times.len());
    for topic in &request.topics {
        let created = match times.insert(topic.name.as_str(), 0) {
            // All of them are refused, with one result.
            Some(0) => continue,
            Some(1) => create(context, topic, request.validate_only),
            _ => Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name.")),
        };
        let refusal = created.err();
        results.push(CreatePartitionsTopicResult {
            name: topic.name.clone(),
            error_code: refusal.as_ref().map_or(0, |refusal| refusal.code.code()),
            error_message: refusal.map(|refusal| Text::from(refusal.message)),
            ..Default::default()
        });
    }
    CreatePartitionsResponse { results, ..Default::default() }
}

fn create(context: &RequestContext<'_>, topic: &CreatePartitionsTopic, validate_only: bool) -> Result<(), Refusal> {
    let failed = |applied: bool| {
        let error = context.verdict.topic_error(&topic.name, applied);
        error.map_or(Ok(()), |error| Err(Refusal::new(error, error.message())))
    };
    failed(false)?;
    let manual = |assignments: &Vec<_>| assignments.iter().map(brokers).collect();
    let assignments = topic.assignments.as_ref().map(manual);
    context.cluster.create_partitions(&topic.name, topic.count, assignments, validate_only)?;
    failed(true)
}

fn brokers(assignment: &ottla_protocol::messages::create_partitions::CreatePartitionsAssignment) -> Vec<i32> {
    assignment.broker_ids.clone()
}
