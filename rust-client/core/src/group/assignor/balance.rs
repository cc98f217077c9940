//! The division behind the sticky assignors: as even as possible; with that, as many partitions as possible read from the
//! reader's own rack; with that, as few as possible moved.
//!
//! It is a flow of least cost. Partitions that the same members may read and whose replicas lie in the same racks are alike: they
//! form a class. A unit flows from a class to a member for each partition, and on to the sink at a cost that grows with each: a
//! member's n-th partition costs 2n-1, so that all of its partitions cost n², and the sum of squares is least where the division
//! is most even. The other two wishes are costs of the way from the class to the member, too small together to outweigh a single
//! step of evenness. Starting from the owners as they are and from what is nobody's with whoever has least, circles of negative
//! cost are cancelled until there is none, which is what makes a flow cheapest.

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::Text;

use super::{GroupAssignment, GroupTopics, MemberSubscription, give, java_order, nothing_for, racks_matter};
use crate::consumer::TopicPartition;

/// How many steps may be looked at before the division is taken as good enough: a bound for monstrous groups, a few seconds'
/// work.
const STEPS: u64 = 500_000_000;

/// Divides the partitions; `owners` says whose each was, by the member's index.
pub(super) fn balanced(
    topics: &GroupTopics,
    members: &[MemberSubscription],
    owners: &BTreeMap<TopicPartition, usize>,
) -> GroupAssignment {
    let mut assignment = nothing_for(members);
    let mut network = Network::new(classes(topics, members, owners), members.len());
    network.start();
    network.shift_directly();
    network.cancel_circles();
    for class in &network.classes {
        for (member, topic, partition) in hand_out(class) {
            if let Some(member) = members.get(member) {
                give(&mut assignment, member, topic, partition);
            }
        }
    }
    for member in assignment.values_mut() {
        member.partitions.sort();
    }
    assignment
}

/// A partition of a class, and who owned it.
struct Item<'a> {
    topic: &'a Text,
    partition: usize,
    owner: Option<usize>,
}

/// Partitions that are alike.
struct Class<'a> {
    items: Vec<Item<'a>>,
    readers: Vec<Share>,
}

/// What of a class one member has.
struct Share {
    member: usize,
    /// How many it owned.
    owned: i64,
    /// How many it gets.
    count: i64,
    /// Whether no replica is in its rack.
    far: bool,
}

fn classes<'a>(
    topics: &'a GroupTopics,
    members: &[MemberSubscription],
    owners: &BTreeMap<TopicPartition, usize>,
) -> Vec<Class<'a>> {
    let mut readers: BTreeMap<&Text, BTreeSet<usize>> = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        for topic in &member.topics {
            readers.entry(topic).or_default().insert(index);
        }
    }
    let subscribed = || topics.racks.iter().filter_map(|(topic, racks)| Some((topic, racks, readers.get(topic)?)));
    let everywhere: Vec<&BTreeSet<Text>> = subscribed().flat_map(|(_, racks, _)| racks.iter()).collect();
    let with_racks = racks_matter(members.iter().map(|member| member.rack.as_ref()), &everywhere);
    let nowhere = BTreeSet::new();
    let mut alike: BTreeMap<(&BTreeSet<usize>, &BTreeSet<Text>), Vec<Item<'a>>> = BTreeMap::new();
    for (topic, partitions, readers) in subscribed() {
        for (partition, racks) in partitions.iter().enumerate() {
            let key = i32::try_from(partition).map(|partition| TopicPartition { topic: topic.clone(), partition });
            let owner = key.ok().and_then(|key| owners.get(&key).copied());
            let racks = if with_racks { racks } else { &nowhere };
            alike.entry((readers, racks)).or_default().push(Item { topic, partition, owner });
        }
    }
    alike
        .into_iter()
        .map(|((readers, racks), mut items)| {
            items.sort_by(|a, b| java_order(a.topic, b.topic).then(a.partition.cmp(&b.partition)));
            let mut owned: BTreeMap<usize, i64> = BTreeMap::new();
            for owner in items.iter().filter_map(|item| item.owner) {
                *owned.entry(owner).or_default() += 1;
            }
            let share = |member: &usize| Share {
                member: *member,
                owned: owned.get(member).copied().unwrap_or(0),
                count: 0,
                far: with_racks && members.get(*member).and_then(|m| m.rack.as_ref()).is_some_and(|rack| !racks.contains(rack)),
            };
            Class { readers: readers.iter().map(share).collect(), items }
        })
        .collect()
}

/// Who gets which of the class's partitions, its shares being known: first each its own, then the others in turn.
fn hand_out<'a>(class: &Class<'a>) -> Vec<(usize, &'a Text, usize)> {
    let mut room: BTreeMap<usize, i64> = class.readers.iter().map(|share| (share.member, share.count)).collect();
    let mut handed = Vec::with_capacity(class.items.len());
    let mut others = Vec::new();
    for item in &class.items {
        match item.owner.and_then(|owner| Some((owner, room.get_mut(&owner)?))) {
            Some((owner, left)) if *left > 0 => {
                *left -= 1;
                handed.push((owner, item.topic, item.partition));
            }
            _ => others.push(item),
        }
    }
    let mut turn: Vec<(usize, i64)> = room.into_iter().filter(|(_, left)| *left > 0).collect();
    let mut others = others.into_iter();
    while !turn.is_empty() {
        for (member, left) in &mut turn {
            let Some(item) = others.next() else { return handed };
            *left -= 1;
            handed.push((*member, item.topic, item.partition));
        }
        turn.retain(|(_, left)| *left > 0);
    }
    handed
}

/// A step of the flow's way that could be changed: where it leads from and to, and what a unit more on it costs.
#[derive(Clone, Copy)]
struct Step {
    from: usize,
    to: usize,
    change: Change,
}

#[derive(Clone, Copy)]
enum Change {
    /// One partition more of the class for the reader.
    Add { class: usize, reader: usize },
    /// One less.
    Remove { class: usize, reader: usize },
    /// One partition more in all for the member.
    Grow { member: usize },
    /// One less.
    Shrink { member: usize },
}

/// Nodes: the members, then the classes, then the sink.
struct Network<'a> {
    classes: Vec<Class<'a>>,
    loads: Vec<i64>,
    steps: Vec<Step>,
    nodes: usize,
    /// What a partition that is read from another rack costs; a moved one costs 1.
    far: i64,
    /// What a step of evenness costs.
    even: i64,
}

impl<'a> Network<'a> {
    fn new(classes: Vec<Class<'a>>, members: usize) -> Self {
        let mut steps = Vec::new();
        let sink = members + classes.len();
        for (class, of) in classes.iter().enumerate() {
            for (reader, share) in of.readers.iter().enumerate() {
                let (node, member) = (members + class, share.member);
                steps.push(Step { from: node, to: member, change: Change::Add { class, reader } });
                steps.push(Step { from: member, to: node, change: Change::Remove { class, reader } });
            }
        }
        for member in 0..members {
            steps.push(Step { from: member, to: sink, change: Change::Grow { member } });
            steps.push(Step { from: sink, to: member, change: Change::Shrink { member } });
        }
        let nodes = sink + 1;
        // A circle passes each node once: that many steps can't outweigh one of the next higher kind.
        let far = i64::try_from(nodes).unwrap_or(i64::MAX / 4).saturating_add(1);
        let even = far.saturating_mul(far).saturating_mul(2);
        Self { classes, loads: vec![0; members], steps, nodes, far, even }
    }

    /// Owners keep what they have, and whoever has least gets what is nobody's; the classes with the fewest readers first.
    fn start(&mut self) {
        let mut order: Vec<usize> = (0..self.classes.len()).collect();
        order.sort_by_key(|class| self.classes.get(*class).map(|class| class.readers.len()));
        for class in &mut self.classes {
            for share in &mut class.readers {
                share.count = share.owned;
                if let Some(load) = self.loads.get_mut(share.member) {
                    *load += share.owned;
                }
            }
        }
        for class in order {
            let Some(class) = self.classes.get_mut(class) else { continue };
            let free = class.items.iter().filter(|item| item.owner.is_none()).count();
            for _ in 0..free {
                let loads = &self.loads;
                let least = class.readers.iter_mut().min_by_key(|share| (loads.get(share.member).copied(), share.far));
                let Some(share) = least else { break };
                share.count += 1;
                if let Some(load) = self.loads.get_mut(share.member) {
                    *load += 1;
                }
            }
        }
    }

    /// What the change costs, `None` if it can't be made.
    fn cost(&self, change: Change) -> Option<i64> {
        let share = |class: usize, reader: usize| self.classes.get(class)?.readers.get(reader);
        Some(match change {
            Change::Add { class, reader } => {
                let share = share(class, reader)?;
                i64::from(share.far) * self.far + i64::from(share.count >= share.owned)
            }
            Change::Remove { class, reader } => {
                let share = share(class, reader).filter(|share| share.count > 0)?;
                -(i64::from(share.far) * self.far + i64::from(share.count > share.owned))
            }
            Change::Grow { member } => (2 * self.loads.get(member)? + 1).saturating_mul(self.even),
            Change::Shrink { member } => {
                let load = self.loads.get(member).filter(|load| **load > 0)?;
                -(2 * load - 1).saturating_mul(self.even)
            }
        })
    }

    fn make(&mut self, change: Change) {
        let by = if matches!(change, Change::Add { .. } | Change::Grow { .. }) { 1 } else { -1 };
        match change {
            Change::Add { class, reader } | Change::Remove { class, reader } => {
                if let Some(share) = self.classes.get_mut(class).and_then(|class| class.readers.get_mut(reader)) {
                    share.count += by;
                }
            }
            Change::Grow { member } | Change::Shrink { member } => {
                if let Some(load) = self.loads.get_mut(member) {
                    *load += by;
                }
            }
        }
    }

    /// Cancels the shortest circles without a search: from whoever has most straight to whoever has least. It only saves time.
    fn shift_directly(&mut self) {
        let mut heavy: BTreeSet<(i64, usize)> = self.loads.iter().enumerate().map(|(member, load)| (*load, member)).collect();
        while let Some((load, from)) = heavy.pop_last() {
            let best = (0..self.classes.len()).filter_map(|class| self.shift_within(class, from)).min_by_key(|(cost, _)| *cost);
            let Some((_, changes)) = best.filter(|(cost, _)| *cost < 0) else { continue };
            for change in changes {
                if let Change::Grow { member } = change {
                    // Whoever was found to have nobody to give to is not looked at again.
                    let load = self.loads.get(member).copied().unwrap_or(0);
                    if heavy.remove(&(load, member)) {
                        heavy.insert((load + 1, member));
                    }
                }
                self.make(change);
            }
            heavy.insert((load - 1, from));
        }
    }

    /// What it costs to give one of the member's partitions of the class to the reader that has least in all.
    fn shift_within(&self, class: usize, from: usize) -> Option<(i64, [Change; 4])> {
        let readers = &self.classes.get(class)?.readers;
        let giver = readers.binary_search_by_key(&from, |share| share.member).ok()?;
        readers.get(giver).filter(|share| share.count > 0)?;
        let load = |share: &Share| self.loads.get(share.member).copied();
        let by = |share: &Share| (load(share), share.far, share.count >= share.owned);
        let (taker, to) = readers.iter().enumerate().min_by_key(|(_, share)| by(share))?;
        let changes = [
            Change::Remove { class, reader: giver },
            Change::Add { class, reader: taker },
            Change::Shrink { member: from },
            Change::Grow { member: to.member },
        ];
        let mut cost = 0;
        for change in changes {
            cost += self.cost(change)?;
        }
        Some((cost, changes)).filter(|_| taker != giver)
    }

    fn cancel_circles(&mut self) {
        let mut left = STEPS;
        while let Some(circle) = self.negative_circle(&mut left) {
            for change in circle {
                self.make(change);
            }
        }
    }

    /// A circle whose changes cost less than nothing together (Bellman and Ford, from everywhere at once).
    fn negative_circle(&self, left: &mut u64) -> Option<Vec<Change>> {
        let costs: Vec<(Step, i64)> = self.steps.iter().filter_map(|step| Some((*step, self.cost(step.change)?))).collect();
        let mut distance = vec![0_i64; self.nodes];
        let mut came_by: Vec<Option<Step>> = vec![None; self.nodes];
        loop {
            *left = left.checked_sub(costs.len() as u64)?;
            let mut shorter = false;
            for (step, cost) in &costs {
                let through = distance.get(step.from).copied()?.saturating_add(*cost);
                let known = distance.get_mut(step.to)?;
                if through < *known {
                    *known = through;
                    *came_by.get_mut(step.to)? = Some(*step);
                    shorter = true;
                }
            }
            if !shorter {
                return None;
            }
            // As long as the ways by which nodes were reached form no circle, there was none yet.
            if let Some(circle) = circle(&came_by) {
                return Some(circle);
            }
        }
    }
}

/// Follows the ways back until one comes upon itself.
fn circle(came_by: &[Option<Step>]) -> Option<Vec<Change>> {
    let mut seen = vec![usize::MAX; came_by.len()];
    for start in 0..came_by.len() {
        let mut node = start;
        while seen.get(node) == Some(&usize::MAX) {
            *seen.get_mut(node)? = start;
            match came_by.get(node)? {
                Some(step) => node = step.from,
                None => break,
            }
        }
        if seen.get(node) != Some(&start) || came_by.get(node)?.is_none() {
            continue;
        }
        let mut changes = Vec::new();
        let mut at = node;
        loop {
            let step = (*came_by.get(at)?)?;
            changes.push(step.change);
            at = step.from;
            if at == node {
                return Some(changes);
            }
        }
    }
    None
}
