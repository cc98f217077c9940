//! ConsumerGroupDescribe, versions 0 to 1: all groups here are of the classic protocol, of which it knows nothing. Java's admin goes on
//! to DescribeGroups then.

use ottla_protocol::messages::consumer_group_describe::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedGroup,
};
use ottla_protocol::{ErrorCode, Text};

use crate::dispatch::RequestContext;

pub(crate) fn handle(context: &RequestContext<'_>, request: ConsumerGroupDescribeRequest) -> ConsumerGroupDescribeResponse {
    let groups = request.group_ids.into_iter().map(|id| refuse(context, id)).collect();
    ConsumerGroupDescribeResponse { groups, ..Default::default() }
}

fn refuse(context: &RequestContext<'_>, group_id: Text) -> DescribedGroup {
    let now = context.cluster.clock.steady_ms();
    let is_there = || {
        if group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        context.cluster.coordinators.with(context.node.id, &group_id, now, |slot, _| slot.is_some())
    };
    let (error, message) = match context.verdict.group_read_error(&group_id).map_or_else(is_there, Err) {
        Ok(true) => (ErrorCode::GroupIdNotFound, Some(format!("Group {group_id} is not a consumer group."))),
        Ok(false) => (ErrorCode::GroupIdNotFound, Some(format!("Group {group_id} not found."))),
        Err(error) => (error, None),
    };
    DescribedGroup { error_code: error.code(), error_message: message.map(Text::from), group_id, ..Default::default() }
}
