//! Fetch: limits, waits, sessions, epochs.

use std::time::{Duration, Instant};

use ottla_broker::Broker;
use ottla_protocol::messages::fetch::{FetchPartition, FetchTopic, PartitionData};
use ottla_protocol::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use ottla_protocol::messages::{DeleteTopicsRequest, FetchRequest, FetchResponse, MetadataRequest, OffsetForLeaderEpochRequest};
use ottla_protocol::record::split_batches;
use ottla_protocol::{Text, Uuid};

use crate::peer::{Peer, batch};

fn now() -> i64 {
    ottla_broker::Clock::system().now_ms()
}

fn partition(index: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition { partition: index, fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() }
}

fn fetch(partitions: Vec<FetchPartition>) -> FetchRequest {
    let topic = FetchTopic { topic: "t".into(), partitions, ..Default::default() };
    FetchRequest { min_bytes: 1, max_bytes: 1 << 20, session_epoch: -1, topics: vec![topic], ..Default::default() }
}

fn only(response: &FetchResponse) -> &PartitionData {
    assert_eq!((response.error_code, response.responses.len(), response.responses[0].partitions.len()), (0, 1, 1));
    &response.responses[0].partitions[0]
}

fn offsets(data: &PartitionData) -> Vec<i64> {
    let records = data.records.as_ref().expect("records are never null");
    split_batches(&records.to_bytes()).map(|batch| batch.unwrap().header.base_offset).collect()
}

#[test]
fn every_version_reads() {
    let broker = Broker::builder().topic("t", 1).start().unwrap();
    let mut peer = Peer::connect(&broker);
    let id = peer.ask(12, &MetadataRequest { topics: None, ..Default::default() }).topics[0].topic_id;
    peer.produce("t", batch(&[now(); 3]));
    peer.produce("t", batch(&[now(); 2]));
    for version in 4..=18 {
        let mut request = fetch(vec![partition(0, 1)]);
        request.topics[0].topic_id = id;
        let response = peer.ask(version, &request);
        let data = only(&response);
        assert_eq!((offsets(data), data.high_watermark, data.last_stable_offset), (vec![0, 3], 5, 5));
        request.topics[0].partitions[0].partition_max_bytes = 1;
        assert_eq!(offsets(only(&peer.ask(version, &request))), [0]);
        request.topics[0].partitions[0].fetch_offset = 5;
        assert_eq!(offsets(only(&peer.ask(version, &request))), [0_i64; 0]);
        request.topics[0].partitions[0].fetch_offset = 6;
        assert_eq!(only(&peer.ask(version, &request)).error_code, 1);
    }
    let mut request = fetch(vec![partition(0, 0)]);
    request.topics[0].topic_id = Uuid([7; 16]);
    assert_eq!(only(&peer.ask(13, &request)).error_code, 100);
}

#[test]
fn a_wait_ends_by_enough_bytes_by_an_error_or_by_its_time() {
    let broker = Broker::builder().topic("t", 2).start().unwrap();
    let (mut consumer, mut producer) = (Peer::connect(&broker), Peer::connect(&broker));
    let bytes = batch(&[now()]).len() as i32;
    let mut request = fetch(vec![partition(0, 0), partition(1, 0)]);
    (request.max_wait_ms, request.min_bytes) = (60_000, bytes + 1);
    consumer.send(12, &request);
    producer.produce("t", batch(&[now()]));
    producer.produce("t", batch(&[now()]));
    let response = consumer.receive::<FetchRequest>(12);
    assert_eq!(offsets(&response.responses[0].partitions[0]), [0, 1]);

    request.topics[0].partitions[0].fetch_offset = 99;
    assert_eq!(consumer.ask(12, &request).responses[0].partitions[0].error_code, 1);

    request.topics[0].partitions[0].fetch_offset = 2;
    request.max_wait_ms = 30;
    let begun = Instant::now();
    assert!(consumer.ask(12, &request).responses[0].partitions.iter().all(|data| offsets(data).is_empty()));
    assert!(begun.elapsed() >= Duration::from_millis(30));

    request.max_wait_ms = 60_000;
    consumer.send(12, &request);
    let deletion = DeleteTopicsRequest { topic_names: vec![Text::from("t")], timeout_ms: 1000, ..Default::default() };
    assert_eq!(producer.ask(5, &deletion).responses[0].error_code, 0);
    assert_eq!(consumer.receive::<FetchRequest>(12).responses[0].partitions[0].error_code, 3);
}

#[test]
fn the_first_batch_comes_whole_and_the_rest_within_the_limit() {
    let broker = Broker::builder().topic("t", 2).start().unwrap();
    let mut peer = Peer::connect(&broker);
    for _ in 0..3 {
        peer.produce("t", batch(&[now()]));
    }
    let size = batch(&[now()]).len() as i32;
    let mut request = fetch(vec![partition(0, 0), partition(0, 1)]);
    request.max_bytes = 1;
    let response = peer.ask(12, &request);
    assert_eq!(offsets(&response.responses[0].partitions[0]), [0]);
    assert!(offsets(&response.responses[0].partitions[1]).is_empty());
    request.max_bytes = size * 2;
    assert_eq!(offsets(&peer.ask(12, &request).responses[0].partitions[0]), [0, 1]);
}

#[test]
fn sessions_answer_what_changed() {
    let broker = Broker::builder().topic("t", 2).start().unwrap();
    let mut peer = Peer::connect(&broker);
    let mut request = fetch(vec![partition(0, 0), partition(1, 0)]);
    request.session_epoch = 0;
    let opened = peer.ask(12, &request);
    assert!(opened.session_id > 0);
    assert_eq!(opened.responses[0].partitions.len(), 2);

    let mut next = FetchRequest { topics: Vec::new(), session_id: opened.session_id, session_epoch: 1, ..request.clone() };
    assert!(peer.ask(12, &next).responses.is_empty());
    peer.produce("t", batch(&[now()]));
    next.session_epoch = 2;
    assert_eq!(offsets(only(&peer.ask(12, &next))), [0]);
    assert_eq!(peer.ask(12, &next).error_code, 71);
    next.session_epoch = 3;
    assert_eq!(peer.ask(13, &next).error_code, 106);
    next.topics = fetch(vec![partition(0, 1)]).topics;
    assert!(peer.ask(12, &next).responses.is_empty());
    next.session_epoch = -1;
    peer.ask(12, &next);
    next.session_epoch = 4;
    assert_eq!(peer.ask(12, &next).error_code, 70);
}

#[test]
fn leader_epochs_fence() {
    let broker = Broker::builder().topic("t", 1).start().unwrap();
    let mut peer = Peer::connect(&broker);
    peer.produce("t", batch(&[now(); 2]));
    assert_eq!(broker.bump_leader_epoch("t", 0).unwrap(), 1);
    peer.produce("t", batch(&[now()]));
    let mut request = fetch(vec![partition(0, 0)]);
    for (epoch, code) in [(-1, 0), (0, 74), (1, 0), (2, 75)] {
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        assert_eq!(only(&peer.ask(12, &request)).error_code, code);
    }
    request.topics[0].partitions[0] = FetchPartition { last_fetched_epoch: 0, ..partition(0, 3) };
    let diverging = peer.ask(12, &request);
    let found = &only(&diverging).diverging_epoch;
    assert_eq!((found.epoch, found.end_offset), (0, 2));
    for (epoch, answer) in [(0, (0, 0, 2)), (1, (0, 1, 3)), (2, (0, -1, -1))] {
        let partition = OffsetForLeaderPartition { leader_epoch: epoch, ..Default::default() };
        let topic = OffsetForLeaderTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
        let response = peer.ask(4, &OffsetForLeaderEpochRequest { topics: vec![topic], ..Default::default() });
        let found = &response.topics[0].partitions[0];
        assert_eq!((found.error_code, found.leader_epoch, found.end_offset), answer);
    }
}
