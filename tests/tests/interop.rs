//! The client against a live Apache Kafka and against broker-lite: the same tests on both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use ottla::{Client, ErrorKind, NewTopic, Record, StartAt};
use ottla_broker::Broker;
use ottla_protocol::compression::Compression;
use ottla_tests::kafka::{LiveKafka, unique_name};

const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test on both brokers.
fn on_both(test: impl Fn(&str)) {
    let lite = Broker::start_blocking().unwrap();
    test(lite.bootstrap_servers());
    test(LiveKafka::shared().bootstrap_servers());
}

fn client(servers: &str, properties: &[(&str, &str)]) -> Client {
    let mut builder = Client::builder().set("bootstrap.servers", servers).unwrap();
    for (name, value) in properties {
        builder = builder.set(name, value).unwrap();
    }
    builder.build().unwrap()
}

fn topic(client: &Client, partitions: i32) -> String {
    let name = unique_name("interop");
    client.admin().create_topic_blocking(NewTopic::new(&name).partitions(partitions)).unwrap();
    name
}

/// Offset, key, value, headers.
type Read = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<String>);

/// The first records of a partition.
fn read(client: &Client, topic: &str, partition: i32, count: usize) -> Vec<Read> {
    let consumer = client.consumer().unwrap();
    consumer.assign([(topic, partition, StartAt::Beginning)]);
    let mut all = Vec::new();
    while all.len() < count {
        let batch = consumer.next_blocking(PATIENCE).unwrap().expect("a batch in time");
        for record in batch.records() {
            let headers =
                record.headers.iter().map(|h| format!("{}={:?}", h.key, h.value.map(String::from_utf8_lossy))).collect();
            all.push((record.offset, record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec), headers));
        }
    }
    all
}

#[test]
fn every_codec_and_every_acks_there_and_back() {
    on_both(|servers| {
        for codec in Compression::ALL {
            for acks in ["all", "1", "0"] {
                let idempotence = if acks == "all" { "true" } else { "false" };
                let properties = [("compression.type", codec.name()), ("acks", acks), ("enable.idempotence", idempotence)];
                let client = client(servers, &properties);
                let topic = topic(&client, 1);
                let producer = client.producer().unwrap();
                let deliveries: Vec<_> = (0..500)
                    .map(|i| {
                        let (key, value) = (format!("key {i}"), format!("value {i} {}", "x".repeat(50)));
                        let record = Record::to(&topic).key(&key).value(&value).header("h", &key).null_header("h");
                        producer.send_blocking(record).unwrap()
                    })
                    .collect();
                for (i, delivery) in deliveries.into_iter().enumerate() {
                    let written = delivery.wait().unwrap();
                    assert_eq!(written.partition, 0);
                    assert_eq!(written.offset, if acks == "0" { -1 } else { i64::try_from(i).unwrap() });
                }
                let records = read(&client, &topic, 0, 500);
                assert_eq!(records.len(), 500);
                for (i, (offset, key, value, headers)) in records.into_iter().enumerate() {
                    assert_eq!(offset, i64::try_from(i).unwrap());
                    assert_eq!(key.unwrap(), format!("key {i}").into_bytes());
                    assert_eq!(value.unwrap(), format!("value {i} {}", "x".repeat(50)).into_bytes());
                    assert_eq!(headers, [format!("h=Some(\"key {i}\")"), "h=None".to_owned()]);
                }
            }
        }
    });
}

#[test]
fn a_topic_that_comes_to_be_when_it_is_written_to() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = unique_name("auto");
        let producer = client.producer().unwrap();
        let deliveries: Vec<_> =
            (0..10).map(|i| producer.try_send(&Record::to(&topic).value(&format!("{i}"))).unwrap()).collect();
        producer.flush_blocking();
        let offsets: Vec<i64> =
            deliveries.into_iter().map(|mut d| d.try_result().expect("flush waits for it").unwrap().offset).collect();
        assert_eq!(offsets, (0..10).collect::<Vec<_>>());
        let values: Vec<_> = read(&client, &topic, 0, 10).into_iter().map(|record| record.2.unwrap()).collect();
        assert_eq!(values, (0..10).map(|i| format!("{i}").into_bytes()).collect::<Vec<_>>());
    });
}

#[test]
fn tombstones_empty_values_and_chosen_partitions() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 3);
        let producer = client.producer().unwrap();
        let tombstone = producer.send_blocking(Record::to(&topic).key("k").partition(2)).unwrap().wait().unwrap();
        let empty = producer.send_blocking(Record::to(&topic).value("").partition(2)).unwrap().wait().unwrap();
        assert_eq!((tombstone.partition, tombstone.offset, empty.offset), (2, 0, 1));
        let records = read(&client, &topic, 2, 2);
        assert_eq!((records[0].1.as_deref(), records[0].2.as_deref()), (Some(&b"k"[..]), None));
        assert_eq!((records[1].1.as_deref(), records[1].2.as_deref()), (None, Some(&b""[..])));
        let error = producer.send_blocking(Record::to(&topic).value("v").partition(9)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownPartition);
    });
}

#[test]
fn topics_and_the_cluster_are_described() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 3);
        let admin = client.admin();
        assert!(admin.list_topics_blocking().unwrap().contains(&topic));
        let description = admin.describe_topic_blocking(&topic).unwrap();
        assert_eq!(description.partitions.len(), 3);
        assert!(description.partitions.iter().all(|p| p.leader.is_some()));
        assert_eq!(admin.describe_cluster_blocking().unwrap().brokers.len(), 1);
        let again = admin.create_topic_blocking(NewTopic::new(&topic)).unwrap_err();
        assert_eq!(again.name(), "TOPIC_ALREADY_EXISTS");
        admin.delete_topic_blocking(&topic).unwrap();
        assert_eq!(admin.delete_topic_blocking(&topic).unwrap_err().name(), "UNKNOWN_TOPIC_OR_PARTITION");
    });
}

#[test]
fn wrong_bootstrap_servers_are_named_with_their_cause() {
    let connect = |servers: &str| {
        let builder = Client::builder().set("bootstrap.servers", servers).unwrap().set("connect.timeout.ms", "1500").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(builder.connect()).map(drop).unwrap_err()
    };
    // A port that was bound and let go: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = connect(&free.to_string());
    assert_eq!(refused.kind(), ErrorKind::AllBrokersDown);
    assert!(refused.to_string().contains(&free.to_string()), "{refused}");

    let http = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = http.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = http.accept() {
            use std::io::Write;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let error = connect(&address.to_string());
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("HTTP"), "{error}");
}
