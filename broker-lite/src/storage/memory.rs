//! Batches in memory, copied once into chunks that grow with their segment.

use std::io;

use bytes::{Bytes, BytesMut};

use super::{SegmentStorage, Storage};

/// The first chunk of a segment: an idle topic costs next to nothing.
const FIRST_CHUNK: usize = 1 << 10;
/// No chunk grows beyond this, so that the unused end of the last one stays small beside what is stored.
const LARGEST_CHUNK: usize = 256 << 10;

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryStorage;

impl Storage for MemoryStorage {
    fn create_segment(&self, _topic: &str, _partition: i32, _base_offset: i64) -> io::Result<Box<dyn SegmentStorage>> {
        Ok(Box::new(MemorySegment::default()))
    }
}

#[derive(Debug, Default)]
struct MemorySegment {
    /// Each is a slice of its chunk; a chunk is freed with its last slice, also when a response still holds one.
    batches: Vec<Bytes>,
    /// The free rest of the last chunk.
    chunk: BytesMut,
    stored: usize,
}

impl SegmentStorage for MemorySegment {
    fn append(&mut self, header: &[u8], body: &[u8]) -> io::Result<()> {
        let len = header.len() + body.len();
        if self.chunk.capacity() < len {
            // As much again as is stored, within bounds. A batch that is larger gets a chunk of exactly its size.
            let size = self.stored.clamp(FIRST_CHUNK, LARGEST_CHUNK).max(len);
            self.chunk = BytesMut::with_capacity(size);
        }
        self.chunk.extend_from_slice(header);
        self.chunk.extend_from_slice(body);
        self.stored += len;
        self.batches.push(self.chunk.split().freeze());
        Ok(())
    }

    fn truncate(&mut self, batches: usize) -> io::Result<()> {
        self.batches.truncate(batches);
        self.stored = self.batches.iter().map(Bytes::len).sum();
        Ok(())
    }

    fn read(&self, batch: usize) -> io::Result<Bytes> {
        self.batches.get(batch).cloned().ok_or_else(|| io::Error::other("there is no such batch in this segment"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_back_whole_across_chunks() {
        let mut segment = MemorySegment::default();
        let bodies: Vec<Vec<u8>> = (0..400_usize).map(|i| vec![i as u8; i * 7 % 3000]).collect();
        for body in &bodies {
            segment.append(b"head", body).unwrap();
        }
        for (i, body) in bodies.iter().enumerate() {
            let stored = segment.read(i).unwrap();
            assert_eq!(&stored[..4], b"head");
            assert_eq!(&stored[4..], body.as_slice());
        }
        assert!(segment.read(bodies.len()).is_err());
        segment.truncate(3).unwrap();
        segment.append(b"head", b"new").unwrap();
        assert_eq!(segment.read(2).unwrap().len(), 4 + bodies[2].len());
        assert_eq!(segment.read(3).unwrap(), &b"headnew"[..]);
        assert!(segment.read(4).is_err());
    }
}
