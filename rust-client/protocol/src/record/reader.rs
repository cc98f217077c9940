//! Reads record batches: whole ones as slices of the response, their records as views into one decoded batch.

use bytes::Bytes;

use super::header::{BatchHeader, HEADER_LEN, LOG_OVERHEAD, MAGIC_AT, TimestampType, verify_crc};
use super::{legacy, varint};
use crate::DecodeError;
use crate::compression::{Compression, decompress};

/// The shortest record: length, attributes, two deltas, two null lengths and a header count, of one byte each.
const MIN_RECORD: usize = 7;

/// Splits record data into its batches, without a copy.
#[must_use]
pub fn split_batches(records: &Bytes) -> Batches {
    Batches { rest: records.clone(), truncated: false }
}

/// The batches of a fetched partition. Ends after the first error, and in silence before a last batch that is cut off, as Fetch
/// may return it.
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
    truncated: bool,
}

impl Batches {
    /// Whether what is left, after the iteration, is a batch that is cut off.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    fn split(&mut self) -> Result<Option<RawBatch>, DecodeError> {
        let remaining = self.rest.len();
        let Some(&[.., a, b, c, d]) = self.rest.first_chunk::<LOG_OVERHEAD>() else {
            self.truncated = remaining > 0;
            return Ok(None);
        };
        let length = i32::from_be_bytes([a, b, c, d]);
        // The shortest message of magic 0: CRC, magic, attributes, and two null lengths.
        let Some(length) = usize::try_from(length).ok().filter(|length| *length >= legacy::MIN_MESSAGE) else {
            return Err(DecodeError::InvalidLength { what: "a record batch", length: i64::from(length), remaining });
        };
        if length > remaining - LOG_OVERHEAD {
            self.truncated = true;
            return Ok(None);
        }
        let bytes = self.rest.split_to(LOG_OVERHEAD + length);
        let header = match bytes.get(MAGIC_AT) {
            Some(0 | 1) => legacy::header(&bytes)?,
            _ => BatchHeader::parse(&bytes)?,
        };
        Ok(Some(RawBatch { header, bytes }))
    }
}

impl Iterator for Batches {
    type Item = Result<RawBatch, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.truncated {
            return None;
        }
        let split = self.split();
        if split.is_err() {
            self.rest.clear();
        }
        split.transpose()
    }
}

/// A whole batch as it came, or a whole message of magic 0 or 1.
#[derive(Clone, Debug)]
pub struct RawBatch {
    /// Its header.
    pub header: BatchHeader,
    /// Header and payload: a slice of what it was split from.
    pub bytes: Bytes,
}

impl RawBatch {
    /// Makes the records readable, inflating them if they are compressed: into `scratch`, whose content is dropped, and to at most
    /// `inflate_limit` bytes. Records that are not compressed stay where they are, and `scratch` is not used. Messages of magic
    /// 0 and 1 are turned into records of a v2 batch.
    ///
    /// # Errors
    /// If the CRC is asked for and wrong, the records can't be inflated within the limit, or the codec is not in this build.
    pub fn decode(&self, check_crc: bool, inflate_limit: usize, mut scratch: Vec<u8>) -> Result<DecodedBatch, DecodeError> {
        let header = self.header;
        if header.magic < 2 {
            return legacy::decode(&self.bytes, check_crc, inflate_limit, scratch);
        }
        if check_crc {
            verify_crc(&self.bytes)?;
        }
        let end = header.total_len();
        let short = || DecodeError::UnexpectedEnd { needed: end, remaining: self.bytes.len() };
        if end < HEADER_LEN || end > self.bytes.len() {
            return Err(short());
        }
        let codec = header.attributes.compression().ok_or(DecodeError::UnsupportedCompression("of an unknown number"))?;
        let stored = self.bytes.slice(HEADER_LEN..end);
        // A batch that compaction emptied has nothing to inflate.
        let (payload, inflated) = if codec == Compression::None || stored.is_empty() {
            (stored, false)
        } else {
            scratch.clear();
            decompress(codec, &stored, inflate_limit, &mut scratch)?;
            (Bytes::from(scratch), true)
        };
        DecodedBatch::new(header, payload, inflated)
    }
}

/// A batch whose records can be read: kept alive as one, read through views.
#[derive(Clone, Debug)]
pub struct DecodedBatch {
    /// The batch's header as it came. (Of magic 0 and 1: made to fit the records.)
    pub header: BatchHeader,
    /// The records, inflated.
    pub payload: Bytes,
    inflated: bool,
}

impl DecodedBatch {
    /// A batch of records that are not, or no longer, compressed; `inflated` says which.
    ///
    /// # Errors
    /// If the header counts more records than the bytes can hold.
    pub fn new(header: BatchHeader, payload: Bytes, inflated: bool) -> Result<Self, DecodeError> {
        let count = usize::try_from(header.records_count).unwrap_or(usize::MAX);
        if count > payload.len() / MIN_RECORD {
            let length = i64::from(header.records_count);
            return Err(DecodeError::InvalidLength { what: "a record batch's count", length, remaining: payload.len() });
        }
        Ok(Self { header, payload, inflated })
    }

    /// The records, from the first one on.
    #[must_use]
    pub fn records(&self) -> RecordIter<'_> {
        self.records_from(RecordCursor::default())
    }

    /// The records from a cursor on.
    #[must_use]
    pub fn records_from(&self, cursor: RecordCursor) -> RecordIter<'_> {
        RecordIter { batch: self, cursor }
    }

    /// Gives back the buffer that the records were inflated into, if there is one and nothing else refers to it any more.
    #[must_use]
    pub fn into_buffer(self) -> Option<Vec<u8>> {
        if self.inflated { self.payload.try_into_mut().ok().map(Vec::from) } else { None }
    }

    /// How many bytes the batch keeps in memory on its own account: those that it inflated. Other batches are slices.
    #[must_use]
    pub fn inflated_len(&self) -> usize {
        if self.inflated { self.payload.len() } else { 0 }
    }
}

/// Where the next record of a batch stands. Can be kept without borrowing the batch; it is good for that batch only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCursor {
    /// The next record's first byte in the payload.
    pub pos: usize,
    /// How many records are behind it.
    pub index: u32,
}

impl RecordCursor {
    /// The next record, or none at the end, or an error, after which there is none.
    #[inline]
    pub fn next<'a>(&mut self, batch: &'a DecodedBatch) -> Option<Result<RecordView<'a>, DecodeError>> {
        if self.index >= batch.header.records_count as u32 {
            return self.finish(batch);
        }
        let payload: &'a [u8] = &batch.payload;
        let mut rest = payload.get(self.pos..).unwrap_or_default();
        let record = record(&mut rest, &batch.header);
        if record.is_ok() {
            self.index += 1;
            self.pos = payload.len() - rest.len();
        } else {
            self.end(batch);
        }
        Some(record)
    }

    #[cold]
    fn finish<'a>(&mut self, batch: &'a DecodedBatch) -> Option<Result<RecordView<'a>, DecodeError>> {
        let left_over = self.pos < batch.payload.len();
        self.end(batch);
        left_over.then_some(Err(DecodeError::Malformed("a record batch has more bytes than records")))
    }

    fn end(&mut self, batch: &DecodedBatch) {
        self.index = batch.header.records_count as u32;
        self.pos = batch.payload.len();
    }
}

/// Goes through the records of a batch.
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    batch: &'a DecodedBatch,
    cursor: RecordCursor,
}

impl RecordIter<'_> {
    /// Where the next record stands.
    #[must_use]
    pub fn cursor(&self) -> RecordCursor {
        self.cursor
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<RecordView<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.next(self.batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // One more for an error.
        let left = (self.batch.header.records_count as u32).saturating_sub(self.cursor.index) as usize;
        (0, Some(left + 1))
    }
}

/// One record, borrowed from its batch.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// Its timestamp in ms: its producer's, or the broker's if the batch says so. -1: none.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; null is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers in their order.
    pub headers: HeadersView<'a>,
}

#[inline(always)]
fn record<'a>(rest: &mut &'a [u8], batch: &BatchHeader) -> Result<RecordView<'a>, DecodeError> {
    let length = varint::take(rest)?;
    let Some((mut body, after)) = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length)) else {
        return Err(DecodeError::InvalidLength { what: "a record", length: i64::from(length), remaining: rest.len() });
    };
    *rest = after;
    // The attributes, none of which has a meaning yet.
    let Some((_, fields)) = body.split_first() else {
        return Err(DecodeError::UnexpectedEnd { needed: 1, remaining: 0 });
    };
    body = fields;
    let timestamp_delta = varint::take_long(&mut body)?;
    let offset_delta = varint::take(&mut body)?;
    if offset_delta < 0 {
        return Err(DecodeError::Malformed("a record's offset is before its batch's"));
    }
    let key = varint::take_bytes(&mut body, "a record's key")?;
    let value = varint::take_bytes(&mut body, "a record's value")?;
    let header_count = varint::take(&mut body)?;
    let headers =
        if header_count == 0 && body.is_empty() { HeadersView::default() } else { HeadersView::parse(header_count, body)? };
    let timestamp = match batch.attributes.timestamp_type() {
        TimestampType::CreateTime => batch.base_timestamp.wrapping_add(timestamp_delta),
        TimestampType::LogAppendTime => batch.max_timestamp,
    };
    Ok(RecordView { offset: batch.base_offset.wrapping_add(i64::from(offset_delta)), timestamp, key, value, headers })
}

/// The headers of a record, read as they are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadersView<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> HeadersView<'a> {
    /// Goes through the headers once, so that reading them later can't fail.
    fn parse(count: i32, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        // A header takes at least two bytes.
        let Some(count) = usize::try_from(count).ok().filter(|count| *count <= bytes.len() / 2) else {
            let length = i64::from(count);
            return Err(DecodeError::InvalidLength { what: "a record's headers", length, remaining: bytes.len() });
        };
        let mut rest = bytes;
        for _ in 0..count {
            header(&mut rest)?;
        }
        if !rest.is_empty() {
            return Err(DecodeError::Malformed("a record has more bytes than fields"));
        }
        Ok(Self { count, bytes })
    }

    /// How many headers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers in their order; a key may come more than once.
    #[must_use]
    pub fn iter(&self) -> HeaderIter<'a> {
        HeaderIter { count: self.count, rest: self.bytes }
    }

    /// The last header of this key, which is the one that counts where a caller wants one (as Java's `lastHeader`).
    #[must_use]
    pub fn last(&self, key: &str) -> Option<RecordHeader<'a>> {
        self.iter().filter(|header| header.raw_key == key.as_bytes()).last()
    }
}

impl<'a> IntoIterator for HeadersView<'a> {
    type Item = RecordHeader<'a>;
    type IntoIter = HeaderIter<'a>;
    fn into_iter(self) -> HeaderIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &HeadersView<'a> {
    type Item = RecordHeader<'a>;
    type IntoIter = HeaderIter<'a>;
    fn into_iter(self) -> HeaderIter<'a> {
        self.iter()
    }
}

/// One header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    /// Its key. Kafka's are UTF-8; of one that is not, since no client checks it, the part that is.
    pub key: &'a str,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Its key as it came.
    pub raw_key: &'a [u8],
}

/// Goes through the headers of a record.
#[derive(Clone, Debug)]
pub struct HeaderIter<'a> {
    count: usize,
    rest: &'a [u8],
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = RecordHeader<'a>;

    fn next(&mut self) -> Option<RecordHeader<'a>> {
        self.count = self.count.checked_sub(1)?;
        let (raw_key, value) = header(&mut self.rest).ok()?;
        let key = match std::str::from_utf8(raw_key) {
            Ok(key) => key,
            Err(error) => {
                raw_key.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
            }
        };
        Some(RecordHeader { key, value, raw_key })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for HeaderIter<'_> {}

fn header<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], Option<&'a [u8]>), DecodeError> {
    let key = varint::take_bytes(rest, "a header's key")?.ok_or(DecodeError::UnexpectedNull("a header's key"))?;
    let value = varint::take_bytes(rest, "a header's value")?;
    Ok((key, value))
}
