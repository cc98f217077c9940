//! Where an application stands in a partition.

use crate::mutants::{self, Mutant};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};

/// The position of one stretch of consuming: from an assignment, a seek or a reset to the next one, which begins a stretch, and a
/// position, of its own.
///
/// Batches hold the position of the stretch that they belong to. So a batch that is still read while another thread seeks can't
/// overwrite the new position, and one atomic load tells whether its records may still be handed out.
#[derive(Debug)]
pub struct Position {
    valid: AtomicBool,
    offset: AtomicI64,
    leader_epoch: AtomicI32,
}

impl Position {
    pub(crate) fn new(offset: i64, leader_epoch: i32) -> Arc<Self> {
        Arc::new(Self {
            valid: AtomicBool::new(true),
            offset: AtomicI64::new(offset),
            leader_epoch: AtomicI32::new(leader_epoch),
        })
    }

    /// Whether records of this stretch may still be handed out.
    #[inline]
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.valid.load(Ordering::Acquire)
    }

    /// The offset of the next record to consume, if it is known yet.
    #[must_use]
    pub fn offset(&self) -> Option<i64> {
        Some(self.offset.load(Ordering::Acquire)).filter(|offset| *offset >= 0)
    }

    /// The leader's epoch of the last consumed record, -1 if unknown. What is committed beside the offset (KIP-320).
    #[must_use]
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch.load(Ordering::Acquire)
    }

    /// Ends the stretch: an assignment or a seek did.
    pub(super) fn invalidate(&self) {
        self.valid.store(mutants::is(Mutant::RecordAfterSeek), Ordering::Release);
    }

    /// Everything before `offset` is consumed.
    #[inline]
    pub(crate) fn advance(&self, offset: i64, leader_epoch: i32) {
        self.leader_epoch.store(leader_epoch, Ordering::Relaxed);
        self.offset.store(offset, Ordering::Release);
    }
}
