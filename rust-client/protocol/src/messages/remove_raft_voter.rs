//! RemoveRaftVoter (API key 81).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of RemoveRaftVoter.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "RemoveRaftVoter", versions = "0", flexible = "0+")]
pub struct RemoveRaftVoterRequest {
    /// The cluster id of the request.
    #[field(versions = "0+", nullable = "0+")]
    pub cluster_id: Option<Text>,
    /// The replica id of the voter getting removed from the topic partition.
    #[field(versions = "0+")]
    pub voter_id: i32,
    /// The directory id of the voter getting removed from the topic partition.
    #[field(versions = "0+")]
    pub voter_directory_id: Uuid,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of RemoveRaftVoter.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "RemoveRaftVoter", versions = "0", flexible = "0+")]
pub struct RemoveRaftVoterResponse {
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
