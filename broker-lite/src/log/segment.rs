//! One segment: an index over the batches in a [`SegmentStorage`].

use std::io;

use bytes::Bytes;

use crate::storage::SegmentStorage;

/// What the log must know of a stored batch without looking at its bytes.
#[derive(Clone, Copy, Debug)]
struct BatchEntry {
    base_offset: i64,
    /// The largest timestamp in the segment up to and with this batch: rising, so that it can be searched.
    max_timestamp_so_far: i64,
    last_offset_delta: i32,
    size: u32,
}

impl BatchEntry {
    fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }
}

/// A batch that is about to be appended: what goes into the index, and the bytes.
pub(crate) struct NewBatch<'a> {
    pub(crate) base_offset: i64,
    pub(crate) last_offset_delta: i32,
    pub(crate) max_timestamp: i64,
    pub(crate) header: &'a [u8],
    pub(crate) body: &'a [u8],
}

/// Batches from a base offset on. Retention deletes whole segments.
pub(crate) struct Segment {
    base_offset: i64,
    entries: Vec<BatchEntry>,
    storage: Box<dyn SegmentStorage>,
    size: u64,
    /// The timestamp of the first batch, by which the segment is rolled after segment.ms.
    first_timestamp: Option<i64>,
}

impl Segment {
    pub(crate) fn new(base_offset: i64, storage: Box<dyn SegmentStorage>) -> Self {
        Self { base_offset, entries: Vec::new(), storage, size: 0, first_timestamp: None }
    }

    pub(crate) fn base_offset(&self) -> i64 {
        self.base_offset
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn batch_count(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn first_timestamp(&self) -> Option<i64> {
        self.first_timestamp
    }

    /// The largest timestamp of all records, or -1.
    pub(crate) fn max_timestamp(&self) -> i64 {
        self.entries.last().map_or(-1, |entry| entry.max_timestamp_so_far)
    }

    pub(crate) fn append(&mut self, batch: &NewBatch<'_>) -> io::Result<()> {
        let size = batch.header.len() + batch.body.len();
        let indexed = u32::try_from(size).map_err(|_| io::Error::other("the batch is too large"))?;
        self.storage.append(batch.header, batch.body)?;
        self.first_timestamp.get_or_insert(batch.max_timestamp);
        self.entries.push(BatchEntry {
            base_offset: batch.base_offset,
            max_timestamp_so_far: self.max_timestamp().max(batch.max_timestamp),
            last_offset_delta: batch.last_offset_delta,
            size: indexed,
        });
        self.size += u64::from(indexed);
        Ok(())
    }

    /// Keeps the first `batches` only.
    pub(crate) fn truncate(&mut self, batches: usize) -> io::Result<()> {
        self.storage.truncate(batches)?;
        self.entries.truncate(batches);
        self.size = self.entries.iter().map(|entry| u64::from(entry.size)).sum();
        if self.entries.is_empty() {
            self.first_timestamp = None;
        }
        Ok(())
    }

    /// The number of the first batch whose last offset is at least `offset`.
    pub(crate) fn find_offset(&self, offset: i64) -> usize {
        self.entries.partition_point(|entry| entry.last_offset() < offset)
    }

    /// The number of the first batch, from batch `from` on, that reaches `timestamp`.
    pub(crate) fn find_timestamp(&self, timestamp: i64) -> Option<usize> {
        let found = self.entries.partition_point(|entry| entry.max_timestamp_so_far < timestamp);
        (found < self.entries.len()).then_some(found)
    }

    /// The size of a batch in bytes, if there is one with this number.
    pub(crate) fn batch_size(&self, batch: usize) -> Option<usize> {
        self.entries.get(batch).map(|entry| entry.size as usize)
    }

    /// The last offset of a batch, if there is one with this number.
    pub(crate) fn last_offset(&self, batch: usize) -> Option<i64> {
        self.entries.get(batch).map(BatchEntry::last_offset)
    }

    pub(crate) fn read(&self, batch: usize) -> io::Result<Bytes> {
        self.storage.read(batch)
    }
}
