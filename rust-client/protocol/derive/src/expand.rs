//! From a parsed schema to code.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, format_ident, quote};

use crate::schema::{Field, Kind, Message, Root, Versions};

pub(crate) fn message(message: &Message) -> TokenStream {
    let encode = encode(message);
    let decode = decode(message);
    let default = default(message);
    let root = root(message);
    let arbitrary = arbitrary(message);
    let footprint = footprint(message);
    quote! { #encode #decode #default #root #arbitrary #footprint }
}

/// Tests whether `version` is in the range; `None` if it always is, given that it is within `known`.
fn within(range: Versions, known: Versions) -> Option<TokenStream> {
    let low = Literal::i16_unsuffixed(range.low);
    let above = (range.low > known.low).then(|| quote! { version >= #low });
    let high = match (range.high, known.high) {
        (Some(high), Some(last)) if high >= last => None,
        (high, _) => high.map(Literal::i16_unsuffixed),
    };
    match (above, high) {
        (above, None) => above,
        (None, Some(high)) => Some(quote! { version <= #high }),
        (Some(_), Some(high)) => Some(quote! { (#low..=#high).contains(&version) }),
    }
}

fn test(range: Option<Versions>, known: Versions) -> TokenStream {
    match range {
        None => quote! { false },
        Some(range) => within(range, known).unwrap_or_else(|| quote! { true }),
    }
}

/// The check that the version exists, for structs that say which do.
fn version_check(message: &Message, error: &TokenStream) -> TokenStream {
    let Some(high) = message.versions.high else { return TokenStream::new() };
    let (low, high) = (Literal::i16_unsuffixed(message.versions.low), Literal::i16_unsuffixed(high));
    let name = message.name.to_string();
    quote! {
        if !(#low..=#high).contains(&version) {
            return Err(#error::UnsupportedVersion { message: #name, version });
        }
    }
}

/// `let flexible = ...`, if anything asks for it.
fn flexible(message: &Message) -> TokenStream {
    let test = test(message.flexible, message.versions);
    quote! { let flexible = #test; }
}

fn flexible_of(field: &Field) -> TokenStream {
    if field.never_flexible {
        quote! { false }
    } else {
        quote! { flexible }
    }
}

fn encode(message: &Message) -> TokenStream {
    let name = &message.name;
    let name_text = name.to_string();
    let check = version_check(message, &quote! { ottla_protocol::EncodeError });
    let flexible = flexible(message);
    let plain = message.fields.iter().filter(|f| f.tag.is_none()).map(|f| encode_field(message, f));
    let refused = message.fields.iter().filter(|f| f.tag.is_some()).filter_map(|f| refuse(message, f));
    let tagged: Vec<_> = {
        let mut fields: Vec<_> = message.fields.iter().filter_map(|f| f.tag.as_ref().map(|t| (t, f))).collect();
        fields.sort_by_key(|(tag, _)| tag.number);
        fields.into_iter().map(|(tag, field)| encode_tagged(message, tag.number, tag.versions, field)).collect()
    };
    let known = if tagged.is_empty() {
        quote! { ottla_protocol::fields::write_unknown_tagged_fields(writer, &self.unknown_tagged_fields, #name_text)?; }
    } else {
        quote! {
            let mut known = ottla_protocol::fields::TaggedFields::default();
            #(#tagged)*
            known.write(writer, &self.unknown_tagged_fields, #name_text)?;
        }
    };
    quote! {
        impl ottla_protocol::Encode for #name {
            fn encode(&self, writer: &mut ottla_protocol::Writer, version: i16) -> Result<(), ottla_protocol::EncodeError> {
                #check
                #flexible
                #(#refused)*
                #(#plain)*
                if flexible {
                    #known
                } else if !self.unknown_tagged_fields.is_empty() {
                    return Err(ottla_protocol::fields::not_in_version(#name_text, "unknown_tagged_fields", version));
                }
                Ok(())
            }
        }
    }
}

fn encode_field(message: &Message, field: &Field) -> TokenStream {
    let known = message.versions;
    let null_check = null_check(field, known);
    let target = quote! { writer };
    let write = write(field, &target);
    let write = quote! { #null_check #write };
    match within(field.versions, known) {
        None => write,
        Some(test) => {
            let error = not_in_version(message, field);
            if field.ignorable {
                quote! { if #test { #write } }
            } else {
                let set = differs_from_default(field);
                quote! { if #test { #write } else if #set { #error } }
            }
        }
    }
}

/// A tagged field that is set, in a version without it.
fn refuse(message: &Message, field: &Field) -> Option<TokenStream> {
    if field.ignorable {
        return None;
    }
    let test = within(field.versions, message.versions)?;
    let set = differs_from_default(field);
    let error = not_in_version(message, field);
    Some(quote! { if !(#test) && #set { #error } })
}

fn not_in_version(message: &Message, field: &Field) -> TokenStream {
    let (message, field) = (message.name.to_string(), plain_name(field));
    quote! { return Err(ottla_protocol::fields::not_in_version(#message, #field, version)); }
}

/// The field's name without the `r#` of a keyword.
fn plain_name(field: &Field) -> String {
    let name = field.name.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

fn null_check(field: &Field, known: Versions) -> TokenStream {
    let Some(nullable) = field.nullable else { return TokenStream::new() };
    if nullable.covers(field.versions) || within(nullable, known).is_none() {
        return TokenStream::new();
    }
    let name = &field.name;
    let text = plain_name(field);
    let test = test(Some(nullable), known);
    quote! {
        if self.#name.is_none() && !(#test) {
            return Err(ottla_protocol::EncodeError::UnexpectedNull { field: #text, version });
        }
    }
}

fn write(field: &Field, writer: &TokenStream) -> TokenStream {
    let name = &field.name;
    let flexible = flexible_of(field);
    let value = if field.optional {
        quote! { self.#name.as_ref() }
    } else {
        quote! { Some(&self.#name) }
    };
    let slice = if field.optional {
        quote! { self.#name.as_deref() }
    } else {
        quote! { Some(self.#name.as_slice()) }
    };
    match &field.kind {
        Kind::Fixed("uuid") => quote! { #writer.write_uuid(&self.#name); },
        Kind::Fixed(suffix) => {
            let method = format_ident!("write_{suffix}");
            quote! { #writer.#method(self.#name); }
        }
        Kind::Text => quote! { #writer.write_text(#value, #flexible)?; },
        Kind::Bytes => quote! { #writer.write_bytes(#value, #flexible)?; },
        Kind::Records => quote! { #writer.write_records(#value, #flexible)?; },
        Kind::Struct if field.optional => quote! { ottla_protocol::fields::write_nullable_struct(#writer, #value, version)?; },
        Kind::Struct => quote! { ottla_protocol::Encode::encode(&self.#name, #writer, version)?; },
        Kind::PrimitiveArray => quote! { ottla_protocol::fields::write_primitives(#writer, #slice, #flexible)?; },
        Kind::StructArray => quote! { ottla_protocol::fields::write_structs(#writer, #slice, version, #flexible)?; },
    }
}

fn encode_tagged(message: &Message, tag: u32, versions: Versions, field: &Field) -> TokenStream {
    let set = differs_from_default(field);
    let tag = Literal::u32_unsuffixed(tag);
    let null_check = null_check(field, message.versions);
    let write = write(field, &quote! { value });
    let condition = match within(versions, message.versions) {
        None => set,
        Some(test) => quote! { #test && #set },
    };
    quote! {
        if #condition {
            #null_check
            let value = known.start(#tag);
            #write
        }
    }
}

/// Whether the field's value is not its default.
fn differs_from_default(field: &Field) -> TokenStream {
    let name = &field.name;
    if field.default_is_null() {
        return quote! { self.#name.is_some() };
    }
    match &field.kind {
        Kind::Fixed("bool") => {
            if default_text(field) == "true" {
                quote! { !self.#name }
            } else {
                quote! { self.#name }
            }
        }
        Kind::Fixed("uuid") => quote! { !self.#name.is_zero() },
        Kind::Struct => {
            let default = default_value(field);
            quote! { self.#name != #default }
        }
        Kind::Fixed(_) => {
            let default = default_value(field);
            quote! { self.#name != #default }
        }
        // Only the empty text is a default among those of variable length.
        _ if field.optional => quote! { self.#name.as_ref().is_none_or(|value| !value.is_empty()) },
        _ => quote! { !self.#name.is_empty() },
    }
}

fn default_text(field: &Field) -> String {
    field.default.as_ref().map(|d| d.value()).unwrap_or_default()
}

fn default_value(field: &Field) -> TokenStream {
    if field.default_is_null() {
        return quote! { None };
    }
    let text = default_text(field);
    let value = match &field.kind {
        Kind::Fixed("bool") => match text.as_str() {
            "true" => quote! { true },
            "" | "false" => quote! { false },
            _ => wrong_default(field),
        },
        Kind::Fixed("uuid") => quote! { ottla_protocol::Uuid::ZERO },
        Kind::Fixed("f64") => match if text.is_empty() { Ok(0.0) } else { text.parse::<f64>() } {
            Ok(number) => Literal::f64_unsuffixed(number).into_token_stream(),
            Err(_) => wrong_default(field),
        },
        Kind::Fixed(_) => match number(&text) {
            Some(number) => Literal::i64_unsuffixed(number).into_token_stream(),
            None => wrong_default(field),
        },
        Kind::Text | Kind::Bytes | Kind::Records | Kind::Struct | Kind::PrimitiveArray | Kind::StructArray => {
            if text.is_empty() {
                let ty = &field.ty;
                quote! { <#ty as Default>::default() }
            } else {
                wrong_default(field)
            }
        }
    };
    if field.optional {
        quote! { Some(#value) }
    } else {
        value
    }
}

fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None if text.is_empty() => Some(0),
        None => text.parse().ok(),
    }
}

fn wrong_default(field: &Field) -> TokenStream {
    let text = format!("`{}` can't have the default {:?}", plain_name(field), default_text(field));
    quote! { compile_error!(#text) }
}

fn decode(message: &Message) -> TokenStream {
    let name = &message.name;
    let check = version_check(message, &quote! { ottla_protocol::DecodeError });
    let flexible = flexible(message);
    let plain = message.fields.iter().filter(|f| f.tag.is_none()).map(|field| {
        let name = &field.name;
        let read = read(message, field, &quote! { reader });
        match within(field.versions, message.versions) {
            None => quote! { message.#name = #read; },
            Some(test) => quote! { if #test { message.#name = #read; } },
        }
    });
    let tagged: Vec<_> = message
        .fields
        .iter()
        .filter_map(|f| f.tag.as_ref().map(|t| (t, f)))
        .map(|(tag, field)| {
            let name = &field.name;
            let number = Literal::u32_unsuffixed(tag.number);
            let read = read(message, field, &quote! { value });
            let guard = within(tag.versions, message.versions).map(|test| quote! { if #test });
            quote! { #number #guard => message.#name = #read, }
        })
        .collect();
    let known = if tagged.is_empty() {
        quote! { message.unknown_tagged_fields = ottla_protocol::fields::read_unknown_tagged_fields(reader)?; }
    } else {
        quote! {
            for left in (1..=ottla_protocol::fields::tagged_field_count(reader)?).rev() {
                let mut field = ottla_protocol::fields::TaggedField::read(reader)?;
                let value = &mut field.value;
                match field.tag {
                    #(#tagged)*
                    _ => {
                        ottla_protocol::fields::keep_unknown(&mut message.unknown_tagged_fields, field, left);
                        continue;
                    }
                }
                field.end()?;
            }
        }
    };
    let min_len = min_len(message);
    quote! {
        impl ottla_protocol::Decode for #name {
            fn decode(reader: &mut ottla_protocol::Reader, version: i16) -> Result<Self, ottla_protocol::DecodeError> {
                #check
                #flexible
                let mut message = Self::default();
                #(#plain)*
                if flexible {
                    #known
                }
                Ok(message)
            }

            fn min_len(version: i16) -> usize {
                #flexible
                #min_len
            }
        }
    }
}

/// The fewest bytes of the fields that the version has; the section of tagged fields takes one.
fn min_len(message: &Message) -> TokenStream {
    let fields = message.fields.iter().filter(|f| f.tag.is_none()).map(|field| {
        let flexible = flexible_of(field);
        let ty = &field.ty;
        let len = match &field.kind {
            Kind::Fixed("bool") => quote! { 1 },
            Kind::Fixed("uuid") => quote! { 16 },
            Kind::Fixed(suffix) => {
                let number = format_ident!("{suffix}");
                quote! { size_of::<#number>() }
            }
            Kind::Struct if field.optional => quote! { 1 },
            Kind::Struct => quote! { <#ty as ottla_protocol::Decode>::min_len(version) },
            Kind::Text => quote! { if #flexible { 1 } else { 2 } },
            Kind::Bytes | Kind::Records | Kind::PrimitiveArray | Kind::StructArray => quote! { if #flexible { 1 } else { 4 } },
        };
        match within(field.versions, message.versions) {
            None => quote! { len += #len; },
            Some(test) => quote! { if #test { len += #len; } },
        }
    });
    quote! {
        let mut len = usize::from(flexible);
        #(#fields)*
        len
    }
}

/// What decoding may take for each byte: the elements at their shortest of the array, here or further inside, that is worst.
fn footprint(message: &Message) -> TokenStream {
    let name = &message.name;
    let flexible = flexible(message);
    let part = |field: &Field| {
        let flexible = flexible_of(field);
        let ty = &field.ty;
        let part = match &field.kind {
            Kind::StructArray => quote! { ottla_protocol::arbitrary::of_structs::<#ty>(version) },
            Kind::PrimitiveArray => quote! { ottla_protocol::arbitrary::of_primitives::<#ty>(#flexible) },
            Kind::Struct => quote! { <#ty as ottla_protocol::arbitrary::Footprint>::footprint(version) },
            _ => return None,
        };
        Some(match within(field.versions, message.versions) {
            None => part,
            Some(test) => quote! { if #test { #part } else { 0.0 } },
        })
    };
    let parts = message.fields.iter().filter_map(part);
    quote! {
        #[cfg(any(test, feature = "arbitrary"))]
        impl ottla_protocol::arbitrary::Footprint for #name {
            fn footprint(version: i16) -> f64 {
                #flexible
                let tagged = if flexible { ottla_protocol::arbitrary::OF_TAGGED_FIELDS } else { 0.0 };
                [tagged, #(#parts),*].into_iter().fold(0.0, f64::max)
            }
        }
    }
}

fn read(message: &Message, field: &Field, reader: &TokenStream) -> TokenStream {
    let text = plain_name(field);
    let flexible = flexible_of(field);
    let ty = &field.ty;
    let read = match &field.kind {
        Kind::Fixed(suffix) => {
            let method = format_ident!("read_{suffix}");
            return quote! { #reader.#method()? };
        }
        Kind::Struct if !field.optional => return quote! { <#ty as ottla_protocol::Decode>::decode(#reader, version)? },
        Kind::Struct => quote! { ottla_protocol::fields::read_nullable_struct(#reader, version)? },
        Kind::Text => quote! { #reader.read_text(#flexible)? },
        Kind::Bytes => quote! { #reader.read_bytes(#flexible)? },
        Kind::Records => quote! { #reader.read_records(#flexible)? },
        Kind::PrimitiveArray => quote! { ottla_protocol::fields::read_primitives(#reader, #flexible)? },
        Kind::StructArray => quote! { ottla_protocol::fields::read_structs(#reader, version, #flexible)? },
    };
    let Some(nullable) = field.nullable else { return quote! { ottla_protocol::fields::not_null(#read, #text)? } };
    if nullable.covers(field.versions) || within(nullable, message.versions).is_none() {
        return read;
    }
    let test = test(Some(nullable), message.versions);
    quote! { ottla_protocol::fields::null_if(#read, #test, #text)? }
}

fn default(message: &Message) -> TokenStream {
    let name = &message.name;
    let fields = message.fields.iter().map(|field| {
        let name = &field.name;
        let value = default_value(field);
        quote! { #name: #value, }
    });
    quote! {
        impl Default for #name {
            fn default() -> Self {
                Self { #(#fields)* unknown_tagged_fields: Vec::new() }
            }
        }
    }
}

fn root(message: &Message) -> TokenStream {
    let name = &message.name;
    match &message.root {
        None => TokenStream::new(),
        Some(Root::Request(api)) => {
            let (api, response) = (format_ident!("{api}"), format_ident!("{api}Response"));
            let low = Literal::i16_unsuffixed(message.versions.low);
            let high = Literal::i16_unsuffixed(message.versions.high.unwrap_or(i16::MAX));
            quote! {
                impl ottla_protocol::Request for #name {
                    const KEY: ottla_protocol::ApiKey = ottla_protocol::ApiKey::#api;
                    const MIN_VERSION: i16 = #low;
                    const MAX_VERSION: i16 = #high;
                    type Response = #response;
                }
            }
        }
        Some(Root::Response(api)) => {
            let api = format_ident!("{api}");
            quote! {
                impl ottla_protocol::Response for #name {
                    const KEY: ottla_protocol::ApiKey = ottla_protocol::ApiKey::#api;
                }
            }
        }
    }
}

/// Random values for tests: only what the version can carry.
fn arbitrary(message: &Message) -> TokenStream {
    let name = &message.name;
    let flexible = flexible(message);
    let fields = message.fields.iter().map(|field| {
        let name = &field.name;
        let value = if field.optional {
            let nullable = test(field.nullable, message.versions);
            quote! { random.nullable(#nullable, version) }
        } else {
            quote! { ottla_protocol::arbitrary::Arbitrary::arbitrary(random, version) }
        };
        let test = within(field.versions, message.versions);
        // A tagged field is left at its default now and then, since that is a form of its own on the wire.
        let test = match (test, field.tag.is_some()) {
            (None, false) => None,
            (None, true) => Some(quote! { random.flip() }),
            (Some(test), false) => Some(test),
            (Some(test), true) => Some(quote! { #test && random.flip() }),
        };
        match test {
            None => quote! { message.#name = #value; },
            Some(test) => quote! { if #test { message.#name = #value; } },
        }
    });
    quote! {
        #[cfg(any(test, feature = "arbitrary"))]
        impl ottla_protocol::arbitrary::Arbitrary for #name {
            fn arbitrary(random: &mut ottla_protocol::arbitrary::Random, version: i16) -> Self {
                #flexible
                let mut message = Self::default();
                #(#fields)*
                if flexible {
                    message.unknown_tagged_fields = random.unknown_tagged_fields();
                }
                message
            }
        }
    }
}
