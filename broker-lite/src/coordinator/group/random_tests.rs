//! Thousands of seeded walks through the events of the table. OTTLA_SEED=N walks with one seed only.

use std::collections::BTreeSet;

use super::table_tests::EVENTS;
use super::test_members::Members;
use super::*;
use crate::random::Random;

const SEEDS: u64 = 3_000;
const STEPS: u64 = 60;

struct Walk {
    members: Members,
    random: Random,
    generation: i32,
    trail: Vec<String>,
}

impl Walk {
    fn step(&mut self) {
        let pick = self.random.below(EVENTS.len() as u64 + 8);
        let (name, heard) = match EVENTS.get(usize::try_from(pick).unwrap()) {
            // The group goes on elsewhere at once.
            Some((name, apply)) if *name == "another broker coordinates it" => {
                let heard = apply(&mut self.members);
                self.members.group = self.members.group.reload(self.members.now);
                self.generation = 0;
                (*name, heard)
            }
            Some((name, apply)) => (*name, apply(&mut self.members)),
            None => {
                let ms = i64::try_from(self.random.below(12_000)).unwrap();
                ("time passes", self.members.pass(ms))
            }
        };
        // As the broker does after each request: a wait of no time is over.
        let then = self.members.pass(0);
        self.trail.push(format!("{name}: {heard} {then} -> {}", self.members.stands()));
    }

    fn check(&mut self) -> Result<(), &'static str> {
        let (group, answered) = (&self.members.group, &self.members.answered);
        let ids: BTreeSet<&Text> = group.members.iter().map(|member| &member.id).collect();
        let waits: BTreeSet<Ticket> = self.members.tickets().into_iter().collect();
        let instances: Vec<&Text> = group.members.iter().filter_map(|member| member.instance_id.as_ref()).collect();
        let ensure = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err(what) };
        ensure(answered.iter().collect::<BTreeSet<_>>().len() == answered.len(), "somebody was answered twice")?;
        ensure(answered.iter().all(|ticket| !waits.contains(ticket)), "somebody waits who was answered")?;
        ensure(waits.len() + answered.len() == self.members.asked(), "a request is lost")?;
        ensure(waits.is_empty() || group.next_deadline().is_some(), "somebody may wait for ever")?;
        ensure(group.next_deadline().is_none_or(|at| at > self.members.now), "something is due still")?;
        ensure(ids.len() == group.members.len(), "two members have one id")?;
        ensure(instances.iter().collect::<BTreeSet<_>>().len() == instances.len(), "two members have one instance id")?;
        ensure(group.pending_sync.iter().all(|id| ids.contains(id)), "somebody is to sync who is no member")?;
        ensure(group.pending.keys().all(|id| !ids.contains(id)), "a member's id is waited for")?;
        ensure(group.leader.as_ref().is_none_or(|id| ids.contains(id)), "the leader is no member")?;
        ensure(group.leader.is_some() || group.members.is_empty(), "nobody leads")?;
        ensure(group.generation >= self.generation, "the generation goes back")?;
        let settled = matches!(group.state, State::CompletingRebalance | State::Stable);
        ensure(!settled || group.protocol_name.is_some(), "there is no protocol")?;
        ensure(!settled || group.members.iter().all(|member| member.join.is_none()), "a join waits for nothing")?;
        ensure(group.state != State::Stable || waits.is_empty(), "a sync waits for nothing")?;
        ensure(group.state != State::Empty || group.members.is_empty(), "an empty group has members")?;
        self.generation = group.generation;
        Ok(())
    }

    /// When nobody says anything any more, everybody is answered, and in the end nobody is left.
    fn end(&mut self) -> Result<(), &'static str> {
        for _ in 0..1_000 {
            let Some(at) = self.members.group.next_deadline() else {
                let nobody = self.members.group.is_deserted() && self.members.tickets().is_empty();
                return if nobody { Ok(()) } else { Err("somebody is left") };
            };
            let ms = at - self.members.now;
            self.members.pass(ms);
            self.check()?;
        }
        Err("it does not end")
    }
}

#[test]
fn random_walks_lose_nobody() {
    let seeds = match std::env::var("OTTLA_SEED") {
        Ok(seed) => seed.parse().map(|seed: u64| seed..seed + 1).unwrap(),
        Err(_) => 0..SEEDS,
    };
    for seed in seeds {
        let random = Random::seeded(seed);
        let rules = GroupRules { initial_rebalance_delay_ms: [0, 3_000][random.below(2) as usize], max_size: 5 };
        let mut walk = Walk { members: Members::with(rules), random, generation: 0, trail: Vec::new() };
        for (id, instance_id) in [("lead", None), ("follow", None), ("static", Some("i"))] {
            walk.members.join_as(id, instance_id);
            walk.members.pass(0);
        }
        let mut result = Ok(());
        for _ in 0..walk.random.below(STEPS) {
            walk.step();
            result = result.and_then(|()| walk.check());
        }
        let result = result.and_then(|()| walk.end());
        assert!(result.is_ok(), "seed {seed}: {}\n{}", result.unwrap_err(), walk.trail.join("\n"));
    }
}
