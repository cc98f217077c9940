//! How far the group has read: commits go out one at a time and in order, so that an older one that is tried again can't undo a
//! newer one; what was committed is fetched when partitions are assigned.
//!
//! [`OffsetCommitter`] is driven as a [`Membership`](super::Membership) is: calls and events in, commands out of
//! [`OffsetCommitter::poll`]. It sends over the heartbeat connection ([`Lane::Heartbeat`](super::Lane)).

mod commits;
mod fetches;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ottla_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse};
use ottla_protocol::{ErrorCode, Text};

use self::commits::Commit;
use self::fetches::Fetch;
use super::membership::GroupIdentity;
use crate::consumer::{Position, TopicPartition};
use crate::error::{Error, ErrorKind};
use crate::metadata::backoff;
use crate::random::Rng;
use crate::time::Instant;

pub use fetches::fit_offset_fetch;

/// From version 10 on topics travel as ids, which this does not send.
const MAX_VERSION: i16 = 9;

/// A committed offset, or one to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// The offset of the next record to read.
    pub offset: i64,
    /// The leader's epoch of the last record read, -1 if unknown (KIP-320).
    pub leader_epoch: i32,
    /// Whatever the application keeps beside it; comes back byte for byte. Text in UTF-8, as Kafka's own brokers and clients have it
    /// too: they replace what is not. Brokers take up to `offset.metadata.max.bytes` (4096 of them by default).
    pub metadata: Text,
}

impl OffsetAndMetadata {
    /// An offset alone.
    #[must_use]
    pub fn new(offset: i64) -> Self {
        Self { offset, leader_epoch: -1, metadata: Text::default() }
    }

    /// Where an application stands, once that is known.
    #[must_use]
    pub fn of_position(position: &Position) -> Option<Self> {
        let offset = position.offset()?;
        Some(Self { offset, leader_epoch: position.leader_epoch(), metadata: Text::default() })
    }
}

/// The properties.
#[derive(Clone, Debug)]
pub struct OffsetCommitSettings {
    /// `group.id`.
    pub group_id: Text,
    /// `auto.commit.interval.ms`; `None` unless `enable.auto.commit`.
    pub auto_commit_interval: Option<Duration>,
    /// `enable.auto.offset.store`: positions are committed; otherwise what [`OffsetCommitter::store`] was told.
    pub auto_offset_store: bool,
    /// `socket.timeout.ms`.
    pub request_timeout: Duration,
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
}

/// Whether a commit is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitMode {
    /// Until it succeeds, fails for good, or its time is over: somebody waits for it.
    Sync,
    /// Once: the next one will say more anyway.
    Async,
}

/// What became of a commit.
#[derive(Clone, Debug)]
pub struct CommitOutcome {
    /// The number that [`OffsetCommitter::commit`] answered with.
    pub id: u64,
    /// What was to be committed, and the coordinator's answer for each: `None` if there was none.
    pub offsets: BTreeMap<TopicPartition, (OffsetAndMetadata, Option<ErrorCode>)>,
    /// Whether all of it was.
    pub result: Result<(), Error>,
    /// Whether it was one of the automatic ones.
    pub automatic: bool,
}

/// Committed offsets, by partition; `None` where nothing was ever committed.
pub type CommittedOffsets = BTreeMap<TopicPartition, Option<OffsetAndMetadata>>;

/// What the driver is to do.
#[derive(Clone, Debug)]
pub enum OffsetCommand {
    /// Send to the coordinator over the heartbeat connection; the answer comes back by [`OffsetCommitter::on_response`].
    Send {
        /// Comes back with the answer.
        token: u64,
        /// The coordinator's broker id.
        broker: i32,
        /// The request; [`fit_offset_fetch`] makes an OffsetFetch fit its version.
        request: OffsetRequest,
        /// The highest version that can carry it.
        max_version: i16,
        /// How long an answer may take.
        timeout: Duration,
    },
    /// The coordinator is not known, or not any more: look it up.
    FindCoordinator,
    /// To be told the membership, as [`MembershipEvent::CommitRefused`](super::MembershipEvent::CommitRefused).
    Refused {
        /// The generation in which the commit was sent.
        generation: i32,
        /// Why.
        code: ErrorCode,
    },
    /// A commit is over.
    Committed(CommitOutcome),
    /// A fetch of committed offsets is over.
    Fetched {
        /// The number that [`OffsetCommitter::fetch`] answered with.
        id: u64,
        /// The offsets.
        result: Result<CommittedOffsets, Error>,
    },
}

/// A request to the coordinator.
#[derive(Clone, Debug, PartialEq)]
pub enum OffsetRequest {
    /// OffsetCommit.
    Commit(OffsetCommitRequest),
    /// OffsetFetch.
    Fetch(OffsetFetchRequest),
}

/// An answer of the coordinator's.
#[derive(Clone, Debug, PartialEq)]
pub enum OffsetResponse {
    /// To OffsetCommit.
    Commit(OffsetCommitResponse),
    /// To OffsetFetch.
    Fetch(OffsetFetchResponse),
}

/// Commits and fetches offsets.
pub struct OffsetCommitter {
    settings: OffsetCommitSettings,
    rng: Rng,
    coordinator: Option<i32>,
    finding: bool,
    next_id: u64,
    commits: VecDeque<Commit>,
    /// The token of the first commit's request.
    committing: Option<u64>,
    fetches: Vec<Fetch>,
    /// What the application stored, with `enable.auto.offset.store` false.
    stored: BTreeMap<TopicPartition, OffsetAndMetadata>,
    /// What is known to be committed.
    committed: BTreeMap<TopicPartition, OffsetAndMetadata>,
    auto_commit_at: Instant,
    auto_commits: u32,
    outbox: Vec<OffsetCommand>,
}

impl OffsetCommitter {
    /// Nothing is committed yet.
    #[must_use]
    pub fn new(settings: OffsetCommitSettings, rng: Rng) -> Self {
        Self {
            settings,
            rng,
            coordinator: None,
            finding: false,
            next_id: 0,
            commits: VecDeque::new(),
            committing: None,
            fetches: Vec::new(),
            stored: BTreeMap::new(),
            committed: BTreeMap::new(),
            auto_commit_at: Instant::default(),
            auto_commits: 0,
            outbox: Vec::new(),
        }
    }

    /// The coordinator is known.
    pub fn on_coordinator_found(&mut self, broker: i32) {
        self.coordinator = Some(broker);
    }

    /// It is not, any more.
    pub fn on_coordinator_lost(&mut self) {
        self.coordinator = None;
        self.finding = false;
    }

    /// A request was answered, or failed on its way.
    pub fn on_response(&mut self, now: Instant, token: u64, answer: Result<OffsetResponse, Error>) {
        if self.committing == Some(token) {
            self.committing = None;
            match answer {
                Ok(OffsetResponse::Commit(response)) => self.on_commit(now, &response),
                Ok(OffsetResponse::Fetch(_)) => self.commit_failed(now, wrong_answer()),
                Err(error) => {
                    self.on_coordinator_lost();
                    self.commit_failed(now, error);
                }
            }
        } else if let Some(place) = self.fetches.iter().position(|fetch| fetch.token == Some(token)) {
            match answer {
                Ok(OffsetResponse::Fetch(response)) => self.on_fetch(now, place, response),
                Ok(OffsetResponse::Commit(_)) => self.fetch_failed(now, place, wrong_answer()),
                Err(error) => {
                    self.on_coordinator_lost();
                    self.fetch_failed(now, place, error.retriable());
                }
            }
        }
    }

    /// What is to be done now. Answers when it wants to be called again, if nothing happens before; [`Self::auto_commit_at`] is
    /// apart from that.
    pub fn poll(&mut self, now: Instant, commands: &mut Vec<OffsetCommand>) -> Instant {
        self.expire(now);
        self.send_commit(now);
        self.send_fetches(now);
        if self.coordinator.is_none() && !self.finding && !(self.commits.is_empty() && self.fetches.is_empty()) {
            self.finding = true;
            self.outbox.push(OffsetCommand::FindCoordinator);
        }
        commands.append(&mut self.outbox);
        self.deadline()
    }

    fn expire(&mut self, now: Instant) {
        while let Some(place) = self.commits.iter().position(|commit| commit.by <= now) {
            if place == 0 {
                self.committing = None;
            }
            if let Some(commit) = self.commits.remove(place) {
                let error = self.too_late("the offsets could not be committed in time", commit.last_error.as_ref());
                self.finish(now, commit, Err(error));
            }
        }
        while let Some(place) = self.fetches.iter().position(|fetch| fetch.by <= now) {
            let fetch = self.fetches.swap_remove(place);
            let error = self.too_late("the committed offsets could not be fetched in time", fetch.last_error.as_ref());
            self.outbox.push(OffsetCommand::Fetched { id: fetch.id, result: Err(error) });
        }
    }

    fn too_late(&self, what: &str, last: Option<&Error>) -> Error {
        let why = match last {
            Some(error) => format!("the last attempt: {error}"),
            None if self.coordinator.is_none() => "the group's coordinator is not known".to_owned(),
            None => "the coordinator has not answered".to_owned(),
        };
        Error::new(ErrorKind::Timeout, format!("{what}; {why}"))
    }

    fn deadline(&self) -> Instant {
        let mut at = Instant::FAR_FUTURE;
        for commit in &self.commits {
            at = at.min(commit.by);
        }
        for fetch in &self.fetches {
            at = at.min(fetch.by);
        }
        if self.coordinator.is_some() {
            // While a commit is under way nothing else is sent.
            if self.committing.is_none() {
                let commit = self.commits.front().map(|commit| commit.retry_at);
                let fetches = self.fetches.iter().filter(|fetch| fetch.token.is_none()).map(|fetch| fetch.retry_at);
                at = commit.into_iter().chain(fetches).fold(at, Instant::min);
            }
        }
        at
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn wait(&mut self, attempts: u32) -> Duration {
        backoff(attempts, self.settings.retry_backoff, self.settings.retry_backoff_max, &mut self.rng)
    }
}

fn wrong_answer() -> Error {
    Error::new(ErrorKind::Protocol, "the coordinator answered another request than it was sent")
}
