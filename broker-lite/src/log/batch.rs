//! What a broker looks at in a batch that a client sent, and what it patches.

use bytes::Bytes;
use ottla_protocol::compression::Compression;
use ottla_protocol::record::{self, BatchHeader, DecodedBatch, HEADER_LEN, RawBatch, TimestampType};
use ottla_protocol::{DecodeError, ErrorCode};

use super::Refusal;
use super::producer_state::ProducerBatch;
use crate::config::TopicConfig;

/// How much a batch may inflate to where its records must be looked at.
const INFLATE_LIMIT: usize = 256 << 20;
/// zstd came with this version of Produce (KIP-110).
const ZSTD_FROM_PRODUCE: i16 = 7;

/// A client's batch that may be appended.
#[derive(Debug)]
pub(crate) struct CheckedBatch {
    header: BatchHeader,
    body: Bytes,
    crc_is_stale: bool,
}

impl CheckedBatch {
    /// Holds the record data of one partition against what Kafka demands of it: one batch, whole, of format 2, honest about
    /// itself in its header.
    pub(crate) fn check(
        records: Option<&Bytes>,
        produce_version: i16,
        topic: &str,
        partition: i32,
        config: &TopicConfig,
        now_ms: i64,
    ) -> Result<Self, Refusal> {
        let invalid = |message: String| Refusal::new(ErrorCode::InvalidRecord, message);
        let Some(bytes) = records.filter(|bytes| !bytes.is_empty()) else {
            return Err(invalid(format!(
                "Produce requests with version {produce_version} must have at least one record batch per partition"
            )));
        };
        match bytes.get(16) {
            None | Some(2) => {}
            Some(magic) if *magic < 2 => {
                return Err(invalid(format!(
                    "Produce requests with version {produce_version} are only allowed to contain record batches with magic version 2"
                )));
            }
            Some(magic) => {
                return Err(Refusal::new(ErrorCode::CorruptMessage, format!("Record format magic {magic} is unknown")));
            }
        }
        let corrupt = |error: &dyn std::fmt::Display| {
            Refusal::new(ErrorCode::CorruptMessage, format!("Record is corrupt in topic partition {topic}-{partition}: {error}"))
        };
        let header = BatchHeader::parse(bytes).map_err(|error| corrupt(&error))?;
        let size = header.total_len();
        if size < HEADER_LEN || size > bytes.len() {
            return Err(corrupt(&format_args!("its header says {size} bytes, {} came", bytes.len())));
        }
        if size < bytes.len() {
            return Err(invalid(format!(
                "Produce requests with version {produce_version} are only allowed to contain exactly one record batch per partition"
            )));
        }
        if header.attributes.compression() == Some(Compression::Zstd) && produce_version < ZSTD_FROM_PRODUCE {
            return Err(Refusal::new(
                ErrorCode::UnsupportedCompressionType,
                format!("Produce requests with version {produce_version} are not allowed to use ZStandard compression"),
            ));
        }
        if header.base_offset != 0 {
            return Err(invalid(format!(
                "The baseOffset of the record batch in the append to {topic}-{partition} should be 0, but it is {}",
                header.base_offset
            )));
        }
        if size > config.max_message_bytes {
            return Err(Refusal::new(
                ErrorCode::MessageTooLarge,
                format!(
                    "The record batch size in the append to {topic}-{partition} is {size} bytes which exceeds the maximum configured \
                     value of {}.",
                    config.max_message_bytes
                ),
            ));
        }
        record::verify_crc(bytes).map_err(|error| corrupt(&error))?;
        check_header(&header, topic, partition)?;
        check_timestamps(&header, config, now_ms)?;
        if config.compact {
            check_keys(bytes)?;
        }
        Ok(Self { header, body: bytes.slice(HEADER_LEN..), crc_is_stale: false })
    }

    /// The producer's part of the header, unless the producer has no id.
    pub(crate) fn producer(&self) -> Option<ProducerBatch> {
        (self.header.producer_id >= 0).then_some(ProducerBatch {
            producer_id: self.header.producer_id,
            producer_epoch: self.header.producer_epoch,
            base_sequence: self.header.base_sequence,
            records_count: self.header.records_count,
        })
    }

    /// Gives the batch its place in the log. Offset and epoch lie outside the CRC; the timestamp does not.
    pub(crate) fn assign(&mut self, base_offset: i64, leader_epoch: i32, log_append_time: Option<i64>) {
        self.header.base_offset = base_offset;
        self.header.partition_leader_epoch = leader_epoch;
        let timestamp_type = if log_append_time.is_some() { TimestampType::LogAppendTime } else { TimestampType::CreateTime };
        if let Some(now_ms) = log_append_time {
            self.header.max_timestamp = now_ms;
            self.crc_is_stale = true;
        }
        // The topic decides whose the timestamp is, not the client.
        let attributes = self.header.attributes.with_timestamp_type(timestamp_type);
        self.crc_is_stale |= attributes != self.header.attributes;
        self.header.attributes = attributes;
    }

    /// The header as it is to be stored, with a CRC that is right again.
    pub(crate) fn header_bytes(&mut self) -> [u8; HEADER_LEN] {
        if self.crc_is_stale {
            self.crc_is_stale = false;
            return record::seal_header(&mut self.header, &self.body);
        }
        self.header.to_bytes()
    }

    /// What follows the header: records, compressed or not.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn last_offset_delta(&self) -> i32 {
        self.header.last_offset_delta
    }

    pub(crate) fn max_timestamp(&self) -> i64 {
        self.header.max_timestamp
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.header.attributes.is_transactional()
    }
}

fn check_header(header: &BatchHeader, topic: &str, partition: i32) -> Result<(), Refusal> {
    let invalid = |message: String| Err(Refusal::new(ErrorCode::InvalidRecord, message));
    let (last, count) = (header.last_offset_delta, header.records_count);
    if header.attributes.is_control() {
        return invalid(format!("Clients are not allowed to write control records, as in the append to {topic}-{partition}"));
    }
    if last < 0 || last == i32::MAX {
        return invalid(format!("Batch has an invalid offset range: [0, {last}] in the append to {topic}-{partition}"));
    }
    if count <= 0 {
        return invalid(format!("Invalid reported count for record batch: {count} in the append to {topic}-{partition}"));
    }
    if last + 1 != count {
        return invalid(format!(
            "Inconsistent batch offset range [0, {last}] and count of records {count} in the append to {topic}-{partition}"
        ));
    }
    if header.producer_id >= 0 && header.base_sequence < 0 {
        return invalid(format!(
            "Invalid sequence number {} in record batch with producerId {} in the append to {topic}-{partition}",
            header.base_sequence, header.producer_id
        ));
    }
    Ok(())
}

fn check_timestamps(header: &BatchHeader, config: &TopicConfig, now_ms: i64) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidTimestamp, message));
    let clients_bit = header.attributes.timestamp_type() == TimestampType::LogAppendTime;
    if config.log_append_time || header.max_timestamp < 0 {
        if clients_bit {
            return refuse("Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime.".into());
        }
        return Ok(());
    }
    let earliest = now_ms.saturating_sub(config.timestamp_before_max_ms);
    let latest = now_ms.saturating_add(config.timestamp_after_max_ms);
    // The batch's largest timestamp stands for its records: the others lie under the compression.
    if header.max_timestamp < earliest || header.max_timestamp > latest {
        return refuse(format!(
            "Timestamp {} of message is out of range. The timestamp should be within [{earliest}, {latest}]",
            header.max_timestamp
        ));
    }
    Ok(())
}

fn decode(bytes: Bytes) -> Result<DecodedBatch, DecodeError> {
    let header = BatchHeader::parse(&bytes)?;
    RawBatch { header, bytes }.decode(false, INFLATE_LIMIT, Vec::new())
}

/// A compacted topic is one map from keys to values: a record without a key has no place in it.
fn check_keys(batch: &Bytes) -> Result<(), Refusal> {
    let unreadable = |error: DecodeError| Refusal::new(ErrorCode::InvalidRecord, error.to_string());
    for record in decode(batch.clone()).map_err(unreadable)?.records() {
        if record.map_err(unreadable)?.key.is_none() {
            let message = "One or more records have been rejected: compacted topic cannot accept message without key";
            return Err(Refusal::new(ErrorCode::InvalidRecord, message));
        }
    }
    Ok(())
}

/// The first record of a stored batch that is at least as young as `timestamp` and not before `from_offset`: its offset and
/// timestamp.
pub(super) fn find_timestamp(stored: Bytes, timestamp: i64, from_offset: i64) -> Result<Option<(i64, i64)>, Refusal> {
    let unreadable = |error: DecodeError| Refusal::new(ErrorCode::CorruptMessage, error.to_string());
    let header = BatchHeader::parse(&stored).map_err(unreadable)?;
    if header.attributes.timestamp_type() == TimestampType::LogAppendTime {
        // All records have the broker's timestamp.
        let matches = header.max_timestamp >= timestamp;
        return Ok(matches.then_some((header.base_offset.max(from_offset), header.max_timestamp)));
    }
    for record in decode(stored).map_err(unreadable)?.records() {
        let record = record.map_err(unreadable)?;
        if record.timestamp >= timestamp && record.offset >= from_offset {
            return Ok(Some((record.offset, record.timestamp)));
        }
    }
    Ok(None)
}
