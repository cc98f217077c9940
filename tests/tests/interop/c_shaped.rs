//! What a C face asks of the core, held against the public Rust API: an opaque for each record, reports served when polled, quota
//! held until then, a batch held while seeking, everything dropped with work under way.

use std::sync::mpsc;

use ottla::{Client, DeliveryReport, ErrorKind, Producer, Record, StartAt};
use ottla_tests::kafka::unique_name;

use crate::helper::{PATIENCE, client, on_both, topic};

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
        producer.reports().set_notify(Some(std::sync::Arc::new(move || {
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
