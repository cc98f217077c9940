//! Kafka's primitive types. Every length is held against what remains before anything is allocated for it.

use bytes::{Buf, Bytes};

use crate::{DecodeError, EncodeError, Records, Text, Uuid, WireBuf};

/// A value that can be written in a version of its message.
pub trait Encode {
    /// Writes the value.
    ///
    /// # Errors
    /// If the value has no form in this version.
    fn encode(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError>;
}

/// A value that can be read in a version of its message.
pub trait Decode: Sized {
    /// Reads the value; texts and bytes are slices of the reader's frame.
    ///
    /// # Errors
    /// If the bytes are malformed or the version is unknown.
    fn decode(reader: &mut Reader, version: i16) -> Result<Self, DecodeError>;

    /// The fewest bytes that a value takes on the wire in this version. An array's length is held against it, so that its memory
    /// can be had at once and is bounded by what remains.
    fn min_len(version: i16) -> usize;
}

/// Where a message is written to.
pub type Writer = WireBuf;

/// Reads primitives out of one frame.
#[derive(Clone, Debug)]
pub struct Reader {
    buf: Bytes,
    /// Bytes that the elements to come of the arrays around take at the least.
    owed: usize,
}

macro_rules! fixed {
    ($($read:ident, $write:ident, $type:ty, $n:literal;)*) => {
        impl Reader {
            $(
                /// Reads a big-endian number.
                ///
                /// # Errors
                /// [`DecodeError::UnexpectedEnd`].
                pub fn $read(&mut self) -> Result<$type, DecodeError> {
                    match self.buf.first_chunk::<$n>() {
                        Some(raw) => {
                            let value = <$type>::from_be_bytes(*raw);
                            self.buf.advance($n);
                            Ok(value)
                        }
                        None => Err(DecodeError::UnexpectedEnd { needed: $n, remaining: self.buf.len() }),
                    }
                }
            )*
        }
        impl WireBuf {
            $(
                /// Writes a big-endian number.
                pub fn $write(&mut self, value: $type) {
                    self.put_slice(&value.to_be_bytes());
                }
            )*
        }
    };
}

fixed! {
    read_i8, write_i8, i8, 1;
    read_u8, write_u8, u8, 1;
    read_i16, write_i16, i16, 2;
    read_u16, write_u16, u16, 2;
    read_i32, write_i32, i32, 4;
    read_u32, write_u32, u32, 4;
    read_i64, write_i64, i64, 8;
    read_f64, write_f64, f64, 8;
}

impl Reader {
    /// Reads from `frame`.
    #[must_use]
    pub fn new(frame: Bytes) -> Self {
        Self { buf: frame, owed: 0 }
    }

    /// How many bytes are left for what is read now: an array within another one can't have what the outer one's later elements
    /// need, so that no byte makes room in two of them.
    pub(crate) fn available(&self) -> usize {
        self.buf.len().saturating_sub(self.owed)
    }

    /// Keeps bytes for what comes later.
    pub(crate) fn owe(&mut self, len: usize) {
        self.owed = self.owed.saturating_add(len);
    }

    /// That is read now.
    pub(crate) fn pay(&mut self, len: usize) {
        self.owed = self.owed.saturating_sub(len);
    }

    /// How many bytes are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.buf.len()
    }

    /// What is left, as a slice of the frame.
    #[must_use]
    pub fn rest(&self) -> Bytes {
        self.buf.clone()
    }

    /// Takes `len` bytes as a slice of the frame.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`].
    pub fn take(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        if len > self.buf.len() {
            return Err(DecodeError::UnexpectedEnd { needed: len, remaining: self.buf.len() });
        }
        Ok(self.buf.split_to(len))
    }

    /// Reads a boolean: any byte but 0 is true.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`].
    pub fn read_bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.read_u8()? != 0)
    }

    /// Reads an unsigned varint of at most 32 bits.
    ///
    /// # Errors
    /// [`DecodeError::InvalidVarint`] or [`DecodeError::UnexpectedEnd`].
    pub fn read_unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.read_u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| DecodeError::InvalidVarint);
            }
        }
        Err(DecodeError::InvalidVarint)
    }

    /// Reads a 16-byte id.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedEnd`].
    pub fn read_uuid(&mut self) -> Result<Uuid, DecodeError> {
        let raw = self.take(16)?;
        let mut id = [0; 16];
        id.copy_from_slice(&raw);
        Ok(Uuid(id))
    }

    /// Reads a string (`flexible`: a compact one), or null.
    ///
    /// # Errors
    /// If its length is not within what remains, or it is not UTF-8.
    pub fn read_text(&mut self, flexible: bool) -> Result<Option<Text>, DecodeError> {
        let length = if flexible { i64::from(self.read_unsigned_varint()?) - 1 } else { i64::from(self.read_i16()?) };
        self.take_sized("a string", length)?.map(Text::from_utf8).transpose()
    }

    /// Reads bytes (`flexible`: compact ones), or null.
    ///
    /// # Errors
    /// If their length is not within what remains.
    pub fn read_bytes(&mut self, flexible: bool) -> Result<Option<Bytes>, DecodeError> {
        let length = if flexible { i64::from(self.read_unsigned_varint()?) - 1 } else { i64::from(self.read_i32()?) };
        self.take_sized("bytes", length)
    }

    /// Reads record data, or null. It stays one slice of the frame.
    ///
    /// # Errors
    /// If its length is not within what remains.
    pub fn read_records(&mut self, flexible: bool) -> Result<Option<Records>, DecodeError> {
        Ok(self.read_bytes(flexible)?.map(Records::from))
    }

    fn take_sized(&mut self, what: &'static str, length: i64) -> Result<Option<Bytes>, DecodeError> {
        if length == -1 {
            return Ok(None);
        }
        match usize::try_from(length) {
            Ok(len) if len <= self.buf.len() => Ok(Some(self.buf.split_to(len))),
            _ => Err(DecodeError::InvalidLength { what, length, remaining: self.buf.len() }),
        }
    }
}

/// Reads the length of an array, or null. Each element takes at least one byte (an empty struct aside, which no message has), so
/// a count above what remains is refused before anything is allocated.
///
/// Reserve at most what the remaining bytes justify: an element in memory may be far larger than one on the wire.
///
/// # Errors
/// If the length is not within what remains.
pub fn read_array_len(reader: &mut Reader, flexible: bool) -> Result<Option<usize>, DecodeError> {
    let length = if flexible { i64::from(reader.read_unsigned_varint()?) - 1 } else { i64::from(reader.read_i32()?) };
    if length == -1 {
        return Ok(None);
    }
    match usize::try_from(length) {
        Ok(len) if len <= reader.remaining() => Ok(Some(len)),
        _ => Err(DecodeError::InvalidLength { what: "an array", length, remaining: reader.remaining() }),
    }
}

impl WireBuf {
    /// Writes a boolean.
    pub fn write_bool(&mut self, value: bool) {
        self.write_u8(u8::from(value));
    }

    /// Writes an unsigned varint.
    pub fn write_unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.write_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.write_u8(value as u8);
    }

    /// Writes a 16-byte id.
    pub fn write_uuid(&mut self, value: &Uuid) {
        self.put_slice(&value.0);
    }

    /// Writes a string, or null. The caller has checked that null is allowed.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`].
    pub fn write_text(&mut self, value: Option<&Text>, flexible: bool) -> Result<(), EncodeError> {
        let Some(text) = value else {
            if flexible {
                self.write_unsigned_varint(0)
            } else {
                self.write_i16(-1)
            }
            return Ok(());
        };
        let bytes = text.as_bytes();
        let too_long = EncodeError::TooLong { what: "a string", length: bytes.len() };
        let length = i16::try_from(bytes.len()).map_err(|_| too_long)?;
        if flexible {
            self.write_unsigned_varint(u32::from(length.unsigned_abs()) + 1)
        } else {
            self.write_i16(length)
        }
        self.put_slice(bytes);
        Ok(())
    }

    /// Writes bytes, or null.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`].
    pub fn write_bytes(&mut self, value: Option<&Bytes>, flexible: bool) -> Result<(), EncodeError> {
        self.write_blob_len("bytes", value.map(Bytes::len), flexible)?;
        if let Some(bytes) = value {
            self.put_bytes(bytes.clone());
        }
        Ok(())
    }

    /// Writes record data, or null, without copying it.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`].
    pub fn write_records(&mut self, value: Option<&Records>, flexible: bool) -> Result<(), EncodeError> {
        self.write_blob_len("records", value.map(Records::len), flexible)?;
        for part in value.map(Records::parts).unwrap_or_default() {
            self.put_bytes(part.clone());
        }
        Ok(())
    }

    /// Writes the length of an array, or null.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`].
    pub fn write_array_len(&mut self, length: Option<usize>, flexible: bool) -> Result<(), EncodeError> {
        self.write_blob_len("an array", length, flexible)
    }

    fn write_blob_len(&mut self, what: &'static str, length: Option<usize>, flexible: bool) -> Result<(), EncodeError> {
        let length = match length {
            Some(length) => i32::try_from(length).map_err(|_| EncodeError::TooLong { what, length })?,
            None => -1,
        };
        // -1, null, becomes 0; a positive i32 plus one fits u32.
        if flexible {
            self.write_unsigned_varint((i64::from(length) + 1) as u32)
        } else {
            self.write_i32(length)
        }
        Ok(())
    }
}
