//! FindCoordinator, versions 0 to 6: there is none.

use ottla_protocol::messages::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use ottla_protocol::{ErrorCode, Text};

use super::NO_COORDINATOR;
use crate::dispatch::RequestContext;

pub(crate) fn handle(context: &RequestContext<'_>, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let coordinators = request.coordinator_keys.into_iter().map(|key| find(context, key)).collect();
    if context.api_version >= 4 {
        return FindCoordinatorResponse { coordinators, ..Default::default() };
    }
    let Coordinator { error_code, error_message, node_id, port, .. } = find(context, request.key);
    FindCoordinatorResponse { error_code, error_message, node_id, port, ..Default::default() }
}

fn find(context: &RequestContext<'_>, key: Text) -> Coordinator {
    let (error, message) = match context.verdict.coordinator_error(&key) {
        Some(error) => (error, error.message()),
        None => (ErrorCode::CoordinatorNotAvailable, NO_COORDINATOR),
    };
    let error_message = Some(Text::from_static(message));
    Coordinator { key, node_id: -1, port: -1, error_code: error.code(), error_message, ..Default::default() }
}
