//! Joining, syncing, heartbeats, leaving.

use ottla_protocol::messages::{HeartbeatRequest, JoinGroupRequest};
use tokio::time::Instant;

use crate::setup::{GROUP, MemberPeer, builder, connect, coordinator, join_request, pass, settle, two_members};

#[tokio::test(start_paused = true)]
async fn a_group_of_one_is_there_at_once() {
    let broker = builder().start().unwrap();
    let begun = Instant::now();
    let node = coordinator(&broker, 1, GROUP).await.unwrap();
    let mut member = MemberPeer::new(&broker, node);
    let joined = member.join().await;
    assert_eq!((joined.error_code, joined.generation_id, &joined.leader), (0, 1, &member.id));
    assert_eq!((joined.protocol_name.as_deref(), joined.protocol_type.as_deref()), (Some("range"), Some("consumer")));
    assert_eq!((joined.members.len(), &joined.members[0].metadata[..]), (1, &b"meta"[..]));
    assert!(member.id.starts_with("test-"), "{}", member.id);
    let id = member.id.clone();
    let synced = member.sync(&[(&id, b"all")]).await;
    assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"all"[..]));
    assert_eq!(member.heartbeat().await, 0);
    assert_eq!(member.leave().await, 0);
    assert_eq!(member.heartbeat().await, 25);
    assert_eq!(begun.elapsed().as_millis(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_member_makes_the_first_join_again() {
    let broker = builder().start().unwrap();
    let (mut leader, mut follower) = two_members(&broker).await;
    assert_eq!((leader.generation, follower.generation), (2, 2));
    assert_eq!((leader.heartbeat().await, follower.heartbeat().await), (0, 0));
    let mut third = MemberPeer::new(&broker, 1);
    third.send_join().await;
    assert_eq!((leader.heartbeat().await, follower.heartbeat().await), (27, 27));
    leader.send_join().await;
    let joined = follower.join().await;
    assert_eq!((joined.generation_id, &joined.leader, joined.members.len()), (3, &leader.id, 0));
    assert_eq!(leader.joined().await.members.len(), 3);
    assert_eq!(third.joined().await.generation_id, 3);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_join_again_in_time_is_out() {
    let broker = builder().start().unwrap();
    let (mut leader, mut follower) = two_members(&broker).await;
    let begun = Instant::now();
    leader.send_join().await;
    // The rebalance waits for its timeout, as long as the member shows signs of life.
    for _ in 0..11 {
        pass(5_000).await;
        assert_eq!(follower.heartbeat().await, 27);
    }
    let joined = leader.joined().await;
    assert_eq!((joined.generation_id, joined.members.len(), begun.elapsed().as_secs()), (3, 1, 60));
    assert_eq!(follower.heartbeat().await, 25);
}

#[tokio::test(start_paused = true)]
async fn a_member_without_heartbeats_is_gone_after_its_session() {
    let broker = builder().start().unwrap();
    let (mut leader, mut follower) = two_members(&broker).await;
    pass(9_000).await;
    assert_eq!(leader.heartbeat().await, 0);
    pass(999).await;
    assert_eq!(leader.heartbeat().await, 0);
    pass(1).await;
    assert_eq!(leader.heartbeat().await, 27);
    assert_eq!(leader.join().await.members.len(), 1);
    assert_eq!(follower.heartbeat().await, 25);
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_takes_nobody_out_of_the_group() {
    let broker = builder().start().unwrap();
    let (mut leader, mut follower) = two_members(&broker).await;
    // The follower's join is parked when its connection goes.
    follower.protocols = vec![("range", b"other")];
    follower.send_join().await;
    follower.peer = connect(&broker, 1);
    settle().await;
    assert_eq!(leader.heartbeat().await, 27);
    let joined = leader.join().await;
    assert_eq!((joined.generation_id, joined.members.len()), (3, 2));
    // It has missed the answer, and asks again.
    let again = follower.join().await;
    assert_eq!((again.error_code, again.generation_id), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_joined_says_why() {
    let broker = builder().start().unwrap();
    coordinator(&broker, 1, GROUP).await.unwrap();
    let mut peer = connect(&broker, 1);
    let good = join_request(&Default::default(), &[("range", b"")]);
    for (request, code) in [
        (JoinGroupRequest { group_id: "".into(), ..good.clone() }, 24),
        (JoinGroupRequest { session_timeout_ms: 5_999, ..good.clone() }, 26),
        (JoinGroupRequest { session_timeout_ms: 1_800_001, ..good.clone() }, 26),
        (JoinGroupRequest { member_id: "nobody".into(), ..good.clone() }, 25),
        (JoinGroupRequest { protocol_type: "".into(), ..good.clone() }, 23),
        (JoinGroupRequest { protocols: vec![], ..good.clone() }, 23),
    ] {
        for version in 0..=9 {
            let response = peer.ask(version, &request).await;
            assert_eq!((response.error_code, response.generation_id), (code, -1), "{version}");
        }
    }
    let request = HeartbeatRequest { group_id: "".into(), ..Default::default() };
    assert_eq!(peer.ask(4, &request).await.error_code, 24);
}

#[tokio::test(start_paused = true)]
async fn a_static_member_comes_back_without_a_rebalance_and_fences_who_has_its_old_id() {
    let broker = builder().start().unwrap();
    coordinator(&broker, 1, GROUP).await.unwrap();
    let mut first = MemberPeer::static_one(&broker, 1, "one");
    let joined = first.join().await;
    assert!(joined.error_code == 0 && first.id.starts_with("one-"), "{}", first.id);
    let id = first.id.clone();
    first.sync(&[(&id, b"all")]).await;
    let mut second = MemberPeer::static_one(&broker, 1, "one");
    let joined = second.join().await;
    assert_eq!((joined.error_code, joined.generation_id, joined.skip_assignment, joined.members.len()), (0, 1, true, 1));
    assert_eq!(joined.leader, second.id);
    assert_eq!(&second.sync(&[]).await.assignment[..], b"all");
    assert_eq!((first.heartbeat().await, second.heartbeat().await), (82, 0));
    assert_eq!((first.commit(1).await, first.leave().await), (82, 82));
    assert_eq!(first.sync(&[]).await.error_code, 82);
    first.send_join().await;
    assert_eq!(first.joined().await.error_code, 82);
    // An admin sends it away by its instance id.
    second.id = Default::default();
    assert_eq!((second.leave().await, second.leave().await), (0, 25));
}
