//! Zstandard, by the pure Rust crate `structured-zstd`.
//!
//! Weighed against the C library (crate `zstd` 0.13, libzstd 1.5.7) and `ruzstd` 0.9.1, on 50 MB of Rust sources, release build,
//! one thread, each chunk a frame of its own (MB/s of the uncompressed side; decompressing is that of the C library's frames):
//!
//! | chunk, level | crate | ratio | compress | decompress |
//! |---|---|---|---|---|
//! | 16 KB, 1 | C | 4.140 | 365 | 1119 |
//! | | structured-zstd 0.2.6 | 4.141 | 311 | 911 |
//! | | ruzstd | 3.353 | 85 | 299 |
//! | 16 KB, 3 | C | 4.233 | 330 | 1127 |
//! | | structured-zstd | 4.214 | 224 | 905 |
//! | 100 KB, 1 | C | 4.682 | 499 | 1538 |
//! | | structured-zstd | 4.682 | 447 | 1156 |
//! | | ruzstd | 3.432 | 101 | 361 |
//! | 100 KB, 3 | C | 4.866 | 417 | 1568 |
//! | | structured-zstd | 4.868 | 275 | 1278 |
//! | 1 MB, 1 | C | 5.309 | 533 | 1773 |
//! | | structured-zstd | 5.304 | 476 | 1452 |
//! | | ruzstd | 3.446 | 101 | 416 |
//! | 1 MB, 3 | C | 6.101 | 432 | 1762 |
//! | | structured-zstd | 6.102 | 296 | 1500 |
//!
//! Every frame of each was read by the other, byte for byte. So structured-zstd: C's ratio at 65 to 90 % of its speed, all levels
//! (ruzstd has one), and no C compiler, which keeps cross builds a matter of `rustup target add`. Its frames are read by the C
//! library's users as any other's.

use structured_zstd::decoding::{BlockDecodingStrategy, ContentChecksum, FrameDecoder};
use structured_zstd::encoding::{CompressionLevel, FrameCompressor};

use crate::DecodeError;

const DEFAULT_LEVEL: i32 = 3;
const MAGIC: u32 = 0xFD2F_B528;
const SKIPPABLE: std::ops::RangeInclusive<u32> = 0x184D_2A50..=0x184D_2A5F;
/// What one block inflates to at most, and what it takes at least in the frame.
const MAX_BLOCK: usize = 128 * 1024;
const MIN_BLOCK_LEN: usize = 3;
/// The largest window that is let through as it is (what the C library allows too); larger ones only up to the limit.
const MAX_WINDOW: u64 = 1 << 27;

pub(super) fn compress(level: Option<i32>, input: &[u8], out: &mut Vec<u8>) {
    let level = level.unwrap_or(DEFAULT_LEVEL);
    let mut compressor: FrameCompressor = FrameCompressor::new(CompressionLevel::from_level(level));
    if out.is_empty() {
        compressor.compress_independent_frame_into(input, out);
    } else {
        out.extend_from_slice(&compressor.compress_independent_frame(input));
    }
}

pub(super) fn decompress(input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let start = out.len();
    let mut decoder = FrameDecoder::new();
    decoder.set_content_checksum(ContentChecksum::Verify);
    let mut rest = input;
    // Frames may be joined. A stream has at least one.
    loop {
        let magic = rest.first_chunk().map(|magic| u32::from_le_bytes(*magic)).ok_or_else(|| malformed("it is cut off"))?;
        if SKIPPABLE.contains(&magic) {
            rest = skip(rest)?;
        } else if magic == MAGIC {
            frame(&mut decoder, &mut rest, start, limit, out)?;
        } else {
            return Err(malformed("it does not start with a frame's magic"));
        }
        if rest.is_empty() {
            return Ok(());
        }
    }
}

fn skip(frame: &[u8]) -> Result<&[u8], DecodeError> {
    let after = frame.get(4..).and_then(|after| after.split_first_chunk::<4>());
    let skipped = after.and_then(|(length, after)| after.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..));
    skipped.ok_or_else(|| malformed("a skippable frame is cut off"))
}

fn frame(decoder: &mut FrameDecoder, rest: &mut &[u8], start: usize, limit: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let left = limit.saturating_sub(out.len() - start);
    let header = tame_header(rest, left, limit)?;
    // It allows at least MAX_WINDOW, so this ceiling is always one that it takes.
    let ceiling = u64::try_from(left).unwrap_or(u64::MAX).clamp(MAX_WINDOW, 1 << 30);
    decoder.set_max_window_size(ceiling).map_err(failed)?;
    decoder.init(header.bytes()).map_err(failed)?;
    *rest = rest.get(header.len..).unwrap_or_default();
    loop {
        let finished = decoder.decode_blocks(&mut *rest, BlockDecodingStrategy::UptoBlocks(1)).map_err(failed)?;
        // What is decoded is at most a block more than was there, so the excess over the limit is bounded too.
        decoder.collect_to_writer(&mut *out).map_err(failed)?;
        if out.len() - start > limit {
            return Err(DecodeError::TooLarge { limit });
        }
        if finished {
            break;
        }
    }
    decoder.verify_content_size().map_err(failed)?;
    decoder.verify_content_checksum().map_err(failed)
}

/// A frame's header as it is handed to the decoder.
struct Header {
    raw: [u8; 18],
    len: usize,
}

impl Header {
    fn bytes(&self) -> &[u8] {
        self.raw.get(..self.len).unwrap_or_default()
    }
}

/// Holds a frame header's claims against what remains, since the decoder reserves memory by them.
///
/// A content size that the limit or the frame's bytes don't allow is refused. A window, though, is a property of the writer (Java
/// names one of 2 MB or, at high levels, of 128 MB before the smallest of batches), so one that is larger than all that could be
/// inflated here is made as small as that, which changes nothing else.
fn tame_header(frame: &[u8], left: usize, limit: usize) -> Result<Header, DecodeError> {
    let cut_off = || malformed("its header is cut off");
    let descriptor = *frame.get(4).ok_or_else(cut_off)?;
    let single_segment = descriptor & 0x20 != 0;
    let window_len = usize::from(!single_segment);
    let dictionary_len = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied().unwrap_or(4);
    let content_at = 5 + window_len + dictionary_len;
    let content_len = match descriptor >> 6 {
        0 => usize::from(single_segment),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let len = content_at + content_len;
    let bytes = frame.get(..len).ok_or_else(cut_off)?;
    let mut header = Header { raw: [0; 18], len };
    if let Some(raw) = header.raw.get_mut(..len) {
        raw.copy_from_slice(bytes);
    }
    // Of what its blocks can be at most.
    let justified = ((frame.len() - len) / MIN_BLOCK_LEN + 1).saturating_mul(MAX_BLOCK);
    if content_len > 0 {
        let mut size = [0; 8];
        for (to, from) in size.iter_mut().zip(bytes.get(content_at..).unwrap_or_default()) {
            *to = *from;
        }
        // The two-byte form starts where the one-byte form ends.
        let size = u64::from_le_bytes(size) + if content_len == 2 { 256 } else { 0 };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size > left {
            return Err(DecodeError::TooLarge { limit });
        }
        if size > justified {
            return Err(malformed("it claims to hold more than its bytes can"));
        }
    }
    if !single_segment && let Some(window) = header.raw.get_mut(5) {
        let enough = justified.min(left.saturating_add(MAX_BLOCK));
        *window = (*window).min(window_descriptor(enough));
    }
    Ok(header)
}

/// The smallest window that holds `size` bytes, as a frame header says it: a power of two from 1 KB on and no eighths above it.
fn window_descriptor(size: usize) -> u8 {
    let log = size.max(1024).next_power_of_two().trailing_zeros();
    // At most 53 << 3, so it is cut to what the field can say.
    u8::try_from((log - 10) << 3).unwrap_or(u8::MAX)
}

fn failed(error: impl std::fmt::Display) -> DecodeError {
    malformed(error.to_string())
}

fn malformed(reason: impl Into<String>) -> DecodeError {
    DecodeError::Compression { codec: "zstd", reason: reason.into() }
}
