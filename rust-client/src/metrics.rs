//! What a client counts, beside what its producers and consumers count.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counted where it happens, and read by [`ClientCounters::snapshot`].
#[derive(Debug, Default)]
pub(crate) struct ClientCounters {
    connects: AtomicU64,
    disconnects: AtomicU64,
    connection_failures: AtomicU64,
    requests: AtomicU64,
    request_timeouts: AtomicU64,
    metadata_refreshes: AtomicU64,
    metadata_failures: AtomicU64,
}

/// One reading of what a client has counted since it was made: [`crate::Client::metrics`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientSnapshot {
    /// Connections that are open now, their handshakes done.
    pub connections: u64,
    /// Connections that were opened, their handshakes done.
    pub connects: u64,
    /// Attempts that ended without a connection: refused, timed out, no Kafka there, not let in.
    pub connection_failures: u64,
    /// Requests sent, those of handshakes not counted.
    pub requests: u64,
    /// Connections given up because a request had no answer in time.
    pub request_timeouts: u64,
    /// Answers with metadata.
    pub metadata_refreshes: u64,
    /// Times when no broker could be asked for metadata.
    pub metadata_failures: u64,
}

fn one_more(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl ClientCounters {
    pub(crate) fn on_connect(&self) {
        one_more(&self.connects);
    }

    pub(crate) fn on_disconnect(&self) {
        one_more(&self.disconnects);
    }

    pub(crate) fn on_connection_failure(&self) {
        one_more(&self.connection_failures);
    }

    pub(crate) fn on_request(&self) {
        one_more(&self.requests);
    }

    pub(crate) fn on_request_timeout(&self) {
        one_more(&self.request_timeouts);
    }

    pub(crate) fn on_metadata(&self, came: bool) {
        one_more(if came { &self.metadata_refreshes } else { &self.metadata_failures });
    }

    pub(crate) fn snapshot(&self) -> ClientSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // Read first, so that a connection that closes meanwhile does not count below zero.
        let disconnects = read(&self.disconnects);
        let connects = read(&self.connects);
        ClientSnapshot {
            connections: connects.saturating_sub(disconnects),
            connects,
            connection_failures: read(&self.connection_failures),
            requests: read(&self.requests),
            request_timeouts: read(&self.request_timeouts),
            metadata_refreshes: read(&self.metadata_refreshes),
            metadata_failures: read(&self.metadata_failures),
        }
    }
}
