//! FindCoordinator (API key 10).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of FindCoordinator.
///
/// Version 1 adds KeyType.
///
/// Version 2 is the same as version 1.
///
/// Version 3 is the first flexible version.
///
/// Version 4 adds support for batching via CoordinatorKeys (KIP-699)
///
/// Version 5 adds support for new error code TRANSACTION_ABORTABLE (KIP-890).
///
/// Version 6 adds support for share groups (KIP-932). For key type SHARE (2), the coordinator key format is
/// "groupId:topicId:partition".
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "FindCoordinator", versions = "0-6", flexible = "3+")]
pub struct FindCoordinatorRequest {
    /// The coordinator key.
    #[field(versions = "0-3")]
    pub key: Text,
    /// The coordinator key type. (group, transaction, share).
    #[field(versions = "1+")]
    pub key_type: i8,
    /// The coordinator keys.
    #[field(versions = "4+")]
    pub coordinator_keys: Vec<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of FindCoordinator.
///
/// Version 1 adds throttle time and error messages.
///
/// Starting in version 2, on quota violation, brokers send out responses before throttling.
///
/// Version 3 is the first flexible version.
///
/// Version 4 adds support for batching via Coordinators (KIP-699)
///
/// Version 5 adds support for new error code TRANSACTION_ABORTABLE (KIP-890).
///
/// Version 6 adds support for share groups (KIP-932).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "FindCoordinator", versions = "0-6", flexible = "3+")]
pub struct FindCoordinatorResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0-3")]
    pub error_code: i16,
    /// The error message, or null if there was no error.
    #[field(versions = "1-3", nullable = "1-3", ignorable)]
    pub error_message: Option<Text>,
    /// The node id.
    #[field(versions = "0-3")]
    pub node_id: i32,
    /// The host name.
    #[field(versions = "0-3")]
    pub host: Text,
    /// The port.
    #[field(versions = "0-3")]
    pub port: i32,
    /// Each coordinator result in the response.
    #[field(versions = "4+")]
    pub coordinators: Vec<Coordinator>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In FindCoordinatorResponse: `coordinators`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "4+", flexible = "3+")]
pub struct Coordinator {
    /// The coordinator key.
    #[field(versions = "4+")]
    pub key: Text,
    /// The node id.
    #[field(versions = "4+")]
    pub node_id: i32,
    /// The host name.
    #[field(versions = "4+")]
    pub host: Text,
    /// The port.
    #[field(versions = "4+")]
    pub port: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "4+")]
    pub error_code: i16,
    /// The error message, or null if there was no error.
    #[field(versions = "4+", nullable = "4+", ignorable)]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
