//! What a consumer counts: by the fetch and the batch, nothing by the record.

use std::time::Duration;

use super::subscription_state::TopicPartition;
use crate::metrics::Histogram;

/// One reading of what a consumer has counted since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerSnapshot {
    /// Fetch requests sent.
    pub fetch_requests: u64,
    /// Of them those to another replica than the leader (KIP-392).
    pub follower_fetches: u64,
    /// Fetch requests without an answer: the broker could not be reached, or did not answer in time.
    pub fetch_failures: u64,
    /// Batches fetched and decoded, those of control records and of aborted transactions not counted.
    pub batches_fetched: u64,
    /// Records in them.
    pub records_fetched: u64,
    /// Bytes of batches as they were fetched, compressed.
    pub bytes_fetched: u64,
    /// Batches that the application has taken.
    pub batches_consumed: u64,
    /// Records in them.
    pub records_consumed: u64,
    /// Their bytes, inflated.
    pub bytes_consumed: u64,
    /// From a Fetch to its answer, the broker's wait for records included: half are not above this.
    pub fetch_latency_p50: Option<Duration>,
    /// 99 % are not above this.
    pub fetch_latency_p99: Option<Duration>,
    /// Bytes that are prefetched or held by the application now, inflated.
    pub bytes_held: usize,
    /// Errors that the application was told.
    pub errors: u64,
    /// How often a log was found truncated below a position (KIP-320): the position went back, or the application was told.
    pub truncations: u64,
    /// How often `auto.offset.reset` decided because a position was not in its log.
    pub resets: u64,
    /// For how long brokers have asked this consumer not to fetch (KIP-219), all together.
    pub throttle_time: Duration,
    /// How many offsets each assigned partition's position is behind the end: under read_committed the last stable offset, else the
    /// high watermark, as the last fetch told. Partitions of which that is not known yet are left out.
    pub lag: Vec<(TopicPartition, u64)>,
}

/// The counters. They lie in the fetcher, beside what they count.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) fetch_requests: u64,
    pub(super) follower_fetches: u64,
    pub(super) fetch_failures: u64,
    pub(super) batches_fetched: u64,
    pub(super) records_fetched: u64,
    pub(super) bytes_fetched: u64,
    pub(super) batches_consumed: u64,
    pub(super) records_consumed: u64,
    pub(super) bytes_consumed: u64,
    pub(super) errors: u64,
    pub(super) truncations: u64,
    pub(super) resets: u64,
    pub(super) throttle_time: Duration,
    pub(super) latency: Histogram,
}

impl Counters {
    pub(super) fn snapshot(&self, bytes_held: usize, lag: Vec<(TopicPartition, u64)>) -> ConsumerSnapshot {
        ConsumerSnapshot {
            fetch_requests: self.fetch_requests,
            follower_fetches: self.follower_fetches,
            fetch_failures: self.fetch_failures,
            batches_fetched: self.batches_fetched,
            records_fetched: self.records_fetched,
            bytes_fetched: self.bytes_fetched,
            batches_consumed: self.batches_consumed,
            records_consumed: self.records_consumed,
            bytes_consumed: self.bytes_consumed,
            fetch_latency_p50: self.latency.percentile(500),
            fetch_latency_p99: self.latency.percentile(990),
            bytes_held,
            errors: self.errors,
            truncations: self.truncations,
            resets: self.resets,
            throttle_time: self.throttle_time,
            lag,
        }
    }
}
