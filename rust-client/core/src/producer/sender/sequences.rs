//! The sequence numbers of one partition (KIP-98, KIP-360).

use crate::mutants::{self, Mutant};
use ottla_protocol::record::BatchHeader;

/// Where a partition stands under a producer id and epoch.
#[derive(Debug)]
pub(super) struct Sequences {
    producer_id: i64,
    epoch: i16,
    next: i32,
    /// The last sequence that the broker acknowledged under this epoch.
    last_acked: Option<i32>,
    /// A numbered batch was given up without the broker's word on it: whether its numbers are a hole shows when nothing is in
    /// flight any more.
    unresolved: bool,
    /// The broker lost the sequence, or it has a hole: what is to be sent again is numbered anew, under a new epoch.
    broken: bool,
}

impl Sequences {
    pub(super) const fn new() -> Self {
        Self { producer_id: -1, epoch: -1, next: 0, last_acked: None, unresolved: false, broken: false }
    }

    pub(super) fn is_of(&self, producer_id: i64, epoch: i16) -> bool {
        (self.producer_id, self.epoch) == (producer_id, epoch)
    }

    /// The broker has acknowledged something under this epoch.
    pub(super) fn has_acked(&self) -> bool {
        self.last_acked.is_some()
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    pub(super) fn is_unresolved(&self) -> bool {
        self.unresolved
    }

    /// A new epoch starts at 0.
    pub(super) fn restart(&mut self, producer_id: i64, epoch: i16) {
        *self = Self { producer_id, epoch, ..Self::new() };
    }

    /// Numbers a batch.
    pub(super) fn assign(&mut self, header: &mut BatchHeader) {
        header.producer_id = self.producer_id;
        header.producer_epoch = self.epoch;
        header.base_sequence = self.next;
        if !mutants::is(Mutant::SequenceReused) {
            self.next = after(self.next, header.records_count);
        }
    }

    /// The broker has the batch.
    pub(super) fn acked(&mut self, header: &BatchHeader) {
        if header.base_sequence >= 0 && self.is_of(header.producer_id, header.producer_epoch) {
            self.last_acked = Some(after(header.base_sequence, header.records_count - 1));
        }
    }

    /// A numbered batch will not be sent any more.
    pub(super) fn give_up(&mut self, header: &BatchHeader) {
        self.unresolved |= header.base_sequence >= 0 && self.is_of(header.producer_id, header.producer_epoch);
    }

    /// The sequence that follows what was acknowledged: a broker that finds it out of order does not only miss a batch that is
    /// still on its way.
    pub(super) fn expected(&self) -> i32 {
        self.last_acked.map_or(0, |last| after(last, 1))
    }

    pub(super) fn break_off(&mut self) {
        self.broken = true;
    }

    /// Nothing is in flight or to be sent again: whether all numbers that were given out are in the log.
    pub(super) fn settle(&mut self) -> bool {
        self.unresolved = false;
        self.expected() == self.next
    }
}

/// The sequence wraps from `i32::MAX` to 0.
pub(in crate::producer) fn after(sequence: i32, records: i32) -> i32 {
    let next = (i64::from(sequence) + i64::from(records)) & i64::from(i32::MAX);
    i32::try_from(next).unwrap_or(0)
}

/// Whether `first` comes before `second`, of which no more than half of all sequences are under way.
pub(super) fn is_behind(first: i32, second: i32) -> bool {
    let distance = second.wrapping_sub(first) & i32::MAX;
    distance > 0 && distance <= i32::MAX / 2
}

#[cfg(test)]
mod tests {
    use ottla_protocol::record::{Attributes, BatchMeta};

    use super::*;

    fn batch(count: u32) -> BatchHeader {
        let meta = BatchMeta { count, base_timestamp: 0, max_timestamp: 0 };
        BatchHeader::for_batch(&meta, Attributes::default())
    }

    #[test]
    fn numbers_follow_one_another_and_wrap() {
        assert_eq!((after(0, 5), after(i32::MAX, 1), after(i32::MAX - 1, 3)), (5, 0, 1));
        assert!(is_behind(0, 1) && !is_behind(1, 0) && !is_behind(3, 3));
        assert!(is_behind(i32::MAX, 0) && is_behind(i32::MAX - 1, 4) && !is_behind(4, i32::MAX - 1));
        let mut sequences = Sequences::new();
        sequences.restart(7, 1);
        let (mut first, mut second) = (batch(3), batch(2));
        sequences.assign(&mut first);
        sequences.assign(&mut second);
        assert_eq!((first.base_sequence, second.base_sequence, second.producer_epoch), (0, 3, 1));
        assert_eq!(sequences.expected(), first.base_sequence);
        sequences.acked(&first);
        assert_eq!(sequences.expected(), second.base_sequence);
    }

    #[test]
    fn a_batch_given_up_is_a_hole_unless_the_broker_took_what_came_behind_it() {
        for (later_acked, whole) in [(true, true), (false, false)] {
            let mut sequences = Sequences::new();
            sequences.restart(7, 0);
            let (mut lost, mut later) = (batch(1), batch(1));
            sequences.assign(&mut lost);
            sequences.assign(&mut later);
            sequences.give_up(&lost);
            assert!(sequences.is_unresolved());
            if later_acked {
                sequences.acked(&later);
            }
            assert_eq!(sequences.settle(), whole);
        }
    }
}
