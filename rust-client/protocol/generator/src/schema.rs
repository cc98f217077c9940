//! A schema as Kafka writes it, parsed.

use serde_json::Value;

use crate::Error;

/// A message.
pub(crate) struct Schema {
    pub(crate) name: String,
    /// "request", "response", "header" or "data".
    pub(crate) kind: String,
    pub(crate) api_key: Option<i64>,
    pub(crate) listeners: Vec<String>,
    pub(crate) versions: String,
    pub(crate) flexible: String,
    pub(crate) latest_version_unstable: bool,
    pub(crate) fields: Vec<Field>,
    pub(crate) common_structs: Vec<CommonStruct>,
    /// The comments before the fields: what each version brought.
    pub(crate) comments: Vec<String>,
}

/// A struct that several fields share.
pub(crate) struct CommonStruct {
    pub(crate) name: String,
    pub(crate) versions: String,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) versions: String,
    pub(crate) nullable: Option<String>,
    pub(crate) default: Option<String>,
    pub(crate) ignorable: bool,
    pub(crate) tag: Option<i64>,
    pub(crate) tagged: Option<String>,
    pub(crate) flexible: Option<String>,
    pub(crate) about: String,
    pub(crate) fields: Vec<Field>,
}

impl Schema {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let json: Value = serde_json::from_str(&strip_comments(text)).map_err(|e| e.to_string())?;
        Ok(Self {
            name: string(&json, "name")?,
            kind: string(&json, "type")?,
            api_key: json.get("apiKey").and_then(Value::as_i64),
            listeners: array(&json, "listeners").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            versions: string(&json, "validVersions")?,
            // APIs that Kafka has given up have no versions at all.
            flexible: string(&json, "flexibleVersions").unwrap_or_else(|_| "none".to_owned()),
            latest_version_unstable: json.get("latestVersionUnstable").and_then(Value::as_bool).unwrap_or(false),
            fields: fields(&json)?,
            common_structs: array(&json, "commonStructs").iter().map(CommonStruct::parse).collect::<Result<_, _>>()?,
            comments: head_comments(text),
        })
    }

    /// The first and the last version.
    pub(crate) fn version_range(&self) -> Result<(i16, i16), Error> {
        let (low, high) = self.versions.split_once('-').unwrap_or((&self.versions, &self.versions));
        match (low.parse(), high.parse()) {
            (Ok(low), Ok(high)) => Ok((low, high)),
            _ => Err(format!("{}: the versions {:?} are no range", self.name, self.versions)),
        }
    }

    /// The first flexible version.
    pub(crate) fn flexible_from(&self) -> Result<Option<i16>, Error> {
        match self.flexible.as_str() {
            "none" => Ok(None),
            text => match text.strip_suffix('+').map(str::parse) {
                Some(Ok(low)) => Ok(Some(low)),
                _ => Err(format!("{}: the flexible versions {text:?} are not open", self.name)),
            },
        }
    }
}

impl CommonStruct {
    fn parse(json: &Value) -> Result<Self, Error> {
        Ok(Self { name: string(json, "name")?, versions: string(json, "versions")?, fields: fields(json)? })
    }
}

impl Field {
    fn parse(json: &Value) -> Result<Self, Error> {
        let optional = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            name: string(json, "name")?,
            ty: string(json, "type")?,
            versions: string(json, "versions")?,
            nullable: optional("nullableVersions"),
            default: json.get("default").map(|d| d.as_str().map_or_else(|| d.to_string(), str::to_owned)),
            // Written both as a boolean and as a string.
            ignorable: json.get("ignorable").is_some_and(|i| i.as_bool().unwrap_or_else(|| i.as_str() == Some("true"))),
            tag: json.get("tag").and_then(Value::as_i64),
            tagged: optional("taggedVersions"),
            flexible: optional("flexibleVersions"),
            about: optional("about").unwrap_or_default(),
            fields: fields(json)?,
        })
    }

    /// The element's type of an array, the type itself otherwise.
    pub(crate) fn element(&self) -> &str {
        self.ty.strip_prefix("[]").unwrap_or(&self.ty)
    }

    /// Whether the type, or the element's, is a struct: those are the capitalised names.
    pub(crate) fn is_struct(&self) -> bool {
        self.element().starts_with(char::is_uppercase)
    }

    /// What the wire sees of the field: everything but its description.
    pub(crate) fn same_wire(&self, other: &Self) -> bool {
        let outside = |f: &Self| {
            (
                (f.name.clone(), f.ty.clone(), f.versions.clone(), f.nullable.clone(), f.default.clone()),
                (f.ignorable, f.tag, f.tagged.clone(), f.flexible.clone()),
            )
        };
        outside(self) == outside(other) && same_wire(&self.fields, &other.fields)
    }
}

pub(crate) fn same_wire(one: &[Field], other: &[Field]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.same_wire(b))
}

fn fields(json: &Value) -> Result<Vec<Field>, Error> {
    array(json, "fields").iter().map(Field::parse).collect()
}

fn array<'a>(json: &'a Value, key: &str) -> &'a [Value] {
    json.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn string(json: &Value, key: &str) -> Result<String, Error> {
    json.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("{key:?} is missing in {json}"))
}

/// Replaces `//` comments outside of strings.
fn strip_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_string = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_string => {
                out.push(c);
                out.extend(chars.next());
            }
            '"' => {
                in_string = !in_string;
                out.push(c);
            }
            '/' if !in_string && chars.peek() == Some(&'/') => while chars.next_if(|&c| c != '\n').is_some() {},
            _ => out.push(c),
        }
    }
    out
}

/// The comment lines between the opening brace and the fields: the licence stands before the brace.
fn head_comments(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .skip_while(|line| !line.starts_with('{'))
        .take_while(|line| !line.starts_with("\"fields\"") && !line.starts_with("\"commonStructs\""))
        .filter_map(|line| line.strip_prefix("//"))
        .map(|line| line.trim().to_owned())
        .collect()
}
