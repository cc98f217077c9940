//! GetTelemetrySubscriptions (API key 71).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField, Uuid};

/// The request of GetTelemetrySubscriptions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "GetTelemetrySubscriptions", versions = "0", flexible = "0+")]
pub struct GetTelemetrySubscriptionsRequest {
    /// Unique id for this client instance, must be set to 0 on the first request.
    #[field(versions = "0+")]
    pub client_instance_id: Uuid,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of GetTelemetrySubscriptions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "GetTelemetrySubscriptions", versions = "0", flexible = "0+")]
pub struct GetTelemetrySubscriptionsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Assigned client instance id if ClientInstanceId was 0 in the request, else 0.
    #[field(versions = "0+")]
    pub client_instance_id: Uuid,
    /// Unique identifier for the current subscription set for this client instance.
    #[field(versions = "0+")]
    pub subscription_id: i32,
    /// Compression types that broker accepts for the PushTelemetryRequest.
    #[field(versions = "0+")]
    pub accepted_compression_types: Vec<i8>,
    /// Configured push interval, which is the lowest configured interval in the current subscription set.
    #[field(versions = "0+")]
    pub push_interval_ms: i32,
    /// The maximum bytes of binary data the broker accepts in PushTelemetryRequest.
    #[field(versions = "0+")]
    pub telemetry_max_bytes: i32,
    /// Flag to indicate monotonic/counter metrics are to be emitted as deltas or cumulative values.
    #[field(versions = "0+")]
    pub delta_temporality: bool,
    /// Requested metrics prefix string match. Empty array: No metrics subscribed, Array\[0\] empty string: All metrics
    /// subscribed.
    #[field(versions = "0+")]
    pub requested_metrics: Vec<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
