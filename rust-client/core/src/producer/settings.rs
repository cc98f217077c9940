//! What of the configuration the way out needs, in the types that it works with.

use std::time::Duration;

use ottla_protocol::compression::Compression;

use super::partitioner::Partitioner;

/// Names in the comments are those of the properties.
#[derive(Clone, Debug)]
pub struct ProducerSettings {
    /// `batch.size`: a batch is full at so many bytes, before compression.
    pub batch_size: usize,
    /// `batch.num.messages`: or at so many records.
    pub batch_messages: u32,
    /// `linger.ms`: how long a batch waits for more records.
    pub linger: Duration,
    /// `message.max.bytes`: the largest record.
    pub message_max_bytes: usize,
    /// `compression.type`.
    pub compression: Compression,
    /// `compression.level`, `None` for the codec's own default.
    pub compression_level: Option<i32>,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `acks`: -1, 0 or 1.
    pub acks: i16,
    /// `enable.idempotence`.
    pub idempotence: bool,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: usize,
    /// `retries`.
    pub retries: u32,
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
    /// `partitioner`.
    pub partitioner: Partitioner,
    /// `sticky.partitioning.linger.ms` is above zero: records without a key stick to a partition for a batch.
    pub sticky: bool,
    /// `partitioner.adaptive.partitioning.enable`: those records prefer partitions whose batches wait less.
    pub adaptive: bool,
    /// `topic.metadata.propagation.max.ms`: how long a topic that the cluster does not know is waited for.
    pub unknown_topic_limit: Duration,
    /// `queue.buffering.max.kbytes`, in bytes.
    pub buffer_bytes: usize,
    /// `queue.buffering.max.messages`, 0 for no bound.
    pub buffer_messages: usize,
    /// Whether delivery reports were asked for: batches then keep their uncompressed bytes, and quota until they are served.
    pub reports: bool,
}
