//! Reading from a replica in the client's own rack (KIP-392), on a live Apache Kafka and on broker-lite.

use std::pin::pin;

use ottla::{Client, Consumer, NewTopic, Record, StartAt};
use ottla_broker::Broker;
use ottla_tests::kafka::{KafkaOptions, LiveKafka, unique_name};

use crate::helper::{PATIENCE, block_on, client, described};

const SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

#[test]
fn a_replica_in_the_same_rack_is_read_from() {
    let lite = Broker::builder().brokers(2).racks(["rack-1", "rack-2"]).config("replica.selector.class", SELECTOR).unwrap();
    from_the_follower(lite.start().unwrap().bootstrap_servers());
    let options = KafkaOptions::brokers(2).property("broker.rack", "rack-{node}").property("replica.selector.class", SELECTOR);
    from_the_follower(LiveKafka::start_with(&options).bootstrap_servers());
}

fn from_the_follower(servers: &str) {
    let writer = client(servers, &[("auto.offset.reset", "none")]);
    let topic = unique_name("nearby");
    writer.admin().create_topic_blocking(NewTopic::new(&topic).partitions(1).replication_factor(2)).unwrap();
    let description = block_on(pin!(described(&writer, &topic)));
    let leader = description.partitions[0].leader.unwrap();
    let reader = client(servers, &[("client.rack", &format!("rack-{}", 3 - leader)), ("auto.offset.reset", "none")]);
    let near = reader.consumer().unwrap();
    let far = writer.consumer().unwrap();
    for consumer in [&near, &far] {
        consumer.assign([(topic.as_str(), 0, StartAt::Offset(0))]);
    }
    // The leader names a follower once that is in sync and has what is asked for.
    let mut from = 0;
    while near.metrics().follower_fetches < 3 {
        assert!(from < 10_000, "no follower was named: {:?}", near.metrics());
        write(&writer, &topic, from..from + 100);
        for consumer in [&near, &far] {
            assert_eq!(read(consumer, 100), (from..from + 100).map(|n| n.to_string()).collect::<Vec<_>>());
        }
        from += 100;
    }
    assert_eq!(far.metrics().follower_fetches, 0);
    for metrics in [near.metrics(), far.metrics()] {
        assert_eq!((metrics.errors, metrics.resets, metrics.truncations, metrics.fetch_failures), (0, 0, 0, 0), "{metrics:?}");
    }
}

fn write(client: &Client, topic: &str, numbers: std::ops::Range<u32>) {
    let producer = client.producer().unwrap();
    let deliveries: Vec<_> =
        numbers.map(|n| producer.send_blocking(Record::to(topic).partition(0).value(&n.to_string())).unwrap()).collect();
    for delivery in deliveries {
        delivery.wait().unwrap();
    }
}

fn read(consumer: &Consumer, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < count {
        let batch = consumer.next_blocking(PATIENCE).unwrap().expect("a batch in time");
        all.extend(batch.records().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
    }
    all
}
