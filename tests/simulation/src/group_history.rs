//! What members of groups were given, handed out and committed; what can be told at once is checked as it comes.

use std::collections::{BTreeMap, BTreeSet};

use ottla::{GroupState, QuestionKind, TopicPartition};

use crate::history::{History, Place};
use crate::schedule::topic_name;

/// How a member stands, as its application sees it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Which consumer this is.
    pub member: usize,
    /// The number of its group.
    pub group: i64,
    /// The group's state, as `Consumer::group_state` has it.
    pub state: &'static str,
    /// What holds it up.
    pub held_up_by: Option<String>,
    /// The generation.
    pub generation: i32,
    /// The member id.
    pub member_id: String,
    /// Its partitions, each with the offset of the next record.
    pub positions: BTreeMap<Place, Option<i64>>,
}

/// One consumer of a group, from its start to its end.
#[derive(Clone, Debug)]
pub struct MemberTrack {
    /// Its group.
    pub group: i64,
    /// It has a listener.
    pub listens: bool,
    /// Its rebalances are cooperative.
    pub cooperative: bool,
    /// Its `group.instance.id`.
    pub instance: Option<String>,
    /// It was closed, or dropped.
    pub ended: bool,
    owned: BTreeSet<Place>,
    expected: BTreeMap<Place, i64>,
    rebalances: u64,
    owned_in: BTreeMap<i32, BTreeSet<Place>>,
}

/// How much was really checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct GroupChecked {
    /// Generations that a member was in.
    pub generations: u64,
    /// Records handed out to members.
    pub handed: u64,
    /// Records of the logs that were looked for among them.
    pub at_least_once: u64,
    /// Offsets in commits that were held against what was handed out.
    pub commits: u64,
    /// Commits that came too late and were refused.
    pub refused_commits: u64,
    /// Partitions given up, by a listener's answer or lost.
    pub given_up: u64,
    /// Groups that settled after all was well, with all that is there handed out.
    pub settled: u64,
}

impl GroupChecked {
    /// Adds another run's.
    pub fn merge(&mut self, other: &Self) {
        self.generations += other.generations;
        self.handed += other.handed;
        self.at_least_once += other.at_least_once;
        self.commits += other.commits;
        self.refused_commits += other.refused_commits;
        self.given_up += other.given_up;
        self.settled += other.settled;
    }
}

/// The groups' part of a history.
#[derive(Default)]
pub struct GroupHistory {
    /// By number.
    pub members: Vec<MemberTrack>,
    /// By the application's number, while there is a consumer.
    pub standings: BTreeMap<usize, Standing>,
    /// What was handed out in a group: the offsets, and the ids of the records.
    pub handed: BTreeMap<(i64, Place), BTreeMap<i64, BTreeSet<usize>>>,
    /// The highest offsets whose commit was answered with success. One that was late on its way may come behind it.
    pub accepted: BTreeMap<(i64, Place), i64>,
    /// Where the logs ended when all was well. What was still on its way to the brokers may come later.
    pub ends: BTreeMap<Place, i64>,
    /// Groups that had a member whose last commit failed.
    pub not_committed: BTreeSet<i64>,
    /// Who was told to read everything at the end.
    pub kept: BTreeMap<i64, usize>,
    /// The counts.
    pub checked: GroupChecked,
    ids: BTreeMap<String, usize>,
    /// Who had what in a generation.
    generations: BTreeMap<(i64, i32), BTreeMap<Place, usize>>,
}

/// The number of a topic.
#[must_use]
pub fn topic_number(topic: &str) -> i64 {
    topic.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(-1)
}

/// The places of partitions.
pub fn places<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> BTreeSet<Place> {
    partitions.into_iter().map(|key| (topic_number(&key.topic), key.partition)).collect()
}

/// A group's name.
#[must_use]
pub fn group_name(group: i64) -> String {
    format!("group-{group}")
}

fn at(place: Place) -> String {
    format!("{}-{}", topic_name(place.0), place.1)
}

impl History {
    /// A consumer of a group begins; answers its number.
    pub fn member_begins(&mut self, group: i64, listens: bool, cooperative: bool, instance: Option<String>) -> usize {
        let (owned, expected, rebalances, owned_in) = Default::default();
        let ended = false;
        let track = MemberTrack { group, listens, cooperative, instance, ended, owned, expected, rebalances, owned_in };
        self.groups.members.push(track);
        self.groups.members.len() - 1
    }

    /// It ends.
    pub fn member_ends(&mut self, member: usize) {
        let track = &mut self.groups.members[member];
        track.ended = true;
        track.owned.clear();
    }

    /// What a member says of itself.
    pub fn member_stands(&mut self, member: usize, state: &GroupState) {
        if !state.member_id.is_empty() {
            self.groups.ids.insert(state.member_id.to_string(), member);
        }
        let track = &mut self.groups.members[member];
        if track.rebalances != state.rebalances {
            track.rebalances = state.rebalances;
            self.groups.checked.generations += 1;
            // Without a listener nothing tells what went and came back.
            if !track.listens {
                track.expected.clear();
            }
        }
        if state.state == "Stable" && !track.listens {
            self.member_owns(member, state.generation, places(&state.owned));
        }
    }

    /// A member has these partitions in a generation.
    fn member_owns(&mut self, member: usize, generation: i32, owned: BTreeSet<Place>) {
        let groups = &mut self.groups;
        let track = &mut groups.members[member];
        if generation < 0 || track.owned_in.get(&generation) == Some(&owned) {
            return;
        }
        let (group, instance) = (track.group, track.instance.clone());
        track.owned_in.entry(generation).or_default().extend(owned.iter().copied());
        let mut twice = Vec::new();
        let known = groups.generations.entry((group, generation)).or_default();
        for place in owned {
            let before = known.insert(place, member);
            let Some(before) = before.filter(|before| *before != member) else { continue };
            // A static member that came back is the same member.
            if instance.is_none() || groups.members[before].instance != instance {
                twice.push(format!("members {before} and {member} both own {} in generation {generation}", at(place)));
            }
        }
        twice.into_iter().for_each(|what| self.mismatch(what));
    }

    /// A listener is told.
    pub fn member_hears(&mut self, member: usize, state: Option<&GroupState>, kind: QuestionKind, partitions: &BTreeSet<Place>) {
        if let Some(state) = state {
            self.member_stands(member, state);
        }
        let track = &mut self.groups.members[member];
        for place in partitions {
            track.expected.remove(place);
        }
        let mut wrong = Vec::new();
        if kind == QuestionKind::Assigned {
            for place in partitions {
                if !track.owned.insert(*place) {
                    wrong.push(format!("member {member} is assigned {}, which it has", at(*place)));
                }
            }
        } else {
            self.groups.checked.given_up += partitions.len() as u64;
            for place in partitions {
                if !track.owned.remove(place) {
                    wrong.push(format!("{kind:?}: member {member} gives up {}, which it has not", at(*place)));
                }
            }
        }
        let owned = track.owned.clone();
        if kind == QuestionKind::Assigned
            && let Some(state) = state
        {
            self.member_owns(member, state.generation, owned);
        }
        wrong.into_iter().for_each(|what| self.mismatch(what));
    }

    /// A member goes on elsewhere in a partition.
    pub fn member_seeks(&mut self, member: usize, place: Place, to: Option<i64>) {
        let expected = &mut self.groups.members[member].expected;
        match to {
            Some(offset) => drop(expected.insert(place, offset)),
            None => drop(expected.remove(&place)),
        }
    }

    /// A record was handed out to a member's application, which the group has given these partitions.
    pub fn member_was_handed(&mut self, member: usize, place: Place, offset: i64, id: usize, state: &GroupState) {
        self.member_stands(member, state);
        let moved =
            self.truncated.iter().any(|(_, of, _)| *of == place) || self.deleted.iter().any(|(_, topic)| *topic == place.0);
        let track = &mut self.groups.members[member];
        let mut wrong = Vec::new();
        if track.listens && !track.owned.contains(&place) {
            wrong.push(format!("member {member} has given {} up, and gets record {id} at offset {offset}", at(place)));
        }
        if !places(&state.owned).contains(&place) {
            wrong.push(format!("member {member} does not own {}, and gets record {id} at offset {offset}", at(place)));
        }
        let expected = track.expected.insert(place, offset + 1);
        if let Some(expected) = expected.filter(|expected| *expected != offset && !moved) {
            wrong.push(format!("member {member} gets offset {offset} of {}, where {expected} was to come", at(place)));
        }
        let handed = self.groups.handed.entry((track.group, place)).or_default();
        // The group's members begin at 0, and then where one of them has got to.
        let beyond = handed.last_key_value().map_or(0, |(offset, _)| *offset + 1);
        if offset > beyond && !moved {
            wrong.push(format!("member {member} gets offset {offset} of {}: {beyond} was handed out to nobody", at(place)));
        }
        handed.entry(offset).or_default().insert(id);
        self.groups.checked.handed += 1;
        wrong.into_iter().for_each(|what| self.mismatch(what));
    }

    /// A coordinator says that an offset is committed.
    pub fn commit_is_accepted(&mut self, group: i64, place: Place, offset: i64) {
        let accepted = self.groups.accepted.entry((group, place)).or_insert(offset);
        *accepted = offset.max(*accepted);
    }

    /// A member sends a commit.
    pub fn commit_is_sent(&mut self, group: i64, member_id: &str, generation: i32, offsets: &[(Place, i64)]) {
        let mut wrong = Vec::new();
        if generation < 0 {
            wrong.push(format!("a commit of {offsets:?} as no member of group {group}"));
        }
        let member = self.groups.ids.get(member_id).map(|member| (*member, &self.groups.members[*member]));
        for (place, offset) in offsets {
            self.groups.checked.commits += 1;
            let handed = self.groups.handed.get(&(group, *place)).and_then(|handed| handed.last_key_value());
            let beyond = handed.map_or(0, |(offset, _)| *offset + 1);
            if *offset > beyond {
                wrong.push(format!("offset {offset} of {} is committed, {beyond} is not handed out yet", at(*place)));
            }
            let Some((number, track)) = member else { continue };
            // Where nothing is known of this generation, it is too young for the application to have seen it.
            let Some(owned) = track.owned_in.get(&generation) else { continue };
            let before = track.owned_in.range(..generation).next_back().map(|(_, owned)| owned);
            let given_up = track.cooperative && before.is_some_and(|owned| owned.contains(place));
            if !owned.contains(place) && !given_up {
                wrong.push(format!(
                    "member {number} commits offset {offset} of {} in generation {generation}, where it has {owned:?}",
                    at(*place)
                ));
            }
        }
        wrong.into_iter().for_each(|what| self.mismatch(what));
    }
}
