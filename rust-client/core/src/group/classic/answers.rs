//! What a member makes of answers, as Java's client does.

use std::collections::BTreeSet;
use std::time::Duration;

use ottla_protocol::messages::sync_group::SyncGroupRequestAssignment;
use ottla_protocol::messages::{JoinGroupResponse, SyncGroupResponse};
use ottla_protocol::{ErrorCode, Text};

use super::{ClassicMembership, PROTOCOL_TYPE, QuestionKind, RebalanceProtocol, Signal, State};
use crate::error::{Error, ErrorKind};
use crate::group::assignor::{GroupAssignment, GroupTopics, LastAssignment, MemberAssignment, MemberSubscription};
use crate::group::membership::{GroupResponse, MembershipCommand};
use crate::group::{decode_assignment, decode_subscription, encode_assignment};
use crate::mutants::{self, Mutant};
use crate::time::Instant;

/// When the first heartbeat of a generation is sent; each further one comes after twice the time, up to `heartbeat.interval.ms`. A
/// member hears of a rebalance by a heartbeat only, and one often follows another at once: members start together, and cooperative
/// ones join a second time.
const FIRST_HEARTBEAT: Duration = Duration::from_millis(100);

impl ClassicMembership {
    pub(super) fn on_response(&mut self, now: Instant, token: u64, answer: Result<GroupResponse, Error>) {
        if self.leaving == Some(token) {
            // Whatever the coordinator says, there is nothing more to do about it.
            self.left(now);
        } else if self.heartbeat == Some(token) {
            self.heartbeat = None;
            match answer {
                Ok(GroupResponse::Heartbeat(response)) => self.on_heartbeat(now, ErrorCode::from_code(response.error_code)),
                Ok(_) => {}
                Err(error) => self.on_unanswered(now, error),
            }
        } else if self.joining == Some(token) {
            self.joining = None;
            match answer {
                Ok(GroupResponse::JoinGroup(response)) => self.on_join(now, response),
                Ok(GroupResponse::SyncGroup(response)) => self.on_sync(now, response),
                Ok(_) => self.retry(now),
                Err(error) => self.on_unanswered(now, error),
            }
        }
        // Anything else was given up before it was answered.
    }

    /// The request failed on its way: the coordinator may be another by now.
    fn on_unanswered(&mut self, now: Instant, error: Error) {
        self.note(now, error);
        self.on_coordinator_lost(now);
    }

    pub(super) fn on_coordinator_lost(&mut self, now: Instant) {
        self.lose_coordinator();
        match self.state {
            State::Joining | State::Syncing => self.retry(now),
            State::Leaving => drop(self.left(now)),
            _ => {}
        }
    }

    /// Joins again, after a while.
    fn retry(&mut self, now: Instant) {
        self.joining = None;
        self.back_off(now);
        self.signal(now, Signal::Retry);
    }

    /// The application is told; it is tried again when it polls again.
    fn refused(&mut self, now: Instant, error: Error) {
        self.report(now, error);
        self.await_poll = true;
        self.retry(now);
    }

    fn fenced(&mut self, now: Instant, tried: &'static str) {
        let error = Error::kafka(ErrorCode::FencedInstanceId, tried).fatal();
        if self.signal(now, Signal::FencedByAnother) {
            self.report(now, error);
        }
    }

    fn generation_lost(&mut self, now: Instant, code: ErrorCode, tried: &'static str) {
        self.note(now, Error::kafka(code, tried));
        // A member id that the coordinator does not know is of no use.
        self.lose_generation(code != ErrorCode::UnknownMemberId);
        self.joining = None;
        self.retry_soon(now);
        self.signal(now, Signal::GenerationLost);
    }

    /// The next attempt comes at once, unless there was one before since all was well.
    fn retry_soon(&mut self, now: Instant) {
        if self.attempts > 0 {
            self.back_off(now);
        } else {
            self.attempts = 1;
            self.retry_at = now;
        }
    }

    fn on_heartbeat(&mut self, now: Instant, code: ErrorCode) {
        const TRIED: &str = "in answer to a heartbeat";
        match code {
            ErrorCode::None => {
                self.heard_at = now;
                self.outbox.push(MembershipCommand::HeartbeatTaken);
            }
            ErrorCode::RebalanceInProgress => {
                // It lives all the same. Who is on the way to join already has nothing to change.
                self.heard_at = now;
                self.rebalance(code, now, TRIED);
            }
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.note(now, Error::kafka(code, TRIED));
                self.on_coordinator_lost(now);
            }
            ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId if mutants::is(Mutant::GenerationIgnored) => {
                self.heard_at = now
            }
            ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId => self.generation_lost(now, code, TRIED),
            ErrorCode::FencedInstanceId => self.fenced(now, TRIED),
            // The next heartbeat may fare better.
            code if code.is_retriable() => self.note(now, Error::kafka(code, TRIED)),
            code => self.report(now, Error::kafka(code, TRIED)),
        }
    }

    fn rebalance(&mut self, code: ErrorCode, now: Instant, tried: &'static str) {
        if matches!(self.state, State::Stable | State::Reconciling) && self.rejoin.is_none() {
            self.note(now, Error::kafka(code, tried));
            self.rejoin = Some("the group is rebalancing");
        }
    }

    pub(super) fn on_commit_refused(&mut self, now: Instant, generation: i32, code: ErrorCode) {
        const TRIED: &str = "while committing offsets";
        match code {
            ErrorCode::RebalanceInProgress if self.generation == Some(generation) => self.rebalance(code, now, TRIED),
            ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId if self.generation == Some(generation) => {
                self.generation_lost(now, code, TRIED);
            }
            ErrorCode::FencedInstanceId => self.fenced(now, TRIED),
            ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => self.on_coordinator_lost(now),
            _ => {}
        }
    }

    fn on_join(&mut self, now: Instant, response: JoinGroupResponse) {
        const TRIED: &str = "while joining the group";
        let code = ErrorCode::from_code(response.error_code);
        match code {
            ErrorCode::None => self.on_joined(now, response),
            ErrorCode::MemberIdRequired => {
                if !self.member_id.is_empty() {
                    // It had one: a coordinator that asks for another each time is not asked without a pause.
                    self.back_off(now);
                }
                self.member_id = response.member_id.detach();
                self.signal(now, Signal::MemberIdRequired);
            }
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => self.generation_lost(now, code, TRIED),
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.note(now, Error::kafka(code, TRIED));
                self.on_coordinator_lost(now);
            }
            ErrorCode::FencedInstanceId => self.fenced(now, TRIED),
            code if code.is_retriable() || code == ErrorCode::RebalanceInProgress => {
                self.note(now, Error::kafka(code, TRIED));
                self.retry(now);
            }
            // INCONSISTENT_GROUP_PROTOCOL, INVALID_SESSION_TIMEOUT, INVALID_GROUP_ID, GROUP_AUTHORIZATION_FAILED,
            // GROUP_MAX_SIZE_REACHED, and whatever else a broker may refuse it for.
            code => self.refused(now, Error::kafka(code, TRIED)),
        }
    }

    fn on_joined(&mut self, now: Instant, response: JoinGroupResponse) {
        if response.protocol_type.as_ref().is_some_and(|ty| *ty != PROTOCOL_TYPE) {
            return self.refused(now, Error::kafka(ErrorCode::InconsistentGroupProtocol, "the group is not one of consumers"));
        }
        self.member_id = response.member_id.detach();
        self.generation = Some(response.generation_id);
        self.leader = Some(response.leader.detach());
        self.assignor = response.protocol_name.as_ref().map(Text::detach);
        self.rebalances += 1;
        self.heard_at = now;
        self.heartbeat_pause = FIRST_HEARTBEAT.min(self.settings.heartbeat_interval);
        self.heartbeat_at = now + self.heartbeat_pause;
        self.members.clear();
        self.followed.clear();
        self.divided = None;
        if response.leader != response.member_id {
            self.signal(now, Signal::JoinedAsFollower);
            return self.sync(now, Vec::new());
        }
        let skip = response.skip_assignment;
        let members: Result<Vec<MemberSubscription>, _> = response
            .members
            .into_iter()
            .map(|m| decode_subscription(m.member_id.detach(), m.group_instance_id.map(|id| id.detach()), &m.metadata))
            .collect();
        let members = match members {
            Ok(members) => members,
            Err(error) => {
                let what = format!("a member of the group sent a subscription that can't be read: {error}");
                return self.refused(now, Error::new(ErrorKind::Protocol, what));
            }
        };
        self.members = members.iter().map(|member| member.member_id.clone()).collect();
        self.followed = members.iter().flat_map(|member| member.topics.iter().cloned()).collect();
        self.with_racks = members.iter().any(|member| member.rack.is_some());
        self.signal(now, Signal::JoinedAsLeader);
        let topics = self.followed.clone();
        if skip {
            // The coordinator keeps what the static leader divided before it was restarted (KIP-814).
            self.outbox.push(MembershipCommand::Follow { topics });
            self.signal(now, Signal::SendSync);
            return self.sync(now, Vec::new());
        }
        let token = self.token();
        self.joining = Some(token);
        let assignor = self.assignor.clone().unwrap_or_default();
        self.outbox.push(MembershipCommand::Assign { token, assignor, topics, members });
    }

    fn sync(&mut self, now: Instant, assignments: Vec<SyncGroupRequestAssignment>) {
        match self.coordinator {
            Some(broker) => self.send_sync(broker, assignments),
            None => self.retry(now),
        }
    }

    pub(super) fn on_assigned(&mut self, now: Instant, token: u64, topics: GroupTopics, result: Result<GroupAssignment, Error>) {
        if self.joining != Some(token) || self.state != State::Assigning {
            return;
        }
        self.joining = None;
        let assignment = match result {
            Ok(assignment) => assignment,
            Err(error) => return self.refused(now, error),
        };
        let nothing = MemberAssignment::default();
        let mut assignments = Vec::with_capacity(self.members.len());
        for member in &self.members {
            match encode_assignment(assignment.get(member).unwrap_or(&nothing)) {
                Ok(bytes) => assignments.push(SyncGroupRequestAssignment {
                    member_id: member.clone(),
                    assignment: bytes,
                    ..SyncGroupRequestAssignment::default()
                }),
                Err(error) => {
                    let what = format!("the assignment can't be sent: {error}");
                    return self.refused(now, Error::new(ErrorKind::InvalidArgument, what));
                }
            }
        }
        // What changed while the assignor ran is to be divided anew, once this is settled.
        if let Some(latest) = self.divided.replace(topics) {
            self.on_topics(latest);
        }
        self.signal(now, Signal::SendSync);
        self.sync(now, assignments);
    }

    pub(super) fn on_topics(&mut self, topics: GroupTopics) {
        if self.followed.is_empty() {
            return;
        }
        let Some(divided) = &self.divided else {
            self.divided = Some(topics);
            return;
        };
        let counts = |of: &GroupTopics| of.racks.iter().map(|(topic, racks)| (topic.clone(), racks.len())).collect::<Vec<_>>();
        let same = if self.with_racks { *divided == topics } else { counts(divided) == counts(&topics) };
        if !same {
            self.rejoin = Some("the topics' partitions changed");
        }
    }

    fn on_sync(&mut self, now: Instant, response: SyncGroupResponse) {
        const TRIED: &str = "while getting the assignment";
        let code = ErrorCode::from_code(response.error_code);
        match code {
            ErrorCode::None => self.on_synced(now, response),
            ErrorCode::RebalanceInProgress => {
                // Another rebalance has begun: join that one at once.
                self.note(now, Error::kafka(code, TRIED));
                self.retry_soon(now);
                self.signal(now, Signal::Retry);
            }
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => self.generation_lost(now, code, TRIED),
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.note(now, Error::kafka(code, TRIED));
                self.on_coordinator_lost(now);
            }
            ErrorCode::FencedInstanceId => self.fenced(now, TRIED),
            code if code.is_retriable() => {
                self.note(now, Error::kafka(code, TRIED));
                self.retry(now);
            }
            code => self.refused(now, Error::kafka(code, TRIED)),
        }
    }

    fn on_synced(&mut self, now: Instant, response: SyncGroupResponse) {
        let other_type = response.protocol_type.as_ref().is_some_and(|ty| *ty != PROTOCOL_TYPE);
        if other_type || response.protocol_name.is_some() && response.protocol_name != self.assignor {
            let what = "the coordinator's assignment is of another protocol than the group was joined with";
            return self.refused(now, Error::kafka(ErrorCode::InconsistentGroupProtocol, what));
        }
        let assignment = match decode_assignment(&response.assignment) {
            Ok(assignment) => assignment,
            Err(error) => {
                let what = format!("the leader of the group sent an assignment that can't be read: {error}");
                return self.refused(now, Error::new(ErrorKind::Protocol, what));
            }
        };
        let mut assigned: BTreeSet<_> = assignment.partitions.into_iter().filter(|partition| partition.partition >= 0).collect();
        if assigned.iter().any(|partition| !self.topics.contains(&partition.topic)) {
            if assigned.iter().any(|partition| !self.joined_topics.contains(&partition.topic)) {
                let assigned = assigned.iter().map(|partition| partition.topic.clone()).collect();
                self.outbox.push(MembershipCommand::NotSubscribed { assigned, subscribed: self.joined_topics.clone() });
            }
            let current = self.settings.assignors.iter().find(|assignor| self.assignor.as_deref() == Some(assignor.name()));
            if !current.is_some_and(|assignor| assignor.assigns_beyond_subscriptions()) {
                // The subscription changed meanwhile, or the leader knows an older one.
                self.rejoin = Some("the assignment does not fit the subscription");
                return self.retry(now);
            }
            assigned.retain(|partition| self.topics.contains(&partition.topic));
        }
        self.last = LastAssignment {
            partitions: Some(assigned.iter().cloned().collect()),
            generation: self.generation.unwrap_or(-1),
            user_data: assignment.user_data,
        };
        self.questions.clear();
        let revoked: Vec<_> = self.owned.difference(&assigned).cloned().collect();
        let added: Vec<_> = assigned.difference(&self.owned).cloned().collect();
        if !revoked.is_empty() {
            self.questions.push_back((QuestionKind::Revoked, revoked));
            if self.protocol == RebalanceProtocol::Cooperative {
                self.rejoin = Some("partitions were given up for others");
            }
        }
        self.questions.push_back((QuestionKind::Assigned, added));
        self.signal(now, Signal::Synced);
    }
}
