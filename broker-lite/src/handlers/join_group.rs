//! JoinGroup, versions 0 to 9: there is no coordinator.

use ottla_protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse};
use ottla_protocol::{ErrorCode, Text};

use crate::dispatch::RequestContext;

pub(crate) fn handle(context: &RequestContext<'_>, request: JoinGroupRequest) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: context.verdict.error().unwrap_or(ErrorCode::CoordinatorNotAvailable).code(),
        protocol_name: (context.api_version < 7).then(Text::default),
        member_id: request.member_id,
        ..Default::default()
    }
}
