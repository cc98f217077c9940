//! One member, the test being its coordinator and its application.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_protocol::ErrorCode;
use ottla_protocol::messages::join_group::JoinGroupResponseMember;
use ottla_protocol::messages::leave_group::MemberResponse;
use ottla_protocol::messages::{HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupResponse, SyncGroupResponse};

use super::*;
use crate::group::assignor::{GroupAssignment, MemberAssignment, MemberSubscription, builtin};
use crate::group::membership::{GroupRequest, GroupResponse, Lane};
use crate::group::{decode_subscription, encode_assignment};

pub(super) fn settings(assignors: &[&str]) -> ClassicSettings {
    ClassicSettings {
        group_id: "g".into(),
        group_instance_id: None,
        assignors: assignors.iter().map(|name| builtin(name).unwrap()).collect(),
        session_timeout: Duration::from_secs(10),
        heartbeat_interval: Duration::from_secs(3),
        max_poll_interval: Duration::from_secs(60),
        request_timeout: Duration::from_secs(30),
        retry_backoff: Duration::from_millis(100),
        retry_backoff_max: Duration::from_secs(1),
        client_rack: None,
    }
}

struct One {
    member: ClassicMembership,
    now: Instant,
    commands: Vec<MembershipCommand>,
}

impl One {
    fn new(settings: ClassicSettings) -> Self {
        let member = ClassicMembership::new(settings, Rng::from_seed(1)).unwrap();
        Self { member, now: Instant::from_micros(1_000_000), commands: Vec::new() }
    }

    /// Subscribed to `t`, with a coordinator.
    fn started(assignors: &[&str]) -> Self {
        let mut one = Self::new(settings(assignors));
        one.event(MembershipEvent::Subscribed(BTreeSet::from(["t".into()])));
        assert!(matches!(one.commands(), [MembershipCommand::FindCoordinator]));
        one.event(MembershipEvent::CoordinatorFound(7));
        one
    }

    /// A member `m` of generation 1 that reads these partitions of `t`.
    fn stable(assignors: &[&str], partitions: &[i32]) -> Self {
        let mut one = Self::started(assignors);
        one.settle(1, partitions);
        one
    }

    fn event(&mut self, event: MembershipEvent) {
        self.member.handle(self.now, event);
        self.poll();
    }

    fn poll(&mut self) -> Instant {
        self.member.poll(self.now, &mut self.commands)
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.poll();
    }

    fn commands(&mut self) -> &[MembershipCommand] {
        self.poll();
        &self.commands
    }

    /// The one request that was sent.
    fn sent(&mut self) -> (u64, GroupRequest) {
        self.poll();
        let commands = std::mem::take(&mut self.commands);
        let mut sends = commands.into_iter().filter_map(|command| match command {
            MembershipCommand::Send { token, request, broker: 7, lane, .. } => {
                let join = matches!(request, GroupRequest::JoinGroup(_) | GroupRequest::SyncGroup(_));
                assert_eq!(lane == Lane::Join, join);
                Some((token, request))
            }
            _ => None,
        });
        let first = sends.next().unwrap_or_else(|| panic!("nothing was sent in {:?}", self.member.state));
        assert!(sends.next().is_none());
        first
    }

    fn joins(&mut self) -> (u64, JoinGroupRequest) {
        match self.sent() {
            (token, GroupRequest::JoinGroup(request)) => (token, request),
            other => panic!("{other:?}"),
        }
    }

    fn asked(&mut self) -> Option<(u64, QuestionKind, Vec<i32>)> {
        self.poll();
        let place = self.commands.iter().position(|command| matches!(command, MembershipCommand::Ask(_)))?;
        match self.commands.remove(place) {
            MembershipCommand::Ask(question) => {
                Some((question.id, question.kind, question.partitions.iter().map(|p| p.partition).collect()))
            }
            _ => None,
        }
    }

    /// The application is asked exactly this, and answers.
    fn answers(&mut self, kind: QuestionKind, partitions: &[i32]) {
        let (question, asked, about) = self.asked().expect("a question");
        assert_eq!((asked, about.as_slice()), (kind, partitions));
        self.event(MembershipEvent::Answered { question });
    }

    fn reply(&mut self, token: u64, response: GroupResponse) {
        self.event(MembershipEvent::Response { token, answer: Ok(response) });
    }

    fn fail(&mut self, token: u64) {
        self.event(MembershipEvent::Response { token, answer: Err(Error::new(ErrorKind::Transport, "cut")) });
    }

    fn reported(&mut self) -> Vec<Error> {
        let all = std::mem::take(&mut self.commands);
        let (errors, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|c| matches!(c, MembershipCommand::Report(_)));
        self.commands = rest;
        errors.into_iter().filter_map(|c| if let MembershipCommand::Report(error) = c { Some(error) } else { None }).collect()
    }

    /// From JoinGroup to SyncGroup's answer, as a follower.
    fn assigned(&mut self, generation: i32, partitions: &[i32]) {
        let (token, _) = self.joins();
        self.reply(token, joined(generation, "other"));
        let (token, request) = self.sent();
        assert!(matches!(request, GroupRequest::SyncGroup(sync) if sync.generation_id == generation));
        self.reply(token, synced(partitions));
    }

    fn settle(&mut self, generation: i32, partitions: &[i32]) {
        self.assigned(generation, partitions);
        self.answers(QuestionKind::Assigned, partitions);
        assert_eq!(self.member.state, State::Stable);
        self.commands.clear();
    }

    fn owned(&self) -> Vec<i32> {
        self.member.owned.iter().map(|partition| partition.partition).collect()
    }

    /// The heartbeat that is due is answered so.
    fn heartbeat(&mut self, code: ErrorCode) {
        self.pass(Duration::from_secs(3));
        let (token, request) = self.sent();
        assert!(matches!(request, GroupRequest::Heartbeat(_)), "{request:?}");
        self.reply(token, heartbeat(code));
    }
}

fn heartbeat(code: ErrorCode) -> GroupResponse {
    GroupResponse::Heartbeat(HeartbeatResponse { error_code: code.code(), ..HeartbeatResponse::default() })
}

fn join_error(code: ErrorCode) -> GroupResponse {
    let response = JoinGroupResponse { error_code: code.code(), member_id: "m".into(), ..JoinGroupResponse::default() };
    GroupResponse::JoinGroup(response)
}

fn joined(generation_id: i32, leader: &str) -> GroupResponse {
    GroupResponse::JoinGroup(JoinGroupResponse {
        generation_id,
        protocol_name: Some("range".into()),
        leader: leader.into(),
        member_id: "m".into(),
        ..JoinGroupResponse::default()
    })
}

fn sync_error(code: ErrorCode) -> GroupResponse {
    GroupResponse::SyncGroup(SyncGroupResponse { error_code: code.code(), ..SyncGroupResponse::default() })
}

fn synced(partitions: &[i32]) -> GroupResponse {
    let partitions = partitions.iter().map(|partition| TopicPartition::new("t", *partition)).collect();
    let assignment = encode_assignment(&MemberAssignment { partitions, user_data: None }).unwrap();
    GroupResponse::SyncGroup(SyncGroupResponse { assignment, ..SyncGroupResponse::default() })
}

#[test]
fn joins_with_the_member_id_that_it_was_given() {
    let mut one = One::started(&["range"]);
    let (token, request) = one.joins();
    assert_eq!((request.member_id.as_str(), request.session_timeout_ms, request.rebalance_timeout_ms), ("", 10_000, 60_000));
    one.reply(token, join_error(ErrorCode::MemberIdRequired));
    let (_, request) = one.joins();
    assert_eq!(request.member_id, "m");
    assert_eq!(one.member.status(one.now).held_up_by, Some(HeldUpBy::OtherMembers));
}

#[test]
fn the_leader_divides_and_sends_everybody_theirs() {
    let mut one = One::started(&["range"]);
    let (token, request) = one.joins();
    let metadata = request.protocols[0].metadata.clone();
    assert_eq!(decode_subscription("m".into(), None, &metadata).unwrap().topics, ["t"]);
    let member = |id: &str| JoinGroupResponseMember {
        member_id: id.into(),
        metadata: metadata.clone(),
        ..JoinGroupResponseMember::default()
    };
    let GroupResponse::JoinGroup(mut response) = joined(1, "m") else { unreachable!() };
    response.members = vec![member("m"), member("n")];
    one.reply(token, GroupResponse::JoinGroup(response));
    assert_eq!(one.member.status(one.now).held_up_by, Some(HeldUpBy::Assignor));
    let Some(MembershipCommand::Assign { token, assignor, topics, members }) = one.commands.pop() else { panic!() };
    let divided = GroupTopics { racks: topics.iter().map(|topic| (topic.clone(), vec![BTreeSet::new(); 2])).collect() };
    let result = Ok(builtin(&assignor).unwrap().assign(&divided, &members));
    one.event(MembershipEvent::Assigned { token, topics: divided.clone(), result });
    let (token, GroupRequest::SyncGroup(sync)) = one.sent() else { panic!() };
    assert_eq!(sync.assignments.iter().map(|a| a.member_id.as_str()).collect::<Vec<_>>(), ["m", "n"]);
    one.reply(
        token,
        GroupResponse::SyncGroup(SyncGroupResponse {
            assignment: sync.assignments[0].assignment.clone(),
            ..SyncGroupResponse::default()
        }),
    );
    one.answers(QuestionKind::Assigned, &[0]);
    // As it was: nothing. One partition more: the leader has the group divide anew.
    one.event(MembershipEvent::TopicsChanged(divided.clone()));
    assert_eq!(one.member.state, State::Stable);
    let mut grown = divided;
    grown.racks.values_mut().for_each(|racks| racks.push(BTreeSet::new()));
    one.event(MembershipEvent::TopicsChanged(grown));
    one.answers(QuestionKind::Revoked, &[0]);
    assert_eq!(one.joins().1.reason, Some("the topics' partitions changed".into()));
}

#[test]
fn what_changes_while_the_assignor_runs_is_divided_anew() {
    let mut one = One::started(&["range"]);
    let (token, request) = one.joins();
    let GroupResponse::JoinGroup(mut response) = joined(1, "m") else { unreachable!() };
    let metadata = request.protocols[0].metadata.clone();
    response.members = vec![JoinGroupResponseMember { member_id: "m".into(), metadata, ..JoinGroupResponseMember::default() }];
    one.reply(token, GroupResponse::JoinGroup(response));
    let Some(MembershipCommand::Assign { token, members, .. }) = one.commands.pop() else { panic!() };
    let of = |count| GroupTopics { racks: [("t".into(), vec![BTreeSet::new(); count])].into() };
    one.event(MembershipEvent::TopicsChanged(of(2)));
    let result = Ok(builtin("range").unwrap().assign(&of(1), &members));
    one.event(MembershipEvent::Assigned { token, topics: of(1), result });
    let (token, _) = one.sent();
    one.reply(token, synced(&[0]));
    one.answers(QuestionKind::Assigned, &[0]);
    one.answers(QuestionKind::Revoked, &[0]);
    assert_eq!(one.joins().1.reason, Some("the topics' partitions changed".into()));
}

#[test]
fn heartbeats_come_quickly_after_a_rebalance_and_then_less_and_less_often() {
    let mut one = One::stable(&["range"], &[0]);
    for generation in 2..4 {
        let mut pauses = Vec::new();
        let mut last = one.now;
        while pauses.len() < 8 {
            one.now = one.poll();
            let (token, request) = one.sent();
            assert!(matches!(request, GroupRequest::Heartbeat(_)), "{request:?}");
            one.reply(token, heartbeat(ErrorCode::None));
            pauses.push(one.now.since(last).as_millis());
            last = one.now;
        }
        assert_eq!(pauses, [100, 100, 200, 400, 800, 1600, 3000, 3000]);
        one.heartbeat(ErrorCode::RebalanceInProgress);
        one.answers(QuestionKind::Revoked, &[0]);
        one.settle(generation, &[0]);
    }
}

#[test]
fn eager_members_give_everything_up_before_they_join_again() {
    let mut one = One::stable(&["range"], &[0, 1]);
    one.heartbeat(ErrorCode::RebalanceInProgress);
    assert_eq!(one.member.state, State::Preparing);
    assert_eq!(one.member.status(one.now).held_up_by, Some(HeldUpBy::Application(QuestionKind::Revoked)));
    // It may commit in its generation until it has answered.
    assert_eq!(one.member.identity().map(|identity| identity.generation), Some(1));
    // Meanwhile heartbeats go on, since the application may take its time.
    one.commands.retain(|command| matches!(command, MembershipCommand::Ask(_)));
    one.pass(Duration::from_secs(3));
    let place = one.commands.iter().position(|c| matches!(c, MembershipCommand::Send { .. })).unwrap();
    let MembershipCommand::Send { token, request: GroupRequest::Heartbeat(_), .. } = one.commands.remove(place) else { panic!() };
    one.reply(token, heartbeat(ErrorCode::RebalanceInProgress));
    one.answers(QuestionKind::Revoked, &[0, 1]);
    assert!(one.owned().is_empty());
    one.settle(2, &[1]);
}

#[test]
fn cooperative_members_keep_what_they_have_and_join_again_after_they_gave_up() {
    let mut one = One::stable(&["cooperative-sticky"], &[0, 1]);
    one.heartbeat(ErrorCode::RebalanceInProgress);
    let (token, request) = one.joins();
    let said = decode_subscription("m".into(), None, &request.protocols[0].metadata).unwrap();
    assert_eq!((said.owned_partitions.len(), said.generation, one.owned()), (2, 1, vec![0, 1]));
    one.reply(token, joined(2, "other"));
    let (token, _) = one.sent();
    one.reply(token, synced(&[0, 3]));
    one.answers(QuestionKind::Revoked, &[1]);
    one.answers(QuestionKind::Assigned, &[3]);
    assert_eq!(one.owned(), [0, 3]);
    // At once: others wait for what it gave up.
    assert_eq!(one.joins().1.reason, Some("partitions were given up for others".into()));
    assert!(one.asked().is_none());
}

#[test]
fn nothing_goes_on_before_the_application_has_answered() {
    let mut one = One::started(&["range"]);
    one.assigned(1, &[0]);
    let (question, ..) = one.asked().unwrap();
    for _ in 0..10 {
        one.pass(Duration::from_millis(100));
        assert_eq!(one.member.state, State::Reconciling);
    }
    one.event(MembershipEvent::Answered { question: question + 1 });
    assert_eq!(one.member.state, State::Reconciling);
    one.event(MembershipEvent::Answered { question });
    assert_eq!(one.member.state, State::Stable);
}

#[test]
fn who_does_not_poll_leaves_with_an_error_and_joins_cleanly_when_it_polls() {
    let mut one = One::stable(&["cooperative-sticky"], &[0, 1]);
    for _ in 0..19 {
        one.heartbeat(ErrorCode::None);
    }
    one.pass(Duration::from_millis(3001));
    let errors = one.reported();
    assert_eq!(errors.iter().map(Error::kind).collect::<Vec<_>>(), [ErrorKind::MaxPollExceeded]);
    assert_eq!(errors[0].name(), "_MAX_POLL_EXCEEDED");
    one.commands.retain(|c| !matches!(c, MembershipCommand::Send { request: GroupRequest::Heartbeat(_), .. }));
    assert_eq!(one.asked().map(|(_, kind, _)| kind), Some(QuestionKind::Lost));
    let (_, request) = one.sent();
    assert!(matches!(request, GroupRequest::LeaveGroup(_)));
    assert_eq!(one.member.identity(), None);
    // It says so once, and does not join as long as nobody polls.
    one.pass(Duration::from_secs(100));
    assert!(one.commands().is_empty());
    let question = one.member.asked.clone().unwrap();
    assert_eq!((question.kind, question.partitions.len()), (QuestionKind::Lost, 2));
    one.event(MembershipEvent::Answered { question: question.id });
    assert_eq!(one.member.state, State::Unjoined);
    assert!(matches!(one.member.status(one.now).held_up_by, Some(HeldUpBy::ApplicationPoll(_))));
    one.event(MembershipEvent::ApplicationPolled);
    assert_eq!(one.joins().1.member_id, "");
}

#[test]
fn a_static_member_that_does_not_poll_only_falls_silent() {
    let mut one = One::new(ClassicSettings { group_instance_id: Some("i".into()), ..settings(&["range"]) });
    one.event(MembershipEvent::Subscribed(BTreeSet::from(["t".into()])));
    one.event(MembershipEvent::CoordinatorFound(7));
    one.settle(1, &[0]);
    one.pass(Duration::from_secs(61));
    assert_eq!(one.reported().len(), 1);
    assert!(one.commands.iter().all(|c| !matches!(c, MembershipCommand::Send { request: GroupRequest::LeaveGroup(_), .. })));
}

#[test]
fn a_lost_generation_is_lost_partitions_whatever_the_protocol() {
    for assignor in ["range", "cooperative-sticky"] {
        for (code, member_id) in [(ErrorCode::UnknownMemberId, ""), (ErrorCode::IllegalGeneration, "m")] {
            let mut one = One::stable(&[assignor], &[0]);
            one.heartbeat(code);
            assert_eq!(one.member.identity(), None);
            one.answers(QuestionKind::Lost, &[0]);
            assert_eq!(one.joins().1.member_id, member_id);
        }
    }
}

#[test]
fn fenced_is_the_end() {
    let mut one = One::stable(&["range"], &[0]);
    one.heartbeat(ErrorCode::FencedInstanceId);
    assert!(one.reported()[0].is_fatal());
    one.answers(QuestionKind::Lost, &[0]);
    one.event(MembershipEvent::Subscribed(BTreeSet::from(["u".into()])));
    one.pass(Duration::from_secs(1000));
    assert!(one.commands().is_empty());
    assert_eq!(one.member.state, State::Fenced);
    one.event(MembershipEvent::Close { leave: LeavePolicy::Default, by: one.now + Duration::from_secs(1) });
    assert!(matches!(one.commands(), [MembershipCommand::Closed]));
}

#[test]
fn what_only_the_application_can_mend_waits_for_its_poll() {
    for code in [
        ErrorCode::InconsistentGroupProtocol,
        ErrorCode::InvalidSessionTimeout,
        ErrorCode::InvalidGroupId,
        ErrorCode::GroupAuthorizationFailed,
        ErrorCode::GroupMaxSizeReached,
    ] {
        let mut one = One::started(&["range"]);
        let (token, _) = one.joins();
        one.reply(token, join_error(code));
        assert_eq!(one.reported()[0].code(), Some(code));
        one.pass(Duration::from_secs(10));
        assert!(one.commands().is_empty(), "{code:?}");
        one.event(MembershipEvent::ApplicationPolled);
        one.joins();
    }
}

#[test]
fn what_comes_right_by_itself_is_tried_again_after_a_backoff() {
    for code in [ErrorCode::CoordinatorLoadInProgress, ErrorCode::RebalanceInProgress] {
        let mut one = One::started(&["range"]);
        let (token, _) = one.joins();
        one.reply(token, join_error(code));
        assert!(one.commands().is_empty());
        one.pass(Duration::from_millis(200));
        one.joins();
    }
    // Of a sync the first time at once, and then after a backoff.
    let mut one = One::started(&["range"]);
    for attempt in 0..3 {
        let (token, _) = one.joins();
        one.reply(token, joined(attempt, "other"));
        let (token, _) = one.sent();
        one.reply(token, sync_error(ErrorCode::RebalanceInProgress));
        assert_eq!(one.commands().is_empty(), attempt > 0);
        one.pass(Duration::from_millis(500 * attempt as u64));
    }
}

#[test]
fn another_coordinator_is_looked_for_and_the_member_stays_one() {
    let mut one = One::stable(&["range"], &[0]);
    one.heartbeat(ErrorCode::NotCoordinator);
    assert!(matches!(one.commands(), [MembershipCommand::FindCoordinator]));
    one.commands.clear();
    one.pass(Duration::from_secs(20));
    assert!(one.commands().is_empty());
    one.event(MembershipEvent::CoordinatorFound(7));
    let (token, request) = one.sent();
    assert!(matches!(request, GroupRequest::Heartbeat(_)));
    one.reply(token, heartbeat(ErrorCode::None));
    assert_eq!((one.member.state, one.owned()), (State::Stable, vec![0]));
}

#[test]
fn a_coordinator_that_does_not_answer_is_looked_up_again_within_the_session() {
    let mut one = One::stable(&["range"], &[0]);
    one.pass(Duration::from_secs(3));
    one.sent();
    one.pass(Duration::from_secs(8));
    assert!(matches!(one.commands(), [MembershipCommand::FindCoordinator]));
    assert_eq!(one.member.status(one.now).last_error.unwrap().1.kind(), ErrorKind::Timeout);
}

#[test]
fn a_join_whose_connection_breaks_is_made_again() {
    let mut one = One::started(&["range"]);
    let (token, _) = one.joins();
    one.fail(token);
    assert!(matches!(one.commands(), [MembershipCommand::FindCoordinator]));
    one.commands.clear();
    one.event(MembershipEvent::CoordinatorFound(7));
    one.pass(Duration::from_millis(200));
    let (fresh, _) = one.joins();
    // The answer to the first one comes too late.
    one.reply(token, joined(1, "other"));
    assert_eq!(one.member.state, State::Joining);
    one.reply(fresh, joined(2, "other"));
    assert_eq!(one.member.state, State::Syncing);
    assert_eq!(one.member.status(one.now).held_up_by, Some(HeldUpBy::Leader("other".into())));
}

#[test]
fn another_subscription_is_another_join() {
    let mut one = One::stable(&["cooperative-sticky"], &[0]);
    one.event(MembershipEvent::Subscribed(BTreeSet::from(["u".into()])));
    one.answers(QuestionKind::Revoked, &[0]);
    let (token, request) = one.joins();
    assert_eq!(decode_subscription("m".into(), None, &request.protocols[0].metadata).unwrap().topics, ["u"]);
    // A leader that divides what is not subscribed to any more.
    one.reply(token, joined(2, "other"));
    let (token, _) = one.sent();
    one.reply(token, synced(&[0]));
    assert!(one.owned().is_empty());
    let told = |(assigned, subscribed): (&str, &str)| {
        let (assigned, subscribed) = (BTreeSet::from([assigned.into()]), BTreeSet::from([subscribed.into()]));
        MembershipCommand::NotSubscribed { assigned, subscribed }
    };
    assert_eq!(format!("{:?}", one.commands()), format!("{:?}", [told(("t", "u"))]));
    one.commands.clear();
    one.pass(Duration::from_millis(300));
    one.joins();
}

/// KafkaJS's leaders take all members to subscribe to what they do.
struct Beyond;

impl PartitionAssignor for Beyond {
    fn name(&self) -> &str {
        "range"
    }

    fn assigns_beyond_subscriptions(&self) -> bool {
        true
    }

    fn assign(&self, _topics: &GroupTopics, _members: &[MemberSubscription]) -> GroupAssignment {
        panic!("it follows")
    }
}

#[test]
fn what_is_assigned_beyond_the_subscription_is_left_alone_where_the_assignor_does_so() {
    let mut one = One::new(ClassicSettings { assignors: vec![Arc::new(Beyond)], ..settings(&[]) });
    one.event(MembershipEvent::Subscribed(BTreeSet::from(["t".into()])));
    one.event(MembershipEvent::CoordinatorFound(7));
    let (token, _) = one.joins();
    one.reply(token, joined(1, "other"));
    let (token, _) = one.sent();
    let partitions = vec![TopicPartition::new("t", 1), TopicPartition::new("x", 0)];
    let assignment = encode_assignment(&MemberAssignment { partitions, user_data: None }).unwrap();
    one.reply(token, GroupResponse::SyncGroup(SyncGroupResponse { assignment, ..SyncGroupResponse::default() }));
    let (assigned, subscribed) = (BTreeSet::from(["t".into(), "x".into()]), BTreeSet::from(["t".into()]));
    let told = MembershipCommand::NotSubscribed { assigned, subscribed };
    let (first, told) = (format!("{:?}", one.commands().first()), format!("{:?}", Some(told)));
    assert_eq!(first, told);
    one.answers(QuestionKind::Assigned, &[1]);
    assert_eq!(one.member.state, State::Stable);
    assert_eq!(one.owned(), [1]);
}

#[test]
fn close_gives_up_leaves_and_is_over() {
    let mut one = One::stable(&["range"], &[0]);
    one.event(MembershipEvent::Close { leave: LeavePolicy::Default, by: one.now + Duration::from_secs(5) });
    one.answers(QuestionKind::Revoked, &[0]);
    let (token, GroupRequest::LeaveGroup(request)) = one.sent() else { panic!() };
    assert_eq!((request.members[0].member_id.as_str(), one.member.state), ("m", State::Leaving));
    let members = vec![MemberResponse { error_code: 25, ..MemberResponse::default() }];
    one.reply(token, GroupResponse::LeaveGroup(LeaveGroupResponse { members, ..LeaveGroupResponse::default() }));
    assert!(matches!(one.commands(), [MembershipCommand::Closed]));
}

#[test]
fn close_is_over_in_time_whatever_nobody_answers() {
    // The application, the coordinator, or both; with a JoinGroup parked; without any coordinator.
    for answered in [false, true] {
        let mut one = One::stable(&["range"], &[0]);
        let by = one.now + Duration::from_secs(5);
        one.event(MembershipEvent::Close { leave: LeavePolicy::Default, by });
        if answered {
            one.answers(QuestionKind::Revoked, &[0]);
        }
        let due = one.poll();
        assert!(due <= by);
        one.now = by;
        one.poll();
        assert_eq!(one.member.state, State::Closed);
        assert!(one.commands.iter().any(|c| matches!(c, MembershipCommand::Closed)));
    }
    let mut one = One::started(&["range"]);
    let (token, _) = one.joins();
    one.reply(token, join_error(ErrorCode::MemberIdRequired));
    one.joins();
    one.event(MembershipEvent::Close { leave: LeavePolicy::Default, by: one.now + Duration::from_secs(5) });
    let (_, request) = one.sent();
    assert!(matches!(request, GroupRequest::LeaveGroup(_)), "it leaves while its JoinGroup is parked");
    let mut one = One::new(settings(&["range"]));
    one.event(MembershipEvent::Subscribed(BTreeSet::from(["t".into()])));
    one.event(MembershipEvent::Close { leave: LeavePolicy::Default, by: one.now + Duration::from_secs(5) });
    assert_eq!(one.member.state, State::Closed);
}

#[test]
fn a_static_member_that_closes_stays_unless_it_is_told_to_leave() {
    for (leave, leaves) in [(LeavePolicy::Default, false), (LeavePolicy::Leave, true), (LeavePolicy::Remain, false)] {
        let mut one = One::new(ClassicSettings { group_instance_id: Some("i".into()), ..settings(&["range"]) });
        one.event(MembershipEvent::Subscribed(BTreeSet::from(["t".into()])));
        one.event(MembershipEvent::CoordinatorFound(7));
        one.settle(1, &[]);
        one.event(MembershipEvent::Close { leave, by: one.now + Duration::from_secs(5) });
        assert_eq!(one.member.state == State::Leaving, leaves, "{leave:?}");
    }
}

#[test]
fn who_unsubscribes_may_subscribe_again() {
    let mut one = One::stable(&["range"], &[0]);
    one.event(MembershipEvent::Subscribed(BTreeSet::new()));
    one.answers(QuestionKind::Revoked, &[0]);
    let (token, GroupRequest::LeaveGroup(_)) = one.sent() else { panic!() };
    one.event(MembershipEvent::Subscribed(BTreeSet::from(["t".into()])));
    one.reply(token, GroupResponse::LeaveGroup(LeaveGroupResponse::default()));
    assert_eq!(one.joins().1.member_id, "");
}

#[test]
fn who_unsubscribes_while_it_gives_partitions_up_is_asked_once() {
    let mut one = One::stable(&["range"], &[0, 1]);
    one.heartbeat(ErrorCode::RebalanceInProgress);
    let (question, kind, partitions) = one.asked().expect("a question");
    assert_eq!((kind, partitions.as_slice()), (QuestionKind::Revoked, [0, 1].as_slice()));
    one.event(MembershipEvent::Subscribed(BTreeSet::new()));
    assert_eq!(one.asked(), None);
    one.event(MembershipEvent::Answered { question });
    assert_eq!((one.asked(), one.owned()), (None, Vec::new()));
    assert!(matches!(one.sent().1, GroupRequest::LeaveGroup(_)));
}

/// What no records may be handed out of any more.
fn taken_away(one: &mut One) -> Vec<i32> {
    one.poll();
    let place = one.commands.iter().position(|command| matches!(command, MembershipCommand::TakeAway(_))).expect("it is said");
    let MembershipCommand::TakeAway(partitions) = one.commands.remove(place) else { unreachable!() };
    partitions.iter().map(|partition| partition.partition).collect()
}

#[test]
fn who_has_not_answered_when_its_member_has_left_hears_what_it_lost() {
    // Asked last: what was assigned to it, or what it is to give up.
    for (asked_last, lost) in [(QuestionKind::Assigned, true), (QuestionKind::Revoked, false)] {
        let mut one = if lost { One::started(&["range"]) } else { One::stable(&["range"], &[0, 1]) };
        if lost {
            one.assigned(1, &[0, 1]);
        }
        one.event(MembershipEvent::Subscribed(BTreeSet::new()));
        let (question, kind, _) = one.asked().expect("a question");
        assert_eq!(kind, asked_last);
        one.pass(Duration::from_secs(60));
        assert_eq!(one.member.state, State::Unsubscribed);
        assert_eq!(taken_away(&mut one), [0, 1]);
        assert!(matches!(one.sent().1, GroupRequest::LeaveGroup(_)));
        assert_eq!((one.asked(), one.member.identity()), (None, None), "one question at a time");
        // It may subscribe again at once, and joins when everything is answered.
        one.event(MembershipEvent::Subscribed(BTreeSet::from(["t".into()])));
        one.pass(Duration::from_secs(1));
        assert!(one.commands().is_empty());
        assert_eq!(one.member.status(one.now).held_up_by, Some(HeldUpBy::Application(asked_last)));
        one.event(MembershipEvent::Answered { question });
        if lost {
            one.answers(QuestionKind::Lost, &[0, 1]);
        }
        assert_eq!((one.asked(), one.owned()), (None, Vec::new()));
        assert_eq!(one.joins().1.member_id, "", "as another member");
    }
}

#[test]
fn what_was_lost_is_told_to_one_that_subscribes_to_nothing_too() {
    let mut one = One::started(&["range"]);
    one.assigned(1, &[0]);
    one.event(MembershipEvent::Subscribed(BTreeSet::new()));
    let (question, ..) = one.asked().expect("a question");
    one.pass(Duration::from_secs(60));
    assert_eq!(taken_away(&mut one), [0]);
    one.commands.clear();
    one.event(MembershipEvent::Answered { question });
    one.answers(QuestionKind::Lost, &[0]);
    assert_eq!((one.member.state, one.owned()), (State::Unsubscribed, Vec::new()));
    assert!(one.commands().is_empty());
}

#[test]
fn a_commit_that_was_refused_tells_of_the_generation() {
    let mut one = One::stable(&["range"], &[0]);
    one.event(MembershipEvent::CommitRefused { generation: 0, code: ErrorCode::IllegalGeneration });
    assert_eq!(one.member.state, State::Stable);
    one.event(MembershipEvent::CommitRefused { generation: 1, code: ErrorCode::RebalanceInProgress });
    one.answers(QuestionKind::Revoked, &[0]);
    let mut one = One::stable(&["range"], &[0]);
    one.event(MembershipEvent::CommitRefused { generation: 1, code: ErrorCode::UnknownMemberId });
    one.answers(QuestionKind::Lost, &[0]);
}

#[test]
fn bytes_that_lie_are_an_error_and_not_the_end() {
    let mut one = One::started(&["range"]);
    let (token, _) = one.joins();
    one.reply(token, joined(1, "other"));
    let (token, _) = one.sent();
    let assignment = Bytes::from_static(&[0, 1, 127, 255, 255, 255]);
    one.reply(token, GroupResponse::SyncGroup(SyncGroupResponse { assignment, ..SyncGroupResponse::default() }));
    assert_eq!(one.reported()[0].kind(), ErrorKind::Protocol);
    one.event(MembershipEvent::ApplicationPolled);
    one.pass(Duration::from_secs(1));
    let (token, _) = one.joins();
    let GroupResponse::JoinGroup(mut response) = joined(1, "m") else { unreachable!() };
    response.members = vec![JoinGroupResponseMember { member_id: "x".into(), ..JoinGroupResponseMember::default() }];
    one.reply(token, GroupResponse::JoinGroup(response));
    assert_eq!(one.reported()[0].kind(), ErrorKind::Protocol);
}

#[test]
fn settings_that_can_t_work_are_refused() {
    let group = |settings| ClassicMembership::new(settings, Rng::from_seed(1)).map(drop).map_err(|error| error.kind());
    assert_eq!(group(ClassicSettings { group_id: "".into(), ..settings(&["range"]) }), Err(ErrorKind::Config));
    assert_eq!(group(settings(&[])), Err(ErrorKind::Config));
    assert_eq!(group(settings(&["range", "range"])), Err(ErrorKind::Config));
}

/// That the request has a form in each of these versions.
fn encodes(request: &impl ottla_protocol::Encode, versions: std::ops::RangeInclusive<i16>) {
    for version in versions {
        request.encode(&mut ottla_protocol::WireBuf::new(), version).unwrap_or_else(|error| panic!("version {version}: {error}"));
    }
}

#[test]
fn a_dynamic_member_s_requests_have_a_form_in_every_version() {
    let mut one = One::started(&["range", "sticky"]);
    let (token, request) = one.joins();
    encodes(&request, 0..=9);
    one.reply(token, joined(1, "other"));
    let (token, GroupRequest::SyncGroup(request)) = one.sent() else { panic!() };
    encodes(&request, 0..=5);
    one.reply(token, synced(&[0]));
    one.answers(QuestionKind::Assigned, &[0]);
    one.pass(Duration::from_secs(3));
    let (_, GroupRequest::Heartbeat(request)) = one.sent() else { panic!() };
    encodes(&request, 0..=4);
    one.event(MembershipEvent::Close { leave: LeavePolicy::Default, by: one.now + Duration::from_secs(5) });
    one.answers(QuestionKind::Revoked, &[0]);
    let (_, GroupRequest::LeaveGroup(request)) = one.sent() else { panic!() };
    for version in 0..=5 {
        let mut request = request.clone();
        crate::group::fit_leave_group(&mut request, version);
        encodes(&request, version..=version);
    }
}

#[test]
fn a_pattern_means_the_topics_that_are_there_and_not_kafka_s_own() {
    use crate::metadata::{Cluster, TopicInfo};
    let topic = |name: &str, is_internal, error| {
        let info = TopicInfo { name: name.into(), id: ottla_protocol::Uuid::ZERO, error, is_internal, partitions: Vec::new() };
        (Text::from(name), Arc::new(info))
    };
    let topics = BTreeMap::from([
        topic("orders", false, ErrorCode::None),
        topic("offers", false, ErrorCode::UnknownTopicOrPartition),
        topic("__consumer_offsets", true, ErrorCode::None),
        topic("bills", false, ErrorCode::None),
    ]);
    let cluster = Cluster { topics, ..Cluster::default() };
    let matching = |internal| crate::group::matching_topics(&cluster, internal, |name| name.contains("o"));
    assert_eq!(matching(false), BTreeSet::from(["orders".into()]));
    assert_eq!(matching(true), BTreeSet::from(["orders".into(), "__consumer_offsets".into()]));
}
