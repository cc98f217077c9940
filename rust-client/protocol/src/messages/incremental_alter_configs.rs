//! IncrementalAlterConfigs (API key 44).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of IncrementalAlterConfigs.
///
/// Version 1 is the first flexible version.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "IncrementalAlterConfigs", versions = "0-1", flexible = "1+")]
pub struct IncrementalAlterConfigsRequest {
    /// The incremental updates for each resource.
    #[field(versions = "0+")]
    pub resources: Vec<AlterConfigsResource>,
    /// True if we should validate the request, but not change the configurations.
    #[field(versions = "0+")]
    pub validate_only: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In IncrementalAlterConfigsRequest: `resources`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct AlterConfigsResource {
    /// The resource type.
    #[field(versions = "0+")]
    pub resource_type: i8,
    /// The resource name.
    #[field(versions = "0+")]
    pub resource_name: Text,
    /// The configurations.
    #[field(versions = "0+")]
    pub configs: Vec<AlterableConfig>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In IncrementalAlterConfigsRequest: `AlterConfigsResource.configs`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct AlterableConfig {
    /// The configuration key name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The type (Set, Delete, Append, Subtract) of operation.
    #[field(versions = "0+")]
    pub config_operation: i8,
    /// The value to set for the configuration key.
    #[field(versions = "0+", nullable = "0+")]
    pub value: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of IncrementalAlterConfigs.
///
/// Version 1 is the first flexible version.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "IncrementalAlterConfigs", versions = "0-1", flexible = "1+")]
pub struct IncrementalAlterConfigsResponse {
    /// Duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The responses for each resource.
    #[field(versions = "0+")]
    pub responses: Vec<AlterConfigsResourceResponse>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In IncrementalAlterConfigsResponse: `responses`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct AlterConfigsResourceResponse {
    /// The resource error code.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The resource error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// The resource type.
    #[field(versions = "0+")]
    pub resource_type: i8,
    /// The resource name.
    #[field(versions = "0+")]
    pub resource_name: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
