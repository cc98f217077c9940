//! Clocks that jump: the wall clock is set, or the machine sleeps.

use super::*;
use crate::StartAt;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// A client that writes and reads, and has metadata refreshed, sessions of Fetch and a group open.
async fn busy(properties: &[(&str, &str)]) -> (Broker, Client) {
    let (broker, network) = broker(1);
    let mut builder = client(&network, "broker-1:9092");
    for (name, value) in properties {
        builder = builder.set(name, value).unwrap();
    }
    let client = builder.connect().await.unwrap();
    client.admin().create_topic(NewTopic::new("t").partitions(1)).await.unwrap();
    (broker, client)
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_set_forwards_and_back_changes_timestamps_and_nothing_else() {
    let (_broker, client) = busy(&[("delivery.timeout.ms", "60000"), ("request.timeout.ms", "5000")]).await;
    let producer = client.producer().unwrap();
    let consumer = client.consumer_builder().group("g").set("auto.offset.reset", "earliest").build().unwrap();
    consumer.subscribe(["t"]).unwrap();
    let (mut wall, mut expected) = (0, Vec::new());
    let begun = Instant::now();
    for jump in [0, 50 * MINUTE_MS, -100 * MINUTE_MS, 99 * MINUTE_MS, -5 * DAY_MS, 5 * DAY_MS, 0] {
        let (record, next) = (Record::to("t").value("in flight"), Record::to("t").value("later"));
        // One lies in its batch while the clock is set.
        let delivery = producer.send(record).await.unwrap();
        let before = START_MS + wall + i64::try_from(begun.elapsed().as_millis()).unwrap();
        client.inner.clock.set_wall(jump);
        wall += jump;
        let written = delivery.await.unwrap();
        let later = producer.send(next).await.unwrap().await.unwrap();
        assert_eq!(later.offset, written.offset + 1);
        expected.push((written.offset, before));
        let mut seen = 0;
        while seen < 2 {
            let batch = consumer.next_timeout(Duration::from_secs(60)).await.unwrap().expect("records in time");
            for record in batch.records() {
                seen += 1;
                if let Some((_, stamped)) = expected.iter().find(|(offset, _)| *offset == record.offset) {
                    assert!((record.timestamp - stamped).abs() <= 50, "{} is not {stamped}", record.timestamp);
                }
            }
        }
        consumer.commit_positions().await.unwrap();
    }
    assert!(begun.elapsed() <= Duration::from_secs(10), "nothing waited for the wall clock: {:?}", begun.elapsed());
    let metrics = producer.metrics();
    assert_eq!((metrics.retries, metrics.records_failed), (0, 0), "{metrics:?}");
    assert_eq!(client.metrics().request_timeouts, 0);
    consumer.close().await.unwrap();
    producer.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_sleeps_goes_on_where_it_was() {
    let (_broker, client) = busy(&[]).await;
    let producer = client.producer().unwrap();
    let consumer = client.consumer().unwrap();
    consumer.assign([("t", 0, StartAt::Beginning)]);
    for (nap, offset) in [1, 60, 3600, 86_400].into_iter().zip(0..) {
        producer.send(Record::to("t").value("v")).await.unwrap().await.unwrap();
        let read = consumer.next_timeout(Duration::from_secs(60)).await.unwrap().expect("a record in time");
        assert_eq!(read.records().map(|record| record.offset).collect::<Vec<_>>(), [offset]);
        // The time is gone at once: no timer fired in between.
        tokio::time::advance(Duration::from_secs(nap)).await;
    }
    assert_eq!(producer.metrics().records_failed, 0);
    // What waited all through a sleep longer than its time fails, instead of waiting on, and those that come later don't.
    let late = producer.send(Record::to("t").value("late")).await.unwrap();
    tokio::time::advance(Duration::from_secs(86_400)).await;
    let fate = late.await;
    assert!(fate.as_ref().is_ok() || fate.as_ref().is_err_and(|error| error.kind() == ErrorKind::MsgTimedOut), "{fate:?}");
    producer.send(Record::to("t").value("v")).await.unwrap().await.unwrap();
    consumer.close().await.unwrap();
    producer.close().await.unwrap();
}
