//! The test is the coordinator, on virtual time.

use std::collections::BTreeSet;
use std::sync::Arc;

use ottla_protocol::messages::offset_commit::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use ottla_protocol::messages::offset_fetch::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};

use super::*;

struct One {
    committer: OffsetCommitter,
    now: Instant,
    commands: Vec<OffsetCommand>,
}

impl One {
    fn new(auto_offset_store: bool) -> Self {
        let settings = OffsetCommitSettings {
            group_id: "g".into(),
            auto_commit_interval: Some(Duration::from_secs(5)),
            auto_offset_store,
            request_timeout: Duration::from_secs(30),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
        };
        let mut committer = OffsetCommitter::new(settings, Rng::from_seed(1));
        committer.on_coordinator_found(7);
        Self { committer, now: Instant::from_micros(1_000_000), commands: Vec::new() }
    }

    fn commit(&mut self, offset: i64, mode: CommitMode) -> u64 {
        let offsets = BTreeMap::from([(TopicPartition::new("t", 0), OffsetAndMetadata::new(offset))]);
        self.committer.commit(self.now, offsets, identity(), mode, self.now + Duration::from_secs(10))
    }

    fn poll(&mut self) -> Instant {
        self.committer.poll(self.now, &mut self.commands)
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.poll();
    }

    /// The one request that was sent.
    fn sent(&mut self) -> (u64, OffsetRequest) {
        self.poll();
        let place = self.commands.iter().position(|c| matches!(c, OffsetCommand::Send { .. })).expect("something was sent");
        let OffsetCommand::Send { token, request, broker, .. } = self.commands.remove(place) else { unreachable!() };
        assert_eq!(broker, 7);
        assert!(!self.commands.iter().any(|c| matches!(c, OffsetCommand::Send { .. })));
        (token, request)
    }

    fn commit_sent(&mut self) -> (u64, OffsetCommitRequest) {
        match self.sent() {
            (token, OffsetRequest::Commit(request)) => (token, request),
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, token: u64, codes: &[(i32, ErrorCode)]) {
        let partitions = codes.iter().map(|(partition_index, code)| OffsetCommitResponsePartition {
            partition_index: *partition_index,
            error_code: code.code(),
            ..OffsetCommitResponsePartition::default()
        });
        let topic = OffsetCommitResponseTopic {
            name: "t".into(),
            partitions: partitions.collect(),
            ..OffsetCommitResponseTopic::default()
        };
        let response = OffsetCommitResponse { topics: vec![topic], ..OffsetCommitResponse::default() };
        self.committer.on_response(self.now, token, Ok(OffsetResponse::Commit(response)));
        self.poll();
    }

    fn outcome(&mut self) -> Option<CommitOutcome> {
        self.poll();
        let place = self.commands.iter().position(|c| matches!(c, OffsetCommand::Committed(_)))?;
        match self.commands.remove(place) {
            OffsetCommand::Committed(outcome) => Some(outcome),
            _ => None,
        }
    }

    fn refused(&self) -> Vec<ErrorCode> {
        let refused = self.commands.iter().filter_map(|c| match c {
            OffsetCommand::Refused { generation: 3, code } => Some(*code),
            _ => None,
        });
        refused.collect()
    }
}

fn identity() -> Option<GroupIdentity> {
    Some(GroupIdentity { generation: 3, member_id: "m".into(), group_instance_id: None })
}

fn offset_of(request: &OffsetCommitRequest) -> i64 {
    request.topics[0].partitions[0].committed_offset
}

fn encodes(request: &impl ottla_protocol::Encode, version: i16) {
    request.encode(&mut ottla_protocol::WireBuf::new(), version).unwrap_or_else(|error| panic!("version {version}: {error}"));
}

#[test]
fn commits_go_out_one_after_the_other() {
    let mut one = One::new(true);
    let first = one.commit(5, CommitMode::Async);
    one.commit(6, CommitMode::Async);
    let (token, request) = one.commit_sent();
    assert_eq!((offset_of(&request), request.generation_id_or_member_epoch, request.member_id.as_str()), (5, 3, "m"));
    (2..=MAX_VERSION).for_each(|version| encodes(&request, version));
    assert!(one.outcome().is_none());
    one.answer(token, &[(0, ErrorCode::None)]);
    assert_eq!(one.outcome().map(|outcome| (outcome.id, outcome.result.is_ok())), Some((first, true)));
    assert_eq!(one.committer.committed(&TopicPartition::new("t", 0)), Some(&OffsetAndMetadata::new(5)));
    assert_eq!(offset_of(&one.commit_sent().1), 6);
}

#[test]
fn one_that_is_tried_again_keeps_its_place() {
    for code in [
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::NotCoordinator,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::RequestTimedOut,
    ] {
        let mut one = One::new(true);
        one.commit(5, CommitMode::Sync);
        let (token, _) = one.commit_sent();
        one.commit(6, CommitMode::Async);
        one.answer(token, &[(0, code)]);
        assert!(one.outcome().is_none(), "{code:?}");
        one.committer.on_coordinator_found(7);
        one.pass(Duration::from_millis(130));
        let (token, request) = one.commit_sent();
        assert_eq!(offset_of(&request), 5, "{code:?}");
        one.answer(token, &[(0, ErrorCode::None)]);
        assert!(one.outcome().unwrap().result.is_ok());
        assert_eq!(offset_of(&one.commit_sent().1), 6);
    }
}

#[test]
fn an_asynchronous_one_is_not_tried_again() {
    let mut one = One::new(true);
    one.commit(5, CommitMode::Async);
    let (token, _) = one.commit_sent();
    one.answer(token, &[(0, ErrorCode::CoordinatorLoadInProgress)]);
    assert!(one.outcome().unwrap().result.unwrap_err().is_retriable());
    one.commit(6, CommitMode::Async);
    let (token, _) = one.commit_sent();
    one.committer.on_response(one.now, token, Err(Error::new(ErrorKind::Transport, "cut")));
    assert_eq!(one.outcome().unwrap().result.unwrap_err().kind(), ErrorKind::Transport);
}

#[test]
fn what_concerns_the_membership_is_passed_on_and_final() {
    for code in
        [ErrorCode::IllegalGeneration, ErrorCode::UnknownMemberId, ErrorCode::RebalanceInProgress, ErrorCode::FencedInstanceId]
    {
        let mut one = One::new(true);
        one.commit(5, CommitMode::Sync);
        let (token, _) = one.commit_sent();
        one.answer(token, &[(0, code)]);
        assert_eq!(one.refused(), [code]);
        let error = one.outcome().unwrap().result.unwrap_err();
        assert_eq!((error.code(), error.is_retriable()), (Some(code), false));
        assert_eq!(error.is_fatal(), code == ErrorCode::FencedInstanceId);
    }
    let mut one = One::new(true);
    one.commit(5, CommitMode::Sync);
    let (token, _) = one.commit_sent();
    one.answer(token, &[(0, ErrorCode::NotCoordinator)]);
    assert_eq!(one.refused(), [ErrorCode::NotCoordinator]);
    assert!(one.commands.iter().any(|c| matches!(c, OffsetCommand::FindCoordinator)));
}

#[test]
fn what_can_t_be_mended_fails_at_once_and_names_the_partition() {
    for code in [ErrorCode::OffsetMetadataTooLarge, ErrorCode::TopicAuthorizationFailed, ErrorCode::GroupAuthorizationFailed] {
        let mut one = One::new(true);
        one.commit(5, CommitMode::Sync);
        let (token, _) = one.commit_sent();
        one.answer(token, &[(0, code)]);
        let error = one.outcome().unwrap().result.unwrap_err();
        assert_eq!((error.code(), error.topic(), error.partition()), (Some(code), Some("t"), Some(0)));
        assert!(one.refused().is_empty());
    }
}

#[test]
fn only_what_failed_is_sent_again() {
    let mut one = One::new(true);
    let offsets = (0..2).map(|p| (TopicPartition::new("t", p), OffsetAndMetadata::new(9))).collect();
    one.committer.commit(one.now, offsets, identity(), CommitMode::Sync, one.now + Duration::from_secs(10));
    let (token, _) = one.commit_sent();
    one.answer(token, &[(0, ErrorCode::None), (1, ErrorCode::CoordinatorLoadInProgress)]);
    one.pass(Duration::from_millis(130));
    let (token, request) = one.commit_sent();
    assert_eq!(request.topics[0].partitions.iter().map(|p| p.partition_index).collect::<Vec<_>>(), [1]);
    one.answer(token, &[(1, ErrorCode::None)]);
    assert!(one.outcome().unwrap().offsets.values().all(|(_, code)| *code == Some(ErrorCode::None)));
}

#[test]
fn every_commit_ends_in_its_time() {
    // No coordinator at all; one that never answers; one that only ever says that it is loading.
    for case in 0..3 {
        let mut one = One::new(true);
        if case == 0 {
            one.committer.on_coordinator_lost();
        }
        let end = one.now + Duration::from_secs(10);
        one.commit(5, CommitMode::Sync);
        loop {
            let due = one.poll();
            if let Some(outcome) = one.outcome() {
                assert_eq!(outcome.result.unwrap_err().kind(), if case == 2 { ErrorKind::Broker } else { ErrorKind::Timeout });
                break;
            }
            if case == 2 && one.commands.iter().any(|c| matches!(c, OffsetCommand::Send { .. })) {
                let (token, _) = one.commit_sent();
                one.answer(token, &[(0, ErrorCode::CoordinatorLoadInProgress)]);
                continue;
            }
            assert!(due > one.now && due <= end, "case {case}");
            one.now = due;
        }
        assert!(one.now <= end && one.committer.commits.is_empty());
    }
}

#[test]
fn without_a_valid_membership_nothing_is_sent() {
    let mut one = One::new(true);
    let offsets = BTreeMap::from([(TopicPartition::new("t", 0), OffsetAndMetadata::new(5))]);
    one.committer.commit(one.now, offsets.clone(), None, CommitMode::Sync, one.now + Duration::from_secs(10));
    assert_eq!(one.outcome().unwrap().result.unwrap_err().code(), Some(ErrorCode::UnknownMemberId));
    let negative = offsets.into_keys().map(|partition| (partition, OffsetAndMetadata::new(-1))).collect();
    one.committer.commit(one.now, negative, identity(), CommitMode::Sync, one.now + Duration::from_secs(10));
    assert_eq!(one.outcome().unwrap().result.unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert!(one.commands.is_empty());
}

#[test]
fn auto_commit_takes_what_was_consumed_and_no_more() {
    let mut one = One::new(true);
    let key = TopicPartition::new("t", 0);
    let unknown = (TopicPartition::new("t", 1), Position::new(-1, -1));
    let position = Position::new(3, 1);
    let positions = [(&key, &position), (&unknown.0, &unknown.1)];
    one.committer.auto_commit(one.now, positions, identity());
    assert_eq!(one.committer.auto_commit_at(), one.now + Duration::from_secs(5));
    one.pass(Duration::from_secs(5));
    one.committer.auto_commit(one.now, positions, identity());
    let (token, request) = one.commit_sent();
    assert_eq!((offset_of(&request), request.topics[0].partitions[0].committed_leader_epoch), (3, 1));
    assert_eq!(request.topics[0].partitions.len(), 1);
    // One at a time.
    assert_eq!(one.committer.auto_commit_at(), Instant::FAR_FUTURE);
    one.answer(token, &[(0, ErrorCode::None)]);
    assert!(one.outcome().unwrap().automatic);
    // Nothing new, nothing sent.
    one.pass(Duration::from_secs(5));
    one.committer.auto_commit(one.now, positions, identity());
    assert!(!one.committer.is_committing());
    position.advance(4, 1);
    let by = one.now + Duration::from_secs(3);
    one.committer.final_commit(one.now, positions, identity(), by).unwrap();
    assert_eq!(offset_of(&one.commit_sent().1), 4);
}

#[test]
fn with_offsets_stored_by_the_application_only_those_are_committed() {
    let mut one = One::new(false);
    let key = TopicPartition::new("t", 0);
    let position: Arc<Position> = Position::new(30, 1);
    let by = one.now + Duration::from_secs(3);
    assert_eq!(one.committer.final_commit(one.now, [(&key, &position)], identity(), by), None);
    let stored = OffsetAndMetadata { offset: 12, leader_epoch: 2, metadata: "kept".into() };
    one.committer.store(key.clone(), stored);
    one.committer.final_commit(one.now, [(&key, &position)], identity(), by).unwrap();
    let (_, request) = one.commit_sent();
    assert_eq!((offset_of(&request), request.topics[0].partitions[0].committed_metadata.as_deref()), (12, Some("kept")));
    one.committer.forget([&key]);
    assert_eq!(one.committer.final_commit(one.now, [(&key, &position)], identity(), by), None);
}

fn fetched(offset: i64, code: ErrorCode) -> OffsetResponse {
    let partition = OffsetFetchResponsePartitions {
        partition_index: 0,
        committed_offset: offset,
        committed_leader_epoch: 4,
        metadata: Some("\u{0}bytes".into()),
        error_code: code.code(),
        ..OffsetFetchResponsePartitions::default()
    };
    let topic =
        OffsetFetchResponseTopics { name: "t".into(), partitions: vec![partition], ..OffsetFetchResponseTopics::default() };
    let group = OffsetFetchResponseGroup { group_id: "g".into(), topics: vec![topic], ..OffsetFetchResponseGroup::default() };
    OffsetResponse::Fetch(OffsetFetchResponse { groups: vec![group], ..OffsetFetchResponse::default() })
}

impl One {
    fn fetch(&mut self) -> u64 {
        let partitions = BTreeSet::from([TopicPartition::new("t", 0), TopicPartition::new("u", 1)]);
        self.committer.fetch(self.now, partitions, true, self.now + Duration::from_secs(10))
    }

    fn fetch_sent(&mut self) -> (u64, OffsetFetchRequest) {
        match self.sent() {
            (token, OffsetRequest::Fetch(request)) => (token, request),
            other => panic!("{other:?}"),
        }
    }

    fn fetched(&mut self) -> Option<Result<CommittedOffsets, Error>> {
        self.poll();
        let place = self.commands.iter().position(|c| matches!(c, OffsetCommand::Fetched { .. }))?;
        match self.commands.remove(place) {
            OffsetCommand::Fetched { result, .. } => Some(result),
            _ => None,
        }
    }
}

#[test]
fn a_fetch_that_waits_for_a_commit_is_due_when_that_is_over() {
    let mut one = One::new(true);
    one.commit(5, CommitMode::Sync);
    let (token, _) = one.commit_sent();
    one.fetch();
    assert!(one.poll() > one.now, "who asks again at once would ask for ever");
    one.answer(token, &[(0, ErrorCode::None)]);
    one.fetch_sent();
}

#[test]
fn what_is_committed_comes_back_with_its_epoch_and_metadata() {
    let mut one = One::new(true);
    one.fetch();
    let (token, request) = one.fetch_sent();
    assert!(request.require_stable);
    one.committer.on_response(one.now, token, Ok(fetched(8, ErrorCode::None)));
    let found = one.fetched().unwrap().unwrap();
    let expected = OffsetAndMetadata { offset: 8, leader_epoch: 4, metadata: "\u{0}bytes".into() };
    assert_eq!(found, BTreeMap::from([(TopicPartition::new("t", 0), Some(expected)), (TopicPartition::new("u", 1), None)]));
    // What is committed already is not committed again.
    let key = TopicPartition::new("t", 0);
    let position = Position::new(8, 4);
    let by = one.now + Duration::from_secs(3);
    assert_eq!(one.committer.final_commit(one.now, [(&key, &position)], identity(), by), None);
}

#[test]
fn a_fetch_waits_for_transactions_and_moves_with_the_coordinator() {
    let mut one = One::new(true);
    one.fetch();
    for code in [ErrorCode::UnstableOffsetCommit, ErrorCode::NotCoordinator, ErrorCode::CoordinatorLoadInProgress] {
        let (token, _) = one.fetch_sent();
        one.committer.on_response(one.now, token, Ok(fetched(8, code)));
        assert!(one.fetched().is_none(), "{code:?}");
        one.committer.on_coordinator_found(7);
        one.pass(Duration::from_secs(1));
    }
    let (token, _) = one.fetch_sent();
    one.committer.on_response(one.now, token, Ok(fetched(8, ErrorCode::GroupAuthorizationFailed)));
    assert_eq!(one.fetched().unwrap().unwrap_err().code(), Some(ErrorCode::GroupAuthorizationFailed));
    one.fetch();
    one.fetch_sent();
    one.pass(Duration::from_secs(10));
    assert_eq!(one.fetched().unwrap().unwrap_err().kind(), ErrorKind::Timeout);
}

#[test]
fn a_fetch_has_what_was_committed_before_it() {
    let mut one = One::new(true);
    one.commit(5, CommitMode::Sync);
    one.fetch();
    let (token, _) = one.commit_sent();
    one.answer(token, &[(0, ErrorCode::None)]);
    one.fetch_sent();
}

#[test]
fn older_versions_have_their_group_in_other_fields() {
    let mut one = One::new(true);
    one.fetch();
    let (token, mut request) = one.fetch_sent();
    for version in 1..=MAX_VERSION {
        let mut request = request.clone();
        fit_offset_fetch(&mut request, version);
        encodes(&request, version);
    }
    fit_offset_fetch(&mut request, 5);
    assert_eq!((request.group_id.as_str(), request.require_stable, request.groups.len()), ("g", false, 0));
    assert_eq!(request.topics.unwrap().len(), 2);
    let partition = OffsetFetchResponsePartition { committed_offset: 2, ..OffsetFetchResponsePartition::default() };
    let topic = OffsetFetchResponseTopic { name: "t".into(), partitions: vec![partition], ..OffsetFetchResponseTopic::default() };
    let response = OffsetFetchResponse { topics: vec![topic], ..OffsetFetchResponse::default() };
    one.committer.on_response(one.now, token, Ok(OffsetResponse::Fetch(response)));
    assert_eq!(one.fetched().unwrap().unwrap()[&TopicPartition::new("t", 0)].as_ref().map(|o| o.offset), Some(2));
}
