//! What a coverage-guided fuzzer (`tests/fuzz`) feeds: its bytes begin with which decoder is meant and how it is called, and the
//! rest is what that one reads. The memory bounds are those of the seeded runs.

use std::sync::LazyLock;

use bytes::Bytes;
use ottla_protocol::arbitrary::Random;

use crate::messages::Messages;
use crate::{Input, Target, batches, codecs, frames};

static MESSAGES: LazyLock<Messages> = LazyLock::new(Messages::new);

/// To how many bytes something may be inflated.
const LIMITS: [usize; 4] = [0, 100, 4096, 1 << 20];
/// In the byte of a message's version: it is a response.
const RESPONSE: u8 = 0x80;
/// In the byte of how batches are read, behind the limit's two bits.
const CHECK_CRC: u8 = 4;
const REPAIR: u8 = 8;

/// API key, version (with the highest bit for a response), body.
pub fn messages(data: &[u8]) {
    let [key, version, body @ ..] = data else { return };
    let kind = if version & RESPONSE == 0 { "Request" } else { "Response" };
    if let Some(decoder) = MESSAGES.decoder(i16::from(*key), kind, i16::from(version & !RESPONSE)) {
        MESSAGES.feed(&Input::new(Bytes::copy_from_slice(body), decoder));
    }
}

/// The decoder's number, what it reads.
pub fn frames(data: &[u8]) {
    let [decoder, rest @ ..] = data else { return };
    frames::Frames.feed(&Input::new(Bytes::copy_from_slice(rest), usize::from(decoder % 4)));
}

/// A byte of flags: the limit, whether the CRC is checked, whether it is made right before. Then the batches.
pub fn batches(data: &[u8]) {
    let [flags, rest @ ..] = data else { return };
    let mut bytes = rest.to_vec();
    if flags & REPAIR != 0 {
        batches::repair(&mut bytes);
    }
    let (limit, check_crc) = (LIMITS[usize::from(flags % 4)], flags & CHECK_CRC != 0);
    batches::Batches.feed(&Input { bytes: bytes.into(), decoder: 0, limit, check_crc });
}

/// The codec's number, the limit's, the compressed bytes.
pub fn codecs(data: &[u8]) {
    let [decoder, limit, rest @ ..] = data else { return };
    let (decoder, limit) = (usize::from(decoder % 5), LIMITS[usize::from(limit % 4)]);
    codecs::Codecs.feed(&Input { bytes: Bytes::copy_from_slice(rest), decoder, limit, check_crc: false });
}

/// Inputs to begin with, one of a kind: each message in its first and last version, each codec, batches of each format.
#[must_use]
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut random = Random::new(1);
    let mut seeds: Vec<(&'static str, Vec<u8>)> = Vec::new();
    for (key, kind, version, valid) in MESSAGES.valid_ones(&mut random) {
        let version = version as u8 | if kind == "Response" { RESPONSE } else { 0 };
        seeds.push(("messages", [&[key as u8, version], &valid[..]].concat()));
    }
    for number in 0..16 {
        let frame = frames::Frames.input(number, &mut random);
        seeds.push(("frames", [&[frame.decoder as u8], &frame.bytes[..]].concat()));
        let mut valid = crate::legacy::arbitrary(&mut random, false);
        seeds.push(("batches", [&[3 | CHECK_CRC], &valid[..]].concat()));
        valid = batches::arbitrary(&mut random, false);
        seeds.push(("batches", [&[3 | REPAIR], &valid[..]].concat()));
    }
    for decoder in 0..5 {
        let compressed = codecs::compressed(decoder, None, &codecs::content(&mut random));
        seeds.push(("codecs", [&[decoder as u8, 3], &compressed[..]].concat()));
    }
    seeds.retain(|(_, seed)| seed.len() <= 2000);
    seeds
}
