//! Heartbeat (API key 12).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of Heartbeat.
///
/// Version 1 and version 2 are the same as version 0.
///
/// Starting from version 3, we add a new field called groupInstanceId to indicate member identity across restarts.
///
/// Version 4 is the first flexible version.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "Heartbeat", versions = "0-4", flexible = "4+")]
pub struct HeartbeatRequest {
    /// The group id.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The generation of the group.
    #[field(versions = "0+")]
    pub generation_id: i32,
    /// The member ID.
    #[field(versions = "0+")]
    pub member_id: Text,
    /// The unique identifier of the consumer instance provided by end user.
    #[field(versions = "3+", nullable = "3+", default = "null")]
    pub group_instance_id: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of Heartbeat.
///
/// Version 1 adds throttle time.
///
/// Starting in version 2, on quota violation, brokers send out responses before throttling.
///
/// Starting from version 3, heartbeatRequest supports a new field called groupInstanceId to indicate member identity across
/// restarts.
///
/// Version 4 is the first flexible version.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "Heartbeat", versions = "0-4", flexible = "4+")]
pub struct HeartbeatResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
