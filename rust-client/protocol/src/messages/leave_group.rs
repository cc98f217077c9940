//! LeaveGroup (API key 13).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of LeaveGroup.
///
/// Version 1 and 2 are the same as version 0.
///
/// Version 3 defines batch processing scheme with group.instance.id \+ member.id for identity
///
/// Version 4 is the first flexible version.
///
/// Version 5 adds the Reason field (KIP-800).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "LeaveGroup", versions = "0-5", flexible = "4+")]
pub struct LeaveGroupRequest {
    /// The ID of the group to leave.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The member ID to remove from the group.
    #[field(versions = "0-2")]
    pub member_id: Text,
    /// List of leaving member identities.
    #[field(versions = "3+")]
    pub members: Vec<MemberIdentity>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In LeaveGroupRequest: `members`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "3+", flexible = "4+")]
pub struct MemberIdentity {
    /// The member ID to remove from the group.
    #[field(versions = "3+")]
    pub member_id: Text,
    /// The group instance ID to remove from the group.
    #[field(versions = "3+", nullable = "3+", default = "null")]
    pub group_instance_id: Option<Text>,
    /// The reason why the member left the group.
    #[field(versions = "5+", nullable = "5+", default = "null", ignorable)]
    pub reason: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of LeaveGroup.
///
/// Version 1 adds the throttle time.
///
/// Starting in version 2, on quota violation, brokers send out responses before throttling.
///
/// Starting in version 3, we will make leave group request into batch mode and add group.instance.id.
///
/// Version 4 is the first flexible version.
///
/// Version 5 is the same as version 4.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "LeaveGroup", versions = "0-5", flexible = "4+")]
pub struct LeaveGroupResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// List of leaving member responses.
    #[field(versions = "3+")]
    pub members: Vec<MemberResponse>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In LeaveGroupResponse: `members`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "3+", flexible = "4+")]
pub struct MemberResponse {
    /// The member ID to remove from the group.
    #[field(versions = "3+")]
    pub member_id: Text,
    /// The group instance ID to remove from the group.
    #[field(versions = "3+", nullable = "3+")]
    pub group_instance_id: Option<Text>,
    /// The error code, or 0 if there was no error.
    #[field(versions = "3+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
