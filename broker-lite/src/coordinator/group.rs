//! A group of the classic protocol as a state machine: what members ask and what time brings go in, with the time as a number, and
//! answers come out. It knows no clock, no connection and no broker.
//!
//! | state | meaning |
//! |---|---|
//! | Empty | no members; a new one starts the first rebalance, after the initial delay |
//! | PreparingRebalance | joins are parked until all members have joined again, or the time for it is over |
//! | CompletingRebalance | everybody knows the generation; syncs are parked until the leader's assignment is in |
//! | Stable | everybody has, or may ask for, its assignment |
//! | Dead | another broker's business now |

mod join;
mod leave;
mod member;
#[cfg(test)]
mod random_tests;
mod snapshot;
mod sync;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod test_members;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ottla_protocol::messages::join_group::JoinGroupResponseMember;
use ottla_protocol::messages::{JoinGroupResponse, SyncGroupResponse};
use ottla_protocol::{ErrorCode, Text};

pub(crate) use join::Joining;
pub(crate) use member::Member;
use snapshot::Snapshot;
pub(crate) use sync::Syncing;

use super::subscription;

/// The protocol type of Kafka's consumers.
pub(crate) const CONSUMER: &str = "consumer";
/// For how long a new member's join is parked at most. It has no session yet, and may be gone long since.
const NEW_MEMBER_JOIN_MS: i64 = 5 * 60 * 1000;

/// Where a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It has no members. It may have offsets.
    Empty,
    /// It waits until all members have joined.
    PreparingRebalance,
    /// It waits for the leader's assignment.
    CompletingRebalance,
    /// Its members have their assignments.
    Stable,
    /// It has no coordinator.
    Dead,
}

impl State {
    /// As ListGroups and DescribeGroups write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// What the broker's properties say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupRules {
    pub(crate) initial_rebalance_delay_ms: i64,
    pub(crate) max_size: usize,
}

/// Names a request that waits for its answer.
pub(crate) type Ticket = u64;

/// What a member hears.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Join(JoinGroupResponse),
    Sync(SyncGroupResponse),
}

/// Who hears what, in this order.
pub(crate) type Answers = Vec<(Ticket, Answer)>;

/// When the joining ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JoinTimer {
    /// Of the first rebalance: it begins again while members come, as long as something remains.
    Initial { at: i64, delay: i64, remaining: i64 },
    /// Who has not joined by then is out.
    Final { at: i64 },
}

impl JoinTimer {
    fn at(self) -> i64 {
        match self {
            Self::Initial { at, .. } | Self::Final { at } => at,
        }
    }
}

/// A group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    state: State,
    previous: State,
    /// Since when it is in this state.
    since: i64,
    generation: i32,
    protocol_type: Option<Text>,
    protocol_name: Option<Text>,
    leader: Option<Text>,
    /// In the order in which they joined first.
    members: Vec<Member>,
    /// Ids that were given away and have not joined yet, with the time at which they are forgotten.
    pending: BTreeMap<Text, i64>,
    /// Who has to sync yet.
    pending_sync: BTreeSet<Text>,
    join_timer: Option<JoinTimer>,
    /// When those that have not synced are out.
    sync_deadline: Option<i64>,
    /// Somebody came since the initial delay began.
    new_member_added: bool,
    /// The topics that the members subscribe to, where that is known.
    subscribed: Option<BTreeSet<String>>,
    /// What another coordinator would know of the group.
    stored: Snapshot,
}

impl Group {
    /// A group without members.
    pub(crate) fn new(now: i64) -> Self {
        Self::load(Snapshot::default(), now)
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn since(&self) -> i64 {
        self.since
    }

    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    pub(crate) fn leader(&self) -> Option<&Text> {
        self.leader.as_ref()
    }

    pub(crate) fn protocol_type(&self) -> Option<&Text> {
        self.protocol_type.as_ref()
    }

    pub(crate) fn protocol_name(&self) -> Option<&Text> {
        self.protocol_name.as_ref()
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether anybody belongs to it, or was told to come.
    pub(crate) fn is_deserted(&self) -> bool {
        self.members.is_empty() && self.pending.is_empty()
    }

    pub(crate) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// Whether a member subscribes to this topic. Where that can't be known of consumers, they do.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    /// Whether it is known what the members subscribe to.
    pub(crate) fn knows_subscriptions(&self) -> bool {
        self.subscribed.is_some()
    }

    fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.id == *id)
    }

    fn member_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == *id)
    }

    fn static_member(&self, instance_id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.instance_id.as_deref() == Some(instance_id))
    }

    fn is_leader(&self, id: &str) -> bool {
        self.leader.as_deref() == Some(id)
    }

    /// Whether this is a member, and the present one of its static members.
    fn validate(&self, member_id: &str, instance_id: Option<&Text>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            let holder = self.static_member(instance_id).ok_or(ErrorCode::UnknownMemberId)?;
            if holder.id != *member_id {
                return Err(ErrorCode::FencedInstanceId);
            }
        }
        self.member(member_id).map(drop).ok_or(ErrorCode::UnknownMemberId)
    }

    fn validate_generation(&self, member_id: &str, instance_id: Option<&Text>, generation: i32) -> Result<(), ErrorCode> {
        if self.state == State::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        self.validate(member_id, instance_id)?;
        if generation == self.generation { Ok(()) } else { Err(ErrorCode::IllegalGeneration) }
    }

    /// A sign of life.
    pub(crate) fn heartbeat(
        &mut self,
        now: i64,
        member_id: &str,
        instance_id: Option<&Text>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        self.validate_generation(member_id, instance_id, generation)?;
        if self.state == State::Empty {
            return Err(ErrorCode::UnknownMemberId);
        }
        self.keep_alive(now, member_id);
        if self.state == State::PreparingRebalance { Err(ErrorCode::RebalanceInProgress) } else { Ok(()) }
    }

    /// Whether these offsets may be committed now. It is a sign of life too.
    pub(crate) fn check_commit(
        &mut self,
        now: i64,
        member_id: &str,
        instance_id: Option<&Text>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        // Without a generation it comes from an admin, or a consumer that has its partitions assigned by hand.
        if generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if generation < 0 && member_id.is_empty() && instance_id.is_none() {
            return Err(if self.state == State::Dead { ErrorCode::CoordinatorNotAvailable } else { ErrorCode::UnknownMemberId });
        }
        self.validate_generation(member_id, instance_id, generation)?;
        if self.state == State::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        self.keep_alive(now, member_id);
        Ok(())
    }

    fn keep_alive(&mut self, now: i64, member_id: &str) {
        if let Some(member) = self.member_mut(member_id) {
            member.keep_alive(now);
        }
    }

    fn enter(&mut self, state: State, now: i64) {
        self.previous = self.state;
        self.state = state;
        self.since = now;
    }

    /// The longest time that a member wants for a rebalance.
    fn rebalance_timeout_ms(&self) -> i64 {
        self.members.iter().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    fn has_all_joined(&self) -> bool {
        self.pending.is_empty() && self.members.iter().all(|member| member.join.is_some())
    }

    /// Begins a rebalance where one may begin; otherwise ends the joining if all are there.
    fn rebalance_or_complete(&mut self, now: i64, rules: &GroupRules, answers: &mut Answers) {
        match self.state {
            State::Empty | State::CompletingRebalance | State::Stable => self.prepare_rebalance(now, rules, answers),
            State::PreparingRebalance | State::Dead => self.complete_if_all_joined(now, answers),
        }
    }

    fn prepare_rebalance(&mut self, now: i64, rules: &GroupRules, answers: &mut Answers) {
        if self.state == State::CompletingRebalance {
            // What was assigned is void, and who waits for it joins again.
            for member in &mut self.members {
                member.assignment = Bytes::new();
                member.refuse_sync(now, ErrorCode::RebalanceInProgress, answers);
            }
        }
        self.pending_sync.clear();
        self.sync_deadline = None;
        let is_first = self.state == State::Empty;
        self.enter(State::PreparingRebalance, now);
        if is_first {
            let delay = rules.initial_rebalance_delay_ms;
            let remaining = self.rebalance_timeout_ms().saturating_sub(delay).max(0);
            self.join_timer = Some(JoinTimer::Initial { at: now.saturating_add(delay), delay, remaining });
        } else if self.has_all_joined() {
            self.complete_join(now, answers);
        } else {
            self.join_timer = Some(JoinTimer::Final { at: now.saturating_add(self.rebalance_timeout_ms()) });
        }
    }

    /// The first rebalance ends by its delay only.
    fn complete_if_all_joined(&mut self, now: i64, answers: &mut Answers) {
        if self.state == State::PreparingRebalance && self.previous != State::Empty && self.has_all_joined() {
            self.complete_join(now, answers);
        }
    }

    /// Ends the joining: who has not joined is out, static members excepted, and all others hear of the new generation.
    fn complete_join(&mut self, now: i64, answers: &mut Answers) {
        self.join_timer = None;
        let late = self.members.iter().filter(|member| member.join.is_none() && member.instance_id.is_none());
        let late: Vec<Text> = late.map(|member| member.id.clone()).collect();
        late.iter().for_each(|id| self.remove(id, now, answers));
        if !self.members.is_empty() && !self.elect_joined_leader() {
            // Only static members are left, and none of them has joined. Their sessions end some time.
            let at = now.saturating_add(self.rebalance_timeout_ms().max(1));
            self.join_timer = Some(JoinTimer::Final { at });
            return;
        }
        self.generation = self.generation.wrapping_add(1).max(0);
        self.pending_sync.clear();
        self.protocol_name = self.select_protocol();
        self.subscribed = self.subscriptions();
        if self.members.is_empty() {
            self.enter(State::Empty, now);
            self.store();
            return;
        }
        self.enter(State::CompletingRebalance, now);
        let everybody = self.members_for_leader();
        let result = self.join_result();
        for member in &mut self.members {
            let is_leader = self.leader.as_ref() == Some(&member.id);
            let members = if is_leader { everybody.clone() } else { Vec::new() };
            member.finish_join(JoinGroupResponse { members, member_id: member.id.clone(), ..result.clone() }, answers);
            member.is_new = false;
            member.keep_alive(now);
            self.pending_sync.insert(member.id.clone());
        }
        self.sync_deadline = Some(now.saturating_add(self.rebalance_timeout_ms()));
    }

    /// A leader that has joined, if anybody has.
    fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |group: &Self, id: &Text| group.member(id).is_some_and(|member| member.join.is_some());
        if self.leader.clone().is_some_and(|leader| has_joined(self, &leader)) {
            return true;
        }
        let next = self.members.iter().find(|member| member.join.is_some()).map(|member| member.id.clone());
        let found = next.is_some();
        if found {
            self.leader = next;
        }
        found
    }

    /// What all have in common, the one that most of them put first. At a tie, the one that the oldest member puts first.
    fn select_protocol(&self) -> Option<Text> {
        let common = |name: &Text| self.members.iter().all(|member| member.metadata(name).is_some());
        let mut votes: Vec<(Text, usize)> = Vec::new();
        for member in &self.members {
            let Some(choice) = member.protocol_names().find(|name| common(name)) else { continue };
            match votes.iter_mut().find(|(name, _)| name == choice) {
                Some((_, count)) => *count += 1,
                None => votes.push((choice.clone(), 1)),
            }
        }
        // Of equals, `max_by_key` takes the last one.
        votes.into_iter().rev().max_by_key(|(_, count)| *count).map(|(name, _)| name)
    }

    /// The topics that all members together subscribe to; unknown if a member's subscription can't be read.
    fn subscriptions(&self) -> Option<BTreeSet<String>> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol_name.as_ref()?;
        let mut topics = BTreeSet::new();
        for member in &self.members {
            topics.extend(subscription::topics(member.metadata(protocol)?)?);
        }
        Some(topics)
    }

    /// What each member hears of the present generation.
    fn join_result(&self) -> JoinGroupResponse {
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            ..Default::default()
        }
    }

    /// What the leader is told of everybody.
    fn members_for_leader(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol_name.clone().unwrap_or_default();
        let describe = |member: &Member| JoinGroupResponseMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.clone(),
            metadata: member.metadata(&protocol).cloned().unwrap_or_default(),
            ..Default::default()
        };
        self.members.iter().map(describe).collect()
    }

    /// Takes a member out, or an id that was given away. What it waits for is answered.
    fn remove(&mut self, id: &str, now: i64, answers: &mut Answers) {
        if let Some(at) = self.members.iter().position(|member| member.id == *id) {
            let mut member = self.members.remove(at);
            // It joins again if it is still there.
            member.refuse_join(&Text::default(), ErrorCode::UnknownMemberId, answers);
            member.refuse_sync(now, ErrorCode::UnknownMemberId, answers);
            if self.is_leader(id) {
                self.leader = self.members.first().map(|member| member.id.clone());
            }
        }
        self.pending.remove(id);
        self.pending_sync.remove(id);
    }

    /// Takes a member out because it is gone, and lets the others go on.
    fn remove_and_rebalance(&mut self, id: &str, now: i64, rules: &GroupRules, answers: &mut Answers) {
        self.remove(id, now, answers);
        match self.state {
            State::Stable | State::CompletingRebalance => self.rebalance_or_complete(now, rules, answers),
            // Also in the first rebalance.
            State::PreparingRebalance if self.has_all_joined() => self.complete_join(now, answers),
            State::PreparingRebalance | State::Empty | State::Dead => {}
        }
    }
}
