//! A seeded walk: brokers that move leaders, lose sessions and connections, throttle and cut answers short; work that is done late or
//! dropped; an application that pauses, seeks and holds on to batches. Whatever happens, each partition's records come in order, each
//! once, and all of them.

use ottla_protocol::messages::fetch::LeaderIdAndEpoch;

use super::*;

const PARTITIONS: i32 = 3;
const BROKERS: i32 = 2;
const RECORDS: i64 = 60;

/// What a broker remembers of a session.
#[derive(Default)]
struct Session {
    id: i32,
    epoch: i32,
    /// By the partition: what is asked for, and the leader's epoch as the consumer knows it.
    wishes: BTreeMap<i32, (i64, i32)>,
}

struct Walk {
    seed: u64,
    rng: Rng,
    bench: Bench,
    offload: Deferred,
    done: std::sync::mpsc::Sender<Decoded>,
    decoded: std::sync::mpsc::Receiver<Decoded>,
    sessions: BTreeMap<i32, Session>,
    next_session: i32,
    leaders: Vec<(i32, i32)>,
    version: u64,
    under_way: Vec<(i32, u64, FetchRequest)>,
    /// The offset that the application has to get next.
    expected: Vec<i64>,
    held: Vec<FetchedBatch>,
    /// Something happened that the driver sees by itself: an answer, decoded work, metadata.
    due: bool,
    notified: Arc<AtomicU32>,
    faults: bool,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let settings = ConsumerSettings {
            queued_max_bytes: 600,
            queued_min_messages: 20,
            reset: ResetPolicy::None,
            metadata_max_age: Duration::from_millis(50),
            isolation: IsolationLevel::ReadUncommitted,
            ..ConsumerSettings::default()
        };
        let leaders: Vec<(i32, i32)> = (0..PARTITIONS).map(|partition| (partition % BROKERS + 1, 5)).collect();
        let mut bench = Bench::new(settings, &leaders);
        bench.fetcher.assign((0..PARTITIONS).map(|p| (key(p), StartAt::Offset(0))));
        let notified = Arc::new(AtomicU32::new(0));
        let count = notified.clone();
        bench.fetcher.quota().set_notify(Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        let (done, decoded) = std::sync::mpsc::channel();
        let expected = vec![0; PARTITIONS as usize];
        Self {
            seed,
            rng: Rng::from_seed(seed),
            bench,
            offload: Deferred::default(),
            done,
            decoded,
            sessions: BTreeMap::new(),
            next_session: 100,
            leaders,
            version: 1,
            under_way: Vec::new(),
            expected,
            held: Vec::new(),
            due: true,
            notified,
            faults: true,
        }
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.rng.below(100) < percent
    }

    /// A fault, as long as there are any.
    fn fault(&mut self, percent: u64) -> bool {
        self.chance(percent) && self.faults
    }

    /// The driver sleeps until something calls for it, so that a wake-up that is missing shows.
    fn drive(&mut self) {
        let woken = self.bench.fetcher.take_wake() | (self.notified.swap(0, Ordering::SeqCst) > 0);
        if !std::mem::take(&mut self.due) && !woken && self.bench.now < self.bench.deadline {
            return;
        }
        self.bench.poll();
        self.bench.fetcher.take_wake();
        for command in std::mem::take(&mut self.bench.commands) {
            match command {
                ConsumerCommand::Fetch { token, broker, request, .. } => self.under_way.push((broker, token, request)),
                ConsumerCommand::OffsetForLeaderEpoch { token, request, .. } => self.validate(token, &request),
                ConsumerCommand::RefreshMetadata => self.publish(),
                ConsumerCommand::ListOffsets { .. } => panic!("seed {}: nothing is out of range", self.seed),
            }
        }
        while let Some(completed) = self.bench.fetcher.next_completed() {
            if self.chance(30) {
                self.bench.fetcher.on_decoded(self.bench.now, completed.decode());
                self.due = true;
            } else {
                let done = self.done.clone();
                completed.decode_elsewhere(&self.offload, move |decoded| done.send(decoded).unwrap());
            }
        }
    }

    fn publish(&mut self) {
        self.version += 1;
        self.due = true;
        self.bench.cluster = cluster(self.version, Uuid([7; 16]), &self.leaders);
    }

    fn validate(&mut self, token: u64, request: &OffsetForLeaderEpochRequest) {
        self.due = true;
        if self.fault(20) {
            let error = Error::new(ErrorKind::Transport, "the connection broke").retriable();
            return self.bench.fetcher.on_offset_for_leader_epoch(self.bench.now, token, Err(error));
        }
        let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
        let partitions = partitions
            .map(|asked| EpochEndOffset {
                partition: asked.partition,
                leader_epoch: asked.leader_epoch,
                end_offset: RECORDS,
                ..EpochEndOffset::default()
            })
            .collect();
        let topic = OffsetForLeaderTopicResult { topic: TOPIC, partitions, ..OffsetForLeaderTopicResult::default() };
        let response = OffsetForLeaderEpochResponse { topics: vec![topic], ..OffsetForLeaderEpochResponse::default() };
        self.bench.fetcher.on_offset_for_leader_epoch(self.bench.now, token, Ok(response));
    }

    fn work(&mut self) {
        let mut jobs: Vec<_> = self.offload.0.lock().unwrap().drain(..).collect();
        while !jobs.is_empty() {
            let place = self.rng.below(jobs.len() as u64) as usize;
            let job = jobs.swap_remove(place);
            if !self.fault(10) {
                job();
            }
        }
        while let Ok(decoded) = self.decoded.try_recv() {
            self.bench.fetcher.on_decoded(self.bench.now, decoded);
            self.due = true;
        }
    }

    fn answer(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let place = self.rng.below(self.under_way.len() as u64) as usize;
        self.due = true;
        let (broker, token, request) = self.under_way.swap_remove(place);
        let now = self.bench.now;
        if self.fault(5) {
            // Before the broker has seen it, or after.
            if self.chance(50) {
                drop(self.respond(broker, &request));
            }
            let error = Error::new(ErrorKind::Transport, "the connection broke").retriable();
            return self.bench.fetcher.on_fetch(now, token, Err(error));
        }
        let response = self.respond(broker, &request);
        self.bench.fetcher.on_fetch(now, token, Ok(response));
        if !self.bench.fetcher.take_hints().is_empty() && self.chance(80) {
            self.publish();
        }
    }

    /// As a broker does, with sessions.
    fn respond(&mut self, broker: i32, request: &FetchRequest) -> FetchResponse {
        let refuse = |code: ErrorCode| FetchResponse { error_code: code.code(), ..FetchResponse::default() };
        let full = request.session_epoch == 0;
        if self.fault(5) {
            self.sessions.remove(&broker);
        }
        let keep = !self.fault(20);
        if full {
            self.next_session += 1;
            self.sessions.insert(broker, Session { id: self.next_session, ..Session::default() });
        }
        let Some(session) = self.sessions.get_mut(&broker) else { return refuse(ErrorCode::FetchSessionIdNotFound) };
        if !full && session.id != request.session_id {
            return refuse(ErrorCode::FetchSessionIdNotFound);
        }
        if session.epoch != request.session_epoch {
            return refuse(ErrorCode::InvalidFetchSessionEpoch);
        }
        session.epoch += 1;
        for partition in request.forgotten_topics_data.iter().flat_map(|topic| &topic.partitions) {
            assert!(session.wishes.remove(partition).is_some(), "seed {}: forgets what was never asked for", self.seed);
        }
        for asked in request.topics.iter().flat_map(|topic| &topic.partitions) {
            session.wishes.insert(asked.partition, (asked.fetch_offset, asked.current_leader_epoch));
        }
        let (id, wishes) = (session.id, session.wishes.clone());
        let mut partitions = Vec::new();
        for (partition, (offset, epoch)) in wishes {
            let answer = self.partition(broker, partition, offset, epoch);
            let records = answer.records.as_ref().is_some_and(|records| !records.is_empty());
            if full || records || answer.error_code != 0 || answer.preferred_read_replica >= 0 {
                partitions.push(answer);
            }
        }
        if !keep {
            self.sessions.remove(&broker);
        }
        let responses = vec![FetchableTopicResponse { topic_id: Uuid([7; 16]), partitions, ..FetchableTopicResponse::default() }];
        let throttle_time_ms = if self.fault(5) { 50 } else { 0 };
        FetchResponse { session_id: if keep { id } else { 0 }, throttle_time_ms, responses, ..FetchResponse::default() }
    }

    fn partition(&mut self, broker: i32, partition: i32, offset: i64, known_epoch: i32) -> PartitionData {
        let (leader, epoch) = self.leaders[partition as usize];
        let error = |code| PartitionData { partition_index: partition, ..failed(code) };
        if leader == broker {
            if self.fault(10) {
                return PartitionData { preferred_read_replica: leader % BROKERS + 1, ..data(partition, Vec::new()) };
            }
        } else if known_epoch == epoch && self.fault(10) {
            // A follower that lags.
            return error(ErrorCode::OffsetOutOfRange);
        } else if known_epoch != epoch || self.chance(50) {
            let leader_id = if self.chance(50) { leader } else { -1 };
            let current_leader = LeaderIdAndEpoch { leader_id, leader_epoch: epoch, ..LeaderIdAndEpoch::default() };
            return PartitionData { current_leader, ..error(ErrorCode::NotLeaderOrFollower) };
        }
        // Batches of four, of which the first may begin before what is asked for, and the last may be cut off.
        let mut records = Vec::new();
        let mut base = offset / 4 * 4;
        while base < RECORDS && records.len() < 300 && (records.is_empty() || self.chance(70)) {
            records.extend(if base % 8 == 0 { batch(base, 4) } else { compressed_values(base, 4) });
            base += 4;
        }
        if self.chance(20) && base < RECORDS && !records.is_empty() {
            let next = batch(base, 4);
            records.extend_from_slice(&next[..next.len() / 2]);
        }
        if self.fault(3) && !records.is_empty() {
            // The first batch's magic, or its last byte.
            let place = if self.chance(50) { 16 } else { 68 };
            records[place] ^= 0x40;
        }
        data(partition, records)
    }

    fn use_it(&mut self) {
        match self.rng.below(12) {
            0 => {
                let partition = self.rng.below(PARTITIONS as u64) as i32;
                self.bench.fetcher.pause(&key(partition)).unwrap();
            }
            1 | 2 => self.resume(),
            3 if self.faults => {
                let partition = self.rng.below(PARTITIONS as u64) as i32;
                let offset = self.rng.below(RECORDS as u64) as i64;
                self.bench.fetcher.seek(&key(partition), StartAt::Offset(offset)).unwrap();
                self.expected[partition as usize] = offset;
            }
            4 => self.held.clear(),
            _ => self.take(),
        }
    }

    fn resume(&mut self) {
        for partition in 0..PARTITIONS {
            self.bench.fetcher.resume(&key(partition)).unwrap();
        }
    }

    fn take(&mut self) {
        match self.bench.fetcher.take() {
            None => {}
            // Brokers that can't be reached for long are told, and what is damaged.
            Some(Err(error)) => {
                let told = [ErrorKind::Transport, ErrorKind::Broker, ErrorKind::Protocol].contains(&error.kind());
                assert!(told && error.code() != Some(ErrorCode::OffsetOutOfRange), "{}: {error}", self.seed);
            }
            Some(Ok(batch)) => {
                let expected = &mut self.expected[batch.partition() as usize];
                for record in &batch {
                    let value = format!("v{}", record.offset);
                    assert_eq!((record.offset, record.value), (*expected, Some(value.as_bytes())), "seed {}", self.seed);
                    *expected += 1;
                }
                if self.chance(20) {
                    self.held.push(batch);
                }
            }
        }
    }

    fn step(&mut self) {
        self.drive();
        match self.rng.below(10) {
            0 | 1 => self.work(),
            2 | 3 => self.answer(),
            4 if self.fault(20) => {
                let partition = self.rng.below(PARTITIONS as u64) as usize;
                let (leader, epoch) = self.leaders[partition];
                self.leaders[partition] = (leader % BROKERS + 1, epoch + 1);
                if self.chance(50) {
                    self.publish();
                }
            }
            5 => {
                let millis = self.rng.below(100);
                self.bench.now = self.bench.now + Duration::from_millis(millis);
            }
            _ => self.use_it(),
        }
    }

    fn run(mut self) {
        for _ in 0..400 {
            self.step();
        }
        // Once the faults are over, all comes, and soon.
        self.faults = false;
        for _ in 0..3000 {
            if self.expected.iter().all(|expected| *expected == RECORDS) {
                self.held.clear();
                return;
            }
            self.resume();
            self.step();
        }
        panic!("seed {}: stuck at {:?} of {RECORDS}", self.seed, self.expected);
    }
}

/// As [`batch`], compressed.
fn compressed_values(base_offset: i64, count: usize) -> Vec<u8> {
    let none: [(&str, Option<&[u8]>); 0] = [];
    let mut builder = BatchBuilder::new(Vec::new());
    for place in 0..count {
        builder.append(1000, None, Some(format!("v{}", base_offset + place as i64).as_bytes()), none).unwrap();
    }
    let (payload, meta) = builder.finish();
    let mut small = Vec::new();
    ottla_protocol::compression::compress(Compression::Lz4, None, &payload, &mut small).unwrap();
    let attributes = Attributes::default().with_compression(Compression::Lz4);
    let mut header = BatchHeader { base_offset, partition_leader_epoch: 5, ..BatchHeader::for_batch(&meta, attributes) };
    let mut bytes = seal_header(&mut header, &small).to_vec();
    bytes.extend_from_slice(&small);
    bytes
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a seed to replay comes from outside")]
fn whatever_happens_each_record_comes_once_and_in_order() {
    let seeds = match std::env::var("OTTLA_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=300).collect(),
    };
    for seed in seeds {
        Walk::new(seed).run();
    }
}
