//! How many records a producer has on its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the records that a producer has taken and that no report was served for: what `len(producer)` and `rd_kafka_outq_len`
/// tell. Shared by its clones.
#[derive(Clone, Debug, Default)]
pub struct Outstanding(Arc<AtomicU64>);

impl Outstanding {
    /// One more, before it is given to the producer: its report may be quicker than the return of that call.
    #[inline]
    pub fn add(&self, records: u64) {
        self.0.fetch_add(records, Ordering::Relaxed);
    }

    /// So many fewer: they were reported, or not taken after all.
    #[inline]
    pub fn remove(&self, records: u64) {
        self.0.fetch_sub(records, Ordering::Relaxed);
    }

    /// How many there are.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
