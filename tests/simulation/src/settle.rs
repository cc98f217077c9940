//! All is well again: the groups must come to rest, and hand out all that is there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ottla_broker::GroupState;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::group_history::{Standing, group_name};
use crate::history::Place;
use crate::members::Command;
use crate::run::Run;
use crate::trace::note;

/// How often is looked.
const LOOK_MS: u64 = 250;

/// How long a group may take to hand out what is there once it is at rest.
const DRAIN_MS: u64 = 300_000;

impl Run<'_> {
    fn groups(&self) -> BTreeSet<i64> {
        self.schedule.members.iter().map(|member| member.group()).collect()
    }

    /// How long a healthy group may take: a stalled member has to be given up first, then a member that is gone, and what was lost on
    /// the way is tried again.
    fn join_bound(&self) -> u64 {
        let longest = |name: &str| self.schedule.members.iter().map(|plan| plan.number(name, 0)).max().unwrap_or(0);
        2 * (longest("max.poll.interval.ms") + longest("session.timeout.ms") + longest("socket.timeout.ms")) + 30_000
    }

    /// Lets each group settle, and read up to these ends; then its members go.
    pub(crate) async fn settle_groups(&self, ends: &BTreeMap<Place, i64>) {
        self.world.history().groups.ends.clone_from(ends);
        for member in &self.members {
            let _ = member.send(Command::Calm);
        }
        // What was told before is done first.
        for group in self.groups() {
            self.settle(group, ends).await;
        }
        for member in &self.members {
            let (done, waits) = oneshot::channel();
            if member.send(Command::Finish(done)).is_err() || waits.await.is_err() {
                self.world.history().violation("a member's application panicked".into());
            }
        }
        for group in self.groups() {
            self.check_committed(group, ends);
        }
        // Who could not say that it leaves is given up when its session ends, in a rebalance when that does.
        let longest = |name: &str| self.schedule.members.iter().map(|plan| plan.number(name, 0)).max().unwrap_or(0);
        let given_up = longest("session.timeout.ms") + longest("max.poll.interval.ms") + 1000;
        tokio::time::sleep(Duration::from_millis(given_up)).await;
        for group in self.groups() {
            let status = self.broker.group_status(&group_name(group));
            if let Some(left) = status.and_then(|status| status.members.into_iter().next()) {
                let what = format!("{} is still a member of group {group}, {given_up} ms after all have closed", left.id);
                self.world.history().mismatch(what);
            }
        }
    }

    async fn settle(&self, group: i64, ends: &BTreeMap<Place, i64>) {
        let begun = Instant::now();
        let mut at_rest = None;
        loop {
            self.keep_one(group);
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
            let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let unsettled = self.unsettled(group, ends);
            if let Some(what) = &unsettled {
                let standings = self.standings(group);
                let broker = self.broker.group_status(&group_name(group));
                if at_rest.is_none() && took > self.join_bound() {
                    let what =
                        format!("group {group} is not at rest {took} ms after all was well: {what}; {standings:?}; {broker:?}");
                    return self.world.history().mismatch(what);
                }
                if took > self.join_bound() + DRAIN_MS {
                    return self.world.history().mismatch(format!("group {group} falls apart again: {what}; {standings:?}"));
                }
                continue;
            }
            let rested = *at_rest.get_or_insert(took);
            let standings = self.standings(group);
            let behind = standings
                .iter()
                .flat_map(|standing| &standing.positions)
                .find(|(place, position)| ends.get(place).is_some_and(|end| position.is_none_or(|position| position < *end)));
            let Some((place, position)) = behind else {
                note!(self.world.trace, "group {group} is at rest after {rested} ms, and has read all after {took} ms");
                self.world.history().groups.checked.settled += 1;
                return;
            };
            if took > rested + DRAIN_MS {
                let what = format!(
                    "group {group} stands at {position:?} of {place:?}, which ends at {:?}, {took} ms after all was well: {standings:?}",
                    ends.get(place)
                );
                return self.world.history().mismatch(what);
            }
        }
    }

    /// Somebody of the group reads everything.
    fn keep_one(&self, group: i64) {
        let all = (1 << self.schedule.topics.len()) - 1;
        let of_group = |number: &&usize| self.schedule.members.get(**number).is_some_and(|plan| plan.group() == group);
        let numbers: Vec<usize> = (0..self.members.len()).collect();
        let alive: BTreeSet<usize> = self.world.history().groups.standings.keys().copied().collect();
        let first = numbers.iter().filter(of_group).find(|number| alive.contains(number));
        let (number, command) = match first {
            Some(number) => (number, Command::Subscribe(all)),
            None => (numbers.iter().find(of_group).expect("a group of somebody's"), Command::Join(all)),
        };
        let subscribed = self.world.history().groups.kept.insert(group, *number) == Some(*number);
        if !subscribed || first.is_none() {
            let _ = self.members[*number].send(command);
        }
    }

    fn standings(&self, group: i64) -> Vec<Standing> {
        self.world.history().groups.standings.values().filter(|standing| standing.group == group).cloned().collect()
    }

    /// Why the group is not at rest.
    fn unsettled(&self, group: i64, ends: &BTreeMap<Place, i64>) -> Option<String> {
        let standings = self.standings(group);
        let Some(status) = self.broker.group_status(&group_name(group)) else { return Some("there is no group".into()) };
        if status.state != GroupState::Stable {
            return Some(format!("it is {:?}", status.state));
        }
        // One that subscribes to nothing is in no group.
        let members = || standings.iter().filter(|standing| standing.state != "Unsubscribed");
        if let Some(member) = members().find(|member| member.state != "Stable" || member.generation != status.generation) {
            return Some(format!("member {} is {} in generation {}", member.member, member.state, member.generation));
        }
        let alive: BTreeSet<&str> = members().map(|member| member.member_id.as_str()).collect();
        let known: BTreeSet<&str> = status.members.iter().map(|member| member.id.as_str()).collect();
        if alive != known {
            return Some(format!("its members are {known:?}, those that live {alive:?}"));
        }
        for place in ends.keys() {
            let owners = members().filter(|member| member.positions.contains_key(place)).count();
            if owners != 1 {
                return Some(format!("{place:?} has {owners} owners"));
            }
        }
        None
    }

    /// What was consumed is committed where that happens by itself.
    fn check_committed(&self, group: i64, ends: &BTreeMap<Place, i64>) {
        let name = group_name(group);
        let plans = || self.schedule.members.iter().filter(|plan| plan.group() == group);
        let mut history = self.world.history();
        if !history.groups.not_committed.contains(&group) && plans().all(|plan| plan.text("enable.auto.commit") != Some("false"))
        {
            for (place, end) in ends.iter().filter(|(_, end)| **end > 0) {
                let accepted = history.groups.accepted.get(&(group, *place)).copied();
                // An answer may have been lost; and one that was late on its way may come behind a later one.
                let stored = self.broker.committed_offset(&name, &crate::schedule::topic_name(place.0), place.1);
                let committed = accepted.max(stored.map(|(offset, _)| offset));
                let anew = history.deleted.iter().any(|(_, topic)| *topic == place.0);
                if committed.is_none_or(|committed| committed < *end) && !anew {
                    history.mismatch(format!("{name} has committed {committed:?} of {place:?}, all {end} records are consumed"));
                }
            }
        }
    }
}
