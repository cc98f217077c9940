//! Properties of producers.

use super::table::Importance::{High, Low, Medium};
use super::table::Property;
use super::table::Scope::Producer;
use super::value::ValueType::{Bool, Call, Enum, Float, Int, Text};
use super::value::int;

const I32: i64 = i32::MAX as i64;

/// The codecs' names. A topic's `inherit` means the client's, which is what each topic has here.
const CODECS: &[&str] = &["none", "gzip", "snappy", "lz4", "zstd", "inherit"];

const PARTITIONERS: &[&str] =
    &["random", "consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"];

/// The rows.
pub(super) const PROPERTIES: &[Property] = &[
    Property::new("request.required.acks", Producer, Int { min: -1, max: 1000, words: &[("all", -1)] }, "-1", High,
        "Who has to have a batch before it counts as written: all in-sync replicas (all or -1), the leader (1), or nobody is \
         asked (0: a lost record is not noticed).").aliases(&["acks"]).topic().acts(),
    Property::new("enable.idempotence", Producer, Bool, "false", High,
        "Whether each record is in the log exactly once and in order, whatever is retried. Needs acks=all, at most 5 requests in \
         flight and retries; where these are not set they are chosen so. A default of true gives way to what is set otherwise.")
        .rust("true").acts(),
    Property::new("queue.buffering.max.ms", Producer, Float { min: 0.0, max: 900_000.0 }, "5", High,
        "How long a batch waits for more records before it is sent. Longer: fewer and better compressed requests; shorter: less \
         delay. A full batch never waits.").aliases(&["linger.ms"]).acts(),
    Property::new("batch.size", Producer, int(1, I32), "1000000", Medium,
        "How many bytes of records, uncompressed, one batch holds; a larger record travels alone. message.max.bytes bounds it \
         too.").acts(),
    Property::new("batch.num.messages", Producer, int(1, 1_000_000), "10000", Medium, "How many records one batch holds.").acts(),
    Property::new("queue.buffering.max.messages", Producer, int(0, I32), "100000", High,
        "How many records may wait in the producer, all partitions together. 0: only their bytes count.").rust("0").acts(),
    Property::new("queue.buffering.max.kbytes", Producer, int(1, I32), "1048576", High,
        "How many kB (of 1024 bytes) of records may wait in the producer, all partitions together: Java's buffer.memory.")
        .rust("32768").acts(),
    Property::new("max.block.ms", Producer, int(0, I32), "60000", Medium,
        "How long sending waits for room in the full buffer before it fails. Java's name.").own().acts(),
    Property::new("message.send.max.retries", Producer, int(0, I32), "2147483647", High,
        "How often a batch is sent again after an error that may pass. Without idempotence a retry may bring records out of order \
         or twice.").aliases(&["retries"]).acts(),
    Property::new("message.timeout.ms", Producer, int(0, I32), "300000", High,
        "How long a record may take until it is acknowledged, retries included; then it fails. 0: for ever.")
        .aliases(&["delivery.timeout.ms"]).rust("120000").topic().acts(),
    Property::new("request.timeout.ms", Producer, int(1, 900_000), "30000", Medium,
        "How long a broker may wait for the replicas' acknowledgement, and how long a batch under way is waited for.")
        .topic().acts(),
    Property::new("compression.codec", Producer, Enum(CODECS), "none", High,
        "How batches are compressed. inherit is none.").aliases(&["compression.type"]).topic().acts(),
    Property::new("compression.level", Producer, int(-1, 12), "-1", Medium,
        "How hard to compress: gzip 0 to 9, zstd 1 to 12; more than a codec knows means its hardest. snappy and lz4 have one way \
         here, whatever the level. -1: the codec's default.").topic().acts(),
    Property::new("partitioner", Producer, Enum(PARTITIONERS), "consistent_random", High,
        "How a record's key becomes its partition: consistent is CRC-32, murmur2 Java's hash, fnv1a Sarama's. With _random \
         records without a key go anywhere, several together (KIP-480); without it a missing key counts as an empty one. \
         random: anywhere. Java's partitioner is murmur2_random.").rust("murmur2_random").topic().acts(),
    Property::new("sticky.partitioning.linger.ms", Producer, int(0, 900_000), "10", Low,
        "0: each record without a key goes to a random partition. Else such records go to one partition until a batch is full, or \
         until batch.size bytes have gone there in smaller ones, and then to another (KIP-480, KIP-794); how long that takes is \
         up to linger.ms and batch.size, not to this number.")
        .acts(),
    Property::new("partitioner.adaptive.partitioning.enable", Producer, Bool, "true", Low,
        "Whether records without a key go the likelier to a partition the fewer batches wait for its leader (KIP-794). Java's \
         name.").own().acts(),

    Property::new("transactional.id", Producer, Text, "", High,
        "The name under which a producer's transactions go on after a restart, and under which an older instance is shut out."),
    Property::new("transaction.timeout.ms", Producer, int(1000, I32), "60000", Medium,
        "After how long without news the coordinator aborts a transaction."),
    Property::new("enable.gapless.guarantee", Producer, Bool, "false", Low,
        "Whether a failed batch stops the producer, so that the log has no gap."),
    Property::new("queue.buffering.backpressure.threshold", Producer, int(1, 1_000_000), "1", Low,
        "How many requests may wait to be written before batches are left to grow instead."),
    Property::new("delivery.report.only.error", Producer, Bool, "false", Low, "Whether only failed deliveries are reported."),
    Property::new("dr_cb", Producer, Call, "", Low, "Is called with each delivery report."),
    Property::new("dr_msg_cb", Producer, Call, "", Low, "Is called with each delivery report, as a message."),
    Property::new("queuing.strategy", Producer, Enum(&["fifo", "lifo"]), "fifo", Low,
        "Whether the oldest or the newest records go first.").topic(),
    Property::new("produce.offset.report", Producer, Bool, "false", Low, "Without effect in librdkafka too.").topic(),
    Property::new("partitioner_cb", Producer, Call, "", Low, "Chooses each record's partition.").topic(),
    Property::new("msg_order_cmp", Producer, Call, "", Low, "Compares records for their order in the queue.").topic(),
];
