//! Members of a group: they share a topic's partitions by each assignor, and what they commit outlives them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ottla::{Client, Consumer, LeavePolicy, NewTopic, OffsetAndMetadata, Record, TopicPartition};
use ottla_tests::kafka::unique_name;

use crate::helper::{PATIENCE, client, on_both, topic};

pub(crate) const PARTITIONS: i32 = 6;

/// So many records into each partition.
pub(crate) fn write(client: &Client, topic: &str, count: usize) {
    let producer = client.producer().unwrap();
    let mut deliveries = Vec::new();
    for partition in 0..PARTITIONS {
        for _ in 0..count {
            deliveries.push(producer.try_send(&Record::to(topic).partition(partition).value("x")).unwrap());
        }
    }
    for delivery in deliveries {
        delivery.wait().unwrap();
    }
}

pub(crate) fn member(client: &Client, group: &str, topic: &str, properties: &[(&str, &str)]) -> Consumer {
    let builder = client.consumer_builder().group(group).set("auto.offset.reset", "earliest").set("heartbeat.interval.ms", "100");
    let builder = properties.iter().fold(builder, |builder, (name, value)| builder.set(name, value));
    let consumer = builder.build().unwrap();
    consumer.subscribe([topic]).unwrap();
    consumer
}

/// What a member has got of each partition, as (offset, how often).
pub(crate) type Got = BTreeMap<(i32, i64), usize>;

pub(crate) fn take(consumer: &Consumer, got: &mut Got) -> u64 {
    let Some(batch) = consumer.next_blocking(Duration::from_millis(50)).unwrap() else { return 0 };
    let mut count = 0;
    for record in batch.records() {
        *got.entry((batch.partition(), record.offset)).or_default() += 1;
        count += 1;
    }
    count
}

/// Reads on a thread of its own until it is told to stop; closes, and answers with what it got.
fn reader(consumer: Consumer, stop: &AtomicBool, total: &AtomicU64) -> Got {
    let mut got = Got::new();
    while !stop.load(Ordering::SeqCst) {
        total.fetch_add(take(&consumer, &mut got), Ordering::SeqCst);
    }
    consumer.close().wait().unwrap();
    got
}

fn wait_for(what: &str, so: impl Fn() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn two_members_share_by_each_assignor_and_what_they_commit_outlives_them() {
    on_both(|servers| {
        for strategy in ["range", "roundrobin", "sticky", "cooperative-sticky"] {
            let client = client(servers, &[]);
            let (topic, group) = (topic(&client, PARTITIONS), unique_name("group"));
            write(&client, &topic, 50);
            let properties = [("partition.assignment.strategy", strategy)];
            let (first, second) = (member(&client, &group, &topic, &properties), member(&client, &group, &topic, &properties));
            let mut early = Got::new();
            let start = Instant::now();
            let half = |consumer: &Consumer| {
                let state = consumer.group_state().unwrap();
                state.state == "Stable" && state.owned.len() == 3 && consumer.assignment().len() == 3
            };
            while !(half(&first) && half(&second)) {
                assert!(start.elapsed() < PATIENCE, "{strategy}: {:?} {:?}", first.group_state(), second.group_state());
                take(&first, &mut early);
                take(&second, &mut early);
            }
            assert_eq!(first.group_state().unwrap().assignor.unwrap(), strategy);
            let (stop_first, stop_second, total) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU64::new(0));
            total.store(early.values().map(|count| *count as u64).sum(), Ordering::SeqCst);
            std::thread::scope(|scope| {
                let one = scope.spawn(|| reader(first, &stop_first, &total));
                let two = scope.spawn(|| reader(second, &stop_second, &total));
                wait_for("all that was written is read", || total.load(Ordering::SeqCst) >= 300);
                stop_first.store(true, Ordering::SeqCst);
                let mut got = one.join().unwrap();
                // The other goes on where it has left.
                write(&client, &topic, 10);
                wait_for("what is written after one has left is read", || total.load(Ordering::SeqCst) >= 360);
                stop_second.store(true, Ordering::SeqCst);
                for (at, count) in two.join().unwrap().into_iter().chain(early) {
                    *got.entry(at).or_default() += count;
                }
                assert_eq!(got.len(), 360, "{strategy}: no record is skipped");
                assert!(got.values().all(|count| *count == 1), "{strategy}: nor handed out twice, since nobody fell silent");
            });
            // A third comes when both are gone.
            write(&client, &topic, 1);
            let third = member(&client, &group, &topic, &properties);
            let mut got = Got::new();
            while got.len() < 6 {
                take(&third, &mut got);
            }
            assert_eq!(
                got.keys().copied().collect::<Vec<_>>(),
                (0..PARTITIONS).map(|p| (p, 60)).collect::<Vec<_>>(),
                "{strategy}"
            );
            third.close().wait().unwrap();
        }
    });
}

#[test]
fn offsets_come_back_as_they_were_committed() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let (topic, group) = (topic(&client, 2), unique_name("group"));
        // By hand, without being a member.
        let consumer = client.consumer_builder().group(&group).build().unwrap();
        let at = OffsetAndMetadata { offset: 41, leader_epoch: 0, metadata: "ß and bytes".into() };
        consumer.commit_offsets_blocking([(TopicPartition::new(topic.as_str(), 1), at.clone())]).unwrap();
        consumer.close().wait().unwrap();
        let consumer = client.consumer_builder().group(&group).build().unwrap();
        let committed = consumer.committed_blocking([(&topic, 0), (&topic, 1)]).unwrap();
        assert_eq!(committed.into_values().collect::<Vec<_>>(), [None, Some(at)]);
        consumer.close().wait().unwrap();
    });
}

#[test]
fn a_static_member_keeps_its_partitions_over_a_restart() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let (topic, group) = (topic(&client, PARTITIONS), unique_name("group"));
        let mut generations = Vec::new();
        for (round, leave) in (0..).zip([LeavePolicy::Default, LeavePolicy::Leave, LeavePolicy::Default]) {
            let consumer = member(&client, &group, &topic, &[("group.instance.id", "one"), ("session.timeout.ms", "30000")]);
            write(&client, &topic, 1);
            let mut got = Got::new();
            while got.len() < 6 {
                take(&consumer, &mut got);
            }
            assert!(got.keys().all(|(_, offset)| *offset == round), "{got:?}");
            generations.push(consumer.group_state().unwrap().generation);
            consumer.close_with(leave).wait().unwrap();
        }
        assert_eq!(generations[0], generations[1], "no rebalance");
        assert!(generations[2] > generations[1], "it had left: {generations:?}");
    });
}

#[test]
fn a_pattern_follows_topics_that_come_and_go() {
    on_both(|servers| {
        // A producer would make a topic anew that was deleted.
        let client = client(servers, &[("metadata.max.age.ms", "200"), ("allow.auto.create.topics", "false")]);
        let prefix = unique_name("pattern");
        let create = |name: &str| {
            let topic = format!("{prefix}-{name}");
            client.admin().create_topic_blocking(NewTopic::new(&topic).partitions(2)).unwrap();
            topic
        };
        let first = create("a");
        let consumer = member(&client, &unique_name("group"), &format!("^{prefix}-[ab]$"), &[]);
        let start = Instant::now();
        // Whatever errors tell of topics that come and go.
        let until = |what: &str, topics: &[&str]| loop {
            let assigned = consumer.assignment();
            if assigned.iter().map(|key| key.topic.as_str()).eq(topics.iter().copied()) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{what}: {assigned:?} {:?}", consumer.group_state());
            let _ = consumer.next_blocking(Duration::from_millis(50));
        };
        until("the first", &[&first, &first]);
        let (second, _other) = (create("b"), create("c"));
        until("another", &[&first, &first, &second, &second]);
        let producer = client.producer().unwrap();
        producer.send_blocking(Record::to(&second).partition(1).value("x")).unwrap().wait().unwrap();
        let mut got = Got::new();
        while got.is_empty() {
            take(&consumer, &mut got);
        }
        client.admin().delete_topic_blocking(&second).unwrap();
        until("it is gone", &[&first, &first]);
        consumer.close().wait().unwrap();
    });
}

#[test]
fn a_duration_says_how_old_the_first_record_may_be() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, PARTITIONS);
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        let producer = client.producer().unwrap();
        for age in [7_200_000, 3_000_000, 600_000] {
            producer.send_blocking(Record::to(&topic).partition(2).timestamp(now - age).value("x")).unwrap().wait().unwrap();
        }
        for (reset, expected) in [("by_duration:PT1H", 1..3), ("by_duration:PT20M", 2..3), ("by_duration:P1D", 0..3)] {
            let consumer = member(&client, &unique_name("group"), &topic, &[("auto.offset.reset", reset)]);
            let mut got = Got::new();
            while got.len() < expected.clone().count() {
                take(&consumer, &mut got);
            }
            assert_eq!(got.into_keys().collect::<Vec<_>>(), expected.map(|offset| (2, offset)).collect::<Vec<_>>(), "{reset}");
            // What was taken last counts as consumed when more is asked for.
            assert!(consumer.try_next().unwrap().is_none());
            assert_eq!(consumer.lag(&topic, 2), Some(0));
            consumer.close().wait().unwrap();
        }
    });
}
