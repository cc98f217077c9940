//! gzip, by flate2 over zlib-rs.

use std::io::{Read, Write};

use flate2::Compression as Level;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::{DecodeError, EncodeError};

pub(super) fn compress(level: Option<i32>, input: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let level = level.and_then(|level| u32::try_from(level).ok()).map_or_else(Level::default, Level::new);
    let mut encoder = GzEncoder::new(out, level);
    let written = encoder.write_all(input).and_then(|()| encoder.finish());
    written.map(drop).map_err(|error| EncodeError::Compression { codec: "gzip", reason: error.to_string() })
}

pub(super) fn decompress(input: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    // Several members in a row are one stream, as for Java. One byte above the limit shows that there would be more.
    let ceiling = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let inflated = MultiGzDecoder::new(input).take(ceiling).read_to_end(out);
    match inflated {
        Ok(inflated) if inflated > limit => Err(DecodeError::TooLarge { limit }),
        Ok(_) => Ok(()),
        Err(error) => Err(DecodeError::Compression { codec: "gzip", reason: error.to_string() }),
    }
}
