//! JoinGroup, versions 0 to 9. It is parked until the group's members have joined.

use ottla_protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse};
use ottla_protocol::{ErrorCode, Text};

use crate::coordinator::{Answer, Joining};
use crate::dispatch::RequestContext;

pub(crate) async fn handle(context: &RequestContext<'_>, request: JoinGroupRequest) -> JoinGroupResponse {
    let refuse = |error: ErrorCode| JoinGroupResponse {
        error_code: error.code(),
        member_id: request.member_id.clone(),
        protocol_name: None,
        ..Default::default()
    };
    let mut response = match context.verdict.group_error(&request.group_id, false) {
        Some(error) => refuse(error),
        None => join(context, &request).await.unwrap_or_else(refuse),
    };
    if let Some(error) = context.verdict.group_error(&request.group_id, true) {
        response = refuse(error);
    }
    if context.api_version < 7 {
        // Older versions know no null.
        response.protocol_name.get_or_insert_with(Text::default);
    }
    response
}

async fn join(context: &RequestContext<'_>, request: &JoinGroupRequest) -> Result<JoinGroupResponse, ErrorCode> {
    let config = &context.cluster.config;
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let allowed = config.number("group.min.session.timeout.ms")..=config.number("group.max.session.timeout.ms");
    if !allowed.contains(&i64::from(request.session_timeout_ms)) {
        return Err(ErrorCode::InvalidSessionTimeout);
    }
    let coordinators = &context.cluster.coordinators;
    let is_new = request.member_id.is_empty();
    let client_id = context.client_id();
    let named = request.group_instance_id.as_ref().unwrap_or(&client_id);
    let new_id = if is_new { coordinators.new_member_id(named) } else { Text::default() };
    let now = context.cluster.clock.steady_ms();
    let parked = coordinators.park(context.node.id, &request.group_id, now, is_new, |group, ticket, answers| {
        let client_host = context.client_host();
        let joining = Joining { ticket, request, api_version: context.api_version, new_id, client_id, client_host };
        group.join(now, &joining, coordinators.rules(), answers);
    })?;
    match parked.await {
        Ok(Answer::Join(response)) => Ok(response),
        // The broker ends.
        Ok(Answer::Sync(_)) | Err(_) => Err(ErrorCode::CoordinatorNotAvailable),
    }
}
