//! DescribeDelegationToken (API key 41).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use bytes::Bytes;

use crate::{Message, Text, UnknownTaggedField};

/// The request of DescribeDelegationToken.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 is the same as version 0.
///
/// Version 2 adds flexible version support
///
/// Version 3 adds token requester into the response
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeDelegationToken", versions = "1-3", flexible = "2+")]
pub struct DescribeDelegationTokenRequest {
    /// Each owner that we want to describe delegation tokens for, or null to describe all tokens.
    #[field(versions = "0+", nullable = "0+")]
    pub owners: Option<Vec<DescribeDelegationTokenOwner>>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeDelegationTokenRequest: `owners`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DescribeDelegationTokenOwner {
    /// The owner principal type.
    #[field(versions = "0+")]
    pub principal_type: Text,
    /// The owner principal name.
    #[field(versions = "0+")]
    pub principal_name: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeDelegationToken.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline. Starting in version 1, on quota violation, brokers
/// send out responses before throttling.
///
/// Version 2 adds flexible version support
///
/// Version 3 adds token requester details
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeDelegationToken", versions = "1-3", flexible = "2+")]
pub struct DescribeDelegationTokenResponse {
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The tokens.
    #[field(versions = "0+")]
    pub tokens: Vec<DescribedDelegationToken>,
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeDelegationTokenResponse: `tokens`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DescribedDelegationToken {
    /// The token principal type.
    #[field(versions = "0+")]
    pub principal_type: Text,
    /// The token principal name.
    #[field(versions = "0+")]
    pub principal_name: Text,
    /// The principal type of the requester of the token.
    #[field(versions = "3+")]
    pub token_requester_principal_type: Text,
    /// The principal type of the requester of the token.
    #[field(versions = "3+")]
    pub token_requester_principal_name: Text,
    /// The token issue timestamp in milliseconds.
    #[field(versions = "0+")]
    pub issue_timestamp: i64,
    /// The token expiry timestamp in milliseconds.
    #[field(versions = "0+")]
    pub expiry_timestamp: i64,
    /// The token maximum timestamp length in milliseconds.
    #[field(versions = "0+")]
    pub max_timestamp: i64,
    /// The token ID.
    #[field(versions = "0+")]
    pub token_id: Text,
    /// The token HMAC.
    #[field(versions = "0+")]
    pub hmac: Bytes,
    /// Those who are able to renew this token before it expires.
    #[field(versions = "0+")]
    pub renewers: Vec<DescribedDelegationTokenRenewer>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeDelegationTokenResponse: `DescribedDelegationToken.renewers`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct DescribedDelegationTokenRenewer {
    /// The renewer principal type.
    #[field(versions = "0+")]
    pub principal_type: Text,
    /// The renewer principal name.
    #[field(versions = "0+")]
    pub principal_name: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
