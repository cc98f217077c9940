//! What becomes of offsets and groups that nobody needs.

use ottla_protocol::messages::{DeleteGroupsRequest, DeleteTopicsRequest, OffsetCommitRequest};

use crate::setup::{GROUP, builder, commit_request, committed, connect, coordinator, pass, two_members};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[tokio::test(start_paused = true)]
async fn offsets_of_a_deleted_topic_are_gone() {
    let broker = builder().topic("u", 1).start().unwrap();
    let (mut leader, _) = two_members(&broker).await;
    assert_eq!(leader.commit(7).await, 0);
    let delete = DeleteTopicsRequest { topic_names: vec!["t".into()], ..Default::default() };
    assert_eq!(connect(&broker, 1).ask(5, &delete).await.responses[0].error_code, 0);
    assert_eq!(committed(&broker, 1).await, Ok(-1));
    assert_eq!(leader.commit(7).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_group_without_members_keeps_its_offsets_for_a_week() {
    let broker = builder().start().unwrap();
    let (mut leader, mut follower) = two_members(&broker).await;
    assert_eq!(leader.commit(7).await, 0);
    assert_eq!((leader.leave().await, follower.leave().await), (0, 0));
    pass(7 * DAY_MS - 1).await;
    assert_eq!(committed(&broker, 1).await, Ok(7));
    // They are looked for each ten minutes.
    pass(10 * 60 * 1000).await;
    assert_eq!(committed(&broker, 1).await, Ok(-1));
    assert_eq!(broker.groups().len(), 0, "a group that has nothing any more");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_stays_and_what_its_committer_limits_goes() {
    let broker = builder().config("offsets.retention.minutes", "1").unwrap().topic("u", 1).start().unwrap();
    coordinator(&broker, 1, GROUP).await.unwrap();
    let mut peer = connect(&broker, 1);
    let limited = OffsetCommitRequest { retention_time_ms: 10_000, ..commit_request("u", 0, 5, "") };
    assert_eq!(peer.ask(4, &limited).await.topics[0].partitions[0].error_code, 0);
    assert_eq!(peer.ask(9, &commit_request("t", 0, 6, "")).await.topics[0].partitions[0].error_code, 0);
    pass(10_000).await;
    broker.enforce_retention();
    assert_eq!((broker.committed_offset(GROUP, "u", 0), committed(&broker, 1).await), (None, Ok(6)));
    pass(50_000).await;
    broker.enforce_retention();
    assert_eq!(committed(&broker, 1).await, Ok(-1));

    // The members' subscriptions can't be read here, so that they count as subscribed to everything.
    let (mut leader, mut follower) = two_members(&broker).await;
    assert_eq!(leader.commit(7).await, 0);
    for _ in 0..30 {
        pass(5_000).await;
        assert_eq!((leader.heartbeat().await, follower.heartbeat().await), (0, 0));
    }
    broker.enforce_retention();
    assert_eq!(committed(&broker, 1).await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_group_begins_anew() {
    let broker = builder().start().unwrap();
    let (mut leader, mut follower) = two_members(&broker).await;
    leader.commit(7).await;
    let mut admin = connect(&broker, 1);
    let delete = DeleteGroupsRequest { groups_names: vec![GROUP.into()], ..Default::default() };
    assert_eq!(admin.ask(2, &delete).await.results[0].error_code, 68);
    assert_eq!((leader.leave().await, follower.leave().await), (0, 0));
    assert_eq!(admin.ask(2, &delete).await.results[0].error_code, 0);
    assert_eq!((broker.group_status(GROUP), committed(&broker, 1).await), (None, Ok(-1)));
    assert_eq!(leader.join().await.error_code, 25);
    leader.id = Default::default();
    assert_eq!(leader.join().await.generation_id, 1);
}
