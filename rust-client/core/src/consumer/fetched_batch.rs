//! A batch of records as the application gets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use bytes::Bytes;
use ottla_protocol::Text;
use ottla_protocol::record::{BatchHeader, DecodedBatch, RecordCursor, RecordView};

use super::position::Position;
use super::prefetch::{BufferPool, Held};

/// What a batch and the fetcher that handed it out both know.
pub(super) struct Handed {
    pub(super) topic: Text,
    pub(super) partition: i32,
    pub(super) position: Arc<Position>,
    /// The offset behind the batch, and what was skipped behind it.
    pub(super) next_offset: AtomicI64,
    pub(super) leader_epoch: i32,
    /// Records are handed out one by one, and each moves the position.
    by_record: AtomicBool,
    /// The offset from which on the records can't be read, or -1.
    pub(super) malformed_at: AtomicI64,
}

impl Handed {
    /// The whole batch is consumed, unless its records are handed out one by one.
    pub(super) fn consumed(&self) {
        if !self.by_record.load(Ordering::Acquire) && self.position.is_valid() {
            self.position.advance(self.next_offset.load(Ordering::Acquire), self.leader_epoch);
        }
    }

    fn malformed(&self, at: i64) {
        self.malformed_at.store(at, Ordering::Release);
    }
}

/// Records of one partition, with what they need to stay readable, and nothing else.
///
/// Taken is not consumed: the batch counts as consumed when the next one is taken or the consumer is closed, or record by record
/// if they are read through [`FetchedBatch::into_cursor`].
pub struct FetchedBatch {
    handed: Arc<Handed>,
    batch: DecodedBatch,
    /// Where reading starts: the first batch of a fetch may begin before the offset that was asked for.
    from: i64,
    pool: Arc<BufferPool>,
    held: Held,
    /// How much of the partition's queue this batch takes.
    pub(super) weight: usize,
    broker: i32,
}

impl FetchedBatch {
    #[expect(clippy::too_many_arguments, reason = "made in one place, from what lies at hand there")]
    pub(super) fn new(
        topic: Text,
        partition: i32,
        position: Arc<Position>,
        batch: DecodedBatch,
        from: i64,
        pool: Arc<BufferPool>,
        held: Held,
        weight: usize,
        broker: i32,
    ) -> Self {
        let next_offset = AtomicI64::new(next_offset(&batch.header));
        let leader_epoch = batch.header.partition_leader_epoch;
        let handed = Arc::new(Handed {
            topic,
            partition,
            position,
            next_offset,
            leader_epoch,
            by_record: AtomicBool::new(false),
            malformed_at: AtomicI64::new(-1),
        });
        Self { handed, batch, from, pool, held, weight, broker }
    }

    /// How many bytes its records take, inflated.
    pub(super) fn inflated_len(&self) -> usize {
        self.batch.payload.len()
    }

    pub(super) fn handed(&self) -> &Arc<Handed> {
        &self.handed
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &Text {
        &self.handed.topic
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.handed.partition
    }

    /// The id of the broker that it was fetched from.
    #[must_use]
    pub fn broker(&self) -> i32 {
        self.broker
    }

    /// The offset of the first record that may be in it.
    #[must_use]
    pub fn first_offset(&self) -> i64 {
        self.from.max(self.batch.header.base_offset)
    }

    /// The offset behind it: the position once it is consumed.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.handed.next_offset.load(Ordering::Acquire)
    }

    /// The leader's epoch when it appended the batch, -1 if unknown.
    #[must_use]
    pub fn leader_epoch(&self) -> i32 {
        self.handed.leader_epoch
    }

    /// The batch's header.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.batch.header
    }

    /// An upper bound of the number of records.
    #[must_use]
    pub fn len_hint(&self) -> usize {
        usize::try_from(self.batch.header.records_count).unwrap_or_default()
    }

    /// Whether its records may still be handed out: no, once the partition was assigned anew, taken away, or sought in.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.handed.position.is_valid()
    }

    /// Counts its bytes no longer in `queued.max.messages.kbytes`: for faces that hand records to a garbage collector, which may hold
    /// them for as long as it likes. As in librdkafka, that property then bounds what was not handed out yet.
    pub fn release_quota(&mut self) {
        self.held.release(self.held.bytes());
    }

    /// The position that it moves.
    #[must_use]
    pub fn position(&self) -> &Arc<Position> {
        &self.handed.position
    }

    /// The records. Ends early when the partition is assigned anew, taken away or sought in.
    #[must_use]
    pub fn records(&self) -> FetchedRecords<'_> {
        FetchedRecords { batch: self, cursor: RecordCursor::default(), next: self.first_offset() }
    }

    /// Whether reading its records came upon bytes that are none: the next call for records says so.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.handed.malformed_at.load(Ordering::Acquire) >= 0
    }

    /// The records as they lie in the log, inflated: all keys, values and headers are slices of it. For faces that hand them to
    /// another language as one piece.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.batch.payload
    }

    /// Says that the records are handed out one by one, somewhere else: [`FetchedBatch::consumed_to`] moves the position, and
    /// taking the next batch does not.
    pub fn hand_out_by_record(&self) {
        self.handed.by_record.store(true, Ordering::Release);
    }

    /// Moves the position to `offset`: what lies before it is consumed. Never back, nor beyond what of the batch can be read. Of a
    /// batch that is not valid any more this counts where its partition is being given up, and the answer has not been given yet;
    /// else nobody looks at that position.
    pub fn consumed_to(&self, offset: i64) {
        let position = &self.handed.position;
        let malformed_at = self.handed.malformed_at.load(Ordering::Acquire);
        let offset = offset.min(if malformed_at < 0 { self.next_offset() } else { malformed_at });
        if position.offset().is_none_or(|before| before < offset) {
            position.advance(offset, self.handed.leader_epoch);
        }
    }

    /// Hands the records out one by one, each of which moves the position behind it.
    #[must_use]
    pub fn into_cursor(self) -> BatchCursor {
        self.handed.by_record.store(true, Ordering::Release);
        let next = self.first_offset();
        BatchCursor { batch: self, cursor: RecordCursor::default(), next }
    }

    /// The next record at or after where reading starts. `next` is the offset expected at least.
    #[inline]
    fn read(&self, cursor: &mut RecordCursor, next: &mut i64) -> Option<RecordView<'_>> {
        loop {
            if !self.handed.position.is_valid() {
                return None;
            }
            match cursor.next(&self.batch)? {
                Ok(record) if record.offset < self.from => {}
                Ok(record) => {
                    *next = record.offset.saturating_add(1);
                    return Some(record);
                }
                Err(_) => {
                    self.handed.malformed(*next);
                    return None;
                }
            }
        }
    }
}

impl Drop for FetchedBatch {
    fn drop(&mut self) {
        self.pool.recycle(std::mem::replace(&mut self.batch.payload, Bytes::new()));
    }
}

impl<'a> IntoIterator for &'a FetchedBatch {
    type Item = RecordView<'a>;
    type IntoIter = FetchedRecords<'a>;
    fn into_iter(self) -> FetchedRecords<'a> {
        self.records()
    }
}

impl std::fmt::Debug for FetchedBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FetchedBatch")
            .field("topic", self.topic())
            .field("partition", &self.partition())
            .field("offsets", &(self.first_offset()..self.next_offset()))
            .finish_non_exhaustive()
    }
}

/// The offset behind a batch.
pub(super) fn next_offset(header: &BatchHeader) -> i64 {
    header.base_offset.saturating_add(i64::from(header.last_offset_delta.max(0))).saturating_add(1)
}

/// Goes through a batch's records.
pub struct FetchedRecords<'a> {
    batch: &'a FetchedBatch,
    cursor: RecordCursor,
    next: i64,
}

impl<'a> Iterator for FetchedRecords<'a> {
    type Item = RecordView<'a>;

    #[inline]
    fn next(&mut self) -> Option<RecordView<'a>> {
        self.batch.read(&mut self.cursor, &mut self.next)
    }
}

/// A batch whose records are handed out one by one.
#[derive(Debug)]
pub struct BatchCursor {
    batch: FetchedBatch,
    cursor: RecordCursor,
    next: i64,
}

impl BatchCursor {
    /// The batch.
    #[must_use]
    pub fn batch(&self) -> &FetchedBatch {
        &self.batch
    }

    /// The next record, which is consumed thereby.
    #[expect(clippy::should_implement_trait, reason = "the record borrows from the cursor, which an Iterator's item can't")]
    #[inline]
    pub fn next(&mut self) -> Option<RecordView<'_>> {
        let Self { batch, cursor, next } = self;
        let record = batch.read(cursor, next);
        let handed = &batch.handed;
        match &record {
            Some(_) => handed.position.advance(*next, handed.leader_epoch),
            // Behind the last record there may be offsets without one: compacted away, or a transaction's mark.
            None if handed.position.is_valid() && handed.malformed_at.load(Ordering::Acquire) < 0 => {
                handed.position.advance(batch.next_offset(), handed.leader_epoch);
            }
            None => {}
        }
        record
    }
}
