//! SyncGroup, versions 0 to 5. It is parked until the leader has handed in the assignment.

use ottla_protocol::ErrorCode;
use ottla_protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

use crate::coordinator::{Answer, Syncing};
use crate::dispatch::RequestContext;

/// From this version on a member says which protocol it believes to be chosen.
const PROTOCOL_FROM: i16 = 5;

pub(crate) async fn handle(context: &RequestContext<'_>, request: SyncGroupRequest) -> SyncGroupResponse {
    let refuse = |error: ErrorCode| SyncGroupResponse { error_code: error.code(), ..Default::default() };
    if let Some(error) = context.verdict.group_error(&request.group_id, false) {
        return refuse(error);
    }
    let response = sync(context, &request).await.unwrap_or_else(refuse);
    context.verdict.group_error(&request.group_id, true).map_or(response, refuse)
}

async fn sync(context: &RequestContext<'_>, request: &SyncGroupRequest) -> Result<SyncGroupResponse, ErrorCode> {
    if context.api_version >= PROTOCOL_FROM && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let now = context.cluster.clock.steady_ms();
    let coordinators = &context.cluster.coordinators;
    let parked = coordinators.park(context.node.id, &request.group_id, now, false, |group, ticket, answers| {
        group.sync(now, &Syncing { ticket, request }, answers);
    })?;
    match parked.await {
        Ok(Answer::Sync(response)) => Ok(response),
        // The broker ends.
        Ok(Answer::Join(_)) | Err(_) => Err(ErrorCode::CoordinatorNotAvailable),
    }
}
