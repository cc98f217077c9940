//! Snappy: Xerial's framing is written, as Java does; that and raw Snappy, which other clients write, are read.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use crate::{DecodeError, EncodeError};

const XERIAL_MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
/// The magic, then version 1, readable by readers of version 1.
const XERIAL_HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// How much of the input goes into one block: the default of Java's SnappyOutputStream.
const BLOCK: usize = 32 * 1024;
/// No element of Snappy's format yields more bytes for each of its own: a copy of up to 64 bytes takes 3.
const MAX_RATIO: usize = 22;

pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let failed = |reason: String| EncodeError::Compression { codec: "snappy", reason };
    let mut encoder = Encoder::new();
    out.extend_from_slice(&XERIAL_HEADER);
    for block in input.chunks(BLOCK) {
        let length_at = out.len();
        let at = length_at + 4;
        out.resize(at + max_compress_len(block.len()), 0);
        let space = out.get_mut(at..).unwrap_or_default();
        let length = encoder.compress(block, space).map_err(|error| failed(error.to_string()))?;
        out.truncate(at + length);
        let length = u32::try_from(length).map_err(|error| failed(error.to_string()))?;
        if let Some(field) = out.get_mut(length_at..at) {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

pub(super) fn decompress(input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    if !input.starts_with(&XERIAL_MAGIC) {
        return block(input, limit, limit, out);
    }
    let mut rest = input;
    let mut left = limit;
    while !rest.is_empty() {
        // Streams may be joined, each with a header of its own.
        if rest.starts_with(&XERIAL_MAGIC) {
            rest = rest.get(XERIAL_HEADER.len()..).ok_or_else(|| malformed("its header is cut off"))?;
            continue;
        }
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(|| malformed("a block's length is cut off"))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (data, after) = after.split_at_checked(length).ok_or_else(|| malformed("a block is cut off"))?;
        let before = out.len();
        block(data, left, limit, out)?;
        left -= out.len() - before;
        rest = after;
    }
    Ok(())
}

/// Inflates one raw block to at most `left` bytes.
fn block(data: &[u8], left: usize, limit: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let length = decompress_len(data).map_err(|error| malformed(error.to_string()))?;
    if length > left {
        return Err(DecodeError::TooLarge { limit });
    }
    if length > data.len().saturating_mul(MAX_RATIO) {
        return Err(malformed("it claims to hold more than its bytes can"));
    }
    let start = out.len();
    out.resize(start + length, 0);
    let space = out.get_mut(start..).unwrap_or_default();
    let inflated = Decoder::new().decompress(data, space).map_err(|error| malformed(error.to_string()))?;
    out.truncate(start + inflated);
    Ok(())
}

fn malformed(reason: impl Into<String>) -> DecodeError {
    DecodeError::Compression { codec: "snappy", reason: reason.into() }
}
