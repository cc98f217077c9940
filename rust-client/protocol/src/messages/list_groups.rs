//! ListGroups (API key 16).
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

use crate::{Message, Text, UnknownTaggedField};

/// The request of ListGroups.
///
/// Version 1 and 2 are the same as version 0.
///
/// Version 3 is the first flexible version.
///
/// Version 4 adds the StatesFilter field (KIP-518).
///
/// Version 5 adds the TypesFilter field (KIP-848).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(request = "ListGroups", versions = "0-5", flexible = "3+")]
pub struct ListGroupsRequest {
    /// The states of the groups we want to list. If empty, all groups are returned with their state.
    #[field(versions = "4+")]
    pub states_filter: Vec<Text>,
    /// The types of the groups we want to list. If empty, all groups are returned with their type.
    #[field(versions = "5+")]
    pub types_filter: Vec<Text>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// The response of ListGroups.
///
/// Version 1 adds the throttle time.
///
/// Starting in version 2, on quota violation, brokers send out responses before throttling.
///
/// Version 3 is the first flexible version.
///
/// Version 4 adds the GroupState field (KIP-518).
///
/// Version 5 adds the GroupType field (KIP-848).
#[derive(Clone, Debug, PartialEq, Message)]
#[message(response = "ListGroups", versions = "0-5", flexible = "3+")]
pub struct ListGroupsResponse {
    /// The duration in milliseconds for which the request was throttled due to a quota violation, or zero if the request did not
    /// violate any quota.
    #[field(versions = "1+", ignorable)]
    pub throttle_time_ms: i32,
    /// The error code, or 0 if there was no error.
    #[field(versions = "0+")]
    pub error_code: i16,
    /// Each group in the response.
    #[field(versions = "0+")]
    pub groups: Vec<ListedGroup>,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}

/// In ListGroupsResponse: `groups`.
#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "3+")]
pub struct ListedGroup {
    /// The group ID.
    #[field(versions = "0+")]
    pub group_id: Text,
    /// The group protocol type.
    #[field(versions = "0+")]
    pub protocol_type: Text,
    /// The group state name.
    #[field(versions = "4+", ignorable)]
    pub group_state: Text,
    /// The group type name.
    #[field(versions = "5+", ignorable)]
    pub group_type: Text,
    /// Tagged fields unknown to this schema.
    pub unknown_tagged_fields: Vec<UnknownTaggedField>,
}
