//! Counters and latencies, counted by the batch and read as one snapshot.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Eight buckets for each power of two of microseconds: within 12 % of the true value.
const BUCKETS: usize = 8 * 40;

/// A histogram of durations, written by one thread and read by any.
#[derive(Debug)]
pub struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

fn bucket(micros: u64) -> usize {
    if micros < 8 {
        return usize::try_from(micros).unwrap_or(0);
    }
    let power = 63 - micros.leading_zeros();
    let part = (micros >> (power - 3)) & 7;
    usize::try_from(u64::from(power - 2) * 8 + part).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

fn upper_bound(bucket: usize) -> u64 {
    if bucket < 8 {
        return bucket as u64;
    }
    let (power, part) = (bucket / 8 + 2, bucket as u64 % 8);
    ((8 + part + 1) << (power - 3)) - 1
}

impl Histogram {
    /// Counts `times` durations.
    pub fn record(&self, duration: Duration, times: u64) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Some(counter) = self.0.get(bucket(micros)) {
            counter.fetch_add(times, Ordering::Relaxed);
        }
    }

    /// The duration that `per_mille` of all are not above; `None` while there are none.
    #[must_use]
    pub fn percentile(&self, per_mille: u64) -> Option<Duration> {
        let counts: Vec<u64> = self.0.iter().map(|counter| counter.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let rank = (total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        let found = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.filter(|_| total > 0).map(|at| Duration::from_micros(upper_bound(at)))
    }
}

/// What a producer counts.
#[derive(Debug, Default)]
pub struct ProducerMetrics {
    requests: AtomicU64,
    batches: AtomicU64,
    bytes_sent: AtomicU64,
    records_written: AtomicU64,
    bytes_written: AtomicU64,
    records_failed: AtomicU64,
    retries: AtomicU64,
    splits: AtomicU64,
    throttle_micros: AtomicU64,
    latency: Histogram,
}

/// One reading of [`ProducerMetrics`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducerSnapshot {
    /// Produce requests sent.
    pub requests: u64,
    /// Batches in them, retries included.
    pub batches: u64,
    /// Bytes of those batches, compressed.
    pub bytes_sent: u64,
    /// Records acknowledged.
    pub records_written: u64,
    /// Bytes of acknowledged batches, compressed.
    pub bytes_written: u64,
    /// Records that failed.
    pub records_failed: u64,
    /// Batches sent again.
    pub retries: u64,
    /// Batches that a broker found too large and that went on in two parts.
    pub splits: u64,
    /// For how long brokers have asked this producer not to send (KIP-219), all together.
    pub throttle_time: Duration,
    /// From the first record of a batch to its acknowledgement, each batch weighed by its records: half are not above this.
    pub delivery_latency_p50: Option<Duration>,
    /// 99 % are not above this.
    pub delivery_latency_p99: Option<Duration>,
}

impl ProducerMetrics {
    pub(crate) fn on_request(&self, batches: usize, bytes: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.batches.fetch_add(batches as u64, Ordering::Relaxed);
        self.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn on_written(&self, records: u64, bytes: usize, latency: Duration) {
        self.records_written.fetch_add(records, Ordering::Relaxed);
        self.bytes_written.fetch_add(bytes as u64, Ordering::Relaxed);
        self.latency.record(latency, records);
    }

    pub(crate) fn on_split(&self) {
        self.splits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn on_throttled(&self, time: Duration) {
        self.throttle_micros.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn on_failed(&self, records: u64) {
        self.records_failed.fetch_add(records, Ordering::Relaxed);
    }

    pub(crate) fn on_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads all counters.
    #[must_use]
    pub fn snapshot(&self) -> ProducerSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProducerSnapshot {
            requests: read(&self.requests),
            batches: read(&self.batches),
            bytes_sent: read(&self.bytes_sent),
            records_written: read(&self.records_written),
            bytes_written: read(&self.bytes_written),
            records_failed: read(&self.records_failed),
            retries: read(&self.retries),
            splits: read(&self.splits),
            throttle_time: Duration::from_micros(read(&self.throttle_micros)),
            delivery_latency_p50: self.latency.percentile(500),
            delivery_latency_p99: self.latency.percentile(990),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_an_eighth() {
        let histogram = Histogram::default();
        for micros in 1..=10_000 {
            histogram.record(Duration::from_micros(micros), 1);
        }
        for (per_mille, micros) in [(500, 5_000.0), (990, 9_900.0), (1000, 10_000.0)] {
            let got = histogram.percentile(per_mille).unwrap().as_micros() as f64;
            assert!((got / micros - 1.0).abs() < 0.13, "{per_mille}: {got}");
        }
        assert_eq!(Histogram::default().percentile(500), None);
    }
}
