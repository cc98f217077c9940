//! `roundrobin`: all partitions of all topics in order, dealt to the members in order.

use std::collections::BTreeSet;

use ottla_protocol::Text;

use super::{GroupAssignment, GroupTopics, MemberSubscription, PartitionAssignor, give, in_order, java_order, nothing_for};

/// Kafka's RoundRobinAssignor: a member that does not subscribe to a partition's topic is passed over.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobinAssignor;

impl PartitionAssignor for RoundRobinAssignor {
    fn name(&self) -> &str {
        "roundrobin"
    }

    fn assign(&self, topics: &GroupTopics, members: &[MemberSubscription]) -> GroupAssignment {
        let mut assignment = nothing_for(members);
        let mut members: Vec<(&MemberSubscription, BTreeSet<&Text>)> =
            members.iter().map(|member| (member, member.topics.iter().collect())).collect();
        members.sort_by(|(a, _), (b, _)| in_order(a, b));
        let subscribed: BTreeSet<&Text> = members.iter().flat_map(|(_, topics)| topics.iter().copied()).collect();
        let mut subscribed: Vec<&Text> = subscribed.into_iter().collect();
        subscribed.sort_by(|a, b| java_order(a, b));
        let mut next = 0;
        for topic in subscribed {
            for partition in 0..topics.partitions(topic) {
                // Somebody subscribes to each of these topics, so one round finds a member.
                for _ in 0..members.len() {
                    let member = members.get(next);
                    next = (next + 1) % members.len();
                    if let Some((member, _)) = member.filter(|(_, topics)| topics.contains(topic)) {
                        give(&mut assignment, member, topic, partition);
                        break;
                    }
                }
            }
        }
        assignment
    }
}
