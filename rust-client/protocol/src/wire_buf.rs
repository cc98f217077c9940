//! Bytes on their way out: what is small is copied into one buffer, record batches are linked in without a copy.

use bytes::{BufMut, Bytes, BytesMut};

use crate::EncodeError;

/// Record data of a Produce request or a Fetch response: a rope of byte ranges, none of them copied.
///
/// A client's batch is `[header, payload]`; a broker's answer is one range for each stored batch.
#[derive(Clone, Debug, Default)]
pub struct Records(Vec<Bytes>);

impl Records {
    /// No bytes at all (which is not null).
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends a range.
    pub fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.0.push(part);
        }
    }

    /// How many bytes there are in all ranges.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges in order.
    #[must_use]
    pub fn parts(&self) -> &[Bytes] {
        &self.0
    }

    /// All ranges as one; copies only if there is more than one.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match self.0.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => {
                let mut whole = BytesMut::with_capacity(self.len());
                for part in many {
                    whole.put_slice(part);
                }
                whole.freeze()
            }
        }
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::new() } else { Self(vec![bytes]) }
    }
}

impl FromIterator<Bytes> for Records {
    fn from_iter<I: IntoIterator<Item = Bytes>>(parts: I) -> Self {
        let mut records = Self::new();
        for part in parts {
            records.push(part);
        }
        records
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.0.iter().flatten().eq(other.0.iter().flatten())
    }
}

impl Eq for Records {}

/// Ranges of at least this many bytes are linked; shorter ones are cheaper to copy.
const LINK_FROM: usize = 512;

/// An output buffer for a vectored write.
#[derive(Debug, Default)]
pub struct WireBuf {
    /// Written before `tail`, in order.
    done: Vec<Bytes>,
    tail: BytesMut,
    done_len: usize,
}

impl WireBuf {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes were written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.done_len + self.tail.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies `bytes`.
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Links `bytes` in, or copies them if they are few.
    pub fn put_bytes(&mut self, bytes: Bytes) {
        if bytes.len() < LINK_FROM {
            self.put_slice(&bytes);
            return;
        }
        self.cut();
        self.done_len += bytes.len();
        self.done.push(bytes);
    }

    fn cut(&mut self) {
        if !self.tail.is_empty() {
            let head = self.tail.split().freeze();
            self.done_len += head.len();
            self.done.push(head);
        }
    }

    /// The ranges in the order to send them in.
    #[must_use]
    pub fn finish(mut self) -> Vec<Bytes> {
        self.cut();
        self.done
    }

    /// The ranges of a frame whose first four bytes were left for its size.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] if the size does not fit.
    pub fn finish_frame(mut self) -> Result<Vec<Bytes>, EncodeError> {
        let length = self.len().saturating_sub(4);
        let size = i32::try_from(length).map_err(|_| EncodeError::TooLong { what: "a frame", length })?.to_be_bytes();
        if self.done.is_empty() {
            patch(&mut self.tail, size);
        } else if let Some(first) = self.done.first_mut() {
            // What stands before the first linked range is short, and frozen by now: a patched copy replaces it.
            let mut copy = BytesMut::from(first.as_ref());
            patch(&mut copy, size);
            *first = copy.freeze();
        }
        Ok(self.finish())
    }
}

fn patch(frame: &mut [u8], size: [u8; 4]) {
    if let Some(place) = frame.first_chunk_mut() {
        *place = size;
    }
}
