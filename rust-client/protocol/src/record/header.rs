//! The header of a record batch: 61 bytes that a broker reads and patches without looking at a record.

use super::builder::BatchMeta;
use crate::DecodeError;
use crate::compression::Compression;

/// The length of a v2 batch's header.
pub const HEADER_LEN: usize = 61;

/// The base offset and the batch's length, which the batch's length does not count.
pub(super) const LOG_OVERHEAD: usize = 12;
/// What the batch's length counts of the header.
pub(super) const COUNTED_HEADER: usize = HEADER_LEN - LOG_OVERHEAD;
/// Where the magic stands, in all formats.
pub(super) const MAGIC_AT: usize = 16;
/// The CRC covers all from here on.
const CRC_FROM: usize = 21;

/// Whether a record's timestamp is its producer's, or the broker's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer's.
    #[default]
    CreateTime,
    /// The broker's, when it appended the batch. The same for all its records.
    LogAppendTime,
}

/// The attributes of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC: i16 = 0b111;
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// The codec of the records; none if its number is unknown.
    #[must_use]
    pub const fn compression(self) -> Option<Compression> {
        Compression::from_id((self.0 & Self::CODEC) as i8)
    }

    /// Whose the timestamps are.
    #[must_use]
    pub const fn timestamp_type(self) -> TimestampType {
        if self.has(Self::LOG_APPEND_TIME) { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
    }

    /// Whether the batch is part of a transaction.
    #[must_use]
    pub const fn is_transactional(self) -> bool {
        self.has(Self::TRANSACTIONAL)
    }

    /// Whether the batch holds a control record, which no application sees.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.has(Self::CONTROL)
    }

    /// Whether the base timestamp is the time from which on the log cleaner may drop tombstones (KIP-534).
    #[must_use]
    pub const fn has_delete_horizon(self) -> bool {
        self.has(Self::DELETE_HORIZON)
    }

    /// The same with this codec.
    #[must_use]
    pub const fn with_compression(self, codec: Compression) -> Self {
        Self(self.0 & !Self::CODEC | codec.id() as i16)
    }

    /// The same with this kind of timestamps.
    #[must_use]
    pub const fn with_timestamp_type(self, kind: TimestampType) -> Self {
        self.with(Self::LOG_APPEND_TIME, matches!(kind, TimestampType::LogAppendTime))
    }

    /// The same, part of a transaction or not.
    #[must_use]
    pub const fn with_transactional(self, transactional: bool) -> Self {
        self.with(Self::TRANSACTIONAL, transactional)
    }

    /// The same, a control batch or not.
    #[must_use]
    pub const fn with_control(self, control: bool) -> Self {
        self.with(Self::CONTROL, control)
    }

    /// The same, with a delete horizon or not.
    #[must_use]
    pub const fn with_delete_horizon(self, delete_horizon: bool) -> Self {
        self.with(Self::DELETE_HORIZON, delete_horizon)
    }

    const fn has(self, bit: i16) -> bool {
        self.0 & bit != 0
    }

    const fn with(self, bit: i16, on: bool) -> Self {
        if on { Self(self.0 | bit) } else { Self(self.0 & !bit) }
    }
}

/// The header of a v2 batch.
///
/// A message of magic 0 or 1 has one too, made up from its own fields: `base_offset` is the message's (of a compressed one: its
/// last inner message's), `records_count` 1, the timestamps its own (magic 0: -1), and what it lacks is -1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record, also if that one was compacted away.
    pub base_offset: i64,
    /// How many bytes follow this field.
    pub batch_length: i32,
    /// The leader's epoch when it appended the batch (KIP-101).
    pub partition_leader_epoch: i32,
    /// The format's version.
    pub magic: i8,
    /// CRC-32C from the attributes on. (Magic 0 and 1: CRC-32 from the magic on.)
    pub crc: u32,
    /// Codec and flags.
    pub attributes: Attributes,
    /// The last record's offset from the first one's.
    pub last_offset_delta: i32,
    /// The first record's timestamp in ms, from which the others' are counted.
    pub base_timestamp: i64,
    /// The latest timestamp in ms; the broker's time if the attributes say so.
    pub max_timestamp: i64,
    /// The idempotent producer's id, or -1.
    pub producer_id: i64,
    /// Its epoch, or -1.
    pub producer_epoch: i16,
    /// The first record's sequence, or -1.
    pub base_sequence: i32,
    /// How many records there are.
    pub records_count: i32,
}

impl BatchHeader {
    /// The header of what a [`BatchBuilder`](super::BatchBuilder) has built: offset 0, without producer id, and no leader epoch.
    /// [`seal_header`] puts in length and CRC.
    #[must_use]
    pub fn for_batch(meta: &BatchMeta, attributes: Attributes) -> Self {
        // The builder keeps the count within what these fields hold.
        let records_count = i32::try_from(meta.count).unwrap_or(i32::MAX);
        Self {
            base_offset: 0,
            batch_length: COUNTED_HEADER as i32,
            partition_leader_epoch: -1,
            magic: 2,
            crc: 0,
            attributes,
            last_offset_delta: records_count - 1,
            base_timestamp: meta.base_timestamp,
            max_timestamp: meta.max_timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            records_count,
        }
    }

    /// Reads the header of a v2 batch.
    ///
    /// # Errors
    /// If the bytes are too few, of another magic, or a length or count is impossible. The CRC is not looked at.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        if let Some(&magic) = bytes.get(MAGIC_AT)
            && magic != 2
        {
            return Err(DecodeError::UnknownMagic(magic as i8));
        }
        let short = DecodeError::UnexpectedEnd { needed: HEADER_LEN, remaining: bytes.len() };
        let mut fields = Fields(bytes.first_chunk::<HEADER_LEN>().ok_or(short)?);
        let header = Self {
            base_offset: i64::from_be_bytes(fields.next()),
            batch_length: i32::from_be_bytes(fields.next()),
            partition_leader_epoch: i32::from_be_bytes(fields.next()),
            magic: i8::from_be_bytes(fields.next()),
            crc: u32::from_be_bytes(fields.next()),
            attributes: Attributes(i16::from_be_bytes(fields.next())),
            last_offset_delta: i32::from_be_bytes(fields.next()),
            base_timestamp: i64::from_be_bytes(fields.next()),
            max_timestamp: i64::from_be_bytes(fields.next()),
            producer_id: i64::from_be_bytes(fields.next()),
            producer_epoch: i16::from_be_bytes(fields.next()),
            base_sequence: i32::from_be_bytes(fields.next()),
            records_count: i32::from_be_bytes(fields.next()),
        };
        let remaining = bytes.len() - LOG_OVERHEAD;
        if header.batch_length < COUNTED_HEADER as i32 {
            let length = i64::from(header.batch_length);
            return Err(DecodeError::InvalidLength { what: "a record batch", length, remaining });
        }
        if header.records_count < 0 {
            let length = i64::from(header.records_count);
            return Err(DecodeError::InvalidLength { what: "a record batch's count", length, remaining });
        }
        Ok(header)
    }

    /// The header as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let mut rest = &mut bytes[..];
        put(&mut rest, self.base_offset.to_be_bytes());
        put(&mut rest, self.batch_length.to_be_bytes());
        put(&mut rest, self.partition_leader_epoch.to_be_bytes());
        put(&mut rest, self.magic.to_be_bytes());
        put(&mut rest, self.crc.to_be_bytes());
        put(&mut rest, self.attributes.0.to_be_bytes());
        put(&mut rest, self.last_offset_delta.to_be_bytes());
        put(&mut rest, self.base_timestamp.to_be_bytes());
        put(&mut rest, self.max_timestamp.to_be_bytes());
        put(&mut rest, self.producer_id.to_be_bytes());
        put(&mut rest, self.producer_epoch.to_be_bytes());
        put(&mut rest, self.base_sequence.to_be_bytes());
        put(&mut rest, self.records_count.to_be_bytes());
        bytes
    }

    /// The length of the whole batch, header included.
    #[must_use]
    pub fn total_len(&self) -> usize {
        LOG_OVERHEAD + usize::try_from(self.batch_length).unwrap_or(0)
    }

    /// The offset of the last record.
    #[must_use]
    pub const fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(self.last_offset_delta as i64)
    }

    /// The CRC that a batch of this header and payload should carry.
    fn checksum(header: &[u8; HEADER_LEN], payload: &[u8]) -> u32 {
        let of_header = crc32c::crc32c(header.get(CRC_FROM..).unwrap_or_default());
        crc32c::crc32c_append(of_header, payload)
    }
}

/// Puts length and CRC into the header of a batch whose (compressed) records are `payload`, and returns its bytes.
///
/// Base offset and leader epoch may be changed afterwards; all else lies under the CRC.
#[must_use]
pub fn seal_header(header: &mut BatchHeader, payload: &[u8]) -> [u8; HEADER_LEN] {
    // The builder's limit keeps a batch well below what the length can say, whatever a codec adds.
    header.batch_length = i32::try_from(COUNTED_HEADER + payload.len()).unwrap_or(i32::MAX);
    header.crc = BatchHeader::checksum(&header.to_bytes(), payload);
    header.to_bytes()
}

/// Checks the CRC of a whole v2 batch (what follows it is not looked at) and returns its header.
///
/// # Errors
/// [`DecodeError::CorruptBatch`], and those of [`BatchHeader::parse`].
pub fn verify_crc(batch: &[u8]) -> Result<BatchHeader, DecodeError> {
    let header = BatchHeader::parse(batch)?;
    let needed = header.total_len();
    let remaining = batch.len();
    let covered = batch.get(CRC_FROM..needed).ok_or(DecodeError::UnexpectedEnd { needed, remaining })?;
    let computed = crc32c::crc32c(covered);
    if computed == header.crc { Ok(header) } else { Err(DecodeError::CorruptBatch { stored: header.crc, computed }) }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// The next field; there are always enough bytes, since the header was taken as a whole.
    fn next<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }
}

fn put<const N: usize>(rest: &mut &mut [u8], field: [u8; N]) {
    if let Some((to, after)) = std::mem::take(rest).split_first_chunk_mut::<N>() {
        *to = field;
        *rest = after;
    }
}
