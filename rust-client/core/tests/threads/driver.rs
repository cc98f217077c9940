//! The producer's sender on a thread of its own, and on another one a broker that keeps a log, loses answers and refuses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use ottla_core::error::{Error, ErrorKind};
use ottla_core::metadata::{BrokerInfo, Cluster, PartitionInfo, TopicInfo};
use ottla_core::metrics::ProducerMetrics;
use ottla_core::offload::Offload;
use ottla_core::producer::{Accumulator, Command, ProducerSettings, Sender};
use ottla_core::random::Rng;
use ottla_core::time::{Clock, Instant};
use ottla_protocol::messages::init_producer_id::InitProducerIdResponse;
use ottla_protocol::messages::produce::{PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse};
use ottla_protocol::record::split_batches;
use ottla_protocol::{ErrorCode, Text, Uuid};
use shuttle::sync::atomic::Ordering;
use shuttle::sync::{Condvar, Mutex, mpsc};
use shuttle::thread;

pub(crate) const PARTITIONS: i32 = 2;

/// Time stands still until the sender has nothing to do but to wait.
#[derive(Default)]
struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn wall_millis(&self) -> i64 {
        1_700_000_000_000
    }
}

/// Work on threads of its own; some of it is dropped unrun, as a runtime does that ends.
struct Pool(Mutex<Rng>, bool);

impl Offload for Pool {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        let (dropped, turns) = {
            let mut random = self.0.lock().unwrap();
            (self.1 && random.below(2) == 0, random.below(60))
        };
        thread::spawn(move || {
            // A pool is busy with other work first.
            (0..turns).for_each(|_| thread::yield_now());
            if dropped { drop(job) } else { job() }
        });
    }
}

/// What the broker has written: (thread, number) of each record, by partition.
pub(crate) type Log = Vec<Vec<(u8, u8)>>;

#[derive(Default)]
struct Inbox {
    answers: Vec<(u64, Result<Option<ProduceResponse>, Error>)>,
    rung: bool,
    end: bool,
}

/// What wakes the sender's thread.
#[derive(Default)]
struct Bell {
    inbox: Mutex<Inbox>,
    ringing: Condvar,
}

impl Bell {
    fn ring(&self, say: impl FnOnce(&mut Inbox)) {
        say(&mut self.inbox.lock().unwrap());
        self.ringing.notify_one();
    }
}

/// What may go wrong.
#[derive(Clone, Copy)]
pub(crate) struct Faults {
    /// Answers are lost and batches refused, to be sent again.
    pub(crate) broker: bool,
    /// Jobs of compression are dropped unrun.
    pub(crate) offload: bool,
    /// The sender goes away after so many turns.
    pub(crate) sender_ends: Option<u64>,
}

/// A producer's threads behind its accumulator.
pub(crate) struct Driver {
    pub(crate) accumulator: Arc<Accumulator>,
    bell: Arc<Bell>,
    sender: thread::JoinHandle<()>,
    broker: thread::JoinHandle<Log>,
}

impl Driver {
    pub(crate) fn start(settings: ProducerSettings, faults: Faults, random: &mut Rng) -> Self {
        let clock = Arc::new(TestClock(AtomicU64::new(1_000_000)));
        let bell = Arc::new(Bell::default());
        let waker = bell.clone();
        let offload = Arc::new(Pool(Mutex::new(random.fork()), faults.offload));
        let wake = Arc::new(move || waker.ring(|inbox| inbox.rung = true));
        let accumulator = Arc::new(Accumulator::new(settings, clock.clone(), offload, wake, random.next_u64()));
        let sender = Sender::new(accumulator.clone(), Arc::new(ProducerMetrics::default()), random.fork());
        let (requests, received) = mpsc::channel();
        let (answers, outcomes) = (bell.clone(), random.fork());
        let broker = thread::spawn(move || serve(&received, &answers, faults, outcomes));
        let inbox = bell.clone();
        let sender = thread::spawn(move || run(sender, &clock, &inbox, &requests, faults.sender_ends));
        Self { accumulator, bell, sender, broker }
    }

    /// Ends sender and broker, whatever is under way; what was written.
    pub(crate) fn end(self) -> (Arc<Accumulator>, Log) {
        self.bell.ring(|inbox| inbox.end = true);
        self.sender.join().unwrap();
        (self.accumulator, self.broker.join().unwrap())
    }
}

fn cluster() -> Arc<Cluster> {
    let info = |partition| PartitionInfo {
        partition,
        error: ErrorCode::None,
        leader: 1,
        leader_epoch: 0,
        replicas: vec![1],
        isr: vec![1],
    };
    let topic = TopicInfo {
        name: Text::from("t"),
        id: Uuid([7; 16]),
        error: ErrorCode::None,
        is_internal: false,
        partitions: (0..PARTITIONS).map(info).collect(),
    };
    let broker = BrokerInfo { id: 1, host: Text::from("b"), port: 1, rack: None };
    Arc::new(Cluster {
        all_topics: false,
        version: 1,
        cluster_id: None,
        controller: 1,
        brokers: [(1, broker)].into(),
        topics: [(topic.name.clone(), Arc::new(topic))].into(),
    })
}

type Requests = mpsc::Sender<(u64, ProduceRequest)>;

fn run(mut sender: Sender, clock: &TestClock, bell: &Bell, requests: &Requests, ends: Option<u64>) {
    let mut cluster_now = Arc::default();
    let mut commands = Vec::new();
    for turn in 0.. {
        if ends == Some(turn) {
            return;
        }
        let now = clock.now();
        let due = sender.poll(now, &cluster_now, &mut commands);
        let did_something = !commands.is_empty();
        for command in std::mem::take(&mut commands) {
            match command {
                Command::Produce { token, request, .. } => requests.send((token, request)).unwrap(),
                Command::Connect(broker) => sender.on_connected(broker),
                Command::InitProducerId(_) => {
                    let id = InitProducerIdResponse { producer_id: 42, ..InitProducerIdResponse::default() };
                    sender.on_producer_id(now, Ok(id));
                }
                Command::Follow(_) => cluster_now = cluster(),
                Command::RefreshMetadata | Command::LearnLeaders(_) => {}
            }
        }
        if did_something {
            continue;
        }
        let soon = due.since(now) <= Duration::from_secs(1);
        let mut inbox = bell.inbox.lock().unwrap();
        while inbox.answers.is_empty() && !inbox.rung && !inbox.end && !soon {
            inbox = bell.ringing.wait(inbox).unwrap();
        }
        if inbox.end {
            return;
        }
        let idle = inbox.answers.is_empty() && !std::mem::take(&mut inbox.rung);
        let answers = std::mem::take(&mut inbox.answers);
        drop(inbox);
        for (token, answer) in answers {
            sender.on_produced(now, token, answer, &mut commands);
        }
        if idle {
            clock.0.fetch_max(due.as_micros(), Ordering::SeqCst);
        }
    }
}

/// A partition as an idempotent producer's broker keeps it.
#[derive(Default)]
struct Replica {
    log: Vec<(u8, u8)>,
    epoch: i16,
    /// The base offset of each batch of this epoch, by its base sequence.
    known: BTreeMap<i32, i64>,
    next_sequence: i32,
}

impl Replica {
    fn append(&mut self, records: &ottla_protocol::Records) -> (ErrorCode, i64) {
        let mut batches = split_batches(&records.to_bytes());
        let raw = batches.next().unwrap().unwrap();
        assert!(batches.next().is_none());
        let header = raw.header;
        if header.producer_epoch > self.epoch {
            (self.epoch, self.next_sequence) = (header.producer_epoch, 0);
            self.known.clear();
        }
        if let Some(offset) = self.known.get(&header.base_sequence) {
            return (ErrorCode::None, *offset);
        }
        if (header.producer_epoch, header.base_sequence) != (self.epoch, self.next_sequence) {
            return (ErrorCode::OutOfOrderSequenceNumber, -1);
        }
        let offset = self.log.len() as i64;
        self.known.insert(header.base_sequence, offset);
        self.next_sequence += header.records_count;
        for record in raw.decode(true, 1 << 20, Vec::new()).unwrap().records() {
            let [thread, number, ..] = *record.unwrap().value.unwrap() else { panic!("a record of another kind") };
            self.log.push((thread, number));
        }
        (ErrorCode::None, offset)
    }
}

fn serve(requests: &mpsc::Receiver<(u64, ProduceRequest)>, bell: &Bell, faults: Faults, mut random: Rng) -> Log {
    let mut replicas: Vec<Replica> = (0..PARTITIONS).map(|_| Replica::default()).collect();
    let mut left = if faults.broker { 6 } else { 0 };
    while let Ok((token, request)) = requests.recv() {
        let fate = if left > 0 { random.below(3) } else { 0 };
        left -= u32::from(fate > 0);
        let mut response = ProduceResponse::default();
        for topic in &request.topic_data {
            let answer = |data: &ottla_protocol::messages::produce::PartitionProduceData| {
                let (code, base_offset) = match fate {
                    1 => (ErrorCode::NotEnoughReplicas, -1),
                    _ => replicas[data.index as usize].append(data.records.as_ref().unwrap()),
                };
                let (index, error_code) = (data.index, code.code());
                PartitionProduceResponse { index, error_code, base_offset, ..PartitionProduceResponse::default() }
            };
            response.responses.push(TopicProduceResponse {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                partition_responses: topic.partition_data.iter().map(answer).collect(),
                ..TopicProduceResponse::default()
            });
        }
        let lost = || Error::new(ErrorKind::Transport, "the connection was cut").retriable();
        let answer = if fate == 2 { Err(lost()) } else { Ok(Some(response)) };
        bell.ring(|inbox| inbox.answers.push((token, answer)));
    }
    replicas.into_iter().map(|replica| replica.log).collect()
}
