//! Properties as `rd_kafka_conf_dump` and `rd_kafka_conf_properties_show` print them: librdkafka's names, in its order.

use std::ffi::{CString, c_char};
use std::fmt::Write as _;

use ottla_core::config::{Importance, Property, Scope, ValueType, find, properties};

use crate::boundary::c_string;
use crate::conf::{Callbacks, rd_kafka_conf_s, rd_kafka_topic_conf_s};

/// The names of a client's properties, in librdkafka's order.
const GLOBAL: &[&str] = &[
    "builtin.features",
    "client.id",
    "metadata.broker.list",
    "bootstrap.servers",
    "message.max.bytes",
    "message.copy.max.bytes",
    "receive.message.max.bytes",
    "max.in.flight.requests.per.connection",
    "max.in.flight",
    "metadata.recovery.strategy",
    "metadata.recovery.rebootstrap.trigger.ms",
    "topic.metadata.refresh.interval.ms",
    "metadata.max.age.ms",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.fast.cnt",
    "topic.metadata.refresh.sparse",
    "topic.metadata.propagation.max.ms",
    "topic.blacklist",
    "debug",
    "socket.timeout.ms",
    "socket.blocking.max.ms",
    "socket.send.buffer.bytes",
    "socket.receive.buffer.bytes",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.max.fails",
    "broker.address.ttl",
    "broker.address.family",
    "socket.connection.setup.timeout.ms",
    "connections.max.idle.ms",
    "reconnect.backoff.jitter.ms",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "statistics.interval.ms",
    "enabled_events",
    "error_cb",
    "throttle_cb",
    "stats_cb",
    "log_cb",
    "log_level",
    "log.queue",
    "log.thread.name",
    "enable.random.seed",
    "log.connection.close",
    "background_event_cb",
    "socket_cb",
    "connect_cb",
    "closesocket_cb",
    "open_cb",
    "resolve_cb",
    "opaque",
    "default_topic_conf",
    "internal.termination.signal",
    "api.version.request",
    "api.version.request.timeout.ms",
    "api.version.fallback.ms",
    "broker.version.fallback",
    "allow.auto.create.topics",
    "security.protocol",
    "ssl.cipher.suites",
    "ssl.curves.list",
    "ssl.sigalgs.list",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl_key",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl_certificate",
    "ssl.ca.location",
    "https.ca.location",
    "https.ca.pem",
    "ssl.ca.pem",
    "ssl_ca",
    "ssl.ca.certificate.stores",
    "ssl.crl.location",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.providers",
    "ssl.engine.location",
    "ssl.engine.id",
    "ssl_engine_callback_data",
    "enable.ssl.certificate.verification",
    "ssl.endpoint.identification.algorithm",
    "ssl.certificate.verify_cb",
    "sasl.mechanisms",
    "sasl.mechanism",
    "sasl.kerberos.service.name",
    "sasl.kerberos.principal",
    "sasl.kerberos.kinit.cmd",
    "sasl.kerberos.keytab",
    "sasl.kerberos.min.time.before.relogin",
    "sasl.username",
    "sasl.password",
    "sasl.oauthbearer.config",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "oauthbearer_token_refresh_cb",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.oauthbearer.sub.claim.name",
    "sasl.oauthbearer.grant.type",
    "sasl.oauthbearer.assertion.algorithm",
    "sasl.oauthbearer.assertion.private.key.file",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.assertion.file",
    "sasl.oauthbearer.assertion.claim.aud",
    "sasl.oauthbearer.assertion.claim.exp.seconds",
    "sasl.oauthbearer.assertion.claim.iss",
    "sasl.oauthbearer.assertion.claim.jti.include",
    "sasl.oauthbearer.assertion.claim.nbf.seconds",
    "sasl.oauthbearer.assertion.claim.sub",
    "sasl.oauthbearer.assertion.jwt.template.file",
    "sasl.oauthbearer.metadata.authentication.type",
    "plugin.library.paths",
    "interceptors",
    "group.id",
    "group.instance.id",
    "partition.assignment.strategy",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "group.protocol.type",
    "group.protocol",
    "group.remote.assignor",
    "coordinator.query.interval.ms",
    "max.poll.interval.ms",
    "enable.auto.commit",
    "auto.commit.interval.ms",
    "enable.auto.offset.store",
    "queued.min.messages",
    "queued.max.messages.kbytes",
    "fetch.wait.max.ms",
    "fetch.queue.backoff.ms",
    "fetch.message.max.bytes",
    "max.partition.fetch.bytes",
    "fetch.max.bytes",
    "fetch.min.bytes",
    "fetch.error.backoff.ms",
    "offset.store.method",
    "isolation.level",
    "consume_cb",
    "rebalance_cb",
    "offset_commit_cb",
    "enable.partition.eof",
    "check.crcs",
    "client.rack",
    "max.poll.records",
    "share.acknowledgement.mode",
    "transactional.id",
    "transaction.timeout.ms",
    "enable.idempotence",
    "enable.gapless.guarantee",
    "queue.buffering.max.messages",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.ms",
    "linger.ms",
    "message.send.max.retries",
    "retries",
    "retry.backoff.ms",
    "retry.backoff.max.ms",
    "queue.buffering.backpressure.threshold",
    "compression.codec",
    "compression.type",
    "batch.num.messages",
    "batch.size",
    "delivery.report.only.error",
    "dr_cb",
    "dr_msg_cb",
    "sticky.partitioning.linger.ms",
    "client.dns.lookup",
    "enable.metrics.push",
];

/// The names of a topic's properties.
const TOPIC: &[&str] = &[
    "request.required.acks",
    "acks",
    "request.timeout.ms",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "queuing.strategy",
    "produce.offset.report",
    "partitioner",
    "partitioner_cb",
    "msg_order_cmp",
    "opaque",
    "compression.codec",
    "compression.type",
    "compression.level",
    "auto.commit.enable",
    "enable.auto.commit",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "offset.store.path",
    "offset.store.sync.interval.ms",
    "offset.store.method",
    "consume.callback.max.messages",
];

/// A property that librdkafka has and the client does not know. Only its default is taken.
struct Other {
    name: &'static str,
    scope: &'static str,
    range: &'static str,
    default: &'static str,
    importance: &'static str,
    text: &'static str,
    kind: &'static str,
}

const OTHERS: [Other; 3] = [
    Other {
        name: "sasl.oauthbearer.sub.claim.name",
        scope: "*",
        range: "",
        default: "sub",
        importance: "low",
        text: "The claim of a token that names its subject.",
        kind: "string",
    },
    Other {
        name: "max.poll.records",
        scope: "C",
        range: "1 .. 2147483647",
        default: "500",
        importance: "low",
        text: "How many records a share consumer gets at a time.",
        kind: "integer",
    },
    Other {
        name: "share.acknowledgement.mode",
        scope: "C",
        range: "",
        default: "implicit",
        importance: "medium",
        text: "How a share consumer acknowledges records.",
        kind: "string",
    },
];

/// Rows in which librdkafka shows another range, importance or type than the table of properties that all faces share: of a client's
/// (`G`) or of a topic's table (`T`), the range, the importance, the type.
const SHOWN: [(char, &str, &str, &str, &str); 11] = [
    ('G', "sasl.oauthbearer.metadata.authentication.type", "none, azure_imds, aws_iam", "low", "enum value"),
    ('G', "compression.codec", CODECS, "medium", "enum value"),
    ('G', "compression.type", CODECS, "medium", "enum value"),
    ('G', "topic.blacklist", "", "low", "pattern list"),
    ('T', "compression.type", CODECS, "medium", "enum value"),
    ('T', "partitioner", "", "high", "string"),
    ('T', "auto.commit.interval.ms", "10 .. 86400000", "high", "integer"),
    ('T', "auto.offset.reset", "smallest, earliest, beginning, largest, latest, end, error", "high", "enum value"),
    ('T', "auto.commit.enable", "true, false", "low", "boolean"),
    ('T', "enable.auto.commit", "true, false", "low", "boolean"),
    ('T', "offset.store.method", "file, broker", "low", "enum value"),
];

const CODECS: &str = "none, gzip, snappy, lz4, zstd";

/// What a client's configuration does not take though a topic's does: there is nothing to inherit from.
pub(crate) fn only_topics(property: &Property, value: &str) -> bool {
    property.name == "compression.codec" && value.trim() == "inherit"
}

/// A property by a name that a topic's configuration knows it by.
pub(crate) fn find_topics(name: &str) -> Option<&'static Property> {
    // A client's property of this name is another.
    let name = if name == "enable.auto.commit" { "auto.commit.enable" } else { name };
    find(name).filter(|property| property.topic || [LEGACY_INTERVAL, "opaque"].contains(&property.name))
}

/// How often a legacy consumer would store offsets, of a topic's configuration; of a client's it is how often a group's does.
pub(crate) const LEGACY_INTERVAL: &str = "auto.commit.interval.ms";

/// What librdkafka dumps and shows nowhere else. Only the default is taken.
const HIDDEN: &[(&str, &str, &str)] = &[
    ("client.software.name", "client.id", "librdkafka"),
    ("metadata.request.timeout.ms", "metadata.recovery.rebootstrap.trigger.ms", "10"),
    ("enable.sparse.connections", "connections.max.idle.ms", "true"),
    ("enable_sasl_queue", "enable.sasl.oauthbearer.unsecure.jwt", "false"),
    ("test.mock.num.brokers", "sasl.oauthbearer.metadata.authentication.type", "0"),
    ("test.mock.broker.rtt", "sasl.oauthbearer.metadata.authentication.type", "0"),
];

/// The one value of a property that nothing here acts on.
pub(crate) fn fixed(name: &str) -> Option<&'static str> {
    let others = OTHERS.iter().map(|other| (other.name, other.default));
    let hidden = HIDDEN.iter().map(|(name, _, default)| (*name, *default));
    others.chain(hidden).find(|(known, _)| *known == name).map(|(_, default)| default)
}

/// What a topic's property has for default where a client's of the same name has another.
fn topic_default(name: &str) -> Option<&'static str> {
    match name {
        "compression.codec" => Some("inherit"),
        "auto.commit.interval.ms" => Some("60000"),
        _ => None,
    }
}

/// The pointer of a callback, as librdkafka dumps it; empty where there is none.
fn callback(callbacks: &Callbacks, name: &str) -> String {
    let shown = |set: bool, pointer: *const ()| if set { format!("{pointer:p}") } else { String::new() };
    macro_rules! pointer {
        ($callback:expr) => {
            shown($callback.is_some(), $callback.map_or(std::ptr::null(), |callback| callback as *const ()))
        };
    }
    match name {
        "dr_cb" => pointer!(callbacks.dr),
        "dr_msg_cb" => pointer!(callbacks.dr_msg),
        "rebalance_cb" => pointer!(callbacks.rebalance),
        "offset_commit_cb" => pointer!(callbacks.offset_commit),
        "error_cb" => pointer!(callbacks.error),
        "throttle_cb" => pointer!(callbacks.throttle),
        "log_cb" if !callbacks.log_is_set => format!("{:p}", crate::misc::rd_kafka_log_print as *const ()),
        "log_cb" => pointer!(callbacks.log),
        "stats_cb" => pointer!(callbacks.stats),
        "consume_cb" => pointer!(callbacks.consume),
        "opaque" if !callbacks.opaque.0.is_null() => format!("{:p}", callbacks.opaque.0),
        _ => String::new(),
    }
}

/// What is shown although it is empty.
fn is_shown_empty(property: &Property) -> bool {
    matches!(property.value, ValueType::Flags(_)) && property.name != "builtin.features" || property.name == "client.rack"
}

/// The properties of a client's configuration that have a value.
pub(crate) fn dump(conf: &rd_kafka_conf_s) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for name in GLOBAL {
        if let Some(other) = OTHERS.iter().find(|other| other.name == *name) {
            rows.push(((*name).to_owned(), other.default.to_owned()));
        } else if let Some(property) = find(name).filter(|property| property.name == *name) {
            let value = match property.value {
                ValueType::Call => callback(&conf.callbacks, name),
                _ => conf.get(name).unwrap_or_default(),
            };
            if !value.is_empty() || is_shown_empty(property) {
                rows.push(((*name).to_owned(), value));
            }
        }
        rows.extend(
            HIDDEN.iter().filter(|(_, after, _)| after == name).map(|(name, _, value)| ((*name).into(), (*value).into())),
        );
    }
    for property in properties().filter(|property| property.own) {
        rows.push((property.name.to_owned(), conf.get(property.name).unwrap_or_default()));
    }
    rows
}

/// The properties of a topic's configuration that have a value.
pub(crate) fn dump_topic(conf: &rd_kafka_topic_conf_s) -> Vec<(String, String)> {
    let known = TOPIC.iter().filter_map(|name| find_topics(name).filter(|property| property.name == *name));
    let rows = known.filter_map(|property| {
        let value = match topic_default(property.name).filter(|_| !conf.config.is_set(property.name)) {
            Some(default) => default.to_owned(),
            None => conf.get(property),
        };
        (!value.is_empty() && property.value != ValueType::Call).then(|| (property.name.to_owned(), value))
    });
    rows.collect()
}

/// Names and values in turn, for C: an array of texts in C's memory, which [`rd_kafka_conf_dump_free`] frees.
unsafe fn array(rows: Vec<(String, String)>, cntp: *mut usize) -> *mut *const c_char {
    let texts: Vec<CString> = rows.into_iter().flat_map(|(name, value)| [c_string(name), c_string(value)]).collect();
    // SAFETY: any size may be asked for.
    let array = unsafe { libc::calloc(texts.len().max(1), size_of::<*const c_char>()) }.cast::<*const c_char>();
    if array.is_null() || cntp.is_null() {
        // SAFETY: null or just allocated.
        unsafe { libc::free(array.cast()) };
        return std::ptr::null_mut();
    }
    for (at, text) in texts.iter().enumerate() {
        // SAFETY: there is room for so many.
        unsafe { *array.add(at) = libc::strdup(text.as_ptr()) };
    }
    // SAFETY: not null, and the caller says that it may be written to.
    unsafe { *cntp = texts.len() };
    array
}

/// `rd_kafka_conf_dump`: names and values in turn, to be freed by `rd_kafka_conf_dump_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_dump(conf: *mut rd_kafka_conf_s, cntp: *mut usize) -> *mut *const c_char {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a configuration of this library.
        let Some(conf) = (unsafe { conf.as_ref() }) else { return std::ptr::null_mut() };
        // SAFETY: a place of the caller's.
        unsafe { array(dump(conf), cntp) }
    })
}

/// `rd_kafka_topic_conf_dump`: names and values in turn, to be freed by `rd_kafka_conf_dump_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_conf_dump(conf: *mut rd_kafka_topic_conf_s, cntp: *mut usize) -> *mut *const c_char {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a configuration of this library.
        let Some(conf) = (unsafe { conf.as_ref() }) else { return std::ptr::null_mut() };
        // SAFETY: a place of the caller's.
        unsafe { array(dump_topic(conf), cntp) }
    })
}

/// `rd_kafka_conf_dump_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_dump_free(arr: *mut *const c_char, cnt: usize) {
    if arr.is_null() {
        return;
    }
    for at in 0..cnt {
        // SAFETY: so many texts are there, each allocated alone.
        unsafe { libc::free((*arr.add(at)).cast_mut().cast()) };
    }
    // SAFETY: the array itself.
    unsafe { libc::free(arr.cast()) };
}

/// A property's line of the table.
fn line(out: &mut String, name: &str, scope: &str, range: &str, default: &str, importance: &str, text: &str) {
    // Writing into a text does not fail.
    let _ = writeln!(out, "{name:<40} | {scope:^3} | {range:<15} | {default:>13} | {importance:<10} | {text}");
}

fn property_line(out: &mut String, name: &str, property: &Property, is_topic: bool) {
    if name == "builtin.features" {
        let text = "What this build has. An application may set it to what it needs, and is refused what is lacking.";
        return line(out, name, "*", "", &crate::conf::features(), "low", &format!("{text} <br>*Type: CSV flags*"));
    }
    let scope = match property.scope {
        Scope::Both => "*",
        Scope::Producer => "P",
        Scope::Consumer => "C",
    };
    let (range, kind) = match property.value {
        ValueType::Int { min, max, .. } => (format!("{min} .. {max}"), "integer"),
        ValueType::Float { min, max } => (format!("{min} .. {max}"), "float"),
        ValueType::Bool => ("true, false".to_owned(), "boolean"),
        ValueType::Enum(words) => (words.join(", "), "enum value"),
        ValueType::Flags(words) => (if property.default.is_empty() { words.join(", ") } else { String::new() }, "CSV flags"),
        ValueType::Text | ValueType::List | ValueType::Servers | ValueType::Secret => (String::new(), "string"),
        ValueType::OffsetReset(words) => (words.join(", "), "enum value"),
        ValueType::Call => (String::new(), "see dedicated API"),
    };
    let importance = match property.importance {
        Importance::High => "high",
        Importance::Medium => "medium",
        Importance::Low => "low",
    };
    let table = if is_topic { 'T' } else { 'G' };
    let (range, importance, kind) = match SHOWN.iter().find(|(of, row, ..)| (*of, *row) == (table, name)) {
        Some((_, _, range, importance, kind)) => ((*range).to_owned(), *importance, *kind),
        None => (range, importance, kind),
    };
    let default = if is_topic { topic_default(name).unwrap_or(property.default) } else { property.default };
    let alias = if property.name == name { String::new() } else { format!("Alias for `{}`: ", property.name) };
    let acts = match property.acts || crate::conf::acts_here(property.name) || property.value == ValueType::Call {
        true => "",
        false => " Does not act yet: takes its default only.",
    };
    line(out, name, scope, &range, default, importance, &format!("{alias}{}{acts} <br>*Type: {kind}*", property.description));
}

/// The tables of properties.
fn show() -> String {
    let mut out = String::from("## Global configuration properties\n\n");
    let head = |out: &mut String| {
        line(out, "Property", "C/P", "Range", "Default", "Importance", "Description");
        // As above.
        let _ = writeln!(out, "{0:-<41}|-----|{0:-<17}|{0:->14}:|{0:-<12}| {0:-<26}", "");
    };
    head(&mut out);
    for name in GLOBAL {
        if let Some(Other { scope, range, default, importance, text, kind, .. }) = OTHERS.iter().find(|other| other.name == *name)
        {
            let text = format!("{text} Does not act yet: takes its default only. <br>*Type: {kind}*");
            line(&mut out, name, scope, range, default, importance, &text);
        } else if let Some(property) = find(name) {
            property_line(&mut out, name, property, false);
        }
    }
    for property in properties().filter(|property| property.own) {
        property_line(&mut out, property.name, property, false);
    }
    out.push_str("\n\n## Topic configuration properties\n\n");
    head(&mut out);
    for name in TOPIC {
        if let Some(property) = find_topics(name) {
            property_line(&mut out, name, property, true);
        }
    }
    out.push_str("\n### C/P legend: C = Consumer, P = Producer, * = both\n");
    out
}

/// `rd_kafka_conf_properties_show`: prints the tables of properties; to the standard output, if the file is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_properties_show(fp: *mut libc::FILE) {
    guarded!((), {
        let text = show();
        if fp.is_null() {
            print!("{text}");
        } else {
            // SAFETY: an open file of the caller's, and so many bytes.
            unsafe { libc::fwrite(text.as_ptr().cast(), 1, text.len(), fp) };
        }
    });
}
