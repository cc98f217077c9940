//! LeaveGroup, versions 0 to 5: one member, from version 3 on several.

use ottla_protocol::ErrorCode;
use ottla_protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse};

use crate::dispatch::RequestContext;

/// From this version on a request names several members, and each has its own error.
const SEVERAL_FROM: i16 = 3;

pub(crate) fn handle(context: &RequestContext<'_>, mut request: LeaveGroupRequest) -> LeaveGroupResponse {
    if context.api_version < SEVERAL_FROM {
        request.members = vec![MemberIdentity { member_id: request.member_id.clone(), ..Default::default() }];
    }
    let refuse = |error: ErrorCode| LeaveGroupResponse { error_code: error.code(), ..Default::default() };
    if let Some(error) = context.verdict.group_error(&request.group_id, false) {
        return refuse(error);
    }
    let left = leave(context, &request);
    if let Some(error) = context.verdict.group_error(&request.group_id, true) {
        return refuse(error);
    }
    match left {
        Ok(members) if context.api_version >= SEVERAL_FROM => LeaveGroupResponse { members, ..Default::default() },
        Ok(members) => {
            let error_code = members.first().map_or(0, |member| member.error_code);
            LeaveGroupResponse { error_code, ..Default::default() }
        }
        Err(error) => refuse(error),
    }
}

fn leave(context: &RequestContext<'_>, request: &LeaveGroupRequest) -> Result<Vec<MemberResponse>, ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let now = context.cluster.clock.steady_ms();
    let coordinators = &context.cluster.coordinators;
    coordinators.with(context.node.id, &request.group_id, now, |slot, answers| match slot {
        Some(slot) => slot.group.leave(now, &request.members, coordinators.rules(), answers),
        None => Ok(request.members.iter().map(unknown).collect()),
    })?
}

/// Nobody belongs to a group that is not there.
fn unknown(member: &MemberIdentity) -> MemberResponse {
    MemberResponse {
        member_id: member.member_id.clone(),
        group_instance_id: member.group_instance_id.clone(),
        error_code: ErrorCode::UnknownMemberId.code(),
        ..Default::default()
    }
}
