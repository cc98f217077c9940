//! Every property that this broker knows: Kafka's names, types, defaults, ranges.

use super::ConfigError;

/// The type of a property, by DescribeConfigs' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub(crate) enum ConfigType {
    Boolean = 1,
    String = 2,
    Int = 3,
    Short = 4,
    Long = 5,
    Double = 6,
    List = 7,
}

/// Which values are allowed beyond the type.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Any,
    AtLeast(i64),
    Within(f64, f64),
    OneOf(&'static [&'static str]),
    /// Known, but not acting: anything but the default would be a promise that is not kept.
    OnlyDefault,
    /// Known, but told by other means than a property.
    Fixed,
}

/// One property.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) config_type: ConfigType,
    pub(crate) default: Option<&'static str>,
    rule: Rule,
    /// The broker's properties that give a topic's property its default, the strongest one first.
    pub(crate) synonyms: &'static [&'static str],
}

impl Definition {
    /// Checks a value that is to be set under `name`, which is the property's own or a synonym's.
    pub(super) fn check(&self, name: &str, value: &str) -> Result<(), ConfigError> {
        let invalid = |why: &str| Err(ConfigError(format!("Invalid value {value} for configuration {name}: {why}")));
        let trimmed = value.trim();
        let number = match self.config_type {
            ConfigType::Int => match trimmed.parse::<i32>() {
                Ok(number) => i64::from(number),
                Err(_) => return invalid("Not a number of type INT"),
            },
            ConfigType::Short => match trimmed.parse::<i16>() {
                Ok(number) => i64::from(number),
                Err(_) => return invalid("Not a number of type SHORT"),
            },
            ConfigType::Long => match trimmed.parse::<i64>() {
                Ok(number) => number,
                Err(_) => return invalid("Not a number of type LONG"),
            },
            ConfigType::Boolean if trimmed != "true" && trimmed != "false" => {
                return invalid("Expected value to be either true or false");
            }
            _ => 0,
        };
        match self.rule {
            Rule::Any => Ok(()),
            Rule::AtLeast(least) if number < least => invalid(&format!("Value must be at least {least}")),
            Rule::AtLeast(_) => Ok(()),
            Rule::Within(from, to) => match trimmed.parse::<f64>() {
                Ok(number) if number >= from && number <= to => Ok(()),
                Ok(_) => invalid(&format!("Value must be within [{from}, {to}]")),
                Err(_) => invalid("Not a number of type DOUBLE"),
            },
            Rule::OneOf(allowed) => {
                let is_list = self.config_type == ConfigType::List;
                let known = |value: &str| allowed.contains(&value.trim());
                let fits = if is_list { trimmed.split(',').all(known) } else { known(trimmed) };
                if fits { Ok(()) } else { invalid(&format!("String must be one of: {}", allowed.join(", "))) }
            }
            Rule::OnlyDefault if Some(trimmed) == self.default => Ok(()),
            Rule::OnlyDefault => invalid(&format!(
                "broker-lite has only {} for it",
                self.default.filter(|text| !text.is_empty()).unwrap_or("the default")
            )),
            Rule::Fixed => invalid("it follows from how the broker was started and can't be set"),
        }
    }

    /// A broker's value in the unit of the topic's property: log.retention.hours is no number of milliseconds.
    pub(super) fn in_own_unit(&self, name: &str, value: &str) -> String {
        let factor = if name.ends_with(".hours") {
            3_600_000
        } else if name.ends_with(".minutes") {
            60_000
        } else {
            return value.to_owned();
        };
        match value.trim().parse::<i64>() {
            Ok(number) if number >= 0 => number.saturating_mul(factor).to_string(),
            _ => value.to_owned(),
        }
    }
}

use ConfigType::{Boolean, Double, Int, List, Long, Short, String as Str};

const fn def(
    name: &'static str,
    config_type: ConfigType,
    default: &'static str,
    rule: Rule,
    synonyms: &'static [&'static str],
) -> Definition {
    Definition { name, config_type, default: Some(default), rule, synonyms }
}

const fn no_default(name: &'static str, config_type: ConfigType, rule: Rule) -> Definition {
    Definition { name, config_type, default: None, rule, synonyms: &[] }
}

/// Lets consumers read from a replica in their rack (KIP-392).
pub(super) const RACK_AWARE_REPLICA_SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

const MAX_LONG: &str = "9223372036854775807";

/// What a topic may be created with.
#[rustfmt::skip]
pub(super) static TOPIC: &[Definition] = &[
    def("cleanup.policy", List, "delete", Rule::OneOf(&["compact", "delete"]), &["log.cleanup.policy"]),
    def("compression.gzip.level", Int, "-1", Rule::OnlyDefault, &["compression.gzip.level"]),
    def("compression.lz4.level", Int, "9", Rule::OnlyDefault, &["compression.lz4.level"]),
    def("compression.type", Str, "producer", Rule::OnlyDefault, &["compression.type"]),
    def("compression.zstd.level", Int, "3", Rule::OnlyDefault, &["compression.zstd.level"]),
    def("delete.retention.ms", Long, "86400000", Rule::AtLeast(0), &["log.cleaner.delete.retention.ms"]),
    def("file.delete.delay.ms", Long, "60000", Rule::AtLeast(0), &["log.segment.delete.delay.ms"]),
    def("flush.messages", Long, MAX_LONG, Rule::AtLeast(1), &["log.flush.interval.messages"]),
    def("flush.ms", Long, MAX_LONG, Rule::AtLeast(0), &["log.flush.interval.ms"]),
    def("follower.replication.throttled.replicas", List, "", Rule::OnlyDefault, &[]),
    def("index.interval.bytes", Int, "4096", Rule::AtLeast(0), &["log.index.interval.bytes"]),
    // Apache Kafka's own back door to segments smaller than segment.bytes allows.
    no_default("internal.segment.bytes", Int, Rule::AtLeast(14)),
    def("leader.replication.throttled.replicas", List, "", Rule::OnlyDefault, &[]),
    def("local.retention.bytes", Long, "-2", Rule::AtLeast(-2), &["log.local.retention.bytes"]),
    def("local.retention.ms", Long, "-2", Rule::AtLeast(-2), &["log.local.retention.ms"]),
    def("max.compaction.lag.ms", Long, MAX_LONG, Rule::AtLeast(1), &["log.cleaner.max.compaction.lag.ms"]),
    def("max.message.bytes", Int, "1048588", Rule::AtLeast(0), &["message.max.bytes"]),
    def("message.timestamp.after.max.ms", Long, "3600000", Rule::AtLeast(0), &["log.message.timestamp.after.max.ms"]),
    def("message.timestamp.before.max.ms", Long, MAX_LONG, Rule::AtLeast(0), &["log.message.timestamp.before.max.ms"]),
    def("message.timestamp.type", Str, "CreateTime", Rule::OneOf(&["CreateTime", "LogAppendTime"]), &["log.message.timestamp.type"]),
    def("min.cleanable.dirty.ratio", Double, "0.5", Rule::Within(0.0, 1.0), &["log.cleaner.min.cleanable.ratio"]),
    def("min.compaction.lag.ms", Long, "0", Rule::AtLeast(0), &["log.cleaner.min.compaction.lag.ms"]),
    def("min.insync.replicas", Int, "1", Rule::AtLeast(1), &["min.insync.replicas"]),
    def("preallocate", Boolean, "false", Rule::Any, &["log.preallocate"]),
    def("remote.log.copy.disable", Boolean, "false", Rule::OnlyDefault, &[]),
    def("remote.log.delete.on.disable", Boolean, "false", Rule::OnlyDefault, &[]),
    def("remote.storage.enable", Boolean, "false", Rule::OnlyDefault, &[]),
    def("retention.bytes", Long, "-1", Rule::Any, &["log.retention.bytes"]),
    def("retention.ms", Long, "604800000", Rule::AtLeast(-1), &["log.retention.ms", "log.retention.minutes", "log.retention.hours"]),
    def("segment.bytes", Int, "1073741824", Rule::AtLeast(1 << 20), &["log.segment.bytes"]),
    def("segment.index.bytes", Int, "10485760", Rule::AtLeast(4), &["log.index.size.max.bytes"]),
    def("segment.jitter.ms", Long, "0", Rule::AtLeast(0), &["log.roll.jitter.ms", "log.roll.jitter.hours"]),
    def("segment.ms", Long, "604800000", Rule::AtLeast(1), &["log.roll.ms", "log.roll.hours"]),
    def("unclean.leader.election.enable", Boolean, "false", Rule::Any, &["unclean.leader.election.enable"]),
];

/// What a broker may be started with, beside the defaults of its topics.
#[rustfmt::skip]
pub(super) static BROKER: &[Definition] = &[
    no_default("advertised.listeners", List, Rule::Fixed),
    def("auto.create.topics.enable", Boolean, "true", Rule::Any, &[]),
    def("broker.id", Int, "1", Rule::Fixed, &[]),
    no_default("broker.rack", Str, Rule::Any),
    def("default.replication.factor", Int, "1", Rule::AtLeast(1), &[]),
    def("delete.topic.enable", Boolean, "true", Rule::Any, &[]),
    def("fetch.max.bytes", Int, "57671680", Rule::AtLeast(1024), &[]),
    // Kafka waits 3 s for more members, which tests would rather not.
    def("group.initial.rebalance.delay.ms", Int, "0", Rule::AtLeast(0), &[]),
    def("group.max.session.timeout.ms", Int, "1800000", Rule::AtLeast(1), &[]),
    def("group.max.size", Int, "2147483647", Rule::AtLeast(1), &[]),
    def("group.min.session.timeout.ms", Int, "6000", Rule::AtLeast(1), &[]),
    no_default("listeners", List, Rule::Fixed),
    def("log.retention.check.interval.ms", Long, "300000", Rule::AtLeast(1), &[]),
    def("max.incremental.fetch.session.cache.slots", Int, "1000", Rule::AtLeast(0), &[]),
    def("max.request.partition.size.limit", Int, "2000", Rule::AtLeast(1), &[]),
    def("node.id", Int, "1", Rule::Fixed, &[]),
    def("num.partitions", Int, "1", Rule::AtLeast(1), &[]),
    def("offset.metadata.max.bytes", Int, "4096", Rule::AtLeast(0), &[]),
    def("offsets.retention.check.interval.ms", Long, "600000", Rule::AtLeast(1), &[]),
    def("offsets.retention.minutes", Int, "10080", Rule::AtLeast(1), &[]),
    def("offsets.topic.num.partitions", Int, "50", Rule::AtLeast(1), &[]),
    // At most as many as there are brokers.
    def("offsets.topic.replication.factor", Short, "3", Rule::AtLeast(1), &[]),
    def("offsets.topic.segment.bytes", Int, "104857600", Rule::AtLeast(1), &[]),
    def("process.roles", List, "broker,controller", Rule::Fixed, &[]),
    def("producer.id.expiration.ms", Int, "86400000", Rule::AtLeast(1), &[]),
    no_default("replica.selector.class", Str, Rule::OneOf(&[RACK_AWARE_REPLICA_SELECTOR])),
    def("socket.request.max.bytes", Int, "104857600", Rule::AtLeast(1), &[]),
];
