//! Batches built, sealed, split, inflated and read; against bytes written by hand, against another codec, and lied to.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records as oracle;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::DecodeError;
use crate::compression::{Compression, compress};

/// More than any test's batch inflates to.
const LIMIT: usize = 64 << 20;

#[derive(Clone, Debug, PartialEq)]
struct Sample {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Sample {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> + Clone {
        self.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref()))
    }
}

fn samples(timestamps: std::ops::Range<i64>) -> impl Strategy<Value = Vec<Sample>> {
    let blob = || option::of(vec(any::<u8>(), 0..200));
    // Few names, so that keys repeat.
    let headers = vec(("[a-cä]{0,2}", option::of(vec(any::<u8>(), 0..8))), 0..4);
    vec((timestamps, blob(), blob(), headers), 1..20).prop_map(|samples| {
        let numbered = samples.into_iter().enumerate();
        let sample = |(i, (timestamp, key, value, headers))| Sample { offset: i as i64, timestamp, key, value, headers };
        numbered.map(sample).collect()
    })
}

fn build(samples: &[Sample], attributes: Attributes) -> (BatchHeader, Bytes) {
    let mut builder = BatchBuilder::new(vec![1, 2, 3]);
    for sample in samples {
        let before = builder.len();
        let delta = builder.append(sample.timestamp, sample.key.as_deref(), sample.value.as_deref(), sample.headers()).unwrap();
        assert_eq!(i64::from(delta), sample.offset);
        let bound = BatchBuilder::record_size(sample.key.as_deref(), sample.value.as_deref(), sample.headers());
        assert!(builder.len() - before <= bound);
    }
    assert_eq!(builder.count() as usize, samples.len());
    let (payload, meta) = builder.finish();
    assert_eq!(meta.base_timestamp, samples[0].timestamp);
    assert_eq!(Some(meta.max_timestamp), samples.iter().map(|sample| sample.timestamp).max());
    let mut stored = Vec::new();
    compress(attributes.compression().unwrap(), None, &payload, &mut stored).unwrap();
    let mut header = BatchHeader::for_batch(&meta, attributes);
    let mut batch = seal_header(&mut header, &stored).to_vec();
    batch.extend_from_slice(&stored);
    (header, batch.into())
}

fn only_batch(bytes: &Bytes) -> RawBatch {
    let mut batches = split_batches(bytes);
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    assert!(!batches.truncated());
    batch
}

fn read(batch: &DecodedBatch) -> Result<Vec<Sample>, DecodeError> {
    let sample = |record: RecordView<'_>| {
        assert_eq!(record.headers.len(), record.headers.iter().count());
        Sample {
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
        }
    };
    batch.records().map(|record| record.map(sample)).collect()
}

proptest! {
    #[test]
    fn what_is_built_is_read(samples in samples(i64::MIN..i64::MAX), codec in 0_i8..5) {
        let attributes = Attributes::default().with_compression(Compression::from_id(codec).unwrap());
        let (header, bytes) = build(&samples, attributes);
        prop_assert_eq!(verify_crc(&bytes), Ok(header));
        prop_assert_eq!(BatchHeader::parse(&bytes), Ok(header));
        prop_assert_eq!(header.total_len(), bytes.len());
        prop_assert_eq!(header.last_offset(), samples.len() as i64 - 1);
        let batch = only_batch(&bytes);
        prop_assert_eq!(batch.header, header);
        let decoded = batch.decode(true, LIMIT, Vec::new()).unwrap();
        prop_assert_eq!(read(&decoded).unwrap(), samples);
    }

    #[test]
    fn a_cursor_goes_on_where_it_stood(samples in samples(0..1_000_000), stop in 0_usize..20) {
        let (_, bytes) = build(&samples, Attributes::default());
        let decoded = only_batch(&bytes).decode(true, LIMIT, Vec::new()).unwrap();
        let mut cursor = RecordCursor::default();
        for _ in 0..stop.min(samples.len()) {
            cursor.next(&decoded).unwrap().unwrap();
        }
        let kept = cursor;
        let rest: Vec<i64> = decoded.records_from(kept).map(|record| record.unwrap().offset).collect();
        let expected: Vec<i64> = samples.iter().skip(stop).map(|sample| sample.offset).collect();
        prop_assert_eq!(rest, expected);
    }

    #[test]
    fn the_other_codec_reads_what_is_built(samples in samples(0..1_i64 << 50)) {
        let (_, bytes) = build(&samples, Attributes::default());
        let sets = oracle::RecordBatchDecoder::decode_all(&mut bytes.clone()).unwrap();
        let records: Vec<_> = sets.into_iter().flat_map(|set| set.records).collect();
        prop_assert_eq!(records.len(), samples.len());
        for (record, sample) in records.iter().zip(&samples) {
            prop_assert_eq!(record.offset, sample.offset);
            prop_assert_eq!(record.timestamp, sample.timestamp);
            prop_assert_eq!(record.key.as_deref(), sample.key.as_deref());
            prop_assert_eq!(record.value.as_deref(), sample.value.as_deref());
            // That one keeps the last value of a key.
            for (key, value) in &record.headers {
                let last = sample.headers.iter().rfind(|(name, _)| name.as_str() == key.as_str());
                prop_assert_eq!(last.map(|(_, value)| value.as_deref()), Some(value.as_deref()));
            }
        }
    }

    #[test]
    fn what_the_other_codec_builds_is_read(mut samples in samples(0..1_i64 << 50), first in 0_i64..1 << 40, flags in any::<(bool, bool)>()) {
        for sample in &mut samples {
            sample.offset += first;
            sample.headers.sort();
            sample.headers.dedup_by(|a, b| a.0 == b.0);
        }
        let record = |(i, sample): (usize, &Sample)| oracle::Record {
            transactional: flags.0,
            control: flags.1,
            delete_horizon: false,
            partition_leader_epoch: 7,
            producer_id: 1 << 40,
            producer_epoch: 3,
            timestamp_type: oracle::TimestampType::Creation,
            offset: sample.offset,
            sequence: i as i32 + first as i32,
            timestamp: sample.timestamp,
            key: sample.key.clone().map(Bytes::from),
            value: sample.value.clone().map(Bytes::from),
            headers: sample.headers().map(|(key, value)| {
                (StrBytes::from_string(key.to_owned()), value.map(Bytes::copy_from_slice))
            }).collect(),
        };
        let records: Vec<_> = samples.iter().enumerate().map(record).collect();
        let mut bytes = BytesMut::new();
        let options = oracle::RecordEncodeOptions { version: 2, compression: oracle::Compression::None };
        oracle::RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
        let batch = only_batch(&bytes.freeze());
        prop_assert_eq!(batch.header.partition_leader_epoch, 7);
        prop_assert_eq!(batch.header.producer_id, 1 << 40);
        prop_assert_eq!(batch.header.producer_epoch, 3);
        prop_assert_eq!(batch.header.base_sequence, first as i32);
        prop_assert_eq!(batch.header.attributes.is_transactional(), flags.0);
        prop_assert_eq!(batch.header.attributes.is_control(), flags.1);
        prop_assert_eq!(read(&batch.decode(true, LIMIT, Vec::new()).unwrap()).unwrap(), samples);
    }

    #[test]
    fn lies_are_errors_and_nothing_worse(samples in samples(0..1_000), codec in 0_i8..5, flips in vec(any::<(prop::sample::Index, u8)>(), 1..6), cut in any::<prop::sample::Index>()) {
        let attributes = Attributes::default().with_compression(Compression::from_id(codec).unwrap());
        let (_, bytes) = build(&samples, attributes);
        let mut lied = bytes.to_vec();
        for (at, mask) in flips {
            let at = at.index(lied.len());
            lied[at] ^= mask;
        }
        read_anything(&Bytes::from(lied));
        read_anything(&bytes.slice(..cut.index(bytes.len())));
    }

    #[test]
    fn random_bytes_are_read_as_far_as_they_go(mut bytes in vec(any::<u8>(), 0..300), magic in 0_u8..3) {
        read_anything(&Bytes::from(bytes.clone()));
        // And such that a length and a magic look right.
        if bytes.len() > 17 {
            bytes[16] = magic;
            let length = (bytes.len() - 12) as u32;
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            read_anything(&Bytes::from(bytes));
        }
    }
}

/// Whatever it is, reading comes to an end, within its bound.
fn read_anything(bytes: &Bytes) {
    let limit = 1 << 16;
    let mut total = 0;
    for batch in split_batches(bytes).map_while(Result::ok) {
        total += batch.bytes.len();
        let _ = batch.decode(true, limit, Vec::new());
        if let Ok(decoded) = batch.decode(false, limit, Vec::new()) {
            assert!(decoded.records().count() <= decoded.payload.len() / 7 + 1);
            let _ = read(&decoded);
        }
    }
    assert!(total <= bytes.len());
}

/// One record ("k", "v", header "h" without a value), and every byte accounted for.
const GOLDEN_RECORD: [u8; 12] = [
    0x16, // length 11
    0x00, // attributes
    0x00, // timestamp delta
    0x00, // offset delta
    0x02, b'k', 0x02, b'v', // key and value
    0x02, // one header
    0x02, b'h', 0x01, // its key, and null
];

#[test]
fn a_batch_by_hand() {
    let mut builder = BatchBuilder::new(Vec::new());
    builder.append(0x0102_0304_0506, Some(b"k"), Some(b"v"), [("h", None)]).unwrap();
    let (payload, meta) = builder.finish();
    assert_eq!(payload, GOLDEN_RECORD);
    let attributes = Attributes::default().with_transactional(true);
    let mut header = BatchHeader {
        base_offset: 5,
        partition_leader_epoch: 9,
        producer_id: 0x1122,
        producer_epoch: 3,
        base_sequence: 77,
        ..BatchHeader::for_batch(&meta, attributes)
    };
    let bytes = seal_header(&mut header, &payload);
    let mut expected = Vec::new();
    expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 5]); // base offset
    expected.extend_from_slice(&[0, 0, 0, 61]); // length: 49 and 12
    expected.extend_from_slice(&[0, 0, 0, 9, 2]); // leader epoch, magic
    let mut covered = Vec::new();
    covered.extend_from_slice(&[0, 0x10, 0, 0, 0, 0]); // attributes, last offset delta
    covered.extend_from_slice(&[0, 0, 1, 2, 3, 4, 5, 6]);
    covered.extend_from_slice(&[0, 0, 1, 2, 3, 4, 5, 6]);
    covered.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0x11, 0x22, 0, 3, 0, 0, 0, 77, 0, 0, 0, 1]);
    covered.extend_from_slice(&GOLDEN_RECORD);
    expected.extend_from_slice(&bitwise_crc32c(&covered).to_be_bytes());
    expected.extend_from_slice(&covered);
    assert_eq!([&bytes[..], &payload].concat(), expected);
}

/// CRC-32C a bit at a time, as its definition reads.
fn bitwise_crc32c(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| crc >> 1 ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 };
    !bytes.iter().fold(!0_u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc)))
}

#[test]
fn the_crc_of_the_standards_example() {
    assert_eq!(bitwise_crc32c(b"123456789"), 0xE306_9283);
}

#[test]
fn attributes_bit_by_bit() {
    let all = Attributes::default()
        .with_compression(Compression::Zstd)
        .with_timestamp_type(TimestampType::LogAppendTime)
        .with_transactional(true)
        .with_control(true)
        .with_delete_horizon(true);
    assert_eq!(all, Attributes(0b111_1100));
    assert_eq!(all.compression(), Some(Compression::Zstd));
    assert_eq!(all.timestamp_type(), TimestampType::LogAppendTime);
    assert!(all.is_transactional() && all.is_control() && all.has_delete_horizon());
    let none = all
        .with_compression(Compression::None)
        .with_timestamp_type(TimestampType::CreateTime)
        .with_transactional(false)
        .with_control(false)
        .with_delete_horizon(false);
    assert_eq!(none, Attributes(0));
    assert_eq!(Attributes(5).compression(), None);
}

fn one(value: &[u8], attributes: Attributes) -> (BatchHeader, Bytes) {
    let sample = Sample { offset: 0, timestamp: 1_000, key: None, value: Some(value.to_vec()), headers: Vec::new() };
    build(&[sample], attributes)
}

#[test]
fn log_append_time_is_every_records() {
    let later = Sample { offset: 1, timestamp: 2_000, key: None, value: None, headers: Vec::new() };
    let earlier = Sample { offset: 0, timestamp: 1_000, ..later.clone() };
    let attributes = Attributes::default().with_timestamp_type(TimestampType::LogAppendTime);
    let (_, bytes) = build(&[earlier, later], attributes);
    let decoded = only_batch(&bytes).decode(true, LIMIT, Vec::new()).unwrap();
    assert!(decoded.records().all(|record| record.unwrap().timestamp == 2_000));
}

#[test]
fn a_cut_off_batch_ends_in_silence() {
    let (_, first) = one(b"first", Attributes::default());
    let (_, second) = one(b"second", Attributes::default());
    let both = Bytes::from([&first[..], &second[..]].concat());
    for end in 0..=both.len() {
        let mut batches = split_batches(&both.slice(..end));
        let whole = batches.by_ref().map(|batch| batch.unwrap().bytes.len()).sum::<usize>();
        assert_eq!(
            whole,
            if end == both.len() {
                end
            } else if end >= first.len() {
                first.len()
            } else {
                0
            }
        );
        assert_eq!(batches.truncated(), whole < end, "{end}");
        assert!(batches.next().is_none());
    }
}

#[test]
fn a_flipped_bit_is_found_by_the_crc() {
    let (_, bytes) = one(b"value", Attributes::default());
    for bit in 21 * 8..bytes.len() * 8 {
        let mut lied = bytes.to_vec();
        lied[bit / 8] ^= 1 << (bit % 8);
        let error = verify_crc(&lied).unwrap_err();
        let in_count = (57 * 8..61 * 8).contains(&bit);
        assert!(matches!(error, DecodeError::CorruptBatch { .. }) || in_count, "{error}");
    }
}

#[test]
fn lengths_that_cannot_be() {
    let (header, bytes) = one(b"value", Attributes::default());
    let relabelled = |change: fn(&mut BatchHeader)| {
        let mut header = header;
        change(&mut header);
        let mut lied = bytes.to_vec();
        lied[..HEADER_LEN].copy_from_slice(&header.to_bytes());
        Bytes::from(lied)
    };
    let first = |bytes: Bytes| split_batches(&bytes).next().unwrap();
    assert!(matches!(first(relabelled(|h| h.batch_length = -1)), Err(DecodeError::InvalidLength { .. })));
    assert!(first(relabelled(|h| h.batch_length = 48)).is_err());
    assert!(matches!(first(relabelled(|h| h.records_count = -1)), Err(DecodeError::InvalidLength { .. })));
    assert_eq!(first(relabelled(|h| h.magic = 3)).unwrap_err(), DecodeError::UnknownMagic(3));
    assert_eq!(first(relabelled(|h| h.magic = -1)).unwrap_err(), DecodeError::UnknownMagic(-1));

    let decode = |bytes: Bytes| only_batch(&bytes).decode(false, LIMIT, Vec::new());
    assert!(matches!(decode(relabelled(|h| h.records_count = i32::MAX)), Err(DecodeError::InvalidLength { .. })));
    assert!(matches!(decode(relabelled(|h| h.attributes = Attributes(6))), Err(DecodeError::UnsupportedCompression(_))));
    let fewer = decode(relabelled(|h| h.records_count = 0)).unwrap();
    assert!(matches!(fewer.records().collect::<Vec<_>>()[..], [Err(DecodeError::Malformed(_))]));
    // Offset and timestamp at the edge wrap around and don't panic.
    let edge = decode(relabelled(|h| (h.base_offset, h.base_timestamp) = (i64::MAX, i64::MIN))).unwrap();
    assert_eq!(edge.records().next().unwrap().unwrap().offset, i64::MAX);
}

#[test]
fn the_limit_on_inflation_holds_for_every_codec() {
    let value = vec![b'x'; 100_000];
    for codec in Compression::ALL.into_iter().skip(1) {
        let (_, bytes) = one(&value, Attributes::default().with_compression(codec));
        assert!(bytes.len() < 30_000, "{codec}: {}", bytes.len());
        let batch = only_batch(&bytes);
        assert_eq!(batch.decode(true, 50_000, Vec::new()).unwrap_err(), DecodeError::TooLarge { limit: 50_000 }, "{codec}");
        let decoded = batch.decode(true, 101_000, Vec::new()).unwrap();
        assert_eq!(decoded.records().next().unwrap().unwrap().value, Some(&value[..]));
        assert!(decoded.inflated_len() > 100_000);
    }
}

#[test]
fn buffers_come_back() {
    let (_, plain) = one(b"value", Attributes::default());
    let plain = only_batch(&plain).decode(true, LIMIT, Vec::new()).unwrap();
    assert_eq!(plain.inflated_len(), 0);
    assert!(plain.into_buffer().is_none());

    let (_, packed) = one(b"value", Attributes::default().with_compression(Compression::Lz4));
    let packed = only_batch(&packed);
    let scratch = Vec::with_capacity(1 << 20);
    let at = scratch.as_ptr();
    let decoded = packed.decode(true, LIMIT, scratch).unwrap();
    let held = decoded.payload.clone();
    assert!(decoded.clone().into_buffer().is_none());
    drop(held);
    let buffer = decoded.into_buffer().unwrap();
    assert_eq!((buffer.as_ptr(), buffer.capacity()), (at, 1 << 20));
}

#[test]
fn an_emptied_batch_has_no_records() {
    let meta = BatchMeta { count: 0, base_timestamp: -1, max_timestamp: -1 };
    let mut header = BatchHeader::for_batch(&meta, Attributes::default().with_compression(Compression::Gzip));
    header.last_offset_delta = 4;
    let bytes = Bytes::copy_from_slice(&seal_header(&mut header, &[]));
    let decoded = only_batch(&bytes).decode(true, LIMIT, Vec::new()).unwrap();
    assert_eq!(decoded.header.last_offset(), 4);
    assert!(decoded.records().next().is_none());
}

#[test]
fn header_keys_repeat_and_need_not_be_text() {
    let mut builder = BatchBuilder::new(Vec::new());
    let headers = [("a", Some(&b"1"[..])), ("b", None), ("a", Some(&b"2"[..]))];
    builder.append(0, None, None, headers).unwrap();
    let (mut payload, meta) = builder.finish();
    let at = payload.iter().position(|byte| *byte == b'b').unwrap();
    payload[at] = 0xff;
    let mut header = BatchHeader::for_batch(&meta, Attributes::default());
    let bytes = Bytes::from([&seal_header(&mut header, &payload)[..], &payload].concat());
    let decoded = only_batch(&bytes).decode(true, LIMIT, Vec::new()).unwrap();
    let record = decoded.records().next().unwrap().unwrap();
    let keys: Vec<_> = record.headers.iter().map(|header| (header.key, header.raw_key)).collect();
    assert_eq!(keys, [("a", &b"a"[..]), ("", &[0xff]), ("a", b"a")]);
    assert_eq!(record.headers.last("a").unwrap().value, Some(&b"2"[..]));
    assert_eq!(record.headers.last("c"), None);
}

#[test]
fn transaction_markers() {
    for kind in [ControlType::Commit, ControlType::Abort] {
        let marker = EndTxnMarker { version: 0, coordinator_epoch: 12 };
        let bytes = Bytes::from(marker.to_batch(kind, 5, 99, 2).unwrap());
        let batch = only_batch(&bytes);
        assert!(batch.header.attributes.is_control() && batch.header.attributes.is_transactional());
        assert_eq!((batch.header.producer_id, batch.header.producer_epoch, batch.header.base_sequence), (99, 2, -1));
        let decoded = batch.decode(true, LIMIT, Vec::new()).unwrap();
        let record = decoded.records().next().unwrap().unwrap();
        assert_eq!(ControlKey::parse(record.key.unwrap()), Ok(ControlKey { version: 0, kind }));
        assert_eq!(EndTxnMarker::parse(record.value.unwrap()), Ok(marker));
        assert_eq!(record.value, Some(&[0, 0, 0, 0, 0, 12][..]));
    }
    assert_eq!(ControlKey::parse(&[0, 1, 0, 9, 8]).unwrap().kind, ControlType::Unknown(9));
    assert_eq!(EndTxnMarker::parse(&[0, 1, 0, 0, 0, 3, 0]).unwrap().coordinator_epoch, 3);
    assert!(ControlKey::parse(&[0, 0, 0]).is_err());
    assert!(ControlKey::parse(&[0xff, 0, 0, 0]).is_err());
    assert!(EndTxnMarker::parse(&[0, 0, 0, 0, 0]).is_err());
    for id in -1..9 {
        assert_eq!(ControlType::from_id(id).id(), id);
    }
}
