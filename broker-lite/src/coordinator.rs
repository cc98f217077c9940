//! The coordinators of groups. Each partition of `__consumer_offsets` stands for a part of all groups, and its leader coordinates
//! them; when that moves, they move. What is stored of groups and offsets lies here for all brokers, so that none of it is lost.

mod group;
mod offsets;
mod subscription;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ottla_protocol::{ErrorCode, Text};
use tokio::sync::{Notify, oneshot};

pub(crate) use group::{Answer, Answers, Group, GroupRules, Joining, Member, State, Syncing, Ticket};
pub(crate) use offsets::{Committed, Offsets};

use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::partition::NO_LEADER;
use crate::random::Random;

/// A group with its offsets.
pub(crate) struct Slot {
    /// The partition of `__consumer_offsets` that it belongs to.
    partition: usize,
    pub(crate) group: Group,
    pub(crate) offsets: Offsets,
    /// As it stands in `Groups::deadlines`.
    deadline: Option<i64>,
}

#[derive(Default)]
struct Groups {
    /// Of each partition of `__consumer_offsets`: the broker that leads it and the leader epoch. Empty while there is no such topic.
    leaders: Vec<(i32, i32)>,
    slots: BTreeMap<Text, Slot>,
    /// When which group has something to do.
    deadlines: BTreeSet<(i64, Text)>,
    /// Requests that wait. Their connections may be closed meanwhile.
    parked: BTreeMap<Ticket, oneshot::Sender<Answer>>,
    last_ticket: Ticket,
    /// What the timer waits for.
    timer_at: Option<i64>,
}

/// The coordinators of all brokers.
pub(crate) struct Coordinators {
    groups: Mutex<Groups>,
    /// There is something earlier to wait for.
    earlier: Notify,
    member_ids: Random,
    rules: GroupRules,
}

impl Coordinators {
    pub(crate) fn new(config: &BrokerConfig, seed: u64) -> Self {
        let rules = GroupRules {
            initial_rebalance_delay_ms: config.number("group.initial.rebalance.delay.ms"),
            max_size: usize::try_from(config.number("group.max.size")).unwrap_or(usize::MAX),
        };
        Self { groups: Mutex::default(), earlier: Notify::new(), member_ids: Random::seeded(seed), rules }
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rules(&self) -> &GroupRules {
        &self.rules
    }

    /// An id as Kafka makes them: what the client calls itself, or its instance, and something unique.
    pub(crate) fn new_member_id(&self, named: &str) -> Text {
        Text::from(format!("{named}-{}", uuid_text(self.member_ids.uuid().0)))
    }

    /// The broker that coordinates a group, [`NO_LEADER`] if there is none now; nothing if there is no `__consumer_offsets`.
    pub(crate) fn coordinator_of(&self, group_id: &str) -> Option<i32> {
        let groups = self.groups();
        groups.leaders.get(partition_of(group_id, groups.leaders.len())?).map(|(node, _)| *node)
    }

    /// The partition of `__consumer_offsets` that a group belongs to, if there is that topic.
    pub(crate) fn partition_of(&self, group_id: &str) -> Option<i32> {
        i32::try_from(partition_of(group_id, self.groups().leaders.len())?).ok()
    }

    /// Looks at a group, whoever coordinates it.
    pub(crate) fn look<T>(&self, group_id: &str, look: impl FnOnce(&Slot) -> T) -> Option<T> {
        self.groups().slots.get(group_id).map(look)
    }

    /// The names of all groups.
    pub(crate) fn names(&self) -> Vec<String> {
        self.groups().slots.keys().map(ToString::to_string).collect()
    }

    /// The ids of the groups that a broker coordinates, each shown with its group.
    pub(crate) fn list<T>(&self, node: i32, mut show: impl FnMut(&Text, &Group) -> Option<T>) -> Vec<T> {
        let groups = self.groups();
        let coordinates = |slot: &Slot| groups.leaders.get(slot.partition).is_some_and(|(leader, _)| *leader == node);
        let mine = groups.slots.iter().filter(|(_, slot)| coordinates(slot));
        mine.filter_map(|(id, slot)| show(id, &slot.group)).collect()
    }

    /// Lets something happen to a group that this broker coordinates, if there is one of this name.
    pub(crate) fn with<T>(
        &self,
        node: i32,
        group_id: &Text,
        now: i64,
        act: impl FnOnce(Option<&mut Slot>, &mut Answers) -> T,
    ) -> Result<T, ErrorCode> {
        let mut groups = self.groups();
        groups.check(node, group_id)?;
        let mut answers = Answers::new();
        let result = act(groups.slots.get_mut(group_id.as_str()), &mut answers);
        self.settle(&mut groups, group_id, now, answers);
        Ok(result)
    }

    /// The same; the group is made if it is not there.
    pub(crate) fn with_new<T>(
        &self,
        node: i32,
        group_id: &Text,
        now: i64,
        act: impl FnOnce(&mut Slot, &mut Answers) -> T,
    ) -> Result<T, ErrorCode> {
        let mut groups = self.groups();
        let partition = groups.check(node, group_id)?;
        let mut answers = Answers::new();
        let result = act(groups.slot(group_id, partition, now), &mut answers);
        self.settle(&mut groups, group_id, now, answers);
        Ok(result)
    }

    /// The same for what may have to wait: the answer comes when it is there.
    pub(crate) fn park(
        &self,
        node: i32,
        group_id: &Text,
        now: i64,
        create: bool,
        act: impl FnOnce(&mut Group, Ticket, &mut Answers),
    ) -> Result<oneshot::Receiver<Answer>, ErrorCode> {
        let mut groups = self.groups();
        let partition = groups.check(node, group_id)?;
        if !create && !groups.slots.contains_key(group_id.as_str()) {
            return Err(ErrorCode::UnknownMemberId);
        }
        groups.last_ticket += 1;
        let ticket = groups.last_ticket;
        let (sender, receiver) = oneshot::channel();
        groups.parked.insert(ticket, sender);
        let mut answers = Answers::new();
        act(&mut groups.slot(group_id, partition, now).group, ticket, &mut answers);
        self.settle(&mut groups, group_id, now, answers);
        Ok(receiver)
    }

    /// Forgets a group.
    pub(crate) fn delete(&self, node: i32, group_id: &Text, now: i64) -> Result<(), ErrorCode> {
        let mut groups = self.groups();
        groups.check(node, group_id)?;
        let slot = groups.slots.get(group_id.as_str()).ok_or(ErrorCode::GroupIdNotFound)?;
        if slot.group.state() != State::Empty {
            return Err(ErrorCode::NonEmptyGroup);
        }
        groups.drop_group(group_id, now);
        Ok(())
    }

    /// What follows from what happened to a group: who is answered, and when it goes on.
    fn settle(&self, groups: &mut Groups, group_id: &Text, now: i64, mut answers: Answers) {
        if let Some(slot) = groups.slots.get_mut(group_id.as_str()) {
            // A wait of no time is over.
            slot.group.advance(now, &self.rules, &mut answers);
            groups.note_deadline(group_id);
        }
        groups.answer(answers);
        let earliest = groups.deadlines.first().map(|(at, _)| *at);
        if earliest.is_some_and(|at| groups.timer_at.is_none_or(|set| at < set)) {
            self.earlier.notify_one();
        }
    }

    /// Lets time pass for the groups, for as long as the broker runs.
    pub(crate) async fn run(&self, clock: &Clock) {
        loop {
            let next = self.advance(clock.steady_ms());
            let due = async {
                match next {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.earlier.notified() => {}
                () = due => {}
            }
        }
    }

    /// Does what is due, and tells when there is something to do again.
    fn advance(&self, now: i64) -> Option<i64> {
        let mut groups = self.groups();
        while let Some((_, id)) = groups.deadlines.first().filter(|(at, _)| *at <= now).cloned() {
            self.settle(&mut groups, &id, now, Answers::new());
        }
        groups.timer_at = groups.deadlines.first().map(|(at, _)| *at);
        groups.timer_at
    }

    /// Follows the leaders of `__consumer_offsets`, none if that topic is gone. Groups whose leader or leader epoch changed are
    /// unloaded and, if there is a leader, loaded again.
    pub(crate) fn follow(&self, leaders: Vec<(i32, i32)>, now: i64) {
        let mut groups = self.groups();
        if leaders == groups.leaders {
            return;
        }
        let before = std::mem::replace(&mut groups.leaders, leaders);
        let ids: Vec<Text> = groups.slots.keys().cloned().collect();
        for id in ids {
            if groups.leaders.is_empty() {
                groups.drop_group(&id, now);
                continue;
            }
            // With more partitions it may belong to another one.
            let partition = partition_of(&id, groups.leaders.len()).unwrap_or(0);
            let leader = groups.leaders.get(partition).copied();
            let Some(slot) = groups.slots.get_mut(&id) else { continue };
            let last = std::mem::replace(&mut slot.partition, partition);
            if before.get(last).copied() == leader {
                continue;
            }
            let mut answers = Answers::new();
            slot.group.unload(now, &mut answers);
            if leader.is_some_and(|(node, _)| node != NO_LEADER) {
                slot.group = slot.group.reload(now);
                slot.group.fit(now, &self.rules, &mut answers);
            }
            self.settle(&mut groups, &id, now, answers);
        }
    }

    /// A topic is gone, and with it what was committed for it.
    pub(crate) fn forget_topic(&self, topic: &str) {
        self.groups().slots.values_mut().for_each(|slot| slot.offsets.forget_topic(topic));
    }

    /// Drops offsets that nobody used for long, and groups that have nothing any more.
    pub(crate) fn expire_offsets(&self, retention_ms: i64, now: i64) {
        let mut groups = self.groups();
        let mut over = Vec::new();
        for (id, slot) in &mut groups.slots {
            slot.offsets.expire(&slot.group, retention_ms, now);
            if slot.group.state() == State::Empty && slot.group.is_deserted() && slot.offsets.is_empty() {
                over.push(id.clone());
            }
        }
        over.iter().for_each(|id| groups.drop_group(id, now));
    }
}

impl Groups {
    /// Whether this broker coordinates the group: by which partition.
    fn check(&self, node: i32, group_id: &str) -> Result<usize, ErrorCode> {
        let partition = partition_of(group_id, self.leaders.len()).ok_or(ErrorCode::NotCoordinator)?;
        match self.leaders.get(partition) {
            Some((leader, _)) if *leader == node => Ok(partition),
            _ => Err(ErrorCode::NotCoordinator),
        }
    }

    fn slot(&mut self, group_id: &Text, partition: usize, now: i64) -> &mut Slot {
        let new = || Slot { partition, group: Group::new(now), offsets: Offsets::default(), deadline: None };
        self.slots.entry(group_id.detach()).or_insert_with(new)
    }

    fn note_deadline(&mut self, group_id: &Text) {
        let Some(slot) = self.slots.get_mut(group_id.as_str()) else { return };
        let next = slot.group.next_deadline();
        if next == slot.deadline {
            return;
        }
        let id = group_id.detach();
        let last = std::mem::replace(&mut slot.deadline, next);
        if let Some(at) = last {
            self.deadlines.remove(&(at, id.clone()));
        }
        self.deadlines.extend(next.map(|at| (at, id)));
    }

    fn drop_group(&mut self, group_id: &Text, now: i64) {
        let Some(mut slot) = self.slots.remove(group_id.as_str()) else { return };
        if let Some(at) = slot.deadline {
            self.deadlines.remove(&(at, group_id.clone()));
        }
        let mut answers = Answers::new();
        slot.group.unload(now, &mut answers);
        self.answer(answers);
    }

    fn answer(&mut self, answers: Answers) {
        for (ticket, answer) in answers {
            if let Some(parked) = self.parked.remove(&ticket) {
                // Who hung up does not hear it.
                let _ = parked.send(answer);
            }
        }
    }
}

/// The partition of `__consumer_offsets` that a group belongs to, as Kafka has it: Java's hash of the name.
fn partition_of(group_id: &str, partitions: usize) -> Option<usize> {
    let hash = group_id.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Java takes the smallest number for 0, which has no positive one.
    let positive = if hash == i32::MIN { 0 } else { hash.unsigned_abs() };
    usize::try_from(positive).ok()?.checked_rem(partitions)
}

/// In the notation with dashes.
fn uuid_text(bytes: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn groups_are_spread_as_kafka_spreads_them() {
        // "polygenelubricants" is a word whose hash is the smallest number.
        for (group, partition) in [("", 0), ("a", 97 % 50), ("test", 3_556_498 % 50), ("polygenelubricants", 0), ("ä", 228 % 50)]
        {
            assert_eq!(partition_of(group, 50), Some(partition), "{group}");
        }
        assert_eq!(partition_of("a", 0), None);
    }

    #[test]
    fn ids_have_dashes() {
        assert_eq!(uuid_text([0x12; 16]), "12121212-1212-1212-1212-121212121212");
    }
}
