//! CreateDelegationToken (API key 38).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use bytes::Bytes;

use crate::{Message, Text, UnknownTaggedField};

/// The request of CreateDelegationToken.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Version 1 is the same as version 0.
///
/// Version 2 is the first flexible version.
///
/// Version 3 adds owner principal
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "CreateDelegationToken", versions = "1-3", flexible = "2+")]
pub struct CreateDelegationTokenRequest {
    /// The principal type of the owner of the token. If it's null it defaults to the token request principal.
    #[field(versions = "3+", nullable = "3+")]
    pub owner_principal_type: Option<Text>,
    /// The principal name of the owner of the token. If it's null it defaults to the token request principal.
    #[field(versions = "3+", nullable = "3+")]
    pub owner_principal_name: Option<Text>,
    /// A list of those who are allowed to renew this token before it expires.
    #[field(versions = "0+")]
    pub renewers: Vec<CreatableRenewers>,
    /// The maximum lifetime of the token in milliseconds, or -1 to use the server side default.
    #[field(versions = "0+")]
    pub max_lifetime_ms: i64,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In CreateDelegationTokenRequest: `renewers`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "2+")]
pub struct CreatableRenewers {
    /// The type of the Kafka principal.
    #[field(versions = "0+")]
    pub principal_type: Text,
    /// The name of the Kafka principal.
    #[field(versions = "0+")]
    pub principal_name: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of CreateDelegationToken.
///
/// Version 0 was removed in Apache Kafka 4.0, Version 1 is the new baseline.
///
/// Starting in version 1, on quota violation, brokers send out responses before throttling.
///
/// Version 2 is the first flexible version.
///
/// Version 3 adds token requester details
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "CreateDelegationToken", versions = "1-3", flexible = "2+")]
pub struct CreateDelegationTokenResponse {
    /// The top-level error, or zero if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The principal type of the token owner.
    #[field(versions = "0+")]
    pub principal_type: Text,
    /// The name of the token owner.
    #[field(versions = "0+")]
    pub principal_name: Text,
    /// The principal type of the requester of the token.
    #[field(versions = "3+")]
    pub token_requester_principal_type: Text,
    /// The principal type of the requester of the token.
    #[field(versions = "3+")]
    pub token_requester_principal_name: Text,
    /// When this token was generated.
    #[field(versions = "0+")]
    pub issue_timestamp_ms: i64,
    /// When this token expires.
    #[field(versions = "0+")]
    pub expiry_timestamp_ms: i64,
    /// The maximum lifetime of this token.
    #[field(versions = "0+")]
    pub max_timestamp_ms: i64,
    /// The token UUID.
    #[field(versions = "0+")]
    pub token_id: Text,
    /// HMAC of the delegation token.
    #[field(versions = "0+")]
    pub hmac: Bytes,
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
