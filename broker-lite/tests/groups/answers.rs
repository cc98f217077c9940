//! What each API answers in its versions. The same is held against a live Kafka elsewhere; this runs without one.

use bytes::Bytes;
use ottla_protocol::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use ottla_protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics};
use ottla_protocol::messages::{
    ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, MetadataRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
    SyncGroupRequest,
};
use tokio::time::Instant;

use crate::setup::{GROUP, MemberPeer, builder, commit_request, connect, coordinator, join_request, pass, settle, two_members};

#[tokio::test(start_paused = true)]
async fn nothing_is_known_of_a_group_that_is_not_there() {
    let broker = builder().start().unwrap();
    coordinator(&broker, 1, GROUP).await.unwrap();
    let mut peer = connect(&broker, 1);
    for version in 0..=4 {
        let request = HeartbeatRequest { group_id: GROUP.into(), member_id: "m".into(), ..Default::default() };
        assert_eq!(peer.ask(version, &request).await.error_code, 25);
    }
    for version in 0..=4 {
        let request = SyncGroupRequest { group_id: GROUP.into(), member_id: "m".into(), ..Default::default() };
        assert_eq!(peer.ask(version, &request).await.error_code, 25);
    }
    let request = SyncGroupRequest { group_id: GROUP.into(), member_id: "m".into(), ..Default::default() };
    assert_eq!(peer.ask(5, &request).await.error_code, 23, "the protocol is not said");
    for version in 0..=2 {
        let request = LeaveGroupRequest { group_id: GROUP.into(), member_id: "m".into(), ..Default::default() };
        assert_eq!(peer.ask(version, &request).await.error_code, 25);
        let request = DeleteGroupsRequest { groups_names: vec![GROUP.into()], ..Default::default() };
        assert_eq!(peer.ask(version, &request).await.results[0].error_code, 69);
    }
    for (version, code) in [(2, 22), (8, 22), (9, 69)] {
        let request = OffsetCommitRequest { generation_id_or_member_epoch: 0, ..commit_request("t", 0, 1, "") };
        let request = OffsetCommitRequest { member_id: "m".into(), ..without_epoch(version, request) };
        assert_eq!(peer.ask(version, &request).await.topics[0].partitions[0].error_code, code);
    }
    for version in 0..=6 {
        let described = peer.ask(version, &DescribeGroupsRequest { groups: vec![GROUP.into()], ..Default::default() }).await;
        let group = &described.groups[0];
        assert_eq!((group.error_code, group.group_state.as_str()), (if version < 6 { 0 } else { 69 }, "Dead"));
    }
    let described = peer.ask(1, &ConsumerGroupDescribeRequest { group_ids: vec![GROUP.into()], ..Default::default() }).await;
    assert_eq!(described.groups[0].error_message.as_deref(), Some("Group g not found."));
    assert_eq!(broker.groups().len(), 0);
}

/// Before version 6 there were no leader epochs.
fn without_epoch(version: i16, mut request: OffsetCommitRequest) -> OffsetCommitRequest {
    if version < 6 {
        request.topics[0].partitions[0].committed_leader_epoch = -1;
    }
    request
}

#[tokio::test(start_paused = true)]
async fn offsets_come_back_as_they_were_committed() {
    let broker = builder().start().unwrap();
    coordinator(&broker, 1, GROUP).await.unwrap();
    let mut peer = connect(&broker, 1);
    let metadata = "AQAAAX/\u{e4}\u{1f600} \0 ";
    assert_eq!(peer.ask(9, &commit_request("t", 0, 77, metadata)).await.topics[0].partitions[0].error_code, 0);
    for version in 1..=7 {
        let topic = OffsetFetchRequestTopic { name: "t".into(), partition_indexes: vec![0, 1, 9], ..Default::default() };
        let nowhere = OffsetFetchRequestTopic { name: "nowhere".into(), partition_indexes: vec![0], ..Default::default() };
        let topics = Some(vec![topic, nowhere]);
        let fetched = peer.ask(version, &OffsetFetchRequest { group_id: GROUP.into(), topics, ..Default::default() }).await;
        let partitions = &fetched.topics[0].partitions;
        assert_eq!((partitions[0].committed_offset, partitions[0].metadata.as_deref()), (77, Some(metadata)));
        assert_eq!(partitions[0].committed_leader_epoch, if version < 5 { -1 } else { 3 });
        for partition in partitions[1..].iter().chain(&fetched.topics[1].partitions) {
            assert_eq!((partition.committed_offset, partition.metadata.as_deref(), partition.error_code), (-1, Some(""), 0));
        }
        if version >= 2 {
            let all = OffsetFetchRequest { group_id: GROUP.into(), topics: None, ..Default::default() };
            assert_eq!(peer.ask(version, &all).await.topics[0].partitions.len(), 1);
        }
    }
    let group = |topics| OffsetFetchRequestGroup { group_id: GROUP.into(), topics, ..Default::default() };
    let other = OffsetFetchRequestGroup { group_id: "other".into(), ..group(None) };
    let fetched = peer.ask(8, &OffsetFetchRequest { groups: vec![group(None), other], ..Default::default() }).await;
    assert_eq!((fetched.groups[0].topics.len(), fetched.groups[1].topics.len()), (1, 0));

    // By ids.
    let known = peer.ask(12, &MetadataRequest { topics: None, ..Default::default() }).await;
    let id = known.topics.iter().find(|it| it.name.as_deref() == Some("t")).unwrap().topic_id;
    let mut wrong = id;
    wrong.0[0] ^= 1;
    let by_id = |topic_id| {
        let mut request = commit_request("", 1, 5, "");
        request.topics[0].topic_id = topic_id;
        request
    };
    assert_eq!(peer.ask(10, &by_id(id)).await.topics[0].partitions[0].error_code, 0);
    assert_eq!(peer.ask(10, &by_id(wrong)).await.topics[0].partitions[0].error_code, 100);
    let topic = |topic_id| OffsetFetchRequestTopics { topic_id, partition_indexes: vec![1], ..Default::default() };
    let groups = vec![group(Some(vec![topic(id), topic(wrong)])), group(None)];
    let fetched = peer.ask(10, &OffsetFetchRequest { groups, ..Default::default() }).await;
    let topics = &fetched.groups[0].topics;
    assert_eq!((topics[0].partitions[0].committed_offset, topics[1].partitions[0].error_code), (5, 100));
    assert_eq!((fetched.groups[1].topics[0].topic_id, fetched.groups[1].topics[0].partitions.len()), (id, 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_or_not_there_is_not_committed() {
    let broker = builder().config("offset.metadata.max.bytes", "3").unwrap().start().unwrap();
    coordinator(&broker, 1, GROUP).await.unwrap();
    let mut peer = connect(&broker, 1);
    for (request, code) in [
        (commit_request("t", 0, 1, "abc"), 0),
        (commit_request("t", 0, 1, "abcd"), 12),
        (commit_request("t", 2, 1, ""), 3),
        (commit_request("nowhere", 0, 1, ""), 3),
    ] {
        assert_eq!(peer.ask(9, &request).await.topics[0].partitions[0].error_code, code);
    }
}

#[tokio::test(start_paused = true)]
async fn groups_are_described_listed_and_their_offsets_deleted() {
    let broker = builder().start().unwrap();
    let (mut leader, mut follower) = two_members(&broker).await;
    leader.commit(1).await;
    let mut peer = connect(&broker, 1);
    let describe = DescribeGroupsRequest { groups: vec![GROUP.into()], ..Default::default() };
    let stable = peer.ask(6, &describe).await.groups.remove(0);
    assert_eq!((stable.group_state.as_str(), stable.protocol_data.as_str()), ("Stable", "range"));
    let member = &stable.members[1];
    assert_eq!((&member.member_id, &member.member_metadata[..]), (&follower.id, &b"meta"[..]));
    assert_eq!(
        (&member.member_assignment[..], member.client_id.as_str(), member.client_host.as_str()),
        (&b"two"[..], "test", "/127.0.0.1")
    );
    let asked = DescribeGroupsRequest { include_authorized_operations: true, ..describe.clone() };
    assert_eq!(peer.ask(6, &asked).await.groups[0].authorized_operations, 3400);
    assert_eq!(stable.authorized_operations, i32::MIN);
    let modern = ConsumerGroupDescribeRequest { group_ids: vec![GROUP.into(), "".into()], ..Default::default() };
    let modern = peer.ask(1, &modern).await;
    assert_eq!(modern.groups[0].error_message.as_deref(), Some("Group g is not a consumer group."));
    assert_eq!((modern.groups[0].error_code, modern.groups[1].error_code), (69, 24));
    let list = async |peer: &mut crate::async_peer::AsyncPeer, states: &[&str], types: &[&str]| {
        let states_filter = states.iter().map(|it| (*it).into()).collect();
        let types_filter = types.iter().map(|it| (*it).into()).collect();
        let listed = peer.ask(5, &ListGroupsRequest { states_filter, types_filter, ..Default::default() }).await;
        listed.groups.iter().map(|it| format!("{} {} {}", it.group_state, it.group_type, it.protocol_type)).collect::<Vec<_>>()
    };
    for (states, types) in [(&[][..], &[][..]), (&["stable", "Empty"], &["classic"])] {
        assert_eq!(list(&mut peer, states, types).await, ["Stable classic consumer"]);
    }
    for (states, types) in [(&["Empty"][..], &[][..]), (&[], &["consumer"])] {
        assert!(list(&mut peer, states, types).await.is_empty());
    }

    // The members' metadata is no subscription: they may be subscribed to anything.
    let partitions = vec![OffsetDeleteRequestPartition::default()];
    let topic = |name: &str| OffsetDeleteRequestTopic { name: name.into(), partitions: partitions.clone(), ..Default::default() };
    let delete = OffsetDeleteRequest { group_id: GROUP.into(), topics: vec![topic("t"), topic("x")], ..Default::default() };
    let codes = async |peer: &mut crate::async_peer::AsyncPeer| {
        let deleted = peer.ask(0, &delete).await;
        let errors = deleted.topics.iter().map(|topic| topic.partitions[0].error_code).collect::<Vec<_>>();
        (deleted.error_code, errors)
    };
    assert_eq!(codes(&mut peer).await, (0, vec![86, 3]));
    leader.send_join().await;
    let preparing = peer.ask(6, &describe).await.groups.remove(0);
    assert_eq!((preparing.group_state.as_str(), preparing.protocol_data.as_str()), ("PreparingRebalance", ""));
    assert!(preparing.members.iter().all(|it| it.member_metadata.is_empty() && it.member_assignment.is_empty()));
    follower.join().await;
    leader.joined().await;
    assert_eq!(peer.ask(6, &describe).await.groups[0].group_state, "CompletingRebalance");
    assert_eq!((leader.leave().await, follower.leave().await), (0, 0));
    assert_eq!(codes(&mut peer).await, (0, vec![0, 3]));
    assert_eq!(broker.committed_offset(GROUP, "t", 0), None);
}

#[tokio::test(start_paused = true)]
async fn the_first_rebalance_waits_as_long_as_it_is_told_to() {
    let broker = builder().config("group.initial.rebalance.delay.ms", "3000").unwrap().start().unwrap();
    coordinator(&broker, 1, GROUP).await.unwrap();
    let begun = Instant::now();
    let (mut first, mut second) = (MemberPeer::new(&broker, 1), MemberPeer::new(&broker, 1));
    first.send_join().await;
    pass(2_000).await;
    second.send_join().await;
    assert_eq!(first.joined().await.members.len(), 2);
    assert_eq!((second.joined().await.generation_id, begun.elapsed().as_millis()), (1, 6_000));
}

#[tokio::test(start_paused = true)]
async fn members_of_every_version_join_and_sync() {
    let broker = builder().start().unwrap();
    coordinator(&broker, 1, GROUP).await.unwrap();
    let mut peer = connect(&broker, 1);
    for version in 0..=9 {
        let mut request = join_request(&Default::default(), &[("range", b"m")]);
        if version >= 4 {
            let first = peer.ask(version, &request).await;
            assert_eq!((first.error_code, first.generation_id), (79, -1));
            request.member_id = first.member_id;
        }
        let joined = peer.ask(version, &request).await;
        assert_eq!((joined.error_code, joined.protocol_name.as_deref(), &joined.leader), (0, Some("range"), &joined.member_id));
        assert_eq!(joined.protocol_type.as_deref(), (version >= 7).then_some("consumer"));
        assert_eq!(&joined.members[0].metadata[..], b"m");
        let member_id = joined.member_id.clone();
        let request = SyncGroupRequest {
            group_id: GROUP.into(),
            generation_id: joined.generation_id,
            member_id: member_id.clone(),
            protocol_type: Some("consumer".into()),
            protocol_name: Some("range".into()),
            assignments: vec![ottla_protocol::messages::sync_group::SyncGroupRequestAssignment {
                member_id,
                assignment: Bytes::from_static(b"a"),
                ..Default::default()
            }],
            ..Default::default()
        };
        let synced = peer.ask(version.min(5), &request).await;
        assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"a"[..]));
        let leave = LeaveGroupRequest { group_id: GROUP.into(), member_id: joined.member_id, ..Default::default() };
        assert_eq!(peer.ask(2, &leave).await.error_code, 0);
    }
}

/// One connection has one parked request: the second of two on one connection waits for the first.
#[tokio::test(start_paused = true)]
async fn what_comes_behind_a_parked_join_waits() {
    let broker = builder().start().unwrap();
    let (mut leader, mut follower) = two_members(&broker).await;
    leader.send_join().await;
    let beat = HeartbeatRequest {
        group_id: GROUP.into(),
        generation_id: leader.generation,
        member_id: leader.id.clone(),
        ..Default::default()
    };
    leader.peer.send(4, &beat).await;
    settle().await;
    follower.join().await;
    assert_eq!(leader.peer.receive::<JoinGroupRequest>(9).await.generation_id, 3);
    assert_eq!(leader.peer.receive::<HeartbeatRequest>(4).await.error_code, 22);
}
