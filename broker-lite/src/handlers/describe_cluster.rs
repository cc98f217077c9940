//! DescribeCluster, versions 0 to 2.

use ottla_protocol::messages::describe_cluster::{DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse};
use ottla_protocol::{ErrorCode, Text};

use super::{CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED_FOR};
use crate::dispatch::RequestContext;

/// The brokers' listeners.
const BROKERS: i8 = 1;
/// The controllers' listeners.
const CONTROLLERS: i8 = 2;

pub(crate) fn handle(context: &RequestContext<'_>, request: DescribeClusterRequest) -> DescribeClusterResponse {
    if request.endpoint_type != BROKERS {
        let error = if request.endpoint_type == CONTROLLERS {
            ErrorCode::MismatchedEndpointType
        } else {
            ErrorCode::UnsupportedEndpointType
        };
        return DescribeClusterResponse {
            error_code: error.code(),
            error_message: Some(Text::from_static(error.message())),
            ..Default::default()
        };
    }
    let brokers = context.cluster.nodes.iter().filter(|node| node.is_alive()).map(|node| {
        let (host, port) = context.endpoint(node);
        DescribeClusterBroker { broker_id: node.id, host, port, rack: node.rack.clone(), ..Default::default() }
    });
    let operations = if request.include_cluster_authorized_operations { CLUSTER_OPERATIONS } else { OPERATIONS_NOT_ASKED_FOR };
    DescribeClusterResponse {
        cluster_id: Text::from(context.cluster.id.to_string()),
        controller_id: context.cluster.controller(),
        brokers: brokers.collect(),
        cluster_authorized_operations: operations,
        ..Default::default()
    }
}
