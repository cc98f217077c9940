//! What the accumulator, the sender and the batches share.

use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::collections::BTreeMap;

use crate::sync::ArcSwap;
use bytes::Bytes;

use super::partition::Partition;
use super::stage::Topic;
use crate::error::{Error, ErrorKind};
use crate::event_queue::EventQueue;
use crate::offload::Offload;
use crate::producer::batch::DeliveryReport;
use crate::producer::incomplete::Incomplete;
use crate::producer::quota::Quota;
use crate::producer::settings::ProducerSettings;
use crate::time::{Clock, Instant};

/// Wakes the sender.
pub type EdgeWaker = Arc<dyn Fn() + Send + Sync>;

/// What the sender is told.
pub(crate) enum Edge {
    /// A batch was opened and is due at this time.
    Opened(Arc<Partition>, Instant),
    /// A batch is full or compressed: it may go.
    Ready(Arc<Partition>),
    /// A record waits for its topic's metadata, until this time.
    Staged(Arc<Topic>, Instant),
    /// All that is open is to go now.
    Flush,
    /// What is queued, or also what is in flight, is to be given up.
    Purge { queued: bool, in_flight: bool },
}

/// What accumulator, sender and batches share.
pub(crate) struct Shared {
    pub(crate) settings: ProducerSettings,
    pub(crate) quota: Quota,
    pub(crate) incomplete: Incomplete,
    pub(crate) reports: Arc<EventQueue<DeliveryReport>>,
    pub(super) edges: Mutex<Vec<Edge>>,
    waker: EdgeWaker,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) offload: Arc<dyn Offload>,
    random: AtomicU64,
    pub(super) next_partition: AtomicU32,
    pub(super) topics: ArcSwap<BTreeMap<Bytes, Arc<Topic>>>,
    /// Held while a topic is added.
    pub(super) adding: Mutex<()>,
    pub(super) closed: AtomicBool,
    /// The sender is gone: nothing that is queued will ever go.
    pub(super) ended: AtomicBool,
    /// What ended the producer for good, if something did.
    pub(super) fatal: OnceLock<Error>,
    /// Flushes under way: while there are any, an open batch does not linger.
    pub(crate) flushing: AtomicU32,
    buffers: Mutex<Vec<Vec<u8>>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(
        settings: ProducerSettings,
        clock: Arc<dyn Clock>,
        offload: Arc<dyn Offload>,
        waker: EdgeWaker,
        seed: u64,
    ) -> Self {
        Self {
            quota: Quota::new(settings.buffer_bytes, settings.buffer_messages),
            settings,
            incomplete: Incomplete::default(),
            reports: EventQueue::new(),
            edges: Mutex::default(),
            waker,
            clock,
            offload,
            random: AtomicU64::new(seed),
            next_partition: AtomicU32::new(0),
            topics: ArcSwap::default(),
            adding: Mutex::default(),
            closed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            fatal: OnceLock::new(),
            flushing: AtomicU32::new(0),
            buffers: Mutex::default(),
        }
    }

    /// Why no more records are taken.
    pub(super) fn refusal(&self) -> Error {
        self.fatal.get().cloned().unwrap_or_else(|| Error::new(ErrorKind::Closed, "the producer is closed"))
    }

    /// Nothing goes out any more, neither what comes nor what waits.
    pub(super) fn takes_nothing(&self) -> bool {
        self.ended.load(Ordering::Acquire) || self.fatal.get().is_some()
    }

    pub(super) fn edge(&self, edge: Edge) {
        let first = {
            let mut edges = lock(&self.edges);
            edges.push(edge);
            edges.len() == 1
        };
        if first {
            (self.waker)();
        }
    }

    pub(crate) fn edge_ready(self: &Arc<Self>, partition: &Arc<Partition>) {
        self.edge(Edge::Ready(partition.clone()));
        if self.ended.load(Ordering::Acquire) {
            // It was sealed or compressed while the sender went away.
            drop(partition.take_older(self, Instant::FAR_FUTURE));
        }
    }

    pub(crate) fn take_edges(&self, into: &mut Vec<Edge>) {
        std::mem::swap(&mut *lock(&self.edges), into);
    }

    /// SplitMix64 over a shared counter: one atomic add for a draw.
    pub(super) fn draw(&self) -> u32 {
        let mut z = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 32) as u32
    }

    pub(super) fn buffer(&self) -> Vec<u8> {
        lock(&self.buffers).pop().unwrap_or_default()
    }

    pub(super) fn recycle(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut buffers = lock(&self.buffers);
        if buffers.len() < 16 {
            buffers.push(buffer);
        }
    }
}

/// A buffer that goes back to the pool when the last reader lets go of it.
pub(super) struct Pooled {
    pub(super) buffer: Vec<u8>,
    /// Not kept alive by it: a report that nobody serves holds its batch, and lies in the queue that is kept here.
    pub(super) shared: Weak<Shared>,
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.recycle(std::mem::take(&mut self.buffer));
        }
    }
}
