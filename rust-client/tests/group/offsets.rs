//! Where a member goes on: behind what was committed, if the log still holds that, or as `auto.offset.reset` says; how far it is behind.

use std::time::{SystemTime, UNIX_EPOCH};

use ottla::{
    Client, Consumer, ErrorCode, ErrorKind, LeavePolicy, OffsetAndMetadata, QuestionKind, Record, StartAt, TopicPartition,
};
use ottla_broker::{Broker, Effect, Rule};
use ottla_protocol::ApiKey;
use ottla_protocol::messages::OffsetCommitRequest;

use super::{LONG, Listener, assigned, connected, member, next, produce, read, started, until, values};

/// All values until `count` are there, whatever is told of brokers that go.
async fn read_on(consumer: &Consumer, count: usize) -> Vec<i64> {
    let mut all = Vec::new();
    while all.len() < count {
        if let Ok(batch) = consumer.next_timeout(LONG).await {
            all.extend(values(&batch.expect("a batch in time")));
        }
    }
    all
}

/// A log that a group has read to its end, 15, and committed, and that lost the last 5 of these records since; 20 others are behind the
/// 10 that it kept.
async fn truncated_behind_a_commit(leader_epoch: Option<i32>) -> (Broker, Client) {
    let builder = Broker::builder().brokers(3).topic("orders", 1).config("default.replication.factor", "2").unwrap();
    let builder = builder.config("offsets.topic.replication.factor", "3").unwrap();
    let broker = builder.config("unclean.leader.election.enable", "true").unwrap().start().unwrap();
    let client = connected(&broker).await;
    let status = broker.partition_status("orders", 0).unwrap();
    let leader = status.leader.unwrap();
    let follower = status.replicas.iter().map(|(id, _)| *id).find(|id| *id != leader).unwrap();
    produce(&client, 0, 0..10).await;
    broker.stop_broker(follower).unwrap();
    produce(&client, 0, 10..15).await;
    let consumer = member(&client, &[("enable.auto.commit", "false")]);
    assert_eq!(read_on(&consumer, 15).await, (0..15).collect::<Vec<_>>());
    assert!(consumer.try_next().unwrap().is_none());
    match leader_epoch {
        None => consumer.commit_positions().await.unwrap(),
        Some(leader_epoch) => {
            let at = OffsetAndMetadata { leader_epoch, ..OffsetAndMetadata::new(15) };
            consumer.commit_offsets([(TopicPartition::new("orders", 0), at)]).await.unwrap();
        }
    }
    consumer.close().await.unwrap();
    broker.stop_broker(leader).unwrap();
    broker.restart_broker(follower).unwrap();
    produce(&client, 0, 100..120).await;
    assert_eq!(broker.partition_status("orders", 0).unwrap().log_end_offset, 30);
    (broker, client)
}

#[tokio::test]
async fn a_log_truncated_while_nobody_read_is_read_on_from_where_it_parts() {
    let (_broker, client) = truncated_behind_a_commit(None).await;
    let consumer = member(&client, &[]);
    assert_eq!(read_on(&consumer, 20).await, (100..120).collect::<Vec<_>>());
    assert_eq!(consumer.metrics().truncations, 1);
}

#[tokio::test]
async fn a_log_truncated_while_nobody_read_is_told_where_no_policy_says_what_to_do() {
    let (_broker, client) = truncated_behind_a_commit(None).await;
    let consumer = member(&client, &[("auto.offset.reset", "none")]);
    let error = loop {
        match consumer.next_timeout(LONG).await {
            Err(error) if error.kind() == ErrorKind::LogTruncation => break error,
            Err(_) => {}
            Ok(batch) => panic!("{batch:?}"),
        }
    };
    assert_eq!((error.topic(), error.partition()), (Some("orders"), Some(0)), "{error}");
    assert_eq!((error.offset(), error.next_offset()), (Some(15), Some(10)), "{error}");
    consumer.seek("orders", 0, StartAt::Offset(10)).unwrap();
    assert_eq!(read_on(&consumer, 20).await, (100..120).collect::<Vec<_>>());
}

#[tokio::test]
async fn without_an_epoch_nothing_can_be_compared() {
    let (_broker, client) = truncated_behind_a_commit(Some(-1)).await;
    let consumer = member(&client, &[]);
    assert_eq!(read_on(&consumer, 15).await, (105..120).collect::<Vec<_>>());
    assert_eq!(consumer.metrics().truncations, 0);
}

#[tokio::test]
async fn commits_carry_the_epoch_of_the_record_before_them() {
    let broker = Broker::builder().brokers(2).topic("orders", 1).config("default.replication.factor", "2").unwrap();
    let broker = broker.start().unwrap();
    let client = connected(&broker).await;
    broker.journal().keep(10_000);
    let consumer = member(&client, &[("enable.auto.commit", "false")]);
    let mut epochs = Vec::new();
    for round in 0..3 {
        produce(&client, 0, round..round + 1).await;
        let epoch = broker.partition_status("orders", 0).unwrap().leader_epoch;
        let batch = next(&consumer).await;
        consumer.commit(&batch).await.unwrap();
        let committed = consumer.committed([("orders", 0)]).await.unwrap().into_values().next().unwrap().unwrap();
        assert_eq!((committed.offset, committed.leader_epoch), (round + 1, epoch));
        assert!(consumer.try_next().unwrap().is_none());
        consumer.commit_positions().await.unwrap();
        epochs.push(epoch);
        broker.bump_leader_epoch("orders", 0).unwrap();
    }
    consumer.close().await.unwrap();
    // Started where it was committed, it says the same again, though it read nothing.
    let again = member(&client, &[("enable.auto.commit", "false")]);
    until(&[&again], || again.position("orders", 0) == Some(3)).await;
    again.commit_positions().await.unwrap();
    let sent: Vec<i32> = broker
        .journal()
        .entries()
        .iter()
        .filter_map(|entry| entry.decode::<OffsetCommitRequest>())
        .map(|request| request.topics[0].partitions[0].committed_leader_epoch)
        .collect();
    assert_eq!(sent, [epochs[0], epochs[0], epochs[1], epochs[1], epochs[2], epochs[2], epochs[2]]);
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A record for each of so many ms before now.
async fn produce_aged(client: &Client, ages: &[i64]) {
    let producer = client.producer().unwrap();
    for (value, age) in ages.iter().enumerate() {
        let record = Record::to("orders").partition(0).timestamp(now() - age);
        producer.send(record.value(&value.to_string())).await.unwrap().await.unwrap();
    }
}

#[tokio::test]
async fn a_duration_says_how_old_the_first_record_may_be() {
    const MINUTE: i64 = 60_000;
    for group in [true, false] {
        let (_broker, client) = started(1).await;
        produce_aged(&client, &[180 * MINUTE, 120 * MINUTE, 50 * MINUTE, 10 * MINUTE, 0]).await;
        for (reset, expected) in [("PT1H", vec![2, 3, 4]), ("PT2H30M", vec![1, 2, 3, 4]), ("P100000D", vec![0, 1, 2, 3, 4])] {
            let builder = client.consumer_builder().set("auto.offset.reset", &format!("by_duration:{reset}"));
            let consumer = if group { builder.group(reset) } else { builder }.build().unwrap();
            if group {
                consumer.subscribe(["orders"]).unwrap();
            } else {
                consumer.assign([("orders", 0, StartAt::Default)]);
            }
            assert_eq!(read(&consumer, expected.len()).await, expected, "{reset}");
        }
    }
}

#[tokio::test]
async fn without_a_record_that_young_a_duration_means_the_end() {
    let (_broker, client) = started(1).await;
    produce_aged(&client, &[7_200_000, 3_600_000]).await;
    let consumer = member(&client, &[("auto.offset.reset", "by_duration:PT1M")]);
    until(&[&consumer], || consumer.position("orders", 0) == Some(2)).await;
    produce(&client, 0, 7..8).await;
    assert_eq!(read(&consumer, 1).await, [7]);
}

#[tokio::test]
async fn without_a_policy_a_group_without_an_offset_is_told_and_may_seek() {
    let (_broker, client) = started(1).await;
    produce(&client, 0, 0..5).await;
    let consumer = member(&client, &[("auto.offset.reset", "none")]);
    let error = consumer.next_timeout(LONG).await.unwrap_err();
    assert_eq!((error.kind(), error.topic(), error.partition()), (ErrorKind::OffsetReset, Some("orders"), Some(0)));
    assert!(error.to_string().contains("auto.offset.reset") && error.to_string().contains("seek"), "{error}");
    consumer.seek("orders", 0, StartAt::Offset(3)).unwrap();
    assert_eq!(read(&consumer, 2).await, [3, 4]);
}

#[tokio::test]
async fn the_lag_is_what_is_not_consumed() {
    let (_broker, client) = started(2).await;
    produce(&client, 0, 0..10).await;
    let consumer = member(&client, &[("enable.auto.commit", "false")]);
    assert_eq!(consumer.lag("orders", 0), None, "not assigned");
    let mut cursor = next(&consumer).await.into_cursor();
    let first = usize::try_from(consumer.lag("orders", 0).unwrap()).unwrap();
    assert_eq!(first, 10);
    cursor.next().unwrap();
    cursor.next().unwrap();
    assert_eq!(consumer.lag("orders", 0), Some(8));
    consumer.seek("orders", 0, StartAt::Offset(4)).unwrap();
    assert_eq!(consumer.lag("orders", 0), Some(6));
    assert_eq!(read(&consumer, 6).await.len(), 6);
    until(&[&consumer], || consumer.lag("orders", 0) == Some(0) && consumer.lag("orders", 1) == Some(0)).await;
    let lags: Vec<_> = consumer.metrics().lag.into_iter().map(|(key, lag)| (key.partition, lag)).collect();
    assert_eq!(lags, [(0, 0), (1, 0)]);
}

#[tokio::test]
async fn what_is_kept_beside_an_offset_comes_back_byte_for_byte() {
    let (_broker, client) = started(1).await;
    let consumer = client.consumer_builder().group("g").build().unwrap();
    let key = TopicPartition::new("orders", 0);
    let longest = "x".repeat(4096);
    for metadata in ["", "\0\u{1}\u{7f}", "ß 漢 \u{10FFFF}", "\u{FFFD}\r\n", longest.as_str()] {
        let at = OffsetAndMetadata { metadata: metadata.into(), ..OffsetAndMetadata::new(1) };
        consumer.commit_offsets([(key.clone(), at)]).await.unwrap();
        let committed = consumer.committed([("orders", 0)]).await.unwrap().remove(&key).unwrap().unwrap();
        assert_eq!(committed.metadata.as_bytes(), metadata.as_bytes());
    }
    for (length, expected) in [(4097, Some(ErrorCode::OffsetMetadataTooLarge)), (40_000, None)] {
        let at = OffsetAndMetadata { metadata: "x".repeat(length).into(), ..OffsetAndMetadata::new(1) };
        let error = consumer.commit_offsets([(key.clone(), at)]).await.unwrap_err();
        assert_eq!(error.code(), expected, "{error}");
    }
}

#[tokio::test]
async fn a_partition_is_sought_in_before_it_is_known_where_the_group_stands() {
    let (broker, client) = started(2).await;
    produce(&client, 0, 0..10).await;
    produce(&client, 1, 0..10).await;
    let refusal = Effect::Error { code: ErrorCode::CoordinatorLoadInProgress, applied: false };
    let rule = broker.add_fault(Rule::on(ApiKey::OffsetFetch, refusal)).unwrap();
    let consumer = member(&client, &[("retry.backoff.max.ms", "20"), ("retry.backoff.ms", "10")]);
    until(&[&consumer], || assigned(&consumer).len() == 2).await;
    assert_eq!((consumer.position("orders", 0), consumer.position("orders", 1)), (None, None));
    consumer.pause("orders", 1).unwrap();
    consumer.seek("orders", 0, StartAt::Offset(6)).unwrap();
    assert_eq!(read(&consumer, 4).await, [6, 7, 8, 9]);
    broker.remove_fault(rule);
    until(&[&consumer], || consumer.position("orders", 1) == Some(0)).await;
    assert_eq!(consumer.position("orders", 0), Some(10), "what was sought stands");
    consumer.resume("orders", 1).unwrap();
    assert_eq!(read(&consumer, 10).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_listener_may_seek_though_it_is_not_known_where_the_group_stands() {
    let (broker, client) = started(1).await;
    produce(&client, 0, 0..10).await;
    let refusal = Effect::Error { code: ErrorCode::GroupAuthorizationFailed, applied: false };
    broker.add_fault(Rule::on(ApiKey::OffsetFetch, refusal)).unwrap();
    let listener = Listener { seek: Some(4), ..Listener::default() };
    let builder = client.consumer_builder().group("g").set("enable.auto.commit", "false").listener(listener.clone());
    let consumer = builder.build().unwrap();
    consumer.subscribe(["orders"]).unwrap();
    let error = consumer.next_timeout(LONG).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GroupAuthorizationFailed), "{error}");
    assert_eq!(read(&consumer, 6).await, [4, 5, 6, 7, 8, 9]);
    assert_eq!(listener.take(), [(QuestionKind::Assigned, vec![0])]);
}

#[tokio::test]
async fn who_closes_says_whether_it_leaves() {
    let (broker, client) = started(1).await;
    let members = || broker.group_status("g").map_or(0, |group| group.members.len());
    for (instance, leave, stays) in [
        ("", LeavePolicy::Default, false),
        ("", LeavePolicy::Leave, false),
        ("one", LeavePolicy::Default, true),
        ("one", LeavePolicy::Remain, true),
        ("one", LeavePolicy::Leave, false),
        ("", LeavePolicy::Remain, true),
    ] {
        broker.journal().keep(10_000);
        let from = broker.journal().entries().len();
        let consumer = member(&client, &[("group.instance.id", instance)]);
        until(&[&consumer], || assigned(&consumer).len() == 1).await;
        consumer.close_with(leave).await.unwrap();
        assert_eq!(members(), usize::from(stays), "{instance:?} {leave:?}");
        let left = broker.journal().entries().iter().skip(from).any(|entry| entry.api == ApiKey::LeaveGroup);
        assert_eq!(left, !stays, "{instance:?} {leave:?}");
    }
}
