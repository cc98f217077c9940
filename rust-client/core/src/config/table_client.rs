//! Properties of every client: where the cluster is, connections, metadata, retries, what is logged and called back.

use super::table::Importance::{High, Low, Medium};
use super::table::Property;
use super::table::Scope::Both;
use super::value::ValueType::{Bool, Call, Enum, Flags, List, Servers, Text};
use super::value::int;

const DEBUG: &[&str] = &[
    "generic",
    "broker",
    "topic",
    "metadata",
    "feature",
    "queue",
    "msg",
    "protocol",
    "cgrp",
    "security",
    "fetch",
    "interceptor",
    "plugin",
    "consumer",
    "admin",
    "eos",
    "mock",
    "assignor",
    "conf",
    "telemetry",
    "all",
];

const FEATURES: &[&str] = &[
    "gzip",
    "snappy",
    "ssl",
    "sasl",
    "regex",
    "lz4",
    "sasl_gssapi",
    "sasl_plain",
    "sasl_scram",
    "plugins",
    "zstd",
    "sasl_oauthbearer",
    "http",
    "oidc",
];

const I32: i64 = i32::MAX as i64;

/// The rows.
pub(super) const PROPERTIES: &[Property] = &[
    Property::new(
        "metadata.broker.list",
        Both,
        Servers,
        "",
        High,
        "Where to ask for the cluster first. Any of its brokers will do; name two or three, so that one may be down. \
         Without a port 9092 is meant.",
    )
    .aliases(&["bootstrap.servers"])
    .acts(),
    Property::new("client.id", Both, Text, "rdkafka", Low, "The name under which brokers log and throttle this application.")
        .rust("ottla")
        .acts(),
    Property::new(
        "connect.timeout.ms",
        Both,
        int(1, I32),
        "10000",
        Medium,
        "How long connecting may take before it fails with the reason: resolving names, reaching any of the bootstrap servers, \
         and the first metadata together.",
    )
    .own()
    .acts(),
    Property::new(
        "default.api.timeout.ms",
        Both,
        int(1, I32),
        "60000",
        Medium,
        "How long a call that asks the cluster something may take, retries included, unless the call says otherwise. Java's \
         name.",
    )
    .own()
    .acts(),
    Property::new(
        "close.timeout.ms",
        Both,
        int(0, I32),
        "30000",
        Medium,
        "How long closing may take: what is under way is finished within it, and given up after it.",
    )
    .own()
    .acts(),
    Property::new(
        "exit.timeout.ms",
        Both,
        int(0, I32),
        "1000",
        Low,
        "How long a process that ends with a producer open is kept to send what it has, in Python, Node and C.",
    )
    .own()
    .acts(),
    Property::new(
        "io.threads",
        Both,
        int(1, 64),
        "1",
        Low,
        "How many threads the process's IO runtime has. All clients share the runtime; the one that starts it decides.",
    )
    .own(),
    Property::new(
        "message.max.bytes",
        Both,
        int(1000, 1_000_000_000),
        "1000000",
        Medium,
        "The largest record that may be sent, and the largest batch, as they are before compression. The topic's own \
         max.message.bytes has the last word.",
    )
    .acts(),
    Property::new(
        "receive.message.max.bytes",
        Both,
        int(1000, I32),
        "100000000",
        Medium,
        "The largest response that is read; a longer one closes the connection. At least fetch.max.bytes + 512: it is raised to \
         that unless it is set.",
    )
    .acts(),
    Property::new(
        "max.in.flight.requests.per.connection",
        Both,
        int(1, 1_000_000),
        "1000000",
        Low,
        "How many requests of one connection may wait for their answer. With idempotence at most 5, and 5 unless it is set.",
    )
    .aliases(&["max.in.flight"])
    .rust("5")
    .acts(),
    Property::new(
        "topic.metadata.refresh.interval.ms",
        Both,
        int(-1, 3_600_000),
        "300000",
        Low,
        "How often the topics in use are looked up again, so that new partitions and moved leaders are found before they are \
         missed. -1: only after errors.",
    )
    .acts(),
    Property::new(
        "metadata.max.age.ms",
        Both,
        int(1, 86_400_000),
        "900000",
        Low,
        "For how long what is known of a topic may be used without being asked for again.",
    )
    .acts(),
    Property::new(
        "allow.auto.create.topics",
        Both,
        Bool,
        "false",
        Low,
        "Whether asking for a topic that does not exist may create it, if the broker's auto.create.topics.enable allows it too. \
         Unless it is set a producer may and a consumer may not.",
    )
    .acts(),
    Property::new(
        "socket.timeout.ms",
        Both,
        int(10, 300_000),
        "60000",
        Low,
        "How long a request may wait for its answer before its connection is given up. A Fetch may wait fetch.wait.max.ms \
         more.",
    )
    .acts(),
    Property::new(
        "socket.connection.setup.timeout.ms",
        Both,
        int(1000, I32),
        "30000",
        Medium,
        "How long it may take until a new connection is ready: TCP, TLS, SASL and the question which APIs the broker has.",
    )
    .acts(),
    Property::new(
        "socket.nagle.disable",
        Both,
        Bool,
        "true",
        Low,
        "Whether small requests leave at once (TCP_NODELAY) instead of waiting to be joined by others.",
    )
    .acts(),
    Property::new(
        "broker.address.family",
        Both,
        Enum(&["any", "v4", "v6"]),
        "any",
        Low,
        "Which of a broker's addresses are tried: all, IPv4 only, IPv6 only.",
    )
    .acts(),
    Property::new(
        "reconnect.backoff.ms",
        Both,
        int(0, 3_600_000),
        "100",
        Medium,
        "The first wait before a lost connection is opened again. It doubles with each failure, with jitter. 0: 10 ms between two attempts.",
    )
    .acts(),
    Property::new(
        "reconnect.backoff.max.ms",
        Both,
        int(0, 3_600_000),
        "10000",
        Medium,
        "The longest wait before a lost connection is opened again.",
    )
    .acts(),
    Property::new(
        "retry.backoff.ms",
        Both,
        int(1, 300_000),
        "100",
        Medium,
        "The first wait before a failed request is sent again. It doubles with each failure, with jitter.",
    )
    .acts(),
    Property::new(
        "retry.backoff.max.ms",
        Both,
        int(1, 300_000),
        "1000",
        Medium,
        "The longest wait before a failed request is sent again.",
    )
    .acts(),
    Property::new(
        "inflate.max.bytes",
        Both,
        int(1000, I32),
        "268435456",
        Low,
        "The most bytes that one compressed batch may inflate to. A small batch that claims gigabytes is refused with an error.",
    )
    .own()
    .acts(),
    Property::new(
        "builtin.features",
        Both,
        Flags(FEATURES),
        "gzip,snappy,ssl,sasl,regex,lz4,sasl_gssapi,sasl_plain,sasl_scram,plugins,zstd,sasl_oauthbearer,http,oidc",
        Low,
        "What this build can do. Setting it asks whether the build has what the application needs.",
    )
    .rust("gzip,snappy,lz4,zstd"),
    Property::new(
        "message.copy.max.bytes",
        Both,
        int(0, 1_000_000_000),
        "65535",
        Low,
        "Up to which size librdkafka copies a message instead of pointing at it. Here a record is encoded once, straight into \
         its batch.",
    ),
    Property::new(
        "metadata.recovery.strategy",
        Both,
        Enum(&["none", "rebootstrap"]),
        "rebootstrap",
        Low,
        "What to do when none of the known brokers can be reached: keep trying them, or begin again with the bootstrap servers \
         (KIP-899), which are then asked right after the known ones.",
    )
    .acts(),
    Property::new(
        "metadata.recovery.rebootstrap.trigger.ms",
        Both,
        int(0, I32),
        "300000",
        Low,
        "After how long without metadata the client begins again with the bootstrap servers.",
    ),
    Property::new(
        "topic.metadata.refresh.fast.interval.ms",
        Both,
        int(1, 60_000),
        "100",
        Low,
        "The first wait before a topic without a leader is looked up again. It grows up to retry.backoff.max.ms.",
    ),
    Property::new("topic.metadata.refresh.fast.cnt", Both, int(0, 1000), "10", Low, "Without effect in librdkafka too."),
    Property::new(
        "topic.metadata.refresh.sparse",
        Both,
        Bool,
        "true",
        Low,
        "Whether only the topics in use are asked for, not all of the cluster's.",
    ),
    Property::new(
        "topic.metadata.propagation.max.ms",
        Both,
        int(0, 3_600_000),
        "30000",
        Low,
        "For how long a topic that a broker does not know is taken for one that is just being created.",
    )
    .acts(),
    Property::new(
        "topic.blacklist",
        Both,
        List,
        "",
        Low,
        "Regular expressions; topics whose names match are treated as if they did not exist.",
    ),
    Property::new("debug", Both, Flags(DEBUG), "", Medium, "Which parts of the client log what they do."),
    Property::new("socket.blocking.max.ms", Both, int(1, 60_000), "1000", Low, "Without effect in librdkafka too."),
    Property::new(
        "socket.send.buffer.bytes",
        Both,
        int(0, 100_000_000),
        "0",
        Low,
        "The size of a socket's send buffer (SO_SNDBUF). 0: the system's.",
    ),
    Property::new(
        "socket.receive.buffer.bytes",
        Both,
        int(0, 100_000_000),
        "0",
        Low,
        "The size of a socket's receive buffer (SO_RCVBUF). 0: the system's.",
    ),
    Property::new(
        "socket.keepalive.enable",
        Both,
        Bool,
        "false",
        Low,
        "Whether the system probes idle connections (SO_KEEPALIVE).",
    ),
    Property::new(
        "socket.max.fails",
        Both,
        int(0, 1_000_000),
        "1",
        Low,
        "After how many requests without an answer a connection is closed. 0: never.",
    ),
    Property::new(
        "broker.address.ttl",
        Both,
        int(0, 86_400_000),
        "1000",
        Low,
        "For how long a broker's resolved addresses are used without asking again.",
    ),
    Property::new(
        "connections.max.idle.ms",
        Both,
        int(0, I32),
        "0",
        Medium,
        "After how long without a request a connection is closed. 0: never.",
    )
    .rust("540000")
    .acts(),
    Property::new("reconnect.backoff.jitter.ms", Both, int(0, 3_600_000), "0", Low, "Without effect in librdkafka too."),
    Property::new(
        "statistics.interval.ms",
        Both,
        int(0, 86_400_000),
        "0",
        High,
        "How often the application is told that it is time for statistics. 0: never.",
    )
    .acts(),
    Property::new("enabled_events", Both, int(0, I32), "0", Low, "Which kinds of events reach the application's queue, as bits."),
    Property::new("error_cb", Both, Call, "", Low, "Is called with errors that concern no single call."),
    Property::new("throttle_cb", Both, Call, "", Low, "Is called when a broker throttles the client."),
    Property::new("stats_cb", Both, Call, "", Low, "Is called with the statistics, as JSON."),
    Property::new("log_cb", Both, Call, "", Low, "Is called with each log line."),
    Property::new("log_level", Both, int(0, 7), "6", Low, "Up to which syslog level lines are logged."),
    Property::new("log.queue", Both, Bool, "false", Low, "Whether log lines wait in a queue until the application polls it."),
    Property::new("log.thread.name", Both, Bool, "true", Low, "Whether a log line names its thread."),
    Property::new("enable.random.seed", Both, Bool, "true", Low, "Whether librdkafka seeds the C library's random numbers."),
    Property::new("log.connection.close", Both, Bool, "true", Low, "Whether a connection's end is logged."),
    Property::new("background_event_cb", Both, Call, "", Low, "Is called with events on a thread of its own."),
    Property::new("socket_cb", Both, Call, "", Low, "Makes a socket."),
    Property::new("connect_cb", Both, Call, "", Low, "Connects a socket."),
    Property::new("closesocket_cb", Both, Call, "", Low, "Closes a socket."),
    Property::new("open_cb", Both, Call, "", Low, "Opens a file."),
    Property::new("resolve_cb", Both, Call, "", Low, "Resolves a host name."),
    Property::new("opaque", Both, Call, "", Low, "A pointer of the application that callbacks are given."),
    Property::new(
        "default_topic_conf",
        Both,
        Call,
        "",
        Low,
        "The topic properties of topics that are not configured by themselves.",
    ),
    Property::new(
        "internal.termination.signal",
        Both,
        int(0, 128),
        "0",
        Low,
        "The signal that wakes librdkafka's threads when a client ends. Nothing here needs one.",
    ),
    Property::new("api.version.request", Both, Bool, "true", High, "Whether a broker is asked which API versions it has."),
    Property::new(
        "api.version.request.timeout.ms",
        Both,
        int(1, 300_000),
        "10000",
        Low,
        "How long a broker may take to say which API versions it has.",
    ),
    Property::new(
        "api.version.fallback.ms",
        Both,
        int(0, 604_800_000),
        "0",
        Medium,
        "For how long broker.version.fallback is believed. Such old brokers are not supported.",
    ),
    Property::new(
        "broker.version.fallback",
        Both,
        Text,
        "0.10.0",
        Medium,
        "The version of brokers that can't be asked for theirs. Such old brokers are not supported.",
    ),
    Property::new("plugin.library.paths", Both, Text, "", Low, "Shared libraries to load, separated by semicolons."),
    Property::new("interceptors", Both, Call, "", Low, "Functions that see each record and request."),
    Property::new(
        "client.rack",
        Both,
        Text,
        "",
        Low,
        "Where this client runs, in the words of the brokers' broker.rack, so that it may fetch from a replica nearby (KIP-392).",
    )
    .acts(),
    Property::new(
        "client.dns.lookup",
        Both,
        Enum(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"]),
        "use_all_dns_ips",
        Low,
        "Whether all addresses of a name are tried, or bootstrap names are replaced by their canonical ones first (for Kerberos).",
    ),
    Property::new(
        "enable.metrics.push",
        Both,
        Bool,
        "true",
        Low,
        "Whether the cluster may ask this client for its metrics (KIP-714).",
    )
    .rust("false"),
];
