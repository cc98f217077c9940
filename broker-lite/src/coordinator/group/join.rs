//! JoinGroup: members come, and come again.

use ottla_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use ottla_protocol::{ErrorCode, Text};

use super::member::refused_join;
use super::protocols::Protocols;
use super::{Answer, Answers, Group, GroupRules, JoinTimer, Member, NEW_MEMBER_JOIN_MS, State, Ticket};

/// From this version on a member without an id gets one first, and joins with that (KIP-394).
const MEMBER_ID_REQUIRED_FROM: i16 = 4;
/// From this version on a leader is told that it need not assign anything (KIP-814).
const SKIP_ASSIGNMENT_FROM: i16 = 9;

/// A JoinGroup.
pub(crate) struct Joining<'a> {
    pub(crate) ticket: Ticket,
    pub(crate) request: &'a JoinGroupRequest,
    pub(crate) api_version: i16,
    /// The id for a member that has none.
    pub(crate) new_id: Text,
    pub(crate) client_id: Text,
    pub(crate) client_host: Text,
}

impl Joining<'_> {
    fn session_timeout_ms(&self) -> i64 {
        i64::from(self.request.session_timeout_ms)
    }

    /// Version 0 had none of its own.
    fn rebalance_timeout_ms(&self) -> i64 {
        let given = if self.api_version == 0 { self.request.session_timeout_ms } else { self.request.rebalance_timeout_ms };
        i64::from(given.max(0))
    }

    fn refuse(&self, member_id: &Text, error: ErrorCode, answers: &mut Answers) {
        self.answer(refused_join(member_id, error), answers);
    }

    fn answer(&self, response: JoinGroupResponse, answers: &mut Answers) {
        answers.push((self.ticket, Answer::Join(response)));
    }
}

impl Group {
    /// Answers a JoinGroup, or parks it.
    pub(crate) fn join(&mut self, now: i64, join: &Joining<'_>, rules: &GroupRules, answers: &mut Answers) {
        let id = &join.request.member_id;
        if !self.has_room_for(id, rules) {
            self.remove(id, now, answers);
            join.refuse(&Text::default(), ErrorCode::GroupMaxSizeReached, answers);
        } else if self.state == State::Dead {
            join.refuse(id, ErrorCode::CoordinatorNotAvailable, answers);
        } else if !self.supports(join.request) {
            join.refuse(id, ErrorCode::InconsistentGroupProtocol, answers);
        } else if id.is_empty() {
            self.join_anew(now, join, rules, answers);
        } else {
            self.join_again(now, join, rules, answers);
        }
    }

    fn has_room_for(&self, member_id: &str, rules: &GroupRules) -> bool {
        match self.state {
            State::Empty | State::Dead => true,
            // Who joins first stays, if there are too many by now.
            State::PreparingRebalance => {
                let joined = self.members.iter().filter(|member| member.join.is_some()).count();
                self.member(member_id).is_some_and(|member| member.join.is_some()) || joined < rules.max_size
            }
            State::CompletingRebalance | State::Stable => self.member(member_id).is_some() || self.members.len() < rules.max_size,
        }
    }

    /// Whether the group could agree on a protocol with this member too.
    fn supports(&self, request: &JoinGroupRequest) -> bool {
        if self.state == State::Empty {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        let known_to_all = |name: &Text| self.members.iter().all(|member| member.metadata(name).is_some());
        self.protocol_type.as_ref() == Some(&request.protocol_type)
            && request.protocols.iter().any(|protocol| known_to_all(&protocol.name))
    }

    fn join_anew(&mut self, now: i64, join: &Joining<'_>, rules: &GroupRules, answers: &mut Answers) {
        let holder = join.request.group_instance_id.as_ref().map(|id| self.static_member(id).map(|member| member.id.clone()));
        match holder {
            Some(Some(old_id)) => self.replace_static_member(now, join, &old_id, rules, answers),
            None if join.api_version >= MEMBER_ID_REQUIRED_FROM => {
                self.pending.insert(join.new_id.clone(), now.saturating_add(join.session_timeout_ms()));
                join.refuse(&join.new_id, ErrorCode::MemberIdRequired, answers);
            }
            Some(None) | None => self.add_member(now, join, join.new_id.clone(), rules, answers),
        }
    }

    fn join_again(&mut self, now: i64, join: &Joining<'_>, rules: &GroupRules, answers: &mut Answers) {
        let (request, id) = (join.request, &join.request.member_id);
        if let Some(given) = self.pending.get_key_value(id).map(|(id, _)| id.clone()) {
            return match request.group_instance_id {
                None => self.add_member(now, join, given, rules, answers),
                // Ids are given away to dynamic members only. Kafka throws here.
                Some(_) => join.refuse(id, ErrorCode::UnknownServerError, answers),
            };
        }
        if let Err(error) = self.validate(id, request.group_instance_id.as_ref()) {
            return join.refuse(id, error, answers);
        }
        let unchanged = self.member(id).is_some_and(|member| member.protocols.matches(&request.protocols));
        match self.state {
            // It may not have heard the answer.
            State::CompletingRebalance if unchanged => {
                let members = if self.is_leader(id) { self.members_for_leader() } else { Vec::new() };
                join.answer(JoinGroupResponse { member_id: id.clone(), members, ..self.join_result() }, answers);
            }
            // A leader that comes again wants to assign anew, since topics may have changed.
            State::Stable if unchanged && !self.is_leader(id) => {
                join.answer(JoinGroupResponse { member_id: id.clone(), ..self.join_result() }, answers);
            }
            State::PreparingRebalance | State::CompletingRebalance | State::Stable => {
                self.update_member(join, id, answers);
                self.rebalance_or_complete(now, rules, answers);
            }
            State::Empty | State::Dead => join.refuse(id, ErrorCode::UnknownMemberId, answers),
        }
    }

    fn add_member(&mut self, now: i64, join: &Joining<'_>, id: Text, rules: &GroupRules, answers: &mut Answers) {
        if matches!(self.join_timer, Some(JoinTimer::Initial { .. })) {
            self.new_member_added = true;
        }
        if self.members.is_empty() {
            self.protocol_type = Some(join.request.protocol_type.detach());
        }
        self.pending.remove(&id);
        self.leader.get_or_insert_with(|| id.clone());
        self.members.push(Member {
            id,
            instance_id: join.request.group_instance_id.as_ref().map(Text::detach),
            client_id: join.client_id.clone(),
            client_host: join.client_host.clone(),
            assignment: bytes::Bytes::new(),
            session_timeout_ms: join.session_timeout_ms(),
            rebalance_timeout_ms: join.rebalance_timeout_ms(),
            protocols: Protocols::new(&join.request.protocols),
            is_new: true,
            join: Some(join.ticket),
            sync: None,
            expires: Some(now.saturating_add(NEW_MEMBER_JOIN_MS)),
        });
        self.rebalance_or_complete(now, rules, answers);
    }

    /// Parks the member's join, with what it says now.
    fn update_member(&mut self, join: &Joining<'_>, id: &str, answers: &mut Answers) {
        let Some(member) = self.member_mut(id) else { return };
        // Whoever waits on another connection has given that up.
        let old_id = member.id.clone();
        member.refuse_join(&old_id, ErrorCode::RebalanceInProgress, answers);
        member.protocols = Protocols::new(&join.request.protocols);
        member.session_timeout_ms = join.session_timeout_ms();
        member.rebalance_timeout_ms = join.rebalance_timeout_ms();
        member.join = Some(join.ticket);
    }

    /// A static member is back without its id: it gets a new one, and who has the old one is fenced.
    fn replace_static_member(&mut self, now: i64, join: &Joining<'_>, old_id: &Text, rules: &GroupRules, answers: &mut Answers) {
        let old_leader = self.leader.clone().unwrap_or_default();
        let Some(member) = self.member_mut(old_id) else { return };
        member.refuse_join(old_id, ErrorCode::FencedInstanceId, answers);
        member.refuse_sync(now, ErrorCode::FencedInstanceId, answers);
        member.id = join.new_id.clone();
        // It keeps the old session's length until it is told the new one by `update_member`.
        member.keep_alive(now);
        if self.is_leader(old_id) {
            self.leader = Some(join.new_id.clone());
        }
        if self.pending_sync.remove(old_id) {
            self.pending_sync.insert(join.new_id.clone());
        }
        self.update_member(join, &join.new_id, answers);
        match self.state {
            State::Stable if self.select_protocol() == self.protocol_name => {
                self.store();
                self.welcome_back(join, old_leader, answers);
            }
            State::Stable => self.rebalance_or_complete(now, rules, answers),
            // The leader may assign by the old id.
            State::CompletingRebalance => self.prepare_rebalance(now, rules, answers),
            State::PreparingRebalance | State::Empty | State::Dead => self.complete_if_all_joined(now, answers),
        }
    }

    /// Without a rebalance. A leader that can't be told to leave the assignment alone is told that it is none.
    fn welcome_back(&mut self, join: &Joining<'_>, old_leader: Text, answers: &mut Answers) {
        let mut response = JoinGroupResponse { member_id: join.new_id.clone(), ..self.join_result() };
        if join.api_version < SKIP_ASSIGNMENT_FROM {
            response.leader = old_leader;
        } else if self.is_leader(&join.new_id) {
            response.skip_assignment = true;
            response.members = self.members_for_leader();
        }
        if let Some(member) = self.member_mut(&join.new_id) {
            member.finish_join(response, answers);
        }
    }
}
