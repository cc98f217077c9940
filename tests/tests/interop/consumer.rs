//! Reading without a group: where it starts, how it moves, what it is told.

use std::pin::pin;
use std::time::Duration;

use futures_core::Stream;
use ottla::{Client, Consumer, ErrorKind, FetchedBatch, Record, StartAt};

use crate::helper::{PATIENCE, client, in_time, on_both, some_time_ago, topic, write};

fn write_numbers(client: &Client, topic: &str, partition: i32, numbers: std::ops::Range<i64>) {
    write_stamped(client, topic, partition, numbers, some_time_ago());
}

/// Writes the numbers with the timestamps `from` + number.
fn write_stamped(client: &Client, topic: &str, partition: i32, numbers: std::ops::Range<i64>, from: i64) {
    let producer = client.producer().unwrap();
    let send = |number: i64| {
        let value = number.to_string();
        producer.send_blocking(Record::to(topic).partition(partition).timestamp(from + number).value(&value)).unwrap()
    };
    let deliveries: Vec<_> = numbers.map(send).collect();
    for delivery in deliveries {
        delivery.wait().unwrap();
    }
}

fn numbers(batch: &FetchedBatch) -> Vec<i64> {
    batch.records().map(|record| std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap()).collect()
}

fn next(consumer: &Consumer) -> Vec<i64> {
    numbers(&consumer.next_blocking(PATIENCE).unwrap().expect("a batch in time"))
}

fn read(consumer: &Consumer, count: usize) -> Vec<i64> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(next(consumer));
    }
    all
}

/// Waits until the first offset has been looked up.
fn position(consumer: &Consumer, topic: &str, partition: i32) -> i64 {
    loop {
        if let Some(position) = consumer.position(topic, partition) {
            return position;
        }
        assert!(consumer.next_blocking(Duration::from_millis(20)).unwrap().is_none(), "there is nothing to read");
    }
}

#[test]
fn offsets_by_time_and_watermarks() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 2);
        let from = some_time_ago();
        write_stamped(&client, &topic, 0, 0..10, from);
        let consumer = client.consumer().unwrap();
        assert_eq!(consumer.watermarks_blocking(&topic, 0).unwrap(), (0, 10));
        assert_eq!(consumer.watermarks_blocking(&topic, 1).unwrap(), (0, 0));
        for (time, expected) in [(0, Some(0)), (from + 5, Some(5)), (from + 9, Some(9)), (from + 10, None)] {
            let found = consumer.offsets_for_times_blocking([(&topic, 0, time), (&topic, 1, time)]).unwrap();
            assert_eq!(found[0].1.map(|at| (at.offset, at.timestamp)), expected.map(|n| (n, from + n)), "{time}");
            assert_eq!(found[1].1, None);
        }
        let unknown = consumer.watermarks_blocking(&topic, 7).unwrap_err();
        let place = (unknown.kind(), unknown.topic(), unknown.partition());
        assert_eq!(place, (ErrorKind::UnknownPartition, Some(topic.as_str()), Some(7)), "{unknown}");
    });
}

#[test]
fn every_start() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 1);
        let from = some_time_ago();
        write_stamped(&client, &topic, 0, 0..100, from);
        let consumer = client.consumer().unwrap();
        for (at, first) in [(StartAt::Beginning, 0), (StartAt::Offset(42), 42), (StartAt::Timestamp(from + 77), 77)] {
            consumer.assign([(&topic, 0, at)]);
            assert_eq!(next(&consumer)[0], first, "{at:?}");
        }
        for at in [StartAt::End, StartAt::Timestamp(from + 5000), StartAt::Offset(100), StartAt::Default] {
            consumer.assign([(&topic, 0, at)]);
            assert_eq!(position(&consumer, &topic, 0), 100, "{at:?}");
        }
        write_numbers(&client, &topic, 0, 100..101);
        assert_eq!(read(&consumer, 1), [100]);
    });
}

#[test]
fn every_reset_policy_without_an_offset_and_out_of_range() {
    on_both(|servers| {
        let writing = client(servers, &[]);
        let topic = topic(&writing, 1);
        write_numbers(&writing, &topic, 0, 0..10);
        for at in [StartAt::Default, StartAt::Offset(500)] {
            for policy in ["earliest", "smallest", "beginning"] {
                let consumer = client(servers, &[("auto.offset.reset", policy)]).consumer().unwrap();
                consumer.assign([(&topic, 0, at)]);
                assert_eq!(read(&consumer, 10), (0..10).collect::<Vec<_>>(), "{policy} {at:?}");
            }
            for policy in ["error", "none"] {
                let consumer = client(servers, &[("auto.offset.reset", policy)]).consumer().unwrap();
                consumer.assign([(&topic, 0, at)]);
                let error = consumer.next_blocking(PATIENCE).map(|batch| batch.is_some()).unwrap_err();
                let place = (error.kind(), error.topic(), error.partition());
                assert_eq!(place, (ErrorKind::OffsetReset, Some(topic.as_str()), Some(0)), "{policy} {at:?}: {error}");
                assert_eq!(error.name(), "_AUTO_OFFSET_RESET");
                // And a seek is the way on.
                consumer.seek(&topic, 0, StartAt::Offset(8)).unwrap();
                assert_eq!(next(&consumer), [8, 9], "{policy} {at:?}");
            }
        }
        for policy in ["latest", "largest", "end"] {
            let consumer = client(servers, &[("auto.offset.reset", policy)]).consumer().unwrap();
            consumer.assign([(&topic, 0, StartAt::Default)]);
            let end = position(&consumer, &topic, 0);
            write_numbers(&writing, &topic, 0, end..end + 1);
            assert_eq!(next(&consumer), [end], "{policy}");
            // Out of range: the position is where it was sent to until the broker says otherwise.
            consumer.seek(&topic, 0, StartAt::Offset(5000)).unwrap();
            while consumer.position(&topic, 0) != Some(end + 1) {
                assert!(consumer.next_blocking(Duration::from_millis(20)).unwrap().is_none(), "{policy}");
            }
            write_numbers(&writing, &topic, 0, end + 1..end + 2);
            assert_eq!(next(&consumer), [end + 1], "{policy}");
        }
    });
}

#[test]
fn seeks_pauses_and_positions() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 2);
        write_numbers(&client, &topic, 0, 0..50);
        write_numbers(&client, &topic, 1, 100..150);
        let consumer = client.consumer().unwrap();
        consumer.assign([(&topic, 0, StartAt::Beginning), (&topic, 1, StartAt::Beginning)]);
        consumer.pause(&topic, 0).unwrap();
        assert_eq!(read(&consumer, 50), (100..150).collect::<Vec<_>>());
        assert!(consumer.try_next().unwrap().is_none());
        assert_eq!((consumer.paused().len(), consumer.assignment().len()), (1, 2));
        // Asking for the next consumed what was taken before.
        assert_eq!(consumer.position(&topic, 1), Some(50));
        consumer.resume(&topic, 0).unwrap();
        assert_eq!(read(&consumer, 50), (0..50).collect::<Vec<_>>());
        // Back, forward, and there again.
        for at in [20, 0, 49, 33] {
            consumer.seek(&topic, 0, StartAt::Offset(at)).unwrap();
            assert_eq!(consumer.position(&topic, 0), Some(at));
            assert_eq!(next(&consumer)[0], at);
        }
        // A seek while paused is kept.
        consumer.pause(&topic, 0).unwrap();
        consumer.seek(&topic, 0, StartAt::Offset(7)).unwrap();
        assert!(consumer.next_blocking(Duration::from_millis(50)).unwrap().is_none());
        consumer.resume(&topic, 0).unwrap();
        assert_eq!(next(&consumer)[0], 7);
        for error in [
            consumer.seek(&topic, 9, StartAt::Beginning).unwrap_err(),
            consumer.pause("no.such.topic", 0).unwrap_err(),
            consumer.resume(&topic, -1).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::State, "{error}");
        }
    });
}

#[test]
fn a_record_that_can_not_be_had_is_told_and_the_others_go_on() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 1);
        write_numbers(&client, &topic, 0, 0..3);
        let consumer = client.consumer().unwrap();
        consumer.assign([(&topic, 0, StartAt::Beginning), (&topic, 9, StartAt::Beginning)]);
        let (mut seen, mut told) = (Vec::new(), None);
        while seen.len() < 3 || told.is_none() {
            match consumer.next_blocking(PATIENCE) {
                Ok(batch) => seen.extend(numbers(&batch.expect("a batch in time"))),
                Err(error) => told = Some(error),
            }
        }
        assert_eq!(seen, [0, 1, 2]);
        let told = told.unwrap();
        assert_eq!((told.kind(), told.partition()), (ErrorKind::UnknownPartition, Some(9)), "{told}");
    });
}

#[test]
fn a_consumer_is_a_stream_and_ends_when_it_is_closed() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 1);
        write(&client, &topic, 0, (0..3).map(|i| format!("{i}")));
        let read = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let mut consumer = client.consumer().unwrap();
                consumer.assign([(&topic, 0, StartAt::Beginning)]);
                let mut seen = Vec::new();
                while seen.len() < 3 {
                    let mut stream = pin!(&mut consumer);
                    let batch = std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await.unwrap().unwrap();
                    seen.extend(numbers(&batch));
                }
                let (ended, ()) = tokio::join!(consumer.next(), async { drop(consumer.close()) });
                assert!(ended.unwrap().is_none());
                assert_eq!(consumer.position(&topic, 0), Some(3), "closing consumes what was taken");
                let mut stream = pin!(&mut consumer);
                assert!(std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await.is_none());
                seen
            })
        };
        assert_eq!(in_time(read), [0, 1, 2]);
    });
}
