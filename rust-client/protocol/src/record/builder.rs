//! Encodes records one by one into the payload of a batch.

use super::varint::{self, MAX_VARINT, MAX_VARLONG, Stack, zigzag, zigzag_long};
use crate::EncodeError;

/// The largest payload: well above any `max.message.bytes`, and with room for what a codec adds below the length field's 2 GB.
const MAX_PAYLOAD: usize = 1 << 30;
/// Everything of a record but its key, value and headers, at most.
const MAX_OVERHEAD: usize = 4 * MAX_VARINT + 1 + MAX_VARLONG + MAX_VARINT;

/// What a batch's header has to say of its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchMeta {
    /// How many records there are.
    pub count: u32,
    /// The first record's timestamp; -1 if there is none.
    pub base_timestamp: i64,
    /// The latest timestamp; -1 if there is none.
    pub max_timestamp: i64,
}

/// An open batch: each record is encoded once, into one buffer.
#[derive(Debug)]
pub struct BatchBuilder {
    buf: Vec<u8>,
    count: u32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// An empty batch that is built in `buf`, whose content is dropped and whose memory is kept.
    #[must_use]
    pub fn new(mut buf: Vec<u8>) -> Self {
        buf.clear();
        Self { buf, count: 0, base_timestamp: -1, max_timestamp: -1 }
    }

    /// Appends a record, and returns its offset from the first one's. `timestamp` is in ms since 1970.
    ///
    /// `headers` are gone through twice, once for their size; a key may come more than once, and their order is kept.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] if the batch would grow beyond 1 GiB. The batch is then as it was.
    #[inline]
    pub fn append<'a, H>(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> Result<u32, EncodeError>
    where
        H: IntoIterator<Item = (&'a str, Option<&'a [u8]>)> + Clone,
    {
        let delta = self.count;
        if delta == 0 {
            self.start(timestamp);
        }
        self.append_at(delta, timestamp, key, value, headers)?;
        Ok(delta)
    }

    /// Takes the timestamp of the first record, from which the others' are counted.
    pub(super) fn start(&mut self, timestamp: i64) {
        self.base_timestamp = timestamp;
        self.max_timestamp = timestamp;
    }

    /// Appends a record at an offset of its own choice, which in a batch that was compacted need not follow the last one.
    pub(super) fn append_at<'a, H>(
        &mut self,
        offset_delta: u32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> Result<(), EncodeError>
    where
        H: IntoIterator<Item = (&'a str, Option<&'a [u8]>)> + Clone,
    {
        // A hostile timestamp may be any number; the reader wraps around in the same way.
        let timestamp_delta = zigzag_long(timestamp.wrapping_sub(self.base_timestamp));
        let offset_delta = u64::from(offset_delta) << 1;
        let (header_count, header_len) = measure_headers(headers.clone());
        let header_count = (header_count as u64) << 1;
        let body = 1
            + varint::size(timestamp_delta)
            + varint::size(offset_delta)
            + blob_size(key)
            + blob_size(value)
            + varint::size(header_count)
            + header_len;
        let room = body + MAX_VARINT;
        if body > MAX_PAYLOAD || self.buf.len() + room > MAX_PAYLOAD {
            return Err(EncodeError::TooLong { what: "a record batch", length: self.buf.len().saturating_add(body) });
        }
        self.buf.reserve(room);

        // All lengths are below MAX_PAYLOAD now, and so is the count: a record takes at least 7 bytes.
        let mut head = Stack::new();
        head.unsigned((body as u32) << 1);
        head.byte(0);
        head.unsigned_long(timestamp_delta);
        head.unsigned_long(offset_delta);
        if let Some(key) = key {
            head.unsigned((key.len() as u32) << 1);
            self.buf.extend_from_slice(head.as_slice());
            self.buf.extend_from_slice(key);
            head = Stack::new();
        } else {
            head.unsigned(zigzag(-1));
        }
        head.unsigned(blob_len(value));
        self.buf.extend_from_slice(head.as_slice());
        if let Some(value) = value {
            self.buf.extend_from_slice(value);
        }
        if header_count == 0 {
            self.buf.push(0);
        } else {
            self.put_headers(header_count, headers);
        }

        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        Ok(())
    }

    #[cold]
    fn put_headers<'a>(&mut self, count: u64, headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) {
        let mut small = Stack::new();
        small.unsigned_long(count);
        self.buf.extend_from_slice(small.as_slice());
        for (key, value) in headers {
            let mut small = Stack::new();
            small.unsigned((key.len() as u32) << 1);
            self.buf.extend_from_slice(small.as_slice());
            self.buf.extend_from_slice(key.as_bytes());
            let mut small = Stack::new();
            small.unsigned(blob_len(value));
            self.buf.extend_from_slice(small.as_slice());
            self.buf.extend_from_slice(value.unwrap_or_default());
        }
    }

    /// How many bytes a record takes at most, whatever batch it goes into.
    #[must_use]
    pub fn record_size<'a, H>(key: Option<&[u8]>, value: Option<&[u8]>, headers: H) -> usize
    where
        H: IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    {
        let (_, headers) = measure_headers(headers);
        (MAX_OVERHEAD + headers).saturating_add(key.map_or(0, <[u8]>::len)).saturating_add(value.map_or(0, <[u8]>::len))
    }

    /// How many bytes the records take so far, without the batch's header.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    /// Whether there is no record yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many records there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many bytes the buffer holds without growing.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// The first record's timestamp; -1 if there is none.
    #[must_use]
    pub fn base_timestamp(&self) -> i64 {
        self.base_timestamp
    }

    /// The latest timestamp; -1 if there is none.
    #[must_use]
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// What the batch's header has to say.
    #[must_use]
    pub fn meta(&self) -> BatchMeta {
        BatchMeta { count: self.count, base_timestamp: self.base_timestamp, max_timestamp: self.max_timestamp }
    }

    /// The records so far, as they go into the batch when it is not compressed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.buf
    }

    /// Closes the batch: its uncompressed payload, and what its header has to say.
    #[must_use]
    pub fn finish(self) -> (Vec<u8>, BatchMeta) {
        let meta = self.meta();
        (self.buf, meta)
    }
}

/// The length of a blob as an unsigned varint's value. The caller has held it against [`MAX_PAYLOAD`].
fn blob_len(blob: Option<&[u8]>) -> u32 {
    blob.map_or(zigzag(-1), |blob| (blob.len() as u32) << 1)
}

fn blob_size(blob: Option<&[u8]>) -> usize {
    blob.map_or(1, |blob| varint::size((blob.len() as u64) << 1) + blob.len())
}

/// How many headers there are, and how many bytes they take.
fn measure_headers<'a>(headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>) -> (usize, usize) {
    headers
        .into_iter()
        .fold((0, 0), |(count, len), (key, value)| (count + 1, len + blob_size(Some(key.as_bytes())) + blob_size(value)))
}
