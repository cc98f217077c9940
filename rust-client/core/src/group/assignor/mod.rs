//! Who reads which partition: the assignors that the leader of a group of the classic protocol runs.

mod balance;
mod claims;
mod cooperative_sticky;
mod range;
mod round_robin;
mod sticky;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::Text;

use crate::consumer::TopicPartition;
use crate::metadata::Cluster;

pub use cooperative_sticky::CooperativeStickyAssignor;
pub use range::RangeAssignor;
pub use round_robin::RoundRobinAssignor;
pub use sticky::StickyAssignor;

/// What becomes of a member's partitions while the group rebalances (KIP-429).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RebalanceProtocol {
    /// Each member gives up all of them before it joins again.
    Eager,
    /// Each member keeps them, and afterwards gives up those that were not assigned to it again.
    Cooperative,
}

/// What a member tells the leader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberSubscription {
    /// The member.
    pub member_id: Text,
    /// `group.instance.id`, for a static member (KIP-345).
    pub group_instance_id: Option<Text>,
    /// The topics that it wants to read.
    pub topics: Vec<Text>,
    /// The partitions that it reads now; empty under the eager protocol.
    pub owned_partitions: Vec<TopicPartition>,
    /// The generation in which it got them, -1 if unknown.
    pub generation: i32,
    /// `client.rack` (KIP-881).
    pub rack: Option<Text>,
    /// What its assignor adds: [`PartitionAssignor::subscription_user_data`].
    pub user_data: Option<Bytes>,
}

/// What the leader tells a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberAssignment {
    /// The partitions that it reads from now on.
    pub partitions: Vec<TopicPartition>,
    /// What the leader's assignor adds.
    pub user_data: Option<Bytes>,
}

/// What each member reads, by member id.
pub type GroupAssignment = BTreeMap<Text, MemberAssignment>;

/// The partitions of the topics that somebody subscribes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupTopics {
    /// By topic; for each partition from 0 on the racks of its replicas.
    pub racks: BTreeMap<Text, Vec<BTreeSet<Text>>>,
}

impl GroupTopics {
    /// The partitions, as far as the cluster's metadata tell, of `topics`. A topic that is unknown is left out: nobody reads it.
    #[must_use]
    pub fn from_cluster<'a>(cluster: &Cluster, topics: impl IntoIterator<Item = &'a Text>) -> Self {
        let mut racks = BTreeMap::new();
        for name in topics {
            if racks.contains_key(name) {
                continue;
            }
            // One that can't be described for a moment is no reason to take its partitions from all members.
            let Some(topic) = cluster.last_known(name).filter(|topic| !topic.partitions.is_empty()) else { continue };
            let rack_of = |id: &i32| cluster.brokers.get(id).and_then(|broker| broker.rack.clone());
            let partitions = topic.partitions.iter().map(|partition| partition.replicas.iter().filter_map(rack_of).collect());
            racks.insert(name.clone(), partitions.collect());
        }
        Self { racks }
    }

    /// How many partitions the topic has, 0 if it is unknown.
    #[must_use]
    pub fn partitions(&self, topic: &Text) -> usize {
        self.racks.get(topic).map_or(0, Vec::len)
    }
}

/// What a member was assigned last; its assignor may tell the leader of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastAssignment {
    /// The partitions, `None` before the first assignment.
    pub partitions: Option<Vec<TopicPartition>>,
    /// The generation of that, -1 before it.
    pub generation: i32,
    /// What the leader's assignor added.
    pub user_data: Option<Bytes>,
}

/// How partitions are divided among the members. All members name the assignors that they support, and the coordinator picks one
/// that all of them do; the member that leads runs it.
pub trait PartitionAssignor: Send + Sync {
    /// Its name in `partition.assignment.strategy`, and on the wire.
    fn name(&self) -> &str;

    /// Under which protocols it can be used. A member uses the most cooperative one that all of its assignors have in common.
    fn supported_protocols(&self) -> &[RebalanceProtocol] {
        &[RebalanceProtocol::Eager]
    }

    /// What the leader has to know of a member beyond [`MemberSubscription`]'s other fields.
    fn subscription_user_data(&self, topics: &[Text], last: &LastAssignment) -> Option<Bytes> {
        let _ = (topics, last);
        None
    }

    /// Whether its leaders may assign partitions of topics that a member does not subscribe to, which that member leaves alone.
    /// With any other assignor such an assignment is out of date, and the member joins again.
    fn assigns_beyond_subscriptions(&self) -> bool {
        false
    }

    /// Divides the partitions. A member that is left out gets none.
    fn assign(&self, topics: &GroupTopics, members: &[MemberSubscription]) -> GroupAssignment;
}

impl fmt::Debug for dyn PartitionAssignor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartitionAssignor({})", self.name())
    }
}

/// The assignor of this name: `range`, `roundrobin`, `sticky` or `cooperative-sticky`.
#[must_use]
pub fn builtin(name: &str) -> Option<Arc<dyn PartitionAssignor>> {
    match name {
        "range" => Some(Arc::new(RangeAssignor)),
        "roundrobin" => Some(Arc::new(RoundRobinAssignor)),
        "sticky" => Some(Arc::new(StickyAssignor)),
        "cooperative-sticky" => Some(Arc::new(CooperativeStickyAssignor)),
        _ => None,
    }
}

/// The protocol of a member with these assignors: cooperative if all of them can be, eager otherwise; `None` if they have none
/// in common.
#[must_use]
pub fn common_protocol(assignors: &[Arc<dyn PartitionAssignor>]) -> Option<RebalanceProtocol> {
    [RebalanceProtocol::Cooperative, RebalanceProtocol::Eager]
        .into_iter()
        .find(|protocol| assignors.iter().all(|assignor| assignor.supported_protocols().contains(protocol)))
}

/// The order in which members are served: those with a `group.instance.id` first and by it, so that a restart changes nothing,
/// the others by member id. Compared as Java compares strings.
fn in_order(a: &MemberSubscription, b: &MemberSubscription) -> Ordering {
    match (&a.group_instance_id, &b.group_instance_id) {
        (Some(a), Some(b)) => java_order(a, b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => java_order(&a.member_id, &b.member_id),
    }
}

/// By UTF-16 units, which differs from UTF-8's order beyond the basic plane.
fn java_order(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

/// Everybody in the answer, with no partitions yet.
fn nothing_for(members: &[MemberSubscription]) -> GroupAssignment {
    members.iter().map(|member| (member.member_id.clone(), MemberAssignment::default())).collect()
}

fn give(assignment: &mut GroupAssignment, member: &MemberSubscription, topic: &Text, partition: usize) {
    let (Some(entry), Ok(partition)) = (assignment.get_mut(&member.member_id), i32::try_from(partition)) else { return };
    entry.partitions.push(TopicPartition { topic: topic.clone(), partition });
}

/// Whether racks matter at all: somebody has one that a replica is in, and not every partition is in every rack.
fn racks_matter<'a>(members: impl Iterator<Item = Option<&'a Text>>, partitions: &[&BTreeSet<Text>]) -> bool {
    let all: BTreeSet<&Text> = partitions.iter().copied().flatten().collect();
    let mut matched = false;
    for rack in members.flatten() {
        matched |= all.contains(rack);
    }
    matched && partitions.iter().any(|racks| racks.len() < all.len())
}
