//! Kafka's own tools against broker-lite. Each runs against a live Kafka too, and what they print is the same.

use ottla::{Record, StartAt};
use ottla_broker::Broker;
use ottla_protocol::compression::Compression;
use ottla_tests::kafka::{LiveKafka, unique_name};

use crate::helper::{PATIENCE, client, read, some_time_ago, topic};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const OFFSETS: &str = "org.apache.kafka.tools.GetOffsetShell";

/// Runs a tool against a broker; what it printed, or what it failed with.
fn tool(class: &str, servers: &str, arguments: &[&str], stdin: &str) -> Result<String, String> {
    let mut all = vec!["--bootstrap-server", servers];
    all.extend_from_slice(arguments);
    let output = LiveKafka::shared().run_tool(class, &all, stdin.as_bytes()).unwrap();
    output.into_text().map_err(|error| error.to_string())
}

/// Runs a test on both brokers and compares what it returned.
fn the_same_on_both<T: PartialEq + std::fmt::Debug>(test: impl Fn(&str) -> T) {
    let lite = Broker::start_blocking().unwrap();
    let (ours, kafkas) = (test(lite.bootstrap_servers()), test(LiveKafka::shared().bootstrap_servers()));
    assert_eq!(ours, kafkas);
}

/// What a tool printed, without what differs from run to run, and without what the feature eligible.leader.replicas.version
/// (KIP-966) sets for the whole cluster when its storage is formatted.
fn plain(printed: &str, topic: &str) -> String {
    let words = printed.replace(topic, "TOPIC").replace("min.insync.replicas=1,", "");
    let words = words.split('\t').map(|word| if word.starts_with("TopicId: ") { "TopicId: ID" } else { word });
    words.collect::<Vec<_>>().join("\t")
}

#[test]
fn topics_are_created_listed_described_and_deleted() {
    the_same_on_both(|servers| {
        let name = unique_name("tool");
        let topics = |arguments: &[&str]| tool(TOPICS, servers, arguments, "");
        let create = ["--create", "--topic", &name, "--partitions", "3", "--config", "retention.ms=60000"];
        let created = topics(&create).unwrap();
        assert!(created.contains(&name), "{created}");
        assert!(topics(&["--list"]).unwrap().lines().any(|line| line == name));
        let described = topics(&["--describe", "--topic", &name]).unwrap();
        assert!(described.contains("PartitionCount: 3") && described.contains("retention.ms=60000"), "{described}");
        let again = topics(&create).unwrap_err();
        assert!(again.contains("TopicExistsException"), "{again}");
        topics(&["--delete", "--topic", &name]).unwrap();
        assert!(!topics(&["--list"]).unwrap().lines().any(|line| line == name));
        let gone = topics(&["--describe", "--topic", &name]).unwrap_err();
        assert!(gone.contains("does not exist as expected"), "{gone}");
        (plain(&created, &name), plain(&described, &name))
    });
}

#[test]
fn the_console_producer_writes_what_our_consumer_reads() {
    the_same_on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 1);
        let keyed = ["--topic", &topic, "--compression-codec", "zstd", "--reader-property", "parse.key=true"];
        let lines: String = (0..100).map(|i| format!("key {i}\tvalue {i}\n")).collect();
        tool(PRODUCER, servers, &keyed, &lines).unwrap();
        let records = read(&client, &topic, 0, 100);
        for (record, i) in records.iter().zip(0..) {
            assert_eq!((record.key.as_deref(), record.offset), (Some(format!("key {i}").as_bytes()), i));
            assert_eq!(record.value.as_deref(), Some(format!("value {i}").as_bytes()));
        }
        records
    });
}

#[test]
fn the_console_consumer_reads_what_our_producer_writes() {
    the_same_on_both(|servers| {
        let topic = topic(&client(servers, &[]), 2);
        // Batches of every codec, one behind the other.
        for (codec, first) in Compression::ALL.iter().zip([0, 20, 40, 60, 80]) {
            let client = client(servers, &[("compression.type", codec.name())]);
            let producer = client.producer().unwrap();
            for i in first..first + 20 {
                let (key, value) = (format!("{i}"), format!("value {i} {}", "x".repeat(50)));
                drop(producer.try_send(&Record::to(&topic).partition(1).key(&key).value(&value).header("h", "x")).unwrap());
            }
            producer.flush_blocking();
        }
        let mut arguments = vec!["--topic", &topic, "--partition", "1", "--offset", "5", "--max-messages", "95"];
        arguments.extend(["--timeout-ms", "60000"]);
        for property in ["print.key=true", "print.headers=true", "print.offset=true"] {
            arguments.extend(["--formatter-property", property]);
        }
        let printed = tool(CONSUMER, servers, &arguments, "").unwrap();
        let line = |i: u32| format!("Offset:{i}\th:x\t{i}\tvalue {i} {}\n", "x".repeat(50));
        assert_eq!(printed, (5..100).map(line).collect::<String>());
        printed
    });
}

#[test]
fn offsets_are_got() {
    the_same_on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 2);
        let producer = client.producer().unwrap();
        let from = some_time_ago();
        for i in 0..10 {
            drop(producer.try_send(&Record::to(&topic).partition(1).timestamp(from + i).value("v")).unwrap());
        }
        producer.flush_blocking();
        let offsets = |time: &str| {
            let printed = tool(OFFSETS, servers, &["--topic", &topic, "--time", time], "").unwrap();
            plain(&printed, &topic)
        };
        assert_eq!(offsets("latest"), "TOPIC:0:0\nTOPIC:1:10\n");
        [offsets(&(from + 4).to_string()), offsets("max-timestamp")]
    });
}

#[test]
fn what_kafkas_producer_and_ours_write_to_one_partition_lies_side_by_side() {
    the_same_on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 1);
        let producer = client.producer().unwrap();
        producer.send_blocking(Record::to(&topic).value("ours")).unwrap().wait().unwrap();
        tool(PRODUCER, servers, &["--topic", &topic], "theirs\n").unwrap();
        producer.send_blocking(Record::to(&topic).value("ours again")).unwrap().wait().unwrap();
        let consumer = client.consumer().unwrap();
        consumer.assign([(&topic, 0, StartAt::Beginning)]);
        let mut values = Vec::new();
        while values.len() < 3 {
            let batch = consumer.next_blocking(PATIENCE).unwrap().expect("a batch in time");
            values.extend(batch.records().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
        }
        assert_eq!(values, ["ours", "theirs", "ours again"]);
        values
    });
}
