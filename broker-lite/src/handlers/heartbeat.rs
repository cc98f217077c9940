//! Heartbeat, versions 0 to 4.

use ottla_protocol::ErrorCode;
use ottla_protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use crate::dispatch::RequestContext;

pub(crate) fn handle(context: &RequestContext<'_>, request: HeartbeatRequest) -> HeartbeatResponse {
    let group = &request.group_id;
    let result = match context.verdict.group_error(group, false) {
        Some(error) => Err(error),
        None => heartbeat(context, &request),
    };
    let error = context.verdict.group_error(group, true).or(result.err()).unwrap_or(ErrorCode::None);
    HeartbeatResponse { error_code: error.code(), ..Default::default() }
}

fn heartbeat(context: &RequestContext<'_>, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let now = context.cluster.clock.steady_ms();
    context.cluster.coordinators.with(context.node.id, &request.group_id, now, |slot, _| {
        let group = &mut slot.ok_or(ErrorCode::UnknownMemberId)?.group;
        group.heartbeat(now, &request.member_id, request.group_instance_id.as_ref(), request.generation_id)
    })?
}
