//! Produce, and what it leaves behind.

use std::time::Duration;

use ottla_broker::{Broker, Clock};
use ottla_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use ottla_protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use ottla_protocol::messages::{ApiVersionsRequest, InitProducerIdRequest, ListOffsetsRequest, MetadataRequest};
use ottla_protocol::record::verify_crc;
use ottla_protocol::{ErrorCode, Records, Uuid};

use crate::peer::{Peer, batch, batch_with, produce_request};

const NOW: i64 = 1_700_000_000_000;

fn broker() -> Broker {
    Broker::builder().topic("t", 1).clock(Clock::manual(NOW)).start().unwrap()
}

fn offset_at(peer: &mut Peer, version: i16, timestamp: i64) -> (i16, i64, i64) {
    let partition = ListOffsetsPartition { partition_index: 0, timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    let found = &peer.ask(version, &request).topics[0].partitions[0];
    (found.error_code, found.offset, found.timestamp)
}

#[test]
fn every_version_appends() {
    let broker = broker();
    let mut peer = Peer::connect(&broker);
    let id = peer.ask(12, &MetadataRequest { topics: None, ..Default::default() }).topics[0].topic_id;
    for version in 3..=13 {
        let mut request = produce_request("t", -1, batch(&[NOW, NOW]));
        request.topic_data[0].topic_id = id;
        let response = &peer.ask(version, &request).responses[0].partition_responses[0];
        assert_eq!((response.error_code, response.base_offset), (0, i64::from(version - 3) * 2));
    }
    assert_eq!(broker.stored_batches("t", 0).unwrap().len(), 11);
    let mut request = produce_request("t", -1, batch(&[NOW]));
    request.topic_data[0].topic_id = Uuid([9; 16]);
    let refused = &peer.ask(13, &request).responses[0].partition_responses[0];
    assert_eq!((refused.error_code, refused.base_offset), (100, -1));
}

#[test]
fn errors_are_kafkas() {
    let broker = broker();
    let mut peer = Peer::connect(&broker);
    assert_eq!(peer.produce("missing", batch(&[NOW])).error_code, ErrorCode::UnknownTopicOrPartition.code());
    assert_eq!(peer.produce("t", bytes::Bytes::new()).error_code, ErrorCode::InvalidRecord.code());
    let response = peer.ask(12, &produce_request("t", 2, batch(&[NOW])));
    assert_eq!(response.responses[0].partition_responses[0].error_code, ErrorCode::InvalidRequiredAcks.code());
    let transactional = batch_with(&[NOW], |header| header.attributes = header.attributes.with_transactional(true));
    assert_eq!(peer.produce("t", transactional).error_code, ErrorCode::InvalidTxnState.code());
    let mut request = produce_request("t", -1, batch(&[NOW]));
    let partition = PartitionProduceData { index: 5, records: Some(Records::from(batch(&[NOW]))), ..Default::default() };
    request.topic_data.push(TopicProduceData { name: "t".into(), partition_data: vec![partition], ..Default::default() });
    let response = peer.ask(12, &request);
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    assert_eq!(response.responses[1].partition_responses[0].error_code, 3);
}

#[test]
fn acks_0_is_silent_and_its_failure_closes() {
    let broker = broker();
    let mut peer = Peer::connect(&broker);
    peer.send(9, &produce_request("t", 0, batch(&[NOW])));
    let versions =
        ApiVersionsRequest { client_software_name: "a".into(), client_software_version: "1".into(), ..Default::default() };
    peer.ask(3, &versions);
    assert_eq!(broker.stored_batches("t", 0).unwrap().len(), 1);
    peer.send(9, &produce_request("missing", 0, batch(&[NOW])));
    assert!(peer.receive_frame().is_none());
}

#[test]
fn a_retried_batch_is_stored_once() {
    let broker = broker();
    let mut peer = Peer::connect(&broker);
    let first = peer.ask(5, &InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: 1, ..Default::default() });
    let second = peer.ask(4, &InitProducerIdRequest { transactional_id: None, transaction_timeout_ms: 1, ..Default::default() });
    assert_eq!((first.error_code, first.producer_epoch), (0, 0));
    assert!(second.producer_id > first.producer_id);
    let mine = |sequence: i32| {
        batch_with(&[NOW; 3], |header| {
            header.producer_id = first.producer_id;
            header.producer_epoch = 0;
            header.base_sequence = sequence;
        })
    };
    assert_eq!(peer.produce("t", mine(0)).base_offset, 0);
    assert_eq!(peer.produce("t", mine(3)).base_offset, 3);
    assert_eq!(peer.produce("t", mine(0)).base_offset, 0);
    assert_eq!(peer.produce("t", mine(9)).error_code, ErrorCode::OutOfOrderSequenceNumber.code());
    assert_eq!(broker.stored_batches("t", 0).unwrap().len(), 2);
    let transactional =
        InitProducerIdRequest { transactional_id: Some("x".into()), transaction_timeout_ms: 1, ..Default::default() };
    assert_eq!(peer.ask(4, &transactional).error_code, 15);
    let half = InitProducerIdRequest { transactional_id: None, producer_id: 3, transaction_timeout_ms: 1, ..Default::default() };
    assert_eq!(peer.ask(4, &half).error_code, 42);
}

#[test]
fn offsets_by_time() {
    let broker = broker();
    let mut peer = Peer::connect(&broker);
    assert_eq!(offset_at(&mut peer, 7, -3), (0, -1, -1));
    peer.produce("t", batch(&[NOW, NOW + 20, NOW + 10]));
    peer.produce("t", batch(&[NOW + 15]));
    for version in 1..=11 {
        assert_eq!(offset_at(&mut peer, version, -1), (0, 4, -1));
        assert_eq!(offset_at(&mut peer, version, -2), (0, 0, -1));
        assert_eq!(offset_at(&mut peer, version, NOW + 1), (0, 1, NOW + 20));
        assert_eq!(offset_at(&mut peer, version, NOW + 21), (0, -1, -1));
        assert_eq!(offset_at(&mut peer, version, -3), if version < 7 { (35, -1, -1) } else { (0, 1, NOW + 20) });
    }
}

#[test]
fn the_brokers_time_and_retention_by_its_clock() {
    let clock = Clock::manual(NOW);
    let builder = Broker::builder().topic("t", 1).clock(clock.clone());
    let builder = builder.config("log.message.timestamp.type", "LogAppendTime").unwrap();
    let broker = builder.config("log.retention.ms", "1000").unwrap().start().unwrap();
    let mut peer = Peer::connect(&broker);
    assert_eq!(peer.produce("t", batch(&[5])).log_append_time_ms, NOW);
    clock.advance(Duration::from_millis(10));
    assert_eq!(peer.produce("t", batch(&[6])).log_append_time_ms, NOW + 10);
    let header = verify_crc(&broker.stored_batches("t", 0).unwrap()[1]).unwrap();
    assert_eq!((header.max_timestamp, header.base_offset), (NOW + 10, 1));
    clock.advance(Duration::from_millis(1001));
    broker.enforce_retention();
    assert_eq!(offset_at(&mut peer, 7, -2), (0, 2, -1));
    assert!(broker.stored_batches("t", 0).unwrap().is_empty());
}
