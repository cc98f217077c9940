//! Groups as they are: ConsumerGroupDescribe for those to whom the broker assigns partitions (KIP-848), DescribeGroups for the rest.

use bytes::Bytes;
use ottla_protocol::ErrorCode;
use ottla_protocol::messages::consumer_group_describe::{self, Assignment, ConsumerGroupDescribeResponse};
use ottla_protocol::messages::describe_groups::{DescribeGroupsResponse, DescribedGroup, DescribedGroupMember};

use super::group_listing::{ConsumerGroupState, GroupType};
use super::{GroupAnswers, group_error};
use crate::consumer::TopicPartition;
use crate::error::{Error, ErrorKind};
use crate::group::{decode_assignment, decode_subscription};
use crate::metadata::BrokerInfo;

/// The protocol type of consumers.
const CONSUMER: &str = "consumer";
const TRIED: &str = "while describing a group";

/// A group as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// The group.
    pub group_id: String,
    /// Its type.
    pub group_type: GroupType,
    /// Its state.
    pub state: ConsumerGroupState,
    /// What its members are: `consumer`, `connect`, ...; empty for a classic group that has had none.
    pub protocol_type: String,
    /// The assignor that was chosen; empty as long as there is none.
    pub assignor: String,
    /// Its coordinator.
    pub coordinator: BrokerInfo,
    /// Its members.
    pub members: Vec<MemberDescription>,
    /// How often its members or what they subscribe to have changed (KIP-848).
    pub group_epoch: Option<i32>,
    /// The `group_epoch` that the target assignment is of (KIP-848).
    pub target_assignment_epoch: Option<i32>,
    /// What the client may do with it, if that was asked for.
    pub authorized_operations: Option<Vec<AclOperation>>,
}

/// A member as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// Its id.
    pub member_id: String,
    /// Its `group.instance.id`, if it is a static member.
    pub group_instance_id: Option<String>,
    /// Its `client.rack`, if it has one and tells it.
    pub rack_id: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// Where it is, as the broker writes it: `/127.0.0.1`.
    pub host: String,
    /// The topics it subscribes to by name, as far as known.
    pub subscribed_topics: Vec<String>,
    /// The pattern it subscribes by, if it does (KIP-848).
    pub subscribed_topic_regex: Option<String>,
    /// What it reads now. `None` if it is no consumer, or its assignment can't be read: see `assignment_bytes`.
    pub assignment: Option<Vec<TopicPartition>>,
    /// What it is to read once others have handed it over (KIP-848).
    pub target_assignment: Option<Vec<TopicPartition>>,
    /// Its epoch (KIP-848).
    pub member_epoch: Option<i32>,
    /// Whether it joined by the protocol of KIP-848, of a group of that type; `None` if the broker does not say.
    pub upgraded: Option<bool>,
    /// What it told the leader, of a classic group that is stable: opaque to the broker.
    pub metadata_bytes: Bytes,
    /// What the leader told it, of a classic group that is stable: opaque to the broker.
    pub assignment_bytes: Bytes,
}

/// What may be done with a resource (`org.apache.kafka.common.acl.AclOperation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AclOperation {
    /// All that follows.
    All,
    /// READ.
    Read,
    /// WRITE.
    Write,
    /// CREATE.
    Create,
    /// DELETE.
    Delete,
    /// ALTER.
    Alter,
    /// DESCRIBE.
    Describe,
    /// `CLUSTER_ACTION`.
    ClusterAction,
    /// `DESCRIBE_CONFIGS`.
    DescribeConfigs,
    /// `ALTER_CONFIGS`.
    AlterConfigs,
    /// `IDEMPOTENT_WRITE`.
    IdempotentWrite,
    /// `CREATE_TOKENS`.
    CreateTokens,
    /// `DESCRIBE_TOKENS`.
    DescribeTokens,
    /// `TWO_PHASE_COMMIT`.
    TwoPhaseCommit,
}

impl AclOperation {
    /// In the order of Kafka's codes, of which the first is 2.
    const BY_CODE: [Self; 14] = [
        Self::All,
        Self::Read,
        Self::Write,
        Self::Create,
        Self::Delete,
        Self::Alter,
        Self::Describe,
        Self::ClusterAction,
        Self::DescribeConfigs,
        Self::AlterConfigs,
        Self::IdempotentWrite,
        Self::CreateTokens,
        Self::DescribeTokens,
        Self::TwoPhaseCommit,
    ];

    /// Those of a bit field; `None` if the broker was not asked. Bits that this client does not know are left out.
    fn from_bits(bits: i32) -> Option<Vec<Self>> {
        let set = |code: u32| bits & (1 << code) != 0;
        (bits != i32::MIN)
            .then(|| (2..).zip(Self::BY_CODE).filter(|(code, _)| set(*code)).map(|(_, operation)| operation).collect())
    }
}

/// Whether a group has to be asked about by DescribeGroups after this error of ConsumerGroupDescribe: it may be a classic one, or the
/// broker knows no others.
#[must_use]
pub fn needs_classic(error: &Error) -> bool {
    error.kind() == ErrorKind::UnsupportedVersion
        || matches!(error.code(), Some(ErrorCode::GroupIdNotFound | ErrorCode::UnsupportedVersion))
}

/// Each group of the answer to ConsumerGroupDescribe.
pub fn read_consumer_description(
    response: ConsumerGroupDescribeResponse,
    coordinator: &BrokerInfo,
) -> GroupAnswers<GroupDescription> {
    let described = |group: consumer_group_describe::DescribedGroup| {
        let error = group_error(group.error_code, group.error_message.as_deref(), TRIED, &group.group_id);
        (group.group_id.detach(), error.map(|()| consumer_group(group, coordinator.clone())))
    };
    response.groups.into_iter().map(described).collect()
}

fn consumer_group(group: consumer_group_describe::DescribedGroup, coordinator: BrokerInfo) -> GroupDescription {
    GroupDescription {
        group_id: group.group_id.to_string(),
        group_type: GroupType::Consumer,
        state: ConsumerGroupState::from_name(&group.group_state),
        protocol_type: CONSUMER.to_owned(),
        assignor: group.assignor_name.to_string(),
        coordinator,
        members: group.members.into_iter().map(consumer_member).collect(),
        group_epoch: Some(group.group_epoch),
        target_assignment_epoch: Some(group.assignment_epoch),
        authorized_operations: AclOperation::from_bits(group.authorized_operations),
    }
}

fn consumer_member(member: consumer_group_describe::Member) -> MemberDescription {
    MemberDescription {
        member_id: member.member_id.to_string(),
        group_instance_id: member.instance_id.map(|id| id.to_string()),
        rack_id: member.rack_id.map(|rack| rack.to_string()),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        subscribed_topics: member.subscribed_topic_names.iter().map(ToString::to_string).collect(),
        subscribed_topic_regex: member.subscribed_topic_regex.filter(|regex| !regex.is_empty()).map(|regex| regex.to_string()),
        assignment: Some(partitions(member.assignment)),
        target_assignment: Some(partitions(member.target_assignment)),
        member_epoch: Some(member.member_epoch),
        upgraded: match member.member_type {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        metadata_bytes: Bytes::new(),
        assignment_bytes: Bytes::new(),
    }
}

fn partitions(assignment: Assignment) -> Vec<TopicPartition> {
    let topic = |topic: consumer_group_describe::TopicPartitions| {
        let name = topic.topic_name.detach();
        topic.partitions.into_iter().map(move |partition| TopicPartition { topic: name.clone(), partition })
    };
    assignment.topic_partitions.into_iter().flat_map(topic).collect()
}

/// Each group of the answer to DescribeGroups. A group that is not there is an error, as it is for a broker from version 6 on.
pub fn read_classic_description(response: DescribeGroupsResponse, coordinator: &BrokerInfo) -> GroupAnswers<GroupDescription> {
    let described = |group: DescribedGroup| {
        let error = group_error(group.error_code, group.error_message.as_deref(), TRIED, &group.group_id);
        let described = error.map(|()| classic_group(&group, coordinator.clone())).and_then(|described| {
            if described.state == ConsumerGroupState::Dead && described.members.is_empty() {
                return Err(Error::kafka(ErrorCode::GroupIdNotFound, TRIED).with_group(described.group_id));
            }
            Ok(described)
        });
        (group.group_id.detach(), described)
    };
    response.groups.into_iter().map(described).collect()
}

fn classic_group(group: &DescribedGroup, coordinator: BrokerInfo) -> GroupDescription {
    // Before its first member has come, a group with offsets alone is one of consumers: who else commits any?
    let of_consumers = group.protocol_type.is_empty() || group.protocol_type == CONSUMER;
    GroupDescription {
        group_id: group.group_id.to_string(),
        group_type: GroupType::Classic,
        state: ConsumerGroupState::from_name(&group.group_state),
        protocol_type: group.protocol_type.to_string(),
        assignor: group.protocol_data.to_string(),
        coordinator,
        members: group.members.iter().map(|member| classic_member(member, of_consumers)).collect(),
        group_epoch: None,
        target_assignment_epoch: None,
        authorized_operations: AclOperation::from_bits(group.authorized_operations),
    }
}

fn classic_member(member: &DescribedGroupMember, of_consumers: bool) -> MemberDescription {
    let subscription = (of_consumers && !member.member_metadata.is_empty())
        .then(|| decode_subscription(member.member_id.clone(), None, &member.member_metadata).ok())
        .flatten();
    let assignment = of_consumers.then(|| decode_assignment(&member.member_assignment).ok()).flatten();
    let topics = subscription.iter().flat_map(|subscription| &subscription.topics);
    MemberDescription {
        member_id: member.member_id.to_string(),
        group_instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
        rack_id: subscription.as_ref().and_then(|subscription| subscription.rack.as_ref()).map(ToString::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        subscribed_topics: topics.map(ToString::to_string).collect(),
        subscribed_topic_regex: None,
        assignment: assignment.map(|assignment| assignment.partitions),
        target_assignment: None,
        member_epoch: None,
        upgraded: None,
        metadata_bytes: Bytes::copy_from_slice(&member.member_metadata),
        assignment_bytes: Bytes::copy_from_slice(&member.member_assignment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::assignor::{MemberAssignment, MemberSubscription};
    use crate::group::{encode_assignment, encode_subscription};

    fn coordinator() -> BrokerInfo {
        BrokerInfo { id: 1, host: "h".into(), port: 9092, rack: None }
    }

    fn classic(group: DescribedGroup) -> Result<GroupDescription, Error> {
        let response = DescribeGroupsResponse { groups: vec![group], ..Default::default() };
        read_classic_description(response, &coordinator()).remove(0).1
    }

    #[test]
    fn what_consumers_say_is_read_and_what_others_say_is_handed_on() {
        let subscription = MemberSubscription { topics: vec!["t".into()], rack: Some("r".into()), ..Default::default() };
        let partitions = vec![TopicPartition::new("t", 2)];
        let assignment = MemberAssignment { partitions: partitions.clone(), ..Default::default() };
        let member = DescribedGroupMember {
            member_id: "m".into(),
            member_metadata: encode_subscription(&subscription).unwrap(),
            member_assignment: encode_assignment(&assignment).unwrap(),
            ..Default::default()
        };
        let group = DescribedGroup {
            group_state: "Stable".into(),
            protocol_type: "consumer".into(),
            members: vec![member.clone()],
            authorized_operations: 1 << 3 | 1 << 8,
            ..Default::default()
        };
        let described = classic(group.clone()).unwrap();
        assert_eq!(described.members[0].assignment, Some(partitions));
        assert_eq!(
            (described.members[0].subscribed_topics.as_slice(), described.state),
            (["t".to_owned()].as_slice(), ConsumerGroupState::Stable)
        );
        assert_eq!(described.members[0].rack_id.as_deref(), Some("r"));
        assert_eq!(described.authorized_operations, Some(vec![AclOperation::Read, AclOperation::Describe]));
        let described = classic(DescribedGroup { protocol_type: "connect".into(), ..group.clone() }).unwrap();
        assert_eq!(described.members[0].assignment, None);
        assert_eq!(described.members[0].assignment_bytes, member.member_assignment);
        // Bytes that lie are handed on, too.
        let lying = DescribedGroupMember { member_assignment: Bytes::from_static(&[0, 1, 127, 255, 255, 255]), ..member };
        let described = classic(DescribedGroup { members: vec![lying], ..group }).unwrap();
        assert_eq!((described.members[0].assignment.as_ref(), described.members[0].assignment_bytes.len()), (None, 6));
    }

    #[test]
    fn a_group_that_is_not_there_is_the_same_error_from_old_and_new_brokers() {
        let old = classic(DescribedGroup { group_state: "Dead".into(), ..Default::default() });
        let new = classic(DescribedGroup { error_code: 69, group_state: "Dead".into(), ..Default::default() });
        for error in [old.unwrap_err(), new.unwrap_err()] {
            assert_eq!(error.code(), Some(ErrorCode::GroupIdNotFound));
            assert!(needs_classic(&error));
        }
        assert!(!needs_classic(&Error::kafka(ErrorCode::NotCoordinator, TRIED)));
    }

    #[test]
    fn operations_that_nobody_asked_for_are_none_and_unknown_bits_are_left() {
        assert_eq!(AclOperation::from_bits(i32::MIN), None);
        assert_eq!(AclOperation::from_bits(0), Some(vec![]));
        assert_eq!(AclOperation::from_bits(-1).unwrap().len(), 14);
        assert_eq!(AclOperation::from_bits(1 << 15), Some(vec![AclOperation::TwoPhaseCommit]));
    }

    #[test]
    fn a_group_of_kip_848_has_epochs_and_targets() {
        let topic = |partitions: Vec<i32>| Assignment {
            topic_partitions: vec![consumer_group_describe::TopicPartitions {
                topic_name: "t".into(),
                partitions,
                ..Default::default()
            }],
            ..Default::default()
        };
        let member = consumer_group_describe::Member {
            member_id: "m".into(),
            member_epoch: 3,
            assignment: topic(vec![0, 1]),
            target_assignment: topic(vec![0]),
            member_type: 1,
            ..Default::default()
        };
        let group = consumer_group_describe::DescribedGroup {
            group_id: "g".into(),
            group_state: "Reconciling".into(),
            group_epoch: 4,
            assignment_epoch: 4,
            members: vec![member],
            ..Default::default()
        };
        let response = ConsumerGroupDescribeResponse { groups: vec![group], ..Default::default() };
        let (id, described) = read_consumer_description(response, &coordinator()).remove(0);
        let described = described.unwrap();
        assert_eq!((id.as_str(), described.group_type, described.group_epoch), ("g", GroupType::Consumer, Some(4)));
        let member = &described.members[0];
        assert_eq!((member.assignment.as_ref().unwrap().len(), member.target_assignment.as_ref().unwrap().len()), (2, 1));
        assert_eq!((member.upgraded, member.member_epoch), (Some(true), Some(3)));
        assert_eq!(described.authorized_operations, None);
    }
}
