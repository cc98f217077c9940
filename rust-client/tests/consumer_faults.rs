//! The consumer's bad days against the bundled broker, whose faults are injected and whose journal tells what was asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test ends at what it does not expect")]

use std::time::Duration;

use ottla::{Client, Consumer, ErrorCode, ErrorKind, FetchedBatch, Record, StartAt};
use ottla_broker::{ApiKey, Broker, Effect, Rule};

/// Only bounds a test that hangs.
const LONG: Duration = Duration::from_secs(30);

async fn client(broker: &Broker, properties: &[(&str, &str)]) -> Client {
    let mut builder = Client::builder().set("bootstrap.servers", broker.bootstrap_servers()).unwrap();
    for (name, value) in properties {
        builder = builder.set(name, value).unwrap();
    }
    builder.connect().await.unwrap()
}

async fn produce(client: &Client, partition: i32, values: std::ops::Range<i64>) {
    let producer = client.producer().unwrap();
    for value in values {
        producer.send(Record::to("orders").partition(partition).value(&value.to_string())).await.unwrap().await.unwrap();
    }
}

fn values(batch: &FetchedBatch) -> Vec<i64> {
    batch.records().map(|record| std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap()).collect()
}

/// All values until `count` are there, of a consumer that tells no error.
async fn read(consumer: &Consumer, count: usize) -> Vec<i64> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(values(&consumer.next_timeout(LONG).await.unwrap().expect("a batch in time")));
    }
    all
}

fn nearby() -> Broker {
    let broker = Broker::builder().brokers(2).racks(["a", "b"]).topic("orders", 1);
    let broker = broker.config("default.replication.factor", "2").unwrap();
    let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    broker.config("replica.selector.class", selector).unwrap().start().unwrap()
}

#[tokio::test]
async fn a_replica_in_the_same_rack_is_read_from() {
    let broker = nearby();
    let leader = broker.partition_status("orders", 0).unwrap().leader.unwrap();
    let follower = 3 - leader;
    let writer = client(&broker, &[]).await;
    let rack = if follower == 1 { "a" } else { "b" };
    let reader = client(&broker, &[("client.rack", rack), ("client.id", "reader"), ("auto.offset.reset", "none")]).await;
    broker.journal().keep(1000);
    produce(&writer, 0, 0..10).await;
    let consumer = reader.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Offset(0))]);
    assert_eq!(read(&consumer, 10).await, (0..10).collect::<Vec<_>>());
    let fetches = |broker_id: i32| broker.journal().count(|entry| entry.api == ApiKey::Fetch && entry.broker == broker_id);
    assert_eq!(fetches(leader), 1, "which named the follower");
    assert!(fetches(follower) >= 1 && consumer.metrics().follower_fetches >= 1);
    // What the follower does not have is asked for at the leader, and no reset is due.
    let rule = Rule {
        broker: Some(follower),
        ..Rule::on(ApiKey::Fetch, Effect::Error { code: ErrorCode::OffsetOutOfRange, applied: false })
    };
    broker.add_fault(rule.once()).unwrap();
    for round in 1..4 {
        produce(&writer, 0, round * 10..round * 10 + 10).await;
        assert_eq!(read(&consumer, 10).await, (round * 10..round * 10 + 10).collect::<Vec<_>>());
    }
    assert!(fetches(leader) >= 2, "{:?}", broker.faults());
    // Without the follower the leader is read from.
    broker.stop_broker(follower).unwrap();
    produce(&writer, 0, 40..50).await;
    assert_eq!(read(&consumer, 10).await, (40..50).collect::<Vec<_>>());
    assert_eq!((consumer.metrics().resets, consumer.metrics().truncations), (0, 0));
}

#[tokio::test]
async fn a_new_leader_that_comes_with_the_error_is_asked_without_a_wait_for_metadata() {
    let broker = Broker::builder().brokers(2).topic("orders", 1).config("default.replication.factor", "2").unwrap();
    let broker = broker.start().unwrap();
    let writer = client(&broker, &[]).await;
    let reader = client(&broker, &[("client.id", "reader")]).await;
    let consumer = reader.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    produce(&writer, 0, 0..10).await;
    assert_eq!(read(&consumer, 10).await, (0..10).collect::<Vec<_>>());
    // The reader learns nothing from metadata: the move is what it is told without.
    let stale = Rule { client_id: Some("reader".into()), ..Rule::on(ApiKey::Metadata, Effect::StaleMetadata { versions: 1 }) };
    broker.add_fault(stale).unwrap();
    let leader = broker.partition_status("orders", 0).unwrap().leader.unwrap();
    broker.move_leader("orders", 0, 3 - leader).unwrap();
    produce(&writer, 0, 10..20).await;
    assert_eq!(read(&consumer, 10).await, (10..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn damage_on_the_way_is_told_and_the_next_try_reads_on() {
    let broker = Broker::builder().topic("orders", 1).start().unwrap();
    let client = client(&broker, &[]).await;
    produce(&client, 0, 0..3).await;
    broker.add_fault(Rule::on(ApiKey::Fetch, Effect::WrongCrc).once()).unwrap();
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Offset(0))]);
    let error = consumer.next_timeout(LONG).await.unwrap_err();
    assert_eq!((error.code(), error.topic(), error.partition()), (Some(ErrorCode::CorruptMessage), Some("orders"), Some(0)));
    assert_eq!((error.offset(), error.next_offset(), consumer.position("orders", 0)), (Some(0), Some(1), Some(0)), "{error}");
    assert_eq!(read(&consumer, 3).await, [0, 1, 2]);
}

#[tokio::test]
async fn damage_that_stays_can_be_skipped() {
    let broker = Broker::builder().topic("orders", 1).start().unwrap();
    let client = client(&broker, &[]).await;
    produce(&client, 0, 0..3).await;
    let rule = broker.add_fault(Rule::on(ApiKey::Fetch, Effect::WrongCrc)).unwrap();
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Offset(0))]);
    let first = consumer.next_timeout(LONG).await.unwrap_err();
    let again = consumer.next_timeout(LONG).await.unwrap_err();
    assert_eq!((first.next_offset(), again.next_offset(), consumer.position("orders", 0)), (Some(1), Some(1), Some(0)));
    consumer.seek("orders", 0, StartAt::Offset(first.next_offset().unwrap())).unwrap();
    let second = consumer.next_timeout(LONG).await.unwrap_err();
    assert_eq!((second.offset(), second.next_offset()), (Some(1), Some(2)));
    broker.remove_fault(rule).unwrap();
    consumer.seek("orders", 0, StartAt::Offset(second.next_offset().unwrap())).unwrap();
    assert_eq!(read(&consumer, 1).await, [2]);
}

#[tokio::test]
async fn lost_sessions_and_throttling_are_no_errors() {
    let broker = Broker::builder().topic("orders", 2).start().unwrap();
    let client = client(&broker, &[]).await;
    let consumer = client.consumer().unwrap();
    consumer.assign([0, 1].map(|partition| ("orders", partition, StartAt::Beginning)));
    let codes = [ErrorCode::FetchSessionIdNotFound, ErrorCode::InvalidFetchSessionEpoch, ErrorCode::FetchSessionTopicIdError];
    for (round, code) in (0..).zip(codes) {
        produce(&client, 0, round * 10..round * 10 + 5).await;
        assert_eq!(read(&consumer, 5).await, (round * 10..round * 10 + 5).collect::<Vec<_>>());
        broker.add_fault(Rule::on(ApiKey::Fetch, Effect::Error { code, applied: false }).once()).unwrap();
        produce(&client, 1, round * 10 + 5..round * 10 + 10).await;
        assert_eq!(read(&consumer, 5).await, (round * 10 + 5..round * 10 + 10).collect::<Vec<_>>());
    }
    broker.add_fault(Rule::on(ApiKey::Fetch, Effect::Throttle { ms: 50 }).once()).unwrap();
    // The parked Fetch and the one that is throttled.
    for value in 100..103 {
        produce(&client, 0, value..value + 1).await;
        assert_eq!(read(&consumer, 1).await, [value]);
    }
    let metrics = consumer.metrics();
    assert_eq!((metrics.throttle_time, metrics.errors, metrics.fetch_failures), (Duration::from_millis(50), 0, 0));
}

#[tokio::test]
async fn a_broker_that_falls_silent_is_given_up_after_socket_timeout_ms() {
    let broker = Broker::builder().topic("orders", 1).start().unwrap();
    let client = client(&broker, &[("socket.timeout.ms", "500"), ("fetch.wait.max.ms", "100")]).await;
    produce(&client, 0, 0..10).await;
    broker.add_fault(Rule::on(ApiKey::Fetch, Effect::Silence { applied: false }).once()).unwrap();
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Offset(0))]);
    assert_eq!(read(&consumer, 10).await, (0..10).collect::<Vec<_>>());
    assert_eq!(consumer.metrics().fetch_failures, 1);
    assert_eq!(client.metrics().request_timeouts, 1);
}

#[tokio::test]
async fn a_bad_network_costs_time_and_no_record() {
    let broker = Broker::builder().seed(11).topic("orders", 3).start().unwrap();
    let writer = client(&broker, &[("client.id", "writer")]).await;
    for partition in 0..3 {
        for hundred in 0..3 {
            produce(&writer, partition, hundred * 100..hundred * 100 + 100).await;
        }
    }
    let effects = [
        Effect::Close { applied: true },
        Effect::Close { applied: false },
        Effect::Error { code: ErrorCode::NotLeaderOrFollower, applied: false },
        Effect::Error { code: ErrorCode::FetchSessionIdNotFound, applied: false },
        Effect::Error { code: ErrorCode::InvalidFetchSessionEpoch, applied: true },
        Effect::Truncate { keep: 40 },
        Effect::WrongCrc,
        Effect::Throttle { ms: 5 },
        Effect::Delay { ms: 20, applied: true },
    ];
    for effect in effects {
        let rule = Rule { client_id: Some("reader".into()), probability: 0.05, ..Rule::on(ApiKey::Fetch, effect) };
        broker.add_fault(rule).unwrap();
    }
    let properties = [
        ("client.id", "reader"),
        ("max.partition.fetch.bytes", "500"),
        ("reconnect.backoff.ms", "1"),
        ("reconnect.backoff.max.ms", "5"),
        ("retry.backoff.ms", "1"),
        ("retry.backoff.max.ms", "5"),
    ];
    let reader = client(&broker, &properties).await;
    let consumer = reader.consumer().unwrap();
    consumer.assign((0..3).map(|partition| ("orders", partition, StartAt::Beginning)));
    let mut read = [const { Vec::new() }; 3];
    while read.iter().any(|read| read.len() < 300) {
        match consumer.next_timeout(LONG).await {
            Ok(batch) => {
                let batch = batch.expect("a batch in time");
                read[batch.partition() as usize].extend(values(&batch));
            }
            Err(error) => assert!(matches!(error.kind(), ErrorKind::Broker | ErrorKind::Transport), "{error}"),
        }
    }
    assert!(read.iter().all(|read| *read == (0..300).collect::<Vec<_>>()));
    let struck: u64 = broker.faults().iter().map(|status| status.hits).sum();
    assert!(struck > 10, "{:?}", broker.faults());
}
