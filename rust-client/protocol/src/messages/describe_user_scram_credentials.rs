//! DescribeUserScramCredentials (API key 50).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of DescribeUserScramCredentials.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "DescribeUserScramCredentials", versions = "0", flexible = "0+")]
pub struct DescribeUserScramCredentialsRequest {
    /// The users to describe, or null/empty to describe all users.
    #[field(versions = "0+", nullable = "0+")]
    pub users: Option<Vec<UserName>>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeUserScramCredentialsRequest: `users`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct UserName {
    /// The user name.
    #[field(versions = "0+")]
    pub name: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of DescribeUserScramCredentials.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "DescribeUserScramCredentials", versions = "0", flexible = "0+")]
pub struct DescribeUserScramCredentialsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "0+")]
    pub throttle_time_ms: i32,
    /// The message-level error code, 0 except for user authorization or infrastructure issues.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The message-level error message, if any.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// The results for descriptions, one per user.
    #[field(versions = "0+")]
    pub results: Vec<DescribeUserScramCredentialsResult>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeUserScramCredentialsResponse: `results`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct DescribeUserScramCredentialsResult {
    /// The user name.
    #[field(versions = "0+")]
    pub user: Text,
    /// The user-level error code.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// The user-level error message, if any.
    #[field(versions = "0+", nullable = "0+")]
    pub error_message: Option<Text>,
    /// The mechanism and related information associated with the user's SCRAM credentials.
    #[field(versions = "0+")]
    pub credential_infos: Vec<CredentialInfo>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In DescribeUserScramCredentialsResponse: `DescribeUserScramCredentialsResult.credential_infos`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "0+")]
pub struct CredentialInfo {
    /// The SCRAM mechanism.
    #[field(versions = "0+")]
    pub mechanism: i8,
    /// The number of iterations used in the SCRAM credential.
    #[field(versions = "0+")]
    pub iterations: i32,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
