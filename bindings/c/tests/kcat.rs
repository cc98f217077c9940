//! kcat as the system has it, its binary unmodified, with our library in the place of the one that it was built with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails so")]

mod support;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use ottla_bindings::TestBroker;
use support::{libraries, ran};

/// Runs kcat with what it reads.
fn kcat(test: &str, arguments: &[&str], input: &str) -> Output {
    let mut kcat = Command::new("timeout")
        .args(["-k", "5", "120", "kcat"])
        .args(arguments)
        .env("LD_LIBRARY_PATH", libraries(test))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("timeout and kcat");
    kcat.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    kcat.wait_with_output().unwrap()
}

fn said(test: &str, arguments: &[&str], input: &str) -> String {
    ran(&arguments.join(" "), &kcat(test, arguments, input))
}

#[test]
fn it_is_our_library_that_it_runs_with() {
    let output = kcat("kcat-version", &["-V"], "");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("ottla"), "{text}");
    let _: PathBuf = libraries("kcat-version");
}

#[test]
fn records_out_and_in_with_every_codec_keys_headers_and_formats() {
    let broker = TestBroker::start([("topic", "codecs:1")]).unwrap();
    let servers = broker.bootstrap_servers();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let input: String = (0..50).map(|i| format!("{codec}{i}:value {i} of {codec}\n")).collect();
        said("kcat-codecs", &["-P", "-b", servers, "-t", "codecs", "-z", codec, "-K", ":", "-H", "a=1", "-H", "codec=x"], &input);
    }
    let out =
        said("kcat-codecs", &["-C", "-b", servers, "-t", "codecs", "-o", "beginning", "-e", "-q", "-f", "%p|%o|%k|%s|%h\n"], "");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 250, "{out}");
    for (codec, first) in ["none", "gzip", "snappy", "lz4", "zstd"].iter().zip([0, 50, 100, 150, 200]) {
        for i in 0..50 {
            let expected = format!("0|{}|{codec}{i}|value {i} of {codec}|a=1,codec=x", first + i);
            assert_eq!(lines[first + i], expected);
        }
    }
    // So many from the end, and so many at most.
    let tail =
        said("kcat-codecs", &["-C", "-b", servers, "-t", "codecs", "-p", "0", "-o", "-10", "-c", "3", "-q", "-f", "%o\n"], "");
    assert_eq!(tail, "240\n241\n242\n");
}

#[test]
fn metadata_and_offsets_by_time() {
    let broker = TestBroker::start([("topic", "listed:3")]).unwrap();
    let servers = broker.bootstrap_servers();
    said("kcat-metadata", &["-P", "-b", servers, "-t", "listed", "-p", "1"], "a\nb\nc\n");
    let listing = said("kcat-metadata", &["-L", "-b", servers], "");
    assert!(listing.contains("1 brokers") && listing.contains("topic \"listed\" with 3 partitions"), "{listing}");
    assert!(listing.contains("partition 2, leader 1, replicas: 1, isrs: 1"), "{listing}");
    let json = said("kcat-metadata", &["-L", "-J", "-b", servers, "-t", "listed"], "");
    assert!(json.contains("\"topic\":\"listed\""), "{json}");
    let offsets = said("kcat-metadata", &["-Q", "-b", servers, "-t", "listed:1:0", "-t", "listed:0:-1"], "");
    assert!(offsets.contains("listed [1] offset 0") && offsets.contains("listed [0] offset 0"), "{offsets}");
}

#[test]
fn a_group_reads_on_where_it_stood() {
    let broker = TestBroker::start([("topic", "grouped:2")]).unwrap();
    let servers = broker.bootstrap_servers();
    let input: String = (0..20).map(|i| format!("{i}:{i}\n")).collect();
    said("kcat-group", &["-P", "-b", servers, "-t", "grouped", "-K", ":"], &input);
    let group = ["-G", "g", "-b", servers, "-X", "auto.offset.reset=earliest", "-e", "-q", "grouped"];
    let mut first: Vec<u32> = said("kcat-group", &group, "").lines().map(|line| line.parse().unwrap()).collect();
    first.sort_unstable();
    assert_eq!(first, (0..20).collect::<Vec<u32>>());
    said("kcat-group", &["-P", "-b", servers, "-t", "grouped"], "later\n");
    assert_eq!(said("kcat-group", &group, ""), "later\n");
    // A group that rebalances step by step: kcat answers it with the incremental calls.
    let group = [&["-X", "partition.assignment.strategy=cooperative-sticky", "-G", "h"], &group[2..]].concat();
    assert_eq!(said("kcat-group", &group, "").lines().count(), 21);
}

#[test]
fn a_group_reads_what_a_regular_expression_matches() {
    let broker = TestBroker::start([("topic", "logs-a:1"), ("topic", "logs-b:1"), ("topic", "other:1")]).unwrap();
    let servers = broker.bootstrap_servers();
    for topic in ["logs-a", "logs-b", "other"] {
        said("kcat-regex", &["-P", "-b", servers, "-t", topic], &format!("{topic}\n"));
    }
    let group = ["-G", "g", "-b", servers, "-X", "auto.offset.reset=earliest", "-e", "-q", "^logs-"];
    let out = said("kcat-regex", &group, "");
    let mut topics: Vec<&str> = out.lines().collect();
    topics.sort_unstable();
    assert_eq!(topics, ["logs-a", "logs-b"]);
}

#[test]
fn a_broker_that_is_not_there_is_told() {
    let output = kcat("kcat-nobody", &["-L", "-b", "127.0.0.1:1", "-m", "2"], "");
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("Failed to acquire metadata") && text.contains("transport failure"), "{text}");
}

#[test]
fn its_dump_of_the_configuration() {
    let dump = said("kcat-dump", &["-X", "dump"], "");
    assert!(
        dump.contains("client.id = kcat") && dump.contains("linger.ms") || dump.contains("queue.buffering.max.ms = "),
        "{dump}"
    );
    let list = said("kcat-dump", &["-X", "list"], "");
    assert!(list.contains("bootstrap.servers") && list.contains("auto.offset.reset"), "{list}");
}
