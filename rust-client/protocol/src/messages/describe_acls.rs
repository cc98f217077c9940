//! DescribeAcls (API key 29).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of DescribeAcls.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 adds resource pattern type.
///
/// Version 2 enables flexible versions.
///
/// Version 3 adds user resource type.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeAcls", versions = "1-3", flexible = "2+")]
pub struct DescribeAclsRequest {
    /// The resource type.
    #[field(versions = "0+")]
    pub resource_type_filter: i8,
    /// The resource name, or null to match any resource name.
    #[field(versions = "0+", nullable = "0+")]
    pub resource_name_filter: Option<Text>,
    /// The resource pattern to match.
    #[field(versions = "1+", default = "3")]
    pub pattern_type_filter: i8,
    /// The principal to match, or null to match any principal.
    #[field(versions = "0+", nullable = "0+")]
    pub principal_filter: Option<Text>,
    /// The host to match, or null to match any host.
    #[field(versions = "0+", nullable = "0+")]
    pub host_filter: Option<Text>,
    /// The operation to match.
    #[field(versions = "0+")]
    pub operation: i8,
    /// The permission type to match.
    #[field(versions = "0+")]
    pub permission_type: i8,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeAcls.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 adds PatternType. Starting in version 1, on quota violation, brokers send out responses before throttling.
///
/// Version 2 enables flexible versions.
///
/// Version 3 adds user resource type.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeAcls", versions = "1-3", flexible = "2+")]
pub struct DescribeAclsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// Each Resource that is referenced in an ACL.
    #[field(versions = "0+")]
    pub resources: Vec<DescribeAclsResource>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeAclsResponse: `resources`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DescribeAclsResource {
    /// The resource type.
    #[field(versions = "0+")]
    pub resource_type: i8,
    /// The resource name.
    #[field(versions = "0+")]
    pub resource_name: Text,
    /// The resource pattern type.
    #[field(versions = "1+", default = "3")]
    pub pattern_type: i8,
    /// The ACLs.
    #[field(versions = "0+")]
    pub acls: Vec<AclDescription>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeAclsResponse: `DescribeAclsResource.acls`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct AclDescription {
    /// The ACL principal.
    #[field(versions = "0+")]
    pub principal: Text,
    /// The ACL host.
    #[field(versions = "0+")]
    pub host: Text,
    /// The ACL operation.
    #[field(versions = "0+")]
    pub operation: i8,
    /// The ACL permission type.
    #[field(versions = "0+")]
    pub permission_type: i8,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
