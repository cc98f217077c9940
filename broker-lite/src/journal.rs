//! The requests that were seen, for tests that ask what a client really did.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ottla_protocol::messages::ProduceRequest;
use ottla_protocol::{ApiKey, Decode, Encode, Reader, Request, Writer};
use tokio::sync::watch;

/// The largest body that is kept.
const LARGEST_BODY: usize = 64 << 10;

/// A request as it was seen, before it was answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JournalEntry {
    /// Counts the requests seen, from 1 on.
    pub number: u64,
    /// When, by the broker's clock, in milliseconds since 1970.
    pub at_ms: i64,
    /// The API.
    pub api: ApiKey,
    /// The version, which may be one that is not served.
    pub version: i16,
    /// The number that the response carries back.
    pub correlation_id: i32,
    /// How the client calls itself.
    pub client_id: Option<String>,
    /// The broker that was asked.
    pub broker: i32,
    /// The connection's number: they count from 1 in the order in which they were accepted.
    pub connection: u64,
    /// The body without its record data; none if it is larger than 64 KiB.
    body: Option<Bytes>,
}

impl JournalEntry {
    /// The request, with null for record data. None if it is of another API, was malformed, or too large to be kept.
    #[must_use]
    pub fn decode<R: Request>(&self) -> Option<R> {
        let body = self.body.clone().filter(|_| R::KEY == self.api)?;
        R::decode(&mut Reader::new(body), self.version).ok()
    }
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<JournalEntry>,
    /// 0: off.
    capacity: usize,
    seen: u64,
}

/// The last requests. It is off until it is given room for some.
#[derive(Debug)]
pub struct Journal {
    ring: Mutex<Ring>,
    on: AtomicBool,
    changed: Condvar,
    /// The same for async callers: how many were seen.
    count: watch::Sender<u64>,
}

/// What is known of a request before it is decoded.
pub(crate) struct Seen {
    pub(crate) at_ms: i64,
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: Option<String>,
    pub(crate) broker: i32,
    pub(crate) connection: u64,
}

impl Journal {
    pub(crate) fn new(capacity: usize) -> Self {
        let journal =
            Self { ring: Mutex::default(), on: AtomicBool::new(false), changed: Condvar::new(), count: watch::Sender::new(0) };
        journal.keep(capacity);
        journal
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps so many of the last requests from now on; 0 turns it off. What is kept already stays, as far as there is room.
    pub fn keep(&self, capacity: usize) {
        let mut ring = self.ring();
        ring.capacity = capacity;
        let excess = ring.entries.len().saturating_sub(capacity);
        ring.entries.drain(..excess);
        self.on.store(capacity > 0, Ordering::Relaxed);
    }

    /// Forgets what is kept.
    pub fn clear(&self) {
        self.ring().entries.clear();
    }

    /// What is kept, the oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<JournalEntry> {
        self.ring().entries.iter().cloned().collect()
    }

    /// How many of what is kept are like this.
    #[must_use]
    pub fn count(&self, wanted: impl Fn(&JournalEntry) -> bool) -> usize {
        self.ring().entries.iter().filter(|entry| wanted(entry)).count()
    }

    /// The first request like this, among those kept or yet to come; none if there is none within `within`, which goes by the
    /// runtime's timer.
    pub async fn wait_for(&self, within: Duration, wanted: impl Fn(&JournalEntry) -> bool) -> Option<JournalEntry> {
        let mut count = self.count.subscribe();
        let mut looked_at = 0;
        let found = async {
            loop {
                count.borrow_and_update();
                if let Some(found) = self.find_after(&mut looked_at, &wanted) {
                    return Some(found);
                }
                // It ends only with the journal, which is borrowed here.
                count.changed().await.ok()?;
            }
        };
        tokio::time::timeout(within, found).await.ok().flatten()
    }

    /// The same for callers that are not async; `within` is real time.
    pub fn wait_for_blocking(&self, within: Duration, wanted: impl Fn(&JournalEntry) -> bool) -> Option<JournalEntry> {
        let end = Instant::now().checked_add(within);
        let mut looked_at = 0;
        loop {
            if let Some(found) = self.find_after(&mut looked_at, &wanted) {
                return Some(found);
            }
            let left = end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            let ring = self.ring();
            if ring.seen > looked_at {
                continue;
            }
            drop(self.changed.wait_timeout(ring, left.min(Duration::from_secs(60))).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Looks at what came after `looked_at`, which is moved on. The caller's function runs without the lock.
    fn find_after(&self, looked_at: &mut u64, wanted: &impl Fn(&JournalEntry) -> bool) -> Option<JournalEntry> {
        let new: Vec<JournalEntry> = {
            let ring = self.ring();
            let from = *looked_at;
            *looked_at = ring.seen;
            ring.entries.iter().filter(|entry| entry.number > from).cloned().collect()
        };
        new.into_iter().find(|entry| wanted(entry))
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    pub(crate) fn record(&self, seen: Seen, body: &Bytes) {
        let body = without_records(seen.api, seen.version, body);
        let mut ring = self.ring();
        if ring.capacity == 0 {
            return;
        }
        ring.seen += 1;
        let entry = JournalEntry {
            number: ring.seen,
            at_ms: seen.at_ms,
            api: seen.api,
            version: seen.version,
            correlation_id: seen.correlation_id,
            client_id: seen.client_id,
            broker: seen.broker,
            connection: seen.connection,
            body,
        };
        if ring.entries.len() == ring.capacity {
            ring.entries.pop_front();
        }
        ring.entries.push_back(entry);
        let seen = ring.seen;
        drop(ring);
        self.changed.notify_all();
        self.count.send_replace(seen);
    }
}

/// A copy, so that nothing keeps the connection's buffer alive.
fn without_records(api: ApiKey, version: i16, body: &Bytes) -> Option<Bytes> {
    if api == ApiKey::Produce {
        let mut request = ProduceRequest::decode(&mut Reader::new(body.clone()), version).ok()?;
        for partition in request.topic_data.iter_mut().flat_map(|topic| &mut topic.partition_data) {
            partition.records = None;
        }
        let mut writer = Writer::new();
        request.encode(&mut writer, version).ok()?;
        let bytes = writer.finish().concat();
        return (bytes.len() <= LARGEST_BODY).then(|| bytes.into());
    }
    (body.len() <= LARGEST_BODY).then(|| Bytes::copy_from_slice(body))
}
