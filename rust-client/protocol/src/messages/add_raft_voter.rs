//! AddRaftVoter (API key 80).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of AddRaftVoter.
///
/// Version 1 adds the AckWhenCommitted field.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "AddRaftVoter", versions = "0-1", flexible = "0+")]
pub struct AddRaftVoterRequest {
    /// The cluster id.
    #[field(versions = "0+", nullable = "0+")]
    pub cluster_id: Option<Text>,
    /// The maximum time to wait for the request to complete before returning.
    #[field(versions = "0+")]
    pub timeout_ms: i32,
    /// The replica id of the voter getting added to the topic partition.
    #[field(versions = "0+")]
    pub voter_id: i32,
    /// The directory id of the voter getting added to the topic partition.
    #[field(versions = "0+")]
    pub voter_directory_id: Uuid,
    /// The endpoints that can be used to communicate with the voter.
    #[field(versions = "0+")]
    pub listeners: Vec<Listener>,
    /// When true, return a response after the new voter set is committed. Otherwise, return after the leader writes the changes
    /// locally.
    #[field(versions = "1+", default = "true")]
    pub ack_when_committed: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AddRaftVoterRequest: `listeners`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct Listener {
    /// The name of the endpoint.
    #[field(versions = "0+")]
    pub name: Text,
    /// The hostname.
    #[field(versions = "0+")]
    pub host: Text,
    /// The port.
    #[field(versions = "0+")]
    pub port: u16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of AddRaftVoter.
///
/// Version 1 is the same as version 0
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "AddRaftVoter", versions = "0-1", flexible = "0+")]
pub struct AddRaftVoterResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or null if there was no error.
    #[field(versions = "0+", nullable = "0+", ignorable)]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
