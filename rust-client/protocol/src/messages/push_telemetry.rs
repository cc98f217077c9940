//! PushTelemetry (API key 72).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use bytes::Bytes;

use crate::{Message, UnknownTaggedField, Uuid};

/// The request of PushTelemetry.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "PushTelemetry", versions = "0", flexible = "0+")]
pub struct PushTelemetryRequest {
    /// Unique id for this client instance.
    #[field(versions = "0+")]
    pub client_instance_id: Uuid,
    /// Unique identifier for the current subscription.
    #[field(versions = "0+")]
    pub subscription_id: i32,
    /// Client is terminating the connection.
    #[field(versions = "0+")]
    pub terminating: bool,
    /// Compression codec used to compress the metrics.
    #[field(versions = "0+")]
    pub compression_type: i8,
    /// Metrics encoded in OpenTelemetry MetricsData v1 protobuf format.
    #[field(versions = "0+")]
    pub metrics: Bytes,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of PushTelemetry.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "PushTelemetry", versions = "0", flexible = "0+")]
pub struct PushTelemetryResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
