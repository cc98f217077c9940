//! What was sent, acknowledged, failed and read.

use std::collections::{BTreeMap, BTreeSet};

use ottla::{Error, Record, Written};

use crate::group_history::GroupHistory;
use crate::schedule::topic_name;

/// Timestamps of records: that of record 0, in ms since 1970.
pub const FIRST_TIMESTAMP: i64 = 1_700_000_000_000;

/// A partition: (topic, partition).
pub type Place = (i64, i32);

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is being sent.
    Offered,
    /// Refused, or its sender gave up before it was taken: it can't be in the log.
    NotTaken(String),
    /// Taken; nobody has told yet.
    Pending,
    /// Acknowledged. The offset is -1 if the broker did not say.
    Acknowledged(i32, i64),
    /// Failed.
    Failed {
        /// The client says that it may be in the log.
        possibly_written: bool,
        /// Why.
        error: String,
    },
}

/// A record as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Which producer sent it. Its records have ascending ids.
    pub producer: usize,
    /// The topic.
    pub topic: i64,
    /// The partition, if the application chose it.
    pub partition: Option<i32>,
    /// How long the value is.
    pub size: usize,
    /// Virtual ms.
    pub sent_at: u64,
    /// What became of it, as its delivery tells.
    pub fate: Fate,
    /// Nobody waits for the delivery.
    pub unwatched: bool,
    /// Virtual ms of the fate.
    pub ended_at: u64,
    /// What the delivery reports say.
    pub reported: Vec<Fate>,
}

/// What a producer promises.
#[derive(Clone, Debug)]
pub struct ProducerTraits {
    /// -1 is all.
    pub acks: i64,
    /// Idempotence is on.
    pub idempotent: bool,
    /// It gives delivery reports.
    pub reports: bool,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: u64,
}

/// What a consumer saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Consuming (again) begins here: an assignment or a seek. None is where only the broker knows.
    From(Option<i64>),
    /// A record: offset and id.
    Record(i64, usize),
    /// A record that nobody sent, and why.
    Foreign(i64, String),
    /// An error about the partition after which consuming goes on elsewhere, or may: its name.
    Told(String),
}

/// The history of one run.
#[derive(Default)]
pub struct History {
    /// All records; the id is the place.
    pub sent: Vec<Sent>,
    /// By number.
    pub producers: Vec<ProducerTraits>,
    /// By consumer and partition, with the virtual ms.
    pub seen: BTreeMap<(usize, Place), Vec<(u64, Seen)>>,
    /// When topics were deleted.
    pub deleted: Vec<(u64, i64)>,
    /// When leaders may have changed while followers lagged: then an acks=1 tail may be lost.
    pub truncations: Vec<u64>,
    /// Logs that were truncated: when, which, and to what end. What was behind it is lost.
    pub truncated: Vec<(u64, Place, i64)>,
    /// Producers without idempotence that have one request in flight: what they get acknowledged is in order too.
    pub one_in_flight: BTreeSet<usize>,
    /// What members of groups did.
    pub groups: GroupHistory,
    /// Responses were damaged on purpose, and carry no checksum: what they say proves nothing.
    pub corrupted: bool,
    /// What is wrong already.
    pub violations: Vec<String>,
    /// How many calls were held against their bounds.
    pub bounded_calls: u64,
}

/// What a record says: its id, so that nothing else can be taken for it, and a filler.
#[must_use]
pub fn value_of(id: usize, size: usize) -> Vec<u8> {
    let word = (id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    let mut value = (id as u64).to_be_bytes().to_vec();
    // Half of it repeats, so that there is something to compress.
    value.extend((8..size).map(|at| if at / 32 % 2 == 0 { word[at % 8] } else { (at as u8) ^ word[at % 7] }));
    value
}

/// Its key: some have none.
#[must_use]
pub fn key_of(id: usize) -> Option<Vec<u8>> {
    (!id.is_multiple_of(3)).then(|| format!("key {}", id % 11).into_bytes())
}

impl History {
    /// Something is wrong.
    pub fn violation(&mut self, what: String) {
        if self.violations.len() < 20 {
            self.violations.push(what);
        }
    }

    /// Something is not what it should be, as far as the brokers' answers can be believed.
    pub fn mismatch(&mut self, what: String) {
        if !self.corrupted {
            self.violation(what);
        }
    }

    /// A call is back: it must be within its bound, and a little for the work itself.
    pub fn bounded(&mut self, call: &str, took_ms: u64, bound_ms: u64) {
        const SLACK: u64 = 1000;
        self.bounded_calls += 1;
        if took_ms > bound_ms + SLACK {
            self.violation(format!("{call} was back after {took_ms} ms, its bound is {bound_ms} ms"));
        }
    }

    /// A record is about to be sent; answers its id.
    pub fn offer(&mut self, producer: usize, topic: i64, partition: Option<i32>, size: usize, now: u64) -> usize {
        let fate = Fate::Offered;
        let size = size.max(8);
        self.sent.push(Sent {
            producer,
            topic,
            partition,
            size,
            sent_at: now,
            fate,
            unwatched: false,
            ended_at: 0,
            reported: Vec::new(),
        });
        self.sent.len() - 1
    }

    /// A delivery is done.
    pub fn delivered(&mut self, id: usize, result: &Result<Written, Error>, now: u64) {
        let bound = self.producers[self.sent[id].producer].delivery_timeout;
        let took = now - self.sent[id].sent_at;
        self.bounded(&format!("the delivery of record {id}"), took, bound);
        let sent = &mut self.sent[id];
        if !matches!(sent.fate, Fate::Pending) {
            let what = format!("the delivery of record {id} was done twice: {:?}, then {result:?}", sent.fate);
            return self.violation(what);
        }
        sent.fate = fate_of(result);
        sent.ended_at = now;
    }

    /// A record as read: its id, if it is what was sent.
    ///
    /// # Errors
    /// What it is instead.
    pub fn recognise(&self, topic: i64, partition: i32, key: Option<&[u8]>, value: &[u8]) -> Result<usize, String> {
        let id = value.first_chunk::<8>().map(|id| u64::from_be_bytes(*id) as usize).ok_or("a value without an id")?;
        let sent = self.sent.get(id).ok_or_else(|| format!("record {id} was never sent"))?;
        if sent.topic != topic || sent.partition.is_some_and(|to| to != partition) {
            return Err(format!("record {id} was sent to {} {:?}", topic_name(sent.topic), sent.partition));
        }
        if value != value_of(id, sent.size) || key.map(<[u8]>::to_vec) != key_of(id) {
            return Err(format!("record {id} is not what was sent"));
        }
        Ok(id)
    }

    /// A consumer saw something.
    pub fn saw(&mut self, consumer: usize, place: Place, now: u64, seen: Seen) {
        self.seen.entry((consumer, place)).or_default().push((now, seen));
    }
}

/// The fate that a result tells of.
#[must_use]
pub fn fate_of(result: &Result<Written, Error>) -> Fate {
    match result {
        Ok(written) => Fate::Acknowledged(written.partition, written.offset),
        Err(error) => Fate::Failed { possibly_written: error.possibly_written(), error: error.to_string() },
    }
}

/// A record to send.
#[must_use]
pub fn record<'a>(topic: &'a str, partition: Option<i32>, id: usize, key: Option<&'a [u8]>, value: &'a [u8]) -> Record<'a> {
    let mut record = Record::to(topic).value(value).timestamp(FIRST_TIMESTAMP + id as i64).opaque(id as u64 + 1);
    if let Some(key) = key {
        record = record.key(key);
    }
    match partition {
        Some(partition) => record.partition(partition),
        None => record,
    }
}
