//! `#[derive(Message)]` for ottla-protocol: the codec of a struct, from attributes that say what Kafka's schema says.
//!
//! On the struct: `#[message(request = "Produce", versions = "3-13", flexible = "9+")]`, where `request` or `response` name the API
//! of a root struct. On a field: `#[field(versions = "0-8", nullable = "3+", default = "-1", ignorable)]`, and for a tagged one
//! `tag = 0, tagged = "12+"`. What is missing takes Kafka's default: not nullable, zero or empty, not ignorable.
//!
//! The meaning is that of Kafka's own generator: a field outside of the version reads as its default, and refuses to be written
//! unless it has its default or is ignorable; a tagged field is written only when it differs from its default.
//!
//! What is written is plain calls of `ottla_protocol::fields`, so that it compiles fast.

mod expand;
mod schema;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `Encode`, `Decode`, `Default` (the schema's defaults) and, for a root struct, `Request` or `Response`.
#[proc_macro_derive(Message, attributes(message, field))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match schema::Message::parse(&input) {
        Ok(message) => expand::message(&message).into(),
        Err(error) => error.to_compile_error().into(),
    }
}
