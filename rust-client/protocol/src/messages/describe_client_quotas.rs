//! DescribeClientQuotas (API key 48).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of DescribeClientQuotas.
///
/// Version 1 enables flexible versions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeClientQuotas", versions = "0-1", flexible = "1+")]
pub struct DescribeClientQuotasRequest {
    /// Filter components to apply to quota entities.
    #[field(versions = "0+")]
    pub components: Vec<ComponentData>,
    /// Whether the match is strict, i.e. should exclude entities with unspecified entity types.
    #[field(versions = "0+")]
    pub strict: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeClientQuotasRequest: `components`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct ComponentData {
    /// The entity type that the filter component applies to.
    #[field(versions = "0+")]
    pub entity_type: Text,
    /// How to match the entity {0 = exact name, 1 = default name, 2 = any specified name}.
    #[field(versions = "0+")]
    pub match_type: i8,
    /// The string to match against, or null if unused for the match type.
    #[field(versions = "0+", nullable = "0+")]
    pub r#match: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeClientQuotas.
///
/// Version 1 enables flexible versions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeClientQuotas", versions = "0-1", flexible = "1+")]
pub struct DescribeClientQuotasResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The error code, or `0` if the quota description succeeded.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or `null` if the quota description succeeded.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// A result entry.
    #[field(versions = "0+", nullable = "0+")]
    pub entries: Option<Vec<EntryData>>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeClientQuotasResponse: `entries`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct EntryData {
    /// The quota entity description.
    #[field(versions = "0+")]
    pub entity: Vec<EntityData>,
    /// The quota values for the entity.
    #[field(versions = "0+")]
    pub values: Vec<ValueData>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeClientQuotasResponse: `EntryData.entity`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct EntityData {
    /// The entity type.
    #[field(versions = "0+")]
    pub entity_type: Text,
    /// The entity name, or null if the default.
    #[field(versions = "0+", nullable = "0+")]
    pub entity_name: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeClientQuotasResponse: `EntryData.values`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "1+")]
pub struct ValueData {
    /// The quota configuration key.
    #[field(versions = "0+")]
    pub key: Text,
    /// The quota configuration value.
    #[field(versions = "0+")]
    pub value: f64,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
