//! A rebalance from its beginning to the next generation.

use std::collections::BTreeSet;

use bytes::Bytes;
use ottla_protocol::messages::JoinGroupResponse;
use ottla_protocol::messages::join_group::JoinGroupResponseMember;
use ottla_protocol::{ErrorCode, Text};

use super::{Answers, Group, GroupRules, JoinTimer, Member, State};
use crate::coordinator::subscription;

impl Group {
    /// The longest time that a member wants for a rebalance.
    pub(super) fn rebalance_timeout_ms(&self) -> i64 {
        self.members.iter().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    pub(super) fn has_all_joined(&self) -> bool {
        self.pending.is_empty() && self.members.iter().all(|member| member.join.is_some())
    }

    /// Begins a rebalance where one may begin; otherwise ends the joining if all are there.
    pub(super) fn rebalance_or_complete(&mut self, now: i64, rules: &GroupRules, answers: &mut Answers) {
        match self.state {
            State::Empty | State::CompletingRebalance | State::Stable => self.prepare_rebalance(now, rules, answers),
            State::PreparingRebalance | State::Dead => self.complete_if_all_joined(now, answers),
        }
    }

    pub(super) fn prepare_rebalance(&mut self, now: i64, rules: &GroupRules, answers: &mut Answers) {
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
    pub(super) fn complete_if_all_joined(&mut self, now: i64, answers: &mut Answers) {
        if self.state == State::PreparingRebalance && self.previous != State::Empty && self.has_all_joined() {
            self.complete_join(now, answers);
        }
    }

    /// Ends the joining: who has not joined is out, static members excepted, and all others hear of the new generation.
    pub(super) fn complete_join(&mut self, now: i64, answers: &mut Answers) {
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
    pub(super) fn elect_joined_leader(&mut self) -> bool {
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
    pub(super) fn select_protocol(&self) -> Option<Text> {
        let common = |name: &Text| self.members.iter().all(|member| member.metadata(name).is_some());
        let mut votes: Vec<(Text, usize)> = Vec::new();
        for member in &self.members {
            let Some(choice) = member.protocols.names().find(|name| common(name)) else { continue };
            match votes.iter_mut().find(|(name, _)| name == choice) {
                Some((_, count)) => *count += 1,
                None => votes.push((choice.clone(), 1)),
            }
        }
        // Of equals, `max_by_key` takes the last one.
        votes.into_iter().rev().max_by_key(|(_, count)| *count).map(|(name, _)| name)
    }

    /// The topics that all members together subscribe to; unknown if a member's subscription can't be read.
    pub(super) fn subscriptions(&self) -> Option<BTreeSet<String>> {
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
    pub(super) fn join_result(&self) -> JoinGroupResponse {
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            ..Default::default()
        }
    }

    /// What the leader is told of everybody.
    pub(super) fn members_for_leader(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol_name.clone().unwrap_or_default();
        let describe = |member: &Member| JoinGroupResponseMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.clone(),
            metadata: member.metadata(&protocol).cloned().unwrap_or_default(),
            ..Default::default()
        };
        self.members.iter().map(describe).collect()
    }

    /// Takes a member out because it is gone, and lets the others go on.
    pub(super) fn remove_and_rebalance(&mut self, id: &str, now: i64, rules: &GroupRules, answers: &mut Answers) {
        self.remove(id, now, answers);
        match self.state {
            State::Stable | State::CompletingRebalance => self.rebalance_or_complete(now, rules, answers),
            // Also in the first rebalance.
            State::PreparingRebalance if self.has_all_joined() => self.complete_join(now, answers),
            State::PreparingRebalance | State::Empty | State::Dead => {}
        }
    }
}
