//! What the code written by `#[derive(Message)]` calls: arrays, nullable structs, tagged fields. Not meant to be called by hand.

use bytes::Bytes;

use crate::{Decode, DecodeError, Encode, EncodeError, Reader, Text, Uuid, Writer, read_array_len};

/// A tagged field that this build does not know, kept as it was read and written back (KIP-482).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownTaggedField {
    /// The field's number.
    pub tag: u32,
    /// Its value, undecoded.
    pub data: Bytes,
}

/// The error of a set field in a version that does not have it.
#[must_use]
pub fn not_in_version(message: &'static str, field: &'static str, version: i16) -> EncodeError {
    EncodeError::FieldNotInVersion { message, field, version }
}

/// Refuses a null.
///
/// # Errors
/// [`DecodeError::UnexpectedNull`].
pub fn not_null<T>(value: Option<T>, what: &'static str) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::UnexpectedNull(what))
}

/// Refuses a null unless this version allows it.
///
/// # Errors
/// [`DecodeError::UnexpectedNull`].
pub fn null_if<T>(value: Option<T>, nullable: bool, what: &'static str) -> Result<Option<T>, DecodeError> {
    if value.is_none() && !nullable { Err(DecodeError::UnexpectedNull(what)) } else { Ok(value) }
}

/// An array's element that is no struct.
pub trait Primitive: Sized {
    /// Reads one.
    ///
    /// # Errors
    /// If the bytes are malformed.
    fn read(reader: &mut Reader, flexible: bool) -> Result<Self, DecodeError>;

    /// The fewest bytes that one takes.
    fn min_len(flexible: bool) -> usize;

    /// Writes one.
    ///
    /// # Errors
    /// If it is too long.
    fn write(&self, writer: &mut Writer, flexible: bool) -> Result<(), EncodeError>;
}

macro_rules! primitives {
    ($($type:ty, $read:ident, $write:ident;)*) => {
        $(
            impl Primitive for $type {
                fn read(reader: &mut Reader, _flexible: bool) -> Result<Self, DecodeError> {
                    reader.$read()
                }

                fn min_len(_flexible: bool) -> usize {
                    size_of::<$type>()
                }

                fn write(&self, writer: &mut Writer, _flexible: bool) -> Result<(), EncodeError> {
                    writer.$write(*self);
                    Ok(())
                }
            }
        )*
    };
}

primitives! {
    bool, read_bool, write_bool;
    i8, read_i8, write_i8;
    i16, read_i16, write_i16;
    u16, read_u16, write_u16;
    i32, read_i32, write_i32;
    u32, read_u32, write_u32;
    i64, read_i64, write_i64;
    f64, read_f64, write_f64;
}

impl Primitive for Uuid {
    fn read(reader: &mut Reader, _flexible: bool) -> Result<Self, DecodeError> {
        reader.read_uuid()
    }

    fn min_len(_flexible: bool) -> usize {
        size_of::<Self>()
    }

    fn write(&self, writer: &mut Writer, _flexible: bool) -> Result<(), EncodeError> {
        writer.write_uuid(self);
        Ok(())
    }
}

impl Primitive for Text {
    fn read(reader: &mut Reader, flexible: bool) -> Result<Self, DecodeError> {
        not_null(reader.read_text(flexible)?, "a string in an array")
    }

    fn min_len(flexible: bool) -> usize {
        if flexible { 1 } else { 2 }
    }

    fn write(&self, writer: &mut Writer, flexible: bool) -> Result<(), EncodeError> {
        writer.write_text(Some(self), flexible)
    }
}

/// Room for all elements: there are no more than what remains can hold.
fn reserve<T>(len: usize, min_len: usize, reader: &Reader) -> Result<Vec<T>, DecodeError> {
    let mut array = Vec::new();
    if len > reader.available() / min_len.max(1) || array.try_reserve_exact(len).is_err() {
        let length = i64::try_from(len).unwrap_or(i64::MAX);
        return Err(DecodeError::InvalidLength { what: "an array", length, remaining: reader.remaining() });
    }
    Ok(array)
}

/// Reads an array of primitives, or null.
///
/// # Errors
/// If the bytes are malformed.
pub fn read_primitives<T: Primitive>(reader: &mut Reader, flexible: bool) -> Result<Option<Vec<T>>, DecodeError> {
    let Some(len) = read_array_len(reader, flexible)? else { return Ok(None) };
    let mut array = reserve(len, T::min_len(flexible), reader)?;
    for _ in 0..len {
        array.push(T::read(reader, flexible)?);
    }
    Ok(Some(array))
}

/// Reads an array of structs, or null.
///
/// # Errors
/// If the bytes are malformed.
pub fn read_structs<T: Decode>(reader: &mut Reader, version: i16, flexible: bool) -> Result<Option<Vec<T>>, DecodeError> {
    let Some(len) = read_array_len(reader, flexible)? else { return Ok(None) };
    let min_len = T::min_len(version);
    let mut array = reserve(len, min_len, reader)?;
    reader.owe(len * min_len);
    for _ in 0..len {
        reader.pay(min_len);
        array.push(T::decode(reader, version)?);
    }
    Ok(Some(array))
}

/// Writes an array of primitives, or null.
///
/// # Errors
/// If it, or one of its elements, is too long.
pub fn write_primitives<T: Primitive>(writer: &mut Writer, array: Option<&[T]>, flexible: bool) -> Result<(), EncodeError> {
    writer.write_array_len(array.map(<[T]>::len), flexible)?;
    for element in array.unwrap_or_default() {
        element.write(writer, flexible)?;
    }
    Ok(())
}

/// Writes an array of structs, or null.
///
/// # Errors
/// If it is too long, or one of its elements has no form in this version.
pub fn write_structs<T: Encode>(
    writer: &mut Writer,
    array: Option<&[T]>,
    version: i16,
    flexible: bool,
) -> Result<(), EncodeError> {
    writer.write_array_len(array.map(<[T]>::len), flexible)?;
    for element in array.unwrap_or_default() {
        element.encode(writer, version)?;
    }
    Ok(())
}

/// Reads a struct behind the byte that says whether there is one.
///
/// # Errors
/// If the bytes are malformed.
pub fn read_nullable_struct<T: Decode>(reader: &mut Reader, version: i16) -> Result<Option<T>, DecodeError> {
    // Like Kafka: any negative byte is null.
    if reader.read_i8()? < 0 { Ok(None) } else { Ok(Some(T::decode(reader, version)?)) }
}

/// Writes a struct behind the byte that says whether there is one.
///
/// # Errors
/// If the struct has no form in this version.
pub fn write_nullable_struct<T: Encode>(writer: &mut Writer, value: Option<&T>, version: i16) -> Result<(), EncodeError> {
    match value {
        None => writer.write_i8(-1),
        Some(value) => {
            writer.write_i8(1);
            value.encode(writer, version)?;
        }
    }
    Ok(())
}

/// The number of tagged fields that follow. Each is to be read with [`TaggedField::read`].
///
/// # Errors
/// If there can't be as many in what remains.
pub fn tagged_field_count(reader: &mut Reader) -> Result<u32, DecodeError> {
    let count = reader.read_unsigned_varint()?;
    if count as usize > reader.available() / TAGGED_FIELD {
        return Err(DecodeError::InvalidLength {
            what: "a section of tagged fields",
            length: i64::from(count),
            remaining: reader.remaining(),
        });
    }
    reader.owe(count as usize * TAGGED_FIELD);
    Ok(count)
}

/// A tagged field's number and size take a byte each, or more.
const TAGGED_FIELD: usize = 2;

/// A tagged field on its way in.
#[derive(Debug)]
pub struct TaggedField {
    /// The field's number.
    pub tag: u32,
    /// Its value, and nothing behind it.
    pub value: Reader,
}

impl TaggedField {
    /// Reads the number and takes the value's bytes.
    ///
    /// # Errors
    /// If the bytes are malformed.
    pub fn read(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.pay(TAGGED_FIELD);
        let tag = reader.read_unsigned_varint()?;
        let size = reader.read_unsigned_varint()? as usize;
        if size > reader.available() {
            return Err(DecodeError::UnexpectedEnd { needed: size, remaining: reader.available() });
        }
        Ok(Self { tag, value: Reader::new(reader.take(size)?) })
    }

    /// Keeps the value undecoded.
    #[must_use]
    pub fn into_unknown(self) -> UnknownTaggedField {
        UnknownTaggedField { tag: self.tag, data: self.value.rest() }
    }

    /// Checks that the value was all there is.
    ///
    /// # Errors
    /// If bytes are left.
    pub fn end(&self) -> Result<(), DecodeError> {
        if self.value.remaining() == 0 { Ok(()) } else { Err(DecodeError::Malformed("a tagged field is longer than its value")) }
    }
}

/// Reads the tagged fields of a struct that knows none.
///
/// # Errors
/// If the bytes are malformed.
pub fn read_unknown_tagged_fields(reader: &mut Reader) -> Result<Vec<UnknownTaggedField>, DecodeError> {
    let mut fields = Vec::new();
    for left in (1..=tagged_field_count(reader)?).rev() {
        keep_unknown(&mut fields, TaggedField::read(reader)?, left);
    }
    Ok(fields)
}

/// Keeps a field that this build does not know: with `left` of them to come, itself included, if they all are such.
pub fn keep_unknown(fields: &mut Vec<UnknownTaggedField>, field: TaggedField, left: u32) {
    if fields.is_empty() {
        fields.reserve_exact(left as usize);
    }
    fields.push(field.into_unknown());
}

/// Writes the tagged fields of a struct that knows none.
///
/// # Errors
/// If a tag appears twice.
pub fn write_unknown_tagged_fields(
    writer: &mut Writer,
    unknown: &[UnknownTaggedField],
    message: &'static str,
) -> Result<(), EncodeError> {
    if unknown.is_empty() {
        writer.write_unsigned_varint(0);
        return Ok(());
    }
    TaggedFields::default().write(writer, unknown, message)
}

/// Tagged fields on their way out: each is written on its own first, since its size goes before it.
#[derive(Debug, Default)]
pub struct TaggedFields(Vec<(u32, Writer)>);

impl TaggedFields {
    /// Where to write the value of the field numbered `tag`.
    pub fn start(&mut self, tag: u32) -> &mut Writer {
        &mut self.0.push_mut((tag, Writer::new())).1
    }

    /// Writes these and the unknown ones in the order of their numbers.
    ///
    /// # Errors
    /// If a tag appears twice.
    pub fn write(
        mut self,
        writer: &mut Writer,
        unknown: &[UnknownTaggedField],
        message: &'static str,
    ) -> Result<(), EncodeError> {
        for field in unknown {
            self.start(field.tag).put_bytes(field.data.clone());
        }
        self.0.sort_by_key(|(tag, _)| *tag);
        let twice = self.0.iter().zip(self.0.iter().skip(1)).find(|((one, _), (next, _))| one == next);
        if let Some(((tag, _), _)) = twice {
            return Err(EncodeError::DuplicateTag { message, tag: *tag });
        }
        let too_long = |length| EncodeError::TooLong { what: "tagged fields", length };
        writer.write_unsigned_varint(u32::try_from(self.0.len()).map_err(|_| too_long(self.0.len()))?);
        for (tag, value) in self.0 {
            writer.write_unsigned_varint(tag);
            writer.write_unsigned_varint(u32::try_from(value.len()).map_err(|_| too_long(value.len()))?);
            for part in value.finish() {
                writer.put_bytes(part);
            }
        }
        Ok(())
    }
}
