//! A batch on its way: open, sealed, compressed, numbered, done.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use ottla_protocol::compression::{self, Compression};
use ottla_protocol::record::{Attributes, BatchBuilder, BatchHeader, DecodedBatch, seal_header};
use ottla_protocol::{Records, Text};

use super::accumulator::{Partition, Shared};
use super::incomplete::Serial;
use crate::completion::{BatchResult, Completion, Redirect};
use crate::error::{Error, ErrorKind};
use crate::mutants::{self, Mutant};
use crate::time::Instant;

/// What a batch owes: its completion, its quota, its place among the incomplete. Dropping it unpaid completes it with an error,
/// so that nothing hangs on a dead runtime.
pub(crate) struct Debt {
    pub(crate) shared: Arc<Shared>,
    pub(crate) topic: Text,
    pub(crate) partition: i32,
    pub(crate) completion: Arc<Completion>,
    pub(crate) serial: Serial,
    pub(crate) quota_bytes: i64,
    pub(crate) quota_messages: i64,
    pub(crate) created: Instant,
    pub(crate) opaques: Vec<u64>,
    /// The uncompressed records, kept where reports were asked for.
    pub(crate) report: Option<ReportBytes>,
}

#[derive(Clone)]
pub(crate) struct ReportBytes {
    pub(crate) header: BatchHeader,
    pub(crate) payload: Bytes,
}

impl Debt {
    /// Ends the batch. Only the first end counts.
    pub(crate) fn complete(mut self, result: BatchResult) {
        self.finish(result);
    }

    fn finish(&mut self, result: BatchResult) {
        if self.completion.is_ended() && !mutants::is(Mutant::CompletedTwice) {
            return;
        }
        let serve = if mutants::is(Mutant::CompletedTwice) { self.report.clone() } else { self.report.take() };
        self.completion.complete(result);
        if let Some(bytes) = serve {
            let report = DeliveryReport {
                shared: Arc::downgrade(&self.shared),
                topic: self.topic.clone(),
                completion: self.completion.clone(),
                opaques: std::mem::take(&mut self.opaques),
                bytes,
                quota: (std::mem::take(&mut self.quota_bytes), std::mem::take(&mut self.quota_messages)),
                serial: self.serial,
            };
            self.shared.reports.push(report);
            return;
        }
        self.shared.quota.release(std::mem::take(&mut self.quota_bytes), std::mem::take(&mut self.quota_messages));
        self.shared.incomplete.done(self.serial);
    }
}

impl Drop for Debt {
    fn drop(&mut self) {
        let error = Error::new(ErrorKind::Closed, "the producer was closed before the record was acknowledged")
            .with_topic(self.topic.as_str())
            .with_partition(self.partition)
            .with_possibly_written(true);
        self.finish(BatchResult { partition: self.partition, outcome: Err(error), log_append_time: -1, exceptions: Vec::new() });
    }
}

/// A done batch's records with their keys, values and opaques, for a face that asked for reports. Quota, and what flush waits for,
/// are held until it is dropped.
pub struct DeliveryReport {
    /// Not kept alive by it: a producer that is dropped with reports unserved, which its own queue holds, would never end.
    shared: Weak<Shared>,
    topic: Text,
    completion: Arc<Completion>,
    opaques: Vec<u64>,
    bytes: ReportBytes,
    quota: (i64, i64),
    serial: Serial,
}

impl DeliveryReport {
    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &Text {
        &self.topic
    }

    /// What became of the batch.
    #[must_use]
    pub fn result(&self) -> Option<&BatchResult> {
        self.completion.result()
    }

    /// The opaque of the record at `index`, 0 where none was given.
    #[must_use]
    pub fn opaque(&self, index: u32) -> u64 {
        usize::try_from(index).ok().and_then(|at| self.opaques.get(at)).copied().unwrap_or(0)
    }

    /// The records as they were sent; a view's offset is its index in the batch.
    ///
    /// # Errors
    /// None in practice: the batch was built here.
    pub fn records(&self) -> Result<DecodedBatch, Error> {
        Ok(DecodedBatch::new(self.bytes.header, self.bytes.payload.clone(), false)?)
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.bytes.header.records_count).unwrap_or(0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for DeliveryReport {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.quota.release(self.quota.0, self.quota.1);
            shared.incomplete.done(self.serial);
        }
    }
}

/// A sealed batch: no record comes in any more.
pub(crate) struct ProducerBatch {
    pub(crate) header: BatchHeader,
    pub(crate) payload: Bytes,
    pub(crate) attempts: u32,
    /// An attempt ended without the broker's word on whether it was appended.
    pub(crate) in_doubt: bool,
    /// `None` once it was completed early (it expired in flight): what is left holds its place in the sequence.
    pub(crate) debt: Option<Debt>,
    pub(crate) created: Instant,
    pub(crate) serial: Serial,
}

impl ProducerBatch {
    pub(crate) fn len(&self) -> usize {
        self.payload.len() + ottla_protocol::record::HEADER_LEN
    }

    pub(crate) fn has_sequence(&self) -> bool {
        self.header.base_sequence >= 0
    }

    /// The bytes to send: header and records, nothing copied.
    pub(crate) fn records(&mut self) -> Records {
        let header = seal_header(&mut self.header, &self.payload);
        [Bytes::copy_from_slice(&header), self.payload.clone()].into_iter().collect()
    }

    /// Compresses the records; what does not get smaller goes out as it is.
    pub(crate) fn compress(&mut self, codec: Compression, level: Option<i32>, mut out: Vec<u8>) -> Result<(), Error> {
        out.clear();
        compression::compress(codec, level, &self.payload, &mut out)?;
        if out.len() < self.payload.len() {
            self.payload = Bytes::from(out);
            self.header.attributes = Attributes::default().with_compression(codec);
        }
        Ok(())
    }

    /// Cuts the batch in two of about the same size, each with its part of the sequence numbers; the handles find their records
    /// there. Gives it back if there is nothing to cut.
    pub(crate) fn split(mut self) -> Result<[Self; 2], Box<Self>> {
        let Some(mut debt) = self.debt.take_if(|_| self.header.records_count > 1) else {
            return Err(Box::new(self));
        };
        let halves = match self.halves(&debt.shared) {
            Ok(halves) => halves,
            Err(_) => {
                self.debt = Some(debt);
                return Err(Box::new(self));
            }
        };
        let total = halves.iter().map(|(_, records)| records.len()).sum::<usize>().max(1);
        let mut redirects = Vec::with_capacity(usize::try_from(self.header.records_count).unwrap_or(0));
        let mut sequence = self.header.base_sequence;
        let mut is_second = false;
        let children = halves.map(|(mut header, payload)| {
            (header.producer_id, header.producer_epoch) = (self.header.producer_id, self.header.producer_epoch);
            if self.has_sequence() {
                header.base_sequence = sequence;
                sequence = super::sender::after(sequence, header.records_count);
            }
            let count = usize::try_from(header.records_count).unwrap_or(0);
            let is_last = std::mem::replace(&mut is_second, true);
            // The second takes what the first one left over, so that nothing is lost to rounding.
            let share =
                |of: i64| of.saturating_mul(i64::try_from(payload.len()).unwrap_or(0)) / i64::try_from(total).unwrap_or(1);
            let quota_bytes = if is_last { debt.quota_bytes } else { share(debt.quota_bytes) };
            let quota_messages = debt.quota_messages.min(i64::from(header.records_count));
            debt.quota_bytes -= quota_bytes;
            debt.quota_messages -= quota_messages;
            let later = debt.opaques.split_off(count.min(debt.opaques.len()));
            let child = Debt {
                shared: debt.shared.clone(),
                topic: debt.topic.clone(),
                partition: debt.partition,
                completion: Completion::new(),
                serial: debt.shared.incomplete.open(Some(debt.serial)),
                quota_bytes,
                quota_messages,
                created: debt.created,
                opaques: std::mem::replace(&mut debt.opaques, later),
                report: debt.report.as_ref().map(|_| ReportBytes { header, payload: payload.clone() }),
            };
            redirects.extend((0..header.records_count.unsigned_abs()).map(|at| Redirect::To(child.completion.clone(), at)));
            let settings = &debt.shared.settings;
            let mut batch = Self { header, payload, debt: Some(child), attempts: 0, ..self.like() };
            if settings.compression != Compression::None {
                // What can't be compressed goes as it is.
                let _ = batch.compress(settings.compression, settings.compression_level, Vec::new());
            }
            batch
        });
        debt.completion.redirect(redirects);
        debt.shared.incomplete.done(debt.serial);
        Ok(children)
    }

    /// A batch at the same place in the line.
    fn like(&self) -> Self {
        Self {
            header: self.header,
            payload: Bytes::new(),
            attempts: self.attempts,
            in_doubt: self.in_doubt,
            debt: None,
            created: self.created,
            serial: self.serial,
        }
    }

    fn halves(&self, shared: &Arc<Shared>) -> Result<[(BatchHeader, Bytes); 2], Error> {
        let codec = self.header.attributes.compression().unwrap_or(Compression::None);
        let payload = if codec == Compression::None {
            self.payload.clone()
        } else {
            let mut inflated = Vec::new();
            // Our own bytes; a batch is bounded by its size, and a record that travels alone is not split.
            compression::decompress(codec, &self.payload, shared.settings.batch_size.saturating_mul(2), &mut inflated)?;
            Bytes::from(inflated)
        };
        let half = payload.len() / 2;
        let batch = DecodedBatch::new(self.header, payload, false)?;
        let mut parts = [BatchBuilder::new(Vec::new()), BatchBuilder::new(Vec::new())];
        let last = i64::from(self.header.records_count) - 1;
        let [first, second] = &mut parts;
        for record in batch.records() {
            let record = record?;
            let headers: Vec<(&str, Option<&[u8]>)> = record.headers.iter().map(|header| (header.key, header.value)).collect();
            // At least one record for each.
            let goes_first = first.is_empty() || (first.len() < half && second.is_empty() && record.offset < last);
            let part = if goes_first { &mut *first } else { &mut *second };
            part.append(record.timestamp, record.key, record.value, headers.iter().copied())?;
        }
        Ok(parts.map(|part| {
            let (buffer, meta) = part.finish();
            (BatchHeader::for_batch(&meta, Attributes::default()), Bytes::from(buffer))
        }))
    }

    pub(crate) fn complete(&mut self, outcome: Result<i64, Error>, log_append_time: i64, exceptions: Vec<(u32, Error)>) {
        if let Some(debt) = self.debt.take() {
            let partition = debt.partition;
            debt.complete(BatchResult { partition, outcome, log_append_time, exceptions });
        }
    }
}

/// A batch that is being compressed: its place in the partition's line is kept. Dropped unrun, it frees the place.
pub(crate) struct CompressJob {
    pub(crate) partition: Arc<Partition>,
    pub(crate) batch: Option<ProducerBatch>,
}

impl CompressJob {
    pub(crate) fn run(mut self, shared: &Arc<Shared>) {
        let Some(mut batch) = self.batch.take() else { return };
        let settings = &shared.settings;
        let serial = batch.serial;
        let out = Vec::with_capacity(batch.payload.len() / 2);
        let compressed = match batch.compress(settings.compression, settings.compression_level, out) {
            Ok(()) => Some(batch),
            Err(error) => {
                batch.complete(
                    Err(error.with_topic(self.partition.topic.as_str()).with_partition(self.partition.id)),
                    -1,
                    Vec::new(),
                );
                None
            }
        };
        self.partition.compressed(serial, compressed);
        shared.edge_ready(&self.partition);
    }
}

impl Drop for CompressJob {
    fn drop(&mut self) {
        let Some(batch) = self.batch.take() else { return };
        let shared = batch.debt.as_ref().map(|debt| debt.shared.clone());
        self.partition.compressed(batch.serial, None);
        drop(batch);
        if let Some(shared) = shared {
            // What waits behind it may go, or is to be given up if the sender is gone.
            shared.edge_ready(&self.partition);
        }
    }
}
