//! The leader epochs of a log and the offsets at which they began (KIP-101, KIP-320).

/// An epoch and the offset of its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EpochEntry {
    epoch: i32,
    start_offset: i64,
}

/// Leader epochs in rising order. Never empty after the first assignment.
#[derive(Debug, Default)]
pub(crate) struct LeaderEpochCache {
    entries: Vec<EpochEntry>,
}

impl LeaderEpochCache {
    /// Notes that `epoch` begins at `start_offset`.
    pub(crate) fn assign(&mut self, epoch: i32, start_offset: i64) {
        if self.latest().is_some_and(|latest| latest >= epoch) {
            return;
        }
        // An epoch in which nothing was written leaves no trace.
        self.entries.retain(|entry| entry.start_offset < start_offset);
        self.entries.push(EpochEntry { epoch, start_offset });
    }

    /// The newest epoch.
    pub(crate) fn latest(&self) -> Option<i32> {
        self.entries.last().map(|entry| entry.epoch)
    }

    /// The oldest epoch, if it covers `log_start_offset`.
    pub(crate) fn epoch_at_start(&self, log_start_offset: i64) -> Option<i32> {
        self.entries.first().filter(|entry| entry.start_offset <= log_start_offset).map(|entry| entry.epoch)
    }

    /// The epoch of the record at `offset`.
    pub(crate) fn epoch_of(&self, offset: i64) -> Option<i32> {
        self.entries.iter().rev().find(|entry| entry.start_offset <= offset).map(|entry| entry.epoch)
    }

    /// The largest epoch that is not above `epoch`, and the offset at which it ended; (-1, -1) if there is none such.
    pub(crate) fn end_offset_for(&self, epoch: i32, log_end_offset: i64) -> (i32, i64) {
        const UNDEFINED: (i32, i64) = (-1, -1);
        let (Some(first), Some(last)) = (self.entries.first(), self.entries.last()) else { return UNDEFINED };
        if epoch < 0 || epoch > last.epoch {
            return UNDEFINED;
        }
        if epoch == last.epoch {
            return (epoch, log_end_offset);
        }
        if epoch < first.epoch {
            return (epoch, first.start_offset);
        }
        let above = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let floor = self.entries.get(above.wrapping_sub(1));
        let next = self.entries.get(above);
        match (floor, next) {
            (Some(floor), Some(next)) => (floor.epoch, next.start_offset),
            _ => UNDEFINED,
        }
    }

    /// Forgets what began at or behind the log's new end.
    pub(crate) fn truncate_from_end(&mut self, log_end_offset: i64) {
        self.entries.retain(|entry| entry.start_offset < log_end_offset);
    }

    /// Forgets what lies before the log's start; the epoch that covers it starts there now.
    pub(crate) fn truncate_from_start(&mut self, log_start_offset: i64) {
        let covering = self.entries.partition_point(|entry| entry.start_offset <= log_start_offset);
        if covering > 0 {
            self.entries.drain(..covering - 1);
            if let Some(first) = self.entries.first_mut() {
                first.start_offset = first.start_offset.max(log_start_offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_offsets_as_kafka_gives_them() {
        let mut cache = LeaderEpochCache::default();
        assert_eq!(cache.end_offset_for(0, 7), (-1, -1));
        cache.assign(1, 0);
        cache.assign(4, 10);
        cache.assign(5, 10); // nothing was written in epoch 4
        cache.assign(7, 20);
        assert_eq!(cache.end_offset_for(0, 30), (0, 0));
        assert_eq!(cache.end_offset_for(1, 30), (1, 10));
        assert_eq!(cache.end_offset_for(4, 30), (1, 10));
        assert_eq!(cache.end_offset_for(5, 30), (5, 20));
        assert_eq!(cache.end_offset_for(6, 30), (5, 20));
        assert_eq!(cache.end_offset_for(7, 30), (7, 30));
        assert_eq!(cache.end_offset_for(8, 30), (-1, -1));
        assert_eq!(cache.epoch_of(9), Some(1));
        assert_eq!(cache.epoch_of(20), Some(7));
        cache.truncate_from_end(20);
        cache.assign(9, 20);
        assert_eq!((cache.end_offset_for(7, 30), cache.end_offset_for(9, 30)), ((5, 20), (9, 30)));
        cache.truncate_from_start(15);
        assert_eq!(cache.epoch_at_start(15), Some(5));
        assert_eq!(cache.end_offset_for(1, 30), (1, 15));
    }
}
