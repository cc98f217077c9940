//! DescribeGroups, versions 0 to 6.

use ottla_protocol::messages::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use ottla_protocol::{ErrorCode, Text};

use super::{GROUP_OPERATIONS, OPERATIONS_NOT_ASKED_FOR};
use crate::coordinator::{Group, Member, State};
use crate::dispatch::RequestContext;

/// From this version on a group that is not there is an error.
const GROUP_ID_NOT_FOUND_FROM: i16 = 6;

pub(crate) fn handle(context: &RequestContext<'_>, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let authorized_operations = if request.include_authorized_operations { GROUP_OPERATIONS } else { OPERATIONS_NOT_ASKED_FOR };
    let groups = request.groups.into_iter().map(|id| find(context, id, authorized_operations)).collect();
    DescribeGroupsResponse { groups, ..Default::default() }
}

fn find(context: &RequestContext<'_>, group_id: Text, authorized_operations: i32) -> DescribedGroup {
    let now = context.cluster.clock.steady_ms();
    let look = || {
        let coordinators = &context.cluster.coordinators;
        coordinators.with(context.node.id, &group_id, now, |slot, _| slot.map(|slot| describe(&slot.group)))
    };
    let named = DescribedGroup { group_id: group_id.clone(), ..Default::default() };
    let dead = DescribedGroup { group_state: Text::from_static(State::Dead.name()), authorized_operations, ..named.clone() };
    match context.verdict.group_read_error(&group_id).map_or_else(look, Err) {
        Ok(Some(described)) => DescribedGroup { group_id, authorized_operations, ..described },
        Ok(None) if context.api_version >= GROUP_ID_NOT_FOUND_FROM => DescribedGroup {
            error_code: ErrorCode::GroupIdNotFound.code(),
            error_message: Some(Text::from(format!("Group {group_id} not found."))),
            authorized_operations: OPERATIONS_NOT_ASKED_FOR,
            ..dead
        },
        Ok(None) => dead,
        Err(error) => DescribedGroup { error_code: error.code(), ..named },
    }
}

fn describe(group: &Group) -> DescribedGroup {
    // Only a stable group has something to show of its members.
    let protocol = group.protocol_name().filter(|_| group.state() == State::Stable);
    let member = |member: &Member| DescribedGroupMember {
        member_id: member.id.clone(),
        group_instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        member_metadata: protocol.and_then(|name| member.metadata(name)).cloned().unwrap_or_default(),
        member_assignment: protocol.map(|_| member.assignment.clone()).unwrap_or_default(),
        ..Default::default()
    };
    DescribedGroup {
        group_state: Text::from_static(group.state().name()),
        protocol_type: group.protocol_type().cloned().unwrap_or_default(),
        protocol_data: protocol.cloned().unwrap_or_default(),
        members: group.members().iter().map(member).collect(),
        ..Default::default()
    }
}
