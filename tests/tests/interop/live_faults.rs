//! A live Apache Kafka of three brokers on its bad days, under load, held against the simulation's checker. The long ones are run
//! by `make proof`.

mod load;

use std::io::Write as _;
use std::time::Instant;

use load::Load;
use ottla::{NewTopic, Record, StartAt};
use ottla_simulation::checker::Checked;
use ottla_tests::kafka::{KafkaOptions, LiveKafka, unique_name};

use crate::helper::{PATIENCE, client};

const PARTITIONS: i32 = 6;

/// A cluster that finds out in a few seconds that a broker is gone.
fn cluster() -> LiveKafka {
    let options = KafkaOptions::brokers(3).property("broker.session.timeout.ms", "6000");
    LiveKafka::start_with(&options.property("replica.lag.time.max.ms", "5000").property("controlled.shutdown.enable", "true"))
}

fn report(name: &str, begun: Instant, checked: &Checked) {
    println!("{name}: {checked:?} in {:.1} s", begun.elapsed().as_secs_f64());
    assert!(checked.acknowledged > 0 && checked.reads > 0 && checked.neighbours > 0, "{checked:?}");
}

/// Waits until all replicas of all partitions are in sync.
fn in_sync(kafka: &LiveKafka) {
    let client = client(kafka.bootstrap_servers(), &[]);
    let begun = Instant::now();
    loop {
        let topic = client.admin().describe_topic_blocking(&ottla_simulation::schedule::topic_name(load::TOPIC)).unwrap();
        if topic.partitions.iter().all(|partition| partition.isr.len() == partition.replicas.len()) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE * 2, "{topic:?}");
    }
}

#[test]
fn a_broker_is_killed_under_load() {
    let begun = Instant::now();
    let mut kafka = cluster();
    let load = Load::start(kafka.bootstrap_servers(), PARTITIONS);
    load.wait_for_more(2_000);
    load.leaders_may_change();
    kafka.kill_broker(3);
    load.wait_for_more(3_000);
    report("kill -9", begun, &load.finish());
}

#[test]
#[ignore = "takes a minute: make proof"]
fn a_broker_stands_still_under_load_and_goes_on() {
    let begun = Instant::now();
    let kafka = cluster();
    let load = Load::start(kafka.bootstrap_servers(), PARTITIONS);
    for broker in [2, 3] {
        load.wait_for_more(3_000);
        load.leaders_may_change();
        kafka.pause_broker(broker).unwrap();
        load.wait_for_more(3_000);
        load.leaders_may_change();
        kafka.resume_broker(broker).unwrap();
        load.wait_for_more(3_000);
        in_sync(&kafka);
    }
    report("SIGSTOP", begun, &load.finish());
}

#[test]
#[ignore = "takes minutes: make proof"]
fn every_broker_is_killed_and_started_again_in_turn() {
    let begun = Instant::now();
    let mut kafka = cluster();
    let load = Load::start(kafka.bootstrap_servers(), PARTITIONS);
    for broker in [3, 2, 1] {
        load.wait_for_more(3_000);
        load.leaders_may_change();
        kafka.kill_broker(broker);
        if broker != 1 {
            // Without the only controller nobody names a new leader.
            load.wait_for_more(3_000);
        }
        kafka.restart_broker(broker).unwrap();
        load.wait_for_more(3_000);
        in_sync(&kafka);
    }
    report("rolling restart", begun, &load.finish());
}

#[test]
#[ignore = "takes minutes: make proof"]
fn all_brokers_are_gone_and_come_back() {
    let begun = Instant::now();
    let mut kafka = cluster();
    let load = Load::start(kafka.bootstrap_servers(), PARTITIONS);
    load.wait_for_more(3_000);
    load.leaders_may_change();
    for broker in [1, 2, 3] {
        kafka.kill_broker(broker);
    }
    for broker in [1, 2, 3] {
        kafka.restart_broker(broker).unwrap();
    }
    load.wait_for_more(3_000);
    report("all gone and back", begun, &load.finish());
}

#[test]
#[ignore = "takes a minute: make proof"]
fn leaders_are_elected_and_partitions_reassigned_under_load() {
    let begun = Instant::now();
    let mut kafka = cluster();
    let load = Load::start(kafka.bootstrap_servers(), PARTITIONS);
    load.wait_for_more(3_000);
    // The leaders go from broker 3, and back when they are elected by preference.
    load.leaders_may_change();
    kafka.kill_broker(3);
    load.wait_for_more(3_000);
    kafka.restart_broker(3).unwrap();
    in_sync(&kafka);
    load.leaders_may_change();
    let servers = ["--bootstrap-server", kafka.bootstrap_servers()];
    let elect = [servers[0], servers[1], "--election-type", "PREFERRED", "--all-topic-partitions"];
    kafka.run_tool("org.apache.kafka.tools.LeaderElectionCommand", &elect, b"").unwrap().into_text().unwrap();
    load.wait_for_more(3_000);
    // Each partition keeps one replica, which is not its leader.
    let partitions = (0..PARTITIONS)
        .map(|partition| format!(r#"{{"topic":"{}","partition":{partition},"replicas":[{}]}}"#, load.topic, partition % 3 + 1));
    let plan = format!(r#"{{"version":1,"partitions":[{}]}}"#, partitions.collect::<Vec<_>>().join(","));
    let path = std::env::temp_dir().join(unique_name("reassignment"));
    std::fs::File::create(&path).unwrap().write_all(plan.as_bytes()).unwrap();
    let file = path.to_str().unwrap().to_owned();
    // One replica is fewer than min.insync.replicas asks for.
    let relax = ["--entity-type", "topics", "--entity-name", &load.topic, "--alter", "--add-config", "min.insync.replicas=1"];
    let relax: Vec<&str> = servers.iter().chain(relax.iter()).copied().collect();
    kafka.run_tool("kafka.admin.ConfigCommand", &relax, b"").unwrap().into_text().unwrap();
    load.leaders_may_change();
    let execute = [servers[0], servers[1], "--reassignment-json-file", &file, "--execute"];
    kafka.run_tool("org.apache.kafka.tools.reassign.ReassignPartitionsCommand", &execute, b"").unwrap().into_text().unwrap();
    std::fs::remove_file(&path).unwrap();
    load.wait_for_more(3_000);
    let client = client(kafka.bootstrap_servers(), &[]);
    let begun_moving = Instant::now();
    while client.admin().describe_topic_blocking(&load.topic).unwrap().partitions.iter().any(|p| p.replicas.len() > 1) {
        assert!(begun_moving.elapsed() < PATIENCE * 2, "the reassignment does not end");
    }
    load.wait_for_more(3_000);
    report("election and reassignment", begun, &load.finish());
}

#[test]
#[ignore = "takes a minute: make proof"]
fn partitions_are_added_under_load() {
    let begun = Instant::now();
    let kafka = cluster();
    let load = Load::start(kafka.bootstrap_servers(), PARTITIONS);
    load.wait_for_more(3_000);
    let more = (PARTITIONS + 4).to_string();
    kafka.topics(&["--alter", "--topic", &load.topic, "--partitions", &more]).unwrap();
    load.wait_for_more(3_000);
    report("partitions added", begun, &load.finish());
}

#[test]
#[ignore = "takes a minute: make proof"]
fn the_topic_is_deleted_and_made_again_under_load() {
    let begun = Instant::now();
    let kafka = cluster();
    let load = Load::start(kafka.bootstrap_servers(), PARTITIONS);
    load.wait_for_more(3_000);
    let admin = client(kafka.bootstrap_servers(), &[]).admin();
    load.topic_deleted();
    admin.delete_topic_blocking(&load.topic).unwrap();
    // Gone on the broker that is asked; the new one gets a new id.
    let gone = Instant::now();
    while admin.list_topics_blocking().unwrap().contains(&load.topic) {
        assert!(gone.elapsed() < PATIENCE, "the topic stays");
    }
    load.create_topic(PARTITIONS);
    load.topic_deleted();
    load.wait_for_more(3_000);
    report("topic made again", begun, &load.finish());
}

#[test]
#[ignore = "takes a minute: make proof"]
fn retention_runs_past_a_slow_consumer() {
    let options = KafkaOptions::default().property("log.retention.check.interval.ms", "500");
    let kafka = LiveKafka::start_with(&options.property("log.initial.task.delay.ms", "100"));
    let client = client(kafka.bootstrap_servers(), &[("auto.offset.reset", "earliest")]);
    let topic = unique_name("retention");
    let new = NewTopic::new(&topic).partitions(1).config("segment.bytes", "1048576").config("retention.bytes", "2097152");
    client.admin().create_topic_blocking(new).unwrap();
    let producer = client.producer().unwrap();
    let value = vec![b'x'; 10_000];
    let write = |records: usize| {
        for _ in 0..records {
            drop(producer.send_blocking(Record::to(&topic).partition(0).value(&value)).unwrap());
        }
        producer.flush_blocking();
    };
    write(10);
    let consumer = client.consumer().unwrap();
    consumer.assign([(topic.as_str(), 0, StartAt::Offset(0))]);
    let first = consumer.next_blocking(PATIENCE).unwrap().expect("the first batch");
    assert_eq!(first.records().next().unwrap().offset, 0);
    consumer.pause(&topic, 0).unwrap();
    write(2_000);
    let begun = Instant::now();
    let reader = client.consumer().unwrap();
    let mut start = 0;
    while start < 1_000 {
        assert!(begun.elapsed() < PATIENCE, "retention does not remove anything");
        start = reader.watermarks_blocking(&topic, 0).unwrap().0;
    }
    consumer.resume(&topic, 0).unwrap();
    // What was fetched before it was paused, then the log's new start, and no gap behind that.
    let (mut last, mut jumps) = (9, 0);
    while last < 2_009 {
        let Some(batch) = consumer.next_blocking(PATIENCE).unwrap() else { panic!("nothing after offset {last}") };
        for record in batch.records() {
            if record.offset != last + 1 {
                assert!(record.offset >= start && record.offset > last, "offset {} after {last}", record.offset);
                jumps += 1;
            }
            last = record.offset;
        }
    }
    assert_eq!(jumps, 1, "one jump, to where the log begins");
    println!("retention: the log began at {start} when the consumer went on");
}
