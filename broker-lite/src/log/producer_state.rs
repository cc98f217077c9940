//! What a partition remembers of the producers that write to it: enough to refuse gaps and to answer duplicates.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many batches of a producer are remembered, as a client has at most five requests in flight.
const REMEMBERED_BATCHES: usize = 5;

/// The producer's part of a batch header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProducerBatch {
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) records_count: i32,
}

impl ProducerBatch {
    fn last_sequence(&self) -> i32 {
        advance_sequence(self.base_sequence, self.records_count - 1)
    }
}

/// A batch as it was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AppendedBatch {
    first_sequence: i32,
    last_sequence: i32,
    /// The offset of its first record.
    pub(crate) base_offset: i64,
    /// The offset of its last record.
    pub(crate) last_offset: i64,
    /// Its largest timestamp.
    pub(crate) timestamp: i64,
}

/// Why a batch is not appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SequenceError {
    /// The producer was superseded.
    InvalidEpoch {
        /// The epoch of the producer that took over.
        current: i16,
    },
    /// Records are missing before this batch, or it is an old one that is no longer remembered.
    OutOfOrder {
        /// The last sequence that was appended, -1 for none in this epoch.
        last: i32,
    },
}

/// What to do with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SequenceCheck {
    /// Append it.
    Next,
    /// It was appended before: answer with what was answered then.
    Duplicate(AppendedBatch),
}

#[derive(Debug)]
struct ProducerEntry {
    epoch: i16,
    batches: VecDeque<AppendedBatch>,
    /// When it last wrote, by the broker's clock.
    last_used_ms: i64,
}

/// The producers of one partition.
#[derive(Debug, Default)]
pub(crate) struct ProducerState {
    producers: BTreeMap<i64, ProducerEntry>,
}

impl ProducerState {
    /// Holds a batch against what was appended before.
    pub(crate) fn check(&self, batch: &ProducerBatch) -> Result<SequenceCheck, SequenceError> {
        let Some(entry) = self.producers.get(&batch.producer_id) else {
            // Nothing is known, e.g. since it expired or its records were deleted: any first sequence is accepted.
            return Ok(SequenceCheck::Next);
        };
        if batch.producer_epoch < entry.epoch {
            return Err(SequenceError::InvalidEpoch { current: entry.epoch });
        }
        if batch.producer_epoch > entry.epoch {
            // A new epoch starts over.
            return if batch.base_sequence == 0 { Ok(SequenceCheck::Next) } else { Err(SequenceError::OutOfOrder { last: -1 }) };
        }
        let same =
            |known: &&AppendedBatch| known.first_sequence == batch.base_sequence && known.last_sequence == batch.last_sequence();
        if let Some(known) = entry.batches.iter().find(same) {
            return Ok(SequenceCheck::Duplicate(*known));
        }
        match entry.batches.back() {
            Some(last) if advance_sequence(last.last_sequence, 1) != batch.base_sequence => {
                Err(SequenceError::OutOfOrder { last: last.last_sequence })
            }
            _ => Ok(SequenceCheck::Next),
        }
    }

    /// Remembers a batch that was appended.
    pub(crate) fn update(&mut self, batch: &ProducerBatch, base_offset: i64, last_offset: i64, timestamp: i64, now_ms: i64) {
        let entry = self.producers.entry(batch.producer_id).or_insert_with(|| ProducerEntry {
            epoch: batch.producer_epoch,
            batches: VecDeque::with_capacity(REMEMBERED_BATCHES),
            last_used_ms: now_ms,
        });
        if entry.epoch != batch.producer_epoch {
            entry.epoch = batch.producer_epoch;
            entry.batches.clear();
        }
        if entry.batches.len() == REMEMBERED_BATCHES {
            entry.batches.pop_front();
        }
        entry.batches.push_back(AppendedBatch {
            first_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            base_offset,
            last_offset,
            timestamp,
        });
        entry.last_used_ms = now_ms;
    }

    /// The log now ends at `log_end_offset`. Answers which producers lost batches: they are forgotten, and to be learned again from
    /// what is left of the log.
    pub(crate) fn truncate(&mut self, log_end_offset: i64) -> BTreeSet<i64> {
        let lost = |entry: &ProducerEntry| entry.batches.back().is_some_and(|last| last.last_offset >= log_end_offset);
        let losers: BTreeSet<i64> = self.producers.iter().filter(|(_, entry)| lost(entry)).map(|(id, _)| *id).collect();
        self.producers.retain(|id, _| !losers.contains(id));
        losers
    }

    /// Forgets producers that have not written since `expiration_ms` ago.
    pub(crate) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, entry| now_ms.saturating_sub(entry.last_used_ms) < expiration_ms);
    }
}

/// Sequences run from 0 to `i32::MAX` and start over.
fn advance_sequence(sequence: i32, by: i32) -> i32 {
    let sum = i64::from(sequence) + i64::from(by);
    let wrapped = sum.rem_euclid(i64::from(i32::MAX) + 1);
    i32::try_from(wrapped).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(epoch: i16, base_sequence: i32, records_count: i32) -> ProducerBatch {
        ProducerBatch { producer_id: 9, producer_epoch: epoch, base_sequence, records_count }
    }

    fn append(state: &mut ProducerState, batch: ProducerBatch, offset: i64) {
        assert_eq!(state.check(&batch), Ok(SequenceCheck::Next));
        state.update(&batch, offset, offset + i64::from(batch.records_count) - 1, 0, 0);
    }

    #[test]
    fn any_first_sequence_then_no_gaps() {
        let mut state = ProducerState::default();
        append(&mut state, batch(0, 17, 3), 0);
        assert_eq!(state.check(&batch(0, 21, 1)), Err(SequenceError::OutOfOrder { last: 19 }));
        append(&mut state, batch(0, 20, 1), 3);
    }

    #[test]
    fn the_last_five_batches_are_answered_again() {
        let mut state = ProducerState::default();
        for i in 0..6 {
            append(&mut state, batch(0, i, 1), 100 + i64::from(i));
        }
        for i in 1..6 {
            match state.check(&batch(0, i, 1)) {
                Ok(SequenceCheck::Duplicate(known)) => assert_eq!(known.base_offset, 100 + i64::from(i)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(state.check(&batch(0, 0, 1)), Err(SequenceError::OutOfOrder { last: 5 }));
        // The same first sequence with other records is no duplicate.
        assert_eq!(state.check(&batch(0, 5, 2)), Err(SequenceError::OutOfOrder { last: 5 }));
    }

    #[test]
    fn sequences_wrap() {
        let mut state = ProducerState::default();
        append(&mut state, batch(0, i32::MAX - 1, 2), 0);
        append(&mut state, batch(0, 0, 2), 2);
        let mut state = ProducerState::default();
        append(&mut state, batch(0, i32::MAX - 1, 4), 0);
        append(&mut state, batch(0, 2, 1), 4);
    }

    #[test]
    fn epochs_rise_and_start_at_zero() {
        let mut state = ProducerState::default();
        append(&mut state, batch(3, 0, 1), 0);
        assert_eq!(state.check(&batch(2, 1, 1)), Err(SequenceError::InvalidEpoch { current: 3 }));
        assert_eq!(state.check(&batch(4, 1, 1)), Err(SequenceError::OutOfOrder { last: -1 }));
        append(&mut state, batch(4, 0, 1), 1);
        assert_eq!(state.check(&batch(3, 1, 1)), Err(SequenceError::InvalidEpoch { current: 4 }));
    }

    #[test]
    fn idle_producers_are_forgotten() {
        let mut state = ProducerState::default();
        append(&mut state, batch(0, 0, 1), 0);
        state.expire(99, 100);
        assert!(state.check(&batch(0, 7, 1)).is_err());
        state.expire(100, 100);
        assert_eq!(state.check(&batch(0, 7, 1)), Ok(SequenceCheck::Next));
    }
}
