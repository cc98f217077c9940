//! DescribeConfigs (API key 32).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of DescribeConfigs.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 adds IncludeSynonyms and removes IsDefault.
///
/// Version 2 is the same as version 1.
///
/// Version 4 enables flexible versions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeConfigs", versions = "1-4", flexible = "4+")]
pub struct DescribeConfigsRequest {
    /// The resources whose configurations we want to describe.
    #[field(versions = "0+")]
    pub resources: Vec<DescribeConfigsResource>,
    /// True if we should include all synonyms.
    #[field(versions = "1+")]
    pub include_synonyms: bool,
    /// True if we should include configuration documentation.
    #[field(versions = "3+")]
    pub include_documentation: bool,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeConfigsRequest: `resources`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "4+")]
pub struct DescribeConfigsResource {
    /// The resource type.
    #[field(versions = "0+")]
    pub resource_type: i8,
    /// The resource name.
    #[field(versions = "0+")]
    pub resource_name: Text,
    /// The configuration keys to list, or null to list all configuration keys.
    #[field(versions = "0+", nullable = "0+")]
    pub configuration_keys: Option<Vec<Text>>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeConfigs.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 adds ConfigSource and the synonyms. Starting in version 2, on quota violation, brokers send out responses before
/// throttling.
///
/// Version 4 enables flexible versions.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeConfigs", versions = "1-4", flexible = "4+")]
pub struct DescribeConfigsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The results for each resource.
    #[field(versions = "0+")]
    pub results: Vec<DescribeConfigsResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeConfigsResponse: `results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "4+")]
pub struct DescribeConfigsResult {
    /// The error code, or 0 if we were able to successfully describe the configurations.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The error message, or null if we were able to successfully describe the configurations.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// The resource type.
    #[field(versions = "0+")]
    pub resource_type: i8,
    /// The resource name.
    #[field(versions = "0+")]
    pub resource_name: Text,
    /// Each listed configuration.
    #[field(versions = "0+")]
    pub configs: Vec<DescribeConfigsResourceResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeConfigsResponse: `DescribeConfigsResult.configs`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "4+")]
pub struct DescribeConfigsResourceResult {
    /// The configuration name.
    #[field(versions = "0+")]
    pub name: Text,
    /// The configuration value.
    #[field(versions = "0+", nullable = "0+")]
    pub value: Option<Text>,
    /// True if the configuration is read-only.
    #[field(versions = "0+")]
    pub read_only: bool,
    /// The configuration source.
    #[field(versions = "1+", default = "-1", ignorable)]
    pub config_source: i8,
    /// True if this configuration is sensitive.
    #[field(versions = "0+")]
    pub is_sensitive: bool,
    /// The synonyms for this configuration key.
    #[field(versions = "1+", ignorable)]
    pub synonyms: Vec<DescribeConfigsSynonym>,
    /// The configuration data type. Type can be one of the following values \- BOOLEAN, STRING, INT, SHORT, LONG, DOUBLE, LIST,
    /// CLASS, PASSWORD.
    #[field(versions = "3+", ignorable)]
    pub config_type: i8,
    /// The configuration documentation.
    #[field(versions = "3+", nullable = "0+", ignorable)]
    pub documentation: Option<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeConfigsResponse: `DescribeConfigsResourceResult.synonyms`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "1+", flexible = "4+")]
pub struct DescribeConfigsSynonym {
    /// The synonym name.
    #[field(versions = "1+")]
    pub name: Text,
    /// The synonym value.
    #[field(versions = "1+", nullable = "0+")]
    pub value: Option<Text>,
    /// The synonym source.
    #[field(versions = "1+")]
    pub source: i8,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
