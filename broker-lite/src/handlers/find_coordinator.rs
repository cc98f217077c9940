//! FindCoordinator, versions 0 to 6: there is none.

use ottla_protocol::messages::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use ottla_protocol::{ErrorCode, Text};

use super::NO_COORDINATOR;
use crate::dispatch::RequestContext;

pub(crate) fn handle(context: &RequestContext<'_>, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let error_code = ErrorCode::CoordinatorNotAvailable.code();
    let error_message = Some(Text::from_static(NO_COORDINATOR));
    if context.api_version < 4 {
        return FindCoordinatorResponse { error_code, error_message, node_id: -1, port: -1, ..Default::default() };
    }
    let none = |key: Text| Coordinator {
        key,
        node_id: -1,
        port: -1,
        error_code,
        error_message: error_message.clone(),
        ..Default::default()
    };
    FindCoordinatorResponse { coordinators: request.coordinator_keys.into_iter().map(none).collect(), ..Default::default() }
}
