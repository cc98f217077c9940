//! `cooperative-sticky`: as sticky, but a partition that moves is nobody's for one rebalance (KIP-429).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ottla_protocol::{Reader, Text};

use super::balance::balanced;
use super::claims::{Claim, owners};
use super::{GroupAssignment, GroupTopics, LastAssignment, MemberSubscription, PartitionAssignor, RebalanceProtocol};
use crate::consumer::TopicPartition;

/// Kafka's CooperativeStickyAssignor: members keep what they have while the group rebalances. What is to move is first left out
/// of everybody's assignment, so that its owner gives it up; that one then joins again, and the next rebalance hands it out.
#[derive(Clone, Copy, Debug, Default)]
pub struct CooperativeStickyAssignor;

impl PartitionAssignor for CooperativeStickyAssignor {
    fn name(&self) -> &str {
        "cooperative-sticky"
    }

    fn supported_protocols(&self) -> &[RebalanceProtocol] {
        &[RebalanceProtocol::Cooperative, RebalanceProtocol::Eager]
    }

    /// The generation, for leaders whose ConsumerProtocolSubscription (below version 2) has no field for it.
    fn subscription_user_data(&self, _topics: &[Text], last: &LastAssignment) -> Option<Bytes> {
        let generation = if last.partitions.is_some() { last.generation } else { -1 };
        Some(Bytes::copy_from_slice(&generation.to_be_bytes()))
    }

    fn assign(&self, topics: &GroupTopics, members: &[MemberSubscription]) -> GroupAssignment {
        let claims: Vec<Claim> = members
            .iter()
            .map(|member| Claim { partitions: member.owned_partitions.clone(), generation: generation(member) })
            .collect();
        let mut assignment = balanced(topics, members, &owners(topics, members, &claims));
        withhold_what_moves(&mut assignment, members);
        assignment
    }
}

fn generation(member: &MemberSubscription) -> i32 {
    if member.generation >= 0 {
        return member.generation;
    }
    member.user_data.as_ref().and_then(|bytes| Reader::new(bytes.clone()).read_i32().ok()).unwrap_or(-1)
}

/// Takes out what another member, rightly or not, still believes to read.
fn withhold_what_moves(assignment: &mut GroupAssignment, members: &[MemberSubscription]) {
    let mut readers: BTreeMap<&TopicPartition, BTreeSet<&Text>> = BTreeMap::new();
    for member in members {
        for partition in &member.owned_partitions {
            readers.entry(partition).or_default().insert(&member.member_id);
        }
    }
    for (member_id, assigned) in assignment {
        assigned.partitions.retain(|partition| readers.get(partition).is_none_or(|readers| readers.contains(member_id)));
    }
}
