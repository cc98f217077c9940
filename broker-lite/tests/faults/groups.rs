//! Faults of the group APIs: errors where each has its place for them, applied or not.

use std::time::Duration;

use ottla_broker::{ApiKey, Broker, Effect, ErrorCode, Rule};
use ottla_protocol::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use ottla_protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics};
use ottla_protocol::messages::{
    ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest, JoinGroupRequest, ListGroupsRequest,
    OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, SyncGroupRequest,
};
use tokio::time::Instant;

use crate::group_setup::{GROUP, MemberPeer, builder, commit_request, committed, connect, coordinator, two_members};

fn broker() -> Broker {
    builder().topic("u", 1).journal(100).start().unwrap()
}

fn error(api: ApiKey, code: ErrorCode, applied: bool) -> Rule {
    Rule { group: Some(GROUP.into()), ..Rule::on(api, Effect::Error { code, applied }).once() }
}

#[tokio::test(start_paused = true)]
async fn members_are_refused_and_the_group_stays_as_it_is() {
    let broker = broker();
    let (mut leader, mut follower) = two_members(&broker).await;
    for api in [ApiKey::JoinGroup, ApiKey::SyncGroup, ApiKey::Heartbeat, ApiKey::LeaveGroup, ApiKey::OffsetCommit] {
        broker.add_fault(error(api, ErrorCode::CoordinatorLoadInProgress, false)).unwrap();
    }
    leader.send_join().await;
    assert_eq!(leader.joined().await.error_code, 14);
    assert_eq!(leader.sync(&[]).await.error_code, 14);
    assert_eq!((leader.heartbeat().await, leader.leave().await, leader.commit(1).await), (14, 14, 14));
    let status = broker.group_status(GROUP).unwrap();
    assert_eq!((status.state.name(), status.generation, status.members.len()), ("Stable", 2, 2));
    assert_eq!((committed(&broker, 1).await, leader.heartbeat().await, follower.heartbeat().await), (Ok(-1), 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_done_may_be_answered_with_an_error() {
    let broker = broker();
    let (mut leader, mut follower) = two_members(&broker).await;
    broker.add_fault(error(ApiKey::OffsetCommit, ErrorCode::RequestTimedOut, true)).unwrap();
    assert_eq!((leader.commit(9).await, committed(&broker, 1).await), (7, Ok(9)));
    broker.add_fault(error(ApiKey::JoinGroup, ErrorCode::NotCoordinator, true)).unwrap();
    leader.send_join().await;
    // It waits all the same until the others have joined.
    assert_eq!(follower.join().await.generation_id, 3);
    assert_eq!(leader.joined().await.error_code, 16);
    assert_eq!(leader.join().await.generation_id, 3);
    broker.add_fault(error(ApiKey::SyncGroup, ErrorCode::NotCoordinator, true)).unwrap();
    follower.send_sync(&[]).await;
    assert_eq!(leader.sync(&[]).await.error_code, 0);
    assert_eq!(follower.synced().await.error_code, 16);
    broker.add_fault(error(ApiKey::Heartbeat, ErrorCode::UnknownMemberId, true)).unwrap();
    broker.add_fault(error(ApiKey::LeaveGroup, ErrorCode::NotCoordinator, true)).unwrap();
    assert_eq!((follower.heartbeat().await, follower.leave().await, follower.heartbeat().await), (25, 16, 25));
}

#[tokio::test(start_paused = true)]
async fn a_commit_or_a_fetch_fails_for_a_partition() {
    let broker = broker();
    coordinator(&broker, 1, GROUP).await.unwrap();
    let mut peer = connect(&broker, 1);
    let about = |rule: Rule| Rule { topic: Some("u".into()), ..rule };
    let request = OffsetCommitRequest {
        topics: [commit_request("t", 0, 1, "").topics, commit_request("u", 0, 2, "").topics].concat(),
        ..commit_request("t", 0, 1, "")
    };
    broker.add_fault(about(error(ApiKey::OffsetCommit, ErrorCode::TopicAuthorizationFailed, false))).unwrap();
    let topics = peer.ask(9, &request).await.topics;
    assert_eq!((topics[0].partitions[0].error_code, topics[1].partitions[0].error_code), (0, 29));
    assert_eq!(broker.committed_offset(GROUP, "u", 0), None);
    peer.ask(9, &request).await;
    broker.add_fault(about(error(ApiKey::OffsetFetch, ErrorCode::UnstableOffsetCommit, false))).unwrap();
    let topic = |name: &str| OffsetFetchRequestTopic { name: name.into(), partition_indexes: vec![0], ..Default::default() };
    let ask = OffsetFetchRequest { group_id: GROUP.into(), topics: Some(vec![topic("t"), topic("u")]), ..Default::default() };
    let topics = peer.ask(7, &ask).await.topics;
    assert_eq!((topics[0].partitions[0].error_code, topics[1].partitions[0].error_code), (0, 88));
    assert_eq!((topics[0].partitions[0].committed_offset, topics[1].partitions[0].committed_offset), (1, -1));
    broker.add_fault(about(error(ApiKey::OffsetDelete, ErrorCode::GroupSubscribedToTopic, false))).unwrap();
    let partitions = vec![OffsetDeleteRequestPartition::default()];
    let topics = ["t", "u"].map(|name| OffsetDeleteRequestTopic {
        name: name.into(),
        partitions: partitions.clone(),
        ..Default::default()
    });
    let delete = OffsetDeleteRequest { group_id: GROUP.into(), topics: topics.to_vec(), ..Default::default() };
    let topics = peer.ask(0, &delete).await.topics;
    assert_eq!((topics[0].partitions[0].error_code, topics[1].partitions[0].error_code), (0, 86));
    assert_eq!(broker.committed_offset(GROUP, "u", 0), Some((2, String::new())));
}

#[tokio::test(start_paused = true)]
async fn groups_are_refused_one_by_one() {
    let broker = broker();
    coordinator(&broker, 1, GROUP).await.unwrap();
    let mut peer = connect(&broker, 1);
    for api in [ApiKey::OffsetFetch, ApiKey::DescribeGroups, ApiKey::ConsumerGroupDescribe, ApiKey::DeleteGroups] {
        broker.add_fault(Rule { times: None, ..error(api, ErrorCode::GroupAuthorizationFailed, false) }).unwrap();
    }
    let group = |id: &str| {
        let topics = Some(vec![OffsetFetchRequestTopics::default()]);
        OffsetFetchRequestGroup { group_id: id.into(), topics, ..Default::default() }
    };
    let fetched = peer.ask(9, &OffsetFetchRequest { groups: vec![group("f"), group(GROUP)], ..Default::default() }).await;
    assert_eq!((fetched.groups[0].error_code, fetched.groups[1].error_code), (0, 30));
    let names = || vec!["f".into(), GROUP.into()];
    let described = peer.ask(6, &DescribeGroupsRequest { groups: names(), ..Default::default() }).await;
    assert_eq!((described.groups[0].error_code, described.groups[1].error_code), (69, 30));
    let described = peer.ask(1, &ConsumerGroupDescribeRequest { group_ids: names(), ..Default::default() }).await;
    assert_eq!((described.groups[0].error_code, described.groups[1].error_code), (69, 30));
    let deleted = peer.ask(2, &DeleteGroupsRequest { groups_names: names(), ..Default::default() }).await;
    assert_eq!((deleted.results[0].error_code, deleted.results[1].error_code), (69, 30));
    let rule = Rule::on(ApiKey::ListGroups, Effect::Error { code: ErrorCode::CoordinatorNotAvailable, applied: false });
    broker.add_fault(rule.once()).unwrap();
    assert_eq!(peer.ask(5, &ListGroupsRequest::default()).await.error_code, 15);
    assert_eq!(peer.ask(5, &ListGroupsRequest::default()).await.error_code, 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_join_leaves_a_member_behind_until_its_session_ends() {
    let broker = broker();
    coordinator(&broker, 1, GROUP).await.unwrap();
    let mut lost = MemberPeer::new(&broker, 1);
    broker.add_fault(Rule { skip: 1, ..Rule::on(ApiKey::JoinGroup, Effect::Close { applied: true }).once() }).unwrap();
    lost.send_join().await;
    assert!(lost.peer.receive_frame().await.is_none());
    assert_eq!(broker.group_status(GROUP).unwrap().members.len(), 1);
    let begun = Instant::now();
    let mut other = MemberPeer::new(&broker, 1);
    // It waits for the one that is lost.
    assert_eq!(other.join().await.members.len(), 1);
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn the_journal_shows_what_members_asked() {
    let broker = broker();
    let (mut leader, _) = two_members(&broker).await;
    leader.commit(3).await;
    let entries = broker.journal().entries();
    let joins: Vec<JoinGroupRequest> = entries.iter().filter_map(|entry| entry.decode()).collect();
    assert_eq!((joins.len(), joins[0].member_id.as_str(), &joins[1].member_id), (5, "", &leader.id));
    let syncs: Vec<SyncGroupRequest> = entries.iter().filter_map(|entry| entry.decode()).collect();
    assert_eq!((syncs.len(), syncs[1].assignments.len()), (2, 2));
    assert!(entries.iter().any(|entry| entry.decode::<OffsetCommitRequest>().is_some()));
}
