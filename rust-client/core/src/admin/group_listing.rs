//! Which groups there are: ListGroups, which each broker answers for those that it coordinates.

use std::fmt;

use ottla_protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse};
use ottla_protocol::{ErrorCode, Text};

use crate::error::{Error, ErrorKind};

/// From this version on a ListGroups filters by state.
const STATES_FROM: i16 = 4;
/// From this version on a ListGroups knows types of groups.
const TYPES_FROM: i16 = 5;

macro_rules! named {
    ($(#[$docs:meta])* $type:ident { $($(#[$variant_docs:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $type {
            /// None that this client knows, or the broker did not say.
            Unknown,
            $($(#[$variant_docs])* $variant,)*
        }

        impl $type {
            /// As brokers write it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Unknown => "Unknown",
                    $(Self::$variant => $name,)*
                }
            }

            /// From a broker's word for it, in whatever case.
            #[must_use]
            pub fn from_name(name: &str) -> Self {
                match name {
                    $(_ if name.eq_ignore_ascii_case($name) => Self::$variant,)*
                    _ => Self::Unknown,
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

named! {
    /// The protocol of a group: who may be its member.
    GroupType {
        /// Members that assign partitions among themselves.
        Classic = "Classic",
        /// Consumers to whom the broker assigns partitions (KIP-848).
        Consumer = "Consumer",
        /// Consumers that share the records of a partition (KIP-932).
        Share = "Share",
        /// Kafka Streams (KIP-1071).
        Streams = "Streams",
    }
}

named! {
    /// The state of a group. Not all types have all states.
    ConsumerGroupState {
        /// Members join, or are waited for.
        PreparingRebalance = "PreparingRebalance",
        /// The leader assigns partitions.
        CompletingRebalance = "CompletingRebalance",
        /// All have what they are to have.
        Stable = "Stable",
        /// It is gone, or was never there.
        Dead = "Dead",
        /// It has no members, but offsets.
        Empty = "Empty",
        /// The broker assigns partitions (KIP-848).
        Assigning = "Assigning",
        /// Members hand partitions over (KIP-848).
        Reconciling = "Reconciling",
        /// Something that it needs is missing, such as a topic (KIP-1071).
        NotReady = "NotReady",
    }
}

/// Which groups to list: all by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFilter {
    states: Vec<ConsumerGroupState>,
    types: Vec<GroupType>,
}

impl GroupFilter {
    /// All groups.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Groups in this state too. Without any, groups in all states (brokers from 2.6 on, KIP-518).
    #[must_use]
    pub fn state(mut self, state: ConsumerGroupState) -> Self {
        self.states.push(state);
        self
    }

    /// Groups of this type too. Without any, groups of all types (brokers from 3.8 on, KIP-848).
    #[must_use]
    pub fn group_type(mut self, group_type: GroupType) -> Self {
        self.types.push(group_type);
        self
    }

    /// The request of the newest version; [`fit_list_groups`] makes it fit an older one.
    #[must_use]
    pub fn request(&self) -> ListGroupsRequest {
        ListGroupsRequest {
            states_filter: self.states.iter().map(|state| Text::from(state.name())).collect(),
            // As Java writes them.
            types_filter: self.types.iter().map(|group_type| Text::from(group_type.name())).collect(),
            ..ListGroupsRequest::default()
        }
    }
}

/// A group as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// The group.
    pub group_id: String,
    /// What its members are: `consumer`, `connect`, ...; empty if the broker has seen no members of it, only offsets.
    pub protocol_type: String,
    /// Its state; [`ConsumerGroupState::Unknown`] from brokers before 2.6.
    pub state: ConsumerGroupState,
    /// Its type; [`GroupType::Unknown`] from brokers before 3.8.
    pub group_type: GroupType,
}

/// Leaves out what an older version has no place for, if the answer is the same without it.
///
/// # Errors
/// [`ErrorKind::UnsupportedVersion`] if it is not.
pub fn fit_list_groups(request: &mut ListGroupsRequest, version: i16) -> Result<(), Error> {
    let unsupported = |what: &str, from: i16| {
        let what =
            format!("the broker can't list groups by {what}: it serves ListGroups up to version {version}, {from} is needed");
        Err(Error::new(ErrorKind::UnsupportedVersion, what))
    };
    if version < STATES_FROM && !request.states_filter.is_empty() {
        return unsupported("state", STATES_FROM);
    }
    if version < TYPES_FROM && !request.types_filter.is_empty() {
        // Brokers that know no types have classic groups only.
        if !request.types_filter.iter().any(|name| GroupType::from_name(name) == GroupType::Classic) {
            return unsupported("type", TYPES_FROM);
        }
        request.types_filter.clear();
    }
    Ok(())
}

/// The groups of one broker.
///
/// # Errors
/// The broker's.
pub fn read_list_groups(response: ListGroupsResponse) -> Result<Vec<GroupListing>, Error> {
    match ErrorCode::from_code(response.error_code) {
        ErrorCode::None => {}
        code => return Err(Error::kafka(code, "while listing groups")),
    }
    let listing = |group: ottla_protocol::messages::list_groups::ListedGroup| GroupListing {
        group_id: group.group_id.to_string(),
        protocol_type: group.protocol_type.to_string(),
        state: ConsumerGroupState::from_name(&group.group_state),
        group_type: GroupType::from_name(&group.group_type),
    };
    Ok(response.groups.into_iter().map(listing).collect())
}

#[cfg(test)]
mod tests {
    use ottla_protocol::messages::list_groups::ListedGroup;

    use super::*;

    #[test]
    fn names_come_back_in_any_case() {
        for group_type in [GroupType::Classic, GroupType::Consumer, GroupType::Share, GroupType::Streams] {
            assert_eq!(GroupType::from_name(&group_type.name().to_uppercase()), group_type);
        }
        assert_eq!(ConsumerGroupState::from_name("stable"), ConsumerGroupState::Stable);
        assert_eq!(ConsumerGroupState::from_name("NotReady").to_string(), "NotReady");
        assert_eq!(ConsumerGroupState::from_name(""), ConsumerGroupState::Unknown);
    }

    #[test]
    fn older_brokers_are_asked_what_they_understand_or_not_at_all() {
        let filter = GroupFilter::all().group_type(GroupType::Classic).group_type(GroupType::Share);
        for version in 0..=5 {
            let mut request = filter.request();
            fit_list_groups(&mut request, version).unwrap();
            assert_eq!(request.types_filter.is_empty(), version < 5);
            ottla_protocol::Encode::encode(&request, &mut ottla_protocol::WireBuf::new(), version).unwrap();
        }
        let share = GroupFilter::all().group_type(GroupType::Share);
        let error = fit_list_groups(&mut share.request(), 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsupportedVersion);
        let stable = GroupFilter::all().state(ConsumerGroupState::Stable);
        assert!(fit_list_groups(&mut stable.request(), 3).is_err());
        fit_list_groups(&mut stable.request(), 4).unwrap();
    }

    #[test]
    fn what_a_broker_does_not_say_is_unknown() {
        let groups = vec![ListedGroup { group_id: "g".into(), protocol_type: "consumer".into(), ..ListedGroup::default() }];
        let listed = read_list_groups(ListGroupsResponse { groups, ..Default::default() }).unwrap();
        assert_eq!((listed[0].state, listed[0].group_type), (ConsumerGroupState::Unknown, GroupType::Unknown));
        let error = read_list_groups(ListGroupsResponse { error_code: 14, ..Default::default() }).unwrap_err();
        assert!(error.is_retriable());
    }
}
