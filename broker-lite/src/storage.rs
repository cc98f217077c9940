//! Where a segment's batches lie.
//!
//! The log knows offsets, timestamps and sizes; what lies behind [`SegmentStorage`] knows bytes only.

mod memory;

use std::io;

use bytes::Bytes;

pub(crate) use memory::MemoryStorage;

/// Makes segments. One for a broker.
pub(crate) trait Storage: Send + Sync {
    /// An empty segment of a partition.
    fn create_segment(&self, topic: &str, partition: i32, base_offset: i64) -> io::Result<Box<dyn SegmentStorage>>;
}

/// The batches of one segment, numbered from 0 in the order in which they were appended. Dropping it deletes them.
pub(crate) trait SegmentStorage: Send {
    /// Appends one batch, given as its patched header and what follows the header.
    fn append(&mut self, header: &[u8], body: &[u8]) -> io::Result<()>;

    /// Keeps the first `batches` only.
    fn truncate(&mut self, batches: usize) -> io::Result<()>;

    /// The whole batch with this number.
    fn read(&self, batch: usize) -> io::Result<Bytes>;
}
