//! AlterConfigs (API key 33).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of AlterConfigs.
///
/// Version 1 is the same as version 0.
///
/// Version 2 enables flexible versions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "AlterConfigs", versions = "0-2", flexible = "2+")]
pub struct AlterConfigsRequest {
    /// The updates for each resource.
    #[field(versions = "0+")]
    pub resources: Vec<AlterConfigsResource>,
    /// True if we should validate the request, but not change the configurations.
    #[field(versions = "0+")]
    pub validate_only: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterConfigsRequest: `resources`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
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

/// In AlterConfigsRequest: `AlterConfigsResource.configs`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct AlterableConfig {
    /// The configuration key name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The value to set for the configuration key.
    #[field(versions = "0+", nullable = "0+")]
    pub value: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of AlterConfigs.
///
/// Starting in version 1, on quota violation brokers send out responses before throttling.
///
/// Version 2 enables flexible versions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "AlterConfigs", versions = "0-2", flexible = "2+")]
pub struct AlterConfigsResponse {
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

/// In AlterConfigsResponse: `responses`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
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
