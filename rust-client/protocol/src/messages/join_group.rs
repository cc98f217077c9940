//! JoinGroup (API key 11).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use bytes::Bytes;

use crate::{Message, Text, UnknownTaggedField};

/// The request of JoinGroup.
///
/// Version 1 adds RebalanceTimeoutMs. Version 2 and 3 are the same as version 1.
///
/// Starting from version 4, the client needs to issue a second request to join group
///
/// Starting from version 5, we add a new field called groupInstanceId to indicate member identity across restarts. with assigned
/// id.
///
/// Version 6 is the first flexible version.
///
/// Version 7 is the same as version 6.
///
/// Version 8 adds the Reason field (KIP-800).
///
/// Version 9 is the same as version 8.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "JoinGroup", versions = "0-9", flexible = "6+")]
pub struct JoinGroupRequest {
    /// The group identifier.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The coordinator considers the consumer dead if it receives no heartbeat after this timeout in milliseconds.
    #[field(versions = "0+")]
    pub session_timeout_ms: i32,
    /// The maximum time in milliseconds that the coordinator will wait for each member to rejoin when rebalancing the group.
    #[field(versions = "1+", default = "-1", ignorable)]
    pub rebalance_timeout_ms: i32,
    /// The member id assigned by the group coordinator.
    #[field(versions = "0+")]
    pub member_id: Text,
    /// The unique identifier of the consumer instance provided by end user.
    #[field(versions = "5+", nullable = "5+", default = "null")]
    pub group_instance_id: Option<Text>,
    /// The unique name the for class of protocols implemented by the group we want to join.
    #[field(versions = "0+")]
    pub protocol_type: Text,
    /// The list of protocols that the member supports.
    #[field(versions = "0+")]
    pub protocols: Vec<JoinGroupRequestProtocol>,
    /// The reason why the member (re-)joins the group.
    #[field(versions = "8+", nullable = "8+", default = "null", ignorable)]
    pub reason: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In JoinGroupRequest: `protocols`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "6+")]
pub struct JoinGroupRequestProtocol {
    /// The protocol name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The protocol metadata.
    #[field(versions = "0+")]
    pub metadata: Bytes,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of JoinGroup.
///
/// Version 1 is the same as version 0.
///
/// Version 2 adds throttle time.
///
/// Starting in version 3, on quota violation, brokers send out responses before throttling.
///
/// Starting in version 4, the client needs to issue a second request to join group with assigned id.
///
/// Version 5 is bumped to apply group.instance.id to identify member across restarts.
///
/// Version 6 is the first flexible version.
///
/// Starting from version 7, the broker sends back the Protocol Type to the client (KIP-559).
///
/// Version 8 is the same as version 7.
///
/// Version 9 adds the SkipAssignment field.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "JoinGroup", versions = "0-9", flexible = "6+")]
pub struct JoinGroupResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "2+", ignorable)]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The generation ID of the group.
    #[field(versions = "0+", default = "-1")]
    pub generation_id: i32,
    /// The group protocol name.
    #[field(versions = "7+", nullable = "7+", default = "null", ignorable)]
    pub protocol_type: Option<Text>,
    /// The group protocol selected by the coordinator.
    #[field(versions = "0+", nullable = "7+")]
    pub protocol_name: Option<Text>,
    /// The leader of the group.
    #[field(versions = "0+")]
    pub leader: Text,
    /// True if the leader must skip running the assignment.
    #[field(versions = "9+")]
    pub skip_assignment: bool,
    /// The member ID assigned by the group coordinator.
    #[field(versions = "0+")]
    pub member_id: Text,
    /// The group members.
    #[field(versions = "0+")]
    pub members: Vec<JoinGroupResponseMember>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In JoinGroupResponse: `members`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "6+")]
pub struct JoinGroupResponseMember {
    /// The group member ID.
    #[field(versions = "0+")]
    pub member_id: Text,
    /// The unique identifier of the consumer instance provided by end user.
    #[field(versions = "5+", nullable = "5+", default = "null", ignorable)]
    pub group_instance_id: Option<Text>,
    /// The group member metadata.
    #[field(versions = "0+")]
    pub metadata: Bytes,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
