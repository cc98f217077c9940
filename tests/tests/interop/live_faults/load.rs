//! Producers and a consumer at work on a live cluster, and the history of what they saw.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ottla::{Delivery, NewTopic, StartAt};
use ottla_simulation::checker::{Checked, Logs, check};
use ottla_simulation::history::{Fate, History, ProducerTraits, Seen, key_of, record, value_of};
use ottla_simulation::schedule::topic_name;

use crate::helper::client;

/// Bounds a test that hangs, not what a cluster may take to find a new leader.
const PATIENCE: Duration = Duration::from_secs(180);
/// Records that one producer has on their way at most: some thousand a second, so that the replicas keep up on a small machine.
const WINDOW: usize = 200;
const SIZE: usize = 64;
pub(super) const TOPIC: i64 = 1;

struct Shared {
    history: Mutex<History>,
    progress: Condvar,
    /// By producer.
    acknowledged: [AtomicUsize; 2],
    read: AtomicUsize,
    stop: AtomicBool,
    begun: Instant,
}

impl Shared {
    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap()
    }

    fn count(&self, counter: &AtomicUsize, by: usize) {
        counter.fetch_add(by, Ordering::SeqCst);
        // Under the lock that who waits looks under.
        drop(self.history());
        self.progress.notify_all();
    }
}

/// The load: two producers, one of them idempotent with acks=all by default, one with acks=1 and none; and one consumer.
pub(super) struct Load {
    shared: Arc<Shared>,
    servers: String,
    producers: Vec<JoinHandle<()>>,
    consumer: Option<JoinHandle<()>>,
    pub(super) topic: String,
}

fn wall_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// What a slow broker costs is found out in seconds here, not in minutes.
const QUICK: [(&str, &str); 5] = [
    // A topic that was deleted is made again by the test alone.
    ("allow.auto.create.topics", "false"),
    ("request.timeout.ms", "5000"),
    ("socket.timeout.ms", "8000"),
    ("socket.connection.setup.timeout.ms", "3000"),
    ("delivery.timeout.ms", "120000"),
];

impl Load {
    pub(super) fn start(servers: &str, partitions: i32) -> Self {
        let history = History::default();
        let shared = Arc::new(Shared {
            history: Mutex::new(history),
            progress: Condvar::new(),
            acknowledged: Default::default(),
            read: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            begun: Instant::now(),
        });
        let mut load =
            Self { shared, servers: servers.to_owned(), producers: Vec::new(), consumer: None, topic: topic_name(TOPIC) };
        load.create_topic(partitions);
        for acks in [-1, 1] {
            load.produce(acks);
        }
        load.consume(partitions);
        load
    }

    /// The topic, replicated on all three brokers.
    pub(super) fn create_topic(&self, partitions: i32) {
        let new = NewTopic::new(&self.topic).partitions(partitions).replication_factor(3);
        let new = new.config("min.insync.replicas", "2");
        client(&self.servers, &QUICK).admin().create_topic_blocking(new).unwrap();
    }

    fn produce(&mut self, acks: i64) {
        let idempotent = acks == -1;
        let number = {
            let mut history = self.shared.history();
            history.producers.push(ProducerTraits { acks, idempotent, reports: false, delivery_timeout: 120_000 });
            history.producers.len() - 1
        };
        let acks = if idempotent { "all" } else { "1" };
        let mut properties = QUICK.to_vec();
        properties.extend([("acks", acks), ("enable.idempotence", if idempotent { "true" } else { "false" })]);
        properties.extend([
            ("linger.ms", "20"),
            ("batch.size", "16384"),
            ("compression.type", if idempotent { "lz4" } else { "none" }),
        ]);
        let producer = client(&self.servers, &properties).producer().unwrap();
        let (deliveries, taken) = mpsc::sync_channel::<(usize, Delivery)>(WINDOW);
        let (shared, topic) = (self.shared.clone(), self.topic.clone());
        self.producers.push(std::thread::spawn(move || {
            while !shared.stop.load(Ordering::SeqCst) {
                let id = shared.history().offer(number, TOPIC, None, SIZE, shared.now());
                let (key, value) = (key_of(id), value_of(id, SIZE));
                // Of now: a broker that starts forgets the producers whose last record is older than producer.id.expiration.ms.
                let sent = producer.send_blocking(record(&topic, None, id, key.as_deref(), &value).timestamp(wall_millis()));
                let mut history = shared.history();
                match sent {
                    Ok(delivery) => {
                        history.sent[id].fate = Fate::Pending;
                        drop(history);
                        if deliveries.send((id, delivery)).is_err() {
                            return;
                        }
                    }
                    Err(error) => history.sent[id].fate = Fate::NotTaken(error.to_string()),
                }
            }
            drop(deliveries);
            producer.flush_blocking();
        }));
        let shared = self.shared.clone();
        self.producers.push(std::thread::spawn(move || {
            for (id, delivery) in taken {
                let result = delivery.wait();
                let now = shared.now();
                shared.history().delivered(id, &result, now);
                shared.count(&shared.acknowledged[number], usize::from(result.is_ok()));
            }
        }));
    }

    fn consume(&mut self, partitions: i32) {
        let mut properties = QUICK.to_vec();
        properties.push(("auto.offset.reset", "none"));
        let consumer = client(&self.servers, &properties).consumer().unwrap();
        let (shared, topic) = (self.shared.clone(), self.topic.clone());
        self.consumer = Some(std::thread::spawn(move || {
            consumer.assign((0..partitions).map(|partition| (topic.as_str(), partition, StartAt::Offset(0))));
            for partition in 0..partitions {
                shared.history().saw(0, (TOPIC, partition), 0, Seen::From(Some(0)));
            }
            while !shared.stop.load(Ordering::SeqCst) {
                match consumer.next_blocking(Duration::from_secs(1)) {
                    Ok(Some(batch)) => {
                        let place = (TOPIC, batch.partition());
                        let now = shared.now();
                        let mut history = shared.history();
                        let mut count = 0;
                        for found in batch.records() {
                            let recognised = history.recognise(TOPIC, place.1, found.key, found.value.unwrap_or_default());
                            let seen = match recognised {
                                Ok(id) => Seen::Record(found.offset, id),
                                Err(what) => Seen::Foreign(found.offset, what),
                            };
                            history.saw(0, place, now, seen);
                            count += 1;
                        }
                        drop(history);
                        shared.count(&shared.read, count);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        let now = shared.now();
                        if let (Some(partition), Some(next)) = (error.partition(), error.next_offset()) {
                            shared.history().saw(0, (TOPIC, partition), now, Seen::Told(error.to_string()));
                            consumer.seek(&topic, partition, StartAt::Offset(next)).unwrap();
                        } else {
                            assert!(error.is_retriable(), "{error}");
                        }
                    }
                }
            }
        }));
    }

    /// Waits until each producer has so many more records acknowledged, and the consumer has read as many.
    pub(super) fn wait_for_more(&self, records: usize) {
        let state = || {
            let [all, leader] = &self.shared.acknowledged;
            [all, leader, &self.shared.read].map(|counter| counter.load(Ordering::SeqCst))
        };
        let goals = state().map(|reached| reached + records);
        let begun = Instant::now();
        let mut history = self.shared.history();
        while state().iter().zip(&goals).any(|(reached, goal)| reached < goal) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "acks=all, acks=1, read: {:?} does not get to {goals:?} within {PATIENCE:?}", state());
            history = self.shared.progress.wait_timeout(history, left).unwrap().0;
        }
    }

    /// Leaders may change now: what only they have (acks=1) may be lost.
    pub(super) fn leaders_may_change(&self) {
        let now = self.shared.now();
        self.shared.history().truncations.push(now);
    }

    pub(super) fn topic_deleted(&self) {
        let now = self.shared.now();
        self.shared.history().deleted.push((now, TOPIC));
    }

    /// Ends the load, reads all logs, and checks the history.
    pub(super) fn finish(mut self) -> Checked {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.leaders_may_change();
        for producer in self.producers.drain(..) {
            producer.join().unwrap();
        }
        self.consumer.take().unwrap().join().unwrap();
        let logs = self.read_logs();
        let mut history = self.shared.history();
        // A consumer's own errors are told once they are over; a truncated acks=1 tail may have been read by nobody but it.
        let checked = check(&mut history, &logs);
        assert!(history.violations.is_empty(), "{:#?}", history.violations);
        checked
    }

    fn read_logs(&self) -> Logs {
        let client = client(&self.servers, &QUICK);
        let partitions = i32::try_from(client.admin().describe_topic_blocking(&self.topic).unwrap().partitions.len()).unwrap();
        let consumer = client.consumer().unwrap();
        let mut logs: Logs = BTreeMap::new();
        for partition in 0..partitions {
            let (first, end) = consumer.watermarks_blocking(&self.topic, partition).unwrap();
            consumer.assign([(self.topic.as_str(), partition, StartAt::Offset(first))]);
            let log = logs.entry((TOPIC, partition)).or_default();
            let mut next = first;
            while next < end {
                let batch = match consumer.next_blocking(PATIENCE) {
                    Ok(batch) => batch.expect("the rest of the log in time"),
                    Err(error) => {
                        assert!(error.is_retriable(), "{error}");
                        continue;
                    }
                };
                for found in batch.records() {
                    next = found.offset + 1;
                    let value = found.value.unwrap_or_default();
                    match self.shared.history().recognise(TOPIC, partition, found.key, value) {
                        Ok(id) => log.push((found.offset, id)),
                        Err(what) => panic!("{}-{partition} offset {}: {what}", self.topic, found.offset),
                    }
                }
            }
        }
        logs
    }
}
