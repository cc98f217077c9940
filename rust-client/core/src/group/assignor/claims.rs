//! Which member read each partition until now, as far as the members' own words can be believed.

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::Text;

use super::{GroupTopics, MemberSubscription};
use crate::consumer::TopicPartition;

/// What a member says that it read, and since which generation (-1: unknown).
pub(super) struct Claim {
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) generation: i32,
}

/// The owner's index for each partition that has one. Of two members that claim the same partition the one of the later
/// generation is right; if both are of the same, neither is believed. A partition that is gone, or whose topic the member
/// subscribes to no longer, is nobody's.
pub(super) fn owners(topics: &GroupTopics, members: &[MemberSubscription], claims: &[Claim]) -> BTreeMap<TopicPartition, usize> {
    let mut owners: BTreeMap<&TopicPartition, (i32, Option<usize>)> = BTreeMap::new();
    for (index, (member, claim)) in members.iter().zip(claims).enumerate() {
        let subscribed: BTreeSet<&Text> = member.topics.iter().collect();
        // Said twice, it still is one claim.
        for partition in claim.partitions.iter().collect::<BTreeSet<_>>() {
            let exists = usize::try_from(partition.partition).is_ok_and(|p| p < topics.partitions(&partition.topic));
            if !exists || !subscribed.contains(&partition.topic) {
                continue;
            }
            let best = owners.entry(partition).or_insert((claim.generation, Some(index)));
            if best.1 != Some(index) && claim.generation >= best.0 {
                *best = (claim.generation, Some(index).filter(|_| claim.generation > best.0));
            }
        }
    }
    owners.into_iter().filter_map(|(partition, (_, owner))| Some((partition.clone(), owner?))).collect()
}
