//! SyncGroup: the leader hands in the assignment, everybody gets a part.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use ottla_protocol::{ErrorCode, Text};

use super::member::refused_sync;
use super::{Answer, Answers, Group, State, Ticket};

/// A SyncGroup.
pub(crate) struct Syncing<'a> {
    pub(crate) ticket: Ticket,
    pub(crate) request: &'a SyncGroupRequest,
}

impl Group {
    /// Answers a SyncGroup, or parks it.
    pub(crate) fn sync(&mut self, now: i64, sync: &Syncing<'_>, answers: &mut Answers) {
        let (request, id) = (sync.request, &sync.request.member_id);
        if let Err(error) = self.check_sync(request) {
            answers.push((sync.ticket, Answer::Sync(refused_sync(error))));
            return;
        }
        self.pending_sync.remove(id);
        if self.pending_sync.is_empty() {
            self.sync_deadline = None;
        }
        let waits = self.state == State::CompletingRebalance;
        let response = self.sync_result();
        let Some(member) = self.member_mut(id) else { return };
        if !waits {
            let response = SyncGroupResponse { assignment: member.assignment.clone(), ..response };
            answers.push((sync.ticket, Answer::Sync(response)));
            return;
        }
        // Whoever waits on another connection has given that up.
        member.refuse_sync(now, ErrorCode::RebalanceInProgress, answers);
        member.sync = Some(sync.ticket);
        if self.is_leader(id) {
            self.assign(now, request, answers);
        }
    }

    fn check_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        if self.state == State::Empty {
            return Err(ErrorCode::UnknownMemberId);
        }
        self.validate_generation(&request.member_id, request.group_instance_id.as_ref(), request.generation_id)?;
        let differs = |said: &Option<Text>, is: &Option<Text>| said.is_some() && said != is;
        if differs(&request.protocol_type, &self.protocol_type) || differs(&request.protocol_name, &self.protocol_name) {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        if self.state == State::PreparingRebalance { Err(ErrorCode::RebalanceInProgress) } else { Ok(()) }
    }

    fn sync_result(&self) -> SyncGroupResponse {
        SyncGroupResponse {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            ..Default::default()
        }
    }

    /// Gives everybody its part. Who is not mentioned gets an empty one.
    fn assign(&mut self, now: i64, request: &SyncGroupRequest, answers: &mut Answers) {
        let response = self.sync_result();
        // Of several for one member the last one counts.
        let parts: BTreeMap<&Text, &Bytes> = request.assignments.iter().map(|it| (&it.member_id, &it.assignment)).collect();
        for member in &mut self.members {
            member.assignment = parts.get(&member.id).map(|part| Bytes::copy_from_slice(part)).unwrap_or_default();
            let assignment = member.assignment.clone();
            member.finish_sync(now, SyncGroupResponse { assignment, ..response.clone() }, answers);
        }
        self.enter(State::Stable, now);
        self.store();
    }
}
