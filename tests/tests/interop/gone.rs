//! Brokers that go in the middle of work: for good, for a while, or without a word. Nothing hangs, and nothing is lost silently.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ottla::{Client, Delivery, Error, ErrorKind, Producer, PurgedFrom, Record, StartAt, Written};
use ottla_broker::Broker;

use crate::helper::{PATIENCE, client, in_time, on_both, topic, values, write};
use crate::line::{Line, Lines};

const QUICK: [(&str, &str); 6] = [
    ("delivery.timeout.ms", "2000"),
    ("request.timeout.ms", "600"),
    ("reconnect.backoff.ms", "10"),
    ("reconnect.backoff.max.ms", "50"),
    ("retry.backoff.ms", "10"),
    ("linger.ms", "1"),
];

fn on_a_line(servers: &str, lines: &Arc<Lines>, properties: &[(&str, &str)]) -> Client {
    let mut builder = Client::builder().set("bootstrap.servers", servers).unwrap().connector(lines.clone());
    for (name, value) in properties {
        builder = builder.set(name, value).unwrap();
    }
    builder.build().unwrap()
}

fn send(producer: &Producer, topic: &str, numbers: std::ops::Range<usize>) -> Vec<Delivery> {
    let send = |i| producer.send_blocking(Record::to(topic).key(&format!("{}", i % 40)).value(&format!("{i}"))).unwrap();
    numbers.map(send).collect()
}

fn outcomes(deliveries: Vec<Delivery>) -> Vec<Result<Written, Error>> {
    in_time(move || deliveries.into_iter().map(Delivery::wait).collect())
}

/// What is in the log is what was acknowledged, and of the rest only what may be.
fn check(servers: &str, topic: &str, partitions: i32, outcomes: &[Result<Written, Error>]) {
    let other = client(servers, &[]);
    let logged: Vec<usize> = (0..partitions).flat_map(|p| values(&other, topic, p)).map(|v| v.parse().unwrap()).collect();
    let distinct: BTreeSet<usize> = logged.iter().copied().collect();
    assert_eq!(distinct.len(), logged.len(), "nothing is there twice");
    for (number, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(_) => assert!(distinct.contains(&number), "{number} was acknowledged"),
            Err(error) if error.possibly_written() => {}
            Err(error) => assert!(!distinct.contains(&number), "{number}: {error}"),
        }
    }
    assert!(distinct.iter().all(|number| *number < outcomes.len()));
}

#[test]
fn a_broker_that_goes_for_good_ends_every_delivery_and_says_what_may_be_written() {
    on_both(|servers| {
        for how in [Line::Cut, Line::Silent] {
            let lines = Lines::new();
            let client = on_a_line(servers, &lines, &QUICK);
            let topic = topic(&client, 4);
            let producer = client.producer().unwrap();
            let before = outcomes(send(&producer, &topic, 0..500));
            assert!(before.iter().all(Result::is_ok));
            // Some of these are under way when the line goes, most are not.
            let early = send(&producer, &topic, 500..3000);
            lines.set(how);
            let late = send(&producer, &topic, 3000..3500);
            let flushing = producer.clone();
            in_time(move || flushing.flush_blocking());
            assert_eq!(producer.buffered_bytes(), 0, "what is flushed takes no room");
            let mut all = before;
            all.extend(outcomes(early));
            all.extend(outcomes(late));
            assert_eq!(all.len(), 3500, "one result for each record");
            for error in all.iter().filter_map(|outcome| outcome.as_ref().err()) {
                assert_eq!((error.kind(), error.topic()), (ErrorKind::MsgTimedOut, Some(topic.as_str())), "{error}");
            }
            assert!(all[3000..].iter().all(|outcome| outcome.is_err()), "{how:?}: nothing passes");
            check(servers, &topic, 4, &all);
        }
    });
}

#[test]
fn a_broker_that_comes_back_in_time_gets_everything_once_and_in_order() {
    on_both(|servers| {
        for how in [Line::Cut, Line::Silent] {
            let lines = Lines::new();
            let mut properties = QUICK;
            properties[0].1 = "60000";
            let producing = on_a_line(servers, &lines, &properties);
            let topic = topic(&producing, 1);
            let producer = producing.producer().unwrap();
            let mut deliveries = Vec::new();
            for round in 0..5 {
                deliveries.extend(send(&producer, &topic, round * 400..round * 400 + 300));
                lines.set(how);
                deliveries.extend(send(&producer, &topic, round * 400 + 300..round * 400 + 400));
                if how == Line::Silent {
                    // What is under way has to time out before the producer sends it again.
                    let left = flush_within(&producer, Duration::from_millis(700)).unwrap_err();
                    assert_eq!(left.kind(), ErrorKind::Timeout, "{left}");
                }
                lines.set(Line::Open);
            }
            let all = outcomes(deliveries);
            assert!(all.iter().all(Result::is_ok), "{how:?}: {:?}", all.iter().find(|outcome| outcome.is_err()));
            let expected: Vec<String> = (0..2000).map(|i| format!("{i}")).collect();
            assert_eq!(values(&client(servers, &[]), &topic, 0), expected, "{how:?}");
        }
    });
}

fn flush_within(producer: &Producer, limit: Duration) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(producer.flush_within(limit))
}

#[test]
fn closing_gives_up_after_close_timeout_ms_and_the_deliveries_say_what() {
    on_both(|servers| {
        for how in [Line::Cut, Line::Silent] {
            let lines = Lines::new();
            let client = on_a_line(servers, &lines, &[("close.timeout.ms", "500"), ("linger.ms", "0")]);
            let topic = topic(&client, 1);
            let producer = client.producer().unwrap();
            let mut all = outcomes(send(&producer, &topic, 0..10));
            assert!(all.iter().all(Result::is_ok));
            lines.set(how);
            let stuck = send(&producer, &topic, 10..110);
            let closing = in_time(move || producer.close_blocking()).unwrap_err();
            assert_eq!(closing.kind(), ErrorKind::Timeout, "{closing}");
            all.extend(outcomes(stuck));
            for error in all.iter().filter_map(|outcome| outcome.as_ref().err()) {
                let given_up = matches!(error.kind(), ErrorKind::Purged(PurgedFrom::InQueue | PurgedFrom::InFlight));
                assert!(given_up, "{how:?}: {error}");
            }
            assert!(all[10..].iter().all(Result::is_err));
            check(servers, &topic, 1, &all);
        }
    });
}

#[test]
fn a_consumer_hears_of_a_broker_that_is_gone_and_goes_on_when_it_is_back() {
    on_both(|servers| {
        let lines = Lines::new();
        let bounds = [("reconnect.backoff.max.ms", "100"), ("socket.timeout.ms", "1000")];
        let setup = ("socket.connection.setup.timeout.ms", "1000");
        let consuming = on_a_line(servers, &lines, &[bounds[0], bounds[1], setup]);
        let other = client(servers, &[]);
        let topic = topic(&other, 1);
        write(&other, &topic, 0, (0..10).map(|i| format!("{i}")));
        let consumer = consuming.consumer().unwrap();
        consumer.assign([(&topic, 0, StartAt::Beginning)]);
        let mut seen = 0;
        while seen < 10 {
            seen += consumer.next_blocking(PATIENCE).unwrap().expect("a batch in time").records().count();
        }
        for how in [Line::Cut, Line::Silent] {
            lines.set(how);
            let error = consumer.next_blocking(PATIENCE).map(|batch| batch.is_some()).unwrap_err();
            assert!(error.is_retriable(), "{how:?}: {error}");
            assert!(error.broker().is_some() || error.kind() == ErrorKind::AllBrokersDown, "{how:?}: {error}");
            lines.set(Line::Open);
            write(&other, &topic, 0, ["more".to_owned()]);
            // It may have more to say of the time when the line was gone.
            let batch = loop {
                match consumer.next_blocking(PATIENCE) {
                    Ok(batch) => break batch.expect("a batch in time"),
                    Err(error) => assert!(error.is_retriable(), "{error}"),
                }
            };
            assert_eq!(batch.records().map(|record| record.value).collect::<Vec<_>>(), [Some(&b"more"[..])]);
        }
    });
}

#[test]
fn a_stopped_broker_fails_records_of_known_and_of_unknown_topics() {
    let lite = Broker::start_blocking().unwrap();
    let client = client(lite.bootstrap_servers(), &QUICK);
    let producer = client.producer().unwrap();
    producer.send_blocking(Record::to("gone").value("v")).unwrap().wait().unwrap();
    let consumer = client.consumer().unwrap();
    consumer.assign([("gone", 0, StartAt::Beginning)]);
    assert_eq!(consumer.next_blocking(PATIENCE).unwrap().unwrap().records().count(), 1);
    lite.stop();
    for topic in ["gone", "never.seen"] {
        let delivery = producer.send_blocking(Record::to(topic).value("v")).unwrap();
        let error = in_time(move || delivery.wait()).unwrap_err();
        assert_eq!((error.kind(), error.topic()), (ErrorKind::MsgTimedOut, Some(topic)), "{error}");
    }
    let error = consumer.next_blocking(PATIENCE).map(|batch| batch.is_some()).unwrap_err();
    assert!(error.is_retriable(), "{error}");
    in_time(move || producer.close_blocking()).unwrap();
}
