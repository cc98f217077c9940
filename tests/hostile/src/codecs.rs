//! Each codec's inflate, within a bound.

use ottla_protocol::DecodeError;
use ottla_protocol::arbitrary::Random;
use ottla_protocol::compression::{Compression, compress, decompress};

use crate::allocator::{held_against, measured};
use crate::mutation::{mutate, noise};
use crate::{Input, Target};

const NAMES: [&str; 5] = ["gzip", "snappy, raw", "snappy, Xerial's framing", "lz4", "zstd"];

/// What inflating may take for each byte of the limit: the buffer grows by doubling, also beyond the limit by less than once, and
/// its old half is there while it is moved: three. zstd's window, of the next power of two, is beside it: up to two more.
pub const FACTOR: usize = 5;
/// What it may take whatever the limit: the codecs' tables, and one block more than was asked for.
pub const CONSTANT: usize = 1 << 20;

/// The codec of a decoder's number.
#[must_use]
pub fn codec(decoder: usize) -> Compression {
    [Compression::Gzip, Compression::Snappy, Compression::Snappy, Compression::Lz4, Compression::Zstd][decoder]
}

/// Some content that compresses more or less well.
pub fn content(random: &mut Random) -> Vec<u8> {
    let len = if random.below(32) == 0 { random.below(200_000) } else { random.below(3000) };
    let variety = 1 + random.below(40);
    let mut bytes: Vec<u8> = Vec::with_capacity(len);
    while bytes.len() < len {
        match random.below(4) {
            0 => bytes.resize(bytes.len() + random.below(300), random.bits() as u8),
            1 if !bytes.is_empty() => {
                let from = random.below(bytes.len());
                let until = (from + random.below(200)).min(bytes.len());
                bytes.extend_from_within(from..until);
            }
            _ => bytes.extend((0..20).map(|_| random.below(variety) as u8)),
        }
    }
    bytes
}

/// What the codec makes of it.
#[must_use]
pub fn compressed(decoder: usize, level: Option<i32>, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compress(codec(decoder), level, content, &mut out).expect("anything can be compressed");
    // The first block of Xerial's framing, without the framing.
    if decoder == 1 {
        let length = out.get(16..20).map_or(0, |length| u32::from_be_bytes(length.try_into().expect("four")) as usize);
        out = if out.len() < 20 { vec![0] } else { out[20..20 + length].to_vec() };
    }
    out
}

/// Inflates and holds length, error and memory against the limit; says also how much of the memory that it may take it took.
pub fn inflate(codec: Compression, bytes: &[u8], limit: usize) -> (Result<Vec<u8>, DecodeError>, f64) {
    let mut out = Vec::new();
    let (result, usage) = measured(|| decompress(codec, bytes, limit, &mut out));
    let part = held_against(usage, bytes.len(), FACTOR * limit + CONSTANT);
    assert!(out.len() <= limit, "{codec}: {} bytes came out, the limit is {limit}", out.len());
    assert!(result.is_ok() || out.is_empty(), "{codec}: what was begun is taken back");
    (result.map(|()| out), part)
}

/// The codecs.
#[derive(Debug)]
pub struct Codecs;

impl Target for Codecs {
    fn name(&self) -> &'static str {
        "codecs"
    }

    fn input(&self, number: u64, random: &mut Random) -> Input {
        let decoder = (number % NAMES.len() as u64) as usize;
        let bytes = if random.below(8) == 0 {
            noise(random)
        } else {
            let level = [None, Some(1), Some(9)][random.below(3)];
            let mut bytes = compressed(decoder, level, &content(random));
            let other = compressed(decoder, None, &content(random));
            mutate(random, &mut bytes, &other);
            bytes
        };
        let limit = [0, 100, 4096, 1 << 20][random.below(4)];
        Input { bytes: bytes.into(), decoder, limit, check_crc: false }
    }

    fn feed(&self, input: &Input) -> f64 {
        inflate(codec(input.decoder), &input.bytes, input.limit).1
    }

    fn describe(&self, input: &Input) -> String {
        format!("{} inflated to at most {} bytes", NAMES[input.decoder], input.limit)
    }
}
