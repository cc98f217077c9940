//! ListGroups, versions 0 to 5: the groups that the asked broker coordinates.

use ottla_protocol::Text;
use ottla_protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

use crate::dispatch::RequestContext;

/// The only type of group that there is.
const CLASSIC: &str = "classic";

pub(crate) fn handle(context: &RequestContext<'_>, request: ListGroupsRequest) -> ListGroupsResponse {
    if let Some(error) = context.verdict.error() {
        return ListGroupsResponse { error_code: error.code(), ..Default::default() };
    }
    let is_wanted = |filter: &[Text], name: &str| filter.is_empty() || filter.iter().any(|it| it.eq_ignore_ascii_case(name));
    let groups = context.cluster.coordinators.list(context.node.id, |id, group| {
        let state = group.state().name();
        let wanted = is_wanted(&request.states_filter, state) && is_wanted(&request.types_filter, CLASSIC);
        wanted.then(|| ListedGroup {
            group_id: id.clone(),
            protocol_type: group.protocol_type().cloned().unwrap_or_default(),
            group_state: Text::from_static(state),
            group_type: Text::from_static(CLASSIC),
            ..Default::default()
        })
    });
    ListGroupsResponse { groups, ..Default::default() }
}
