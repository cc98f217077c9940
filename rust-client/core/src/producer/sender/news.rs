//! What the producer logs: a line when something begins or ends, none for each batch or attempt.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::error::Error;
use crate::time::Instant;

/// Between two lines about records that were given up; and as long no batch may fail until it is said that all is well again, so that
/// a broker that refuses every other batch takes two lines and not two for each.
const PAUSE: Duration = Duration::from_secs(10);

/// What was logged and is not over.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Lanes whose batches are being sent again.
    retrying: BTreeSet<u32>,
    /// When a batch was put back last, while it is logged that some are.
    retried_at: Option<Instant>,
    /// Brokers that throttle.
    throttling: BTreeSet<i32>,
    without_producer_id: bool,
    /// Records that were given up since the last line about such.
    expired: u64,
    expired_at: Option<Instant>,
}

impl News {
    /// A batch of the lane goes again.
    pub(super) fn on_retry(&mut self, now: Instant, lane: u32, error: &Error) {
        self.retrying.insert(lane);
        if self.retried_at.replace(now).is_none() {
            tracing::warn!(%error, "records are sent again until they are delivered or delivery.timeout.ms is over");
        }
    }

    /// A batch of the lane came to its end, delivered or not.
    pub(super) fn on_end(&mut self, lane: u32) {
        self.retrying.remove(&lane);
    }

    /// An answer of the broker asks to be left alone for so long, or not.
    pub(super) fn on_throttle(&mut self, broker: i32, time: Duration) {
        if time.is_zero() {
            if self.throttling.remove(&broker) {
                tracing::info!(broker, "the broker throttles this producer no more");
            }
        } else if self.throttling.insert(broker) {
            tracing::warn!(broker, ms = time.as_millis(), "the broker throttles this producer");
        }
    }

    pub(super) fn on_producer_id(&mut self, id: i64, epoch: i16) {
        self.without_producer_id = false;
        tracing::info!(id, epoch, "a producer id");
    }

    pub(super) fn on_new_epoch(&self, id: i64, epoch: i16) {
        tracing::info!(id, epoch, "a new epoch of the producer id: a partition's sequence has a hole, or its leader lost it");
    }

    pub(super) fn on_no_producer_id(&mut self, error: &Error) {
        if !std::mem::replace(&mut self.without_producer_id, true) {
            tracing::warn!(%error, "no producer id yet");
        }
    }

    /// Records were given up as too old.
    pub(super) fn on_expired(&mut self, records: u64) {
        self.expired += records;
    }

    /// Logs what there is to tell now. Returns when to be called again, if there is more to tell then.
    pub(super) fn tell(&mut self, now: Instant) -> Option<Instant> {
        let (well, expired) = (self.tell_well(now), self.tell_expired(now));
        [well, expired].into_iter().flatten().min()
    }

    fn tell_well(&mut self, now: Instant) -> Option<Instant> {
        let next = self.retried_at.filter(|_| self.retrying.is_empty())? + PAUSE;
        if next > now {
            return Some(next);
        }
        tracing::info!("no records wait to be sent again");
        self.retried_at = None;
        None
    }

    fn tell_expired(&mut self, now: Instant) -> Option<Instant> {
        if self.expired == 0 {
            return None;
        }
        if let Some(next) = self.expired_at.map(|at| at + PAUSE).filter(|next| *next > now) {
            return Some(next);
        }
        tracing::warn!(records = std::mem::take(&mut self.expired), "records were not delivered within delivery.timeout.ms");
        self.expired_at = Some(now);
        None
    }
}
