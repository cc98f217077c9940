//! From what was fetched to batches for the application: which piece of work is next, and what came of it.

use super::errors::unreadable;
use super::*;

impl Fetcher {
    /// The next piece of work for the driver: decode it and report with [`Self::on_decoded`]. One of a partition at a time, so that
    /// the order holds; while there is one under way, another only if there is room.
    pub fn next_completed(&mut self) -> Option<CompletedFetch> {
        let subscription = &mut self.subscription;
        self.completed.retain(|fetch| subscription.current(&fetch.key, fetch.generation).is_some());
        if self.decoding >= MAX_DECODING {
            return None;
        }
        let busy = |fetch: &CompletedFetch| subscription.partitions.get(&fetch.key).is_some_and(|partition| partition.decoding);
        let next = self.completed.iter().position(|fetch| !busy(fetch))?;
        let quota = &self.decode_settings.quota;
        // What waits here is counted as well, so that alone must not stop it.
        let waiting: usize = self.completed.iter().map(|fetch| fetch.held.bytes()).sum();
        let full =
            quota.room() == 0 && (self.decoding > 0 || quota.held().saturating_sub(waiting) >= self.settings.queued_max_bytes);
        if full && !(self.starving && self.ready.is_empty() && self.decoding == 0) {
            return None;
        }
        let fetch = self.completed.remove(next)?;
        if let Some(partition) = self.subscription.partitions.get_mut(&fetch.key) {
            partition.decoding = true;
        }
        self.decoding += 1;
        Some(fetch)
    }

    /// Takes in what was decoded.
    pub fn on_decoded(&mut self, now: Instant, decoded: Decoded) {
        self.decoding = self.decoding.saturating_sub(1);
        self.wake = true;
        let Some(partition) = self.subscription.current(&decoded.key, decoded.generation) else { return };
        partition.decoding = false;
        if let Some(at) = decoded.lost {
            let wait = self.step_back(&decoded.key, at);
            if let Some(partition) = self.subscription.partitions.get_mut(&decoded.key) {
                partition.retry_at = now + wait;
            }
            return;
        }
        for entry in decoded.entries {
            if let DecodedEntry::Batch(batch) = &entry {
                self.counters.batches_fetched += 1;
                self.counters.records_fetched += batch.len_hint() as u64;
                self.counters.bytes_fetched += batch.header().total_len() as u64;
            }
            partition.push(entry);
        }
        if let Some(rest) = decoded.rest {
            self.completed.push_front(rest);
        }
        if let Some((at, next, reason)) = decoded.error {
            self.on_unreadable(now, &decoded.key, at, next, reason);
        }
        self.enqueue(&decoded.key);
        // Offsets without records move the position though nobody takes anything.
        if self.is_ready() {
            self.starving = false;
        }
    }

    /// Fetches again from `at`, which is behind all that is decoded. Returns how long to wait before.
    fn step_back(&mut self, key: &TopicPartition, at: i64) -> Duration {
        let generation = self.subscription.next_generation();
        let Some(partition) = self.subscription.partitions.get_mut(key) else { return Duration::ZERO };
        let wait = backoff(partition.attempts, self.settings.retry_backoff, self.settings.retry_backoff_max, &mut self.rng);
        partition.attempts = partition.attempts.saturating_add(1);
        partition.generation = generation;
        partition.fetching = false;
        partition.decoding = false;
        partition.fetch_offset = at;
        partition.fetch_epoch = partition.epoch_before(at);
        partition.buffered = partition.entries.iter().map(|entry| if let Entry::Batch(b) = entry { b.weight } else { 0 }).sum();
        wait
    }

    /// A batch that can't be read: the application hears of it after what stands before, and the position stays in front of it.
    /// It is fetched again when the application has heard, since another copy may be sound.
    pub(super) fn on_unreadable(&mut self, now: Instant, key: &TopicPartition, at: i64, next: i64, reason: DecodeError) {
        let wait = self.step_back(key, at);
        if let Some(partition) = self.subscription.partitions.get_mut(key) {
            partition.retry_at = now + wait;
            // The header may be what is damaged.
            let end = partition.watermarks.high_watermark.unwrap_or(i64::MAX).max(at.saturating_add(1));
            partition.entries.push_back(Entry::Error(unreadable(key, at, next.clamp(at.saturating_add(1), end), reason)));
        }
        self.enqueue(key);
    }
}
