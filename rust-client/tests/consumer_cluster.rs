//! The consumer against several brokers: leaders that move and stop, logs that are truncated, topics made anew, replicas nearby.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test ends at what it does not expect")]

use std::time::Duration;

use ottla::{Client, Consumer, ErrorKind, FetchedBatch, NewTopic, Record, StartAt};
use ottla_broker::{Broker, BrokerBuilder};

/// Only bounds a test that hangs.
const LONG: Duration = Duration::from_secs(30);

fn cluster(brokers: usize) -> BrokerBuilder {
    let replication = brokers.to_string();
    Broker::builder().brokers(brokers).config("default.replication.factor", &replication).unwrap().topic("orders", 1)
}

async fn client(broker: &Broker, properties: &[(&str, &str)]) -> Client {
    let mut builder = Client::builder().set("bootstrap.servers", broker.bootstrap_servers()).unwrap();
    for (name, value) in properties {
        builder = builder.set(name, value).unwrap();
    }
    builder.connect().await.unwrap()
}

async fn produce(client: &Client, values: std::ops::Range<i64>) {
    let producer = client.producer().unwrap();
    for value in values {
        producer.send(Record::to("orders").partition(0).value(&value.to_string())).await.unwrap().await.unwrap();
    }
}

fn values(batch: &FetchedBatch) -> Vec<i64> {
    batch.records().map(|record| std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap()).collect()
}

/// All values until `count` are there. Errors that a consumer tells while brokers change are its good right.
async fn read(consumer: &Consumer, count: usize) -> Vec<i64> {
    let mut all = Vec::new();
    while all.len() < count {
        if let Ok(batch) = consumer.next_timeout(LONG).await {
            all.extend(values(&batch.expect("a batch in time")));
        }
    }
    all
}

fn leader(broker: &Broker) -> i32 {
    broker.partition_status("orders", 0).unwrap().leader.unwrap()
}

#[tokio::test]
async fn leaders_that_move_and_stop_are_followed_and_nothing_comes_twice() {
    let broker = cluster(3).start().unwrap();
    let client = client(&broker, &[]).await;
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    for round in 0..6 {
        produce(&client, round * 20..round * 20 + 10).await;
        let before = leader(&broker);
        if round % 3 == 2 {
            broker.stop_broker(before).unwrap();
            broker.restart_broker(before).unwrap();
        } else {
            broker.move_leader("orders", 0, before % 3 + 1).unwrap();
        }
        assert_ne!(leader(&broker), before);
        produce(&client, round * 20 + 10..round * 20 + 20).await;
        assert_eq!(read(&consumer, 20).await, (round * 20..round * 20 + 20).collect::<Vec<_>>(), "round {round}");
    }
    assert_eq!(consumer.metrics().truncations, 0);
}

/// A log that loses 5 of the 15 records that were read: their only replica goes, and one without them takes over.
async fn truncated(reset: &str) -> (Broker, Client, Consumer) {
    let broker = cluster(2).config("unclean.leader.election.enable", "true").unwrap().start().unwrap();
    let client = client(&broker, &[("auto.offset.reset", reset)]).await;
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    let (first, second) = if leader(&broker) == 1 { (1, 2) } else { (2, 1) };
    produce(&client, 0..10).await;
    broker.stop_broker(second).unwrap();
    produce(&client, 10..15).await;
    assert_eq!(read(&consumer, 15).await, (0..15).collect::<Vec<_>>());
    assert!(consumer.try_next().unwrap().is_none());
    assert_eq!(consumer.position("orders", 0), Some(15));
    broker.stop_broker(first).unwrap();
    broker.restart_broker(second).unwrap();
    assert_eq!(leader(&broker), second);
    (broker, client, consumer)
}

#[tokio::test]
async fn a_truncated_log_is_read_on_from_where_it_ends() {
    let (_broker, client, consumer) = truncated("earliest").await;
    produce(&client, 100..110).await;
    assert_eq!(read(&consumer, 10).await, (100..110).collect::<Vec<_>>());
    assert_eq!(consumer.metrics().truncations, 1);
}

#[tokio::test]
async fn a_truncated_log_is_told_where_no_policy_says_what_to_do() {
    let (_broker, client, consumer) = truncated("none").await;
    let error = loop {
        match consumer.next_timeout(LONG).await {
            Err(error) if error.kind() == ErrorKind::LogTruncation => break error,
            Err(_) => {}
            Ok(batch) => panic!("{batch:?}"),
        }
    };
    assert_eq!((error.topic(), error.partition()), (Some("orders"), Some(0)), "{error}");
    assert_eq!((error.offset(), error.next_offset()), (Some(15), Some(10)), "{error}");
    produce(&client, 100..110).await;
    consumer.seek("orders", 0, StartAt::Offset(error.next_offset().unwrap())).unwrap();
    assert_eq!(read(&consumer, 10).await, (100..110).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_topic_made_anew_is_read_from_its_start() {
    let broker = cluster(1).start().unwrap();
    let client = client(&broker, &[("auto.offset.reset", "earliest"), ("allow.auto.create.topics", "false")]).await;
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    produce(&client, 0..10).await;
    assert_eq!(read(&consumer, 10).await, (0..10).collect::<Vec<_>>());
    client.admin().delete_topic("orders").await.unwrap();
    client.admin().create_topic(NewTopic::new("orders")).await.unwrap();
    produce(&client, 100..120).await;
    assert_eq!(read(&consumer, 20).await, (100..120).collect::<Vec<_>>());
    assert_eq!(consumer.metrics().resets, 1);
}
