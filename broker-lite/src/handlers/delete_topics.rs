//! DeleteTopics, versions 1 to 6.

use ottla_protocol::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use ottla_protocol::{ErrorCode, Text};

use crate::dispatch::RequestContext;

pub(crate) fn handle(context: &RequestContext<'_>, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = |name: Text| DeleteTopicState { name: Some(name), ..Default::default() };
    let wanted: Vec<DeleteTopicState> =
        if context.api_version < 6 { request.topic_names.into_iter().map(by_name).collect() } else { request.topics };
    let responses = wanted.into_iter().map(|topic| delete(context, topic)).collect();
    DeleteTopicsResponse { responses, ..Default::default() }
}

fn delete(context: &RequestContext<'_>, wanted: DeleteTopicState) -> DeletableTopicResult {
    let refuse = |error: ErrorCode, message: &'static str| DeletableTopicResult {
        name: wanted.name.clone(),
        topic_id: wanted.topic_id,
        error_code: error.code(),
        error_message: Some(Text::from_static(message)),
        ..Default::default()
    };
    if !context.cluster.config.flag("delete.topic.enable") {
        return refuse(ErrorCode::TopicDeletionDisabled, ErrorCode::TopicDeletionDisabled.message());
    }
    let found = match &wanted.name {
        Some(_) if !wanted.topic_id.is_zero() => {
            return refuse(ErrorCode::InvalidRequest, "You may not specify both topic name and topic id.");
        }
        Some(name) => context.cluster.topic(name),
        None if wanted.topic_id.is_zero() => {
            return refuse(ErrorCode::InvalidRequest, "Neither topic name nor id were specified.");
        }
        None => context.cluster.topic_by_id(&wanted.topic_id),
    };
    match found {
        Ok(topic) => {
            if let Some(error) = context.verdict.topic_error(&topic.name, false) {
                return refuse(error, error.message());
            }
            context.cluster.delete_topic(&topic);
            if let Some(error) = context.verdict.topic_error(&topic.name, true) {
                return refuse(error, error.message());
            }
            DeletableTopicResult { name: Some(topic.name.clone()), topic_id: topic.id, ..Default::default() }
        }
        Err(error) => refuse(error, error.message()),
    }
}
