//! Requests that wait for something to happen to a partition. They are woken by events, never by polling.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::Notify;

/// A Fetch that waits for bytes. It is registered with each of its partitions.
#[derive(Debug)]
pub(crate) struct DelayedFetch {
    missing: AtomicI64,
    wake: Notify,
}

impl DelayedFetch {
    /// Waits for this many bytes to be appended.
    pub(crate) fn new(missing: i64) -> Arc<Self> {
        Arc::new(Self { missing: AtomicI64::new(missing), wake: Notify::new() })
    }

    /// Ends when there are enough bytes, or something else happened that the client should hear of.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    fn appended(&self, bytes: i64) {
        if self.missing.fetch_sub(bytes, Ordering::Relaxed) <= bytes {
            self.wake.notify_one();
        }
    }
}

/// Who waits for one partition.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    fetches: Vec<Weak<DelayedFetch>>,
    /// At how many the dead ones are swept out.
    sweep_at: usize,
}

impl Watchers {
    pub(crate) fn watch(&mut self, fetch: &Arc<DelayedFetch>) {
        if self.fetches.len() >= self.sweep_at {
            self.fetches.retain(|fetch| fetch.strong_count() > 0);
            self.sweep_at = (self.fetches.len() * 2).max(4);
        }
        self.fetches.push(Arc::downgrade(fetch));
    }

    /// Bytes were appended.
    pub(crate) fn appended(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.fetches.retain(|fetch| match fetch.upgrade() {
            Some(fetch) => {
                fetch.appended(bytes);
                true
            }
            None => false,
        });
    }

    /// The partition is gone, or has another leader epoch.
    pub(crate) fn changed(&mut self) {
        for fetch in self.fetches.drain(..).filter_map(|fetch| fetch.upgrade()) {
            fetch.wake.notify_one();
        }
    }
}
