//! Clusters of three brokers, each of which leads something: a live Apache Kafka's and broker-lite's.

use std::collections::BTreeSet;
use std::pin::pin;

use ottla::{ErrorKind, NewTopic, Record};
use ottla_broker::Broker;
use ottla_tests::kafka::{LiveKafka, unique_name};

use crate::helper::{block_on, client, described, in_time, read, values};

const PARTITIONS: i32 = 6;
const RECORDS: usize = 3000;

/// Runs a test on both clusters; it gets their `bootstrap.servers`.
fn on_both_clusters(test: impl Fn(&str)) {
    let lite = Broker::builder().brokers(3).start().unwrap();
    test(lite.bootstrap_servers());
    test(LiveKafka::shared_cluster().bootstrap_servers());
}

#[test]
fn records_of_all_keys_go_to_three_leaders_and_come_back() {
    on_both_clusters(|servers| {
        for way in [(1, "1", "lz4"), (3, "all", "zstd"), (3, "1", "none"), (3, "all", "gzip"), (1, "all", "snappy")] {
            there_and_back(servers, way);
        }
    });
}

fn there_and_back(servers: &str, (replicas, acks, codec): (i16, &str, &str)) {
    let idempotence = if acks == "all" { "true" } else { "false" };
    let properties = [("acks", acks), ("compression.type", codec), ("enable.idempotence", idempotence)];
    let client = client(servers, &properties);
    let topic = unique_name("three");
    let new = NewTopic::new(&topic).partitions(PARTITIONS).replication_factor(replicas);
    client.admin().create_topic_blocking(new).unwrap();

    let producer = client.producer().unwrap();
    let send = |i: usize| {
        let (key, value) = (format!("key {}", i % 500), format!("{i}"));
        producer.send_blocking(Record::to(&topic).key(&key).value(&value)).unwrap()
    };
    let deliveries: Vec<_> = (0..RECORDS).map(send).collect();
    let written: Vec<_> = deliveries.into_iter().map(|delivery| delivery.wait().unwrap()).collect();

    let description = block_on(pin!(described(&client, &topic)));
    let leaders: BTreeSet<i32> = description.partitions.iter().filter_map(|partition| partition.leader).collect();
    assert_eq!(leaders, BTreeSet::from([1, 2, 3]), "each broker leads something: {description:?}");
    assert!(description.partitions.iter().all(|partition| partition.replicas.len() == usize::try_from(replicas).unwrap()));

    let mut total = 0;
    for partition in 0..PARTITIONS {
        // What went to this partition, in the order in which it was sent: offsets without a gap, values in that order.
        let here: Vec<(i64, String)> =
            (0..RECORDS).filter(|i| written[*i].partition == partition).map(|i| (written[i].offset, format!("{i}"))).collect();
        assert!(!here.is_empty(), "500 keys reach all partitions");
        let records = read(&client, &topic, partition, here.len());
        let records = records.into_iter().map(|record| (record.offset, String::from_utf8(record.value.unwrap()).unwrap()));
        assert_eq!(records.collect::<Vec<_>>(), here, "{topic}-{partition}, acks={acks}, {codec}");
        assert!(here.iter().map(|(offset, _)| *offset).eq(0..i64::try_from(here.len()).unwrap()));
        total += here.len();
    }
    assert_eq!(total, RECORDS);
}

#[test]
fn the_cluster_is_found_through_any_one_of_its_brokers() {
    on_both_clusters(|servers| {
        for server in servers.split(',') {
            let client = client(server, &[]);
            let cluster = client.admin().describe_cluster_blocking().unwrap();
            assert_eq!(cluster.brokers.iter().map(|broker| broker.id).collect::<Vec<_>>(), [1, 2, 3]);
            assert!(cluster.brokers.iter().any(|broker| broker.id == cluster.controller));
        }
    });
}

#[test]
fn too_few_replicas_are_waited_for_until_delivery_timeout_ms() {
    // A live Kafka would have to lose a broker for this.
    let lite = Broker::builder().brokers(3).start().unwrap();
    let bounds = [("delivery.timeout.ms", "1500"), ("request.timeout.ms", "1000"), ("retry.backoff.ms", "20")];
    let client = client(lite.bootstrap_servers(), &bounds);
    let topic = unique_name("replicas");
    let new = NewTopic::new(&topic).partitions(1).replication_factor(2).config("min.insync.replicas", "2");
    client.admin().create_topic_blocking(new).unwrap();
    let producer = client.producer().unwrap();
    producer.send_blocking(Record::to(&topic).value("0")).unwrap().wait().unwrap();
    let description = block_on(pin!(described(&client, &topic)));
    let follower = |broker: &&i32| Some(**broker) != description.partitions[0].leader;
    let follower = *description.partitions[0].replicas.iter().find(follower).unwrap();
    lite.stop_broker(follower).unwrap();
    let delivery = producer.send_blocking(Record::to(&topic).value("1")).unwrap();
    let error = in_time(move || delivery.wait()).unwrap_err();
    assert_eq!((error.kind(), error.topic()), (ErrorKind::MsgTimedOut, Some(topic.as_str())), "{error}");
    assert!(producer.metrics().retries > 1);
    lite.restart_broker(follower).unwrap();
    producer.send_blocking(Record::to(&topic).value("2")).unwrap().wait().unwrap();
    assert_eq!(values(&client, &topic, 0), ["0", "2"]);
}

#[test]
fn a_topic_that_has_a_replica_of_each_partition_on_each_broker_survives_two_of_three() {
    let lite = Broker::builder().brokers(3).start().unwrap();
    let quick =
        [("request.timeout.ms", "1000"), ("reconnect.backoff.max.ms", "50"), ("retry.backoff.max.ms", "50"), ("linger.ms", "1")];
    let client = client(lite.bootstrap_servers(), &quick);
    let topic = unique_name("survivor");
    client.admin().create_topic_blocking(NewTopic::new(&topic).partitions(3).replication_factor(3)).unwrap();
    let producer = client.producer().unwrap();
    let mut deliveries = Vec::new();
    for round in 0..9_usize {
        for i in 0..200 {
            let value = format!("{}", round * 200 + i);
            deliveries
                .push(producer.send_blocking(Record::to(&topic).partition(i32::try_from(i % 3).unwrap()).value(&value)).unwrap());
        }
        // One after another stops under way, and comes back two rounds later.
        let stopped = |round: usize| i32::try_from(round % 3).unwrap() + 1;
        lite.stop_broker(stopped(round)).unwrap();
        if round > 0 {
            lite.restart_broker(stopped(round - 1)).unwrap();
        }
    }
    for delivery in deliveries {
        in_time(move || delivery.wait()).unwrap();
    }
    for partition in 0..3 {
        let expected: Vec<String> =
            (0..1800_usize).filter(|i| i % 200 % 3 == usize::try_from(partition).unwrap()).map(|i| format!("{i}")).collect();
        assert_eq!(values(&client, &topic, partition), expected, "{topic}-{partition}");
    }
}
