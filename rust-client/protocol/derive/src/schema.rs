//! The attributes, parsed.

use proc_macro2::Span;
use syn::{Attribute, Data, DeriveInput, Error, Fields, GenericArgument, Ident, LitInt, LitStr, PathArguments, Type};

/// A range of versions as Kafka's schemas write it: `3`, `3-9` or `3+`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) low: i16,
    /// `None`: open.
    pub(crate) high: Option<i16>,
}

impl Versions {
    pub(crate) const ALL: Self = Self { low: 0, high: None };

    /// `none` is no range at all.
    fn parse(text: &LitStr) -> syn::Result<Option<Self>> {
        let value = text.value();
        if value == "none" {
            return Ok(None);
        }
        let number =
            |part: &str| part.parse().map_err(|_| Error::new(text.span(), "versions look like \"3\", \"3-9\" or \"3+\""));
        Ok(Some(if let Some(low) = value.strip_suffix('+') {
            Self { low: number(low)?, high: None }
        } else if let Some((low, high)) = value.split_once('-') {
            Self { low: number(low)?, high: Some(number(high)?) }
        } else {
            Self { low: number(&value)?, high: Some(number(&value)?) }
        }))
    }

    /// Whether every version of `other` is in this range.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.low <= other.low
            && match (self.high, other.high) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(own), Some(others)) => own >= others,
            }
    }
}

/// What a root struct is.
pub(crate) enum Root {
    Request(String),
    Response(String),
}

pub(crate) struct Message {
    pub(crate) name: Ident,
    pub(crate) root: Option<Root>,
    pub(crate) versions: Versions,
    /// The versions with compact lengths and tagged fields.
    pub(crate) flexible: Option<Versions>,
    pub(crate) fields: Vec<Field>,
}

pub(crate) enum Kind {
    /// A number, a boolean or a UUID: the suffix of `read_` and `write_`.
    Fixed(&'static str),
    Text,
    Bytes,
    Records,
    Struct,
    /// An array of numbers, texts or UUIDs.
    PrimitiveArray,
    StructArray,
}

pub(crate) struct Field {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) kind: Kind,
    /// Whether the Rust type is an `Option`.
    pub(crate) optional: bool,
    pub(crate) versions: Versions,
    pub(crate) nullable: Option<Versions>,
    pub(crate) default: Option<LitStr>,
    pub(crate) ignorable: bool,
    pub(crate) tag: Option<Tag>,
    /// Never compact, whatever the version: the request header's client id.
    pub(crate) never_flexible: bool,
}

pub(crate) struct Tag {
    pub(crate) number: u32,
    pub(crate) versions: Versions,
}

impl Message {
    pub(crate) fn parse(input: &DeriveInput) -> syn::Result<Self> {
        let Data::Struct(data) = &input.data else {
            return Err(Error::new(Span::call_site(), "a message is a struct"));
        };
        let Fields::Named(named) = &data.fields else {
            return Err(Error::new(Span::call_site(), "a message has named fields"));
        };
        let mut message =
            Self { name: input.ident.clone(), root: None, versions: Versions::ALL, flexible: None, fields: Vec::new() };
        for attribute in input.attrs.iter().filter(|a| a.path().is_ident("message")) {
            message.parse_attribute(attribute)?;
        }
        let mut has_unknown = false;
        for field in &named.named {
            let Some(name) = &field.ident else { continue };
            if name == "unknown_tagged_fields" {
                has_unknown = true;
                continue;
            }
            message.fields.push(Field::parse(name, &field.ty, &field.attrs)?);
        }
        if !has_unknown {
            return Err(Error::new(
                input.ident.span(),
                "a message keeps what it does not know: `pub unknown_tagged_fields: Vec<UnknownTaggedField>`",
            ));
        }
        Ok(message)
    }

    fn parse_attribute(&mut self, attribute: &Attribute) -> syn::Result<()> {
        attribute.parse_nested_meta(|meta| {
            let text: LitStr = meta.value()?.parse()?;
            if meta.path.is_ident("request") {
                self.root = Some(Root::Request(text.value()));
            } else if meta.path.is_ident("response") {
                self.root = Some(Root::Response(text.value()));
            } else if meta.path.is_ident("versions") {
                self.versions = Versions::parse(&text)?.ok_or_else(|| meta.error("a message has versions"))?;
            } else if meta.path.is_ident("flexible") {
                self.flexible = Versions::parse(&text)?;
            } else {
                return Err(meta.error("known are: request, response, versions, flexible"));
            }
            Ok(())
        })
    }
}

impl Field {
    fn parse(name: &Ident, ty: &Type, attributes: &[Attribute]) -> syn::Result<Self> {
        let (optional, inner) = match generic(ty, "Option") {
            Some(inner) => (true, inner),
            None => (false, ty),
        };
        let mut field = Self {
            name: name.clone(),
            ty: inner.clone(),
            kind: kind(inner)?,
            optional,
            versions: Versions::ALL,
            nullable: None,
            default: None,
            ignorable: false,
            tag: None,
            never_flexible: false,
        };
        for attribute in attributes.iter().filter(|a| a.path().is_ident("field")) {
            field.parse_attribute(attribute)?;
        }
        if field.optional != field.nullable.is_some() {
            return Err(Error::new(name.span(), "a field is an Option exactly if it is nullable in some version"));
        }
        if field.optional && matches!(field.kind, Kind::Fixed(_)) {
            return Err(Error::new(name.span(), "numbers, booleans and UUIDs have no null on the wire"));
        }
        if field.optional && field.tag.is_some() && matches!(field.kind, Kind::Struct) {
            return Err(Error::new(name.span(), "a nullable struct as a tagged field is not supported"));
        }
        Ok(field)
    }

    fn parse_attribute(&mut self, attribute: &Attribute) -> syn::Result<()> {
        let mut tag = None;
        let mut tagged = None;
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("ignorable") {
                self.ignorable = true;
            } else if meta.path.is_ident("tag") {
                tag = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?);
            } else {
                let text: LitStr = meta.value()?.parse()?;
                if meta.path.is_ident("versions") {
                    self.versions = Versions::parse(&text)?.ok_or_else(|| meta.error("a field has versions"))?;
                } else if meta.path.is_ident("nullable") {
                    self.nullable = Versions::parse(&text)?;
                } else if meta.path.is_ident("tagged") {
                    tagged = Versions::parse(&text)?;
                } else if meta.path.is_ident("flexible") {
                    if text.value() != "none" {
                        return Err(meta.error("a field may only opt out: flexible = \"none\""));
                    }
                    self.never_flexible = true;
                } else if meta.path.is_ident("default") {
                    self.default = Some(text);
                } else {
                    return Err(meta.error("known are: versions, nullable, default, ignorable, tag, tagged, flexible"));
                }
            }
            Ok(())
        })?;
        self.tag = match (tag, tagged) {
            (Some(number), Some(versions)) if versions == self.versions => Some(Tag { number, versions }),
            (None, None) => None,
            _ => return Err(Error::new(self.name.span(), "a tagged field has `tag`, and `tagged` equal to its `versions`")),
        };
        Ok(())
    }

    /// Whether the default is null.
    pub(crate) fn default_is_null(&self) -> bool {
        self.default.as_ref().is_some_and(|d| d.value() == "null")
    }
}

/// The `T` of `outer<T>`.
fn generic<'a>(ty: &'a Type, outer: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident != outer {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) => Some(inner),
        _ => None,
    }
}

fn kind(ty: &Type) -> syn::Result<Kind> {
    if let Some(element) = generic(ty, "Vec") {
        return Ok(match kind(element)? {
            Kind::Struct => Kind::StructArray,
            Kind::Fixed(_) | Kind::Text => Kind::PrimitiveArray,
            _ => return Err(Error::new(Span::call_site(), "no such array in Kafka's schemas")),
        });
    }
    let Type::Path(path) = ty else { return Err(Error::new(Span::call_site(), "a field's type is a plain path")) };
    let name = path.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
    Ok(match name.as_str() {
        "bool" => Kind::Fixed("bool"),
        "i8" => Kind::Fixed("i8"),
        "i16" => Kind::Fixed("i16"),
        "u16" => Kind::Fixed("u16"),
        "i32" => Kind::Fixed("i32"),
        "u32" => Kind::Fixed("u32"),
        "i64" => Kind::Fixed("i64"),
        "f64" => Kind::Fixed("f64"),
        "Uuid" => Kind::Fixed("uuid"),
        "Text" => Kind::Text,
        "Bytes" => Kind::Bytes,
        "Records" => Kind::Records,
        _ => Kind::Struct,
    })
}
