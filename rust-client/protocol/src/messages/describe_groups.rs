//! DescribeGroups (API key 15).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use bytes::Bytes;

use crate::{Message, Text, UnknownTaggedField};

/// The request of DescribeGroups.
///
/// Versions 1 and 2 are the same as version 0.
///
/// Starting in version 3, authorized operations can be requested.
///
/// Starting in version 4, the response will include group.instance.id info for members.
///
/// Version 5 is the first flexible version.
///
/// Version 6 returns error code GROUP_ID_NOT_FOUND if the group ID is not found (KIP-1043).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeGroups", versions = "0-6", flexible = "5+")]
pub struct DescribeGroupsRequest {
    /// The names of the groups to describe.
    #[field(versions = "0+")]
    pub groups: Vec<Text>,
    /// Whether to include authorized operations.
    #[field(versions = "3+")]
    pub include_authorized_operations: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeGroups.
///
/// Version 1 added throttle time.
///
/// Starting in version 2, on quota violation, brokers send out responses before throttling.
///
/// Starting in version 3, brokers can send authorized operations.
///
/// Starting in version 4, the response will optionally include group.instance.id info for members.
///
/// Version 5 is the first flexible version.
///
/// Version 6 returns error code GROUP_ID_NOT_FOUND if the group ID is not found (KIP-1043).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeGroups", versions = "0-6", flexible = "5+")]
pub struct DescribeGroupsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// Each described group.
    #[field(versions = "0+")]
    pub groups: Vec<DescribedGroup>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeGroupsResponse: `groups`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "5+")]
pub struct DescribedGroup {
    /// The describe error, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The describe error message, or null if there was no error.
    #[field(versions = "6+", nullable = "6+", default = "null")]
    pub error_message: Option<Text>,
    /// The group ID string.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The group state string, or the empty string.
    #[field(versions = "0+")]
    pub group_state: Text,
    /// The group protocol type, or the empty string.
    #[field(versions = "0+")]
    pub protocol_type: Text,
    /// The group protocol data, or the empty string.
    #[field(versions = "0+")]
    pub protocol_data: Text,
    /// The group members.
    #[field(versions = "0+")]
    pub members: Vec<DescribedGroupMember>,
    /// 32-bit bitfield to represent authorized operations for this group.
    #[field(versions = "3+", default = "-2147483648")]
    pub authorized_operations: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeGroupsResponse: `DescribedGroup.members`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "5+")]
pub struct DescribedGroupMember {
    /// The member id.
    #[field(versions = "0+")]
    pub member_id: Text,
    /// The unique identifier of the consumer instance provided by end user.
    #[field(versions = "4+", nullable = "4+", default = "null", ignorable)]
    pub group_instance_id: Option<Text>,
    /// The client ID used in the member's latest join group request.
    #[field(versions = "0+")]
    pub client_id: Text,
    /// The client host.
    #[field(versions = "0+")]
    pub client_host: Text,
    /// The metadata corresponding to the current group protocol in use.
    #[field(versions = "0+")]
    pub member_metadata: Bytes,
    /// The current assignment provided by the group leader.
    #[field(versions = "0+")]
    pub member_assignment: Bytes,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
