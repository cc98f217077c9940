//! Message sets of magic 0 and 1, written here as the format's definition reads.

use super::super::{RecordView, split_batches};
use super::*;
use crate::compression::compress;

const LIMIT: usize = 1 << 20;

fn message(offset: i64, magic: i8, attributes: u8, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Vec<u8> {
    let mut covered = vec![magic as u8, attributes];
    if magic > 0 {
        covered.extend_from_slice(&timestamp.to_be_bytes());
    }
    for blob in [key, value] {
        let length = blob.map_or(-1, |blob| blob.len() as i32);
        covered.extend_from_slice(&length.to_be_bytes());
        covered.extend_from_slice(blob.unwrap_or_default());
    }
    let length = covered.len() as i32 + 4;
    [&offset.to_be_bytes()[..], &length.to_be_bytes(), &crc32(&covered).to_be_bytes(), &covered].concat()
}

fn wrapper(offset: i64, magic: i8, flags: u8, timestamp: i64, codec: Compression, inner: &[Vec<u8>]) -> Vec<u8> {
    let mut value = Vec::new();
    compress(codec, None, &inner.concat(), &mut value).unwrap();
    message(offset, magic, codec.id() as u8 | flags, timestamp, None, Some(&value))
}

/// Offset, timestamp, value.
type Read = (i64, i64, Option<Vec<u8>>);

fn read_all(set: Vec<u8>, limit: usize) -> Result<Vec<Read>, DecodeError> {
    let mut all = Vec::new();
    for batch in split_batches(&Bytes::from(set)) {
        let decoded = batch?.decode(true, limit, Vec::new())?;
        for record in decoded.records() {
            let RecordView { offset, timestamp, value, headers, .. } = record?;
            assert!(headers.is_empty());
            all.push((offset, timestamp, value.map(<[u8]>::to_vec)));
        }
    }
    Ok(all)
}

#[test]
fn the_crc_of_the_standards_example() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
}

#[test]
fn plain_messages_of_both_formats() {
    let set = [
        message(7, 0, 0, 0, Some(b"k"), Some(b"zero")),
        message(9, 1, 0, 1234, None, Some(b"one")),
        message(10, 1, 8, 99, None, None),
    ];
    let expected = [(7, -1, Some(b"zero".to_vec())), (9, 1234, Some(b"one".to_vec())), (10, 99, None)];
    assert_eq!(read_all(set.concat(), LIMIT).unwrap(), expected);
}

#[test]
fn the_made_up_header_names_the_offset() {
    let set = Bytes::from(message(41, 1, 8, 77, None, Some(b"v")));
    let header = split_batches(&set).next().unwrap().unwrap().header;
    assert_eq!((header.magic, header.base_offset, header.last_offset(), header.max_timestamp), (1, 41, 41, 77));
    assert_eq!(header.attributes.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(header.total_len(), set.len());
}

#[test]
fn wrappers_of_magic_1_count_from_the_last() {
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4] {
        // Relative offsets, one of them compacted away.
        let inner = [message(0, 1, 0, 5, None, Some(b"a")), message(2, 1, 0, 4, None, Some(b"b"))];
        let records = read_all(wrapper(102, 1, 0, 5, codec, &inner), LIMIT).unwrap();
        assert_eq!(records, [(100, 5, Some(b"a".to_vec())), (102, 4, Some(b"b".to_vec()))], "{codec}");
        let stamped = read_all(wrapper(102, 1, 8, 66, codec, &inner), LIMIT).unwrap();
        assert_eq!(stamped.iter().map(|record| record.1).collect::<Vec<_>>(), [66, 66]);
    }
}

#[test]
fn wrappers_of_magic_0_hold_their_offsets() {
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4] {
        let inner = [message(100, 0, 0, 0, None, Some(b"a")), message(102, 0, 0, 0, None, Some(b"b"))];
        let records = read_all(wrapper(102, 0, 0, 0, codec, &inner), LIMIT).unwrap();
        assert_eq!(records, [(100, -1, Some(b"a".to_vec())), (102, -1, Some(b"b".to_vec()))], "{codec}");
    }
}

#[test]
fn a_wrong_lz4_header_checksum_is_magic_0s_only() {
    for (magic, readable) in [(0, true), (1, false)] {
        let inner = message(3, magic, 0, 0, None, Some(b"a")).repeat(1);
        let mut value = Vec::new();
        compress(Compression::Lz4, None, &inner, &mut value).unwrap();
        // The old producers hashed the frame's magic as well.
        value[6] = 0x1c;
        let read = read_all(message(3, magic, 3, 0, None, Some(&value)), LIMIT);
        assert_eq!(read.is_ok(), readable, "magic {magic}: {read:?}");
    }
}

#[test]
fn what_no_message_set_may_hold() {
    let plain = |magic| message(0, magic, 0, 0, None, Some(b"a"));
    let nested = wrapper(0, 1, 0, 0, Compression::Gzip, &[wrapper(0, 1, 0, 0, Compression::Gzip, &[plain(1)])]);
    assert!(matches!(read_all(nested, LIMIT), Err(DecodeError::Malformed(_))));
    let mixed = wrapper(0, 1, 0, 0, Compression::Gzip, &[plain(0)]);
    assert!(matches!(read_all(mixed, LIMIT), Err(DecodeError::Malformed(_))));
    let empty = wrapper(0, 1, 0, 0, Compression::Gzip, &[]);
    assert!(matches!(read_all(empty, LIMIT), Err(DecodeError::Malformed(_))));
    let unordered = wrapper(0, 0, 0, 0, Compression::Gzip, &[message(5, 0, 0, 0, None, None), plain(0)]);
    assert!(matches!(read_all(unordered, LIMIT), Err(DecodeError::Malformed(_))));
    let zstd = wrapper(0, 1, 0, 0, Compression::Zstd, &[plain(1)]);
    assert!(matches!(read_all(zstd, LIMIT), Err(DecodeError::UnsupportedCompression(_))));
    let null = message(0, 1, 1, 0, None, None);
    assert!(matches!(read_all(null, LIMIT), Err(DecodeError::UnexpectedNull(_))));
    let bomb = wrapper(0, 1, 0, 0, Compression::Gzip, &[message(0, 1, 0, 0, None, Some(&[0; 5000]))]);
    assert_eq!(read_all(bomb, 1000), Err(DecodeError::TooLarge { limit: 1000 }));
    let mut corrupt = plain(1);
    *corrupt.last_mut().unwrap() ^= 1;
    assert!(matches!(read_all(corrupt, LIMIT), Err(DecodeError::CorruptBatch { .. })));
}

#[test]
fn every_cut_and_every_flipped_bit() {
    let inner = [message(0, 1, 0, 5, Some(b"key"), Some(b"a")), message(1, 1, 0, 4, None, Some(b"b"))];
    for codec in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4] {
        let whole = if codec == Compression::None { inner.concat() } else { wrapper(1, 1, 0, 5, codec, &inner) };
        for end in 0..whole.len() {
            assert!(read_all(whole[..end].to_vec(), LIMIT).unwrap().len() < 2);
        }
        for bit in 0..whole.len() * 8 {
            let mut lied = whole.clone();
            lied[bit / 8] ^= 1 << (bit % 8);
            for batch in split_batches(&Bytes::from(lied)).map_while(Result::ok) {
                let decoded = batch.decode(false, LIMIT, Vec::new());
                assert!(decoded.map_or(0, |decoded| decoded.records().count()) <= 3);
            }
        }
    }
}
