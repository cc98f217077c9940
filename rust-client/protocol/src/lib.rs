//! The Apache Kafka wire protocol: bytes to types and back. No sockets, no clock, no randomness.
//!
//! [`messages`] holds one file for each API, written by `generator` from Kafka's own schemas; [`record`] the record batch;
//! [`compression`] the codecs. Everything that reads treats each length on the wire as an attacker's number.

// So that the code which the derive writes can name this crate from inside and from outside in the same way.
extern crate self as ottla_protocol;

mod api_key;
#[cfg(any(test, feature = "arbitrary"))]
#[doc(hidden)]
pub mod arbitrary;
pub mod compression;
mod error;
mod error_code;
#[doc(hidden)]
pub mod fields;
pub mod frame;
#[cfg(test)]
mod message_tests;
pub mod messages;
mod primitives;
pub mod record;
mod text;
mod uuid;
mod wire_buf;

pub use api_key::{ApiKey, Request, Response};
pub use error::{DecodeError, EncodeError};
pub use error_code::ErrorCode;
pub use fields::UnknownTaggedField;
pub use ottla_protocol_derive::Message;
pub use primitives::{Decode, Encode, Reader, Writer, read_array_len};
pub use text::Text;
pub use uuid::Uuid;
pub use wire_buf::{Records, WireBuf};
