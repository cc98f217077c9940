//! A member of a group, and what it waits for.

use bytes::Bytes;
use ottla_protocol::messages::{JoinGroupResponse, SyncGroupResponse};
use ottla_protocol::{ErrorCode, Text};

use super::protocols::Protocols;
use super::{Answer, Answers, Ticket};

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: Text,
    pub(crate) instance_id: Option<Text>,
    pub(crate) client_id: Text,
    pub(crate) client_host: Text,
    pub(crate) assignment: Bytes,
    pub(super) session_timeout_ms: i64,
    pub(super) rebalance_timeout_ms: i64,
    pub(super) protocols: Protocols,
    /// It has not been in a generation yet.
    pub(super) is_new: bool,
    /// A parked JoinGroup.
    pub(super) join: Option<Ticket>,
    /// A parked SyncGroup.
    pub(super) sync: Option<Ticket>,
    /// When it counts as gone.
    pub(super) expires: Option<i64>,
}

impl Member {
    /// What it says of itself in this protocol.
    pub(crate) fn metadata(&self, protocol: &str) -> Option<&Bytes> {
        self.protocols.metadata(protocol)
    }

    /// Its session begins again.
    pub(super) fn keep_alive(&mut self, now: i64) {
        self.expires = Some(now.saturating_add(self.session_timeout_ms));
    }

    /// Whether a request of it is parked.
    pub(crate) fn waits(&self) -> bool {
        self.join.is_some() || self.sync.is_some()
    }

    /// A member that waits for others is not to blame. A new one may be gone without a word.
    pub(super) fn is_excused(&self) -> bool {
        !self.is_new && self.waits()
    }

    /// Answers the parked JoinGroup, if there is one.
    pub(super) fn finish_join(&mut self, response: JoinGroupResponse, answers: &mut Answers) {
        if let Some(ticket) = self.join.take() {
            answers.push((ticket, Answer::Join(response)));
        }
    }

    pub(super) fn refuse_join(&mut self, member_id: &Text, error: ErrorCode, answers: &mut Answers) {
        self.finish_join(refused_join(member_id, error), answers);
    }

    /// Answers the parked SyncGroup, if there is one, from when on its session counts again.
    pub(super) fn finish_sync(&mut self, now: i64, response: SyncGroupResponse, answers: &mut Answers) {
        if let Some(ticket) = self.sync.take() {
            answers.push((ticket, Answer::Sync(response)));
            self.keep_alive(now);
        }
    }

    pub(super) fn refuse_sync(&mut self, now: i64, error: ErrorCode, answers: &mut Answers) {
        self.finish_sync(now, refused_sync(error), answers);
    }
}

pub(super) fn refused_join(member_id: &Text, error: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse { error_code: error.code(), member_id: member_id.clone(), protocol_name: None, ..Default::default() }
}

pub(super) fn refused_sync(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code: error.code(), ..Default::default() }
}
