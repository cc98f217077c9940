//! Record batches: built record by record into one buffer, read as borrowed views.
//!
//! A batch is a header of [`HEADER_LEN`] bytes and a payload, the records, which may be compressed as one. A client builds the
//! payload with [`BatchBuilder`], compresses it, and seals it with [`seal_header`] when producer id and sequence are known. What is
//! fetched is split with [`split_batches`] and read with [`RawBatch::decode`]. A broker gets by with [`BatchHeader`] and
//! [`verify_crc`].

mod builder;
mod control;
mod header;
mod legacy;
mod reader;
mod varint;

#[cfg(test)]
mod tests;

pub use builder::{BatchBuilder, BatchMeta};
pub use control::{ControlKey, ControlType, EndTxnMarker};
pub use header::{Attributes, BatchHeader, HEADER_LEN, TimestampType, seal_header, verify_crc};
pub use reader::{
    Batches, DecodedBatch, HeaderIter, HeadersView, RawBatch, RecordCursor, RecordHeader, RecordIter, RecordView, split_batches,
};
