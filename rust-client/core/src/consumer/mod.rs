//! The way of a record in: from a partition's position to fetches, from their answers to batches, and the position behind what the
//! application has consumed.
//!
//! [`Fetcher`] decides; it is driven from outside, which sends its [`ConsumerCommand`]s and reports the answers. The driver decodes
//! what was fetched ([`CompletedFetch::decode`]) off the application's thread and without holding the fetcher, and the application
//! takes [`FetchedBatch`]es.

mod completed_fetch;
mod fetch_session;
mod fetched_batch;
mod fetcher;
mod metrics;
mod offset_queries;
mod position;
mod prefetch;
mod subscription_state;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ottla_protocol::Text;
use ottla_protocol::messages::fetch::FetchRequest;
use ottla_protocol::messages::list_offsets::ListOffsetsRequest;
use ottla_protocol::messages::offset_for_leader_epoch::OffsetForLeaderEpochRequest;

pub use completed_fetch::{CompletedFetch, Decoded};
pub use fetched_batch::{BatchCursor, FetchedBatch, FetchedRecords};
pub use fetcher::Fetcher;
pub use metrics::ConsumerSnapshot;
pub use offset_queries::{EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, list_offsets_request};
pub use position::Position;
pub use prefetch::{BufferPool, PrefetchQuota};
pub use subscription_state::{TopicPartition, Watermarks};

/// Where to start in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// At the first record that is still there.
    Beginning,
    /// At the end: what is there already is not read.
    End,
    /// At this offset.
    Offset(i64),
    /// At this offset, behind a record of this leader epoch (-1 if unknown), as it was committed: first the leader is asked whether
    /// its log still holds what was read (KIP-320). Where it was truncated, that is as for a position that was reached by reading.
    OffsetAndEpoch {
        /// The offset.
        offset: i64,
        /// The leader's epoch of the record before it.
        leader_epoch: i32,
    },
    /// At the first record with this timestamp (ms since the epoch) or a later one; at the end if there is none.
    Timestamp(i64),
    /// Where `auto.offset.reset` says.
    Default,
}

/// `auto.offset.reset`: where to start without a valid offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetPolicy {
    /// At the first record.
    Earliest,
    /// At the end.
    Latest,
    /// At the first record that is no older than this, by its timestamp; at the end if there is none (KIP-1106).
    ByDuration(Duration),
    /// Nowhere: the application gets an error and seeks.
    None,
}

/// `isolation.level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsolationLevel {
    /// All records, those of open and of aborted transactions too.
    ReadUncommitted,
    /// Only what is not part of an open or aborted transaction.
    ReadCommitted,
}

impl IsolationLevel {
    /// The number on the wire.
    #[must_use]
    pub const fn id(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// A consumer's properties.
#[derive(Clone, Debug)]
pub struct ConsumerSettings {
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: i32,
    /// `fetch.wait.max.ms`.
    pub fetch_wait_max: Duration,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: i32,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: i32,
    /// `queued.max.messages.kbytes`, in bytes: the bound of all that is prefetched or held by the application, inflated.
    pub queued_max_bytes: usize,
    /// `queued.min.messages`: a partition with that many records waiting is not fetched from.
    pub queued_min_messages: usize,
    /// `client.rack`, empty for none: where this client runs, so that a broker may name a replica nearby (KIP-392).
    pub client_rack: Text,
    /// `metadata.max.age.ms`: for how long a replica nearby is read from before the leader is asked again.
    pub metadata_max_age: Duration,
    /// `check.crcs`.
    pub check_crcs: bool,
    /// `enable.partition.eof`: the application hears of each partition's end, each time that it is reached.
    pub partition_eof: bool,
    /// `isolation.level`.
    pub isolation: IsolationLevel,
    /// `auto.offset.reset`.
    pub reset: ResetPolicy,
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
    /// `topic.metadata.propagation.max.ms`: after how long the application hears of a topic that the cluster does not know.
    pub unknown_topic_after: Duration,
    /// After how long the application hears of what else should come right by itself and does not: a partition that the topic does
    /// not have, or that has no leader, a broker that can't be reached.
    pub report_after: Duration,
    /// To how many bytes a batch may inflate.
    pub inflate_limit: usize,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        Self {
            fetch_min_bytes: 1,
            fetch_wait_max: Duration::from_millis(500),
            fetch_max_bytes: 52_428_800,
            max_partition_fetch_bytes: 1_048_576,
            queued_max_bytes: 65_536 * 1024,
            queued_min_messages: 100_000,
            client_rack: Text::default(),
            metadata_max_age: Duration::from_secs(900),
            check_crcs: true,
            partition_eof: false,
            isolation: IsolationLevel::ReadCommitted,
            reset: ResetPolicy::Latest,
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            unknown_topic_after: Duration::from_secs(30),
            report_after: Duration::from_secs(5),
            inflate_limit: 100_000_000,
        }
    }
}

/// What the driver is to do. The answer to each request goes back with its token, an error if there is none.
#[derive(Clone, Debug)]
pub enum ConsumerCommand {
    /// Send to the broker, over the connection that is the consumer's own; answer: [`Fetcher::on_fetch`].
    Fetch {
        /// Comes back with the answer.
        token: u64,
        /// The broker's id.
        broker: i32,
        /// The request.
        request: FetchRequest,
        /// The highest version that can carry it: from 13 on topics travel as ids, which not all clusters have.
        max_version: Option<i16>,
    },
    /// Send to the broker; answer: [`Fetcher::on_list_offsets`].
    ListOffsets {
        /// Comes back with the answer.
        token: u64,
        /// The broker's id.
        broker: i32,
        /// The request.
        request: ListOffsetsRequest,
    },
    /// Send to the broker; answer: [`Fetcher::on_offset_for_leader_epoch`].
    OffsetForLeaderEpoch {
        /// Comes back with the answer.
        token: u64,
        /// The broker's id.
        broker: i32,
        /// The request.
        request: OffsetForLeaderEpochRequest,
    },
    /// What is known of the cluster is stale, or lacks something.
    RefreshMetadata,
}

/// Takes out what `version` of a Fetch request has no field for and what can go: the epoch of the record before the fetch offset,
/// without which the broker does not look for a truncation; the client then finds it by OffsetForLeaderEpoch only.
pub fn fit_fetch_request(request: &mut FetchRequest, version: i16) {
    if version < 12 {
        for partition in request.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.last_fetched_epoch = -1;
        }
    }
}
