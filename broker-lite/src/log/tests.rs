//! Offsets, segments, retention, timestamps.

use ottla_protocol::compression::Compression;
use ottla_protocol::record::{Attributes, BatchBuilder, BatchHeader, TimestampType, seal_header, split_batches, verify_crc};

use super::*;
use crate::config::BrokerConfig;
use crate::storage::MemoryStorage;

const NOW: i64 = 1_700_000_000_000;

fn config(properties: &[(&'static str, &'static str)]) -> TopicConfig {
    TopicConfig::new(&BrokerConfig::default(), properties.iter().map(|(name, value)| (*name, Some(*value)))).unwrap()
}

fn log() -> Log {
    let mut log = Log::new("t".into(), 0, Arc::new(MemoryStorage));
    log.assign_epoch(0);
    log
}

fn batch(timestamps: &[i64]) -> Bytes {
    batch_with(timestamps, |_| {})
}

fn batch_with(timestamps: &[i64], change: impl FnOnce(&mut BatchHeader)) -> Bytes {
    let mut builder = BatchBuilder::new(Vec::new());
    for timestamp in timestamps {
        builder.append(*timestamp, None, Some(b"value"), std::iter::empty::<(&str, Option<&[u8]>)>()).unwrap();
    }
    let (payload, meta) = builder.finish();
    let mut header = BatchHeader::for_batch(&meta, Attributes::default());
    change(&mut header);
    let mut bytes = seal_header(&mut header, &payload).to_vec();
    bytes.extend_from_slice(&payload);
    bytes.into()
}

fn check(bytes: &Bytes, config: &TopicConfig) -> Result<CheckedBatch, Refusal> {
    CheckedBatch::check(Some(bytes), 13, "t", 0, config, NOW)
}

fn append(log: &mut Log, config: &TopicConfig, timestamps: &[i64]) -> i64 {
    let checked = check(&batch(timestamps), config).unwrap();
    log.append(checked, config, 0, NOW).unwrap().base_offset
}

fn base_offsets(read: &LogRead) -> Vec<i64> {
    split_batches(&read.records.to_bytes()).map(|batch| batch.unwrap().header.base_offset).collect()
}

#[test]
fn the_batch_that_contains_the_offset_is_returned_whole() {
    let (mut log, config) = (log(), config(&[]));
    assert_eq!(append(&mut log, &config, &[NOW; 3]), 0);
    assert_eq!(append(&mut log, &config, &[NOW; 2]), 3);
    assert_eq!(log.log_end_offset(), 5);
    assert_eq!(base_offsets(&log.read(2, i64::MAX, 10_000, true).unwrap()), [0, 3]);
    assert_eq!(base_offsets(&log.read(3, i64::MAX, 10_000, true).unwrap()), [3]);
    assert_eq!(base_offsets(&log.read(1, i64::MAX, 1, true).unwrap()), [0]);
    assert_eq!(log.read(1, i64::MAX, 1, false).unwrap().size, 0);
    assert_eq!(log.read(5, i64::MAX, 10_000, true).unwrap().size, 0);
}

#[test]
fn stored_batches_have_a_right_crc_and_the_brokers_fields() {
    for (kind, bit) in [("CreateTime", TimestampType::CreateTime), ("LogAppendTime", TimestampType::LogAppendTime)] {
        let (mut log, config) = (log(), config(&[("message.timestamp.type", kind)]));
        append(&mut log, &config, &[5]);
        append(&mut log, &config, &[7, 9]);
        let stored = log.batches().unwrap();
        let header = verify_crc(&stored[1]).unwrap();
        assert_eq!((header.base_offset, header.partition_leader_epoch), (1, 0));
        assert_eq!(header.attributes.timestamp_type(), bit);
        assert_eq!(header.max_timestamp, if bit == TimestampType::LogAppendTime { NOW } else { 9 });
    }
}

#[test]
fn the_client_does_not_choose_log_append_time() {
    let bytes =
        batch_with(&[5], |header| header.attributes = header.attributes.with_timestamp_type(TimestampType::LogAppendTime));
    let (mut log, create_time) = (log(), config(&[]));
    log.append(check(&bytes, &create_time).unwrap(), &create_time, 0, NOW).unwrap();
    let header = verify_crc(&log.batches().unwrap()[0]).unwrap();
    assert_eq!(header.attributes.timestamp_type(), TimestampType::CreateTime);
    let append_time = config(&[("message.timestamp.type", "LogAppendTime")]);
    assert_eq!(check(&bytes, &append_time).unwrap_err().code, ErrorCode::InvalidTimestamp);
}

#[test]
fn what_a_header_must_not_say() {
    let plain = config(&[]);
    let code = |bytes: &Bytes| check(bytes, &plain).unwrap_err().code;
    assert_eq!(code(&Bytes::new()), ErrorCode::InvalidRecord);
    let good = batch(&[NOW]);
    assert_eq!(code(&good.slice(..40)), ErrorCode::CorruptMessage);
    assert_eq!(code(&good.slice(..good.len() - 1)), ErrorCode::CorruptMessage);
    assert_eq!(code(&[good.clone(), good.clone()].concat().into()), ErrorCode::InvalidRecord);
    let mut flipped = good.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(code(&flipped.into()), ErrorCode::CorruptMessage);
    let changed = |change: fn(&mut BatchHeader)| batch_with(&[NOW], change);
    assert_eq!(code(&changed(|header| header.base_offset = 1)), ErrorCode::InvalidRecord);
    assert_eq!(code(&changed(|header| header.records_count = 2)), ErrorCode::InvalidRecord);
    assert_eq!(code(&changed(|header| header.records_count = 0)), ErrorCode::InvalidRecord);
    assert_eq!(code(&changed(|header| header.last_offset_delta = -1)), ErrorCode::InvalidRecord);
    assert_eq!(code(&changed(|header| header.last_offset_delta = i32::MAX)), ErrorCode::InvalidRecord);
    assert_eq!(code(&changed(|header| header.producer_id = 1)), ErrorCode::InvalidRecord);
    assert_eq!(code(&changed(|header| header.attributes = header.attributes.with_control(true))), ErrorCode::InvalidRecord);
    assert_eq!(code(&changed(|header| header.max_timestamp = NOW + 3_600_001)), ErrorCode::InvalidTimestamp);
    let zstd = changed(|header| header.attributes = header.attributes.with_compression(Compression::Zstd));
    let old = CheckedBatch::check(Some(&zstd), 6, "t", 0, &plain, NOW).unwrap_err();
    assert_eq!(old.code, ErrorCode::UnsupportedCompressionType);
    let small = config(&[("max.message.bytes", "60")]);
    assert_eq!(check(&good, &small).unwrap_err().code, ErrorCode::MessageTooLarge);
    let compacted = config(&[("cleanup.policy", "compact")]);
    assert_eq!(check(&good, &compacted).unwrap_err().code, ErrorCode::InvalidRecord);
}

#[test]
fn duplicates_get_their_first_offset_and_are_not_stored_again() {
    let (mut log, config) = (log(), config(&[]));
    let bytes = |sequence: i32| {
        batch_with(&[NOW], |header| {
            header.producer_id = 4;
            header.producer_epoch = 0;
            header.base_sequence = sequence;
        })
    };
    let mut send = |sequence| log.append(check(&bytes(sequence), &config).unwrap(), &config, 0, NOW);
    assert_eq!(send(0).unwrap().base_offset, 0);
    assert_eq!(send(1).unwrap().base_offset, 1);
    let again = send(0).unwrap();
    assert_eq!((again.base_offset, again.size), (0, 0));
    assert_eq!(send(3).unwrap_err().code, ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(log.log_end_offset(), 2);
}

#[test]
fn timestamps_are_found() {
    let (mut log, config) = (log(), config(&[]));
    append(&mut log, &config, &[10, 30, 20]);
    append(&mut log, &config, &[15]);
    append(&mut log, &config, &[40, 50]);
    let find = |log: &Log, timestamp| log.first_at(timestamp).unwrap().map(|found| (found.offset, found.timestamp));
    assert_eq!(find(&log, 0), Some((0, 10)));
    assert_eq!(find(&log, 11), Some((1, 30)));
    assert_eq!(find(&log, 31), Some((4, 40)));
    assert_eq!(find(&log, 51), None);
    let latest = log.max_timestamp().unwrap().unwrap();
    assert_eq!((latest.offset, latest.timestamp, latest.leader_epoch), (5, 50, 0));
    log.delete_records_before(2);
    assert_eq!(find(&log, 0), Some((2, 20)));
    assert_eq!(find(&log, 25), Some((4, 40)));
}

#[test]
fn retention_deletes_whole_segments() {
    let config = config(&[("internal.segment.bytes", "150"), ("retention.ms", "1000"), ("retention.bytes", "200")]);
    let mut log = log();
    for i in 0..6 {
        append(&mut log, &config, &[NOW + i]);
    }
    let each = log.batches().unwrap()[0].len() as i64;
    assert!(each < 150 && each * 2 <= 150, "two batches a segment: {each}");
    // 6 batches in 3 segments; 200 bytes must stay.
    assert!(log.enforce_retention(&config, i64::MAX, 1, NOW));
    assert_eq!(log.log_start_offset(), 2);
    assert!(log.enforce_retention(&config, i64::MAX, 1, NOW + 1004));
    assert_eq!(log.log_start_offset(), 4);
    assert!(log.enforce_retention(&config, i64::MAX, 1, NOW + 2000));
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.size), (6, 6, 0));
    assert_eq!(append(&mut log, &config, &[NOW]), 6);
    assert_eq!(log.earliest().offset, 6);
}

#[test]
fn deleted_records_free_their_segments() {
    let config = config(&[("internal.segment.bytes", "100")]);
    let mut log = log();
    for _ in 0..4 {
        append(&mut log, &config, &[NOW, NOW]);
    }
    log.delete_records_before(3);
    assert_eq!(log.log_start_offset(), 3);
    assert_eq!(log.batches().unwrap().len(), 3);
    assert_eq!(base_offsets(&log.read(3, i64::MAX, 1, true).unwrap()), [2]);
    log.delete_records_before(8);
    assert_eq!((log.batches().unwrap().len(), log.log_end_offset()), (0, 8));
}
