//! Messages of magic 0 and 1, which old logs still hold: turned into the records of a v2 batch, so that there is one way to read.
//!
//! A compressed message (a wrapper) holds a message set. Of magic 0 the inner messages carry their own offsets; of magic 1 theirs
//! count from the first, and the wrapper carries the last one's.

#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::builder::BatchBuilder;
use super::header::{Attributes, BatchHeader, LOG_OVERHEAD, TimestampType};
use super::reader::DecodedBatch;
use crate::DecodeError;
use crate::compression::{Compression, Lz4Header, inflate};

/// The shortest message: CRC, magic, attributes, and the lengths of a null key and value.
pub(super) const MIN_MESSAGE: usize = 14;
const CRC_FROM: usize = 16;

/// One message of a message set.
#[derive(Clone, Copy)]
struct Message<'a> {
    offset: i64,
    length: i32,
    crc: u32,
    magic: i8,
    attributes: Attributes,
    timestamp: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    /// What the CRC is of.
    covered: &'a [u8],
}

impl<'a> Message<'a> {
    /// Splits off a message. None: the last one is cut off, which the old format allows in a wrapper too.
    fn split(set: &mut &'a [u8]) -> Result<Option<Self>, DecodeError> {
        let mut rest = *set;
        let (Ok(offset), Ok(length)) = (take(&mut rest), take(&mut rest)) else { return Ok(None) };
        let length = i32::from_be_bytes(length);
        let Some(size) = usize::try_from(length).ok().filter(|size| *size >= MIN_MESSAGE) else {
            return Err(DecodeError::InvalidLength { what: "a message", length: i64::from(length), remaining: rest.len() });
        };
        let Some((mut body, after)) = rest.split_at_checked(size) else { return Ok(None) };
        let covered = set.get(CRC_FROM..LOG_OVERHEAD + size).unwrap_or_default();
        *set = after;
        let crc = u32::from_be_bytes(take(&mut body)?);
        let [magic, attributes] = take(&mut body)?;
        let magic = magic as i8;
        let timestamp = match magic {
            0 => -1,
            1 => i64::from_be_bytes(take(&mut body)?),
            other => return Err(DecodeError::UnknownMagic(other)),
        };
        let key = take_bytes(&mut body, "a message's key")?;
        let value = take_bytes(&mut body, "a message's value")?;
        if !body.is_empty() {
            return Err(DecodeError::Malformed("a message has more bytes than fields"));
        }
        // The bits that v2 gives another meaning are unused here.
        let attributes = Attributes(i16::from(attributes & 0b1111));
        Ok(Some(Self { offset: i64::from_be_bytes(offset), length, crc, magic, attributes, timestamp, key, value, covered }))
    }

    fn codec(&self) -> Result<Compression, DecodeError> {
        match (self.magic, self.attributes.compression()) {
            (_, Some(codec)) if codec != Compression::Zstd => Ok(codec),
            _ => Err(DecodeError::UnsupportedCompression("of a number that this message format does not have")),
        }
    }

    /// The header that a v2 batch of this message would have.
    fn header(&self) -> BatchHeader {
        BatchHeader {
            base_offset: self.offset,
            batch_length: self.length,
            partition_leader_epoch: -1,
            magic: self.magic,
            crc: self.crc,
            attributes: self.attributes,
            last_offset_delta: 0,
            base_timestamp: self.timestamp,
            max_timestamp: self.timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            records_count: 1,
        }
    }
}

/// The made-up header of the message that is `bytes`.
pub(super) fn header(bytes: &[u8]) -> Result<BatchHeader, DecodeError> {
    whole(bytes).map(|message| message.header())
}

fn whole(mut bytes: &[u8]) -> Result<Message<'_>, DecodeError> {
    let remaining = bytes.len();
    Message::split(&mut bytes)?.ok_or(DecodeError::UnexpectedEnd { needed: LOG_OVERHEAD + MIN_MESSAGE, remaining })
}

/// Turns the message that is `bytes`, and what it wraps, into records.
pub(super) fn decode(
    bytes: &[u8],
    check_crc: bool,
    inflate_limit: usize,
    mut scratch: Vec<u8>,
) -> Result<DecodedBatch, DecodeError> {
    let message = whole(bytes)?;
    if check_crc {
        let computed = crc32(message.covered);
        if computed != message.crc {
            return Err(DecodeError::CorruptBatch { stored: message.crc, computed });
        }
    }
    let codec = message.codec()?;
    if codec == Compression::None {
        return records(message, [Ok(message)], scratch);
    }
    scratch.clear();
    let lz4_header = if message.magic == 0 { Lz4Header::Unchecked } else { Lz4Header::Checked };
    let stored = message.value.ok_or(DecodeError::UnexpectedNull("a compressed message's value"))?;
    inflate(codec, lz4_header, stored, inflate_limit, &mut scratch)?;
    // Read twice rather than kept: the shortest message would take several times its length.
    let mut set = scratch.as_slice();
    let mut last = None;
    while let Some(inner) = inner_message(&mut set, message)? {
        last = Some(inner.offset);
    }
    let Some(last) = last else {
        return Err(DecodeError::Malformed("a compressed message holds no message"));
    };
    let base = if message.magic == 1 { message.offset.wrapping_sub(last) } else { 0 };
    let mut set = scratch.as_slice();
    let inner = std::iter::from_fn(|| inner_message(&mut set, message).transpose());
    let placed = inner.map(|inner| inner.map(|inner| Message { offset: inner.offset.wrapping_add(base), ..inner }));
    records(message, placed, Vec::new())
}

fn inner_message<'a>(set: &mut &'a [u8], wrapper: Message<'_>) -> Result<Option<Message<'a>>, DecodeError> {
    let Some(mut message) = Message::split(set)? else { return Ok(None) };
    if message.magic != wrapper.magic {
        return Err(DecodeError::Malformed("a compressed message holds one of another format"));
    }
    if message.codec()? != Compression::None {
        return Err(DecodeError::Malformed("a compressed message holds a compressed message"));
    }
    if wrapper.attributes.timestamp_type() == TimestampType::LogAppendTime {
        message.timestamp = wrapper.timestamp;
    }
    Ok(Some(message))
}

/// Builds the records of a v2 batch. There is at least one message.
fn records<'a>(
    outer: Message<'_>,
    messages: impl IntoIterator<Item = Result<Message<'a>, DecodeError>>,
    buf: Vec<u8>,
) -> Result<DecodedBatch, DecodeError> {
    let mut header = outer.header();
    let mut builder = BatchBuilder::new(buf);
    let mut last_delta = None;
    for message in messages {
        let message = message?;
        if last_delta.is_none() {
            header.base_offset = message.offset;
            builder.start(message.timestamp);
        }
        // Compaction leaves gaps; what it does not do is to change the order.
        let delta = message.offset.checked_sub(header.base_offset).and_then(|delta| i32::try_from(delta).ok());
        let Some(delta) = delta.filter(|delta| last_delta.is_none_or(|last| *delta > last)) else {
            return Err(DecodeError::Malformed("a compressed message holds messages out of order"));
        };
        last_delta = Some(delta);
        let none: [(&str, Option<&[u8]>); 0] = [];
        builder
            .append_at(delta.unsigned_abs(), message.timestamp, message.key, message.value, none)
            .map_err(|_| DecodeError::TooLarge { limit: i32::MAX as usize })?;
    }
    let (payload, meta) = builder.finish();
    header.last_offset_delta = last_delta.unwrap_or(0);
    header.records_count = i32::try_from(meta.count).unwrap_or(i32::MAX);
    header.base_timestamp = meta.base_timestamp;
    header.max_timestamp = meta.max_timestamp;
    DecodedBatch::new(header, Bytes::from(payload), true)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let remaining = rest.len();
    let (field, after) = rest.split_first_chunk::<N>().ok_or(DecodeError::UnexpectedEnd { needed: N, remaining })?;
    *rest = after;
    Ok(*field)
}

fn take_bytes<'a>(rest: &mut &'a [u8], what: &'static str) -> Result<Option<&'a [u8]>, DecodeError> {
    let length = i32::from_be_bytes(take(rest)?);
    if length == -1 {
        return Ok(None);
    }
    let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (bytes, after) = split.ok_or(DecodeError::InvalidLength { what, length: i64::from(length), remaining: rest.len() })?;
    *rest = after;
    Ok(Some(bytes))
}

/// CRC-32 of zlib, a nibble at a time: old logs are no hot path.
#[allow(clippy::indexing_slicing, reason = "the table is filled when this is compiled")]
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = {
        let mut table = [0_u32; 16];
        let mut i = 0;
        while i < 16 {
            let mut crc = i as u32;
            let mut bit = 0;
            while bit < 4 {
                crc = crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
                bit += 1;
            }
            table[i] = crc;
            i += 1;
        }
        table
    };
    let step = |crc: u32| crc >> 4 ^ TABLE.get(crc as usize & 15).copied().unwrap_or(0);
    !bytes.iter().fold(!0_u32, |crc, byte| step(step(crc ^ u32::from(*byte))))
}
