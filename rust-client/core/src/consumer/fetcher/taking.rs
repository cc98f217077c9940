//! The application's side of the fetcher: assignment, positions, and taking batches.

use super::errors::{no_offset, unreadable};
use super::*;
use crate::mutants::{self, Mutant};

impl Fetcher {
    /// Replaces the assignment. Batches taken before hand out no more records.
    pub fn assign(&mut self, partitions: impl IntoIterator<Item = (TopicPartition, StartAt)>) {
        self.consume_taken();
        for partition in self.subscription.partitions.values() {
            partition.position.invalidate();
        }
        self.subscription.partitions.clear();
        self.ready.clear();
        self.errors.clear();
        self.add(partitions);
    }

    /// Adds to the assignment; a partition that is assigned already starts anew.
    pub fn add(&mut self, partitions: impl IntoIterator<Item = (TopicPartition, StartAt)>) {
        for (key, at) in partitions {
            let generation = self.subscription.next_generation();
            let mut partition = Partition::new(generation);
            self.begin(&key, &mut partition, at, generation);
            if let Some(before) = self.subscription.partitions.insert(key, partition) {
                before.position.invalidate();
            }
        }
        self.wake = true;
    }

    /// Adds to the assignment partitions of which is not known yet where their group stands: [`Self::start`] tells, unless the
    /// application seeks before.
    pub fn add_waiting(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        for key in partitions {
            let mut partition = Partition::new(self.subscription.next_generation());
            partition.state = FetchState::AwaitCommitted;
            if let Some(before) = self.subscription.partitions.insert(key, partition) {
                before.position.invalidate();
            }
        }
    }

    /// Whether the partition still waits for [`Self::start`]. `None` if it is not assigned.
    #[must_use]
    pub fn is_waiting(&self, key: &TopicPartition) -> Option<bool> {
        Some(self.subscription.partitions.get(key)?.state == FetchState::AwaitCommitted)
    }

    /// Where partitions start: those that were waiting for that, and those that are not assigned yet. Where the application has sought
    /// elsewhere meanwhile, it stays there.
    pub fn start(&mut self, starts: impl IntoIterator<Item = (TopicPartition, StartAt)>) {
        for (key, at) in starts {
            match self.is_waiting(&key) {
                None => self.add([(key, at)]),
                Some(true) => {
                    // It is assigned.
                    let _ = self.seek(&key, at);
                }
                Some(false) => {}
            }
        }
        self.wake = true;
    }

    /// Takes partitions away. Batches of them that were taken before hand out no more records.
    pub fn remove<'a>(&mut self, partitions: impl IntoIterator<Item = &'a TopicPartition>) {
        self.consume_taken();
        for key in partitions {
            if mutants::is(Mutant::RevokedStillRead) {
                continue;
            }
            if let Some(partition) = self.subscription.partitions.remove(key) {
                partition.position.invalidate();
            }
        }
        self.wake = true;
    }

    pub(super) fn begin(&mut self, key: &TopicPartition, partition: &mut Partition, at: StartAt, generation: u64) {
        partition.start(at, self.settings.reset, generation);
        if partition.state == FetchState::AwaitSeek {
            self.errors.push_back(no_offset(key));
        }
    }

    /// Goes on elsewhere. Batches of the partition that were taken before hand out no more records.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the partition is not assigned.
    pub fn seek(&mut self, key: &TopicPartition, at: StartAt) -> Result<(), Error> {
        let generation = self.subscription.next_generation();
        let policy = self.settings.reset;
        let partition = self.assigned(key, "can't seek")?;
        partition.start(at, policy, generation);
        if partition.state == FetchState::AwaitSeek {
            self.errors.push_back(no_offset(key));
        }
        self.wake = true;
        Ok(())
    }

    /// Hands out no records of the partition until it is resumed. Its position stays.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the partition is not assigned.
    pub fn pause(&mut self, key: &TopicPartition) -> Result<(), Error> {
        self.assigned(key, "can't pause")?.paused = true;
        Ok(())
    }

    /// Ends [`Self::pause`].
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the partition is not assigned.
    pub fn resume(&mut self, key: &TopicPartition) -> Result<(), Error> {
        self.assigned(key, "can't resume")?.paused = false;
        self.enqueue(key);
        self.wake = true;
        Ok(())
    }

    /// The assigned partitions that are paused.
    pub fn paused(&self) -> impl Iterator<Item = &TopicPartition> {
        self.subscription.partitions.iter().filter(|(_, partition)| partition.paused).map(|(key, _)| key)
    }

    pub(super) fn assigned(&mut self, key: &TopicPartition, what: &'static str) -> Result<&mut Partition, Error> {
        self.subscription.partitions.get_mut(key).ok_or_else(|| {
            Error::new(ErrorKind::State, format!("{what}: the partition is not assigned"))
                .with_topic(key.topic.as_str())
                .with_partition(key.partition)
        })
    }

    /// The assigned partitions.
    pub fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.subscription.partitions.keys()
    }

    /// Where the application stands: the position as it is shared with taken batches. `None` if the partition is not assigned.
    #[must_use]
    pub fn position(&self, key: &TopicPartition) -> Option<&Arc<Position>> {
        Some(&self.subscription.partitions.get(key)?.position)
    }

    /// What the partition's log holds, as far as the last fetch told. `None` if the partition is not assigned.
    #[must_use]
    pub fn watermarks(&self, key: &TopicPartition) -> Option<Watermarks> {
        Some(self.subscription.partitions.get(key)?.watermarks)
    }

    /// The batch that was taken last counts as consumed, unless its records are handed out one by one. Part of [`Self::take`]; to
    /// be called at close too.
    pub fn consume_taken(&mut self) {
        let Some(handed) = self.taken.take() else { return };
        let malformed_at = handed.malformed_at.load(Ordering::Acquire);
        if malformed_at < 0 {
            handed.consumed();
            return;
        }
        if !handed.position.is_valid() {
            return;
        }
        handed.position.advance(malformed_at, handed.leader_epoch);
        let key = TopicPartition { topic: handed.topic.clone(), partition: handed.partition };
        let reason = DecodeError::Malformed("a record contradicts the record format, though the batch's checksum is right");
        let next = handed.next_offset.load(Ordering::Acquire);
        self.errors.push_back(unreadable(&key, malformed_at, next, reason));
        let generation = self.subscription.next_generation();
        if let Some(partition) = self.subscription.partitions.get_mut(&key)
            && Arc::ptr_eq(&partition.position, &handed.position)
        {
            // Not fetched again and again: the same bytes would come. The application seeks behind it, or gives up.
            partition.restart(generation);
            partition.fetch_offset = malformed_at;
            partition.state = FetchState::AwaitSeek;
        }
    }

    /// The next batch, or what went wrong with a partition; the consumer goes on after an error. What was taken before counts as
    /// consumed now. `None`: nothing is there yet.
    pub fn take(&mut self) -> Option<Result<FetchedBatch, Error>> {
        self.consume_taken();
        self.starving = false;
        if let Some(error) = self.errors.pop_front() {
            self.counters.errors += 1;
            return Some(Err(error));
        }
        while let Some(key) = self.ready.pop_front() {
            let Some(partition) = self.subscription.partitions.get_mut(&key) else { continue };
            partition.queued = false;
            if partition.paused {
                continue;
            }
            let taken = loop {
                match partition.entries.pop_front() {
                    None => break None,
                    Some(Entry::Error(error)) => break Some(Err(error)),
                    Some(Entry::Batch(batch)) => {
                        partition.buffered = partition.buffered.saturating_sub(batch.weight);
                        partition.taken_to = batch.next_offset();
                        partition.taken_epoch = batch.leader_epoch();
                        break Some(Ok(batch));
                    }
                    Some(Entry::Skipped { from, next_offset, leader_epoch }) => {
                        partition.taken_to = next_offset;
                        partition.taken_epoch = leader_epoch;
                        if partition.position.offset().is_some_and(|position| position >= from && position < next_offset) {
                            partition.position.advance(next_offset, leader_epoch);
                        }
                    }
                }
            };
            let emptied = partition.entries.is_empty();
            // A reset waits until what was fetched before it is taken; an error until the application has heard of it.
            self.wake |= emptied && (partition.state != FetchState::Fetching || matches!(taken, Some(Err(_))));
            self.wake |= partition.left_out && partition.buffered < self.settings.queued_min_messages / 2;
            if !emptied {
                self.enqueue(&key);
            }
            if let Some(taken) = taken {
                self.takes += 1;
                match &taken {
                    Ok(batch) => {
                        self.taken = Some(batch.handed().clone());
                        self.counters.batches_consumed += 1;
                        self.counters.records_consumed += batch.len_hint() as u64;
                        self.counters.bytes_consumed += batch.inflated_len() as u64;
                    }
                    Err(_) => self.counters.errors += 1,
                }
                return Some(taken);
            }
        }
        self.starving = true;
        // What waits for room may come in now.
        self.wake |= !self.completed.is_empty() || self.decode_settings.quota.room() == 0;
        None
    }

    /// The batch right behind one that was taken, of the same partition, if it is there already and takes no more than so many bytes.
    /// Else `None`; [`Self::take`] tells why.
    pub fn take_behind(&mut self, taken: &FetchedBatch, max_bytes: usize) -> Option<FetchedBatch> {
        let key = TopicPartition { topic: taken.topic().clone(), partition: taken.partition() };
        let partition = self.subscription.partitions.get_mut(&key)?;
        if !taken.is_valid() || taken.is_malformed() || partition.paused {
            return None;
        }
        let batch = match partition.entries.pop_front()? {
            Entry::Batch(batch) if batch.inflated_len() <= max_bytes => batch,
            other => {
                partition.entries.push_front(other);
                return None;
            }
        };
        partition.buffered = partition.buffered.saturating_sub(batch.weight);
        partition.taken_to = batch.next_offset();
        partition.taken_epoch = batch.leader_epoch();
        self.wake |= partition.entries.is_empty() && partition.state != FetchState::Fetching;
        self.wake |= partition.left_out && partition.buffered < self.settings.queued_min_messages / 2;
        self.consume_taken();
        self.taken = Some(batch.handed().clone());
        self.counters.batches_consumed += 1;
        self.counters.records_consumed += batch.len_hint() as u64;
        self.counters.bytes_consumed += batch.inflated_len() as u64;
        Some(batch)
    }

    /// Whether [`Self::take`] would find something, or at least look in vain only once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.errors.is_empty() || !self.ready.is_empty()
    }

    /// Whether the driver has to poll though no deadline has come; asking resets it.
    pub fn take_wake(&mut self) -> bool {
        std::mem::take(&mut self.wake)
    }

    pub(super) fn enqueue(&mut self, key: &TopicPartition) {
        if let Some(partition) = self.subscription.partitions.get_mut(key)
            && !partition.queued
            && !partition.paused
            && !partition.entries.is_empty()
        {
            partition.queued = true;
            self.ready.push_back(key.clone());
        }
    }
}
