//! A cluster of three, whose group's coordinator is killed while its members' JoinGroups are parked there.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ottla::{Client, Consumer, NewTopic, Record};
use ottla_tests::kafka::{KafkaOptions, LiveKafka, unique_name};

use crate::helper::{block_on, client, described};

const PARTITIONS: i32 = 6;
/// Bounds a test that hangs, not what a cluster may take to find a new coordinator.
const PATIENCE: Duration = Duration::from_secs(180);
/// What a broker that is gone costs is found out in seconds.
const QUICK: [(&str, &str); 3] =
    [("request.timeout.ms", "10000"), ("socket.timeout.ms", "12000"), ("socket.connection.setup.timeout.ms", "3000")];

/// What all members did with one partition.
#[derive(Debug, Default)]
struct Partition {
    /// Behind the last record that anybody was handed.
    read_to: i64,
    /// What the coordinator has acknowledged.
    committed: i64,
    /// Who was handed a record last.
    reader: usize,
    /// Records that were handed out again.
    again: i64,
}

#[derive(Default)]
struct Seen {
    partitions: Mutex<BTreeMap<i32, Partition>>,
    progress: Condvar,
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Partition>> {
        self.partitions.lock().unwrap()
    }

    /// A member was handed a record: none is skipped, and nobody who comes to a partition begins before what was committed.
    fn read(&self, member: usize, partition: i32, offset: i64) {
        let mut partitions = self.lock();
        let seen = partitions.entry(partition).or_default();
        assert!(offset <= seen.read_to, "partition {partition}: offset {offset} was handed out after {}", seen.read_to);
        if seen.reader != member {
            assert!(offset >= seen.committed, "partition {partition}: offset {offset}, but {} was committed", seen.committed);
            seen.reader = member;
        }
        seen.again += i64::from(offset < seen.read_to);
        seen.read_to = seen.read_to.max(offset + 1);
    }

    fn committed(&self, partition: i32, offset: i64) {
        let mut partitions = self.lock();
        let seen = partitions.entry(partition).or_default();
        seen.committed = seen.committed.max(offset);
        drop(partitions);
        self.progress.notify_all();
    }

    /// Waits until it is so of all partitions.
    fn until(&self, what: &str, so: impl Fn(i32, &Partition) -> bool) {
        let all = |seen: &BTreeMap<i32, Partition>| (0..PARTITIONS).all(|p| seen.get(&p).is_some_and(|it| so(p, it)));
        let (seen, late) = self.progress.wait_timeout_while(self.lock(), PATIENCE, |seen| !all(seen)).unwrap();
        assert!(!late.timed_out(), "{what}: {seen:?}");
    }

    /// Waits until it is so of the members, who are looked at whenever one has committed, and all the time.
    fn until_members(&self, what: &str, members: &[Member], so: impl Fn(&[Member]) -> bool) {
        let begun = Instant::now();
        while !so(members) {
            let states = || members.iter().map(|member| member.consumer.group_state()).collect::<Vec<_>>();
            assert!(begun.elapsed() < PATIENCE, "{what}: {:#?}", states());
            drop(self.progress.wait_timeout(self.lock(), Duration::from_millis(10)).unwrap());
        }
    }

    fn until_more(&self, records: i64) {
        let from: BTreeMap<i32, i64> = self.lock().iter().map(|(p, seen)| (*p, seen.committed)).collect();
        self.until("more is committed", |p, seen| seen.committed >= from.get(&p).copied().unwrap_or(0) + records);
    }
}

/// A member, whose thread reads and commits batch by batch, and stands still when it is told to.
struct Member {
    consumer: Arc<Consumer>,
    hold: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Member {
    fn start(client: &Client, group: &str, topic: &str, strategy: &str, number: usize, seen: &Arc<Seen>) -> Self {
        let builder = client.consumer_builder().group(group).set("auto.offset.reset", "earliest");
        let builder = builder.set("partition.assignment.strategy", strategy).set("heartbeat.interval.ms", "200");
        let consumer = Arc::new(builder.set("enable.auto.commit", "false").build().unwrap());
        consumer.subscribe([topic]).unwrap();
        let (hold, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (consumer, hold, stop, seen) = (consumer.clone(), hold.clone(), stop.clone(), seen.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    if hold.load(Ordering::SeqCst) {
                        std::thread::park_timeout(Duration::from_millis(100));
                    } else {
                        work(&consumer, number, &seen);
                    }
                }
                consumer.close().wait().unwrap();
            })
        };
        Self { consumer, hold, stop, thread }
    }

    fn state(&self) -> &'static str {
        self.consumer.group_state().unwrap().state
    }
}

/// One batch, read and committed.
fn work(consumer: &Consumer, number: usize, seen: &Seen) {
    let batch = match consumer.next_blocking(Duration::from_millis(200)) {
        Ok(Some(batch)) => batch,
        Ok(None) => return,
        // The broker that is killed.
        Err(error) if error.is_retriable() => return,
        Err(error) => panic!("{error}"),
    };
    let mut next = 0;
    for record in batch.records() {
        seen.read(number, batch.partition(), record.offset);
        next = record.offset + 1;
    }
    // One that fails (the coordinator has gone, the generation is over) leaves the records to be read again.
    if consumer.commit_blocking(&batch).is_ok() {
        seen.committed(batch.partition(), next);
    }
}

/// Writes to all partitions until it is told to stop.
fn writer(servers: &str, topic: &str, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let client = client(servers, &[("linger.ms", "5"), ("request.timeout.ms", "5000"), ("socket.timeout.ms", "8000")]);
    let (topic, stop) = (topic.to_owned(), stop.clone());
    std::thread::spawn(move || {
        let producer = client.producer().unwrap();
        while !stop.load(Ordering::SeqCst) {
            let send = |partition| producer.send_blocking(Record::to(&topic).partition(partition).value("x")).unwrap();
            let deliveries: Vec<_> = (0..PARTITIONS * 20).map(|i| send(i % PARTITIONS)).collect();
            for delivery in deliveries {
                delivery.wait().unwrap();
            }
        }
    })
}

/// A group's name whose coordinator is not broker 1, the only controller.
fn group_of_another_broker(client: &Client, topic: &str) -> (String, u32) {
    loop {
        let group = unique_name("coordinator-killed");
        let consumer = client.consumer_builder().group(&group).build().unwrap();
        consumer.subscribe([topic]).unwrap();
        let begun = Instant::now();
        let coordinator = loop {
            drop(consumer.next_blocking(Duration::from_millis(10)));
            if let Some(id) = consumer.group_state().unwrap().coordinator {
                break u32::try_from(id).unwrap();
            }
            assert!(begun.elapsed() < PATIENCE, "{:?}", consumer.group_state());
        };
        consumer.close().wait().unwrap();
        if coordinator != 1 {
            return (group, coordinator);
        }
    }
}

fn in_sync(client: &Client, topic: &str) {
    let all = |topic| {
        let topic = block_on(pin!(described(client, topic)));
        topic.partitions.iter().all(|partition| partition.isr.len() == partition.replicas.len())
    };
    let begun = Instant::now();
    while !(all(topic) && all("__consumer_offsets")) {
        assert!(begun.elapsed() < PATIENCE, "not all replicas are in sync");
    }
}

fn killed_while_join_groups_are_parked(kafka: &mut LiveKafka, strategy: &str) {
    let begun = Instant::now();
    let servers = kafka.bootstrap_servers().to_owned();
    let client = client(&servers, &QUICK);
    let topic = unique_name("coordinator-killed");
    let new = NewTopic::new(&topic).partitions(PARTITIONS).replication_factor(3).config("min.insync.replicas", "2");
    client.admin().create_topic_blocking(new).unwrap();
    block_on(pin!(described(&client, &topic)));
    let (group, coordinator) = group_of_another_broker(&client, &topic);
    in_sync(&client, &topic);
    let (seen, stop_writing) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
    let writer = writer(&servers, &topic, &stop_writing);
    let start = |number| Member::start(&client, &group, &topic, strategy, number, &seen);
    let mut members: Vec<Member> = (1..=3).map(start).collect();
    let shared = |members: &[Member]| {
        let states: Vec<_> = members.iter().map(|member| member.consumer.group_state().unwrap()).collect();
        let owned: BTreeSet<i32> = states.iter().flat_map(|state| state.owned.iter().map(|p| p.partition)).collect();
        let each = states.iter().map(|state| state.owned.len());
        let generations: BTreeSet<i32> = states.iter().map(|state| state.generation).collect();
        let settled = states.iter().all(|state| state.state == "Stable") && generations.len() == 1;
        (settled && each.clone().sum::<usize>() == 6 && owned.len() == 6 && each.min() >= Some(1)).then(|| states[0].generation)
    };
    seen.until_members("three share", &members, |members| shared(members).is_some());
    seen.until_more(50);
    let before = shared(&members);

    // The third stands still, so that the others' JoinGroups stay where they are when more members come. With six of them it has a
    // partition to give up by each assignor, and it is asked whether it does.
    members[2].hold.store(true, Ordering::SeqCst);
    members.extend((4..=6).map(start));
    let parked = |members: &[Member]| {
        let asked = ["Preparing", "Reconciling"].contains(&members[2].state());
        asked && members.iter().enumerate().all(|(i, member)| i == 2 || member.state() == "Joining")
    };
    seen.until_members("JoinGroups are parked", &members, parked);
    kafka.kill_broker(coordinator);
    let killed = Instant::now();
    members[2].hold.store(false, Ordering::SeqCst);
    members[2].thread.thread().unpark();
    let elsewhere = |members: &[Member]| {
        let at: BTreeSet<Option<i32>> = members.iter().map(|member| member.consumer.group_state().unwrap().coordinator).collect();
        at.len() == 1 && at.iter().all(|id| id.is_some_and(|id| u32::try_from(id) != Ok(coordinator)))
    };
    seen.until_members("six share at another coordinator", &members, |all| shared(all).is_some() && elsewhere(all));
    let took = killed.elapsed();
    assert_ne!(shared(&members), before, "another generation");
    seen.until_more(200);

    stop_writing.store(true, Ordering::SeqCst);
    writer.join().unwrap();
    let reader = client.consumer_builder().group(&group).build().unwrap();
    let ends: Vec<i64> = (0..PARTITIONS).map(|p| reader.watermarks_blocking(&topic, p).unwrap().1).collect();
    seen.until("all is read and committed", |p, seen| seen.committed == ends[usize::try_from(p).unwrap()]);
    for member in &members {
        member.stop.store(true, Ordering::SeqCst);
    }
    for member in members {
        member.thread.join().unwrap();
    }
    let committed = reader.committed_blocking((0..PARTITIONS).map(|p| (&topic, p))).unwrap();
    assert!(committed.into_values().map(|at| at.unwrap().offset).eq(ends.iter().copied()), "what was committed is kept");
    reader.close().wait().unwrap();
    let again: i64 = seen.lock().values().map(|partition| partition.again).sum();
    println!(
        "{strategy}: coordinator {coordinator} killed, six share again after {:.1} s; {} records, {again} of them twice; {:.1} s",
        took.as_secs_f64(),
        ends.iter().sum::<i64>(),
        begun.elapsed().as_secs_f64()
    );
    kafka.restart_broker(coordinator).unwrap();
    in_sync(&client, &topic);
}

#[test]
#[ignore = "takes minutes: make proof"]
fn the_coordinator_is_killed_during_a_rebalance() {
    let options = KafkaOptions::brokers(3).property("broker.session.timeout.ms", "6000");
    let mut kafka = LiveKafka::start_with(&options.property("replica.lag.time.max.ms", "5000"));
    for strategy in ["range", "cooperative-sticky"] {
        killed_while_join_groups_are_parked(&mut kafka, strategy);
    }
}
