//! A few kilobytes that inflate to more than a hundred megabytes are refused, and what that takes depends on the limit and not on
//! what the bytes would become.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::LazyLock;

use bytes::Bytes;
use ottla_hostile_tests::allocator::{held_against, measured};
use ottla_hostile_tests::{batches, codecs, legacy};
use ottla_protocol::DecodeError;
use ottla_protocol::compression::{Compression, compress};
use ottla_protocol::record::{Attributes, BatchHeader, BatchMeta, seal_header, split_batches};

const BOMB: usize = 128 << 20;
const LIMITS: [usize; 4] = [0, 10_000, 1 << 20, 16 << 20];

/// Zeros as one stream, and as many small ones behind one another, which each codec reads as one.
static BOMBS: LazyLock<Vec<(Compression, usize, Bytes)>> = LazyLock::new(|| {
    let zeros = vec![0; BOMB];
    let mut bombs = Vec::new();
    for decoder in 0..5 {
        let codec = codecs::codec(decoder);
        // Raw Snappy is one block; what is taken out of the framing would be its first one only.
        if decoder == 1 {
            let block = codecs::compressed(1, None, &zeros[..32 << 10]);
            bombs.push((codec, 32 << 10, block.into()));
            continue;
        }
        let whole = codecs::compressed(decoder, None, &zeros);
        if codec == Compression::Zstd {
            bombs.push((codec, BOMB, without_content_size(&whole).into()));
        }
        bombs.push((codec, BOMB, whole.into()));
        let small = codecs::compressed(decoder, None, &zeros[..1 << 20]);
        bombs.push((codec, BOMB, small.repeat(BOMB >> 20).into()));
    }
    bombs
});

/// A frame of zstd that does not say how long its content is, and asks for a window of 128 MiB.
fn without_content_size(frame: &[u8]) -> Vec<u8> {
    let descriptor = frame[4];
    let single_segment = descriptor & 0x20 != 0;
    let content_len = [usize::from(single_segment), 2, 4, 8][usize::from(descriptor >> 6)];
    let header_len = 5 + usize::from(!single_segment) + content_len;
    let mut bytes = frame[..4].to_vec();
    // The checksum's flag, and a window of 2^27.
    bytes.extend([descriptor & 0x04, (27 - 10) << 3]);
    bytes.extend(&frame[header_len..]);
    bytes
}

#[test]
fn a_codec_stops_at_its_limit() {
    for &(codec, size, ref bomb) in &*BOMBS {
        for limit in LIMITS.into_iter().filter(|limit| *limit < size) {
            let (result, part) = codecs::inflate(codec, bomb, limit);
            println!("{codec}: {} bytes, limit {limit}: {:.0} % of the memory that it may take", bomb.len(), part * 100.0);
            assert!(matches!(result, Err(DecodeError::TooLarge { .. })), "{codec}: {result:?}");
        }
    }
}

#[test]
fn a_batch_stops_at_its_limit() {
    for &(codec, size, ref bomb) in &*BOMBS {
        let meta = BatchMeta { count: 1, base_timestamp: 0, max_timestamp: 0 };
        let mut header = BatchHeader::for_batch(&meta, Attributes::default().with_compression(codec));
        let mut batch = seal_header(&mut header, bomb).to_vec();
        batch.extend(bomb);
        let batch = Bytes::from(batch);
        for limit in LIMITS.into_iter().filter(|limit| *limit < size) {
            let raw = split_batches(&batch).next().unwrap().unwrap();
            let result = raw.decode(true, limit, Vec::new());
            assert!(matches!(result, Err(DecodeError::TooLarge { .. })), "{codec}: {result:?}");
            batches::read(&batch, true, limit);
        }
    }
}

/// The shortest messages, of which a compressed one may hold the most, and which become records that are still shorter.
#[test]
fn a_compressed_message_of_the_older_formats_stops_at_its_limit_too() {
    for magic in [0, 1] {
        let mut set = Vec::new();
        let mut offset = 0;
        while set.len() < 2 << 20 {
            set.extend(legacy::message(magic, 0, offset, None, None));
            offset += 1;
        }
        for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4] {
            let bomb = Bytes::from(legacy::wrapper(magic, codec, offset, &set));
            let raw = split_batches(&bomb).next().unwrap().unwrap();
            assert!(matches!(raw.decode(true, set.len() - 1, Vec::new()), Err(DecodeError::TooLarge { .. })));
            let (decoded, usage) = measured(|| raw.decode(true, set.len(), Vec::new()));
            let decoded = decoded.unwrap();
            assert_eq!(decoded.records().count(), offset as usize);
            let _ = held_against(usage, bomb.len(), set.len() * batches::FACTOR + batches::CONSTANT);
            drop(decoded);
            for limit in LIMITS {
                batches::read(&bomb, true, limit);
            }
        }
    }
}

/// A message whose value, inflated, is one more compressed message, and so on: only one layer is ever looked at.
#[test]
fn nested_compression_is_refused() {
    let mut inner = legacy::message(1, 0, 0, None, Some(&[0; 1 << 20]));
    for _ in 0..20 {
        let mut value = Vec::new();
        compress(Compression::Gzip, None, &inner, &mut value).unwrap();
        inner = legacy::message(1, Compression::Gzip.id() as u8, 0, None, Some(&value));
    }
    let raw = split_batches(&Bytes::from(inner)).next().unwrap().unwrap();
    let result = raw.decode(true, 1 << 20, Vec::new());
    assert!(matches!(result, Err(DecodeError::Malformed(_))), "{result:?}");
}
