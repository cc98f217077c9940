//! Configuration: one table of properties (librdkafka's names), from which parsing, defaults, `CONFIGURATION.md` and hints come.
//!
//! [`Config`] takes names and values and checks each at once; [`Config::client`], [`Config::producer`] and [`Config::consumer`]
//! check them against each other and give what acts as typed fields.

mod document;
mod iso_duration;
mod table;
mod table_client;
mod table_consumer;
mod table_producer;
mod table_security;
mod value;
mod views;
#[cfg(test)]
mod views_tests;

use std::collections::BTreeMap;
use std::fmt;

pub use document::document;
pub use table::{Importance, Property, Scope, find, nearest, properties};
pub use value::{HostPort, ValueType};
pub use views::{
    Acks, AddressFamily, AutoOffsetReset, ClientConfig, ConsumerConfig, GroupConfig, IsolationLevel, ProducerConfig,
};

use crate::error::{Error, ErrorKind};

/// Whose defaults apply where a property is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Face {
    /// The Rust crate's: mostly Java's.
    #[default]
    Rust,
    /// librdkafka's, for the faces whose users come from there.
    Librdkafka,
}

/// What environment variables' names begin with: `OTTLA_BOOTSTRAP_SERVERS` is `bootstrap.servers`.
const ENV_PREFIX: &str = "OTTLA_";

/// Properties by name. What is not set has the face's default.
#[derive(Clone, Default, PartialEq)]
pub struct Config {
    face: Face,
    values: BTreeMap<&'static str, String>,
}

impl Config {
    /// Nothing set, with the Rust crate's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing set, with this face's defaults.
    #[must_use]
    pub fn with_defaults_of(face: Face) -> Self {
        Self { face, values: BTreeMap::new() }
    }

    /// Reads lines of `name=value`; empty lines and those that begin with `#` or `!` are skipped.
    ///
    /// # Errors
    /// An unknown name or a bad value, with the number of its line.
    pub fn from_properties(text: &str) -> Result<Self, Error> {
        let mut config = Self::new();
        config.set_properties(text)?;
        Ok(config)
    }

    /// Reads `OTTLA_BOOTSTRAP_SERVERS=...` and the like among the environment's variables; others are skipped.
    ///
    /// # Errors
    /// A variable that begins with `OTTLA_` and names no property, or a bad value.
    pub fn from_env_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, Error> {
        let mut config = Self::new();
        config.set_env_pairs(pairs)?;
        Ok(config)
    }

    /// Sets a property, by its name or an alias of it. The value is checked now.
    ///
    /// # Errors
    /// An unknown name (the nearest one is named), a value that is not of the property's type or out of its range, and any
    /// value but the default for a property that does not act yet.
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) -> Result<&mut Self, Error> {
        let property = lookup(name)?;
        let value = value.as_ref();
        let checked = match property.value {
            // Nothing at all takes back what was set, where a default can be empty.
            _ if value.trim().is_empty() && property.default_for(self.face).is_empty() => String::new(),
            _ => property.value.check(value).map_err(|why| bad_value(property, name, value, &why))?,
        };
        if !property.acts && !is_default(property, self.face, &checked) {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "{name} is known but does not act yet, so it takes no other value than its default, {:?}; leave it out",
                    property.default_for(self.face)
                ),
            ));
        }
        self.values.insert(property.name, checked);
        Ok(self)
    }

    /// Sets all of these.
    ///
    /// # Errors
    /// The first error of [`Config::set`]; what stands before it is set.
    pub fn set_all<N: AsRef<str>, V: AsRef<str>>(&mut self, pairs: impl IntoIterator<Item = (N, V)>) -> Result<&mut Self, Error> {
        for (name, value) in pairs {
            self.set(name.as_ref(), value)?;
        }
        Ok(self)
    }

    /// Sets what lines of `name=value` say, as [`Config::from_properties`] reads them.
    ///
    /// # Errors
    /// An unknown name or a bad value, with the number of its line; what stands before it is set.
    pub fn set_properties(&mut self, text: &str) -> Result<&mut Self, Error> {
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim().trim_start_matches('\u{feff}');
            if line.is_empty() || line.starts_with(['#', '!']) {
                continue;
            }
            let at_line = |error: Error| Error::new(ErrorKind::Config, format!("line {number}: {}", error.what()));
            let Some((name, value)) = line.split_once('=') else {
                return Err(at_line(Error::new(ErrorKind::Config, format!("{line:?} is not of the form name=value"))));
            };
            self.set(name.trim(), value.trim()).map_err(at_line)?;
        }
        Ok(self)
    }

    /// Sets what environment variables say, as [`Config::from_env_pairs`] reads them.
    ///
    /// # Errors
    /// A variable that begins with `OTTLA_` and names no property, or a bad value.
    pub fn set_env_pairs<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<&mut Self, Error> {
        for (variable, value) in pairs {
            let variable = variable.as_ref();
            let Some(rest) = variable.strip_prefix(ENV_PREFIX) else { continue };
            // A variable's name has no dots, and some properties' names have underscores.
            let known = properties()
                .flat_map(|property| std::iter::once(&property.name).chain(property.aliases))
                .find(|name| name.replace('.', "_").eq_ignore_ascii_case(rest));
            let in_variable =
                |error: Error| Error::new(ErrorKind::Config, format!("environment variable {variable}: {}", error.what()));
            match known {
                Some(name) => self.set(name, value).map_err(in_variable)?,
                None => self.set(&rest.to_lowercase().replace('_', "."), value).map_err(in_variable)?,
            };
        }
        Ok(self)
    }

    /// A property's value: what was set, or the default; empty where there is neither.
    ///
    /// # Errors
    /// An unknown name.
    pub fn get(&self, name: &str) -> Result<&str, Error> {
        let property = lookup(name)?;
        Ok(self.value(property))
    }

    /// Whether the property was set.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        find(name).is_some_and(|property| self.values.contains_key(property.name))
    }

    /// Whose defaults apply.
    #[must_use]
    pub fn face(&self) -> Face {
        self.face
    }

    /// What was set, by the properties' own names, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// What was set, or the default.
    fn value(&self, property: &'static Property) -> &str {
        self.values.get(property.name).map_or(property.default_for(self.face), String::as_str)
    }
}

impl fmt::Debug for Config {
    /// What was set; secrets are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| match find(name).map(|property| property.value) {
            Some(ValueType::Secret) => (name, "[hidden]"),
            _ => (name, value),
        });
        f.debug_map().entries(shown).finish()
    }
}

/// The property, or an error that names the nearest one.
fn lookup(name: &str) -> Result<&'static Property, Error> {
    find(name).ok_or_else(|| {
        let hint = match nearest(name) {
            Some(near) if near.starts_with("none: ") => format!("; there is {near}"),
            Some(near) => format!("; did you mean {near}?"),
            None => "; CONFIGURATION.md lists all properties".to_owned(),
        };
        Error::new(ErrorKind::Config, format!("unknown property {:?}{hint}", shorten(name)))
    })
}

/// A value that the property can't have. A secret is not repeated.
fn bad_value(property: &Property, name: &str, value: &str, why: &str) -> Error {
    let what = match property.value {
        ValueType::Secret | ValueType::Call => format!("{name} {why}"),
        // These say themselves which of the entries is wrong.
        ValueType::Servers => format!("{name} {why}"),
        _ => format!("{name}={} {why}", shorten(value)),
    };
    Error::new(ErrorKind::Config, what)
}

/// As much of what the user gave as fits into a message.
fn shorten(text: &str) -> &str {
    text.char_indices().nth(100).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Whether the checked value is what the default says, however that is spelled.
fn is_default(property: &Property, face: Face, checked: &str) -> bool {
    let default = property.default_for(face);
    checked == default || property.value.check(default).is_ok_and(|default| default == checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: fmt::Debug>(result: Result<T, Error>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    }

    #[test]
    fn a_property_is_set_by_any_of_its_names() {
        let mut config = Config::new();
        config.set("acks", "all").unwrap().set("linger.ms", "0.5").unwrap();
        assert_eq!(config.get("request.required.acks").unwrap(), "-1");
        assert_eq!(config.get("queue.buffering.max.ms").unwrap(), "0.5");
        assert!(config.is_set("request.required.acks") && !config.is_set("retries") && !config.is_set("nonsense"));
        config.set("queue.buffering.max.ms", "7").unwrap();
        assert_eq!(config.get("linger.ms").unwrap(), "7");
        assert_eq!(config.iter().collect::<Vec<_>>(), [("queue.buffering.max.ms", "7"), ("request.required.acks", "-1")]);
    }

    #[test]
    fn defaults_are_the_faces() {
        let (rust, librdkafka) = (Config::new(), Config::with_defaults_of(Face::Librdkafka));
        for (name, ours, theirs) in [
            ("enable.idempotence", "true", "false"),
            ("partitioner", "murmur2_random", "consistent_random"),
            ("queue.buffering.max.messages", "0", "100000"),
            ("queue.buffering.max.kbytes", "32768", "1048576"),
            ("delivery.timeout.ms", "120000", "300000"),
            ("auto.offset.reset", "latest", "largest"),
            ("batch.size", "1000000", "1000000"),
            ("bootstrap.servers", "", ""),
        ] {
            assert_eq!((rust.get(name).unwrap(), librdkafka.get(name).unwrap()), (ours, theirs), "{name}");
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_one() {
        let mut config = Config::new();
        assert_eq!(message(config.set("linger.msec", "5")), "unknown property \"linger.msec\"; did you mean linger.ms?");
        assert_eq!(
            message(config.set("buffer.memory", "5")),
            "unknown property \"buffer.memory\"; did you mean queue.buffering.max.kbytes?"
        );
        assert_eq!(
            message(config.set("key.serializer", "x")),
            "unknown property \"key.serializer\"; there is none: keys are bytes"
        );
        assert_eq!(
            message(config.get("what.is.this.supposed.to.be.now")),
            "unknown property \"what.is.this.supposed.to.be.now\"; CONFIGURATION.md lists all properties"
        );
        assert!(message(config.set(&"é".repeat(10_000), "x")).len() < 400);
    }

    #[test]
    fn a_bad_value_gets_type_and_range() {
        let mut config = Config::new();
        assert_eq!(message(config.set("linger.ms", "soon")), "linger.ms=soon is not a number from 0 to 900000");
        assert_eq!(message(config.set("acks", "2000")), "acks=2000 is not an integer from -1 to 1000, or all for -1");
        assert_eq!(
            message(config.set("compression.type", "brotli")),
            "compression.type=brotli is not one of none, gzip, snappy, lz4, zstd, inherit"
        );
        assert_eq!(message(config.set("retries", "")), "retries= is not an integer from 0 to 2147483647");
        assert_eq!(
            message(config.set("bootstrap.servers", "localhost:http")),
            "bootstrap.servers has a port that is not a number from 1 to 65535: \"localhost:http\""
        );
        assert_eq!(message(config.set("dr_cb", "x")), "dr_cb is not set by text: it has a call of its own");
        assert!(message(config.set("acks", "9".repeat(10_000))).len() < 400);
        assert_eq!(config, Config::new(), "nothing of it was kept");
    }

    #[test]
    fn what_does_not_act_yet_takes_its_default_only() {
        let mut config = Config::new();
        assert_eq!(
            message(config.set("group.remote.assignor", "uniform")),
            "group.remote.assignor is known but does not act yet, so it takes no other value than its default, \"\"; leave it out"
        );
        assert!(!message(config.set("sasl.password", "hunter2")).contains("hunter2"));
        for (name, value) in [
            ("group.remote.assignor", ""),
            ("security.protocol", "PLAINTEXT"),
            ("fetch.queue.backoff.ms", " 1000 "),
            ("log.queue", "0"),
        ] {
            config.set(name, value).unwrap();
        }
        for property in properties().filter(|property| !property.acts && property.value != ValueType::Call) {
            for face in [Face::Rust, Face::Librdkafka] {
                let default = property.default_for(face);
                assert!(Config::with_defaults_of(face).set(property.name, default).is_ok(), "{}", property.name);
            }
        }
    }

    #[test]
    fn a_properties_file() {
        let config =
            Config::from_properties("\u{feff}# comment\n\n ! too\r\nbootstrap.servers = a:1,b:2 \nclient.id=x=y\nacks=1\n")
                .unwrap();
        assert_eq!(config.get("metadata.broker.list").unwrap(), "a:1,b:2");
        assert_eq!(config.get("client.id").unwrap(), "x=y");
        assert_eq!(message(Config::from_properties("\n\nacks")), "line 3: \"acks\" is not of the form name=value");
        assert_eq!(message(Config::from_properties("ack=1")), "line 1: unknown property \"ack\"; did you mean acks?");
    }

    #[test]
    fn environment_variables() {
        let pairs = [("PATH", "/bin"), ("OTTLA_BOOTSTRAP_SERVERS", "a:1"), ("OTTLA_LOG_LEVEL", "6"), ("OTTLA_ACKS", "all")];
        let config = Config::from_env_pairs(pairs).unwrap();
        assert_eq!(config.get("bootstrap.servers").unwrap(), "a:1");
        assert_eq!(config.iter().count(), 3);
        assert_eq!(
            message(Config::from_env_pairs([("OTTLA_BOOTSTRAP_SERVER", "a:1")])),
            "environment variable OTTLA_BOOTSTRAP_SERVER: unknown property \"bootstrap.server\"; did you mean bootstrap.servers?"
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut config = Config::new();
        config.set("acks", "1").unwrap().set("sasl.password", "").unwrap();
        assert_eq!(format!("{config:?}"), r#"{"request.required.acks": "1", "sasl.password": "[hidden]"}"#);
    }
}
