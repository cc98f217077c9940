//! kcat, which is librdkafka.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use ottla_broker::{ApiKey, Broker, Clock, GroupState, GroupStatus};
use ottla_protocol::compression::Compression;
use ottla_protocol::messages::OffsetCommitRequest;
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

/// A member of a group that prints what it reads.
struct GroupMember {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
}

impl GroupMember {
    fn start(broker: &Broker, strategy: &str) -> Self {
        let strategy = format!("partition.assignment.strategy={strategy}");
        let mut child = Command::new("kcat")
            .args(["-b", broker.bootstrap_servers(), "-G", "g", "-q", "-u", "-f", "%p %o %s\n"])
            .args(["-X", "heartbeat.interval.ms=50", "-X", "auto.offset.reset=earliest", "-X", &strategy, "t"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("kcat is needed: apt-get install kcat");
        let stdout = child.stdout.take().map(BufReader::new);
        Self { child, stdout }
    }

    /// Reads on in a thread, until the member ends.
    fn lines(&mut self, seen: &std::sync::mpsc::Sender<(usize, String)>, name: usize) -> std::thread::JoinHandle<()> {
        let mut stdout = self.stdout.take().unwrap();
        let seen = seen.clone();
        std::thread::spawn(move || {
            let mut line = String::new();
            while stdout.read_line(&mut line).unwrap() > 0 {
                let _ = seen.send((name, line.trim_end().to_owned()));
                line.clear();
            }
        })
    }

    /// Lets it leave the group and end.
    fn interrupt(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for GroupMember {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the group is as wanted: it is looked at with each heartbeat.
fn wait_for_group(broker: &Broker, wanted: impl Fn(&GroupStatus) -> bool) {
    let mut after = 0;
    loop {
        let heartbeat = |entry: &ottla_broker::JournalEntry| entry.api == ApiKey::Heartbeat && entry.number > after;
        let seen = broker.journal().wait_for_blocking(Duration::from_secs(60), heartbeat).expect("members have heartbeats");
        after = seen.number;
        if broker.group_status("g").is_some_and(|status| wanted(&status)) {
            return;
        }
    }
}

/// A member that ends does not wait until its LeaveGroup is answered.
fn wait_for_leaves(broker: &Broker, count: usize) {
    let left = |entry: &ottla_broker::JournalEntry| entry.api == ApiKey::LeaveGroup;
    let all = || broker.journal().count(left) >= count;
    let came = broker.journal().wait_for_blocking(Duration::from_secs(60), |entry| left(entry) && all());
    assert!(came.is_some(), "{count} members leave");
    // What comes behind it on the broker's one thread is answered after it.
    kcat(broker, &["-L"], "");
}

/// All commits that came: when, in which generation, partitions with offsets.
fn commits(broker: &Broker) -> Vec<String> {
    let entries = broker.journal().entries();
    let show = |entry: &ottla_broker::JournalEntry| {
        let request = entry.decode::<OffsetCommitRequest>()?;
        let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
        let offsets: Vec<(i32, i64)> = partitions.map(|it| (it.partition_index, it.committed_offset)).collect();
        Some(format!("{} {} {} {offsets:?}", entry.at_ms, request.member_id, request.generation_id_or_member_epoch))
    };
    entries.iter().filter_map(show).collect()
}

fn two_members_share_a_topic(strategy: &str) {
    let broker = Broker::builder().topic("t", 4).journal(1000).start().unwrap();
    let stable = |count: usize| move |it: &GroupStatus| it.state == GroupState::Stable && it.members.len() == count;
    let produce = |values: std::ops::Range<u32>| {
        let values: String = values.map(|i| format!("value {i}\n")).collect();
        for partition in ["0", "1", "2", "3"] {
            kcat(&broker, &["-P", "-t", "t", "-p", partition], &values);
        }
    };
    let (seen, lines) = std::sync::mpsc::channel::<(usize, String)>();
    let mut read = BTreeSet::new();
    let mut read_on = |count: usize| {
        let mut partitions: [BTreeSet<String>; 2] = Default::default();
        while read.len() < count {
            let (name, line) = lines.recv_timeout(Duration::from_secs(60)).unwrap();
            partitions[name].insert(line.split(' ').next().unwrap().to_owned());
            assert!(read.insert(line.clone()), "{line} came twice");
        }
        partitions.map(|it| it.len())
    };
    produce(0..1);
    let mut first = GroupMember::start(&broker, strategy);
    let mut readers = vec![first.lines(&seen, 0)];
    // Before it has begun everywhere there is no other: where a rebalance takes a partition away while librdkafka looks for the
    // beginning, it begins there again when it gets the partition back, whatever is committed (seen with 2.0.2).
    assert_eq!(read_on(4), [4, 0]);
    let mut second = GroupMember::start(&broker, strategy);
    readers.push(second.lines(&seen, 1));
    wait_for_group(&broker, |it| stable(2)(it) && it.members.iter().all(|member| member.assignment.len() > 20));
    produce(1..50);
    assert_eq!(read_on(200), [2, 2]);

    // Who goes has committed, and the other one takes over without reading anything again.
    second.interrupt();
    wait_for_group(&broker, stable(1));
    kcat(&broker, &["-P", "-t", "t", "-p", "3"], "more\n");
    assert_eq!(lines.recv_timeout(Duration::from_secs(60)).unwrap(), (0, "3 50 more".to_owned()));
    first.interrupt();
    for reader in readers {
        reader.join().unwrap();
    }
    wait_for_leaves(&broker, 2);
    let status = broker.group_status("g").unwrap();
    assert_eq!((status.state, status.members.len()), (GroupState::Empty, 0));
    let committed: Vec<i64> = (0..4).map(|partition| broker.committed_offset("g", "t", partition).unwrap().0).collect();
    assert_eq!(committed, [50, 50, 50, 51], "{:#?}", commits(&broker));
}

#[test]
fn members_of_a_group_share_a_topic() {
    two_members_share_a_topic("range");
}

#[test]
fn cooperative_members_share_a_topic() {
    two_members_share_a_topic("cooperative-sticky");
}

#[test]
fn a_member_goes_on_when_its_coordinator_stops() {
    let builder = Broker::builder().brokers(3).config("default.replication.factor", "3").unwrap();
    let broker = builder.topic("t", 2).journal(1000).start().unwrap();
    let mut member = GroupMember::start(&broker, "range");
    let stable = |it: &GroupStatus| it.state == GroupState::Stable && it.members.len() == 1;
    wait_for_group(&broker, stable);
    let (seen, lines) = std::sync::mpsc::channel();
    let reader = member.lines(&seen, 0);
    for round in 0..3 {
        let value = format!("round {round}");
        for partition in ["0", "1"] {
            kcat(&broker, &["-P", "-t", "t", "-p", partition, "-X", "acks=all"], &format!("{value}\n"));
        }
        let mut read = [0; 2].map(|_| lines.recv_timeout(Duration::from_secs(60)).unwrap().1);
        read.sort();
        assert_eq!(read, [format!("0 {round} {value}"), format!("1 {round} {value}")], "nothing twice, nothing missed");
        let old = broker.group_status("g").unwrap().coordinator.unwrap();
        broker.stop_broker(old).unwrap();
        wait_for_group(&broker, |it| stable(it) && it.coordinator != Some(old));
        broker.restart_broker(old).unwrap();
    }
    member.interrupt();
    reader.join().unwrap();
    let committed = [0, 1].map(|partition| broker.committed_offset("g", "t", partition).unwrap().0);
    // Whether it also leaves the group is not looked at: librdkafka does not always, soon after its coordinator has moved.
    assert_eq!(committed, [3, 3], "{:#?}", commits(&broker));
}
