//! AlterClientQuotas (API key 49).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of AlterClientQuotas.
///
/// Version 1 enables flexible versions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "AlterClientQuotas", versions = "0-1", flexible = "1+")]
pub struct AlterClientQuotasRequest {
    /// The quota configuration entries to alter.
    #[field(versions = "0+")]
    pub entries: Vec<EntryData>,
    /// Whether the alteration should be validated, but not performed.
    #[field(versions = "0+")]
    pub validate_only: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterClientQuotasRequest: `entries`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct EntryData {
    /// The quota entity to alter.
    #[field(versions = "0+")]
    pub entity: Vec<EntityData>,
    /// An individual quota configuration entry to alter.
    #[field(versions = "0+")]
    pub ops: Vec<OpData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterClientQuotasRequest: `EntryData.entity`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct EntityData {
    /// The entity type.
    #[field(versions = "0+")]
    pub entity_type: Text,
    /// The name of the entity, or null if the default.
    #[field(versions = "0+", nullable = "0+")]
    pub entity_name: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterClientQuotasRequest: `EntryData.ops`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct OpData {
    /// The quota configuration key.
    #[field(versions = "0+")]
    pub key: Text,
    /// The value to set, otherwise ignored if the value is to be removed.
    #[field(versions = "0+")]
    pub value: f64,
    /// Whether the quota configuration value should be removed, otherwise set.
    #[field(versions = "0+")]
    pub remove: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of AlterClientQuotas.
///
/// Version 1 enables flexible versions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "AlterClientQuotas", versions = "0-1", flexible = "1+")]
pub struct AlterClientQuotasResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The quota configuration entries to alter.
    #[field(versions = "0+")]
    pub entries: Vec<EntryDataResponse>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In AlterClientQuotasResponse: `entries`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct EntryDataResponse {
    /// The error code, or `0` if the quota alteration succeeded.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or `null` if the quota alteration succeeded.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// The quota entity to alter.
    #[field(versions = "0+")]
    pub entity: Vec<EntityData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
