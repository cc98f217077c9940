//! What a C face asks of the core, held against the public Rust API: an opaque for each record, reports of what was written and of
//! what failed, served when polled by whichever thread polls, quota held until then, queues forwarded into one another, a batch held
//! while seeking, everything dropped with work under way.

use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::time::Instant;

use ottla::{Client, DeliveryReport, ErrorKind, NewTopic, Producer, Record, StartAt};
use ottla_protocol::compression::Compression;
use ottla_tests::kafka::unique_name;

use crate::helper::{PATIENCE, block_on, client, described, in_time, on_both, topic};

/// A producer as `rd_kafka_t` is one: it takes records at once, and reports are served by whichever thread polls.
struct Handle {
    client: Client,
    producer: Producer,
    wakes: mpsc::Receiver<()>,
}

/// A record's report as a C callback gets it.
#[derive(Debug, PartialEq)]
pub(crate) struct Served {
    pub(crate) opaque: u64,
    pub(crate) offset: i64,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

impl Handle {
    fn new(servers: &str, properties: &[(&str, &str)]) -> Self {
        let client = client(servers, properties);
        let producer = client.producer_builder().reports(true).build().unwrap();
        let (wake, wakes) = mpsc::channel();
        producer.reports().set_notify(Some(Arc::new(move || {
            let _ = wake.send(());
        })));
        Self { client, producer, wakes }
    }

    /// Takes the next batch's report off the queue, waiting for the queue's own wake-up.
    fn next_report(&self) -> DeliveryReport {
        loop {
            if let Some(report) = self.producer.reports().try_pop() {
                return report;
            }
            self.wakes.recv_timeout(PATIENCE).expect("a report in time");
        }
    }
}

pub(crate) fn serve(report: &DeliveryReport) -> Vec<Served> {
    let result = report.result().expect("a report is of a batch that is done").clone();
    let batch = report.records().unwrap();
    let records = batch.records().zip(0..).map(|(record, index)| {
        let record = record.unwrap();
        Served {
            opaque: report.opaque(index),
            offset: result.record(index).map_or(-1, |written| written.offset),
            key: record.key.unwrap_or_default().to_vec(),
            value: record.value.unwrap_or_default().to_vec(),
        }
    });
    records.collect()
}

#[test]
fn reports_come_with_opaque_key_and_value_after_compression_and_before_the_topic_was_known() {
    on_both(|servers| {
        let handle = Handle::new(servers, &[("compression.type", "zstd")]);
        let topic = unique_name("reports");
        for i in 0..100_u64 {
            // The topic does not exist yet: each call returns at once all the same.
            let value = format!("value {i}").repeat(20);
            drop(handle.producer.try_send(&Record::to(&topic).key(&format!("{i}")).value(&value).opaque(i + 1)).unwrap());
        }
        let mut served = Vec::new();
        while served.len() < 100 {
            served.extend(serve(&handle.next_report()));
        }
        let expected = (0..100_u64).map(|i| Served {
            opaque: i + 1,
            offset: i64::try_from(i).unwrap(),
            key: format!("{i}").into_bytes(),
            value: format!("value {i}").repeat(20).into_bytes(),
        });
        assert_eq!(served, expected.collect::<Vec<_>>());
    });
}

#[test]
fn quota_and_flush_wait_for_reports_to_be_served() {
    on_both(|servers| {
        let handle = Handle::new(servers, &[("queue.buffering.max.messages", "10"), ("linger.ms", "0")]);
        let topic = topic(&handle.client, 1);
        for _ in 0..10 {
            drop(handle.producer.try_send(&Record::to(&topic).value("v")).unwrap());
        }
        // Reports are there, but not served: there is no room.
        let mut held = vec![handle.next_report()];
        while held.iter().map(DeliveryReport::len).sum::<usize>() < 10 {
            held.push(handle.next_report());
        }
        let full = handle.producer.try_send(&Record::to(&topic).value("v")).unwrap_err();
        assert_eq!((full.kind(), full.is_retriable()), (ErrorKind::QueueFull, true));
        drop(held);
        assert_eq!(handle.producer.buffered_bytes(), 0);
        drop(handle.producer.try_send(&Record::to(&topic).value("v")).unwrap());
        drop(handle.next_report());
        handle.producer.flush_blocking();
    });
}

#[test]
fn a_batch_held_while_seeking_hands_out_nothing_stale_and_half_a_batch_moves_the_position_by_half() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 1);
        let producer = client.producer().unwrap();
        for i in 0..10 {
            drop(producer.try_send(&Record::to(&topic).value(&format!("{i}"))).unwrap());
        }
        producer.flush_blocking();
        let consumer = client.consumer().unwrap();
        consumer.assign([(&topic, 0, StartAt::Beginning)]);
        let mut cursor = consumer.next_blocking(PATIENCE).unwrap().expect("a batch in time").into_cursor();
        assert_eq!(cursor.next().unwrap().value, Some(&b"0"[..]));
        assert_eq!(cursor.next().unwrap().value, Some(&b"1"[..]));
        assert_eq!(consumer.position(&topic, 0), Some(2));
        consumer.seek(&topic, 0, StartAt::Offset(7)).unwrap();
        assert!(cursor.next().is_none(), "the held batch is from before the seek");
        assert_eq!(consumer.position(&topic, 0), Some(7));
        let batch = consumer.next_blocking(PATIENCE).unwrap().expect("a batch in time");
        assert_eq!(batch.records().next().unwrap().offset, 7);
    });
}

#[test]
fn everything_dropped_with_work_under_way_completes_every_handle() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let producer = client.producer().unwrap();
        let topic = unique_name("dropped");
        let deliveries: Vec<_> = (0..100).map(|_| producer.try_send(&Record::to(&topic).value("v")).unwrap()).collect();
        drop(producer);
        drop(client);
        for delivery in deliveries {
            // Written, if it was quick; else told so. Never silence.
            if let Err(error) = delivery.wait() {
                assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
            }
        }
    });
}

#[test]
fn reports_of_failed_records_have_their_keys_values_and_opaques_too() {
    on_both(|servers| {
        let properties = [
            ("compression.type", "gzip"),
            ("delivery.timeout.ms", "1500"),
            ("request.timeout.ms", "1000"),
            ("allow.auto.create.topics", "false"),
        ];
        let handle = Handle::new(servers, &properties);
        let small = unique_name("small");
        let new = NewTopic::new(&small).partitions(1).config("max.message.bytes", "500");
        handle.client.admin().create_topic_blocking(new).unwrap();
        block_on(pin!(described(&handle.client, &small)));
        let unknown = unique_name("unknown");
        // Too large for the topic even when compressed, and of a topic that nobody creates.
        let noise: Vec<u8> = (0..2000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        for (topic, opaque) in [(&small, 1), (&unknown, 2)] {
            drop(handle.producer.try_send(&Record::to(topic).key("k").value(&noise).opaque(opaque)).unwrap());
        }
        let mut served = Vec::new();
        while served.len() < 2 {
            let report = handle.next_report();
            let error = report.result().unwrap().record(0).unwrap_err();
            let expected = if report.opaque(0) == 1 { "MESSAGE_TOO_LARGE" } else { "_UNKNOWN_TOPIC" };
            assert_eq!((error.name(), error.possibly_written()), (expected, false), "{error}");
            served.extend(serve(&report));
        }
        served.sort_by_key(|served| served.opaque);
        let expected = [1, 2].map(|opaque| Served { opaque, offset: -1, key: b"k".to_vec(), value: noise.clone() });
        assert_eq!(served, expected);
        handle.producer.flush_blocking();
        assert_eq!(handle.producer.buffered_bytes(), 0);
    });
}

#[test]
fn reports_of_large_batches_come_whole_with_every_codec() {
    on_both(|servers| {
        for codec in Compression::ALL {
            // Compressed beside the IO thread, since they are large.
            let handle = Handle::new(servers, &[("compression.type", codec.name()), ("batch.size", "200000")]);
            let topic = topic(&handle.client, 1);
            let value = |i: u64| format!("value {i} ").repeat(500);
            for i in 0..200_u64 {
                drop(handle.producer.try_send(&Record::to(&topic).value(&value(i)).opaque(i)).unwrap());
            }
            let mut served = Vec::new();
            while served.len() < 200 {
                served.extend(serve(&handle.next_report()));
            }
            for (served, i) in served.iter().zip(0..) {
                assert_eq!((served.opaque, served.offset), (i, i64::try_from(i).unwrap()), "{}", codec.name());
                assert_eq!(served.value, value(i).into_bytes(), "{}", codec.name());
            }
        }
    });
}

#[test]
fn queues_forwarded_into_one_are_served_by_whichever_thread_polls() {
    on_both(|servers| {
        let main = Handle::new(servers, &[("linger.ms", "0")]);
        let topic = topic(&main.client, 4);
        let others: Vec<Producer> = (0..3).map(|_| main.client.producer_builder().reports(true).build().unwrap()).collect();
        for other in &others {
            assert!(other.reports().forward_to(Some(main.producer.reports().clone())));
        }
        assert!(!main.producer.reports().forward_to(Some(others[0].reports().clone())), "not in a circle");
        let producers: Vec<&Producer> = others.iter().chain([&main.producer]).collect();
        let (serving, served) = mpsc::channel();
        std::thread::scope(|scope| {
            for (producer, first) in producers.iter().zip([0, 1000, 2000, 3000]) {
                let topic = &topic;
                scope.spawn(move || {
                    for i in first..first + 500 {
                        drop(producer.try_send(&Record::to(topic).key(&format!("{i}")).value("v").opaque(i)).unwrap());
                    }
                });
            }
            for _ in 0..2 {
                let (serving, queue) = (serving.clone(), main.producer.reports().clone());
                let done = || producers.iter().all(|producer| producer.metrics().records_written == 500);
                scope.spawn(move || {
                    let end = Instant::now() + PATIENCE;
                    loop {
                        // Written first, then reported: what is empty after all were written stays empty.
                        let all_written = done();
                        match queue.try_pop() {
                            Some(report) => serve(&report).into_iter().for_each(|served| serving.send(served.opaque).unwrap()),
                            None if all_written && Instant::now() < end && queue.is_empty() => break,
                            None => assert!(Instant::now() < end, "all reports in time"),
                        }
                        std::thread::yield_now();
                    }
                });
            }
        });
        drop(serving);
        let mut opaques: Vec<u64> = served.iter().collect();
        // What a server thread missed between its last look and the last report.
        while opaques.len() < 2000 {
            opaques.extend(serve(&main.next_report()).into_iter().map(|served| served.opaque));
        }
        opaques.sort_unstable();
        let expected: Vec<u64> = [0, 1000, 2000, 3000].iter().flat_map(|first| *first..*first + 500).collect();
        assert_eq!(opaques, expected, "each record's report once");
        assert!(producers.iter().all(|producer| producer.buffered_bytes() == 0));
    });
}

#[test]
fn a_client_destroyed_from_any_state_leaves_what_is_held_readable() {
    on_both(|servers| {
        for state in 0..4 {
            let handle = Handle::new(servers, &[("linger.ms", "0"), ("compression.type", "lz4")]);
            let topic = topic(&handle.client, 1);
            let consumer = handle.client.consumer().unwrap();
            consumer.assign([(&topic, 0, StartAt::Beginning)]);
            for i in 0..10 {
                drop(handle.producer.try_send(&Record::to(&topic).key("k").value(&format!("{i}")).opaque(i)).unwrap());
            }
            // Nothing served, one report in hand, all in hand, a batch of the consumer in hand.
            // What the queue's callback holds goes with the queue, and that with the producer.
            let token = Arc::new(());
            let (alive, held_by_callback) = (Arc::downgrade(&token), token);
            let wanted = match state {
                0 => 0,
                1 => 1,
                _ => 10,
            };
            let mut held: Vec<DeliveryReport> = Vec::new();
            while held.iter().map(DeliveryReport::len).sum::<usize>() < wanted {
                held.push(handle.next_report());
            }
            let batch = (state == 3).then(|| consumer.next_blocking(PATIENCE).unwrap().expect("a batch in time"));
            handle.producer.reports().set_notify(Some(Arc::new(move || drop(held_by_callback.clone()))));
            let producer = handle.producer.clone();
            drop((handle, consumer));
            drop(producer);
            // The IO thread lets go of it in its own time.
            let end = Instant::now() + PATIENCE;
            while alive.upgrade().is_some() {
                assert!(Instant::now() < end, "a destroyed client leaves nothing behind, state {state}");
                std::thread::yield_now();
            }
            for (served, i) in held.iter().flat_map(serve).zip(0..) {
                assert_eq!((served.opaque, served.value), (i, format!("{i}").into_bytes()));
            }
            let first = batch.as_ref().map(|batch| batch.records().next().unwrap().value.unwrap().to_vec());
            assert_eq!(first, (state == 3).then(|| b"0".to_vec()));
            in_time(move || drop((held, batch)));
        }
    });
}
