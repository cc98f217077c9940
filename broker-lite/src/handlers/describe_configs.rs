//! DescribeConfigs, versions 1 to 4: topics and the broker.

use ottla_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};
use ottla_protocol::{ErrorCode, Text};

use crate::config::DescribedConfig;
use crate::dispatch::RequestContext;
use crate::log::Refusal;
use crate::topic_name;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

pub(crate) fn handle(context: &RequestContext<'_>, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let mut results = Vec::with_capacity(request.resources.len());
    for resource in request.resources {
        let mut result = DescribeConfigsResult {
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            error_message: Some(Text::default()),
            ..Default::default()
        };
        match configs(context, &resource) {
            Ok(configs) => {
                let wanted = |config: &DescribedConfig| match &resource.configuration_keys {
                    Some(keys) if !keys.is_empty() => keys.iter().any(|key| key == config.definition.name),
                    _ => true,
                };
                let configs = configs.into_iter().filter(wanted);
                result.configs = configs.map(|config| describe(config, request.include_synonyms)).collect();
            }
            Err(refusal) => {
                result.error_code = refusal.code.code();
                result.error_message = Some(Text::from(refusal.message));
            }
        }
        results.push(result);
    }
    DescribeConfigsResponse { results, ..Default::default() }
}

fn configs(context: &RequestContext<'_>, resource: &DescribeConfigsResource) -> Result<Vec<DescribedConfig>, Refusal> {
    let cluster = context.cluster;
    let name = resource.resource_name.as_str();
    match resource.resource_type {
        TOPIC => {
            topic_name::check(name).map_err(|message| Refusal::new(ErrorCode::InvalidTopicException, message))?;
            let topic = cluster.topic(name).map_err(|error| Refusal::new(error, error.message()))?;
            Ok(topic.config.describe(&cluster.config))
        }
        // The empty name asks for what was set for all brokers at run time: nothing.
        BROKER if name.is_empty() => Ok(Vec::new()),
        BROKER if name == context.node.id.to_string() => Ok(context.node.config.describe()),
        BROKER => {
            let id = context.node.id;
            let message = format!("Unexpected broker id, expected {id} or empty string, but received {name}");
            Err(Refusal::new(ErrorCode::InvalidRequest, message))
        }
        other => Err(Refusal::new(ErrorCode::InvalidRequest, format!("Unsupported resource type: {other}"))),
    }
}

fn describe(config: DescribedConfig, include_synonyms: bool) -> DescribeConfigsResourceResult {
    let synonyms = config.synonyms.into_iter().filter(|_| include_synonyms).map(|synonym| DescribeConfigsSynonym {
        name: Text::from_static(synonym.name),
        value: synonym.value.map(Text::from),
        source: synonym.source as i8,
        ..Default::default()
    });
    DescribeConfigsResourceResult {
        name: Text::from_static(config.definition.name),
        value: config.value.map(Text::from),
        read_only: config.read_only,
        config_source: config.source as i8,
        synonyms: synonyms.collect(),
        config_type: config.definition.config_type as i8,
        ..Default::default()
    }
}
