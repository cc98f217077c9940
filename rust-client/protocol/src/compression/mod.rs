//! The codecs of a record batch. Each is a feature of this crate; one that was left out answers with a clear error.
//!
//! Inflated bytes are an attacker's: every codec stops at the limit it is given, and memory grows with what was inflated, or at
//! most with what the compressed bytes can justify, never with what a length field says.

#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(test)]
#[cfg(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]
mod tests;

use std::fmt;
use std::ops::RangeInclusive;

use crate::{DecodeError, EncodeError};

/// The codec of a record batch, numbered as in the lowest three bits of its attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not compressed.
    #[default]
    None = 0,
    /// gzip, with levels.
    Gzip = 1,
    /// Snappy in Xerial's framing, as Java writes it.
    Snappy = 2,
    /// LZ4's frame format.
    Lz4 = 3,
    /// Zstandard (KIP-110), with levels. Brokers know it from Kafka 2.1 on.
    Zstd = 4,
}

impl Compression {
    /// All codecs, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec with this number.
    #[must_use]
    pub const fn from_id(id: i8) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn id(self) -> i8 {
        self as i8
    }

    /// Its name, as in the property `compression.type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether this build has the codec.
#[must_use]
pub const fn is_supported(codec: Compression) -> bool {
    match codec {
        Compression::None => true,
        Compression::Gzip => cfg!(feature = "gzip"),
        Compression::Snappy => cfg!(feature = "snappy"),
        Compression::Lz4 => cfg!(feature = "lz4"),
        Compression::Zstd => cfg!(feature = "zstd"),
    }
}

/// The levels that the codec knows; none if it has only one way to compress.
///
/// LZ4 is here without levels: its fast mode is the only one written.
#[must_use]
pub const fn level_range(codec: Compression) -> Option<RangeInclusive<i32>> {
    match codec {
        // -1 is zlib's name for its default.
        Compression::Gzip => Some(-1..=9),
        Compression::Zstd => Some(-131_072..=22),
        Compression::None | Compression::Snappy | Compression::Lz4 => None,
    }
}

/// Compresses `input` and appends it to `out`.
///
/// Without a level the codec's default is taken; a level outside [`level_range`] counts as the nearest one inside, and a codec
/// without levels takes no notice of it.
///
/// # Errors
/// If the codec is not in this build, or fails. `out` is then as it was.
pub fn compress(codec: Compression, level: Option<i32>, input: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let level = level.zip(level_range(codec)).map(|(level, range)| level.clamp(*range.start(), *range.end()));
    let start = out.len();
    let result = match codec {
        Compression::None => {
            out.extend_from_slice(input);
            Ok(())
        }
        #[cfg(feature = "gzip")]
        Compression::Gzip => gzip::compress(level, input, out),
        #[cfg(feature = "snappy")]
        Compression::Snappy => snappy::compress(input, out),
        #[cfg(feature = "lz4")]
        Compression::Lz4 => lz4::compress(input, out),
        #[cfg(feature = "zstd")]
        Compression::Zstd => {
            zstd::compress(level, input, out);
            Ok(())
        }
        #[allow(unreachable_patterns, reason = "with every feature on there is no other codec")]
        other => {
            let _ = level;
            Err(EncodeError::Compression { codec: other.name(), reason: "it was left out of this build".to_owned() })
        }
    };
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Inflates `input` and appends it to `out`: at most `limit` bytes.
///
/// # Errors
/// [`DecodeError::TooLarge`] beyond the limit; [`DecodeError::UnsupportedCompression`] if the codec is not in this build;
/// [`DecodeError::Compression`] if the bytes are malformed or cut off. `out` then has the length it had.
pub fn decompress(codec: Compression, input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    inflate(codec, Lz4Header::Checked, input, limit, out)
}

/// Whether an LZ4 frame's header checksum has to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lz4Header {
    /// It has to be.
    Checked,
    /// Messages of magic 0 carry a wrong one (KAFKA-3160).
    Unchecked,
}

pub(crate) fn inflate(
    codec: Compression,
    lz4_header: Lz4Header,
    input: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let start = out.len();
    let result = match codec {
        Compression::None if input.len() > limit => Err(DecodeError::TooLarge { limit }),
        Compression::None => {
            out.extend_from_slice(input);
            Ok(())
        }
        #[cfg(feature = "gzip")]
        Compression::Gzip => gzip::decompress(input, limit, out),
        #[cfg(feature = "snappy")]
        Compression::Snappy => snappy::decompress(input, limit, out),
        #[cfg(feature = "lz4")]
        Compression::Lz4 => lz4::decompress(lz4_header, input, limit, out),
        #[cfg(feature = "zstd")]
        Compression::Zstd => zstd::decompress(input, limit, out),
        #[allow(unreachable_patterns, reason = "with every feature on there is no other codec")]
        other => {
            let _ = lz4_header;
            Err(DecodeError::UnsupportedCompression(other.name()))
        }
    };
    if result.is_err() {
        out.truncate(start);
    }
    result
}
