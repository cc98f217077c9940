//! What a property is, and where to find it. The rows stand in `table_client`, `table_security`, `table_producer` and
//! `table_consumer`; parsing, defaults, `CONFIGURATION.md` and the nearest-name hint all come from them.

use super::value::ValueType;
use super::{Face, table_client, table_consumer, table_producer, table_security};

/// Whom a property concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Producers.
    Producer,
    /// Consumers.
    Consumer,
    /// Every client.
    Both,
}

/// How much a property matters to most users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// Look at it before going to production.
    High,
    /// Worth knowing.
    Medium,
    /// Rarely changed.
    Low,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// The name, as librdkafka's users know it.
    pub name: &'static str,
    /// Other names of it.
    pub aliases: &'static [&'static str],
    /// Whom it concerns.
    pub scope: Scope,
    /// librdkafka counts it among a topic's properties. Here all are set in one place.
    pub topic: bool,
    /// What may be its value.
    pub value: ValueType,
    /// librdkafka's default; empty where there is none.
    pub default: &'static str,
    /// The default of the Rust crate where it is another one (mostly Java's).
    pub rust_default: Option<&'static str>,
    /// How much it matters.
    pub importance: Importance,
    /// Whether it has an effect. One that has none yet is known, and refuses any value but its default.
    pub acts: bool,
    /// Ottla's own: librdkafka has no such property.
    pub own: bool,
    /// What it does.
    pub description: &'static str,
}

impl Property {
    /// A property that does not act yet, without aliases, with the same default in each face.
    pub(super) const fn new(
        name: &'static str,
        scope: Scope,
        value: ValueType,
        default: &'static str,
        importance: Importance,
        description: &'static str,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            scope,
            topic: false,
            value,
            default,
            rust_default: None,
            importance,
            acts: false,
            own: false,
            description,
        }
    }

    /// Adds other names.
    pub(super) const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Gives the Rust crate a default of its own.
    pub(super) const fn rust(mut self, default: &'static str) -> Self {
        self.rust_default = Some(default);
        self
    }

    /// librdkafka counts it among a topic's properties.
    pub(super) const fn topic(mut self) -> Self {
        self.topic = true;
        self
    }

    /// It has an effect.
    pub(super) const fn acts(mut self) -> Self {
        self.acts = true;
        self
    }

    /// librdkafka does not know it.
    pub(super) const fn own(mut self) -> Self {
        self.own = true;
        self
    }

    /// The default that this face's users expect.
    #[must_use]
    pub const fn default_for(&self, face: Face) -> &'static str {
        match (face, self.rust_default) {
            (Face::Rust, Some(default)) => default,
            _ => self.default,
        }
    }
}

/// The sections of the table, in the order of `CONFIGURATION.md`: a title and its rows.
pub(super) const SECTIONS: [(&str, &[Property]); 4] = [
    ("Client", table_client::PROPERTIES),
    ("Security", table_security::PROPERTIES),
    ("Producer", table_producer::PROPERTIES),
    ("Consumer", table_consumer::PROPERTIES),
];

/// All properties.
pub fn properties() -> impl Iterator<Item = &'static Property> {
    SECTIONS.iter().flat_map(|(_, properties)| properties.iter())
}

/// The property of this name or alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static Property> {
    properties().find(|property| property.name == name || property.aliases.contains(&name))
}

/// Names that Java's users will try, and what does the same here.
const JAVA_NAMES: [(&str, &str); 14] = [
    ("buffer.memory", "queue.buffering.max.kbytes"),
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("key.deserializer", "none: keys are bytes"),
    ("key.serializer", "none: keys are bytes"),
    ("max.poll.records", "none: records come in the batches that the broker holds"),
    ("max.request.size", "message.max.bytes"),
    ("partitioner.class", "partitioner"),
    ("receive.buffer.bytes", "socket.receive.buffer.bytes"),
    ("sasl.jaas.config", "sasl.username"),
    ("send.buffer.bytes", "socket.send.buffer.bytes"),
    ("ssl.keystore.type", "ssl.keystore.location"),
    ("ssl.truststore.location", "ssl.ca.location"),
    ("value.deserializer", "none: values are bytes"),
    ("value.serializer", "none: values are bytes"),
];

/// What the user of an unknown name most likely meant.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    if let Some((_, ours)) = JAVA_NAMES.iter().find(|(java, _)| *java == name) {
        return Some(ours);
    }
    // Underscores and capitals are the commonest slip: the names of environment variables and of Python's keyword arguments.
    let plain = name.trim().to_lowercase().replace(['_', '-'], ".");
    properties()
        .flat_map(|property| std::iter::once(&property.name).chain(property.aliases))
        .map(|known| (edit_distance(&plain, known), *known))
        .min()
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(2))
        .map(|(_, known)| known)
}

/// How many characters have to be inserted, removed or replaced to make one name of the other.
fn edit_distance(from: &str, to: &str) -> usize {
    // A name far longer than any property's is not worth the work.
    if from.len() > 100 {
        return usize::MAX;
    }
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (removed, from) in from.chars().enumerate() {
        let mut next = vec![removed + 1];
        for ((to, pair), replaced) in to.iter().zip(row.windows(2)).zip(0..) {
            let &[diagonal, above] = pair else { continue };
            let left: usize = next.get(replaced).copied().unwrap_or(usize::MAX - 1);
            next.push((diagonal + usize::from(from != *to)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_name_stands_once() {
        let mut seen = BTreeSet::new();
        for property in properties() {
            for name in std::iter::once(&property.name).chain(property.aliases) {
                assert!(seen.insert(*name), "{name} stands twice");
            }
        }
        assert!(seen.len() > 190, "{}", seen.len());
    }

    #[test]
    fn each_default_is_a_value_of_its_type() {
        for property in properties() {
            for face in [Face::Rust, Face::Librdkafka] {
                let default = property.default_for(face);
                if !default.is_empty() {
                    assert!(property.value.check(default).is_ok(), "{}={default}", property.name);
                }
            }
            assert!(property.description.ends_with('.'), "{}", property.name);
        }
    }

    #[test]
    fn the_nearest_name_is_what_was_meant() {
        assert_eq!(nearest("linger"), Some("linger.ms"));
        assert_eq!(nearest("linger.msec"), Some("linger.ms"));
        assert_eq!(nearest("bootstrap_servers"), Some("bootstrap.servers"));
        assert_eq!(nearest("BOOTSTRAP.SERVER"), Some("bootstrap.servers"));
        assert_eq!(nearest("compresion.type"), Some("compression.type"));
        assert_eq!(nearest("buffer.memory"), Some("queue.buffering.max.kbytes"));
        assert_eq!(nearest("entirely.something.else.that.nobody.knows"), None);
        assert_eq!(nearest(&"a".repeat(100_000)), None);
        assert_eq!(nearest(""), None);
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", ""), 3);
        assert_eq!(edit_distance("acks", "acks"), 0);
    }
}
