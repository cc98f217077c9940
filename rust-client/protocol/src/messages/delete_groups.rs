//! DeleteGroups (API key 42).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of DeleteGroups.
///
/// Version 1 is the same as version 0.
///
/// Version 2 is the first flexible version.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DeleteGroups", versions = "0-2", flexible = "2+")]
pub struct DeleteGroupsRequest {
    /// The group names to delete.
    #[field(versions = "0+")]
    pub groups_names: Vec<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DeleteGroups.
///
/// Starting in version 1, on quota violation, brokers send out responses before throttling.
///
/// Version 2 is the first flexible version.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DeleteGroups", versions = "0-2", flexible = "2+")]
pub struct DeleteGroupsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The deletion results.
    #[field(versions = "0+")]
    pub results: Vec<DeletableGroupResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteGroupsResponse: `results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DeletableGroupResult {
    /// The group id.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The deletion error, or 0 if the deletion succeeded.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
