//! DescribeCluster (API key 60).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of DescribeCluster.
///
/// Version 1 adds EndpointType for KIP-919 support.
///
/// Version 2 adds IncludeFencedBrokers for KIP-1073 support.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeCluster", versions = "0-2", flexible = "0+")]
pub struct DescribeClusterRequest {
    /// Whether to include cluster authorized operations.
    #[field(versions = "0+")]
    pub include_cluster_authorized_operations: bool,
    /// The endpoint type to describe. 1=brokers, 2=controllers.
    #[field(versions = "1+", default = "1")]
    pub endpoint_type: i8,
    /// Whether to include fenced brokers when listing brokers.
    #[field(versions = "2+")]
    pub include_fenced_brokers: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeCluster.
///
/// Version 1 adds the EndpointType field, and makes MISMATCHED_ENDPOINT_TYPE and UNSUPPORTED_ENDPOINT_TYPE valid top-level
/// response error codes.
///
/// Version 2 adds IsFenced field to Brokers for KIP-1073 support.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeCluster", versions = "0-2", flexible = "0+")]
pub struct DescribeClusterResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The top-level error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The top-level error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub error_message: Option<Text>,
    /// The endpoint type that was described. 1=brokers, 2=controllers.
    #[field(versions = "1+", default = "1")]
    pub endpoint_type: i8,
    /// The cluster ID that responding broker belongs to.
    #[field(versions = "0+")]
    pub cluster_id: Text,
    /// The ID of the controller. When handled by a controller, returns the current voter leader ID. When handled by a broker,
    /// returns a random alive broker ID as a fallback.
    #[field(versions = "0+", default = "-1")]
    pub controller_id: i32,
    /// Each broker in the response.
    #[field(versions = "0+")]
    pub brokers: Vec<DescribeClusterBroker>,
    /// 32-bit bitfield to represent authorized operations for this cluster.
    #[field(versions = "0+", default = "-2147483648")]
    pub cluster_authorized_operations: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeClusterResponse: `brokers`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DescribeClusterBroker {
    /// The broker ID.
    #[field(versions = "0+")]
    pub broker_id: i32,
    /// The broker hostname.
    #[field(versions = "0+")]
    pub host: Text,
    /// The broker port.
    #[field(versions = "0+")]
    pub port: i32,
    /// The rack of the broker, or null if it has not been assigned to a rack.
    #[field(versions = "0+", nullable = "0+", default = "null")]
    pub rack: Option<Text>,
    /// Whether the broker is fenced
    #[field(versions = "2+")]
    pub is_fenced: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
