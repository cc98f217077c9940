//! The Rust text of the parsed schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::Error;
use crate::schema::{Field, Schema, same_wire};

const WIDTH: usize = 130;

const NOTICE: &str = "\
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.
";

/// What members of a group say to each other in the bytes fields of other messages: a version (int16), then one of these.
const EMBEDDED: [(&str, &str); 2] = [
    ("ConsumerProtocolAssignment", "What the leader of a group of consumers tells a member, within SyncGroup."),
    ("ConsumerProtocolSubscription", "What a member of a group of consumers tells the leader, within JoinGroup."),
];

/// File names and their texts, not yet formatted.
pub(crate) fn files(schemas: &BTreeMap<String, Schema>) -> Result<Vec<(String, String)>, Error> {
    let mut apis: Vec<Api> = Vec::new();
    for request in schemas.values().filter(|s| s.kind == "request" && s.listeners.iter().any(|l| l == "broker")) {
        let name = request.name.strip_suffix("Request").ok_or_else(|| format!("{} is no request's name", request.name))?;
        let response = schemas.get(&format!("{name}Response")).ok_or_else(|| format!("{name} has no response"))?;
        let key = request.api_key.ok_or_else(|| format!("{name} has no key"))?;
        if (&request.versions, &request.flexible) != (&response.versions, &response.flexible) {
            return Err(format!("{name}'s request and response differ in their versions"));
        }
        apis.push(Api { name: name.to_owned(), key, request, response });
    }
    apis.sort_by_key(|api| api.key);

    let mut files = vec![("mod.rs".to_owned(), module(&apis)), ("apis.rs".to_owned(), table(&apis)?)];
    for api in &apis {
        let mut file = File::default();
        file.message(api.request, &format!("request = \"{}\"", api.name), "")?;
        file.message(api.response, &format!("response = \"{}\"", api.name), "Response")?;
        let title = format!("//! {} (API key {}).\n//!\n", api.name, api.key);
        files.push((format!("{}.rs", snake_case(&api.name)), file.finish(&title)));
    }
    let header = |name: &str| schemas.get(name).ok_or_else(|| format!("{name} is missing"));
    let mut file = File::default();
    file.message(header("RequestHeader")?, "", "")?;
    file.message(header("ResponseHeader")?, "", "Response")?;
    files.push(("header.rs".to_owned(), file.finish("//! What stands before each request and response.\n//!\n")));
    for (name, title) in EMBEDDED {
        let mut file = File::default();
        file.message(header(name)?, "", "")?;
        files.push((format!("{}.rs", snake_case(name)), file.finish(&format!("//! {title}\n//!\n"))));
    }
    Ok(files)
}

struct Api<'a> {
    name: String,
    key: i64,
    request: &'a Schema,
    response: &'a Schema,
}

fn module(apis: &[Api<'_>]) -> String {
    let mut modules: Vec<String> = apis.iter().map(|api| snake_case(&api.name)).collect();
    modules.extend(EMBEDDED.map(|(name, _)| snake_case(name)));
    modules.sort();
    let mut text =
        "//! The messages of all APIs that a broker of Apache Kafka listens to, one file for each API.\n//!\n".to_owned();
    text += NOTICE;
    text += "\nmod apis;\npub mod header;\n";
    for module in &modules {
        let _ = writeln!(text, "pub mod {module};");
    }
    text += "\npub use header::{RequestHeader, ResponseHeader};\n";
    for (name, _) in EMBEDDED {
        let _ = writeln!(text, "pub use {}::{name};", snake_case(name));
    }
    for api in apis {
        let (module, name) = (snake_case(&api.name), &api.name);
        let _ = writeln!(text, "pub use {module}::{{{name}Request, {name}Response}};");
    }
    text
}

fn table(apis: &[Api<'_>]) -> Result<String, Error> {
    let mut text = "//! The table of APIs, for whatever needs a line for each.\n//!\n".to_owned();
    text += NOTICE;
    text += "
/// Calls a macro with a line for each API: its name and key, the versions of its schema, the first flexible version (or none), the
/// last stable version, the root structs.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_api {
    ($callback:path) => {
        $callback! {
";
    for api in apis {
        let (low, high) = api.request.version_range()?;
        let flexible = api.request.flexible_from()?.map_or_else(|| "None".to_owned(), |v| format!("Some({v})"));
        let stable = if api.request.latest_version_unstable { high - 1 } else { high };
        let (name, key) = (&api.name, api.key);
        let _ =
            writeln!(text, "            {name} = {key}, {low}..={high}, {flexible}, {stable}, {name}Request, {name}Response;");
    }
    text += "        }\n    };\n}\n";
    Ok(text)
}

/// A struct already in the file.
struct Written {
    fields: Vec<Field>,
    versions: String,
    flexible: String,
}

#[derive(Default)]
struct File {
    body: String,
    structs: BTreeMap<String, Written>,
    imports: BTreeSet<&'static str>,
}

/// What all structs of one message share.
struct Context<'a> {
    schema: &'a Schema,
    /// From the schema's name of a struct to ours.
    names: BTreeMap<String, String>,
}

impl File {
    /// Adds a root struct and the structs within it, each after the one that uses it first. `suffix` tells a struct apart from one
    /// of the same name that is already in the file.
    fn message(&mut self, schema: &Schema, root: &str, suffix: &str) -> Result<(), Error> {
        let mut structs: Vec<(String, String, Vec<Field>)> = Vec::new();
        collect(&schema.fields, schema, &mut structs)?;
        let mut context = Context { schema, names: BTreeMap::new() };
        let mut fresh = Vec::new();
        for (name, versions, fields) in structs {
            let own = match self.structs.get(&name) {
                None => name.clone(),
                Some(written) if self.same(written, &fields, &versions, schema) => {
                    context.names.insert(name.clone(), name);
                    continue;
                }
                Some(_) => format!("{name}{suffix}"),
            };
            context.names.insert(name.clone(), own.clone());
            fresh.push((own, versions, fields));
        }
        let root = if root.is_empty() { String::new() } else { format!("{root}, ") };
        let attribute = format!("{root}versions = {:?}, flexible = {:?}", schema.versions, schema.flexible);
        let about = match schema.kind.as_str() {
            "request" => format!("The request of {}.", schema.name.trim_end_matches("Request")),
            "response" => format!("The response of {}.", schema.name.trim_end_matches("Response")),
            "data" => {
                format!("The {}.", snake_case(&schema.name).replace('_', " ").replace("consumer protocol", "consumer protocol's"))
            }
            _ => format!("The {}.", snake_case(&schema.name).replace('_', " ")),
        };
        let mut docs = vec![about];
        docs.extend(paragraphs(&schema.comments));
        self.write_struct(&schema.name, &docs, &attribute, &schema.fields, &context)?;
        for (name, versions, fields) in fresh {
            if self.structs.contains_key(&name) {
                return Err(format!("{}: two structs would be called {name}", schema.name));
            }
            let users = users(&schema.fields, schema, &context, &name);
            let attribute = format!("versions = {versions:?}, flexible = {:?}", schema.flexible);
            let docs = [format!("In {}: {}.", schema.name, users.join(", "))];
            self.write_struct(&name, &docs, &attribute, &fields, &context)?;
            self.structs.insert(name, Written { fields, versions, flexible: schema.flexible.clone() });
        }
        Ok(())
    }

    /// Whether a struct written for the request serves the response too: same fields, and the structs in them the same as well.
    fn same(&self, written: &Written, fields: &[Field], versions: &str, schema: &Schema) -> bool {
        written.versions == versions
            && written.flexible == schema.flexible
            && same_wire(&written.fields, fields)
            && fields.iter().filter(|f| f.is_struct() && f.fields.is_empty()).all(|f| {
                let common = schema.common_structs.iter().find(|c| c.name == f.element());
                match (self.structs.get(f.element()), common) {
                    (Some(inner), Some(common)) => self.same(inner, &common.fields, &common.versions, schema),
                    _ => false,
                }
            })
    }

    fn write_struct(
        &mut self,
        name: &str,
        docs: &[String],
        attribute: &str,
        fields: &[Field],
        context: &Context<'_>,
    ) -> Result<(), Error> {
        self.body.push('\n');
        for (index, paragraph) in docs.iter().enumerate() {
            if index > 0 {
                self.body += "///\n";
            }
            document(&mut self.body, "", paragraph);
        }
        let _ = writeln!(self.body, "#[derive(Clone, Debug, PartialEq, Message)]\n#[message({attribute})]\npub struct {name} {{");
        for field in fields {
            let about = if field.about.is_empty() { "Not described." } else { &field.about };
            document(&mut self.body, "    ", about);
            let ty = self.rust_type(field, context)?;
            let _ = writeln!(self.body, "    #[field({})]\n    pub {}: {ty},", field_attribute(field), field_name(&field.name));
        }
        self.body +=
            "    /// Tagged fields unknown to this schema.\n    pub unknown_tagged_fields: Vec<UnknownTaggedField>,\n}\n";
        Ok(())
    }

    fn rust_type(&mut self, field: &Field, context: &Context<'_>) -> Result<String, Error> {
        let mut import = |name: &'static str| {
            self.imports.insert(name);
            name.to_owned()
        };
        let element = match field.element() {
            "bool" => "bool".to_owned(),
            "int8" => "i8".to_owned(),
            "int16" => "i16".to_owned(),
            "uint16" => "u16".to_owned(),
            "int32" => "i32".to_owned(),
            "uint32" => "u32".to_owned(),
            "int64" => "i64".to_owned(),
            "float64" => "f64".to_owned(),
            "string" => import("Text"),
            "uuid" => import("Uuid"),
            "bytes" => import("Bytes"),
            "records" => import("Records"),
            other => context
                .names
                .get(other)
                .cloned()
                .ok_or_else(|| format!("{}: {} has the unknown type {other}", context.schema.name, field.name))?,
        };
        let ty = if field.ty.starts_with("[]") { format!("Vec<{element}>") } else { element };
        Ok(if field.nullable.is_some() { format!("Option<{ty}>") } else { ty })
    }

    fn finish(mut self, title: &str) -> String {
        let bytes = if self.imports.remove("Bytes") { "use bytes::Bytes;\n\n" } else { "" };
        let mut names: Vec<&str> = self.imports.into_iter().collect();
        names.extend(["Message", "UnknownTaggedField"]);
        names.sort_unstable();
        format!("{title}{NOTICE}\n{bytes}use crate::{{{}}};\n{}", names.join(", "), self.body)
    }
}

/// The structs of a message, depth first, each once.
fn collect(fields: &[Field], schema: &Schema, into: &mut Vec<(String, String, Vec<Field>)>) -> Result<(), Error> {
    for field in fields.iter().filter(|f| f.is_struct()) {
        let name = field.element();
        if into.iter().any(|(known, ..)| known == name) {
            continue;
        }
        let common = schema.common_structs.iter().find(|c| c.name == name);
        let (versions, inner) = match common {
            Some(common) => (common.versions.clone(), &common.fields),
            None if !field.fields.is_empty() => (field.versions.clone(), &field.fields),
            None => return Err(format!("{}: {} has the unknown type {name}", schema.name, field.name)),
        };
        into.push((name.to_owned(), versions, inner.clone()));
        collect(inner, schema, into)?;
    }
    Ok(())
}

/// Which fields hold the struct, as `outer.field`, for its description.
fn users(fields: &[Field], schema: &Schema, context: &Context<'_>, name: &str) -> Vec<String> {
    let mut structs = Vec::new();
    // The same walk succeeded when the structs were collected.
    let _ = collect(fields, schema, &mut structs);
    let mut all: Vec<(String, &[Field])> = vec![(String::new(), fields)];
    all.extend(
        structs.iter().map(|(name, _, fields)| (format!("{}.", context.names.get(name).unwrap_or(name)), fields.as_slice())),
    );
    let mut users = Vec::new();
    for (outer, fields) in all {
        for field in fields.iter().filter(|f| context.names.get(f.element()).is_some_and(|own| own == name)) {
            users.push(format!("`{outer}{}`", field_name(&field.name)));
        }
    }
    users
}

fn field_attribute(field: &Field) -> String {
    let mut parts = vec![format!("versions = {:?}", field.versions)];
    parts.extend(field.nullable.as_ref().map(|v| format!("nullable = {v:?}")));
    // What the type's own default says already is left out.
    let default = field.default.as_deref().filter(|d| !matches!(*d, "" | "0" | "false"));
    parts.extend(default.map(|d| format!("default = {d:?}")));
    parts.extend(field.tag.map(|t| format!("tag = {t}")));
    parts.extend(field.tagged.as_ref().map(|v| format!("tagged = {v:?}")));
    parts.extend(field.flexible.as_ref().map(|v| format!("flexible = {v:?}")));
    if field.ignorable {
        parts.push("ignorable".to_owned());
    }
    parts.join(", ")
}

fn field_name(name: &str) -> String {
    let name = snake_case(name);
    // Those keywords that the schemas use, or well might.
    if matches!(name.as_str(), "type" | "match" | "ref" | "move" | "in" | "for" | "use" | "where") {
        format!("r#{name}")
    } else {
        name
    }
}

/// `TopicIdPartitions` to `topic_id_partitions`, `LastISRs` to `last_isrs`.
fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (index, &c) in chars.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|i| chars.get(i));
        let after = chars.get(index + 1);
        let starts_word = c.is_uppercase()
            && before.is_some_and(|b| !b.is_uppercase() || after.is_some_and(|a| a.is_lowercase()) && b.is_uppercase());
        if starts_word {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// Comment lines, joined into paragraphs: an empty line, or one that speaks of a further version, begins a new one.
fn paragraphs(comments: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut open = false;
    for line in comments {
        if line.is_empty() {
            open = false;
        } else if let (true, Some(last)) = (open && !line.starts_with("Version"), out.last_mut()) {
            last.push(' ');
            last.push_str(line);
        } else {
            out.push(line.clone());
            open = true;
        }
    }
    out
}

/// Writes a description as doc comment lines of at most [`WIDTH`] columns.
fn document(out: &mut String, indent: &str, text: &str) {
    let prefix = format!("{indent}///");
    let mut line = prefix.clone();
    for word in text.split_whitespace() {
        let word = escape(word);
        if line.len() + 1 + word.len() > WIDTH && line.len() > prefix.len() {
            out.push_str(&line);
            out.push('\n');
            line.clone_from(&prefix);
        }
        line.push(' ');
        line.push_str(&word);
    }
    out.push_str(&line);
    out.push('\n');
}

/// Keeps rustdoc from taking a word for a link, an HTML tag or a list's bullet.
fn escape(word: &str) -> String {
    if word.starts_with("http") {
        return format!("<{word}>");
    }
    if matches!(word, "-" | "+" | "*" | "#" | ">") {
        return format!("\\{word}");
    }
    if word.contains('`') {
        return word.to_owned();
    }
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        if matches!(c, '[' | ']' | '<' | '>' | '*') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
