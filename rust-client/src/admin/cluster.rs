//! The cluster, looked at.

use ottla_core::error::Error;
use ottla_core::metadata::BrokerInfo;
use ottla_protocol::messages::describe_cluster::DescribeClusterRequest;

use super::{Admin, check};
use crate::runtime::block_on;

/// The cluster as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// The cluster's id.
    pub cluster_id: String,
    /// The controller's broker id.
    pub controller: i32,
    /// The brokers by id.
    pub brokers: Vec<BrokerInfo>,
}

impl Admin {
    /// The cluster's id, controller and brokers.
    ///
    /// # Errors
    /// If no broker answered.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, Error> {
        let response = self.ask(DescribeClusterRequest::default(), false).await?;
        check(response.error_code, response.error_message.as_ref(), "while describing the cluster", "")?;
        let brokers =
            response.brokers.into_iter().map(|b| BrokerInfo { id: b.broker_id, host: b.host, port: b.port, rack: b.rack });
        let mut brokers: Vec<BrokerInfo> = brokers.collect();
        brokers.sort_by_key(|broker| broker.id);
        Ok(ClusterDescription { cluster_id: response.cluster_id.to_string(), controller: response.controller_id, brokers })
    }

    /// [`Admin::describe_cluster`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::describe_cluster`].
    pub fn describe_cluster_blocking(&self) -> Result<ClusterDescription, Error> {
        block_on(self.describe_cluster())
    }
}
