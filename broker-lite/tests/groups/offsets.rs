//! Offsets: committed and fetched.

use crate::setup::{GROUP, builder, commit_request, committed, connect, coordinator, two_members};

#[tokio::test(start_paused = true)]
async fn members_commit_while_the_group_is_stable() {
    let broker = builder().start().unwrap();
    let (mut leader, mut follower) = two_members(&broker).await;
    assert_eq!(committed(&broker, 1).await, Ok(-1));
    assert_eq!(leader.commit(5).await, 0);
    assert_eq!(follower.commit(7).await, 0);
    assert_eq!(committed(&broker, 1).await, Ok(7));
    leader.send_join().await;
    // Before the next generation is there, the last one may still commit.
    assert_eq!(follower.commit(8).await, 0);
    follower.join().await;
    leader.joined().await;
    assert_eq!(follower.commit(9).await, 27);
    follower.generation -= 1;
    assert_eq!(follower.commit(9).await, 22);
    follower.id = "nobody".into();
    assert_eq!(follower.commit(9).await, 25);
    assert_eq!(committed(&broker, 1).await, Ok(8));
}

#[tokio::test(start_paused = true)]
async fn without_a_member_only_an_empty_group_takes_commits() {
    let broker = builder().start().unwrap();
    coordinator(&broker, 1, GROUP).await.unwrap();
    let mut admin = connect(&broker, 1);
    let mut commit =
        async |offset: i64| admin.ask(9, &commit_request("t", 0, offset, "m")).await.topics[0].partitions[0].error_code;
    assert_eq!(commit(3).await, 0);
    assert_eq!(committed(&broker, 1).await, Ok(3));
    let (mut leader, mut follower) = two_members(&broker).await;
    assert_eq!(commit(4).await, 25);
    assert_eq!((leader.leave().await, follower.leave().await), (0, 0));
    assert_eq!(commit(5).await, 0);
    assert_eq!(committed(&broker, 1).await, Ok(5));
}
