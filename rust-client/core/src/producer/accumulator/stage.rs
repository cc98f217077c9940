//! Topics, and the bounded stage where a topic's records wait for its first metadata.

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex};

use crate::sync::ArcSwapOption;
use bytes::Bytes;
use ottla_protocol::record::{Attributes, BatchBuilder, BatchHeader};
use ottla_protocol::{ErrorCode, Text};

use super::partition::Partition;
use super::shared::{Edge, lock};
use super::{Accumulator, AppendError, Appended, Prepaid, RecordRef};
use crate::completion::{BatchResult, Completion, Redirect};
use crate::error::{Error, ErrorKind};
use crate::metadata::{Cluster, TopicInfo};
use crate::producer::batch::{Debt, ReportBytes};
use crate::producer::incomplete::Serial;
use crate::producer::partitioner::StickyPartition;
use crate::producer::quota::Credit;
use crate::time::Instant;

/// How many records that failed before they were placed one report tells of.
const REPORTED_TOGETHER: usize = 10_000;

/// The partitions of a topic, as the newest metadata has them.
pub(super) struct PartitionSet {
    pub(super) all: Vec<Arc<Partition>>,
    /// Those with a leader, which records without a key go to.
    pub(super) available: Vec<i32>,
}
struct Staged {
    partition: Option<i32>,
    timestamp: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<(String, Option<Bytes>)>,
    opaque: u64,
    bytes: i64,
}

impl Staged {
    fn headers(&self) -> Vec<(&str, Option<&[u8]>)> {
        self.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect()
    }
}

#[derive(Default)]
struct Stage {
    records: Vec<Staged>,
    completion: Option<Arc<Completion>>,
    serial: Serial,
    since: Instant,
}
/// A topic that is written to: a handle that spares the look-up by name.
pub struct Topic {
    name: Text,
    pub(super) partitions: ArcSwapOption<PartitionSet>,
    pub(super) sticky: StickyPartition,
    /// Bytes that the sticky partition had sealed when it was chosen.
    pub(super) sticky_since: AtomicU64,
    /// Records wait in the stage: later ones go through it too, so that order holds.
    pub(super) staging: AtomicBool,
    stage: Mutex<Stage>,
}

impl Topic {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: Text::from(name),
            partitions: ArcSwapOption::empty(),
            sticky: StickyPartition::new(),
            sticky_since: AtomicU64::new(0),
            staging: AtomicBool::new(false),
            stage: Mutex::default(),
        }
    }

    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }
}
impl Accumulator {
    pub(super) fn append_staged(
        &self,
        topic: &Arc<Topic>,
        record: &RecordRef<'_>,
        bytes: usize,
    ) -> Result<Appended, AppendError> {
        let shared = &self.shared;
        let mut stage = lock(&topic.stage);
        // The stage may have been drained while this thread waited for it.
        if !topic.staging.load(Ordering::Acquire)
            && let Some(partitions) = topic.partitions.load().as_ref()
        {
            drop(stage);
            return self.append_placed(topic, partitions, record, bytes, None);
        }
        if shared.closed.load(Ordering::Acquire) {
            return Err(shared.refusal().into());
        }
        let mut credit = Credit::default();
        let cost = i64::try_from(bytes).unwrap_or(i64::MAX);
        if !shared.quota.charge(&mut credit, cost) {
            return Err(AppendError::Full);
        }
        shared.quota.release(credit.bytes, credit.messages);
        let own = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
        let staged = Staged {
            partition: record.partition,
            timestamp: record.timestamp.unwrap_or_else(|| shared.clock.wall_millis()),
            key: own(record.key),
            value: own(record.value),
            headers: record.headers.iter().map(|(key, value)| ((*key).to_owned(), own(*value))).collect(),
            opaque: record.opaque,
            bytes: cost,
        };
        let first = stage.records.is_empty();
        if first {
            stage.completion = Some(Completion::new());
            stage.serial = shared.incomplete.open(None);
            stage.since = shared.clock.now();
        }
        let index = u32::try_from(stage.records.len()).unwrap_or(u32::MAX);
        stage.records.push(staged);
        topic.staging.store(true, Ordering::Release);
        let completion = stage.completion.get_or_insert_with(Completion::new).clone();
        let deadline = stage.since + shared.settings.delivery_timeout;
        drop(stage);
        if first {
            shared.edge(Edge::Staged(topic.clone(), deadline));
        }
        Ok(Appended { completion, index })
    }

    /// Takes in new metadata: partitions come to be, and records that waited for them are placed. Called by the sender.
    pub(crate) fn on_cluster(&self, cluster: &Cluster) {
        for topic in self.shared.topics.load().values() {
            if let Some(info) = cluster.topic(&topic.name).filter(|info| !info.partitions.is_empty()) {
                self.update_topic(topic, info);
                self.drain_stage(topic);
            } else if let Some(info) = cluster.topics.get(&topic.name)
                && matches!(info.error, ErrorCode::InvalidTopicException | ErrorCode::TopicAuthorizationFailed)
            {
                self.fail_stage(
                    topic,
                    &Error::kafka(info.error, "while looking up the topic's leaders").with_topic(topic.name.as_str()),
                );
            }
        }
    }

    fn update_topic(&self, topic: &Topic, info: &TopicInfo) {
        let before = topic.partitions.load();
        let available: Vec<i32> = info.partitions.iter().filter(|p| p.leader >= 0).map(|p| p.partition).collect();
        if let Some(before) = before.as_ref()
            && before.all.len() == info.partitions.len()
            && before.available == available
        {
            return;
        }
        let all = info.partitions.iter().enumerate().map(|(place, p)| {
            before.as_ref().and_then(|set| set.all.get(place)).cloned().unwrap_or_else(|| {
                let index = self.shared.next_partition.fetch_add(1, Ordering::Relaxed);
                Arc::new(Partition::new(topic.name.clone(), p.partition, index))
            })
        });
        topic.partitions.store(Some(Arc::new(PartitionSet { all: all.collect(), available })));
    }

    fn drain_stage(&self, topic: &Topic) {
        if !topic.staging.load(Ordering::Acquire) {
            return;
        }
        // Held to the end: who sends meanwhile waits, and then finds the stage empty and goes straight on, in order.
        let mut stage = lock(&topic.stage);
        let partitions = topic.partitions.load();
        let Some(partitions) = partitions.as_ref() else { return };
        let Stage { records, completion, serial, since } = std::mem::take(&mut *stage);
        let mut refused = Vec::new();
        let redirects = records.into_iter().map(|staged| {
            let headers = staged.headers();
            let record = RecordRef {
                partition: staged.partition,
                timestamp: Some(staged.timestamp),
                key: staged.key.as_deref(),
                value: staged.value.as_deref(),
                headers: &headers,
                opaque: staged.opaque,
            };
            let bytes = usize::try_from(staged.bytes).unwrap_or(0);
            // Its quota goes on with it: nobody else can take that in between.
            match self.append_placed(topic, partitions, &record, bytes, Some(Prepaid { serial, since })) {
                Ok(Appended { completion, index }) => Redirect::To(completion, index),
                Err(why) => {
                    let error = match why {
                        AppendError::Rejected(error) => error,
                        AppendError::Full => Error::new(ErrorKind::QueueFull, "the buffer is full"),
                    };
                    drop(headers);
                    refused.push((staged, error.clone()));
                    Redirect::Failed(error)
                }
            }
        });
        let redirects = redirects.collect();
        topic.staging.store(false, Ordering::Release);
        drop(stage);
        // Outside the lock: who is woken may send.
        if let Some(completion) = completion {
            completion.redirect(redirects);
        }
        for (staged, error) in refused {
            self.refuse(topic, staged.partition.unwrap_or(-1), &[staged], &error, serial);
        }
        self.shared.incomplete.done(serial);
    }

    /// Gives up the records that wait for the topic's metadata; returns how many.
    pub(crate) fn fail_stage(&self, topic: &Topic, error: &Error) -> u64 {
        let mut stage = lock(&topic.stage);
        let Stage { records, completion, serial, .. } = std::mem::take(&mut *stage);
        topic.staging.store(false, Ordering::Release);
        drop(stage);
        let Some(completion) = completion else { return 0 };
        completion.redirect(records.iter().map(|_| Redirect::Failed(error.clone())).collect());
        for records in records.chunks(REPORTED_TOGETHER) {
            self.refuse(topic, -1, records, error, serial);
        }
        self.shared.incomplete.done(serial);
        records.len() as u64
    }

    /// Gives back what records took that will not get into a batch; where reports were asked for, when theirs is served.
    fn refuse(&self, topic: &Topic, partition: i32, records: &[Staged], error: &Error, instead_of: Serial) {
        let shared = &self.shared;
        let quota_bytes = records.iter().map(|staged| staged.bytes).sum();
        let quota_messages = i64::try_from(records.len()).unwrap_or(i64::MAX);
        if !shared.settings.reports {
            return shared.quota.release(quota_bytes, quota_messages);
        }
        let mut builder = BatchBuilder::new(Vec::new());
        for staged in records {
            let appended = builder.append(
                staged.timestamp,
                staged.key.as_deref(),
                staged.value.as_deref(),
                staged.headers().iter().copied(),
            );
            if appended.is_err() {
                // More than a batch can hold, 1 GiB: each half has a report of its own. One record alone is far smaller.
                let (first, second) = records.split_at(records.len() / 2);
                if first.is_empty() {
                    return shared.quota.release(quota_bytes, quota_messages);
                }
                self.refuse(topic, partition, first, error, instead_of);
                return self.refuse(topic, partition, second, error, instead_of);
            }
        }
        let (buffer, meta) = builder.finish();
        let header = BatchHeader::for_batch(&meta, Attributes::default());
        let debt = Debt {
            shared: shared.clone(),
            topic: topic.name.clone(),
            partition,
            completion: Completion::new(),
            serial: shared.incomplete.open(Some(instead_of)),
            quota_bytes,
            quota_messages,
            created: shared.clock.now(),
            opaques: records.iter().map(|staged| staged.opaque).collect(),
            report: Some(ReportBytes { header, payload: Bytes::from(buffer) }),
        };
        debt.complete(BatchResult { partition, outcome: Err(error.clone()), log_append_time: -1, exceptions: Vec::new() });
    }

    /// Whether records wait for the topic's metadata, and since when.
    pub(crate) fn staged_since(topic: &Topic) -> Option<Instant> {
        topic.staging.load(Ordering::Acquire).then(|| lock(&topic.stage).since)
    }
}
