//! `CONFIGURATION.md`, written from the table.

use std::fmt::Write;

use super::table::{Importance, Property, SECTIONS, Scope};
use super::{Face, ValueType};

/// The text of `CONFIGURATION.md`.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(
        "# Configuration properties\n\n\
         Written from the table in `rust-client/core/src/config` by\n\
         `cargo run -p ottla-core --example configuration > CONFIGURATION.md`: change the table, not this file.\n\n\
         Names, types, ranges and defaults are librdkafka's; where the Rust crate's default differs (it is Java's then, mostly), \
         both are given. Properties marked *own* are Ottla's.\n\n\
         A property that does not act yet is known, and refuses any value but its default with an error that names it. In the \
         column P/C: P for producers, C for consumers, \\* for both.\n\n\
         A file of `name=value` lines sets them, and so do environment variables: `OTTLA_BOOTSTRAP_SERVERS` is \
         `bootstrap.servers`. An unknown name is an error that names the nearest one.\n",
    );
    for (heading, acts) in [("Properties that act", true), ("Properties that are known and do not act yet", false)] {
        write_section(&mut text, heading, acts);
    }
    text
}

fn write_section(text: &mut String, heading: &str, acts: bool) {
    let _ = write!(text, "\n## {heading}\n");
    for (title, properties) in SECTIONS {
        let mut rows = properties.iter().filter(|property| property.acts == acts).peekable();
        if rows.peek().is_none() {
            continue;
        }
        let _ = write!(
            text,
            "\n### {title}\n\nProperty | P/C | Value | Default | Importance | What it does\n---|:-:|---|---|---|---\n"
        );
        rows.for_each(|property| write_row(text, property));
    }
}

fn write_row(text: &mut String, property: &Property) {
    let names: Vec<String> = std::iter::once(&property.name).chain(property.aliases).map(|name| format!("`{name}`")).collect();
    let scope = match property.scope {
        Scope::Producer => "P",
        Scope::Consumer => "C",
        Scope::Both => "\\*",
    };
    let importance = match property.importance {
        Importance::High => "high",
        Importance::Medium => "medium",
        Importance::Low => "low",
    };
    let own = if property.own { " *own*" } else { "" };
    let _ = writeln!(
        text,
        "{}{own} | {scope} | {} | {} | {importance} | {}",
        names.join(", "),
        cell(&value_of(property.value)),
        cell(&defaults(property)),
        cell(property.description)
    );
}

/// The type in a few words.
fn value_of(value: ValueType) -> String {
    match value {
        ValueType::Int { min, max, words } => {
            let words: String = words.iter().map(|(word, _)| format!(", {word}")).collect();
            format!("integer, {min} to {max}{words}")
        }
        ValueType::Float { min, max } => format!("number, {min} to {max}"),
        ValueType::Enum(words) => words.join(", "),
        ValueType::OffsetReset(words) => format!("{}, by_duration:&lt;ISO 8601 duration&gt;", words.join(", ")),
        ValueType::Flags(_) | ValueType::List => "list, by commas".to_owned(),
        ValueType::Servers => "list of host:port, by commas".to_owned(),
        ValueType::Secret => "text (secret)".to_owned(),
        ValueType::Call => "a call of its own".to_owned(),
        ValueType::Bool | ValueType::Text => value.to_string(),
    }
}

/// The default, and librdkafka's where it is another.
fn defaults(property: &Property) -> String {
    let code = |default: &str| if default.is_empty() { String::new() } else { format!("`{default}`") };
    let (rust, librdkafka) = (property.default_for(Face::Rust), property.default_for(Face::Librdkafka));
    match rust == librdkafka {
        true => code(rust),
        false => format!("{} (librdkafka: {})", code(rust), code(librdkafka)),
    }
}

/// Text that does not end its table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::properties;

    #[test]
    fn configuration_md_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../CONFIGURATION.md");
        let written = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
        assert!(
            written == document(),
            "CONFIGURATION.md is not what the table says: cargo run -p ottla-core --example configuration > CONFIGURATION.md"
        );
    }

    #[test]
    fn each_property_has_its_row() {
        let document = document();
        for property in properties() {
            let rows = document.lines().filter(|line| line.starts_with(&format!("`{}`", property.name))).count();
            assert_eq!(rows, 1, "{}", property.name);
        }
        for line in document.lines().filter(|line| line.starts_with('`') && line.contains(" | ")) {
            assert_eq!(line.replace("\\|", "").matches('|').count(), 5, "{line}");
        }
    }
}
