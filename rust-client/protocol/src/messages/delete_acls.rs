//! DeleteAcls (API key 31).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of DeleteAcls.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 adds the pattern type.
///
/// Version 2 enables flexible versions.
///
/// Version 3 adds the user resource type.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DeleteAcls", versions = "1-3", flexible = "2+")]
pub struct DeleteAclsRequest {
    /// The filters to use when deleting ACLs.
    #[field(versions = "0+")]
    pub filters: Vec<DeleteAclsFilter>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteAclsRequest: `filters`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DeleteAclsFilter {
    /// The resource type.
    #[field(versions = "0+")]
    pub resource_type_filter: i8,
    /// The resource name, or null to match any resource name.
    #[field(versions = "0+", nullable = "0+")]
    pub resource_name_filter: Option<Text>,
    /// The pattern type.
    #[field(versions = "1+", default = "3")]
    pub pattern_type_filter: i8,
    /// The principal filter, or null to accept all principals.
    #[field(versions = "0+", nullable = "0+")]
    pub principal_filter: Option<Text>,
    /// The host filter, or null to accept all hosts.
    #[field(versions = "0+", nullable = "0+")]
    pub host_filter: Option<Text>,
    /// The ACL operation.
    #[field(versions = "0+")]
    pub operation: i8,
    /// The permission type.
    #[field(versions = "0+")]
    pub permission_type: i8,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DeleteAcls.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 adds the resource pattern type. Starting in version 1, on quota violation, brokers send out responses before
/// throttling.
///
/// Version 2 enables flexible versions.
///
/// Version 3 adds the user resource type.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DeleteAcls", versions = "1-3", flexible = "2+")]
pub struct DeleteAclsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The results for each filter.
    #[field(versions = "0+")]
    pub filter_results: Vec<DeleteAclsFilterResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteAclsResponse: `filter_results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DeleteAclsFilterResult {
    /// The error code, or 0 if the filter succeeded.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or null if the filter succeeded.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// The ACLs which matched this filter.
    #[field(versions = "0+")]
    pub matching_acls: Vec<DeleteAclsMatchingAcl>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DeleteAclsResponse: `DeleteAclsFilterResult.matching_acls`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DeleteAclsMatchingAcl {
    /// The deletion error code, or 0 if the deletion succeeded.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The deletion error message, or null if the deletion succeeded.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// The ACL resource type.
    #[field(versions = "0+")]
    pub resource_type: i8,
    /// The ACL resource name.
    #[field(versions = "0+")]
    pub resource_name: Text,
    /// The ACL resource pattern type.
    #[field(versions = "1+", default = "3")]
    pub pattern_type: i8,
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
