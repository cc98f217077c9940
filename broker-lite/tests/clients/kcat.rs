//! kcat, which is librdkafka.

use std::io::Write;
use std::process::{Command, Stdio};

use ottla_broker::{Broker, Clock};
use ottla_protocol::compression::Compression;
use ottla_protocol::record::verify_crc;

/// Runs kcat to its end and answers what it printed.
fn kcat(broker: &Broker, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("kcat")
        .args(["-b", broker.bootstrap_servers()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kcat is needed: apt-get install kcat");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "kcat {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_codec_is_stored_as_asked_for_and_read_back() {
    let broker = Broker::builder().topic("none", 1).start().unwrap();
    let lines: String = (0..1000).map(|i| format!("key{i}:value of record {i}\n")).collect();
    for codec in Compression::ALL {
        let topic = format!("stored-{}", codec.name());
        kcat(
            &broker,
            &["-P", "-t", &topic, "-K:", "-z", codec.name(), "-H", "h=1", "-H", "h=2", "-X", "enable.idempotence=true"],
            &lines,
        );
        let stored = broker.stored_batches(&topic, 0).unwrap();
        assert!(!stored.is_empty());
        for batch in stored {
            let header = verify_crc(&batch).unwrap();
            assert_eq!(header.attributes.compression(), Some(codec), "librdkafka fell back in silence");
            assert!(header.producer_id >= 0);
        }
        let read = kcat(&broker, &["-C", "-t", &topic, "-e", "-q", "-f", "%k:%s\n"], "");
        assert_eq!(read, lines, "{}", codec.name());
        let headers = kcat(&broker, &["-C", "-t", &topic, "-e", "-q", "-c", "1", "-f", "%h"], "");
        assert_eq!(headers, "h=1,h=2");
    }
}

#[test]
fn metadata_and_offsets_by_time() {
    let clock = Clock::manual(1_700_000_000_000);
    let builder = Broker::builder().topic("t", 3).clock(clock.clone());
    let broker = builder.config("log.message.timestamp.type", "LogAppendTime").unwrap().start().unwrap();
    let listed = kcat(&broker, &["-L"], "");
    assert!(listed.contains("topic \"t\" with 3 partitions") && listed.contains(broker.bootstrap_servers()), "{listed}");
    kcat(&broker, &["-P", "-t", "t", "-p", "0"], "a\nb\n");
    clock.advance(std::time::Duration::from_secs(1));
    kcat(&broker, &["-P", "-t", "t", "-p", "0"], "c\n");
    for (timestamp, offset) in [("1699999999999", 0), ("1700000000001", 2), ("1700000001000", 2), ("1700000001001", -1)] {
        let answer = kcat(&broker, &["-Q", "-t", &format!("t:0:{timestamp}")], "");
        assert!(answer.contains(&format!("offset {offset}")), "{timestamp}: {answer}");
    }
    let read = kcat(&broker, &["-C", "-t", "t", "-p", "0", "-o", "1", "-e", "-q", "-f", "%o %T %s\n"], "");
    assert_eq!(read, "1 1700000000000 b\n2 1700000001000 c\n");
}

#[test]
fn a_cluster_of_which_brokers_stop() {
    let builder = Broker::builder().brokers(3).config("default.replication.factor", "3").unwrap();
    let broker = builder.config("min.insync.replicas", "2").unwrap().topic("t", 3).start().unwrap();
    let listed = kcat(&broker, &["-L"], "");
    assert!(listed.contains("3 brokers:") && listed.contains("replicas: 2,3,1, isrs: 2,3,1"), "{listed}");
    let lines = |from: usize| -> String { (from..from + 300).map(|i| format!("key{i}:value {i}\n")).collect() };
    let produce = ["-P", "-t", "t", "-K:", "-X", "acks=all", "-X", "enable.idempotence=true"];
    kcat(&broker, &produce, &lines(0));
    for (node, from) in [(1, 300), (2, 600)] {
        broker.stop_broker(node).unwrap();
        kcat(&broker, &produce, &lines(from));
        broker.restart_broker(node).unwrap();
    }
    for partition in 0..3 {
        broker.move_leader("t", partition, 3).unwrap();
        assert_eq!(broker.partition_status("t", partition).unwrap().isr.len(), 3);
    }
    let read = kcat(&broker, &["-C", "-t", "t", "-e", "-q", "-f", "%k:%s\n"], "");
    let mut read: Vec<&str> = read.lines().collect();
    read.sort_unstable();
    let expected = lines(0) + &lines(300) + &lines(600);
    let mut expected: Vec<&str> = expected.lines().collect();
    expected.sort_unstable();
    assert_eq!(read, expected);
}
