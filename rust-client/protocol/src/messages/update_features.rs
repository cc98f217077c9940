//! UpdateFeatures (API key 57).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of UpdateFeatures.
///
/// Version 1 adds validate only field.
///
/// Version 2 changes the response to not return feature level results.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "UpdateFeatures", versions = "0-2", flexible = "0+")]
pub struct UpdateFeaturesRequest {
    /// How long to wait in milliseconds before timing out the request.
    #[field(versions = "0+", default = "60000")]
    pub timeout_ms: i32,
    /// The list of updates to finalized features.
    #[field(versions = "0+")]
    pub feature_updates: Vec<FeatureUpdateKey>,
    /// True if we should validate the request, but not perform the upgrade or downgrade.
    #[field(versions = "1+")]
    pub validate_only: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In UpdateFeaturesRequest: `feature_updates`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct FeatureUpdateKey {
    /// The name of the finalized feature to be updated.
    #[field(versions = "0+")]
    pub feature: Text,
    /// The new maximum version level for the finalized feature. A value \>= 1 is valid. A value \< 1, is special, and can be used
    /// to request the deletion of the finalized feature.
    #[field(versions = "0+")]
    pub max_version_level: i16,
    /// DEPRECATED in version 1 (see DowngradeType). When set to true, the finalized feature version level is allowed to be
    /// downgraded/deleted. The downgrade request will fail if the new maximum version level is a value that's not lower than the
    /// existing maximum finalized version level.
    #[field(versions = "0")]
    pub allow_downgrade: bool,
    /// Determine which type of upgrade will be performed: 1 will perform an upgrade only (default), 2 is safe downgrades only
    /// (lossless), 3 is unsafe downgrades (lossy).
    #[field(versions = "1+", default = "1")]
    pub upgrade_type: i8,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of UpdateFeatures.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "UpdateFeatures", versions = "0-2", flexible = "0+")]
pub struct UpdateFeaturesResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The top-level error code, or `0` if there was no top-level error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The top-level error message, or `null` if there was no top-level error.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// Results for each feature update.
    #[field(versions = "0-1", ignorable)]
    pub results: Vec<UpdatableFeatureResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In UpdateFeaturesResponse: `results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0-1", flexible = "0+")]
pub struct UpdatableFeatureResult {
    /// The name of the finalized feature.
    #[field(versions = "0+")]
    pub feature: Text,
    /// The feature update error code or `0` if the feature update succeeded.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The feature update error, or `null` if the feature update succeeded.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
