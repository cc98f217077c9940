//! The consumer against the bundled broker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test ends at what it does not expect")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_core::Stream;
use ottla::{Client, Consumer, ErrorKind, FetchedBatch, Offload, Record, StartAt};
use ottla_broker::Broker;

/// Only bounds a test that hangs.
const LONG: Duration = Duration::from_secs(20);

async fn started(partitions: i32) -> (Broker, Client) {
    started_with(partitions, &[]).await
}

async fn started_with(partitions: i32, properties: &[(&str, &str)]) -> (Broker, Client) {
    let broker = Broker::builder().topic("orders", partitions).start().unwrap();
    let mut builder = Client::builder().set("bootstrap.servers", broker.bootstrap_servers()).unwrap();
    for (name, value) in properties {
        builder = builder.set(name, value).unwrap();
    }
    let client = builder.connect().await.unwrap();
    (broker, client)
}

/// Writes records with the values `from..to` as text, stamped with 1000 + value.
async fn produce(client: &Client, partition: i32, values: std::ops::Range<i64>) {
    let producer = client.producer().unwrap();
    let mut deliveries = Vec::new();
    for value in values {
        let record = Record::to("orders").partition(partition).timestamp(1000 + value);
        deliveries.push(producer.send(record.value(&value.to_string()).header("h", "1").header("h", "2")).await.unwrap());
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
async fn what_was_written_comes_back_in_order() {
    let (_broker, client) = started(1).await;
    produce(&client, 0, 0..5000).await;
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    assert_eq!(read(&consumer, 5000).await, (0..5000).collect::<Vec<_>>());
    assert!(consumer.try_next().unwrap().is_none());
    assert_eq!(consumer.position("orders", 0), Some(5000));
    // What comes later is waited for.
    let (batch, ()) = tokio::join!(next(&consumer), produce(&client, 0, 5000..5001));
    assert_eq!(values(&batch), [5000]);
    assert_eq!(batch.records().next().unwrap().headers.iter().filter(|header| header.key == "h").count(), 2);
    assert_eq!(consumer.position("orders", 0), Some(5000), "taken is not consumed");
    assert_eq!(consumer.cached_watermarks("orders", 0).unwrap().high_watermark, Some(5001));
}

#[tokio::test]
async fn every_codec_comes_back_over_several_partitions() {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let (_broker, client) = started_with(3, &[("compression.codec", codec)]).await;
        for partition in 0..3 {
            produce(&client, partition, 0..500).await;
        }
        let consumer = client.consumer().unwrap();
        consumer.assign((0..3).map(|partition| ("orders", partition, StartAt::Beginning)));
        let mut all = read(&consumer, 1500).await;
        all.sort_unstable();
        assert_eq!(all, (0..500).flat_map(|value| [value; 3]).collect::<Vec<_>>(), "{codec}");
    }
}

#[tokio::test]
async fn a_consumer_starts_where_it_is_told() {
    let (_broker, client) = started(1).await;
    produce(&client, 0, 0..100).await;
    let consumer = client.consumer().unwrap();
    for (at, first) in [(StartAt::Beginning, 0), (StartAt::Offset(42), 42), (StartAt::Timestamp(1077), 77)] {
        consumer.assign([("orders", 0, at)]);
        assert_eq!(values(&next(&consumer).await)[0], first, "{at:?}");
    }
    consumer.assign([("orders", 0, StartAt::End)]);
    assert!(consumer.next_timeout(Duration::from_millis(300)).await.unwrap().is_none());
    assert_eq!(consumer.position("orders", 0), Some(100));
}

#[tokio::test]
async fn a_seek_ends_a_batch_that_is_held() {
    let (_broker, client) = started(1).await;
    produce(&client, 0, 0..100).await;
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    let mut cursor = next(&consumer).await.into_cursor();
    for _ in 0..10 {
        assert!(cursor.next().is_some());
    }
    assert_eq!(consumer.position("orders", 0), Some(10), "half a batch");
    consumer.seek("orders", 0, StartAt::Offset(5)).unwrap();
    assert!(cursor.next().is_none());
    assert_eq!(consumer.position("orders", 0), Some(5));
    assert_eq!(values(&next(&consumer).await)[0], 5);
    assert_eq!(consumer.seek("orders", 9, StartAt::Beginning).unwrap_err().kind(), ErrorKind::State);
}

#[tokio::test]
async fn a_paused_partition_waits() {
    let (_broker, client) = started(2).await;
    produce(&client, 0, 0..10).await;
    produce(&client, 1, 100..110).await;
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning), ("orders", 1, StartAt::Beginning)]);
    consumer.pause("orders", 0).unwrap();
    assert_eq!(read(&consumer, 10).await, (100..110).collect::<Vec<_>>());
    assert!(consumer.try_next().unwrap().is_none());
    assert_eq!((consumer.paused().len(), consumer.assignment().len()), (1, 2));
    consumer.resume("orders", 0).unwrap();
    assert_eq!(read(&consumer, 10).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn offsets_are_found_by_time() {
    let (_broker, client) = started(2).await;
    produce(&client, 0, 0..10).await;
    let consumer = client.consumer().unwrap();
    assert_eq!(consumer.watermarks("orders", 0).await.unwrap(), (0, 10));
    assert_eq!(consumer.watermarks("orders", 1).await.unwrap(), (0, 0));
    let found = consumer.offsets_for_times([("orders", 0, 1005), ("orders", 1, 0)]).await.unwrap();
    assert_eq!(found[0].1.map(|at| (at.offset, at.timestamp)), Some((5, 1005)));
    assert_eq!(found[1].1, None);
    let error = consumer.watermarks("orders", 7).await.unwrap_err();
    assert_eq!((error.kind(), error.topic(), error.partition()), (ErrorKind::UnknownPartition, Some("orders"), Some(7)));
}

#[tokio::test]
async fn an_unknown_partition_and_an_offset_out_of_range_are_told() {
    let (_broker, client) = started_with(1, &[("auto.offset.reset", "error")]).await;
    produce(&client, 0, 0..10).await;
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Offset(500)), ("orders", 9, StartAt::Offset(0))]);
    let error = consumer.next_timeout(LONG).await.unwrap_err();
    assert_eq!((error.kind(), error.partition()), (ErrorKind::OffsetReset, Some(0)));
    let error = consumer.next_timeout(LONG).await.unwrap_err();
    assert_eq!((error.kind(), error.partition()), (ErrorKind::UnknownPartition, Some(9)));
    // And it goes on.
    consumer.seek("orders", 0, StartAt::Offset(8)).unwrap();
    assert_eq!(values(&next(&consumer).await), [8, 9]);
}

#[tokio::test]
async fn a_new_leader_epoch_is_followed() {
    let (broker, client) = started(1).await;
    produce(&client, 0, 0..10).await;
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    assert_eq!(read(&consumer, 10).await.len(), 10);
    broker.bump_leader_epoch("orders", 0).unwrap();
    produce(&client, 0, 10..20).await;
    assert_eq!(read(&consumer, 10).await, (10..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn waiters_that_are_dropped_lose_nothing() {
    let (_broker, client) = started(1).await;
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    let producing = async {
        for round in 0..20 {
            produce(&client, 0, round * 10..round * 10 + 10).await;
        }
    };
    let consuming = async {
        let mut all = Vec::new();
        while all.len() < 200 {
            if let Some(batch) = consumer.next_timeout(Duration::from_millis(1)).await.unwrap() {
                all.extend(values(&batch));
            }
        }
        all
    };
    let (all, ()) = tokio::join!(consuming, producing);
    assert_eq!(all, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_small_prefetch_comes_to_the_end_too() {
    let (_broker, client) = started_with(2, &[("queued.max.messages.kbytes", "1"), ("batch.num.messages", "50")]).await;
    produce(&client, 0, 0..500).await;
    produce(&client, 1, 0..500).await;
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning), ("orders", 1, StartAt::Beginning)]);
    // All of it held at once, which is more than the prefetch may be.
    let mut held = Vec::new();
    while held.iter().map(|batch| values(batch).len()).sum::<usize>() < 1000 {
        held.push(next(&consumer).await);
    }
}

#[tokio::test]
async fn a_consumer_is_a_stream_and_ends_when_closed() {
    let (_broker, client) = started(1).await;
    produce(&client, 0, 0..3).await;
    let mut consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    let mut stream = std::pin::pin!(&mut consumer);
    let batch = std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await.unwrap().unwrap();
    assert_eq!(values(&batch), [0, 1, 2]);
    let (ended, ()) = tokio::join!(consumer.next(), async { drop(consumer.close()) });
    assert!(ended.unwrap().is_none());
    assert_eq!(consumer.position("orders", 0), Some(3), "closing consumes what was taken");
    assert_eq!(values(&batch).len(), 3, "what is held stays readable");
}

#[test]
fn without_an_executor() {
    let broker = Broker::builder().topic("orders", 1).start().unwrap();
    let client = Client::connect_blocking(broker.bootstrap_servers()).unwrap();
    let producer = client.producer().unwrap();
    producer.send_blocking(Record::to("orders").value("7")).unwrap().wait().unwrap();
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    assert_eq!(values(&consumer.next_blocking(LONG).unwrap().unwrap()), [7]);
    assert!(consumer.next_blocking(Duration::from_millis(1)).unwrap().is_none());
    assert_eq!(consumer.watermarks_blocking("orders", 0).unwrap(), (0, 1));
}

/// Drops the first jobs unrun, as a pool that ends does; runs the others on threads of their own.
struct Unreliable {
    jobs: AtomicU32,
    dropped: u32,
}

impl Offload for Unreliable {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        if self.jobs.fetch_add(1, Ordering::SeqCst) >= self.dropped {
            std::thread::spawn(job);
        }
    }
}

#[tokio::test]
async fn large_batches_are_inflated_elsewhere_and_none_is_lost_with_a_dropped_job() {
    let (broker, client) =
        started_with(2, &[("compression.codec", "gzip"), ("batch.size", "1000000"), ("linger.ms", "50")]).await;
    let producer = client.producer().unwrap();
    let mut rng = ottla::Rng::from_seed(7);
    let values: Vec<Vec<u8>> =
        (0..300).map(|n: u32| n.to_be_bytes().into_iter().chain((0..2000).map(|_| rng.next_u32() as u8)).collect()).collect();
    for value in &values {
        for partition in 0..2 {
            // Waited for by the flush.
            drop(producer.send(Record::to("orders").partition(partition).value(value)).await.unwrap());
        }
    }
    producer.flush().await;
    let offload = Arc::new(Unreliable { jobs: AtomicU32::new(0), dropped: 3 });
    let builder = Client::builder().set("bootstrap.servers", broker.bootstrap_servers()).unwrap();
    let consumer = builder.offload(offload.clone()).connect().await.unwrap().consumer().unwrap();
    consumer.assign([0, 1].map(|partition| ("orders", partition, StartAt::Beginning)));
    let mut read = [Vec::new(), Vec::new()];
    while read.iter().any(|read| read.len() < values.len()) {
        let batch = next(&consumer).await;
        read[batch.partition() as usize].extend(batch.records().map(|record| record.value.unwrap().to_vec()));
    }
    assert!(read.iter().all(|read| *read == values));
    assert!(offload.jobs.load(Ordering::SeqCst) > 3);
}

#[tokio::test]
async fn a_compression_bomb_is_told_with_its_place_and_skipped() {
    let properties = [("compression.codec", "gzip"), ("inflate.max.bytes", "100000"), ("linger.ms", "0")];
    let (_broker, client) = started_with(1, &properties).await;
    let producer = client.producer().unwrap();
    for value in [vec![b'1'], vec![b'0'; 500_000], vec![b'2']] {
        producer.send(Record::to("orders").value(&value)).await.unwrap().await.unwrap();
    }
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    assert_eq!(values(&next(&consumer).await), [1]);
    let error = consumer.next_timeout(LONG).await.unwrap_err();
    assert_eq!((error.kind(), error.topic(), error.partition()), (ErrorKind::Compression, Some("orders"), Some(0)), "{error}");
    assert_eq!((error.offset(), error.next_offset(), consumer.position("orders", 0)), (Some(1), Some(2), Some(1)));
    consumer.seek("orders", 0, StartAt::Offset(error.next_offset().unwrap())).unwrap();
    assert_eq!(values(&next(&consumer).await), [2]);
}

#[tokio::test]
async fn an_unknown_topic_is_told_after_a_time_that_a_property_names() {
    let properties = [("topic.metadata.propagation.max.ms", "300"), ("allow.auto.create.topics", "false")];
    let (_broker, client) = started_with(1, &properties).await;
    let consumer = client.consumer().unwrap();
    consumer.assign([("no-such-topic", 0, StartAt::Beginning)]);
    let error = consumer.next_timeout(LONG).await.unwrap_err();
    assert_eq!((error.kind(), error.topic()), (ErrorKind::UnknownTopic, Some("no-such-topic")));
    assert!(error.to_string().contains("topic.metadata.propagation.max.ms"), "{error}");
    let error = consumer.watermarks("no-such-topic", 0).await.unwrap_err();
    assert_eq!((error.kind(), error.topic()), (ErrorKind::UnknownTopic, Some("no-such-topic")));
}

#[tokio::test]
async fn a_fetch_session_goes_through_pauses_seeks_and_new_partitions() {
    let (_broker, client) = started(3).await;
    for partition in 0..3 {
        produce(&client, partition, 0..10).await;
    }
    let consumer = client.consumer().unwrap();
    consumer.assign([0, 1].map(|partition| ("orders", partition, StartAt::Beginning)));
    assert_eq!(read(&consumer, 20).await.len(), 20);
    // Records that come to one partition alone, several times: the other is not mentioned any more.
    for round in 1..5 {
        produce(&client, 1, round * 10..round * 10 + 10).await;
        assert_eq!(read(&consumer, 10).await, (round * 10..round * 10 + 10).collect::<Vec<_>>());
    }
    consumer.pause("orders", 1).unwrap();
    produce(&client, 0, 10..20).await;
    produce(&client, 1, 50..60).await;
    assert_eq!(read(&consumer, 10).await, (10..20).collect::<Vec<_>>());
    consumer.resume("orders", 1).unwrap();
    assert_eq!(read(&consumer, 10).await, (50..60).collect::<Vec<_>>());
    consumer.seek("orders", 1, StartAt::Offset(55)).unwrap();
    assert_eq!(read(&consumer, 5).await, (55..60).collect::<Vec<_>>());
    // The same place again: what the broker remembers is what is wanted.
    consumer.seek("orders", 1, StartAt::Offset(55)).unwrap();
    assert_eq!(read(&consumer, 5).await, (55..60).collect::<Vec<_>>());
    consumer.assign([("orders", 2, StartAt::Beginning)]);
    assert_eq!(read(&consumer, 10).await, (0..10).collect::<Vec<_>>());
}
