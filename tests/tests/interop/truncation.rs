//! A log that loses what was read from it (KIP-320), on a live Apache Kafka: its only in-sync replica goes, and one that lacks the end
//! takes over.

use std::pin::pin;
use std::time::Instant;

use ottla::{Client, Consumer, ErrorKind, Record, StartAt};
use ottla_tests::kafka::{KafkaOptions, LiveKafka, unique_name};

use crate::helper::{PATIENCE, block_on, client};

#[test]
#[ignore = "takes a minute: make proof"]
fn a_truncation_is_told_or_gone_along_with() {
    // Broker 1 is the controller, and stays.
    let options = KafkaOptions::brokers(3).property("broker.session.timeout.ms", "3000");
    let mut kafka = LiveKafka::start_with(&options);
    let topic = unique_name("truncated");
    let unclean = "unclean.leader.election.enable=true";
    let arguments = ["--create", "--topic", &topic, "--replica-assignment", "2:3", "--config", unclean];
    kafka.topics(&arguments).unwrap();
    let servers = kafka.bootstrap_servers().to_owned();
    let writer = client(&servers, &[]);
    write(&writer, &topic, 0..10);

    kafka.kill_broker(3);
    in_sync(&writer, &topic, &[2]);
    write(&writer, &topic, 10..15);
    let told = client(&servers, &[("auto.offset.reset", "none")]).consumer().unwrap();
    let follows = client(&servers, &[("auto.offset.reset", "latest")]).consumer().unwrap();
    for consumer in [&told, &follows] {
        consumer.assign([(topic.as_str(), 0, StartAt::Offset(0))]);
        assert_eq!(read(consumer, 15), (0..15).map(|n| n.to_string()).collect::<Vec<_>>());
        // Asked for more, it counts the last batch as consumed: the position is 15 before anything happens.
        assert!(consumer.try_next().unwrap().is_none());
    }

    kafka.kill_broker(2);
    kafka.restart_broker(3).unwrap();
    in_sync(&writer, &topic, &[3]);
    let error = loop {
        match told.next_blocking(PATIENCE) {
            Err(error) if error.kind() == ErrorKind::LogTruncation => break error,
            // That a broker is gone is told too.
            Err(_) => {}
            Ok(batch) => panic!("{batch:?}"),
        }
    };
    assert_eq!((error.topic(), error.partition()), (Some(topic.as_str()), Some(0)), "{error}");
    assert_eq!((error.offset(), error.next_offset()), (Some(15), Some(10)), "{error}");
    told.seek(&topic, 0, StartAt::Offset(10)).unwrap();
    write(&writer, &topic, 100..110);
    for consumer in [&told, &follows] {
        assert_eq!(read(consumer, 10), (100..110).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(consumer.metrics().truncations, 1, "{:?}", consumer.metrics());
    }
}

/// Waits until exactly these replicas are in sync, and the first of them leads.
fn in_sync(client: &Client, topic: &str, brokers: &[i32]) {
    let start = Instant::now();
    loop {
        let described = block_on(pin!(client.admin().describe_topic(topic)));
        if described.as_ref().is_ok_and(|d| d.partitions[0].isr == brokers && d.partitions[0].leader == brokers.first().copied())
        {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{described:?}");
        std::thread::yield_now();
    }
}

fn write(client: &Client, topic: &str, numbers: std::ops::Range<u32>) {
    let producer = client.producer().unwrap();
    for n in numbers {
        producer.send_blocking(Record::to(topic).partition(0).value(&n.to_string())).unwrap().wait().unwrap();
    }
}

/// Values, whatever errors come in between.
fn read(consumer: &Consumer, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < count {
        if let Ok(batch) = consumer.next_blocking(PATIENCE) {
            let batch = batch.expect("a batch in time");
            all.extend(batch.records().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
        }
    }
    all
}
