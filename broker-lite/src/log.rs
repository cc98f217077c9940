//! One partition's log: segments, offsets, timestamps, leader epochs, producers.
//!
//! Batches stay opaque: [`batch`] checks what lies outside the compressed records and patches the header; the one place that looks
//! into a batch is the search for a timestamp.

mod batch;
mod epoch_cache;
mod producer_state;
mod segment;

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::record::BatchHeader;
use ottla_protocol::{ErrorCode, Records};

use crate::config::TopicConfig;
use crate::storage::Storage;
use epoch_cache::LeaderEpochCache;
use producer_state::{ProducerBatch, ProducerState, SequenceCheck, SequenceError};
use segment::{NewBatch, Segment};

pub(crate) use batch::CheckedBatch;

/// Why a log refuses: Kafka's error and a text for people.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// Who leads instead, and in which epoch.
    pub(crate) leader: Option<(i32, i32)>,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), leader: None }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::new(ErrorCode::KafkaStorageError, error.to_string())
    }
}

/// Where a batch went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    /// -1 unless the broker stamped the batch.
    pub(crate) log_append_time: i64,
    /// Bytes added to the log: 0 if the batch had been appended before.
    pub(crate) size: usize,
}

/// What a fetch got out of one partition.
#[derive(Debug, Default)]
pub(crate) struct LogRead {
    pub(crate) records: Records,
    pub(crate) size: usize,
}

/// An offset, the timestamp of its record, and the leader epoch in which it was written; -1 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimestampAndOffset {
    pub(crate) timestamp: i64,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
}

/// The log of a partition.
pub(crate) struct Log {
    topic: Arc<str>,
    partition: i32,
    storage: Arc<dyn Storage>,
    /// Rising base offsets; empty only until the first append.
    segments: VecDeque<Segment>,
    log_start_offset: i64,
    log_end_offset: i64,
    size: u64,
    epochs: LeaderEpochCache,
    producers: ProducerState,
}

impl Log {
    pub(crate) fn new(topic: Arc<str>, partition: i32, storage: Arc<dyn Storage>) -> Self {
        Self {
            topic,
            partition,
            storage,
            segments: VecDeque::new(),
            log_start_offset: 0,
            log_end_offset: 0,
            size: 0,
            epochs: LeaderEpochCache::default(),
            producers: ProducerState::default(),
        }
    }

    pub(crate) fn log_start_offset(&self) -> i64 {
        self.log_start_offset
    }

    /// The offset of the next record.
    pub(crate) fn log_end_offset(&self) -> i64 {
        self.log_end_offset
    }

    /// Notes that a leader took over.
    pub(crate) fn assign_epoch(&mut self, epoch: i32) {
        self.epochs.assign(epoch, self.log_end_offset);
    }

    /// Appends a batch, unless it is a duplicate, which gets the offset that it got before.
    pub(crate) fn append(
        &mut self,
        mut batch: CheckedBatch,
        config: &TopicConfig,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<Appended, Refusal> {
        let producer = batch.producer();
        if let Some(producer) = &producer {
            match self.producers.check(producer).map_err(|error| self.sequence_refusal(&error, producer))? {
                SequenceCheck::Next => {}
                SequenceCheck::Duplicate(known) => {
                    return Ok(Appended { base_offset: known.base_offset, log_append_time: known.timestamp, size: 0 });
                }
            }
        }
        let base_offset = self.log_end_offset;
        let log_append_time = config.log_append_time.then_some(now_ms);
        batch.assign(base_offset, leader_epoch, log_append_time);
        let header = batch.header_bytes();
        let new = NewBatch {
            base_offset,
            last_offset_delta: batch.last_offset_delta(),
            max_timestamp: batch.max_timestamp(),
            header: &header,
            body: batch.body(),
        };
        let size = header.len() + batch.body().len();
        self.segment_for(size, new.max_timestamp, config)?.append(&new)?;
        self.size += size as u64;
        self.log_end_offset = base_offset + i64::from(new.last_offset_delta) + 1;
        self.epochs.assign(leader_epoch, base_offset);
        if let Some(producer) = &producer {
            self.producers.update(producer, base_offset, self.log_end_offset - 1, new.max_timestamp, now_ms);
        }
        Ok(Appended { base_offset, log_append_time: log_append_time.unwrap_or(-1), size })
    }

    fn sequence_refusal(&self, error: &SequenceError, batch: &ProducerBatch) -> Refusal {
        let (topic, partition) = (&self.topic, self.partition);
        let (id, epoch, sequence) = (batch.producer_id, batch.producer_epoch, batch.base_sequence);
        match error {
            SequenceError::InvalidEpoch { current } => Refusal::new(
                ErrorCode::InvalidProducerEpoch,
                format!(
                    "Epoch of producer {id} in partition {topic}-{partition} is {epoch}, which is smaller than the last seen epoch {current}"
                ),
            ),
            SequenceError::OutOfOrder { last } => Refusal::new(
                ErrorCode::OutOfOrderSequenceNumber,
                format!(
                    "Out of order sequence number for producer {id} in partition {topic}-{partition}: {sequence} (incoming seq. number), \
                     {last} (current end sequence number)"
                ),
            ),
        }
    }

    /// The last segment, or a new one when that is full or too old.
    fn segment_for(&mut self, size: usize, timestamp: i64, config: &TopicConfig) -> io::Result<&mut Segment> {
        let full = match self.segments.back() {
            None => true,
            Some(last) => {
                let too_large = last.size() + size as u64 > config.segment_bytes;
                let too_old = last.first_timestamp().is_some_and(|first| timestamp.saturating_sub(first) > config.segment_ms);
                !last.is_empty() && (too_large || too_old)
            }
        };
        if full {
            self.roll()?;
        }
        self.segments.back_mut().ok_or_else(|| io::Error::other("the log has no segment"))
    }

    fn roll(&mut self) -> io::Result<()> {
        let storage = self.storage.create_segment(&self.topic, self.partition, self.log_end_offset)?;
        self.segments.push_back(Segment::new(self.log_end_offset, storage));
        Ok(())
    }

    /// Whole batches from the one that contains `offset` on, below `end`, within `max_bytes`; the first one in any case if
    /// `at_least_one`. `offset` lies within the log, and no batch on both sides of `end`.
    pub(crate) fn read(&self, offset: i64, end: i64, max_bytes: usize, at_least_one: bool) -> io::Result<LogRead> {
        let mut read = LogRead::default();
        let first = self.segments.partition_point(|segment| segment.base_offset() <= offset).saturating_sub(1);
        for segment in self.segments.range(first.min(self.segments.len())..) {
            for batch in segment.find_offset(offset)..segment.batch_count() {
                let Some(size) = segment.batch_size(batch) else { break };
                if segment.last_offset(batch).is_none_or(|last| last >= end) {
                    return Ok(read);
                }
                let must = at_least_one && read.size == 0;
                if read.size + size > max_bytes && !must {
                    return Ok(read);
                }
                read.records.push(segment.read(batch)?);
                read.size += size;
            }
        }
        Ok(read)
    }

    /// Drops what lies at or behind `end`, where a batch begins, and what followed from it for producers and epochs.
    pub(crate) fn truncate_to(&mut self, end: i64) -> io::Result<()> {
        if end >= self.log_end_offset {
            return Ok(());
        }
        while let Some(last) = self.segments.back_mut() {
            let before = last.size();
            let keep = last.find_offset(end);
            last.truncate(keep)?;
            self.size -= before - last.size();
            if keep > 0 || last.base_offset() <= end {
                break;
            }
            self.segments.pop_back();
        }
        self.log_end_offset = end;
        self.epochs.truncate_from_end(end);
        let lost = self.producers.truncate(end);
        if lost.is_empty() { Ok(()) } else { self.learn_producers(&lost) }
    }

    /// Finds out from the batches what is to be remembered of these producers.
    fn learn_producers(&mut self, wanted: &BTreeSet<i64>) -> io::Result<()> {
        for stored in self.batches()? {
            let header = BatchHeader::parse(&stored).map_err(io::Error::other)?;
            if !wanted.contains(&header.producer_id) {
                continue;
            }
            let producer = ProducerBatch {
                producer_id: header.producer_id,
                producer_epoch: header.producer_epoch,
                base_sequence: header.base_sequence,
                records_count: header.records_count,
            };
            let last_offset = header.base_offset + i64::from(header.last_offset_delta);
            self.producers.update(&producer, header.base_offset, last_offset, header.max_timestamp, header.max_timestamp);
        }
        Ok(())
    }

    /// All batches, as stored.
    pub(crate) fn batches(&self) -> io::Result<Vec<Bytes>> {
        let all = self.segments.iter().flat_map(|segment| (0..segment.batch_count()).map(|batch| segment.read(batch)));
        all.collect()
    }

    /// The start of the log.
    pub(crate) fn earliest(&self) -> TimestampAndOffset {
        let leader_epoch = self.epochs.epoch_at_start(self.log_start_offset).unwrap_or(-1);
        TimestampAndOffset { timestamp: -1, offset: self.log_start_offset, leader_epoch }
    }

    /// The newest leader epoch, -1 if there is none.
    pub(crate) fn latest_epoch(&self) -> i32 {
        self.epochs.latest().unwrap_or(-1)
    }

    /// The first record with the largest timestamp.
    pub(crate) fn max_timestamp(&self) -> Result<Option<TimestampAndOffset>, Refusal> {
        match self.segments.iter().map(Segment::max_timestamp).max() {
            Some(timestamp) if timestamp >= 0 => self.first_at(timestamp),
            _ => Ok(None),
        }
    }

    /// The first record whose timestamp is at least `timestamp`.
    pub(crate) fn first_at(&self, timestamp: i64) -> Result<Option<TimestampAndOffset>, Refusal> {
        for segment in self.segments.iter().filter(|segment| segment.max_timestamp() >= timestamp) {
            let Some(first) = segment.find_timestamp(timestamp) else { continue };
            // One batch is enough unless the records that match in it were deleted.
            for number in first..segment.batch_count() {
                if segment.last_offset(number).is_none_or(|last| last < self.log_start_offset) {
                    continue;
                }
                let stored = segment.read(number)?;
                if let Some((offset, timestamp)) = batch::find_timestamp(stored, timestamp, self.log_start_offset)? {
                    let leader_epoch = self.epochs.epoch_of(offset).unwrap_or(-1);
                    return Ok(Some(TimestampAndOffset { timestamp, offset, leader_epoch }));
                }
            }
        }
        Ok(None)
    }

    /// The largest epoch that is not above `epoch` and its end: see KIP-101.
    pub(crate) fn end_offset_for_epoch(&self, epoch: i32) -> (i32, i64) {
        self.epochs.end_offset_for(epoch, self.log_end_offset)
    }

    /// Moves the log's start up, as DeleteRecords does, and frees the segments before it.
    pub(crate) fn delete_records_before(&mut self, offset: i64) {
        if offset > self.log_start_offset {
            self.log_start_offset = offset.min(self.log_end_offset);
            self.epochs.truncate_from_start(self.log_start_offset);
            self.free_segments_before_start();
        }
    }

    fn free_segments_before_start(&mut self) {
        while let Some(first) = self.segments.front() {
            let end = self.segments.get(1).map_or(self.log_end_offset, Segment::base_offset);
            if end > self.log_start_offset || first.is_empty() {
                return;
            }
            self.size -= first.size();
            self.segments.pop_front();
        }
    }

    /// Deletes whole segments below the high watermark by age and size, and forgets idle producers. Tells whether the log's start
    /// moved.
    pub(crate) fn enforce_retention(
        &mut self,
        config: &TopicConfig,
        high_watermark: i64,
        producer_expiration_ms: i64,
        now_ms: i64,
    ) -> bool {
        self.producers.expire(now_ms, producer_expiration_ms);
        let before = self.log_start_offset;
        if config.delete {
            while self.oldest_is_to_be_deleted(config, now_ms) {
                let end = self.segments.get(1).map_or(self.log_end_offset, Segment::base_offset);
                if end > high_watermark {
                    break;
                }
                self.delete_records_before(end);
            }
        }
        self.log_start_offset != before
    }

    fn oldest_is_to_be_deleted(&self, config: &TopicConfig, now_ms: i64) -> bool {
        let Some(oldest) = self.segments.front().filter(|oldest| !oldest.is_empty()) else { return false };
        let too_old = config.retention_ms >= 0 && now_ms.saturating_sub(oldest.max_timestamp()) > config.retention_ms;
        // Kafka keeps at least retention.bytes: a segment goes when what remains without it is still that much.
        let too_large = u64::try_from(config.retention_bytes)
            .is_ok_and(|keep| self.size.saturating_sub(keep) >= oldest.size() && self.segments.len() > 1);
        too_old || too_large
    }
}

#[cfg(test)]
mod tests;
