//! What a member sends.

use std::time::Duration;

use ottla_protocol::messages::join_group::JoinGroupRequestProtocol;
use ottla_protocol::messages::leave_group::MemberIdentity;
use ottla_protocol::messages::sync_group::SyncGroupRequestAssignment;
use ottla_protocol::messages::{HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest};
use ottla_protocol::{EncodeError, Text};

use super::{ClassicMembership, LeavePolicy, PROTOCOL_TYPE, State};
use crate::group::assignor::MemberSubscription;
use crate::group::encode_subscription;
use crate::group::membership::{GroupRequest, Lane, MembershipCommand};
use crate::time::Instant;

/// How long a JoinGroup may take beyond what the coordinator waits for other members: the way there and back.
const JOIN_GRACE: Duration = Duration::from_secs(5);

impl ClassicMembership {
    /// Asks the coordinator on one of the connections.
    fn send(&mut self, broker: i32, lane: Lane, request: GroupRequest, timeout: Duration) -> u64 {
        let token = self.token();
        self.outbox.push(MembershipCommand::Send { token, broker, lane, request, timeout });
        token
    }

    pub(super) fn join_request(&self) -> Result<JoinGroupRequest, EncodeError> {
        let topics: Vec<Text> = self.topics.iter().cloned().collect();
        let mut protocols = Vec::with_capacity(self.settings.assignors.len());
        for assignor in &self.settings.assignors {
            let subscription = MemberSubscription {
                member_id: self.member_id.clone(),
                group_instance_id: self.settings.group_instance_id.clone(),
                user_data: assignor.subscription_user_data(&topics, &self.last),
                topics: topics.clone(),
                owned_partitions: self.owned.iter().cloned().collect(),
                // That of the assignment, not of a later one that never came: another may have been given them in that.
                generation: if self.generation.is_some() { self.last.generation } else { -1 },
                rack: self.settings.client_rack.clone(),
            };
            protocols.push(JoinGroupRequestProtocol {
                name: assignor.name().into(),
                metadata: encode_subscription(&subscription)?,
                ..JoinGroupRequestProtocol::default()
            });
        }
        Ok(JoinGroupRequest {
            group_id: self.settings.group_id.clone(),
            session_timeout_ms: millis(self.settings.session_timeout),
            rebalance_timeout_ms: millis(self.settings.max_poll_interval),
            member_id: self.member_id.clone(),
            group_instance_id: self.settings.group_instance_id.clone(),
            protocol_type: PROTOCOL_TYPE,
            protocols,
            reason: self.rejoin.map(Text::from),
            ..JoinGroupRequest::default()
        })
    }

    pub(super) fn send_join(&mut self, broker: i32, request: JoinGroupRequest) {
        let timeout = self.settings.request_timeout.max(self.settings.max_poll_interval.saturating_add(JOIN_GRACE));
        self.joining = Some(self.send(broker, Lane::Join, GroupRequest::JoinGroup(request), timeout));
    }

    /// The leader sends everybody's assignment, the others nothing, to get theirs.
    pub(super) fn send_sync(&mut self, broker: i32, assignments: Vec<SyncGroupRequestAssignment>) {
        let request = SyncGroupRequest {
            group_id: self.settings.group_id.clone(),
            generation_id: self.generation.unwrap_or(-1),
            member_id: self.member_id.clone(),
            group_instance_id: self.settings.group_instance_id.clone(),
            protocol_type: Some(PROTOCOL_TYPE),
            protocol_name: self.assignor.clone(),
            assignments,
            ..SyncGroupRequest::default()
        };
        let timeout = self.settings.request_timeout.max(self.settings.max_poll_interval.saturating_add(JOIN_GRACE));
        self.joining = Some(self.send(broker, Lane::Join, GroupRequest::SyncGroup(request), timeout));
    }

    pub(super) fn send_heartbeat(&mut self, now: Instant) {
        let (Some(broker), Some(generation_id)) = (self.coordinator, self.generation) else { return };
        if !self.heartbeats() || self.heartbeat.is_some() || now < self.heartbeat_at {
            return;
        }
        let request = HeartbeatRequest {
            group_id: self.settings.group_id.clone(),
            generation_id,
            member_id: self.member_id.clone(),
            group_instance_id: self.settings.group_instance_id.clone(),
            ..HeartbeatRequest::default()
        };
        self.heartbeat_at = now + self.heartbeat_pause;
        self.heartbeat_pause = self.heartbeat_pause.saturating_mul(2).min(self.settings.heartbeat_interval);
        let timeout = self.settings.request_timeout.min(self.settings.session_timeout);
        self.heartbeat = Some(self.send(broker, Lane::Heartbeat, GroupRequest::Heartbeat(request), timeout));
    }

    fn leave_request(&self, reason: &'static str) -> LeaveGroupRequest {
        let member = MemberIdentity {
            member_id: self.member_id.clone(),
            group_instance_id: self.settings.group_instance_id.clone(),
            reason: Some(Text::from_static(reason)),
            ..MemberIdentity::default()
        };
        LeaveGroupRequest { group_id: self.settings.group_id.clone(), members: vec![member], ..LeaveGroupRequest::default() }
    }

    /// Leaves, if there is anything to leave and anybody to tell. [`State::Leaving`] waits for the answer.
    pub(super) fn send_leave(&mut self, now: Instant) {
        debug_assert_eq!(self.state, State::Leaving);
        let leaves = match self.closing.unwrap_or(LeavePolicy::Default) {
            LeavePolicy::Default => !self.is_static(),
            LeavePolicy::Leave => true,
            LeavePolicy::Remain => false,
        };
        let Some(broker) = self.coordinator.filter(|_| leaves && !self.member_id.is_empty()) else { return };
        let reason = if self.closing.is_some() { "the consumer is being closed" } else { "the consumer unsubscribed" };
        let request = GroupRequest::LeaveGroup(self.leave_request(reason));
        self.leave_by = self.leave_by.min(now + self.settings.request_timeout);
        // Past the bound it is still told, and nobody waits.
        let timeout = self.leave_by.since(now).max(Duration::from_secs(1));
        self.leaving = Some(self.send(broker, Lane::Heartbeat, request, timeout));
    }

    /// Leaves without waiting for the answer.
    pub(super) fn send_leave_behind(&mut self, _now: Instant) {
        let Some(broker) = self.coordinator.filter(|_| !self.member_id.is_empty()) else { return };
        let request = GroupRequest::LeaveGroup(self.leave_request("max.poll.interval.ms was exceeded"));
        self.send(broker, Lane::Heartbeat, request, self.settings.request_timeout);
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
