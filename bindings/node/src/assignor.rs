//! KafkaJS's `RoundRobinAssigner`, by the name that its members offer, so that they and this package's share a group.

use std::collections::BTreeSet;

use ottla::{GroupAssignment, GroupTopics, MemberAssignment, MemberSubscription, PartitionAssignor, Text, TopicPartition};

/// The partitions of all topics in order, in turn to the members in the order of their ids. KafkaJS takes every member to
/// subscribe to what the leader does; here one that does not subscribe to a topic is passed over.
pub(crate) struct RoundRobinAssigner;

impl PartitionAssignor for RoundRobinAssigner {
    fn name(&self) -> &str {
        "RoundRobinAssigner"
    }

    fn assigns_beyond_subscriptions(&self) -> bool {
        true
    }

    fn assign(&self, topics: &GroupTopics, members: &[MemberSubscription]) -> GroupAssignment {
        let mut members: Vec<&MemberSubscription> = members.iter().collect();
        members.sort_by_key(|member| &member.member_id);
        let mut given: Vec<Vec<TopicPartition>> = members.iter().map(|_| Vec::new()).collect();
        let subscribed: Vec<BTreeSet<&Text>> = members.iter().map(|member| member.topics.iter().collect()).collect();
        let mut turn = 0;
        for (topic, partitions) in &topics.racks {
            for partition in (0..).take(partitions.len()) {
                let whose = (turn..turn + members.len()).map(|at| at % members.len());
                let mut whose = whose.filter(|at| subscribed.get(*at).is_some_and(|topics| topics.contains(topic)));
                let Some(at) = whose.next() else { continue };
                turn = at + 1;
                if let Some(given) = given.get_mut(at) {
                    given.push(TopicPartition { topic: topic.clone(), partition });
                }
            }
        }
        let assignments = given.into_iter().map(|partitions| MemberAssignment { partitions, user_data: None });
        members.iter().map(|member| member.member_id.clone()).zip(assignments).collect()
    }
}
