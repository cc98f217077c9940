//! A send as JavaScript packs it: one long string, one piece of bytes, and a table of lengths.
//!
//! The table is a sequence of sends: the send's number, its topic's number, how many messages. A message: its flags, then, where
//! the flags say so, the partition, the timestamp's high and low half, the key's length, the value's length, and the headers: how
//! many, and of each the name's length, the value's kind and, unless it is null, its length. Lengths of strings count UTF-16 code
//! units where the string is not ASCII, and are turned into bytes first.

use ottla::Record;

/// A key or value is null, a part of the string, or a part of the bytes.
const KIND: i32 = 3;
const STRING: i32 = 1;
const BYTES: i32 = 2;
const VALUE_SHIFT: i32 = 2;
const PARTITION: i32 = 1 << 4;
const TIMESTAMP: i32 = 1 << 5;
const HEADERS: i32 = 1 << 6;

/// The head of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Send {
    pub(crate) id: u32,
    pub(crate) topic: u32,
    pub(crate) messages: u32,
}

/// Reads packed sends. `None` anywhere means that the table is not as it should be, which the package does not let happen.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    table: &'a [i32],
    text: &'a [u8],
    bytes: &'a [u8],
}

fn take<'a, T>(rest: &mut &'a [T], len: i32) -> Option<&'a [T]> {
    let (taken, after) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    *rest = after;
    Some(taken)
}

impl<'a> Reader<'a> {
    pub(crate) fn new(table: &'a [i32], text: &'a [u8], bytes: &'a [u8]) -> Self {
        Self { table, text, bytes }
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> (&'a [i32], &'a [u8], &'a [u8]) {
        (self.table, self.text, self.bytes)
    }

    fn word(&mut self) -> Option<i32> {
        let (word, rest) = self.table.split_first()?;
        self.table = rest;
        Some(*word)
    }

    /// The next send's head.
    pub(crate) fn send(&mut self) -> Option<Send> {
        let mut word = || u32::try_from(self.word()?).ok();
        Some(Send { id: word()?, topic: word()?, messages: word()? })
    }

    fn piece(&mut self, kind: i32) -> Option<Option<&'a [u8]>> {
        Some(match kind {
            STRING => {
                let len = self.word()?;
                Some(take(&mut self.text, len)?)
            }
            BYTES => {
                let len = self.word()?;
                Some(take(&mut self.bytes, len)?)
            }
            _ => None,
        })
    }

    /// The next message of the send, to be sent to a topic's handle.
    #[inline]
    pub(crate) fn message(&mut self, send: u32) -> Option<Record<'a>> {
        let flags = self.word()?;
        let mut record = Record::to("").opaque(u64::from(send) + 1);
        if flags & PARTITION != 0 {
            record = record.partition(self.word()?);
        }
        if flags & TIMESTAMP != 0 {
            let (high, low) = (i64::from(self.word()?), i64::from(self.word()?.cast_unsigned()));
            record = record.timestamp((high << 32) | low);
        }
        if let Some(key) = self.piece(flags & KIND)? {
            record = record.key(key);
        }
        if let Some(value) = self.piece((flags >> VALUE_SHIFT) & KIND)? {
            record = record.value(value);
        }
        if flags & HEADERS != 0 {
            for _ in 0..self.word()? {
                let len = self.word()?;
                let name = std::str::from_utf8(take(&mut self.text, len)?).ok()?;
                let kind = self.word()?;
                record = match self.piece(kind)? {
                    Some(value) => record.header(name, value),
                    None => record.null_header(name),
                };
            }
        }
        Some(record)
    }

    /// Goes past messages that are not to be sent.
    pub(crate) fn skip(&mut self, messages: u32) -> Option<()> {
        (0..messages).try_for_each(|_| self.message(0).map(|_| ()))
    }
}

/// Turns a table's lengths of strings from UTF-16 code units into bytes, and the string into UTF-8. Half a surrogate pair becomes
/// U+FFFD, as it does in `Buffer.from`.
pub(crate) fn transcode(table: &[i32], units: &[u16], lengths: &mut Vec<i32>, text: &mut Vec<u8>) -> Option<()> {
    lengths.clear();
    lengths.extend_from_slice(table);
    text.clear();
    let mut rest = units;
    let mut at = 0;
    let mut string = |length: &mut i32| -> Option<()> {
        let before = text.len();
        for unit in char::decode_utf16(take(&mut rest, *length)?.iter().copied()) {
            let character = unit.unwrap_or(char::REPLACEMENT_CHARACTER);
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        *length = i32::try_from(text.len() - before).ok()?;
        Some(())
    };
    let mut piece = |lengths: &mut [i32], at: &mut usize, kind: i32| -> Option<()> {
        match kind {
            STRING => string(lengths.get_mut(*at)?)?,
            BYTES => {}
            _ => return Some(()),
        }
        *at += 1;
        Some(())
    };
    while at < lengths.len() {
        let messages = *lengths.get(at + 2)?;
        at += 3;
        for _ in 0..messages {
            let flags = *lengths.get(at)?;
            at += 1;
            at += if flags & PARTITION != 0 { 1 } else { 0 };
            at += if flags & TIMESTAMP != 0 { 2 } else { 0 };
            piece(lengths, &mut at, flags & KIND)?;
            piece(lengths, &mut at, (flags >> VALUE_SHIFT) & KIND)?;
            if flags & HEADERS != 0 {
                let headers = *lengths.get(at)?;
                at += 1;
                for _ in 0..headers {
                    piece(lengths, &mut at, STRING)?;
                    let kind = *lengths.get(at)?;
                    at += 1;
                    piece(lengths, &mut at, kind)?;
                }
            }
        }
    }
    Some(())
}
