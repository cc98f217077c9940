//! Coordinators on several brokers: where they are, and that they move.

use std::collections::BTreeSet;

use ottla_broker::{Broker, ErrorCode, GroupState};
use ottla_protocol::messages::create_partitions::CreatePartitionsTopic;
use ottla_protocol::messages::metadata::MetadataRequestTopic;
use ottla_protocol::messages::{
    CreatePartitionsRequest, ListGroupsRequest, MetadataRequest, OffsetCommitRequest, SyncGroupRequest,
};
use tokio::time::Instant;

use crate::setup::{GROUP, MemberPeer, builder, commit_request, committed, connect, coordinator, pass, settle, two_members};

fn three() -> Broker {
    builder().brokers(3).start().unwrap()
}

async fn topics(broker: &Broker) -> Vec<(String, bool, usize)> {
    let all = MetadataRequest { topics: None, ..Default::default() };
    let topics = connect(broker, 1).ask(12, &all).await.topics;
    topics.iter().map(|it| (it.name.as_deref().unwrap().to_owned(), it.is_internal, it.partitions.len())).collect()
}

#[tokio::test(start_paused = true)]
async fn the_topic_of_offsets_is_there_when_it_is_needed() {
    let broker = three();
    assert_eq!(topics(&broker).await.len(), 1);
    coordinator(&broker, 1, GROUP).await.unwrap();
    assert_eq!(topics(&broker).await[0], ("__consumer_offsets".to_owned(), true, 50));
    let status = broker.partition_status("__consumer_offsets", 49).unwrap();
    assert_eq!((status.replicas.len(), status.isr.len()), (3, 3));
    // Asking for its metadata makes it too, with as many partitions as are wanted.
    let broker = builder().config("offsets.topic.num.partitions", "3").unwrap().start().unwrap();
    let topic = MetadataRequestTopic { name: Some("__consumer_offsets".into()), ..Default::default() };
    let ask = MetadataRequest { topics: Some(vec![topic]), allow_auto_topic_creation: true, ..Default::default() };
    assert_eq!(connect(&broker, 1).ask(12, &ask).await.topics[0].partitions.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn groups_are_spread_over_the_brokers_and_only_their_coordinator_serves_them() {
    let broker = three();
    let mut found = BTreeSet::new();
    for i in 0..30 {
        let group = format!("group {i}");
        let node = coordinator(&broker, 1 + i % 3, &group).await.unwrap();
        assert_eq!(coordinator(&broker, 1 + (i + 1) % 3, &group).await, Ok(node));
        found.insert(node);
    }
    assert_eq!(found.len(), 3);
    let node = coordinator(&broker, 1, GROUP).await.unwrap();
    for other in (1..=3).filter(|other| *other != node) {
        let mut member = MemberPeer { id: "m".into(), ..MemberPeer::new(&broker, other) };
        assert_eq!(member.join().await.error_code, 16);
        assert_eq!(member.sync(&[]).await.error_code, 16);
        assert_eq!((member.heartbeat().await, member.leave().await, member.commit(1).await), (16, 16, 16));
        assert_eq!(committed(&broker, other).await, Err(16));
    }
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_stops_is_replaced_and_nothing_committed_is_lost() {
    let broker = three();
    let (mut leader, mut follower) = two_members(&broker).await;
    assert_eq!(leader.commit(42).await, 0);
    let old = coordinator(&broker, 1, GROUP).await.unwrap();
    broker.stop_broker(old).unwrap();
    settle().await;
    assert!(leader.peer.receive_frame().await.is_none());
    let asked = if old == 1 { 2 } else { 1 };
    let new = coordinator(&broker, asked, GROUP).await.unwrap();
    assert_ne!(new, old);
    assert_eq!(committed(&broker, new).await, Ok(42));
    // The members go on with the generation they had.
    (leader.peer, follower.peer) = (connect(&broker, new), connect(&broker, new));
    assert_eq!((leader.heartbeat().await, follower.heartbeat().await), (0, 0));
    assert_eq!(&follower.sync(&[]).await.assignment[..], b"two");
    assert_eq!(follower.commit(43).await, 0);
    // Who does not come is out when its session, which began anew, ends.
    pass(9_999).await;
    assert_eq!(leader.heartbeat().await, 0);
    pass(1).await;
    assert_eq!(leader.heartbeat().await, 27);
    // The old one is back, and does not coordinate.
    broker.restart_broker(old).unwrap();
    assert_eq!(committed(&broker, old).await, Err(16));
    assert_eq!(coordinator(&broker, old, GROUP).await, Ok(new));
    assert_eq!(committed(&broker, new).await, Ok(43));
}

#[tokio::test(start_paused = true)]
async fn members_that_wait_hear_that_their_coordinator_has_moved() {
    let broker = three();
    let (mut leader, mut follower) = two_members(&broker).await;
    let old = coordinator(&broker, 1, GROUP).await.unwrap();
    let new = if old == 3 { 1 } else { old + 1 };
    // One waits in a rebalance that is under way.
    leader.send_join().await;
    let begun = Instant::now();
    broker.move_coordinator(GROUP, new).unwrap();
    assert_eq!(leader.joined().await.error_code, 16);
    let status = broker.group_status(GROUP).unwrap();
    assert_eq!((status.coordinator, status.state, status.generation), (Some(new), GroupState::Stable, 2));
    assert_eq!((status.members.len(), &status.members[1].assignment[..]), (2, &b"two"[..]));
    // Another in a sync.
    (leader.peer, follower.peer) = (connect(&broker, new), connect(&broker, new));
    leader.send_join().await;
    follower.protocols = vec![("range", b"other")];
    follower.send_join().await;
    assert_eq!((leader.joined().await.generation_id, follower.joined().await.generation_id), (3, 3));
    follower.send_sync(&[]).await;
    broker.move_coordinator(GROUP, old).unwrap();
    assert_eq!(follower.peer.receive::<SyncGroupRequest>(5).await.error_code, 16);
    // Generation 3 was never assigned: it is not known.
    (leader.peer, follower.peer) = (connect(&broker, old), connect(&broker, old));
    assert_eq!(follower.sync(&[]).await.error_code, 22);
    follower.protocols = vec![("range", b"meta")];
    assert_eq!(follower.join().await.generation_id, 2);
    assert_eq!(begun.elapsed().as_millis(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_any_replica_there_is_no_coordinator_until_one_is_back() {
    let broker = builder().brokers(2).config("offsets.topic.replication.factor", "1").unwrap().start().unwrap();
    let (mut leader, _) = two_members(&broker).await;
    assert_eq!(leader.commit(7).await, 0);
    let node = coordinator(&broker, 1, GROUP).await.unwrap();
    let other = 3 - node;
    broker.stop_broker(node).unwrap();
    settle().await;
    assert_eq!(coordinator(&broker, other, GROUP).await, Err(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(committed(&broker, other).await, Err(16));
    let status = broker.group_status(GROUP).unwrap();
    assert_eq!((status.coordinator, status.state), (None, GroupState::Dead));
    // Time that passes meanwhile ends nobody's session.
    pass(60_000).await;
    broker.restart_broker(node).unwrap();
    assert_eq!(coordinator(&broker, other, GROUP).await, Ok(node));
    assert_eq!(committed(&broker, node).await, Ok(7));
    assert_eq!(broker.group_status(GROUP).unwrap().members.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_isolated_coordinator_is_replaced_too() {
    let broker = three();
    let (mut leader, _) = two_members(&broker).await;
    let old = coordinator(&broker, 1, GROUP).await.unwrap();
    leader.send_join().await;
    broker.isolate(old).unwrap();
    let asked = if old == 1 { 2 } else { 1 };
    let new = coordinator(&broker, asked, GROUP).await.unwrap();
    assert_ne!(new, old);
    // What it has to say comes when it can be reached again.
    let silence = tokio::time::timeout(std::time::Duration::from_secs(5), leader.peer.receive_frame()).await;
    assert!(silence.is_err());
    broker.heal(old).unwrap();
    leader.send_join().await;
    assert_eq!(leader.joined().await.error_code, 16);
    assert_eq!(leader.joined().await.error_code, 16);
}

#[tokio::test(start_paused = true)]
async fn without_their_topic_groups_are_gone() {
    let broker = three();
    let (mut leader, _) = two_members(&broker).await;
    leader.commit(7).await;
    let delete =
        ottla_protocol::messages::DeleteTopicsRequest { topic_names: vec!["__consumer_offsets".into()], ..Default::default() };
    leader.send_join().await;
    assert_eq!(connect(&broker, 1).ask(5, &delete).await.responses[0].error_code, 0);
    assert_eq!(leader.joined().await.error_code, 16);
    assert_eq!((broker.groups().len(), broker.group_status(GROUP)), (0, None));
    let node = coordinator(&broker, 1, GROUP).await.unwrap();
    assert_eq!(committed(&broker, node).await, Ok(-1));
}

#[tokio::test(start_paused = true)]
async fn with_more_partitions_groups_go_to_other_coordinators_and_lose_nothing() {
    let broker = builder().brokers(3).config("offsets.topic.num.partitions", "1").unwrap().start().unwrap();
    let names: Vec<String> = (0..20).map(|i| format!("group {i}")).collect();
    for name in &names {
        let node = coordinator(&broker, 1, name).await.unwrap();
        let request = OffsetCommitRequest { group_id: name.as_str().into(), ..commit_request("t", 0, 5, "") };
        assert_eq!(connect(&broker, node).ask(9, &request).await.topics[0].partitions[0].error_code, 0);
    }
    let topic = CreatePartitionsTopic { name: "__consumer_offsets".into(), count: 9, assignments: None, ..Default::default() };
    let grow = CreatePartitionsRequest { topics: vec![topic], ..Default::default() };
    assert_eq!(connect(&broker, 1).ask(3, &grow).await.results[0].error_code, 0);
    let mut found = BTreeSet::new();
    for name in &names {
        let node = coordinator(&broker, 1, name).await.unwrap();
        found.insert(node);
        let listed = connect(&broker, node).ask(5, &ListGroupsRequest::default()).await;
        assert!(listed.groups.iter().any(|it| it.group_id == name.as_str()));
        assert_eq!(broker.committed_offset(name, "t", 0), Some((5, String::new())));
    }
    assert_eq!(found.len(), 3);
}
