//! The properties of topics and of the broker.

mod table;

use std::collections::BTreeMap;
use std::fmt;

use table::{BROKER, RACK_AWARE_REPLICA_SELECTOR, TOPIC};

pub(crate) use table::Definition;

/// A property that is unknown or can't have this value. The text is the one that Kafka answers with, where it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// Where a value comes from, by DescribeConfigs' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub(crate) enum ConfigSource {
    DynamicTopic = 1,
    StaticBroker = 4,
    Default = 5,
}

/// One place that gives a property a value.
#[derive(Clone, Debug)]
pub(crate) struct Synonym {
    pub(crate) name: &'static str,
    pub(crate) value: Option<String>,
    pub(crate) source: ConfigSource,
}

/// A property with all the places that give it a value; the first one counts.
#[derive(Clone, Debug)]
pub(crate) struct DescribedConfig {
    pub(crate) definition: &'static Definition,
    pub(crate) value: Option<String>,
    pub(crate) source: ConfigSource,
    pub(crate) synonyms: Vec<Synonym>,
    pub(crate) read_only: bool,
}

/// What the broker was started with.
#[derive(Clone, Debug, Default)]
pub(crate) struct BrokerConfig {
    set: BTreeMap<&'static str, String>,
}

impl BrokerConfig {
    /// Sets a property of the broker by Kafka's name.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        if let Some(definition) = BROKER.iter().find(|definition| definition.name == name) {
            definition.check(name, value)?;
            self.set.insert(definition.name, value.to_owned());
            return Ok(());
        }
        for definition in TOPIC {
            if let Some(synonym) = definition.synonyms.iter().copied().find(|synonym| *synonym == name) {
                definition.check(name, value)?;
                self.set.insert(synonym, value.to_owned());
                return Ok(());
            }
        }
        if TOPIC.iter().any(|definition| definition.name == name) {
            return Err(ConfigError(format!("{name} is a topic's property: it is set when the topic is created")));
        }
        Err(ConfigError(format!("Unknown broker config name: {name}")))
    }

    /// A property that the broker finds out when it starts, such as its listener.
    pub(crate) fn set_derived(&mut self, name: &'static str, value: String) {
        self.set.insert(name, value);
    }

    fn text(&self, name: &str) -> &str {
        let default = BROKER.iter().find(|definition| definition.name == name).and_then(|definition| definition.default);
        self.set.get(name).map(String::as_str).or(default).unwrap_or_default()
    }

    /// A number; all values were checked when they were set.
    pub(crate) fn number(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap_or_default()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    pub(crate) fn rack(&self) -> Option<&str> {
        self.set.get("broker.rack").map(String::as_str)
    }

    /// Whether replica.selector.class is Kafka's RackAwareReplicaSelector.
    pub(crate) fn selects_replicas_by_rack(&self) -> bool {
        self.text("replica.selector.class") == RACK_AWARE_REPLICA_SELECTOR
    }

    /// All properties, those that are defaults of topics included.
    pub(crate) fn describe(&self) -> Vec<DescribedConfig> {
        let mut all = Vec::new();
        for definition in BROKER {
            let mut synonyms = Vec::new();
            if let Some(value) = self.set.get(definition.name) {
                synonyms.push(Synonym { name: definition.name, value: Some(value.clone()), source: ConfigSource::StaticBroker });
            }
            if let Some(default) = definition.default {
                synonyms.push(Synonym { name: definition.name, value: Some(default.into()), source: ConfigSource::Default });
            }
            all.push(described(definition, synonyms, true));
        }
        for definition in TOPIC.iter().filter(|definition| !definition.synonyms.is_empty()) {
            all.push(described(definition, self.topic_synonyms(definition), true));
        }
        all
    }

    fn topic_synonyms(&self, definition: &'static Definition) -> Vec<Synonym> {
        let mut synonyms: Vec<Synonym> = definition
            .synonyms
            .iter()
            .filter_map(|name| self.set.get(name).map(|value| (*name, definition.in_own_unit(name, value))))
            .map(|(name, value)| Synonym { name, value: Some(value), source: ConfigSource::StaticBroker })
            .collect();
        let name = definition.synonyms.first().copied().unwrap_or(definition.name);
        synonyms.push(Synonym { name, value: definition.default.map(str::to_owned), source: ConfigSource::Default });
        synonyms
    }
}

fn described(definition: &'static Definition, synonyms: Vec<Synonym>, read_only: bool) -> DescribedConfig {
    let (value, source) = match synonyms.first() {
        Some(first) => (first.value.clone(), first.source),
        None => (None, ConfigSource::Default),
    };
    DescribedConfig { definition, value, source, synonyms, read_only }
}

/// The properties of one topic: what was set on it, and what follows for the log.
#[derive(Clone, Debug)]
pub(crate) struct TopicConfig {
    set: BTreeMap<&'static str, String>,
    pub(crate) max_message_bytes: usize,
    pub(crate) log_append_time: bool,
    pub(crate) timestamp_before_max_ms: i64,
    pub(crate) timestamp_after_max_ms: i64,
    pub(crate) retention_ms: i64,
    pub(crate) retention_bytes: i64,
    pub(crate) segment_bytes: u64,
    pub(crate) segment_ms: i64,
    /// cleanup.policy has `delete`.
    pub(crate) delete: bool,
    /// cleanup.policy has `compact`: records need keys. (Compaction itself is not done.)
    pub(crate) compact: bool,
    pub(crate) min_insync_replicas: i64,
    pub(crate) unclean_leader_election: bool,
}

impl TopicConfig {
    /// What a topic is like with these properties on this broker.
    pub(crate) fn new<'a>(
        broker: &BrokerConfig,
        properties: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, ConfigError> {
        let mut set = BTreeMap::new();
        for (name, value) in properties {
            let Some(definition) = TOPIC.iter().find(|definition| definition.name == name) else {
                return Err(ConfigError(format!("Unknown topic config name: {name}")));
            };
            let Some(value) = value else {
                return Err(ConfigError(format!("Null value not supported for topic configs: {name}")));
            };
            definition.check(name, value)?;
            set.insert(definition.name, value.to_owned());
        }
        let text = |name: &str| {
            let definition = TOPIC.iter().find(|definition| definition.name == name)?;
            let own = set.get(name).cloned();
            own.or_else(|| broker.topic_synonyms(definition).into_iter().find_map(|synonym| synonym.value))
        };
        let number = |name: &str| text(name).and_then(|value| value.trim().parse::<i64>().ok()).unwrap_or_default();
        let policy = text("cleanup.policy").unwrap_or_default();
        let has = |wanted: &str| policy.split(',').any(|policy| policy.trim() == wanted);
        let segment_bytes = match set.get("internal.segment.bytes").and_then(|value| value.trim().parse().ok()) {
            Some(internal) => internal,
            None => number("segment.bytes").unsigned_abs(),
        };
        Ok(Self {
            max_message_bytes: usize::try_from(number("max.message.bytes")).unwrap_or(0),
            log_append_time: text("message.timestamp.type").as_deref() == Some("LogAppendTime"),
            timestamp_before_max_ms: number("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: number("message.timestamp.after.max.ms"),
            retention_ms: number("retention.ms"),
            retention_bytes: number("retention.bytes"),
            segment_bytes,
            segment_ms: number("segment.ms"),
            delete: has("delete"),
            compact: has("compact"),
            min_insync_replicas: number("min.insync.replicas"),
            unclean_leader_election: text("unclean.leader.election.enable").as_deref() == Some("true"),
            set,
        })
    }

    /// All properties of the topic and where their values come from.
    pub(crate) fn describe(&self, broker: &BrokerConfig) -> Vec<DescribedConfig> {
        let public = |definition: &&'static Definition| !definition.name.starts_with("internal.");
        let mut all = Vec::new();
        for definition in TOPIC.iter().filter(public) {
            let mut synonyms = Vec::new();
            if let Some(value) = self.set.get(definition.name) {
                synonyms.push(Synonym { name: definition.name, value: Some(value.clone()), source: ConfigSource::DynamicTopic });
            }
            synonyms.extend(broker.topic_synonyms(definition));
            all.push(described(definition, synonyms, false));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(properties: &[(&'static str, &'static str)]) -> Result<TopicConfig, ConfigError> {
        TopicConfig::new(&BrokerConfig::default(), properties.iter().map(|(name, value)| (*name, Some(*value))))
    }

    #[test]
    fn defaults_are_kafkas() {
        let config = topic(&[]).unwrap();
        assert_eq!(config.max_message_bytes, 1_048_588);
        assert_eq!(config.retention_ms, 604_800_000);
        assert_eq!(config.segment_bytes, 1 << 30);
        assert!(config.delete && !config.compact && !config.log_append_time);
    }

    #[test]
    fn each_bad_value_is_refused_with_kafkas_text() {
        let text = |name, value| topic(&[(name, value)]).unwrap_err().to_string();
        assert_eq!(text("no.such", "1"), "Unknown topic config name: no.such");
        assert_eq!(text("retention.ms", "soon"), "Invalid value soon for configuration retention.ms: Not a number of type LONG");
        assert_eq!(
            text("max.message.bytes", "-1"),
            "Invalid value -1 for configuration max.message.bytes: Value must be at least 0"
        );
        assert!(text("cleanup.policy", "shred").contains("must be one of"));
        assert!(text("compression.type", "zstd").contains("compression.type"));
    }

    #[test]
    fn the_brokers_values_are_the_topics_defaults() {
        let mut broker = BrokerConfig::default();
        broker.set("log.retention.hours", "2").unwrap();
        assert_eq!(TopicConfig::new(&broker, []).unwrap().retention_ms, 7_200_000);
        broker.set("log.retention.ms", "5").unwrap();
        assert_eq!(TopicConfig::new(&broker, []).unwrap().retention_ms, 5);
        assert_eq!(TopicConfig::new(&broker, [("retention.ms", Some("7"))]).unwrap().retention_ms, 7);
        assert!(broker.set("log.retention.parsecs", "2").is_err());
        assert!(broker.set("retention.ms", "2").unwrap_err().to_string().contains("topic"));
        let described = TopicConfig::new(&broker, []).unwrap().describe(&broker);
        let retention = described.iter().find(|config| config.definition.name == "retention.ms").unwrap();
        assert_eq!((retention.value.as_deref(), retention.source), (Some("5"), ConfigSource::StaticBroker));
        assert_eq!(retention.synonyms.len(), 3);
    }
}
