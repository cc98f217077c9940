//! Messages of magic 0 and 1, which nobody writes any more but old logs hold.

use ottla_protocol::arbitrary::Random;
use ottla_protocol::compression::{Compression, compress};

use crate::mutation::mutate;

/// zlib's CRC-32, a bit at a time.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

/// One message.
#[must_use]
pub fn message(magic: u8, attributes: u8, offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Vec<u8> {
    let mut body = vec![magic, attributes];
    if magic == 1 {
        body.extend_from_slice(&(1_600_000_000_000_i64 + offset).to_be_bytes());
    }
    for blob in [key, value] {
        body.extend_from_slice(&blob.map_or(-1, |blob| blob.len() as i32).to_be_bytes());
        body.extend_from_slice(blob.unwrap_or_default());
    }
    let mut bytes = offset.to_be_bytes().to_vec();
    bytes.extend_from_slice(&(body.len() as i32 + 4).to_be_bytes());
    bytes.extend_from_slice(&crc32(&body).to_be_bytes());
    bytes.extend(body);
    bytes
}

/// A message that holds a set of others.
#[must_use]
pub fn wrapper(magic: u8, codec: Compression, offset: i64, set: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    compress(codec, None, set, &mut value).expect("anything can be compressed");
    message(magic, codec.id() as u8, offset, None, Some(&value))
}

/// A message or a wrapper; `hostile` ones may hold anything behind a right checksum and a right codec.
pub fn arbitrary(random: &mut Random, hostile: bool) -> Vec<u8> {
    let magic = random.below(2) as u8;
    let mut set = Vec::new();
    let count = 1 + random.below(20) as i64;
    for offset in 0..count {
        let (key, value) = (random.bytes(), random.bytes());
        set.extend(message(magic, 0, offset, random.flip().then_some(&key), random.flip().then_some(&value)));
    }
    let codec = [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4][random.below(4)];
    if codec == Compression::None {
        return set;
    }
    if hostile {
        let other = set.clone();
        mutate(random, &mut set, &other);
    }
    wrapper(magic, codec, 100 + count, &set)
}
