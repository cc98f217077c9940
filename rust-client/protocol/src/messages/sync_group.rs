//! SyncGroup (API key 14).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use bytes::Bytes;

use crate::{Message, Text, UnknownTaggedField};

/// The request of SyncGroup.
///
/// Versions 1 and 2 are the same as version 0.
///
/// Starting from version 3, we add a new field called groupInstanceId to indicate member identity across restarts.
///
/// Version 4 is the first flexible version.
///
/// Starting from version 5, the client sends the Protocol Type and the Protocol Name to the broker (KIP-559). The broker will
/// reject the request if they are inconsistent with the Type and Name known by the broker.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "SyncGroup", versions = "0-5", flexible = "4+")]
pub struct SyncGroupRequest {
    /// The unique group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The generation of the group.
    #[field(versions = "0+")]
    pub generation_id: i32,
    /// The member ID assigned by the group.
    #[field(versions = "0+")]
    pub member_id: Text,
    /// The unique identifier of the consumer instance provided by end user.
    #[field(versions = "3+", nullable = "3+", default = "null")]
    pub group_instance_id: Option<Text>,
    /// The group protocol type.
    #[field(versions = "5+", nullable = "5+", default = "null", ignorable)]
    pub protocol_type: Option<Text>,
    /// The group protocol name.
    #[field(versions = "5+", nullable = "5+", default = "null", ignorable)]
    pub protocol_name: Option<Text>,
    /// Each assignment.
    #[field(versions = "0+")]
    pub assignments: Vec<SyncGroupRequestAssignment>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In SyncGroupRequest: `assignments`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "4+")]
pub struct SyncGroupRequestAssignment {
    /// The ID of the member to assign.
    #[field(versions = "0+")]
    pub member_id: Text,
    /// The member assignment.
    #[field(versions = "0+")]
    pub assignment: Bytes,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of SyncGroup.
///
/// Version 1 adds throttle time.
///
/// Starting in version 2, on quota violation, brokers send out responses before throttling.
///
/// Starting from version 3, syncGroupRequest supports a new field called groupInstanceId to indicate member identity across
/// restarts.
///
/// Version 4 is the first flexible version.
///
/// Starting from version 5, the broker sends back the Protocol Type and the Protocol Name to the client (KIP-559).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "SyncGroup", versions = "0-5", flexible = "4+")]
pub struct SyncGroupResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The group protocol type.
    #[field(versions = "5+", nullable = "5+", default = "null", ignorable)]
    pub protocol_type: Option<Text>,
    /// The group protocol name.
    #[field(versions = "5+", nullable = "5+", default = "null", ignorable)]
    pub protocol_name: Option<Text>,
    /// The member assignment.
    #[field(versions = "0+")]
    pub assignment: Bytes,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
