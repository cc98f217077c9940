//! `range`: each topic by itself, its partitions in ranges to its members in order.

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::Text;

use super::{GroupAssignment, GroupTopics, MemberSubscription, PartitionAssignor, give, in_order, nothing_for, racks_matter};

/// Kafka's RangeAssignor: the first members of a topic read one partition more if they can't all read as many. Members read from
/// replicas in their own rack where the counts allow it, and topics with as many partitions and the same members are divided
/// alike, for joins (KIP-881).
#[derive(Clone, Copy, Debug, Default)]
pub struct RangeAssignor;

impl PartitionAssignor for RangeAssignor {
    fn name(&self) -> &str {
        "range"
    }

    fn assign(&self, topics: &GroupTopics, members: &[MemberSubscription]) -> GroupAssignment {
        let mut members: Vec<&MemberSubscription> = members.iter().collect();
        members.sort_by(|a, b| in_order(a, b));
        let mut readers: BTreeMap<&Text, Vec<usize>> = BTreeMap::new();
        for (index, member) in members.iter().enumerate() {
            for topic in member.topics.iter().collect::<BTreeSet<_>>() {
                readers.entry(topic).or_default().push(index);
            }
        }
        let mut states: Vec<TopicState<'_>> = readers
            .into_iter()
            .filter_map(|(topic, readers)| TopicState::new(topic, topics.racks.get(topic)?, readers, &members))
            .collect();
        if states.iter().any(|state| state.racks_matter) {
            match_racks(&mut states);
        }
        for state in &mut states {
            state.assign_ranges(|_, _| true);
        }
        let mut assignment: GroupAssignment =
            members.iter().flat_map(|member| nothing_for(std::slice::from_ref(*member))).collect();
        for state in &states {
            for (partition, reader) in state.reader_of.iter().enumerate() {
                if let Some(member) = reader.and_then(|reader| state.readers.get(reader)).and_then(|index| members.get(*index)) {
                    give(&mut assignment, member, state.topic, partition);
                }
            }
        }
        assignment
    }
}

/// Topics with the same readers and as many partitions are divided alike, as far as one member can read all of them nearby.
fn match_racks(states: &mut [TopicState<'_>]) {
    let mut groups: BTreeMap<(Vec<usize>, usize), Vec<&mut TopicState<'_>>> = BTreeMap::new();
    for state in states {
        groups.entry((state.readers.clone(), state.partitions.len())).or_default().push(state);
    }
    for ((readers, partitions), mut group) in groups {
        match group.as_mut_slice() {
            [state] if state.racks_matter => state.assign_ranges(nearby),
            [_] => {}
            group => match_racks_alike(group, readers.len(), partitions),
        }
    }
}

fn match_racks_alike(group: &mut [&mut TopicState<'_>], readers: usize, partitions: usize) {
    for partition in 0..partitions {
        let reader =
            (0..readers).find(|&reader| group.iter().all(|state| state.room(reader) > 0 && state.is_nearby(reader, partition)));
        let Some(reader) = reader else { continue };
        for state in &mut *group {
            state.assign(reader, partition);
        }
    }
}

/// A member without a rack reads from anywhere.
fn nearby(racks: &BTreeSet<Text>, rack: Option<&Text>) -> bool {
    rack.is_none_or(|rack| racks.contains(rack))
}

struct TopicState<'a> {
    topic: &'a Text,
    partitions: &'a [BTreeSet<Text>],
    /// Indices of the members that subscribe to it, in order.
    readers: Vec<usize>,
    /// Their racks.
    racks: Vec<Option<&'a Text>>,
    racks_matter: bool,
    /// How many each has.
    counts: Vec<usize>,
    /// For each partition which of the readers it went to.
    reader_of: Vec<Option<usize>>,
    unassigned: usize,
    each: usize,
    /// How many more readers may have one partition more than `each`.
    extra: usize,
}

impl<'a> TopicState<'a> {
    fn new(
        topic: &'a Text,
        partitions: &'a [BTreeSet<Text>],
        readers: Vec<usize>,
        members: &[&'a MemberSubscription],
    ) -> Option<Self> {
        let each = partitions.len().checked_div(readers.len())?;
        let extra = partitions.len().checked_rem(readers.len())?;
        let racks: Vec<Option<&Text>> =
            readers.iter().map(|index| members.get(*index).and_then(|member| member.rack.as_ref())).collect();
        let all: Vec<&BTreeSet<Text>> = partitions.iter().collect();
        Some(Self {
            racks_matter: racks_matter(racks.iter().copied(), &all),
            counts: vec![0; readers.len()],
            reader_of: vec![None; partitions.len()],
            unassigned: partitions.len(),
            topic,
            partitions,
            readers,
            racks,
            each,
            extra,
        })
    }

    /// How many more the reader may get.
    fn room(&self, reader: usize) -> usize {
        let most = self.each + usize::from(self.extra > 0);
        most.saturating_sub(self.counts.get(reader).copied().unwrap_or(most))
    }

    fn is_nearby(&self, reader: usize, partition: usize) -> bool {
        let rack = self.racks.get(reader).copied().flatten();
        self.partitions.get(partition).is_some_and(|racks| nearby(racks, rack))
    }

    /// Gives each reader in turn as many of the partitions that are left and that suit it as it has room for.
    fn assign_ranges(&mut self, suits: impl Fn(&BTreeSet<Text>, Option<&Text>) -> bool) {
        for reader in 0..self.readers.len() {
            if self.unassigned == 0 {
                return;
            }
            let rack = self.racks.get(reader).copied().flatten();
            let chosen: Vec<usize> = self
                .partitions
                .iter()
                .zip(&self.reader_of)
                .enumerate()
                .filter(|(_, (racks, reader))| reader.is_none() && suits(racks, rack))
                .map(|(partition, _)| partition)
                .take(self.room(reader))
                .collect();
            self.assign_all(reader, &chosen);
        }
    }

    fn assign(&mut self, reader: usize, partition: usize) {
        self.assign_all(reader, &[partition]);
    }

    fn assign_all(&mut self, reader: usize, partitions: &[usize]) {
        let Some(count) = self.counts.get_mut(reader).filter(|_| !partitions.is_empty()) else { return };
        *count += partitions.len();
        if *count > self.each {
            self.extra = self.extra.saturating_sub(1);
        }
        self.unassigned = self.unassigned.saturating_sub(partitions.len());
        for partition in partitions {
            if let Some(place) = self.reader_of.get_mut(*partition) {
                *place = Some(reader);
            }
        }
    }
}
