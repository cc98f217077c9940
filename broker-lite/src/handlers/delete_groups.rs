//! DeleteGroups, versions 0 to 2.

use ottla_protocol::messages::delete_groups::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse};
use ottla_protocol::{ErrorCode, Text};

use crate::dispatch::RequestContext;

pub(crate) fn handle(context: &RequestContext<'_>, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let result = |group_id: Text| {
        let error = delete(context, &group_id).err().unwrap_or(ErrorCode::None);
        DeletableGroupResult { error_code: error.code(), group_id, ..Default::default() }
    };
    DeleteGroupsResponse { results: request.groups_names.into_iter().map(result).collect(), ..Default::default() }
}

fn delete(context: &RequestContext<'_>, group: &Text) -> Result<(), ErrorCode> {
    if let Some(error) = context.verdict.group_error(group, false) {
        return Err(error);
    }
    let deleted = context.cluster.coordinators.delete(context.node.id, group, context.cluster.clock.steady_ms());
    context.verdict.group_error(group, true).map_or(deleted, Err)
}
