//! Accumulator and sender stepped on virtual time, without a broker: the test is the broker.

pub(super) use std::sync::Arc;
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub(super) use std::task::{Context, Poll, Waker};
pub(super) use std::time::Duration;

pub(super) use ottla_protocol::compression::Compression;
pub(super) use ottla_protocol::messages::init_producer_id::InitProducerIdResponse;
pub(super) use ottla_protocol::messages::produce::{
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
pub(super) use ottla_protocol::record::{BatchHeader, verify_crc};
pub(super) use ottla_protocol::{ErrorCode, Text};

pub(super) use super::partitioner::Partitioner;
use super::*;
pub(super) use crate::completion::RecordHandle;
pub(super) use crate::error::{Error, ErrorKind};
pub(super) use crate::metadata::{BrokerInfo, Cluster, PartitionInfo, TopicInfo};
pub(super) use crate::metrics::ProducerMetrics;
pub(super) use crate::offload::Offload;
pub(super) use crate::random::Rng;
pub(super) use crate::time::{Clock, Instant};

#[derive(Default)]
pub(super) struct TestClock(pub(super) AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.load(Ordering::SeqCst))
    }
    fn wall_millis(&self) -> i64 {
        1_700_000_000_000
    }
}

struct Inline;

impl Offload for Inline {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }
}

pub(super) fn settings() -> ProducerSettings {
    ProducerSettings {
        batch_size: 10_000,
        batch_messages: 10_000,
        linger: Duration::from_millis(5),
        message_max_bytes: 1_000_000,
        compression: Compression::None,
        compression_level: None,
        delivery_timeout: Duration::from_secs(120),
        request_timeout: Duration::from_secs(30),
        acks: -1,
        idempotence: true,
        max_in_flight: 5,
        retries: u32::MAX,
        retry_backoff: Duration::from_millis(100),
        retry_backoff_max: Duration::from_secs(1),
        partitioner: Partitioner::Murmur2Random,
        sticky: true,
        adaptive: true,
        unknown_topic_limit: Duration::from_secs(30),
        buffer_bytes: 1_000_000,
        buffer_messages: 0,
        reports: false,
    }
}

pub(super) struct Harness {
    pub(super) clock: Arc<TestClock>,
    pub(super) accumulator: Arc<Accumulator>,
    pub(super) sender: Sender,
    pub(super) cluster: Arc<Cluster>,
    pub(super) commands: Vec<Command>,
    pub(super) deadline: Instant,
    pub(super) woken: Arc<AtomicBool>,
}

pub(super) fn cluster(version: u64, partitions: i32) -> Arc<Cluster> {
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
        id: ottla_protocol::Uuid([7; 16]),
        error: ErrorCode::None,
        is_internal: false,
        partitions: (0..partitions).map(info).collect(),
    };
    let broker = BrokerInfo { id: 1, host: Text::from("b"), port: 1, rack: None };
    Arc::new(Cluster {
        all_topics: false,
        version,
        cluster_id: None,
        controller: 1,
        brokers: [(1, broker)].into(),
        topics: [(topic.name.clone(), Arc::new(topic))].into(),
    })
}

impl Harness {
    pub(super) fn new(settings: ProducerSettings, partitions: i32) -> Self {
        let mut harness = Self::without_metadata(settings);
        harness.cluster = cluster(1, partitions);
        harness.accumulator.topic("t").unwrap();
        harness.connect();
        harness
    }

    /// With a first record of partition 0 acknowledged: several batches may be under way from now on.
    pub(super) fn begun(settings: ProducerSettings) -> Self {
        let mut harness = Self::new(settings, 1);
        let mut first = harness.send(b"first");
        harness.advance(Duration::from_millis(5));
        let token = harness.take_requests()[0].0;
        harness.answer(token, ErrorCode::None, 0);
        assert!(first.try_result().unwrap().is_ok());
        harness
    }

    pub(super) fn without_metadata(settings: ProducerSettings) -> Self {
        let clock = Arc::new(TestClock(AtomicU64::new(1_000_000)));
        let woken = Arc::new(AtomicBool::new(false));
        let waker = woken.clone();
        let wake: EdgeWaker = Arc::new(move || waker.store(true, Ordering::SeqCst));
        let accumulator = Arc::new(Accumulator::new(settings, clock.clone(), Arc::new(Inline), wake, 7));
        let sender = Sender::new(accumulator.clone(), Arc::new(ProducerMetrics::default()), Rng::from_seed(7));
        Self { clock, accumulator, sender, cluster: Arc::default(), commands: Vec::new(), deadline: Instant::default(), woken }
    }

    pub(super) fn connect(&mut self) {
        self.sender.on_connected(1);
        self.poll();
    }

    pub(super) fn try_send(&self, value: &[u8]) -> Result<RecordHandle, AppendError> {
        let record = RecordRef { partition: Some(0), timestamp: None, key: None, value: Some(value), headers: &[], opaque: 0 };
        self.accumulator.append_to("t", &record).map(Appended::into_handle)
    }

    pub(super) fn send(&self, value: &[u8]) -> RecordHandle {
        self.try_send(value).unwrap()
    }

    /// Polls until nothing more comes, answering for the producer id.
    pub(super) fn poll(&mut self) {
        loop {
            let before = self.commands.len();
            self.deadline = self.sender.poll(self.clock.now(), &self.cluster.clone(), &mut self.commands);
            if let Some(at) = self.commands.iter().position(|c| matches!(c, Command::InitProducerId(_))) {
                self.commands.remove(at);
                let id = InitProducerIdResponse { producer_id: 42, producer_epoch: 0, ..InitProducerIdResponse::default() };
                self.sender.on_producer_id(self.clock.now(), Ok(id));
                continue;
            }
            if self.commands.len() == before && !self.woken.swap(false, Ordering::SeqCst) {
                return;
            }
        }
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.clock.0.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
        self.poll();
    }

    /// The Produce requests so far, each with the batch of partition 0.
    pub(super) fn take_requests(&mut self) -> Vec<(u64, BatchHeader)> {
        let produced = |request: &ProduceRequest| {
            let bytes = request.topic_data[0].partition_data[0].records.as_ref().unwrap().to_bytes();
            verify_crc(&bytes).unwrap()
        };
        std::mem::take(&mut self.commands)
            .into_iter()
            .filter_map(|command| match command {
                Command::Produce { token, request, .. } => Some((token, produced(&request))),
                _ => None,
            })
            .collect()
    }

    pub(super) fn answer(&mut self, token: u64, code: ErrorCode, base_offset: i64) {
        let partition =
            PartitionProduceResponse { index: 0, error_code: code.code(), base_offset, ..PartitionProduceResponse::default() };
        let topic = TopicProduceResponse {
            name: Text::from("t"),
            partition_responses: vec![partition],
            ..TopicProduceResponse::default()
        };
        let response = ProduceResponse { responses: vec![topic], ..ProduceResponse::default() };
        self.sender.on_produced(self.clock.now(), token, Ok(Some(response)), &mut self.commands);
        self.poll();
    }

    pub(super) fn cut(&mut self, tokens: &[u64]) {
        for token in tokens {
            let error = Error::new(ErrorKind::Transport, "cut").retriable();
            self.sender.on_produced(self.clock.now(), *token, Err(error), &mut self.commands);
        }
        self.sender.on_disconnected(1);
        self.poll();
    }
}

pub(super) fn filled(harness: &mut Harness, batches: usize) -> Vec<RecordHandle> {
    let value = vec![0; 6_000];
    // Two don't fit into one batch: each but the last is full.
    let handles = (0..batches).map(|_| harness.send(&value)).collect();
    harness.advance(Duration::from_millis(5));
    handles
}

#[test]
fn a_batch_lingers_and_then_goes_with_what_it_has() {
    let mut harness = Harness::new(settings(), 1);
    let mut handles: Vec<_> = (0..3).map(|_| harness.send(b"v")).collect();
    harness.advance(Duration::from_millis(4));
    assert!(harness.take_requests().is_empty());
    harness.advance(Duration::from_millis(1));
    let requests = harness.take_requests();
    let [(token, header)] = requests[..] else { panic!("{requests:?}") };
    assert_eq!((header.records_count, header.producer_id, header.base_sequence), (3, 42, 0));
    harness.answer(token, ErrorCode::None, 100);
    let offsets: Vec<i64> = handles.iter_mut().map(|h| h.try_result().unwrap().unwrap().offset).collect();
    assert_eq!(offsets, [100, 101, 102]);
    assert_eq!(harness.accumulator.quota().used_bytes(), 0, "all quota is back");
}

#[test]
fn batches_of_a_broken_connection_go_again_in_order_with_their_sequences() {
    let mut harness = Harness::begun(settings());
    let mut handles = filled(&mut harness, 3);
    let first = harness.take_requests();
    assert_eq!(first.iter().map(|(_, h)| h.base_sequence).collect::<Vec<_>>(), [1, 2, 3]);
    harness.cut(&first.iter().map(|(token, _)| *token).collect::<Vec<_>>());
    assert!(harness.take_requests().is_empty(), "a backoff comes first");
    harness.sender.on_connected(1);
    let mut sequences = Vec::new();
    for _ in 0..20 {
        harness.advance(Duration::from_millis(100));
        for (token, header) in harness.take_requests() {
            sequences.push(header.base_sequence);
            harness.answer(token, ErrorCode::None, i64::from(header.base_sequence));
        }
    }
    assert_eq!(sequences, [1, 2, 3]);
    let offsets: Vec<i64> = handles.iter_mut().map(|h| h.try_result().unwrap().unwrap().offset).collect();
    assert_eq!(offsets, [1, 2, 3]);
}

#[test]
fn while_a_batch_is_to_go_again_the_next_ones_wait_behind_it() {
    let mut harness = Harness::begun(settings());
    let _handles = filled(&mut harness, 3);
    let requests = harness.take_requests();
    harness.answer(requests[0].0, ErrorCode::NotEnoughReplicas, -1);
    harness.answer(requests[1].0, ErrorCode::OutOfOrderSequenceNumber, -1);
    harness.advance(Duration::from_secs(2));
    assert!(harness.take_requests().is_empty(), "one is still in flight");
    harness.answer(requests[2].0, ErrorCode::OutOfOrderSequenceNumber, -1);
    let mut sent = Vec::new();
    for _ in 0..20 {
        harness.advance(Duration::from_secs(1));
        for (token, header) in harness.take_requests() {
            sent.push((header.producer_epoch, header.base_sequence));
            harness.answer(token, ErrorCode::None, 0);
        }
    }
    assert_eq!(sent, [(0, 1), (0, 2), (0, 3)], "expected refusals behind a retry change no epoch");
}

#[test]
fn until_the_first_batch_is_acknowledged_no_other_is_under_way() {
    let mut harness = Harness::new(settings(), 1);
    let mut handles = filled(&mut harness, 3);
    // A broker that knows nothing of the producer would take any of them for its first.
    let mut sent = Vec::new();
    for code in [ErrorCode::NotLeaderOrFollower, ErrorCode::None] {
        harness.advance(Duration::from_secs(2));
        let requests = harness.take_requests();
        sent.push(requests.iter().map(|(_, header)| header.base_sequence).collect::<Vec<_>>());
        harness.answer(requests[0].0, code, 0);
    }
    assert_eq!(sent, [[0], [0]]);
    let rest = harness.take_requests();
    assert_eq!(rest.iter().map(|(_, header)| header.base_sequence).collect::<Vec<_>>(), [1, 2]);
    rest.iter().for_each(|(token, header)| harness.answer(*token, ErrorCode::None, i64::from(header.base_sequence)));
    let offsets: Vec<i64> = handles.iter_mut().map(|h| h.try_result().unwrap().unwrap().offset).collect();
    assert_eq!(offsets, [0, 1, 2]);
}

#[test]
fn a_batch_that_can_t_come_before_the_next_any_more_is_numbered_anew() {
    let mut harness = Harness::begun(settings());
    let mut handles = filled(&mut harness, 2);
    let requests = harness.take_requests();
    // A broker that has forgotten the producer refuses one, and takes the next for its first.
    harness.answer(requests[0].0, ErrorCode::NotLeaderOrFollower, -1);
    harness.answer(requests[1].0, ErrorCode::None, 7);
    harness.advance(Duration::from_secs(2));
    let again = harness.take_requests();
    assert_eq!(again.iter().map(|(_, h)| (h.producer_epoch, h.base_sequence)).collect::<Vec<_>>(), [(0, 1)]);
    harness.answer(again[0].0, ErrorCode::OutOfOrderSequenceNumber, -1);
    harness.advance(Duration::from_secs(2));
    let anew = harness.take_requests();
    assert_eq!(anew.iter().map(|(_, h)| (h.producer_epoch, h.base_sequence)).collect::<Vec<_>>(), [(1, 0)]);
    harness.answer(anew[0].0, ErrorCode::None, 8);
    let offsets: Vec<i64> = handles.iter_mut().map(|h| h.try_result().unwrap().unwrap().offset).collect();
    assert_eq!(offsets, [8, 7]);
}

#[test]
fn a_lost_producer_state_starts_a_new_epoch_at_zero() {
    let mut harness = Harness::begun(settings());
    let _handles = filled(&mut harness, 2);
    let requests = harness.take_requests();
    harness.answer(requests[0].0, ErrorCode::None, 0);
    harness.answer(requests[1].0, ErrorCode::UnknownProducerId, -1);
    harness.advance(Duration::from_secs(2));
    let again = harness.take_requests();
    assert_eq!(again.iter().map(|(_, h)| (h.producer_epoch, h.base_sequence)).collect::<Vec<_>>(), [(1, 0)]);
}

#[test]
fn delivery_timeout_holds_in_the_queue_and_in_flight() {
    let mut harness = Harness::new(ProducerSettings { delivery_timeout: Duration::from_secs(10), ..settings() }, 1);
    let mut in_flight = harness.send(b"a");
    harness.advance(Duration::from_millis(5));
    let requests = harness.take_requests();
    assert_eq!(requests.len(), 1);
    harness.sender.on_disconnected(1);
    let mut queued = harness.send(b"b");
    harness.advance(Duration::from_secs(11));
    let sent = in_flight.try_result().unwrap().unwrap_err();
    assert_eq!((sent.kind(), sent.possibly_written()), (ErrorKind::MsgTimedOut, true));
    let never = queued.try_result().unwrap().unwrap_err();
    assert_eq!((never.kind(), never.possibly_written()), (ErrorKind::MsgTimedOut, false));
    harness.cut(&[requests[0].0]);
    assert_eq!(harness.accumulator.quota().used_bytes(), 0);
}

#[test]
fn records_sent_before_the_topics_metadata_keep_their_order_and_find_their_result() {
    let mut harness = Harness::without_metadata(settings());
    let mut handles: Vec<_> = (0..3).map(|_| harness.send(b"early")).collect();
    let mut context = Context::from_waker(Waker::noop());
    assert!(handles.iter_mut().all(|h| h.poll(&mut context).is_pending()));
    harness.poll();
    let flush = harness.accumulator.begin_flush();
    harness.accumulator.end_flush();
    assert!(harness.commands.iter().any(|c| matches!(c, Command::Follow(topic) if *topic == "t")));
    harness.cluster = cluster(1, 1);
    harness.connect();
    handles.push(harness.send(b"late"));
    harness.advance(Duration::from_millis(5));
    let requests = harness.take_requests();
    assert_eq!(requests[0].1.records_count, 4);
    assert!(harness.accumulator.poll_flush(&flush, &mut context).is_pending(), "what was staged is counted where it went on");
    harness.answer(requests[0].0, ErrorCode::None, 10);
    assert!(harness.accumulator.poll_flush(&flush, &mut context).is_ready());
    let offsets: Vec<i64> = handles.iter_mut().map(|h| h.try_result().unwrap().unwrap().offset).collect();
    assert_eq!(offsets, [10, 11, 12, 13]);
}

#[test]
fn records_that_wait_for_their_topics_metadata_go_out_after_closing() {
    let mut harness = Harness::without_metadata(settings());
    let mut early = harness.send(b"early");
    harness.poll();
    harness.accumulator.close();
    assert!(harness.try_send(b"late").is_err());
    harness.cluster = cluster(1, 1);
    harness.connect();
    let requests = harness.take_requests();
    assert_eq!(requests[0].1.records_count, 1);
    harness.answer(requests[0].0, ErrorCode::None, 10);
    assert_eq!(early.try_result().unwrap().unwrap().offset, 10);
}

#[test]
fn a_full_buffer_refuses_and_an_answer_makes_room() {
    let mut harness = Harness::new(ProducerSettings { buffer_bytes: 20_000, ..settings() }, 1);
    let value = vec![0; 6_000];
    let handles: Vec<_> = std::iter::from_fn(|| harness.try_send(&value).ok()).collect();
    assert_eq!(handles.len(), 3);
    harness.advance(Duration::from_millis(5));
    let requests = harness.take_requests();
    harness.answer(requests[0].0, ErrorCode::None, 0);
    assert!(harness.try_send(&value).is_ok());
}

#[test]
fn reports_carry_key_and_value_after_compression_and_hold_quota_until_served() {
    let mut harness = Harness::new(ProducerSettings { reports: true, compression: Compression::Lz4, ..settings() }, 1);
    let value = vec![b'z'; 3_000];
    let headers = [("h", Some(&b"1"[..])), ("h", None)];
    let record =
        RecordRef { partition: Some(0), timestamp: Some(5), key: Some(b"k"), value: Some(&value), headers: &headers, opaque: 99 };
    harness.accumulator.append_to("t", &record).unwrap();
    harness.advance(Duration::from_millis(5));
    let requests = harness.take_requests();
    assert_eq!(requests[0].1.attributes.compression(), Some(Compression::Lz4));
    harness.answer(requests[0].0, ErrorCode::None, 3);
    assert!(harness.accumulator.quota().used_bytes() > 3_000, "held until served");
    let flush = harness.accumulator.begin_flush();
    let mut context = Context::from_waker(Waker::noop());
    assert!(harness.accumulator.poll_flush(&flush, &mut context).is_pending(), "flush waits for served reports");
    let report = harness.accumulator.reports().try_pop().unwrap();
    let batch = report.records().unwrap();
    let record = batch.records().next().unwrap().unwrap();
    assert_eq!((record.key, record.value, record.timestamp), (Some(&b"k"[..]), Some(&value[..]), 5));
    assert_eq!((report.opaque(0), report.result().unwrap().outcome.clone().unwrap()), (99, 3));
    drop(report);
    assert_eq!(harness.accumulator.poll_flush(&flush, &mut context), Poll::Ready(()));
    assert_eq!(harness.accumulator.quota().used_bytes(), 0);
}

#[test]
fn dropping_everything_completes_every_handle() {
    let mut harness = Harness::new(settings(), 1);
    let mut sent = harness.send(b"in flight");
    harness.advance(Duration::from_millis(5));
    let mut open = harness.send(b"open");
    drop(harness);
    assert_eq!(sent.try_result().unwrap().unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(open.try_result().unwrap().unwrap_err().kind(), ErrorKind::Closed);
}
