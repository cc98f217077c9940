//! How many records a producer has on its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the records that a producer has taken and that no report was served for: what `len(producer)` and `rd_kafka_outq_len`
/// tell. Shared by its clones.
#[derive(Clone, Debug, Default)]
pub struct Outstanding {
    /// Two counters that only grow: who takes records and who serves reports are mostly two threads.
    taken: Arc<AtomicU64>,
    gone: Arc<AtomicU64>,
}

impl Outstanding {
    /// One more, before it is given to the producer: its report may be quicker than the return of that call.
    #[inline]
    pub fn add(&self, records: u64) {
        self.taken.fetch_add(records, Ordering::Relaxed);
    }

    /// So many fewer: they were reported, or not taken after all.
    #[inline]
    pub fn remove(&self, records: u64) {
        self.gone.fetch_add(records, Ordering::Release);
    }

    /// So many were not taken after all; so neither has who counts beside this one to remove them.
    #[inline]
    pub fn take_back(&self, records: u64) {
        self.taken.fetch_sub(records, Ordering::Relaxed);
    }

    /// One that counts the same records in, and by itself out: for who is told of them earlier, or later.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self { taken: self.taken.clone(), gone: Arc::default() }
    }

    /// How many there are.
    #[must_use]
    pub fn get(&self) -> u64 {
        // In this order: what is gone was taken before.
        let gone = self.gone.load(Ordering::Acquire);
        self.taken.load(Ordering::Relaxed).saturating_sub(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_count_the_same_records_in_and_each_its_own_out() {
        let served = Outstanding::default();
        let answered = served.beside();
        served.add(5);
        answered.remove(3);
        served.clone().remove(1);
        assert_eq!((served.get(), answered.get()), (4, 2));
        served.take_back(2);
        assert_eq!((served.get(), answered.get()), (2, 0));
    }
}
