//! FindCoordinator, versions 0 to 6: of groups. Of transactions there is none.

use ottla_protocol::messages::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use ottla_protocol::{ErrorCode, Text};

use super::NO_TRANSACTIONS;
use crate::dispatch::RequestContext;

/// Key types.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;
/// Kafka's text for it.
const INVALID_REQUEST: &str = "This most likely occurs because of a request being malformed by the client library or the message was \
                               sent to an incompatible broker. See the broker logs for more details.";

pub(crate) fn handle(context: &RequestContext<'_>, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let key_type = request.key_type;
    if context.api_version >= 4 {
        let coordinators = request.coordinator_keys.into_iter().map(|key| find(context, key_type, key)).collect();
        return FindCoordinatorResponse { coordinators, ..Default::default() };
    }
    let Coordinator { error_code, error_message, node_id, host, port, .. } = find(context, key_type, request.key);
    FindCoordinatorResponse { error_code, error_message, node_id, host, port, ..Default::default() }
}

fn find(context: &RequestContext<'_>, key_type: i8, key: Text) -> Coordinator {
    let refuse = |key: Text, error: ErrorCode, message: &'static str| {
        let error_message = Some(Text::from_static(message));
        Coordinator { key, node_id: -1, port: -1, error_code: error.code(), error_message, ..Default::default() }
    };
    if let Some(error) = context.verdict.coordinator_error(&key) {
        return refuse(key, error, error.message());
    }
    match key_type {
        GROUP => match coordinator_of(context, &key) {
            Ok((node_id, host, port)) => {
                // As Kafka has it, without a difference in meaning.
                let error_message = Some(Text::from_static(if context.api_version < 4 { "NONE" } else { "" }));
                Coordinator { key, node_id, host, port, error_message, ..Default::default() }
            }
            Err(error) => refuse(key, error, error.message()),
        },
        TRANSACTION | SHARE => refuse(key, ErrorCode::CoordinatorNotAvailable, NO_TRANSACTIONS),
        _ => refuse(key, ErrorCode::InvalidRequest, INVALID_REQUEST),
    }
}

fn coordinator_of(context: &RequestContext<'_>, group: &str) -> Result<(i32, Text, i32), ErrorCode> {
    let cluster = context.cluster;
    cluster.offsets_topic().map_err(|_| ErrorCode::CoordinatorNotAvailable)?;
    let found = cluster.coordinators.coordinator_of(group).and_then(|id| cluster.node(id));
    let node = found.filter(|node| node.is_alive()).ok_or(ErrorCode::CoordinatorNotAvailable)?;
    let (host, port) = context.endpoint(node);
    Ok((node.id, host, port))
}
