//! What is told of one connection's requests, while somebody wants to know of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ottla_core::time::{Clock, Instant};
use ottla_protocol::ApiKey;

use crate::observer::{ClientEvent, Observed, RequestEnd, RequestTrace};
use crate::runtime::RuntimeClock;

/// A request of which is told. Boxed: there is none as a rule.
pub(super) struct Traced {
    api_key: ApiKey,
    version: i16,
    correlation_id: i32,
    created: Instant,
    sent: Instant,
}

pub(super) type Trace = Option<Box<Traced>>;

pub(super) struct Tracer {
    broker: i32,
    address: String,
    observer: Observed,
    clock: Arc<RuntimeClock>,
    /// Requests that were handed over and are not written to the end.
    unwritten: AtomicUsize,
    /// The size that was told last.
    told: AtomicUsize,
}

impl Tracer {
    pub(super) fn new(broker: i32, address: String, observer: Observed, clock: Arc<RuntimeClock>) -> Self {
        Self { broker, address, observer, clock, unwritten: AtomicUsize::new(0), told: AtomicUsize::new(0) }
    }

    /// A request is made.
    pub(super) fn begin(&self, api_key: ApiKey, version: i16, correlation_id: i32) -> Trace {
        self.observer.traces().then(|| {
            let created = self.clock.now();
            Box::new(Traced { api_key, version, correlation_id, created, sent: created })
        })
    }

    /// It is being written now.
    pub(super) fn sent(&self, trace: &mut Trace) {
        if let Some(traced) = trace {
            traced.sent = self.clock.now();
        }
    }

    /// It has come to its end.
    pub(super) fn end(&self, trace: Trace, end: impl FnOnce() -> RequestEnd) {
        let Some(traced) = trace else { return };
        self.observer.tell(|| {
            ClientEvent::Request(RequestTrace {
                broker: self.broker,
                address: self.address.clone(),
                api_key: traced.api_key.code(),
                api_name: traced.api_key.name(),
                api_version: traced.version,
                correlation_id: traced.correlation_id,
                pending: traced.sent.since(traced.created),
                duration: self.clock.now().since(traced.sent),
                end: end(),
            })
        });
    }

    fn tell_queue(&self, size: usize) {
        if self.observer.traces() {
            let (broker, address) = (self.broker, self.address.clone());
            self.told.store(size, Ordering::Relaxed);
            self.observer.tell(|| ClientEvent::RequestQueue { broker, address, size });
        }
    }

    /// A request is handed over to be written.
    pub(super) fn queued(&self) {
        let before = self.unwritten.fetch_add(1, Ordering::Relaxed);
        if before > 0 {
            self.tell_queue(before);
        }
    }

    /// One is written, and the next one is begun.
    pub(super) fn written(&self) {
        let before = self.unwritten.fetch_sub(1, Ordering::Relaxed);
        if before > 1 {
            self.tell_queue(before - 2);
        }
    }

    /// One will not be written: the connection has ended.
    pub(super) fn withdrawn(&self) {
        self.unwritten.fetch_sub(1, Ordering::Relaxed);
    }

    /// None waits any more: the connection has ended.
    pub(super) fn emptied(&self) {
        if self.told.load(Ordering::Relaxed) > 0 {
            self.tell_queue(0);
        }
    }
}
