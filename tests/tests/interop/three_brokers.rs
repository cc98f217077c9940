//! A live cluster of three brokers, each of which leads something.

use std::collections::BTreeSet;
use std::pin::pin;

use ottla::{NewTopic, Record};
use ottla_tests::kafka::{LiveKafka, unique_name};

use crate::helper::{block_on, client, described, read};

const PARTITIONS: i32 = 6;
const RECORDS: usize = 3000;

#[test]
fn records_of_all_keys_go_to_three_leaders_and_come_back() {
    let kafka = LiveKafka::shared_cluster();
    for (replicas, acks, codec) in
        [(1, "1", "lz4"), (3, "all", "zstd"), (3, "1", "none"), (3, "all", "gzip"), (1, "all", "snappy")]
    {
        let idempotence = if acks == "all" { "true" } else { "false" };
        let properties = [("acks", acks), ("compression.type", codec), ("enable.idempotence", idempotence)];
        let client = client(kafka.bootstrap_servers(), &properties);
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
        assert_eq!(leaders.len(), kafka.brokers(), "each broker leads something: {description:?}");
        assert!(description.partitions.iter().all(|partition| partition.replicas.len() == usize::try_from(replicas).unwrap()));

        let mut total = 0;
        for partition in 0..PARTITIONS {
            // What went to this partition, in the order in which it was sent: offsets without a gap, values in that order.
            let here: Vec<(i64, String)> = (0..RECORDS)
                .filter(|i| written[*i].partition == partition)
                .map(|i| (written[i].offset, format!("{i}")))
                .collect();
            assert!(!here.is_empty(), "500 keys reach all partitions");
            let records = read(&client, &topic, partition, here.len());
            let records = records.into_iter().map(|record| (record.offset, String::from_utf8(record.value.unwrap()).unwrap()));
            assert_eq!(records.collect::<Vec<_>>(), here, "{topic}-{partition}, acks={acks}, {codec}");
            assert!(here.iter().map(|(offset, _)| *offset).eq(0..i64::try_from(here.len()).unwrap()));
            total += here.len();
        }
        assert_eq!(total, RECORDS);
    }
}

#[test]
fn the_cluster_is_found_through_any_one_of_its_brokers() {
    let kafka = LiveKafka::shared_cluster();
    for server in kafka.bootstrap_servers().split(',') {
        let client = client(server, &[]);
        let cluster = client.admin().describe_cluster_blocking().unwrap();
        assert_eq!(cluster.brokers.iter().map(|broker| broker.id).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(cluster.brokers.iter().any(|broker| broker.id == cluster.controller));
    }
}
