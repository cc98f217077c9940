//! What can go wrong with a membership, each with its own error, and how it goes on.

use std::sync::Arc;
use std::time::Duration;

use ottla::{
    Answering, ErrorCode, ErrorKind, FetchedBatch, OffsetAndMetadata, QuestionKind, Rebalance, RebalanceListener, StartAt,
    TopicPartition,
};
use ottla_broker::{Effect, Rule};
use ottla_protocol::ApiKey;
use ottla_protocol::messages::LeaveGroupRequest;
use ottla_protocol::messages::leave_group::MemberIdentity;
use tokio::sync::Semaphore;

use super::{LONG, Listener, ask, assigned, member, next, produce, read, started, until, values};

#[tokio::test]
async fn members_without_a_common_assignor_do_not_mix() {
    let (broker, client) = started(2).await;
    let first = member(&client, &[("partition.assignment.strategy", "range")]);
    until(&[&first], || assigned(&first).len() == 2).await;
    let second = member(&client, &[("partition.assignment.strategy", "cooperative-sticky")]);
    // Each poll tries again, and hears of it again.
    for _ in 0..2 {
        let error = second.next_timeout(LONG).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Broker, Some(ErrorCode::InconsistentGroupProtocol)), "{error}");
    }
    let state = second.group_state().unwrap();
    assert_eq!(state.last_error.unwrap().code(), Some(ErrorCode::InconsistentGroupProtocol));
    assert_eq!((assigned(&second), assigned(&first).len()), (vec![], 2));
    assert_eq!(broker.group_status("g").unwrap().members.len(), 1);
    // Once the other has left, it is let in.
    first.close().await.unwrap();
    loop {
        match second.next_timeout(Duration::from_millis(20)).await {
            Ok(_) if assigned(&second).len() == 2 => break,
            Ok(_) => {}
            Err(error) => assert_eq!(error.code(), Some(ErrorCode::InconsistentGroupProtocol)),
        }
    }
}

#[tokio::test]
async fn an_illegal_group_id_is_said() {
    let (broker, client) = started(1).await;
    // An empty one is none.
    let nameless = client.consumer_builder().group("").build().unwrap();
    let error = nameless.subscribe(["orders"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State);
    assert!(error.to_string().contains("group.id"), "{error}");
    // What else a broker does not like, it says itself: who looks for the coordinator hears it, and who joins.
    for api in [ApiKey::FindCoordinator, ApiKey::JoinGroup] {
        let refusal = Effect::Error { code: ErrorCode::InvalidGroupId, applied: false };
        let rule = broker.add_fault(Rule::on(api, refusal)).unwrap();
        let consumer = member(&client, &[]);
        let error = consumer.next_timeout(LONG).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::InvalidGroupId), "{api:?}: {error}");
        broker.remove_fault(rule);
        consumer.close().await.unwrap();
    }
}

#[tokio::test]
async fn who_was_given_up_commits_nothing_and_comes_back() {
    for code in [ErrorCode::UnknownMemberId, ErrorCode::IllegalGeneration] {
        let (broker, client) = started(1).await;
        produce(&client, 0, 0..1).await;
        let listener = Listener::default();
        let builder = client.consumer_builder().group("g").set("enable.auto.commit", "false").listener(listener.clone());
        let consumer = builder.set("heartbeat.interval.ms", "40000").build().unwrap();
        consumer.subscribe(["orders"]).unwrap();
        let batch = next(&consumer).await;
        if code == ErrorCode::UnknownMemberId {
            let member_id = consumer.group_state().unwrap().member_id;
            let members = vec![MemberIdentity { member_id, ..MemberIdentity::default() }];
            let request = LeaveGroupRequest { group_id: "g".into(), members, ..LeaveGroupRequest::default() };
            assert_eq!(ask(&broker, 4, &request).members[0].error_code, 0);
        } else {
            broker.add_fault(Rule::on(ApiKey::OffsetCommit, Effect::Error { code, applied: false }).once()).unwrap();
        }
        let error = consumer.commit(&batch).await.unwrap_err();
        assert_eq!((error.kind(), error.code(), error.is_fatal()), (ErrorKind::Broker, Some(code), false), "{error}");
        assert!(error.to_string().contains("max.poll.interval.ms"), "{error}");
        // It joins again and reads again what it could not commit.
        assert_eq!(read(&consumer, 1).await, [0]);
        assert!(!batch.is_valid());
        let kinds: Vec<QuestionKind> = listener.take().into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [QuestionKind::Assigned, QuestionKind::Lost, QuestionKind::Assigned], "{code:?}");
        assert_eq!(broker.committed_offset("g", "orders", 0), None);
        consumer.close().await.unwrap();
        assert_eq!(broker.committed_offset("g", "orders", 0).unwrap().0, 1, "by the listener");
    }
}

#[tokio::test]
async fn who_was_fenced_hears_it_from_each_call() {
    let (_broker, client) = started(1).await;
    let properties = [("group.instance.id", "one"), ("heartbeat.interval.ms", "20")];
    let first = member(&client, &properties);
    until(&[&first], || assigned(&first).len() == 1).await;
    let second = member(&client, &properties);
    until(&[&second], || assigned(&second).len() == 1).await;
    let told = first.next_timeout(LONG).await.unwrap_err();
    assert_eq!((told.code(), told.is_fatal()), (Some(ErrorCode::FencedInstanceId), true), "{told}");
    let late = first.commit_offsets([(TopicPartition::new("orders", 0), OffsetAndMetadata::new(1))]).await.unwrap_err();
    assert_eq!((late.code(), late.is_fatal()), (Some(ErrorCode::FencedInstanceId), true), "{late}");
    assert!(first.next_timeout(Duration::from_millis(20)).await.unwrap().is_none());
    let state = first.group_state().unwrap();
    assert_eq!((state.state, assigned(&first)), ("Fenced", vec![]));
    assert_eq!(state.last_error.unwrap().code(), Some(ErrorCode::FencedInstanceId));
    first.close().await.unwrap();
    assert_eq!(assigned(&second), [0]);
}

#[tokio::test]
async fn nothing_of_a_revoked_partition_is_handed_out_even_of_what_was_taken() {
    for strategy in ["range", "cooperative-sticky"] {
        let (broker, client) = started(2).await;
        produce(&client, 0, 0..100).await;
        produce(&client, 1, 0..100).await;
        let properties = [("partition.assignment.strategy", strategy), ("heartbeat.interval.ms", "20")];
        let first = member(&client, &properties);
        let mut cursors = vec![next(&first).await.into_cursor(), next(&first).await.into_cursor()];
        let mut consumed = [0; 2];
        for cursor in &mut cursors {
            let partition = usize::try_from(cursor.batch().partition()).unwrap();
            for _ in 0..3 {
                consumed[partition] = cursor.next().map_or(consumed[partition], |record| record.offset + 1);
            }
        }
        let second = member(&client, &properties);
        let (mut later, mut got) = (Vec::new(), Vec::new());
        while !(assigned(&first).len() == 1 && assigned(&second).len() == 1) {
            // What comes meanwhile is not looked at: a batch counts as consumed when the next one is asked for.
            later.extend(first.next_timeout(Duration::from_millis(5)).await.unwrap().map(FetchedBatch::into_cursor));
            got.extend(second.next_timeout(Duration::from_millis(5)).await.unwrap().iter().flat_map(values));
        }
        let kept = assigned(&first)[0];
        for cursor in &mut cursors {
            // An eager member gives up all.
            let may = strategy == "cooperative-sticky" && cursor.batch().partition() == kept;
            assert!(may || cursor.next().is_none(), "{strategy}");
        }
        for cursor in &mut later {
            assert!(cursor.batch().partition() == kept || cursor.next().is_none(), "{strategy}");
        }
        // The other goes on where this one has come to, not behind what it had taken.
        let moved = assigned(&second)[0];
        let at = broker.committed_offset("g", "orders", moved).map_or(0, |at| at.0);
        assert_eq!(at, consumed[usize::try_from(moved).unwrap()], "{strategy}");
        got.extend(read(&second, usize::try_from(100 - at).unwrap() - got.len()).await);
        assert_eq!(got, (at..100).collect::<Vec<_>>(), "{strategy}");
    }
}

#[tokio::test]
async fn members_of_one_client_do_not_wait_for_each_other() {
    let (broker, client) = started(2).await;
    broker.journal().keep(10_000);
    // The first does not poll: the second's JoinGroup is parked.
    let first = member(&client, &[("heartbeat.interval.ms", "20"), ("enable.auto.commit", "false")]);
    until(&[&first], || assigned(&first).len() == 2).await;
    let second = member(&client, &[]);
    until(&[&second], || broker.group_status("g").unwrap().members.iter().any(|member| member.waits)).await;
    produce(&client, 0, 0..5).await;
    let state = second.group_state().unwrap();
    assert_eq!(state.held_up_by.as_deref(), Some("the coordinator waits for other members to join"), "{state:?}");
    let held_up = || first.group_state().unwrap().held_up_by.is_some_and(|cause| cause.contains("revoked"));
    until(&[&second], held_up).await;
    // Calls of each go through, and so does a third in another group.
    let at = (TopicPartition::new("orders", 0), OffsetAndMetadata::new(2));
    first.commit_offsets([at]).await.unwrap();
    assert_eq!(second.committed([("orders", 0)]).await.unwrap().into_values().next().unwrap().unwrap().offset, 2);
    let third = client.consumer_builder().group("other").build().unwrap();
    third.subscribe(["orders"]).unwrap();
    assert_eq!(read(&third, 5).await, [0, 1, 2, 3, 4]);
    third.close().await.unwrap();
    // Nor does who closes wait for its parked JoinGroup.
    second.close().await.unwrap();
    let left = broker.journal().count(|entry| entry.api == ApiKey::LeaveGroup);
    assert_eq!(left, 2, "the third, and the second while its join was parked");
    assert_eq!(broker.group_status("g").unwrap().members.len(), 1);
    assert_eq!(read(&first, 3).await, [2, 3, 4], "it gave all up and got all again");
}

/// Calls everything that there is from within, by its consumer and by the rebalance.
struct Busy {
    consumer: Arc<std::sync::OnceLock<ottla::Consumer>>,
    done: Arc<Semaphore>,
    blocking: bool,
}

impl RebalanceListener for Busy {
    fn assigned(&self, rebalance: Rebalance) -> Answering {
        let (consumer, done, blocking) = (self.consumer.clone(), self.done.clone(), self.blocking);
        Box::pin(async move {
            let consumer = consumer.get().unwrap();
            let at = || [(TopicPartition::new("orders", 1), OffsetAndMetadata::new(1))];
            rebalance.pause("orders", 0).unwrap();
            rebalance.seek("orders", 1, StartAt::Offset(7)).unwrap();
            consumer.pause("orders", 1).unwrap();
            consumer.resume("orders", 1).unwrap();
            consumer.seek("orders", 1, StartAt::Offset(6)).unwrap();
            assert_eq!((consumer.position("orders", 1), rebalance.position("orders", 1)), (Some(6), Some(6)));
            assert_eq!((assigned(consumer), consumer.paused().len()), (vec![0, 1], 1));
            assert!(consumer.group_state().unwrap().held_up_by.is_some());
            assert_eq!((consumer.lag("orders", 1), consumer.metrics().errors), (None, 0));
            if blocking {
                consumer.commit_offsets_blocking(at()).unwrap();
                consumer.committed_blocking([("orders", 1)]).unwrap();
                consumer.commit_positions_blocking().unwrap();
                rebalance.commit_blocking().unwrap();
                consumer.commit_async().unwrap().wait().unwrap();
                assert_eq!(consumer.watermarks_blocking("orders", 1).unwrap(), (0, 10));
                assert_eq!(consumer.next_blocking(LONG).unwrap_err().kind(), ErrorKind::State);
            } else {
                consumer.commit_offsets(at()).await.unwrap();
                consumer.committed([("orders", 1)]).await.unwrap();
                consumer.commit_positions().await.unwrap();
                rebalance.commit().await.unwrap();
                consumer.commit_async().unwrap().await.unwrap();
                assert_eq!(consumer.watermarks("orders", 1).await.unwrap(), (0, 10));
                assert_eq!(consumer.offsets_for_times([("orders", 1, 0)]).await.unwrap().len(), 1);
                assert_eq!(consumer.next_timeout(LONG).await.unwrap_err().kind(), ErrorKind::State);
                // Goes on behind the listener's back; waiting for it here would be waiting for this.
                assert_eq!(consumer.unsubscribe().await.unwrap_err().kind(), ErrorKind::State);
            }
            consumer.subscribe(["orders"]).unwrap();
            done.add_permits(1);
        })
    }
}

#[tokio::test]
async fn calls_from_within_a_listener_never_wait_for_it() {
    for blocking in [false, true] {
        let (broker, client) = started(2).await;
        produce(&client, 0, 0..10).await;
        produce(&client, 1, 0..10).await;
        let (shared, done) = (Arc::new(std::sync::OnceLock::new()), Arc::new(Semaphore::new(0)));
        let busy = Busy { consumer: shared.clone(), done: done.clone(), blocking };
        let consumer = client.consumer_builder().group("g").set("enable.auto.commit", "false").listener(busy).build().unwrap();
        consumer.subscribe(["orders"]).unwrap();
        assert!(shared.set(consumer).is_ok());
        let consumer = shared.get().unwrap();
        if blocking {
            assert_eq!(read(consumer, 4).await, [6, 7, 8, 9], "the other is paused");
            assert_eq!(broker.committed_offset("g", "orders", 1).unwrap().0, 6);
        }
        while done.available_permits() == 0 {
            // Whatever it reads.
            drop(consumer.next_timeout(Duration::from_millis(20)).await.unwrap());
        }
        drop(consumer.close());
    }
}
