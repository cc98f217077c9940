//! Properties of consumers.

use super::table::Importance::{High, Low, Medium};
use super::table::Property;
use super::table::Scope::Consumer;
use super::value::ValueType::{Bool, Call, Enum, List, OffsetReset, Text};
use super::value::int;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 86_400_000;

/// librdkafka's words, and Java's "none" for its "error".
const RESETS: &[&str] = &["smallest", "earliest", "beginning", "largest", "latest", "end", "error", "none"];

/// The rows.
pub(super) const PROPERTIES: &[Property] = &[
    Property::new(
        "auto.offset.reset",
        Consumer,
        OffsetReset(RESETS),
        "largest",
        High,
        "Where to start without an offset, or with one that the log no longer has: at the log's start (earliest, smallest, \
         beginning), at its end (latest, largest, end), at the first record that is no older than a duration (by_duration:PT10M; at \
         the end if there is none), or nowhere but with an error (none, error).",
    )
    .rust("latest")
    .topic()
    .acts(),
    Property::new(
        "exclude.internal.topics",
        Consumer,
        Bool,
        "true",
        Medium,
        "Whether subscriptions by regular expression leave out Kafka's own topics (__consumer_offsets and the like). As in Java.",
    )
    .own()
    .acts(),
    Property::new(
        "isolation.level",
        Consumer,
        Enum(&["read_uncommitted", "read_committed"]),
        "read_committed",
        High,
        "Whether records of open and aborted transactions are left out (read_committed) or handed out too.",
    )
    .acts(),
    Property::new(
        "fetch.min.bytes",
        Consumer,
        int(1, 100_000_000),
        "1",
        Low,
        "How many bytes a broker gathers before it answers, as long as fetch.wait.max.ms allows.",
    )
    .acts(),
    Property::new("fetch.wait.max.ms", Consumer, int(0, 300_000), "500", Low, "How long a broker may wait for fetch.min.bytes.")
        .acts(),
    Property::new(
        "fetch.max.bytes",
        Consumer,
        int(0, 2_147_483_135),
        "52428800",
        Medium,
        "How many bytes a broker answers with; its first batch may be larger. Raised to message.max.bytes.",
    )
    .acts(),
    Property::new(
        "fetch.message.max.bytes",
        Consumer,
        int(1, 1_000_000_000),
        "1048576",
        Medium,
        "How many bytes a broker answers with for one partition; its first batch may be larger.",
    )
    .aliases(&["max.partition.fetch.bytes"])
    .acts(),
    Property::new(
        "queued.max.messages.kbytes",
        Consumer,
        int(1, 2_097_151),
        "65536",
        Medium,
        "How many kB (of 1024 bytes) of records, inflated, may wait for the application, all partitions together, together with \
         those that it still holds.",
    )
    .acts(),
    Property::new(
        "check.crcs",
        Consumer,
        Bool,
        "false",
        Medium,
        "Whether each batch's checksum is checked, so that damage between the producer and here is noticed.",
    )
    .rust("true")
    .acts(),
    Property::new("group.id", Consumer, Text, "", High, "The consumer group: its members share the topics' partitions.").acts(),
    Property::new(
        "group.instance.id",
        Consumer,
        Text,
        "",
        Medium,
        "A name that a member keeps over restarts, so that they move no partitions (KIP-345).",
    )
    .acts(),
    Property::new(
        "group.protocol",
        Consumer,
        Enum(&["classic", "consumer"]),
        "classic",
        High,
        "Whether members divide the partitions among themselves, or the coordinator does (KIP-848).",
    )
    .acts(),
    Property::new("group.protocol.type", Consumer, Text, "consumer", Low, "The classic protocol's type; there is only one."),
    Property::new(
        "group.remote.assignor",
        Consumer,
        Text,
        "",
        Medium,
        "How the coordinator divides the partitions: uniform or range. Empty: as it likes.",
    ),
    Property::new(
        "partition.assignment.strategy",
        Consumer,
        List,
        "range,roundrobin",
        Medium,
        "How the members divide the partitions, best first: range, roundrobin, cooperative-sticky.",
    )
    .acts(),
    Property::new(
        "session.timeout.ms",
        Consumer,
        int(1, HOUR),
        "45000",
        High,
        "After how long without a heartbeat a member counts as gone.",
    )
    .acts(),
    Property::new(
        "heartbeat.interval.ms",
        Consumer,
        int(1, HOUR),
        "3000",
        Low,
        "How often a member says that it lives, and hears whether its group rebalances; more often right after a rebalance.",
    )
    .acts(),
    Property::new(
        "max.poll.interval.ms",
        Consumer,
        int(1, DAY),
        "300000",
        High,
        "How long the application may take between two polls before its partitions go to others (KIP-62).",
    )
    .acts(),
    Property::new(
        "coordinator.query.interval.ms",
        Consumer,
        int(1, HOUR),
        "600000",
        Low,
        "How often the group's coordinator is looked up again.",
    )
    .acts(),
    Property::new(
        "enable.auto.commit",
        Consumer,
        Bool,
        "true",
        High,
        "Whether the group's positions are committed by themselves.",
    )
    .acts(),
    Property::new("auto.commit.enable", Consumer, Bool, "true", Low, "The same for librdkafka's legacy consumer.").topic(),
    Property::new(
        "auto.commit.interval.ms",
        Consumer,
        int(0, DAY),
        "5000",
        Medium,
        "How often positions are committed. 0: never.",
    )
    .acts(),
    Property::new(
        "enable.auto.offset.store",
        Consumer,
        Bool,
        "true",
        High,
        "Whether a record that was handed out counts as done, so that its offset may be committed.",
    )
    .acts(),
    Property::new(
        "queued.min.messages",
        Consumer,
        int(1, 10_000_000),
        "100000",
        Medium,
        "How many records of each partition librdkafka tries to have at hand. Here bytes count: queued.max.messages.kbytes.",
    ),
    Property::new(
        "fetch.queue.backoff.ms",
        Consumer,
        int(0, 300_000),
        "1000",
        Medium,
        "How long a partition whose records wait is not fetched from. Here it is fetched from as soon as there is room.",
    ),
    Property::new(
        "fetch.error.backoff.ms",
        Consumer,
        int(0, 300_000),
        "500",
        Medium,
        "How long a partition is not fetched from after an error.",
    ),
    Property::new(
        "offset.store.method",
        Consumer,
        Enum(&["none", "file", "broker"]),
        "broker",
        Low,
        "Where committed offsets are kept; only the broker keeps them.",
    )
    .topic(),
    Property::new("offset.store.path", Consumer, Text, ".", Low, "Where librdkafka's legacy consumer kept offsets in files.")
        .topic(),
    Property::new(
        "offset.store.sync.interval.ms",
        Consumer,
        int(-1, DAY),
        "-1",
        Low,
        "How often librdkafka's legacy consumer flushed its offset files.",
    )
    .topic(),
    Property::new(
        "consume.callback.max.messages",
        Consumer,
        int(0, 1_000_000),
        "0",
        Low,
        "How many records one call of librdkafka's consume callback functions hands out. 0: as many as there are.",
    )
    .topic(),
    Property::new(
        "enable.partition.eof",
        Consumer,
        Bool,
        "false",
        Low,
        "Whether reaching a partition's end is told to the application, each time, as an error of its own kind.",
    )
    .acts(),
    Property::new("consume_cb", Consumer, Call, "", Low, "Is called with each record."),
    Property::new("rebalance_cb", Consumer, Call, "", Low, "Is asked when partitions come and go."),
    Property::new("offset_commit_cb", Consumer, Call, "", Low, "Is called with each commit's result."),
];
