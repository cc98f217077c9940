//! Commits: those that the application asks for, and the automatic ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_protocol::ErrorCode;
use ottla_protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use ottla_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use super::{
    CommitMode, CommitOutcome, GroupIdentity, MAX_VERSION, OffsetAndMetadata, OffsetCommand, OffsetCommitter, OffsetRequest,
};
use crate::consumer::{Position, TopicPartition};
use crate::error::{Error, ErrorKind};
use crate::mutants::{self, Mutant};
use crate::time::Instant;

/// A commit that is not over.
pub(super) struct Commit {
    id: u64,
    offsets: BTreeMap<TopicPartition, (OffsetAndMetadata, Option<ErrorCode>)>,
    identity: GroupIdentity,
    mode: CommitMode,
    automatic: bool,
    pub(super) by: Instant,
    pub(super) retry_at: Instant,
    attempts: u32,
    pub(super) last_error: Option<Error>,
}

const TRIED: &str = "while committing offsets";

impl OffsetCommitter {
    /// Commits these offsets as a member of the generation in `identity` (as none: generation -1, an empty member id), until `by`
    /// at most. `None` while the membership is not valid: the commit then fails at once. Answers with the commit's number.
    pub fn commit(
        &mut self,
        now: Instant,
        offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
        identity: Option<GroupIdentity>,
        mode: CommitMode,
        by: Instant,
    ) -> u64 {
        self.start(now, offsets, identity, mode, by, false)
    }

    fn start(
        &mut self,
        now: Instant,
        offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
        identity: Option<GroupIdentity>,
        mode: CommitMode,
        by: Instant,
        automatic: bool,
    ) -> u64 {
        let id = self.id();
        let invalid = offsets.iter().find_map(|(partition, offset)| {
            let what = if offset.offset < 0 {
                format!("{} is no offset that can be committed", offset.offset)
            } else if i16::try_from(offset.metadata.len()).is_err() {
                format!("{} bytes of metadata are too many for the wire", offset.metadata.len())
            } else {
                return None;
            };
            let error = Error::new(ErrorKind::InvalidArgument, what);
            Some(error.with_topic(partition.topic.as_str()).with_partition(partition.partition))
        });
        let missing = identity.is_none();
        let commit = Commit {
            id,
            offsets: offsets.into_iter().map(|(partition, offset)| (partition, (offset, None))).collect(),
            identity: identity.unwrap_or(GroupIdentity { generation: -1, member_id: "".into(), group_instance_id: None }),
            mode,
            automatic,
            by,
            retry_at: now,
            attempts: 0,
            last_error: None,
        };
        if let Some(error) = invalid {
            self.finish(now, commit, Err(error));
        } else if commit.offsets.is_empty() {
            self.finish(now, commit, Ok(()));
        } else if missing {
            self.finish(now, commit, Err(refusal(ErrorCode::UnknownMemberId)));
        } else {
            self.commits.push_back(commit);
        }
        id
    }

    /// Keeps an offset for the next automatic commit, with `enable.auto.offset.store` false.
    pub fn store(&mut self, partition: TopicPartition, offset: OffsetAndMetadata) {
        self.stored.insert(partition, offset);
    }

    /// The offsets that are kept so.
    #[must_use]
    pub fn stored(&self) -> &BTreeMap<TopicPartition, OffsetAndMetadata> {
        &self.stored
    }

    /// When the next automatic commit is due.
    #[must_use]
    pub fn auto_commit_at(&self) -> Instant {
        if self.settings.auto_commit_interval.is_some() && self.auto_commits == 0 {
            self.auto_commit_at
        } else {
            // One at a time.
            Instant::FAR_FUTURE
        }
    }

    /// Commits what the application has consumed of these partitions (or stored, see [`Self::store`]) and what is not committed
    /// yet, once [`Self::auto_commit_at`] has come. Positions move with the application's cursor, so nothing is committed that it
    /// was not handed, and had not gone beyond.
    pub fn auto_commit<'a>(
        &mut self,
        now: Instant,
        positions: impl IntoIterator<Item = (&'a TopicPartition, &'a Arc<Position>)>,
        identity: Option<GroupIdentity>,
    ) {
        let Some(interval) = self.settings.auto_commit_interval.filter(|_| now >= self.auto_commit_at()) else { return };
        if self.auto_commit_at == Instant::default() {
            // The first interval begins now.
            self.auto_commit_at = now + interval;
            return;
        }
        self.auto_commit_at = now + interval;
        let offsets = self.to_commit(positions);
        if identity.is_some() && !offsets.is_empty() {
            self.auto_commits += 1;
            self.start(now, offsets, identity, CommitMode::Async, now + self.settings.request_timeout, true);
        }
    }

    /// The last automatic commit before these partitions are given up, or the consumer closes: one that is waited for and tried
    /// again until `by`. `None` if nothing is to be committed, or `enable.auto.commit` is false.
    pub fn final_commit<'a>(
        &mut self,
        now: Instant,
        positions: impl IntoIterator<Item = (&'a TopicPartition, &'a Arc<Position>)>,
        identity: Option<GroupIdentity>,
        by: Instant,
    ) -> Option<u64> {
        self.settings.auto_commit_interval?;
        let offsets = self.to_commit(positions);
        if offsets.is_empty() {
            return None;
        }
        self.auto_commits += 1;
        Some(self.start(now, offsets, identity, CommitMode::Sync, by, true))
    }

    fn to_commit<'a>(
        &self,
        positions: impl IntoIterator<Item = (&'a TopicPartition, &'a Arc<Position>)>,
    ) -> BTreeMap<TopicPartition, OffsetAndMetadata> {
        let consumed = |partition: &TopicPartition, position: &Position| {
            if self.settings.auto_offset_store {
                let mut consumed = OffsetAndMetadata::of_position(position)?;
                if mutants::is(Mutant::CommitNotHandedOut) {
                    consumed.offset += 1;
                }
                Some(consumed)
            } else {
                self.stored.get(partition).cloned()
            }
        };
        positions
            .into_iter()
            .filter_map(|(partition, position)| Some((partition.clone(), consumed(partition, position)?)))
            .filter(|(partition, offset)| self.committed.get(partition).is_none_or(|known| known.offset != offset.offset))
            .collect()
    }

    /// What is known to be committed: by this consumer, or as it was fetched.
    #[must_use]
    pub fn committed(&self, partition: &TopicPartition) -> Option<&OffsetAndMetadata> {
        self.committed.get(partition)
    }

    /// These partitions are not this consumer's any more: others may commit.
    pub fn forget<'a>(&mut self, partitions: impl IntoIterator<Item = &'a TopicPartition>) {
        for partition in partitions {
            self.stored.remove(partition);
            self.committed.remove(partition);
        }
    }

    /// Whether commits are on their way or wait for theirs.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        !self.commits.is_empty()
    }

    pub(super) fn send_commit(&mut self, now: Instant) {
        let (Some(broker), None) = (self.coordinator, self.committing) else { return };
        let Some(commit) = self.commits.front().filter(|commit| commit.retry_at <= now) else { return };
        let request = OffsetCommitRequest {
            group_id: self.settings.group_id.clone(),
            generation_id_or_member_epoch: commit.identity.generation,
            member_id: commit.identity.member_id.clone(),
            group_instance_id: commit.identity.group_instance_id.clone(),
            topics: topics(commit),
            ..OffsetCommitRequest::default()
        };
        let timeout = commit.by.since(now).min(self.settings.request_timeout);
        let token = self.id();
        self.committing = Some(token);
        let request = OffsetRequest::Commit(request);
        self.outbox.push(OffsetCommand::Send { token, broker, request, max_version: MAX_VERSION, timeout });
    }

    pub(super) fn on_commit(&mut self, now: Instant, response: &OffsetCommitResponse) {
        let Some(commit) = self.commits.front_mut() else { return };
        for topic in &response.topics {
            for partition in &topic.partitions {
                let key = TopicPartition { topic: topic.name.clone(), partition: partition.partition_index };
                if let Some((_, code)) = commit.offsets.get_mut(&key) {
                    *code = Some(ErrorCode::from_code(partition.error_code));
                }
            }
        }
        // The worst says what becomes of the commit.
        let worst =
            commit.offsets.values().map(|(_, code)| code.unwrap_or(ErrorCode::UnknownServerError)).max_by_key(|code| rank(*code));
        let code = worst.unwrap_or(ErrorCode::None);
        let generation = commit.identity.generation;
        if code == ErrorCode::None {
            if let Some(commit) = self.commits.pop_front() {
                self.finish(now, commit, Ok(()));
            }
            return;
        }
        if matches!(code, ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable | ErrorCode::RequestTimedOut) {
            self.on_coordinator_lost();
        }
        if generation >= 0 && rank(code) >= REFUSED {
            self.outbox.push(OffsetCommand::Refused { generation, code });
        }
        let error = refusal(code);
        let place = commit_place(self.commits.front(), code);
        self.commit_failed(now, place.map_or(error.clone(), |p| error.with_topic(p.topic.as_str()).with_partition(p.partition)));
    }

    /// The first commit did not succeed: it is tried again, or over.
    pub(super) fn commit_failed(&mut self, now: Instant, error: Error) {
        let Some(attempts) = self.commits.front().map(|commit| commit.attempts) else { return };
        let retry_at = now + self.wait(attempts);
        let Some(commit) = self.commits.front_mut() else { return };
        if commit.mode == CommitMode::Sync && error.is_retriable() && retry_at < commit.by {
            (commit.attempts, commit.retry_at) = (attempts + 1, retry_at);
            commit.last_error = Some(error);
        } else if let Some(commit) = self.commits.pop_front() {
            self.finish(now, commit, Err(error));
        }
    }

    pub(super) fn finish(&mut self, now: Instant, commit: Commit, result: Result<(), Error>) {
        for (partition, (offset, code)) in &commit.offsets {
            if *code == Some(ErrorCode::None) {
                self.committed.insert(partition.clone(), offset.clone());
            }
        }
        if commit.automatic {
            self.auto_commits = self.auto_commits.saturating_sub(1);
            if let Err(error) = &result {
                tracing::debug!(group = %self.settings.group_id, %error, "automatic commit");
                if error.is_retriable() {
                    self.auto_commit_at = self.auto_commit_at.min(now + self.wait(1));
                }
            }
        }
        self.outbox.push(OffsetCommand::Committed(CommitOutcome {
            id: commit.id,
            offsets: commit.offsets,
            result,
            automatic: commit.automatic,
        }));
    }
}

/// What of a commit is not yet answered with success.
fn topics(commit: &Commit) -> Vec<OffsetCommitRequestTopic> {
    let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
    for (key, (offset, code)) in &commit.offsets {
        if *code == Some(ErrorCode::None) {
            continue;
        }
        let partition = OffsetCommitRequestPartition {
            partition_index: key.partition,
            committed_offset: offset.offset,
            committed_leader_epoch: offset.leader_epoch,
            committed_metadata: Some(offset.metadata.clone()),
            ..OffsetCommitRequestPartition::default()
        };
        match topics.last_mut().filter(|topic| topic.name == key.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(OffsetCommitRequestTopic {
                name: key.topic.clone(),
                partitions: vec![partition],
                ..OffsetCommitRequestTopic::default()
            }),
        }
    }
    topics
}

fn commit_place(commit: Option<&Commit>, code: ErrorCode) -> Option<TopicPartition> {
    let (partition, _) = commit?.offsets.iter().find(|(_, (_, answered))| *answered == Some(code))?;
    Some(partition.clone())
}

/// From here on the membership is concerned.
const REFUSED: u8 = 3;

/// How much an answer weighs against those for other partitions.
fn rank(code: ErrorCode) -> u8 {
    match code {
        ErrorCode::None => 0,
        ErrorCode::FencedInstanceId
        | ErrorCode::UnknownMemberId
        | ErrorCode::IllegalGeneration
        | ErrorCode::RebalanceInProgress
        | ErrorCode::NotCoordinator
        | ErrorCode::CoordinatorNotAvailable => REFUSED,
        code if code.is_retriable() => 1,
        _ => 2,
    }
}

fn refusal(code: ErrorCode) -> Error {
    match code {
        ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => Error::kafka(
            code,
            "while committing offsets: the group has given the partitions to other members, since this one took longer than \
             max.poll.interval.ms between two polls, or its session ended; nothing was committed. Take fewer records at a time, \
             or raise the property",
        ),
        ErrorCode::RebalanceInProgress => Error::kafka(
            code,
            "while committing offsets: poll so that the rebalance ends, then commit again what is still assigned",
        ),
        ErrorCode::FencedInstanceId => Error::kafka(code, TRIED).fatal(),
        code => Error::kafka(code, TRIED),
    }
}
