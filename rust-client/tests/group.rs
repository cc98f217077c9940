//! Consumers in groups against the bundled broker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test ends at what it does not expect")]

use std::collections::BTreeSet;
use std::time::Duration;

use ottla::{Client, Consumer, FetchedBatch, Record};
use ottla_broker::Broker;

/// Only bounds a test that hangs.
const LONG: Duration = Duration::from_secs(20);

async fn started(partitions: i32) -> (Broker, Client) {
    let broker = Broker::builder().topic("orders", partitions).start().unwrap();
    let client = connected(&broker).await;
    (broker, client)
}

async fn connected(broker: &Broker) -> Client {
    Client::builder()
        .set("bootstrap.servers", broker.bootstrap_servers())
        .unwrap()
        .set("auto.offset.reset", "earliest")
        .unwrap()
        .connect()
        .await
        .unwrap()
}

/// Writes records with the values `from..to` as text.
async fn produce(client: &Client, partition: i32, values: std::ops::Range<i64>) {
    let producer = client.producer().unwrap();
    let mut deliveries = Vec::new();
    for value in values {
        let record = Record::to("orders").partition(partition);
        let value = value.to_string();
        deliveries.push(producer.send(record.value(&value)).await.unwrap());
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
}

fn values(batch: &FetchedBatch) -> Vec<i64> {
    batch.records().map(|record| std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap()).collect()
}

async fn next(consumer: &Consumer) -> FetchedBatch {
    consumer.next_timeout(LONG).await.unwrap().expect("a batch in time")
}

/// All values until `count` are there.
async fn read(consumer: &Consumer, count: usize) -> Vec<i64> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(values(&next(consumer).await));
    }
    all
}

#[tokio::test]
async fn a_member_reads_commits_and_goes_on_there() {
    let (broker, client) = started(1).await;
    produce(&client, 0, 0..100).await;
    let consumer = client.consumer_builder().group("g").build().unwrap();
    consumer.subscribe(["orders"]).unwrap();
    let batch = next(&consumer).await;
    let count = values(&batch).len() as i64;
    consumer.commit(&batch).await.unwrap();
    assert_eq!(broker.committed_offset("g", "orders", 0), Some((count, String::new())));
    let state = consumer.group_state().unwrap();
    assert_eq!((state.state, state.generation, state.held_up_by), ("Stable", 1, None));
    assert_eq!(state.owned.len(), 1);
    assert_eq!(read(&consumer, 100 - usize::try_from(count).unwrap()).await.last().copied(), (count < 100).then_some(99));
    consumer.close().await.unwrap();
    assert_eq!(broker.committed_offset("g", "orders", 0), Some((100, String::new())), "what was consumed is committed at close");
    assert!(broker.group_status("g").unwrap().members.is_empty(), "it has left");
    produce(&client, 0, 100..105).await;
    let consumer = client.consumer_builder().group("g").build().unwrap();
    consumer.subscribe(["orders"]).unwrap();
    assert_eq!(read(&consumer, 5).await, [100, 101, 102, 103, 104]);
    let committed = consumer.committed([("orders", 0)]).await.unwrap();
    assert_eq!(committed.values().next().unwrap().as_ref().unwrap().offset, 100);
    let assigned: BTreeSet<i32> = consumer.assignment().iter().map(|key| key.partition).collect();
    assert_eq!(assigned, BTreeSet::from([0]));
    consumer.close().await.unwrap();
}
