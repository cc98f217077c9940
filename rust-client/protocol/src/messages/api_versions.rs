//! ApiVersions (API key 18).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of ApiVersions.
///
/// Versions 0 through 2 of ApiVersionsRequest are the same.
///
/// Version 3 is the first flexible version and adds ClientSoftwareName and ClientSoftwareVersion.
///
/// Version 4 fixes KAFKA-17011, which blocked SupportedFeatures.MinVersion in the response from being 0.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ApiVersions", versions = "0-4", flexible = "3+")]
pub struct ApiVersionsRequest {
    /// The name of the client.
    #[field(versions = "3+", ignorable)]
    pub client_software_name: Text,
    /// The version of the client.
    #[field(versions = "3+", ignorable)]
    pub client_software_version: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of ApiVersions.
///
/// Version 1 adds throttle time to the response.
///
/// Starting in version 2, on quota violation, brokers send out responses before throttling.
///
/// Version 3 is the first flexible version. Tagged fields are only supported in the body but not in the header. The length of the
/// header must not change in order to guarantee the backward compatibility.
///
/// Starting from Apache Kafka 2.4 (KIP-511), ApiKeys field is populated with the supported versions of the ApiVersionsRequest
/// when an UNSUPPORTED_VERSION error is returned.
///
/// Version 4 fixes KAFKA-17011, which blocked SupportedFeatures.MinVersion from being 0.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ApiVersions", versions = "0-4", flexible = "3+")]
pub struct ApiVersionsResponse {
    /// The top-level error code.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The APIs supported by the broker.
    #[field(versions = "0+")]
    pub api_keys: Vec<ApiVersion>,
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// Features supported by the broker. Note: in v0-v3, features with MinSupportedVersion = 0 are omitted.
    #[field(versions = "3+", tag = 0, tagged = "3+", ignorable)]
    pub supported_features: Vec<SupportedFeatureKey>,
    /// The monotonically increasing epoch for the finalized features information. Valid values are \>= 0. A value of -1 is
    /// special and represents unknown epoch.
    #[field(versions = "3+", default = "-1", tag = 1, tagged = "3+", ignorable)]
    pub finalized_features_epoch: i64,
    /// List of cluster-wide finalized features. The information is valid only if FinalizedFeaturesEpoch \>= 0.
    #[field(versions = "3+", tag = 2, tagged = "3+", ignorable)]
    pub finalized_features: Vec<FinalizedFeatureKey>,
    /// Set by a KRaft controller if the required configurations for ZK migration are present.
    #[field(versions = "3+", tag = 3, tagged = "3+", ignorable)]
    pub zk_migration_ready: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ApiVersionsResponse: `api_keys`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "3+")]
pub struct ApiVersion {
    /// The API index.
    #[field(versions = "0+")]
    pub api_key: i16,
    /// The minimum supported version, inclusive.
    #[field(versions = "0+")]
    pub min_version: i16,
    /// The maximum supported version, inclusive.
    #[field(versions = "0+")]
    pub max_version: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ApiVersionsResponse: `supported_features`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "3+", flexible = "3+")]
pub struct SupportedFeatureKey {
    /// The name of the feature.
    #[field(versions = "3+")]
    pub name: Text,
    /// The minimum supported version for the feature.
    #[field(versions = "3+")]
    pub min_version: i16,
    /// The maximum supported version for the feature.
    #[field(versions = "3+")]
    pub max_version: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ApiVersionsResponse: `finalized_features`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "3+", flexible = "3+")]
pub struct FinalizedFeatureKey {
    /// The name of the feature.
    #[field(versions = "3+")]
    pub name: Text,
    /// The cluster-wide finalized max version level for the feature.
    #[field(versions = "3+")]
    pub max_version_level: i16,
    /// The cluster-wide finalized min version level for the feature.
    #[field(versions = "3+")]
    pub min_version_level: i16,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
