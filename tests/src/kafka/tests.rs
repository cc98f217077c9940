//! The fixture's own tests: a Kafka that starts, serves its tools, and leaves nothing behind.

use std::time::Duration;

use super::*;

#[test]
fn the_tools_work_on_a_live_kafka() {
    let kafka = LiveKafka::shared();
    let topic = unique_name("fixture");
    kafka.create_topic(&topic, 3, 1).unwrap();
    assert!(kafka.topics(&["--list"]).unwrap().lines().any(|line| line == topic));
    let described = kafka.topics(&["--describe", "--topic", &topic]).unwrap();
    assert!(described.contains("PartitionCount: 3"), "{described}");

    let arguments = ["--bootstrap-server", kafka.bootstrap_servers(), "--topic", &topic];
    let produced = kafka.run_tool("org.apache.kafka.tools.ConsoleProducer", &arguments, b"first\nsecond\n").unwrap();
    produced.into_text().unwrap();
    let mut arguments = arguments.to_vec();
    arguments.extend(["--from-beginning", "--max-messages", "2"]);
    let consumed = kafka.run_tool("org.apache.kafka.tools.consumer.ConsoleConsumer", &arguments, b"").unwrap();
    let consumed = consumed.into_text().unwrap();
    let mut lines: Vec<&str> = consumed.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["first", "second"]);
}

#[test]
fn three_brokers_share_the_partitions_and_leave_nothing_behind() {
    let mut kafka = LiveKafka::start_with(&KafkaOptions::brokers(3));
    assert_eq!(kafka.brokers(), 3);
    kafka.create_topic("spread", 6, 3).unwrap();
    let described = kafka.topics(&["--describe", "--topic", "spread"]).unwrap();
    for broker in 1..=3 {
        assert!(described.contains(&format!("Leader: {broker}")), "broker {broker} leads nothing: {described}");
    }
    // One that stands still keeps its port; one that was killed comes back on it.
    kafka.pause_broker(2).unwrap();
    let addresses: Vec<String> = kafka.bootstrap_servers().split(',').map(str::to_owned).collect();
    assert!(std::net::TcpStream::connect(&addresses[1]).is_ok());
    kafka.resume_broker(2).unwrap();
    kafka.kill_broker(3);
    assert!(std::net::TcpStream::connect(&addresses[2]).is_err());
    kafka.restart_broker(3).unwrap();
    assert!(std::net::TcpStream::connect(&addresses[2]).is_ok());
    let folder = kafka.data_folder(1).parent().unwrap().to_owned();
    assert!(folder.exists());
    drop(kafka);
    assert!(!folder.exists(), "{} is still there", folder.display());
    for address in addresses {
        assert!(std::net::TcpStream::connect(&address).is_err(), "something still listens on {address}");
    }
}

#[test]
fn a_broker_that_can_not_start_shows_its_log() {
    let options = KafkaOptions::default().property("num.io.threads", "none");
    let error = LiveKafka::try_start_with(&options).unwrap_err().to_string();
    assert!(error.contains("num.io.threads"), "{error}");
}

#[test]
fn a_program_that_does_not_end_is_killed() {
    let error = run_program("cat", &["/dev/zero"], b"", Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}
