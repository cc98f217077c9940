//! ListConfigResources (API key 74).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of ListConfigResources.
///
/// Version 0 is used as ListClientMetricsResourcesRequest which only lists client metrics resources.
///
/// Version 1 adds ResourceTypes field (KIP-1142). If there is no specified ResourceTypes, it should return all configuration
/// resources.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ListConfigResources", versions = "0-1", flexible = "0+")]
pub struct ListConfigResourcesRequest {
    /// The list of resource type. If the list is empty, it uses default supported config resource types.
    #[field(versions = "1+")]
    pub resource_types: Vec<i8>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of ListConfigResources.
///
/// Version 0 is used as ListClientMetricsResourcesResponse which returns all client metrics resources.
///
/// Version 1 adds ResourceType to ConfigResources (KIP-1142).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ListConfigResources", versions = "0-1", flexible = "0+")]
pub struct ListConfigResourcesResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Each config resource in the response.
    #[field(versions = "0+")]
    pub config_resources: Vec<ConfigResource>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ListConfigResourcesResponse: `config_resources`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct ConfigResource {
    /// The resource name.
    #[field(versions = "0+")]
    pub resource_name: Text,
    /// The resource type.
    #[field(versions = "1+", default = "16", ignorable)]
    pub resource_type: i8,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
