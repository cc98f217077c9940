//! CreateAcls (API key 30).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of CreateAcls.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 adds resource pattern type.
///
/// Version 2 enables flexible versions.
///
/// Version 3 adds user resource type.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "CreateAcls", versions = "1-3", flexible = "2+")]
pub struct CreateAclsRequest {
    /// The ACLs that we want to create.
    #[field(versions = "0+")]
    pub creations: Vec<AclCreation>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In CreateAclsRequest: `creations`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct AclCreation {
    /// The type of the resource.
    #[field(versions = "0+")]
    pub resource_type: i8,
    /// The resource name for the ACL.
    #[field(versions = "0+")]
    pub resource_name: Text,
    /// The pattern type for the ACL.
    #[field(versions = "1+", default = "3")]
    pub resource_pattern_type: i8,
    /// The principal for the ACL.
    #[field(versions = "0+")]
    pub principal: Text,
    /// The host for the ACL.
    #[field(versions = "0+")]
    pub host: Text,
    /// The operation type for the ACL (read, write, etc.).
    #[field(versions = "0+")]
    pub operation: i8,
    /// The permission type for the ACL (allow, deny, etc.).
    #[field(versions = "0+")]
    pub permission_type: i8,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of CreateAcls.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline. Starting in version 1, on quota violation, brokers
/// send out responses before throttling.
///
/// Version 2 enables flexible versions.
///
/// Version 3 adds user resource type.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "CreateAcls", versions = "1-3", flexible = "2+")]
pub struct CreateAclsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The results for each ACL creation.
    #[field(versions = "0+")]
    pub results: Vec<AclCreationResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In CreateAclsResponse: `results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct AclCreationResult {
    /// The result error, or zero if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The result message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
