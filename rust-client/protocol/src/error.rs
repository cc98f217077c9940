//! What can be wrong with bytes (or with a value that is to become bytes).

use std::fmt;

/// Why bytes could not be read. Never the application's fault: the peer, or what lies between, sent something malformed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes ended before the value did.
    UnexpectedEnd {
        /// How many bytes the value needs.
        needed: usize,
        /// How many there are.
        remaining: usize,
    },
    /// A length or count that what remains can't hold, or a negative one where null is not allowed.
    InvalidLength {
        /// What the length is of.
        what: &'static str,
        /// The length as it was read.
        length: i64,
        /// How many bytes remain.
        remaining: usize,
    },
    /// A varint of more bytes than its type has.
    InvalidVarint,
    /// Text that is not UTF-8.
    InvalidUtf8,
    /// A null where this version of the message has none.
    UnexpectedNull(&'static str),
    /// The message does not exist in this version.
    UnsupportedVersion {
        /// The message's name.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A request of an API that this build does not know.
    UnknownApiKey(i16),
    /// A record batch whose CRC does not match its bytes.
    CorruptBatch {
        /// The CRC in the header.
        stored: u32,
        /// The CRC of the bytes.
        computed: u32,
    },
    /// A record batch or a message of an unknown magic.
    UnknownMagic(i8),
    /// A codec that is unknown, or that was left out of this build.
    UnsupportedCompression(&'static str),
    /// The compressed bytes can't be inflated.
    Compression {
        /// The codec.
        codec: &'static str,
        /// What it said.
        reason: String,
    },
    /// A batch that inflates to more than is allowed.
    TooLarge {
        /// How many bytes are allowed.
        limit: usize,
    },
    /// Anything else that contradicts the format.
    Malformed(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEnd { needed, remaining } => write!(f, "{needed} more bytes are needed, {remaining} remain"),
            Self::InvalidLength { what, length, remaining } => {
                write!(f, "{what} claims a length of {length} with {remaining} bytes left")
            }
            Self::InvalidVarint => f.write_str("a varint is longer than its type"),
            Self::InvalidUtf8 => f.write_str("text is not UTF-8"),
            Self::UnexpectedNull(what) => write!(f, "{what} is null, which this version does not allow"),
            Self::UnsupportedVersion { message, version } => write!(f, "{message} has no version {version}"),
            Self::UnknownApiKey(key) => write!(f, "API key {key} is unknown"),
            Self::CorruptBatch { stored, computed } => {
                write!(f, "the record batch is corrupt: its CRC is {stored:#010x}, that of its bytes {computed:#010x}")
            }
            Self::UnknownMagic(magic) => write!(f, "record format magic {magic} is unknown"),
            Self::UnsupportedCompression(codec) => write!(f, "compression codec {codec} is unknown or not in this build"),
            Self::Compression { codec, reason } => write!(f, "{codec} can't be inflated: {reason}"),
            Self::TooLarge { limit } => write!(f, "the record batch inflates to more than the {limit} bytes allowed"),
            Self::Malformed(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Why a value could not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The message does not exist in this version.
    UnsupportedVersion {
        /// The message's name.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A field is set that this version does not have, and that may not be dropped in silence.
    FieldNotInVersion {
        /// The message's name.
        message: &'static str,
        /// The field's name.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A field is null that this version does not allow to be.
    UnexpectedNull {
        /// The field's name.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// Two tagged fields of one struct have the same number, one of them perhaps a known field.
    DuplicateTag {
        /// The message's name.
        message: &'static str,
        /// The number.
        tag: u32,
    },
    /// A string, array or blob is longer than its length field can say.
    TooLong {
        /// What is too long.
        what: &'static str,
        /// How long it is.
        length: usize,
    },
    /// A codec that was left out of this build, or that failed.
    Compression {
        /// The codec.
        codec: &'static str,
        /// What it said.
        reason: String,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedVersion { message, version } => write!(f, "{message} has no version {version}"),
            Self::FieldNotInVersion { message, field, version } => {
                write!(f, "{message}.{field} is set, but does not exist in version {version}")
            }
            Self::UnexpectedNull { field, version } => write!(f, "{field} is null, which version {version} does not allow"),
            Self::DuplicateTag { message, tag } => write!(f, "{message} has two tagged fields numbered {tag}"),
            Self::TooLong { what, length } => write!(f, "{what} of length {length} does not fit its length field"),
            Self::Compression { codec, reason } => write!(f, "{codec} can't compress: {reason}"),
        }
    }
}

impl std::error::Error for EncodeError {}
