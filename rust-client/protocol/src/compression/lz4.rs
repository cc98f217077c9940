//! LZ4's frame format over lz4_flex's blocks.
//!
//! The frame is read and written here rather than by lz4_flex, so that blocks go straight from and into the caller's buffers, the
//! limit holds for each block, and magic 0's wrong header checksum can be let through.

use std::hash::Hasher;

use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into, decompress_into_with_dict, get_maximum_output_size,
};
use twox_hash::XxHash32;

use super::Lz4Header;
use crate::{DecodeError, EncodeError};

const MAGIC: u32 = 0x184D_2204;
const SKIPPABLE: std::ops::RangeInclusive<u32> = 0x184D_2A50..=0x184D_2A5F;
/// What is written: version 1, independent blocks (Java reads no others), no checksums, blocks of up to 64 KB.
const HEADER: [u8; 7] = *b"\x04\x22\x4d\x18\x60\x40\x82";
const BLOCK: usize = 64 * 1024;
/// How far back a block may refer to the ones before it.
const WINDOW: usize = 64 * 1024;
/// The bit of a block's length that says that the block is stored as it is.
const STORED: u32 = 1 << 31;
/// No byte of a block yields more than 255.
const MAX_RATIO: usize = 255;

pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut table = CompressTable::default();
    out.extend_from_slice(&HEADER);
    for block in input.chunks(BLOCK) {
        let length_at = out.len();
        let at = length_at + 4;
        out.resize(at + get_maximum_output_size(block.len()), 0);
        let space = out.get_mut(at..).unwrap_or_default();
        let written = compress_into_with_table(block, space, &mut table)
            .map_err(|error| EncodeError::Compression { codec: "lz4", reason: error.to_string() })?;
        // A block that does not shrink is stored; its length, at most 64 KB, fits in either case.
        let stored = written >= block.len();
        if stored {
            out.truncate(at);
            out.extend_from_slice(block);
        } else {
            out.truncate(at + written);
        }
        let length = if stored { block.len() as u32 | STORED } else { written as u32 };
        if let Some(field) = out.get_mut(length_at..at) {
            field.copy_from_slice(&length.to_le_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    Ok(())
}

/// What a frame's header says.
struct Frame {
    dependent: bool,
    block_checksums: bool,
    content_size: Option<u64>,
    content_checksum: bool,
    max_block: usize,
}

pub(super) fn decompress(header: Lz4Header, input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let start = out.len();
    let mut rest = input;
    // Frames may be joined. A stream has at least one.
    loop {
        if SKIPPABLE.contains(&u32::from_le_bytes(*peek(rest)?)) {
            take::<4>(&mut rest)?;
            let length = usize::try_from(u32::from_le_bytes(*take(&mut rest)?)).unwrap_or(usize::MAX);
            rest = rest.get(length..).ok_or_else(|| malformed("a skippable frame is cut off"))?;
        } else {
            frame(header, &mut rest, start, limit, out)?;
        }
        if rest.is_empty() {
            return Ok(());
        }
    }
}

fn frame(header: Lz4Header, rest: &mut &[u8], start: usize, limit: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let info = frame_header(header, rest)?;
    let frame_start = out.len();
    loop {
        let length = u32::from_le_bytes(*take(rest)?);
        if length == 0 {
            break;
        }
        let stored = length & STORED != 0;
        let length = usize::try_from(length & !STORED).unwrap_or(usize::MAX);
        if length > info.max_block {
            return Err(malformed("a block is larger than its frame allows"));
        }
        let (data, after) = rest.split_at_checked(length).ok_or_else(|| malformed("a block is cut off"))?;
        *rest = after;
        if info.block_checksums && u32::from_le_bytes(*take(rest)?) != xxh32(data) {
            return Err(malformed("a block's checksum is wrong"));
        }
        let left = limit.saturating_sub(out.len() - start);
        if stored {
            if length > left {
                return Err(DecodeError::TooLarge { limit });
            }
            out.extend_from_slice(data);
        } else {
            block(data, &info, frame_start, left, limit, out)?;
        }
    }
    let content = out.get(frame_start..).unwrap_or_default();
    if info.content_size.is_some_and(|size| usize::try_from(size) != Ok(content.len())) {
        return Err(malformed("its content is not as long as it says"));
    }
    if info.content_checksum && u32::from_le_bytes(*take(rest)?) != xxh32(content) {
        return Err(malformed("its content's checksum is wrong"));
    }
    Ok(())
}

fn frame_header(check: Lz4Header, rest: &mut &[u8]) -> Result<Frame, DecodeError> {
    if u32::from_le_bytes(*take(rest)?) != MAGIC {
        return Err(malformed("it does not start with the frame format's magic"));
    }
    let descriptor = *rest;
    let [flags, sizes] = *take(rest)?;
    if flags >> 6 != 1 {
        return Err(malformed("its frame format's version is unknown"));
    }
    if flags & 1 != 0 {
        return Err(malformed("it needs a dictionary"));
    }
    let max_block = match sizes >> 4 & 7 {
        4 => 64 << 10,
        5 => 256 << 10,
        6 => 1 << 20,
        7 => 4 << 20,
        _ => return Err(malformed("its block size is unknown")),
    };
    let content_size = if flags & 8 != 0 { Some(u64::from_le_bytes(*take(rest)?)) } else { None };
    let hashed = descriptor.get(..descriptor.len() - rest.len()).unwrap_or_default();
    let [checksum] = *take(rest)?;
    if check == Lz4Header::Checked && checksum != (xxh32(hashed) >> 8) as u8 {
        return Err(malformed("its header's checksum is wrong"));
    }
    Ok(Frame {
        dependent: flags & 32 == 0,
        block_checksums: flags & 16 != 0,
        content_size,
        content_checksum: flags & 4 != 0,
        max_block,
    })
}

/// Inflates one block to at most `left` bytes.
fn block(
    data: &[u8],
    frame: &Frame,
    frame_start: usize,
    left: usize,
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let at = out.len();
    let bound = data.len().saturating_mul(MAX_RATIO).min(frame.max_block);
    let room = bound.min(left);
    out.resize(at + room, 0);
    let (before, space) = out.split_at_mut(at);
    let inflated = if frame.dependent {
        let window = before.get(frame_start.max(at.saturating_sub(WINDOW))..).unwrap_or_default();
        decompress_into_with_dict(data, space, window)
    } else {
        decompress_into(data, space)
    };
    match inflated {
        Ok(inflated) => {
            out.truncate(at + inflated);
            Ok(())
        }
        Err(DecompressError::OutputTooSmall { .. }) if room < bound => Err(DecodeError::TooLarge { limit }),
        Err(error) => Err(malformed(error.to_string())),
    }
}

fn peek(rest: &[u8]) -> Result<&[u8; 4], DecodeError> {
    rest.first_chunk().ok_or_else(|| malformed("it is cut off"))
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], DecodeError> {
    let (chunk, after) = rest.split_first_chunk::<N>().ok_or_else(|| malformed("it is cut off"))?;
    *rest = after;
    Ok(chunk)
}

fn xxh32(bytes: &[u8]) -> u32 {
    let mut hasher = XxHash32::with_seed(0);
    hasher.write(bytes);
    // The upper half of the 64 bits is empty.
    hasher.finish() as u32
}

fn malformed(reason: impl Into<String>) -> DecodeError {
    DecodeError::Compression { codec: "lz4", reason: reason.into() }
}
