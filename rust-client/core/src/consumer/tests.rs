//! The fetcher on virtual time, against a scripted broker.

mod decoding;
mod partition_end;
mod random_walk;
mod replicas;
mod requests;
mod starts;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::compression::Compression;
use ottla_protocol::messages::fetch::{
    AbortedTransaction, EpochEndOffset as Diverging, FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};
use ottla_protocol::messages::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use ottla_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use ottla_protocol::record::{Attributes, BatchBuilder, BatchHeader, ControlType, EndTxnMarker, seal_header};
use ottla_protocol::{Encode, ErrorCode, Text, Uuid, Writer};

use super::*;
use crate::error::{Error, ErrorKind};
use crate::metadata::{BrokerInfo, Cluster, LeaderHint, PartitionInfo, TopicInfo};
use crate::offload::Offload;
use crate::random::Rng;
use crate::time::Instant;

const TOPIC: Text = Text::from_static("orders");

fn key(partition: i32) -> TopicPartition {
    TopicPartition { topic: TOPIC, partition }
}

fn cluster(version: u64, id: Uuid, leaders: &[(i32, i32)]) -> Arc<Cluster> {
    let partitions = leaders.iter().zip(0..).map(|((leader, leader_epoch), partition)| PartitionInfo {
        partition,
        error: ErrorCode::None,
        leader: *leader,
        leader_epoch: *leader_epoch,
        replicas: vec![*leader],
        isr: vec![*leader],
    });
    let topic = TopicInfo { name: TOPIC, id, error: ErrorCode::None, is_internal: false, partitions: partitions.collect() };
    let broker = |id| (id, BrokerInfo { id, host: Text::from_static("host"), port: 9092, rack: None });
    Arc::new(Cluster {
        all_topics: false,
        version,
        cluster_id: None,
        controller: 1,
        brokers: BTreeMap::from([broker(1), broker(2)]),
        topics: BTreeMap::from([(TOPIC, Arc::new(topic))]),
    })
}

/// A batch with values "v<offset>".
fn batch(base_offset: i64, count: usize) -> Vec<u8> {
    stored(base_offset, count, |_| {})
}

fn stored(base_offset: i64, count: usize, change: impl Fn(&mut BatchHeader)) -> Vec<u8> {
    let none: [(&str, Option<&[u8]>); 0] = [];
    let mut builder = BatchBuilder::new(Vec::new());
    for place in 0..count {
        builder.append(1000, None, Some(format!("v{}", base_offset + place as i64).as_bytes()), none).unwrap();
    }
    let (payload, meta) = builder.finish();
    let mut header =
        BatchHeader { base_offset, partition_leader_epoch: 5, ..BatchHeader::for_batch(&meta, Attributes::default()) };
    change(&mut header);
    let mut bytes = seal_header(&mut header, &payload).to_vec();
    bytes.extend_from_slice(&payload);
    bytes
}

fn abort_marker(offset: i64, producer_id: i64) -> Vec<u8> {
    let marker = EndTxnMarker { version: 0, coordinator_epoch: 0 };
    let mut bytes = marker.to_batch(ControlType::Abort, 1000, producer_id, 0).unwrap();
    bytes[..8].copy_from_slice(&offset.to_be_bytes());
    bytes
}

struct Bench {
    fetcher: Fetcher,
    cluster: Arc<Cluster>,
    now: Instant,
    deadline: Instant,
    commands: Vec<ConsumerCommand>,
}

impl Bench {
    fn new(settings: ConsumerSettings, leaders: &[(i32, i32)]) -> Self {
        Self {
            fetcher: Fetcher::new(settings, Rng::from_seed(1)),
            cluster: cluster(1, Uuid([7; 16]), leaders),
            now: Instant::from_micros(1_000_000),
            deadline: Instant::FAR_FUTURE,
            commands: Vec::new(),
        }
    }

    fn one(at: StartAt) -> Self {
        let mut bench = Self::new(ConsumerSettings { reset: ResetPolicy::Earliest, ..ConsumerSettings::default() }, &[(1, 5)]);
        bench.fetcher.assign([(key(0), at)]);
        bench
    }

    fn poll(&mut self) -> &mut Self {
        self.deadline = self.fetcher.poll(self.now, &self.cluster, &mut self.commands);
        self
    }

    fn pass(&mut self, time: Duration) -> &mut Self {
        self.now = self.now + time;
        self.poll()
    }

    fn fetch(&mut self) -> (u64, FetchRequest, Option<i16>) {
        self.poll();
        let place = self.commands.iter().position(|c| matches!(c, ConsumerCommand::Fetch { .. }));
        match place.map(|place| self.commands.remove(place)) {
            Some(ConsumerCommand::Fetch { token, request, max_version, .. }) => (token, request, max_version),
            _ => panic!("no fetch in {:?}", self.commands),
        }
    }

    fn no_fetch(&mut self) {
        self.poll();
        assert!(!self.commands.iter().any(|c| matches!(c, ConsumerCommand::Fetch { .. })), "{:?}", self.commands);
    }

    fn list_offsets(&mut self) -> (u64, ListOffsetsRequest) {
        self.poll();
        let place = self.commands.iter().position(|c| matches!(c, ConsumerCommand::ListOffsets { .. }));
        match place.map(|place| self.commands.remove(place)) {
            Some(ConsumerCommand::ListOffsets { token, request, .. }) => (token, request),
            _ => panic!("no ListOffsets in {:?}", self.commands),
        }
    }

    fn validation(&mut self) -> (u64, OffsetForLeaderEpochRequest) {
        self.poll();
        let place = self.commands.iter().position(|c| matches!(c, ConsumerCommand::OffsetForLeaderEpoch { .. }));
        match place.map(|place| self.commands.remove(place)) {
            Some(ConsumerCommand::OffsetForLeaderEpoch { token, request, .. }) => (token, request),
            _ => panic!("no OffsetForLeaderEpoch in {:?}", self.commands),
        }
    }

    fn answer(&mut self, token: u64, partitions: Vec<PartitionData>) {
        let responses = vec![FetchableTopicResponse { topic_id: Uuid([7; 16]), partitions, ..FetchableTopicResponse::default() }];
        self.fetcher.on_fetch(self.now, token, Ok(FetchResponse { responses, ..FetchResponse::default() }));
    }

    fn decode(&mut self) {
        while let Some(completed) = self.fetcher.next_completed() {
            self.fetcher.on_decoded(self.now, completed.decode());
        }
    }

    /// Answers the next fetch with these bytes for partition 0.
    fn feed(&mut self, records: Vec<u8>) {
        let (token, ..) = self.fetch();
        self.answer(token, vec![data(0, records)]);
        self.decode();
    }

    fn offsets(&mut self, token: u64, offset: i64, leader_epoch: i32, code: i16) {
        let partition =
            ListOffsetsPartitionResponse { offset, leader_epoch, error_code: code, ..ListOffsetsPartitionResponse::default() };
        let topic = ListOffsetsTopicResponse { name: TOPIC, partitions: vec![partition], ..ListOffsetsTopicResponse::default() };
        let response = ListOffsetsResponse { topics: vec![topic], ..ListOffsetsResponse::default() };
        self.fetcher.on_list_offsets(self.now, token, Ok(response));
    }

    fn epoch_end(&mut self, token: u64, leader_epoch: i32, end_offset: i64) {
        let partition = EpochEndOffset { leader_epoch, end_offset, ..EpochEndOffset::default() };
        let topic =
            OffsetForLeaderTopicResult { topic: TOPIC, partitions: vec![partition], ..OffsetForLeaderTopicResult::default() };
        let response = OffsetForLeaderEpochResponse { topics: vec![topic], ..OffsetForLeaderEpochResponse::default() };
        self.fetcher.on_offset_for_leader_epoch(self.now, token, Ok(response));
    }

    fn take(&mut self) -> FetchedBatch {
        self.fetcher.take().expect("a batch").expect("no error")
    }

    fn error(&mut self) -> Error {
        self.fetcher.take().expect("an error").expect_err("no batch")
    }

    fn position(&self) -> Option<i64> {
        self.fetcher.position(&key(0)).unwrap().offset()
    }

    fn refreshes(&mut self) -> bool {
        self.poll();
        let before = self.commands.len();
        self.commands.retain(|command| !matches!(command, ConsumerCommand::RefreshMetadata));
        self.commands.len() < before
    }
}

fn data(partition_index: i32, records: Vec<u8>) -> PartitionData {
    PartitionData {
        partition_index,
        high_watermark: 100,
        last_stable_offset: 90,
        log_start_offset: 1,
        records: Some(Bytes::from(records).into()),
        ..PartitionData::default()
    }
}

fn failed(code: ErrorCode) -> PartitionData {
    PartitionData { error_code: code.code(), records: None, ..PartitionData::default() }
}

fn values(batch: &FetchedBatch) -> Vec<String> {
    batch.records().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()).collect()
}

fn compressed(base_offset: i64, count: usize, value: &[u8]) -> Vec<u8> {
    let none: [(&str, Option<&[u8]>); 0] = [];
    let mut builder = BatchBuilder::new(Vec::new());
    for _ in 0..count {
        builder.append(1, None, Some(value), none).unwrap();
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

/// Keeps jobs until they are run, or dropped.
#[derive(Default)]
struct Deferred(std::sync::Mutex<Vec<Box<dyn FnOnce() + Send>>>);

impl Offload for Deferred {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        self.0.lock().unwrap().push(job);
    }
}

#[test]
fn taken_is_not_consumed_until_the_next_is_asked_for() {
    let mut bench = Bench::one(StartAt::Offset(10));
    let (token, request, max_version) = bench.fetch();
    let asked = &request.topics[0];
    assert_eq!((asked.partitions[0].fetch_offset, asked.partitions[0].current_leader_epoch, max_version), (10, 5, None));
    assert_eq!((request.session_id, request.session_epoch, request.isolation_level), (0, 0, 1));
    let records = [batch(8, 4), batch(12, 2)].concat();
    bench.answer(token, vec![data(0, records)]);
    bench.decode();
    assert_eq!(bench.position(), Some(10));
    let first = bench.take();
    assert_eq!((values(&first), bench.position()), (vec!["v10".into(), "v11".into()], Some(10)));
    let second = bench.take();
    assert_eq!((values(&second), bench.position()), (vec!["v12".into(), "v13".into()], Some(12)));
    assert!(bench.fetcher.take().is_none());
    assert_eq!((bench.position(), bench.fetcher.position(&key(0)).unwrap().leader_epoch()), (Some(14), 5));
    let watermarks = bench.fetcher.watermarks(&key(0)).unwrap();
    assert_eq!(
        (watermarks.high_watermark, watermarks.last_stable_offset, watermarks.log_start_offset),
        (Some(100), Some(90), Some(1))
    );
    assert_eq!(bench.fetch().1.topics[0].partitions[0].fetch_offset, 14);
}

#[test]
fn a_cursor_moves_the_position_record_by_record() {
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.feed(stored(0, 3, |header| header.last_offset_delta = 5));
    let mut cursor = bench.take().into_cursor();
    assert_eq!(bench.position(), Some(0));
    assert_eq!(cursor.next().unwrap().offset, 0);
    assert_eq!(bench.position(), Some(1));
    bench.fetcher.consume_taken();
    assert_eq!(bench.position(), Some(1), "half a batch, by one");
    while cursor.next().is_some() {}
    assert_eq!(bench.position(), Some(6), "compacted offsets at the end are consumed too");
}

#[test]
fn a_batch_whose_records_are_handed_out_elsewhere_moves_the_position_as_it_is_told() {
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.feed(stored(0, 3, |header| header.last_offset_delta = 5));
    let taken = bench.take();
    taken.hand_out_by_record();
    bench.fetcher.consume_taken();
    assert_eq!(bench.position(), Some(0));
    taken.consumed_to(2);
    taken.consumed_to(1);
    assert_eq!(bench.position(), Some(2), "never back");
    taken.consumed_to(i64::MAX);
    assert_eq!(bench.position(), Some(6), "nor beyond its end");
    bench.fetcher.seek(&key(0), StartAt::Offset(3)).unwrap();
    taken.consumed_to(5);
    assert_eq!(bench.position(), Some(3), "a seek began another stretch");
}

#[test]
fn small_batches_of_a_partition_are_taken_together() {
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.feed([batch(0, 3), batch(3, 3), batch(6, 3)].concat());
    let first = bench.take();
    first.hand_out_by_record();
    assert!(bench.fetcher.take_behind(&first, 0).is_none(), "it is larger");
    let second = bench.fetcher.take_behind(&first, 1000).unwrap();
    second.hand_out_by_record();
    assert_eq!((second.first_offset(), second.next_offset()), (3, 6));
    assert_eq!(bench.position(), Some(0));
    first.consumed_to(5);
    second.consumed_to(5);
    assert_eq!(bench.position(), Some(5));
    let third = bench.take();
    assert_eq!(third.first_offset(), 6);
    assert!(bench.fetcher.take_behind(&third, 1000).is_none(), "nothing is there yet");
    bench.fetcher.seek(&key(0), StartAt::Offset(0)).unwrap();
    assert!(bench.fetcher.take_behind(&third, 1000).is_none());
}

#[test]
fn a_seek_ends_what_was_taken() {
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.feed([batch(0, 3), batch(3, 3)].concat());
    let (stale, ..) = bench.fetch();
    let taken = bench.take();
    let mut records = taken.records();
    assert_eq!(records.next().unwrap().offset, 0);
    bench.fetcher.seek(&key(0), StartAt::Offset(50)).unwrap();
    assert!(records.next().is_none() && !taken.is_valid());
    assert!(bench.fetcher.take().is_none(), "nor is what was prefetched handed out");
    assert_eq!(bench.position(), Some(50));
    bench.no_fetch();
    bench.answer(stale, vec![data(0, batch(6, 3))]);
    bench.decode();
    assert!(bench.fetcher.take().is_none(), "nor what was under way");
    assert_eq!(bench.fetch().1.topics[0].partitions[0].fetch_offset, 50);
    assert_eq!(bench.fetcher.seek(&key(9), StartAt::End).unwrap_err().kind(), ErrorKind::State);
}

#[test]
fn a_cursor_that_outlives_a_seek_moves_nothing() {
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.feed(batch(0, 3));
    let mut cursor = bench.take().into_cursor();
    assert!(cursor.next().is_some());
    bench.fetcher.seek(&key(0), StartAt::Offset(1)).unwrap();
    assert!(cursor.next().is_none());
    assert_eq!(bench.position(), Some(1));
    bench.fetcher.assign([]);
    assert!(bench.fetcher.position(&key(0)).is_none());
}

#[test]
fn resets_ask_for_the_offset() {
    for (at, timestamp) in [(StartAt::Beginning, -2), (StartAt::End, -1), (StartAt::Timestamp(77), 77), (StartAt::Default, -2)] {
        let mut bench = Bench::one(at);
        let (token, request) = bench.list_offsets();
        assert_eq!(request.topics[0].partitions[0].timestamp, timestamp);
        assert_eq!(bench.position(), None);
        bench.no_fetch();
        bench.offsets(token, 33, 5, 0);
        assert_eq!(bench.position(), Some(33));
        assert_eq!(bench.fetch().1.topics[0].partitions[0].fetch_offset, 33);
    }
}

#[test]
fn no_record_that_young_means_the_end() {
    let mut bench = Bench::one(StartAt::Timestamp(77));
    let (token, _) = bench.list_offsets();
    bench.offsets(token, -1, -1, 0);
    let (token, request) = bench.list_offsets();
    assert_eq!(request.topics[0].partitions[0].timestamp, LATEST_TIMESTAMP);
    bench.offsets(token, 12, 5, 0);
    assert_eq!(bench.position(), Some(12));
}

#[test]
fn without_a_policy_a_seek_is_asked_for() {
    let settings = ConsumerSettings { reset: ResetPolicy::None, ..ConsumerSettings::default() };
    let mut bench = Bench::new(settings, &[(1, 5)]);
    bench.fetcher.assign([(key(0), StartAt::Default)]);
    assert_eq!(bench.error().kind(), ErrorKind::OffsetReset);
    bench.no_fetch();
    bench.fetcher.seek(&key(0), StartAt::Offset(9)).unwrap();
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![failed(ErrorCode::OffsetOutOfRange)]);
    let error = bench.error();
    assert_eq!((error.kind(), error.topic(), error.partition()), (ErrorKind::OffsetReset, Some("orders"), Some(0)));
    bench.pass(Duration::from_secs(60)).no_fetch();
}

#[test]
fn out_of_range_resets_after_what_was_fetched_is_taken() {
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.feed(batch(0, 2));
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![failed(ErrorCode::OffsetOutOfRange)]);
    bench.poll();
    assert!(bench.commands.is_empty(), "{:?}", bench.commands);
    assert_eq!(values(&bench.take()), ["v0", "v1"]);
    assert!(bench.fetcher.take_wake());
    let (token, request) = bench.list_offsets();
    assert_eq!(request.topics[0].partitions[0].timestamp, EARLIEST_TIMESTAMP);
    bench.offsets(token, 40, 5, 0);
    assert!(bench.fetcher.take().is_none());
    assert_eq!(bench.position(), Some(40));
}

#[test]
fn a_paused_partition_hands_out_nothing_and_keeps_its_place() {
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.feed([batch(0, 2), batch(2, 2)].concat());
    assert_eq!(values(&bench.take()), ["v0", "v1"]);
    bench.fetcher.pause(&key(0)).unwrap();
    assert!(bench.fetcher.take().is_none());
    bench.no_fetch();
    assert_eq!(bench.fetcher.paused().count(), 1);
    bench.fetcher.resume(&key(0)).unwrap();
    assert_eq!(values(&bench.take()), ["v2", "v3"]);
}

#[test]
fn prefetch_is_bounded_and_counts_what_the_application_holds() {
    let settings = ConsumerSettings { queued_max_bytes: 4000, ..ConsumerSettings::default() };
    let mut bench = Bench::new(settings, &[(1, 5)]);
    let notified = Arc::new(AtomicU32::new(0));
    let count = notified.clone();
    bench.fetcher.quota().set_notify(Arc::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    bench.fetcher.assign([(key(0), StartAt::Offset(0))]);
    bench.feed(batch(0, 500));
    assert!(bench.fetcher.quota().held() >= 4000);
    bench.no_fetch();
    let taken = bench.take();
    bench.no_fetch();
    assert_eq!(notified.load(Ordering::SeqCst), 0);
    drop(taken);
    assert_eq!((notified.load(Ordering::SeqCst), bench.fetcher.quota().held()), (1, 0));
    let (token, request, _) = bench.fetch();
    assert_eq!((request.topics[0].partitions[0].fetch_offset, request.max_bytes), (500, 4000));
    // An application that holds all and asks for more gets more: a bound must not be a deadlock.
    bench.answer(token, vec![data(0, batch(500, 500))]);
    bench.decode();
    let _held = bench.take();
    assert!(bench.fetcher.take().is_none());
    assert!(bench.fetcher.take_wake());
    let (token, request, _) = bench.fetch();
    assert_eq!(request.max_bytes, 1);
    bench.answer(token, vec![data(0, batch(1000, 1))]);
    bench.decode();
    assert_eq!(values(&bench.take()), ["v1000"]);
}

#[test]
fn what_a_paused_partition_holds_does_not_stop_the_others() {
    let settings = ConsumerSettings { queued_max_bytes: 4000, ..ConsumerSettings::default() };
    let mut bench = Bench::new(settings, &[(1, 5), (1, 5)]);
    bench.fetcher.assign([(key(0), StartAt::Offset(0)), (key(1), StartAt::Offset(0))]);
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![data(0, batch(0, 500)), data(1, vec![])]);
    bench.decode();
    bench.fetcher.pause(&key(0)).unwrap();
    let (token, request, _) = bench.fetch();
    assert_eq!(request.topics[0].partitions.iter().map(|p| p.partition).collect::<Vec<_>>(), [1]);
    bench.answer(token, vec![data(1, batch(0, 1))]);
    bench.decode();
    assert_eq!(bench.take().partition(), 1);
    bench.fetcher.resume(&key(0)).unwrap();
    let (_, request, _) = bench.fetch();
    let asked = request.topics[0].partitions.iter().find(|p| p.partition == 0).unwrap();
    assert_eq!(asked.fetch_offset, 0, "fetched again, since it was dropped");
}

#[test]
fn enough_records_are_not_fetched_for() {
    let settings = ConsumerSettings { queued_min_messages: 4, ..ConsumerSettings::default() };
    let mut bench = Bench::new(settings, &[(1, 5), (1, 5)]);
    bench.fetcher.assign([(key(0), StartAt::Offset(0)), (key(1), StartAt::Offset(0))]);
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![data(0, [batch(0, 3), batch(3, 3)].concat()), data(1, vec![])]);
    bench.decode();
    let (_, request, _) = bench.fetch();
    assert_eq!(request.topics[0].partitions.iter().map(|p| p.partition).collect::<Vec<_>>(), [1]);
    assert_eq!(request.max_wait_ms, 20, "so that the one left out does not wait long behind it");
    bench.fetcher.take_wake();
    let _ = bench.take();
    assert!(!bench.fetcher.take_wake());
    let _ = bench.take();
    assert!(bench.fetcher.take_wake());
}

#[test]
fn who_has_waited_longest_comes_first() {
    let mut bench = Bench::new(ConsumerSettings::default(), &[(1, 5), (1, 5), (2, 5)]);
    bench.fetcher.assign([0, 1, 2].map(|p| (key(p), StartAt::Offset(0))));
    bench.poll();
    assert_eq!(bench.commands.len(), 2, "one fetch for each broker");
    let (token, request, _) = bench.fetch();
    assert_eq!(request.topics[0].partitions.iter().map(|p| p.partition).collect::<Vec<_>>(), [0, 1]);
    bench.answer(token, vec![data(0, batch(0, 1)), data(1, vec![])]);
    bench.commands.clear();
    let (_, request, _) = bench.fetch();
    assert_eq!(request.topics[0].partitions.iter().map(|p| p.partition).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn partitions_take_turns() {
    let mut bench = Bench::new(ConsumerSettings::default(), &[(1, 5), (1, 5)]);
    bench.fetcher.assign([0, 1].map(|p| (key(p), StartAt::Offset(0))));
    let (token, ..) = bench.fetch();
    let records = || [batch(0, 1), batch(1, 1)].concat();
    bench.answer(token, vec![data(0, records()), data(1, records())]);
    bench.decode();
    assert_eq!([0; 4].map(|_| bench.take().partition()), [0, 1, 0, 1]);
}

#[test]
fn read_committed_leaves_out_what_was_aborted() {
    let transactional = |producer: i64| {
        move |header: &mut BatchHeader| {
            header.producer_id = producer;
            header.attributes = header.attributes.with_transactional(true);
        }
    };
    let records = || {
        [
            batch(0, 1),
            stored(1, 2, transactional(7)),
            stored(3, 2, transactional(8)),
            abort_marker(5, 7),
            stored(6, 1, transactional(7)),
            abort_marker(7, 9),
        ]
        .concat()
    };
    let aborted = vec![AbortedTransaction { producer_id: 7, first_offset: 1, ..AbortedTransaction::default() }];
    let mut bench = Bench::one(StartAt::Offset(0));
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![PartitionData { aborted_transactions: Some(aborted.clone()), ..data(0, records()) }]);
    bench.decode();
    assert_eq!([0; 3].map(|_| values(&bench.take()).join(" ")), ["v0", "v3 v4", "v6"]);
    assert!(bench.fetcher.take().is_none());
    assert_eq!(bench.position(), Some(8), "over the mark at the end too");

    let settings = ConsumerSettings { isolation: IsolationLevel::ReadUncommitted, ..ConsumerSettings::default() };
    let mut bench = Bench::new(settings, &[(1, 5)]);
    bench.fetcher.assign([(key(0), StartAt::Offset(0))]);
    bench.feed(records());
    assert_eq!([0; 4].map(|_| values(&bench.take()).join(" ")), ["v0", "v1 v2", "v3 v4", "v6"]);
}

#[test]
fn marks_alone_move_the_position() {
    let mut bench = Bench::one(StartAt::Offset(5));
    bench.feed(abort_marker(5, 7));
    assert!(bench.fetcher.is_ready() && bench.fetcher.take().is_none());
    assert_eq!(bench.position(), Some(6));
}

#[test]
fn a_corrupt_batch_is_told_and_the_position_stays() {
    let mut bench = Bench::one(StartAt::Offset(0));
    let mut damaged = batch(2, 2);
    *damaged.last_mut().unwrap() ^= 1;
    bench.feed([batch(0, 2), damaged, batch(4, 2)].concat());
    assert_eq!(values(&bench.take()), ["v0", "v1"]);
    let error = bench.error();
    assert_eq!(error.code(), Some(ErrorCode::CorruptMessage));
    assert!(error.to_string().contains("offset 2"), "{error}");
    assert_eq!((error.offset(), error.next_offset()), (Some(2), Some(4)));
    assert_eq!((error.topic(), error.partition(), bench.position()), (Some("orders"), Some(0), Some(2)));
    assert!(bench.fetcher.take().is_none());
    bench.pass(Duration::from_secs(1));
    bench.feed(batch(2, 2));
    assert_eq!(values(&bench.take()), ["v2", "v3"]);
}

#[test]
fn a_record_that_lies_is_told_at_the_next_call() {
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.feed(stored(0, 10, |header| {
        header.records_count = 11;
        header.last_offset_delta = 10;
    }));
    assert_eq!(values(&bench.take()).len(), 10);
    let error = bench.error();
    assert!(error.to_string().contains("offset 10"), "{error}");
    assert_eq!(bench.position(), Some(10));
    bench.fetcher.seek(&key(0), StartAt::Offset(11)).unwrap();
    assert_eq!(bench.fetch().1.topics[0].partitions[0].fetch_offset, 11);
}

#[test]
fn a_moved_leader_is_looked_up_and_the_log_validated() {
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.feed(batch(0, 4));
    let _ = bench.take();
    let (token, request, _) = bench.fetch();
    assert_eq!(request.topics[0].partitions[0].last_fetched_epoch, 5);
    bench.answer(token, vec![failed(ErrorCode::NotLeaderOrFollower)]);
    bench.no_fetch();
    assert!(bench.refreshes());
    assert!(bench.deadline > bench.now && bench.deadline <= bench.now + Duration::from_millis(120));
    bench.cluster = cluster(2, Uuid([7; 16]), &[(2, 6)]);
    bench.pass(Duration::from_millis(120));
    let (token, request) = bench.validation();
    let asked = &request.topics[0].partitions[0];
    assert_eq!((asked.leader_epoch, asked.current_leader_epoch, request.replica_id), (5, 6, -1));
    bench.no_fetch();
    bench.epoch_end(token, 5, 4);
    let (_, request, _) = bench.fetch();
    assert_eq!((request.topics[0].partitions[0].fetch_offset, request.topics[0].partitions[0].current_leader_epoch), (4, 6));
    assert!(bench.fetcher.take().is_none(), "no error");
}

#[test]
fn a_truncated_log_moves_the_position_back_or_is_told() {
    for policy in [ResetPolicy::Earliest, ResetPolicy::None] {
        let mut bench = Bench::new(ConsumerSettings { reset: policy, ..ConsumerSettings::default() }, &[(1, 5)]);
        bench.fetcher.assign([(key(0), StartAt::Offset(0))]);
        bench.feed(batch(0, 4));
        let _ = bench.take();
        assert!(bench.fetcher.take().is_none());
        let (token, ..) = bench.fetch();
        let diverging_epoch = Diverging { epoch: 4, end_offset: 3, ..Diverging::default() };
        bench.answer(token, vec![PartitionData { diverging_epoch, ..data(0, vec![]) }]);
        if policy == ResetPolicy::None {
            let error = bench.error();
            assert_eq!(error.kind(), ErrorKind::LogTruncation);
            assert!(error.to_string().contains("offset 3, below the position 4"), "{error}");
            assert_eq!((error.offset(), error.next_offset()), (Some(4), Some(3)));
            bench.no_fetch();
        } else {
            assert_eq!(bench.position(), Some(3));
            assert_eq!(bench.fetch().1.topics[0].partitions[0].fetch_offset, 3);
        }
    }
}

#[test]
fn a_truncation_of_what_was_only_prefetched_is_not_the_applications_concern() {
    let settings = ConsumerSettings { reset: ResetPolicy::None, ..ConsumerSettings::default() };
    let mut bench = Bench::new(settings, &[(1, 5)]);
    bench.fetcher.assign([(key(0), StartAt::Offset(0))]);
    bench.feed(batch(0, 4));
    let (token, ..) = bench.fetch();
    let diverging_epoch = Diverging { epoch: 4, end_offset: 2, ..Diverging::default() };
    bench.answer(token, vec![PartitionData { diverging_epoch, ..data(0, vec![]) }]);
    assert!(bench.fetcher.take().is_none());
    assert_eq!(bench.fetch().1.topics[0].partitions[0].fetch_offset, 0);
}

#[test]
fn topics_travel_by_name_where_they_have_no_id() {
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.cluster = cluster(1, Uuid::ZERO, &[(1, 5)]);
    let (token, mut request, max_version) = bench.fetch();
    assert_eq!((max_version, &request.topics[0].topic), (Some(12), &TOPIC));
    request.topics[0].partitions[0].last_fetched_epoch = 3;
    fit_fetch_request(&mut request, 11);
    request.encode(&mut Writer::new(), 11).unwrap();
    let responses = vec![FetchableTopicResponse {
        topic: TOPIC,
        partitions: vec![data(0, batch(0, 1))],
        ..FetchableTopicResponse::default()
    }];
    bench.fetcher.on_fetch(bench.now, token, Ok(FetchResponse { responses, ..FetchResponse::default() }));
    bench.decode();
    assert_eq!(values(&bench.take()), ["v0"]);
    // A topic that was made anew has another id: the broker says so.
    for code in [ErrorCode::UnknownTopicId, ErrorCode::InconsistentTopicId] {
        bench.pass(Duration::from_secs(2));
        let (token, ..) = bench.fetch();
        let responses =
            vec![FetchableTopicResponse { topic: TOPIC, partitions: vec![failed(code)], ..FetchableTopicResponse::default() }];
        bench.fetcher.on_fetch(bench.now, token, Ok(FetchResponse { responses, ..FetchResponse::default() }));
        assert!(bench.refreshes());
        assert!(bench.fetcher.take().is_none());
    }
}

#[test]
fn trouble_that_lasts_is_told_and_told_again() {
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.cluster = Arc::new(Cluster { version: 1, ..Cluster::default() });
    assert!(bench.refreshes());
    assert!(!bench.refreshes(), "once for a snapshot");
    assert!(bench.fetcher.take().is_none());
    assert_eq!(bench.deadline, bench.now + Duration::from_secs(30));
    for _ in 0..2 {
        bench.pass(Duration::from_secs(30));
        let error = bench.error();
        assert_eq!((error.kind(), error.topic()), (ErrorKind::UnknownTopic, Some("orders")));
        assert!(error.to_string().contains("topic.metadata.propagation.max.ms (30000 ms)"), "{error}");
        assert!(bench.fetcher.take().is_none());
    }
    bench.cluster = cluster(2, Uuid([7; 16]), &[(1, 5)]);
    bench.fetch();
}

#[test]
fn what_no_retry_mends_is_told_at_once() {
    let mut bench = Bench::one(StartAt::Offset(0));
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![failed(ErrorCode::TopicAuthorizationFailed)]);
    let error = bench.error();
    assert_eq!((error.code(), error.partition()), (Some(ErrorCode::TopicAuthorizationFailed), Some(0)));
    bench.pass(Duration::from_secs(1));
    bench.feed(batch(0, 1));
    assert_eq!(values(&bench.take()), ["v0"]);
}

#[test]
fn a_broker_that_is_gone_is_told_after_a_while() {
    let mut bench = Bench::one(StartAt::Offset(0));
    let mut told = 0;
    for _ in 0..12 {
        let (token, ..) = bench.fetch();
        let error = Error::new(ErrorKind::Transport, "the connection broke").with_broker(1, "host:9092");
        bench.fetcher.on_fetch(bench.now, token, Err(error));
        bench.no_fetch();
        told += usize::from(bench.fetcher.take().is_some());
        bench.pass(Duration::from_secs(1));
        bench.commands.retain(|command| matches!(command, ConsumerCommand::Fetch { .. }));
    }
    assert_eq!(told, 2);
}

#[test]
fn compressed_batches_are_inflated_into_buffers_that_come_back() {
    let mut bench = Bench::one(StartAt::Offset(0));
    for round in 0..3_i64 {
        let none: [(&str, Option<&[u8]>); 0] = [];
        let mut builder = BatchBuilder::new(Vec::new());
        for _ in 0..100 {
            builder.append(1, Some(b"key"), Some(&[7; 100]), none).unwrap();
        }
        let (payload, meta) = builder.finish();
        let mut small = Vec::new();
        ottla_protocol::compression::compress(Compression::Lz4, None, &payload, &mut small).unwrap();
        let attributes = Attributes::default().with_compression(Compression::Lz4);
        let mut header = BatchHeader { base_offset: round * 100, ..BatchHeader::for_batch(&meta, attributes) };
        let mut bytes = seal_header(&mut header, &small).to_vec();
        bytes.extend_from_slice(&small);
        bench.feed(bytes);
        assert_eq!(bench.fetcher.quota().held(), payload.len());
        assert_eq!(bench.take().records().count(), 100);
        assert_eq!(bench.fetcher.quota().held(), 0);
    }
}
