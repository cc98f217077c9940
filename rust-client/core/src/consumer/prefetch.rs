//! What bounds a consumer's memory: how much is held, and the buffers that are used again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

use crate::event_queue::Notify;

/// Counts the bytes that are prefetched, or that the application holds.
#[derive(Default)]
pub struct PrefetchQuota {
    limit: usize,
    held: AtomicUsize,
    wanted: AtomicBool,
    notify: OnceLock<Notify>,
}

impl PrefetchQuota {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, ..Self::default() })
    }

    /// How many bytes are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    /// What is called when there is room again after there was none. Can be set once.
    pub fn set_notify(&self, notify: Notify) {
        // A second one is ignored: one driver owns the fetcher.
        let _ = self.notify.set(notify);
    }

    /// How many bytes are free. If none are, whoever releases some will notify.
    pub(super) fn room(&self) -> usize {
        let room = self.limit.saturating_sub(self.held());
        if room > 0 {
            return room;
        }
        self.wanted.store(true, Ordering::SeqCst);
        // Again, since something may have been released before the wish was there to be seen.
        self.limit.saturating_sub(self.held())
    }

    pub(super) fn hold(self: &Arc<Self>, bytes: usize) -> Held {
        self.held.fetch_add(bytes, Ordering::SeqCst);
        Held { quota: self.clone(), bytes }
    }
}

/// Holds a part of the quota as long as it lives.
pub(super) struct Held {
    quota: Arc<PrefetchQuota>,
    bytes: usize,
}

impl Held {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn release(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        let before = self.quota.held.fetch_sub(bytes, Ordering::SeqCst);
        if before - bytes < self.quota.limit
            && self.quota.wanted.swap(false, Ordering::SeqCst)
            && let Some(notify) = self.quota.notify.get()
        {
            notify();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release(self.bytes);
    }
}

/// How many buffers wait to be used again, and how large one may be: what is kept stays small beside the prefetch.
const KEPT_BUFFERS: usize = 32;
const KEPT_CAPACITY: usize = 2 * 1024 * 1024;

/// Buffers of decoded batches, used again.
#[derive(Default)]
pub struct BufferPool(Mutex<Vec<Vec<u8>>>);

impl BufferPool {
    pub(super) fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn give(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() == 0 || buffer.capacity() > KEPT_CAPACITY {
            return;
        }
        buffer.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_BUFFERS {
            kept.push(buffer);
        }
    }

    /// Takes back what a batch lay in, if nothing else refers to it.
    pub(super) fn recycle(&self, payload: Bytes) {
        if let Ok(buffer) = payload.try_into_mut() {
            self.give(Vec::from(buffer));
        }
    }
}
