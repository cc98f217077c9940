//! Record batches: the reader of v2, the older messages, control records. What lies under the CRC is reached with the CRC
//! repaired, and what a codec hides by changing the records before they are compressed.

use bytes::Bytes;
use ottla_protocol::arbitrary::Random;
use ottla_protocol::compression::{Compression, compress};
use ottla_protocol::record::{
    Attributes, BatchBuilder, BatchHeader, ControlKey, DecodedBatch, EndTxnMarker, HEADER_LEN, RawBatch, TimestampType,
    seal_header, split_batches, verify_crc,
};

use crate::allocator::{held_against, measured};
use crate::mutation::{mutate, noise};
use crate::{Input, Target, codecs, legacy};

/// What reading a batch may take for each byte of the limit that it may inflate to. Messages of the older formats, which are never
/// zstd's, are written anew as a v2 batch beside the inflated ones: two for those and three for the batch that grows.
pub const FACTOR: usize = codecs::FACTOR;
/// What it may take for each byte of the batch: a message of the older formats that is not compressed is written anew.
pub const INPUT_FACTOR: usize = 3;
/// What it may take whatever the length.
pub const CONSTANT: usize = codecs::CONSTANT;

/// A valid payload.
pub fn payload(random: &mut Random, control: bool) -> (Vec<u8>, BatchHeader) {
    let mut builder = BatchBuilder::new(Vec::new());
    for at in 0..random.below(30) {
        let (key, value) = (random.bytes(), random.bytes());
        let (key, value) = (random.flip().then_some(&*key), random.flip().then_some(&*value));
        let headers: Vec<_> = (0..random.below(4)).map(|_| (random.flip(), random.bytes())).collect();
        let headers = headers.iter().map(|(null, value)| ("header", (!null).then_some(&**value)));
        let timestamp = 1_600_000_000_000 + at as i64 * random.below(2000) as i64;
        if control {
            let key = [0, 0, 0, random.below(8) as u8];
            let none: [(&str, Option<&[u8]>); 0] = [];
            builder.append(timestamp, Some(&key), Some(&[0, 0, 0, 0, 0, 1]), none).expect("it fits");
        } else {
            builder.append(timestamp, key, value, headers).expect("it fits");
        }
    }
    let (payload, meta) = builder.finish();
    (payload, BatchHeader::for_batch(&meta, Attributes::default()))
}

/// A batch; what lies behind its CRC, and behind its codec, may be anything if it is `hostile`.
pub fn arbitrary(random: &mut Random, hostile: bool) -> Vec<u8> {
    let control = random.below(8) == 0;
    let (mut records, mut header) = payload(random, control);
    let codec = Compression::ALL[random.below(5)];
    let kind = if random.below(4) == 0 { TimestampType::LogAppendTime } else { TimestampType::CreateTime };
    header.attributes = Attributes::default()
        .with_compression(codec)
        .with_control(control)
        .with_transactional(random.flip())
        .with_timestamp_type(kind);
    if hostile && random.flip() {
        let (other, _) = payload(random, false);
        mutate(random, &mut records, &other);
    }
    let mut stored = Vec::new();
    compress(codec, None, &records, &mut stored).expect("anything can be compressed");
    if hostile && random.below(3) == 0 {
        mutate(random, &mut stored, &records);
    }
    if hostile && random.below(3) == 0 {
        let extremes = [0, -1, 1, i32::MAX, i32::MIN, header.records_count + 1, header.records_count - 1, 1 << 24];
        match random.below(5) {
            0 => header.records_count = extremes[random.below(extremes.len())],
            1 => header.last_offset_delta = extremes[random.below(extremes.len())],
            2 => header.base_timestamp = [i64::MIN, i64::MAX, -1][random.below(3)],
            3 => header.attributes = Attributes(random.bits() as i16),
            _ => (header.base_offset, header.max_timestamp) = (i64::MAX - 1, i64::MIN),
        }
    }
    let mut bytes = seal_header(&mut header, &stored).to_vec();
    bytes.extend(stored);
    bytes
}

/// A valid batch whose records have keys, as a compacted topic takes them.
pub fn keyed(random: &mut Random) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    for at in 0..1 + random.below(5) {
        let none: [(&str, Option<&[u8]>); 0] = [];
        builder.append(1_600_000_000_000 + at as i64, Some(b"key"), Some(&random.bytes()), none).expect("it fits");
    }
    let (records, meta) = builder.finish();
    let codec = Compression::ALL[random.below(5)];
    let mut header = BatchHeader::for_batch(&meta, Attributes::default().with_compression(codec));
    let mut stored = Vec::new();
    compress(codec, None, &records, &mut stored).expect("anything can be compressed");
    let mut bytes = seal_header(&mut header, &stored).to_vec();
    bytes.extend(stored);
    bytes
}

/// Makes length and CRC right again after a change, so that what is inside is looked at.
pub fn repair(bytes: &mut [u8]) {
    let Some(counted) = bytes.len().checked_sub(12) else { return };
    bytes[8..12].copy_from_slice(&(counted as i32).to_be_bytes());
    if bytes.len() < HEADER_LEN {
        return;
    }
    if bytes[16] < 2 {
        let crc = legacy::crc32(&bytes[16..]);
        bytes[12..16].copy_from_slice(&crc.to_be_bytes());
        return;
    }
    bytes[16] = 2;
    if let Ok(mut header) = BatchHeader::parse(bytes) {
        let sealed = seal_header(&mut header, &bytes[HEADER_LEN..]);
        bytes[..HEADER_LEN].copy_from_slice(&sealed);
    }
}

/// Reads all batches, and all records as an application does. Says how much of the memory that it may take one took at most.
pub fn read(bytes: &Bytes, check_crc: bool, limit: usize) -> f64 {
    let allowed = bytes.len() * INPUT_FACTOR + limit * FACTOR + CONSTANT;
    let _ = verify_crc(bytes);
    let mut batches = split_batches(bytes);
    let mut ends = 0;
    let mut most = 0.0_f64;
    for raw in batches.by_ref() {
        let Ok(raw) = raw else {
            ends += 1;
            continue;
        };
        let (decoded, usage) = measured(|| decode(&raw, check_crc, limit));
        most = most.max(held_against(usage, raw.bytes.len(), allowed));
        if let Some(batch) = decoded {
            write_anew(&batch);
        }
    }
    assert!(ends <= 1, "nothing comes behind an error");
    most
}

fn decode(raw: &RawBatch, check_crc: bool, limit: usize) -> Option<DecodedBatch> {
    let batch = raw.decode(check_crc, limit, Vec::new()).ok()?;
    let mut records = batch.records();
    let mut read = 0;
    let mut failed = false;
    for record in records.by_ref() {
        assert!(!failed, "nothing comes behind an error");
        match record {
            Ok(record) => {
                read += 1;
                let headers = record.headers;
                assert_eq!(headers.iter().count(), headers.len());
                let _ = headers.last("header");
                if batch.header.attributes.is_control() {
                    let _ = ControlKey::parse(record.key.unwrap_or_default());
                    let _ = EndTxnMarker::parse(record.value.unwrap_or_default());
                }
            }
            Err(_) => failed = true,
        }
    }
    assert!(read <= batch.payload.len(), "a record takes bytes");
    assert!(failed || read == batch.header.records_count as usize, "as many as the header says, or an error");
    (!failed).then_some(batch)
}

/// What was read can be written.
fn write_anew(batch: &DecodedBatch) {
    let mut builder = BatchBuilder::new(Vec::new());
    for record in batch.records().flatten() {
        let headers = record.headers.iter().map(|header| (header.key, header.value));
        let _ = builder.append(record.timestamp, record.key, record.value, headers);
    }
    assert_eq!(builder.count() as i32, batch.header.records_count);
}

/// The readers of batches.
#[derive(Debug)]
pub struct Batches;

impl Target for Batches {
    fn name(&self) -> &'static str {
        "batches"
    }

    fn input(&self, number: u64, random: &mut Random) -> Input {
        let any = |random: &mut Random, hostile| match number % 4 {
            0 => legacy::arbitrary(random, hostile),
            _ => arbitrary(random, hostile),
        };
        let mut bytes = match random.below(8) {
            0 => noise(random),
            1 | 2 => {
                let (mut bytes, other) = (any(random, false), any(random, false));
                mutate(random, &mut bytes, &other);
                bytes
            }
            3 | 4 => {
                let (mut bytes, other) = (any(random, false), any(random, false));
                mutate(random, &mut bytes, &other);
                repair(&mut bytes);
                bytes
            }
            _ => any(random, true),
        };
        if random.below(4) == 0 {
            bytes.extend(any(random, true));
        }
        let limit = [0, 100, 4096, 1 << 20][random.below(4)];
        Input { bytes: bytes.into(), decoder: 0, limit, check_crc: random.flip() }
    }

    fn feed(&self, input: &Input) -> f64 {
        read(&input.bytes, input.check_crc, input.limit)
    }

    fn describe(&self, input: &Input) -> String {
        format!("record batches, check_crc {}, inflated to at most {} bytes", input.check_crc, input.limit)
    }
}
