//! kcat as the system has it, its binary unmodified, with our library in the place of the one that it was built with.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::support::{libraries, make_topic, on_both, ran};

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
    on_both("codecs", 1, every_codec);
}

fn every_codec(servers: &str, topic: &str) {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let input: String = (0..50).map(|i| format!("{codec}{i}:value {i} of {codec}\n")).collect();
        said("kcat-codecs", &["-P", "-b", servers, "-t", topic, "-z", codec, "-K", ":", "-H", "a=1", "-H", "codec=x"], &input);
    }
    let out =
        said("kcat-codecs", &["-C", "-b", servers, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%p|%o|%k|%s|%h\n"], "");
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
        said("kcat-codecs", &["-C", "-b", servers, "-t", topic, "-p", "0", "-o", "-10", "-c", "3", "-q", "-f", "%o\n"], "");
    assert_eq!(tail, "240\n241\n242\n");
}

#[test]
fn metadata_and_offsets_by_time() {
    on_both("listed", 3, listed);
}

fn listed(servers: &str, topic: &str) {
    said("kcat-metadata", &["-P", "-b", servers, "-t", topic, "-p", "1"], "a\nb\nc\n");
    let listing = said("kcat-metadata", &["-L", "-b", servers], "");
    assert!(listing.contains("1 brokers") && listing.contains(&format!("topic \"{topic}\" with 3 partitions")), "{listing}");
    assert!(listing.contains("partition 2, leader 1, replicas: 1, isrs: 1"), "{listing}");
    let json = said("kcat-metadata", &["-L", "-J", "-b", servers, "-t", topic], "");
    assert!(json.contains(&format!("\"topic\":\"{topic}\"")), "{json}");
    let offsets =
        said("kcat-metadata", &["-Q", "-b", servers, "-t", &format!("{topic}:1:0"), "-t", &format!("{topic}:0:-1")], "");
    let has = |words: String| assert!(offsets.contains(&words), "{words} in {offsets}");
    has(format!("{topic} [1] offset 0"));
    has(format!("{topic} [0] offset 0"));
}

#[test]
fn a_group_reads_on_where_it_stood() {
    on_both("grouped", 2, grouped);
}

fn grouped(servers: &str, topic: &str) {
    let input: String = (0..20).map(|i| format!("{i}:{i}\n")).collect();
    said("kcat-group", &["-P", "-b", servers, "-t", topic, "-K", ":"], &input);
    let group = ["-G", topic, "-b", servers, "-X", "auto.offset.reset=earliest", "-e", "-q", topic];
    let mut first: Vec<u32> = said("kcat-group", &group, "").lines().map(|line| line.parse().unwrap()).collect();
    first.sort_unstable();
    assert_eq!(first, (0..20).collect::<Vec<u32>>());
    said("kcat-group", &["-P", "-b", servers, "-t", topic], "later\n");
    assert_eq!(said("kcat-group", &group, ""), "later\n");
    let other = format!("{topic}-cooperative");
    // A group that rebalances step by step: kcat answers it with the incremental calls.
    let group = [&["-X", "partition.assignment.strategy=cooperative-sticky", "-G", &other], &group[2..]].concat();
    assert_eq!(said("kcat-group", &group, "").lines().count(), 21);
}

#[test]
fn a_group_reads_what_a_regular_expression_matches() {
    on_both("regex", 1, matched);
}

fn matched(servers: &str, topic: &str) {
    for name in ["logs-a", "logs-b", "other"] {
        let made = format!("{topic}-{name}");
        make_topic(servers, &made, 1);
        said("kcat-regex", &["-P", "-b", servers, "-t", &made], &format!("{name}\n"));
    }
    let pattern = format!("^{topic}-logs-");
    let out =
        said("kcat-regex", &["-G", topic, "-b", servers, "-X", "auto.offset.reset=earliest", "-e", "-q", pattern.as_str()], "");
    let mut read: Vec<&str> = out.lines().collect();
    read.sort_unstable();
    assert_eq!(read, ["logs-a", "logs-b"]);
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
