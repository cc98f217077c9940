//! What an application is asked when partitions come and go, and what it can do about it from within.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ottla_core::consumer::{Position, StartAt, TopicPartition};
use ottla_core::error::Error;
use ottla_core::group::QuestionKind;
use ottla_core::group::offset_commit::{CommitMode, OffsetAndMetadata};

use super::Group;
use crate::runtime::block_on;

/// What a [`RebalanceListener`] answers with: the group goes on once it is done.
pub type Answering = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Is asked when partitions come and go, in the order in which that happens. Its calls, and the futures that they answer with, run
/// within [`Consumer::next`](crate::Consumer::next) and its like, on the thread that polls them; no records are handed out
/// meanwhile. The group waits for the answer, as long as `max.poll.interval.ms` allows.
///
/// What is to be done from within goes through the [`Rebalance`]. Asking the consumer itself for records there is an error.
pub trait RebalanceListener: Send + Sync {
    /// These partitions were assigned, beside those that the consumer has already; none, if a rebalance brought nothing new. Their
    /// positions are where the group stands, and may be sought elsewhere.
    fn assigned(&self, rebalance: Rebalance) -> Answering {
        let _ = rebalance;
        Box::pin(std::future::ready(()))
    }

    /// These partitions are to be given up. Nothing of them is handed out any more; what was consumed may be committed. With
    /// `enable.auto.commit` it is committed afterwards.
    fn revoked(&self, rebalance: Rebalance) -> Answering {
        let _ = rebalance;
        Box::pin(std::future::ready(()))
    }

    /// These partitions are another's already, since this member was away for too long. Nothing of them can be committed.
    fn lost(&self, rebalance: Rebalance) -> Answering {
        let _ = rebalance;
        Box::pin(std::future::ready(()))
    }
}

/// Partitions that come or go, and the consumer that they come to or go from.
#[derive(Clone)]
pub struct Rebalance {
    pub(super) group: Arc<Group>,
    pub(super) kind: QuestionKind,
    pub(super) partitions: Vec<TopicPartition>,
    /// Of partitions that are given up: where the application stood.
    pub(super) positions: BTreeMap<TopicPartition, Arc<Position>>,
}

impl Rebalance {
    /// What happens to the partitions.
    #[must_use]
    pub fn kind(&self) -> QuestionKind {
        self.kind
    }

    /// The partitions.
    #[must_use]
    pub fn partitions(&self) -> &[TopicPartition] {
        &self.partitions
    }

    /// The offset of the next record to consume; of a partition that is given up where consuming has ended.
    #[must_use]
    pub fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        let key = TopicPartition::new(topic, partition);
        match self.positions.get(&key) {
            Some(position) => position.offset(),
            None => self.group.consumer.state().fetcher.position(&key)?.offset(),
        }
    }

    /// Commits what was consumed of all partitions that the consumer has, those that it gives up among them.
    ///
    /// # Errors
    /// As [`Consumer::commit_positions`](crate::Consumer::commit_positions).
    pub async fn commit(&self) -> Result<(), Error> {
        self.group.commit_positions().await
    }

    /// [`Rebalance::commit`] for listeners without an executor. Not on the thread that the client's IO runs on.
    ///
    /// # Errors
    /// As [`Rebalance::commit`].
    pub fn commit_blocking(&self) -> Result<(), Error> {
        block_on(self.commit())
    }

    /// Commits these offsets.
    ///
    /// # Errors
    /// As [`Consumer::commit_offsets`](crate::Consumer::commit_offsets).
    pub async fn commit_offsets(
        &self,
        offsets: impl IntoIterator<Item = (TopicPartition, OffsetAndMetadata)>,
    ) -> Result<(), Error> {
        self.group.commit(offsets.into_iter().collect(), CommitMode::Sync).await
    }

    /// Goes on elsewhere in a partition, before anything of it is handed out.
    ///
    /// # Errors
    /// [`ErrorKind::State`](crate::ErrorKind::State) if the partition is not assigned.
    pub fn seek(&self, topic: &str, partition: i32, at: StartAt) -> Result<(), Error> {
        let key = TopicPartition::new(topic, partition);
        self.group.consumer.change(|fetcher| fetcher.seek(&key, at))
    }

    /// Hands out no records of a partition until it is resumed.
    ///
    /// # Errors
    /// [`ErrorKind::State`](crate::ErrorKind::State) if the partition is not assigned.
    pub fn pause(&self, topic: &str, partition: i32) -> Result<(), Error> {
        let key = TopicPartition::new(topic, partition);
        self.group.consumer.change(|fetcher| fetcher.pause(&key))
    }

    /// Ends [`Rebalance::pause`].
    ///
    /// # Errors
    /// [`ErrorKind::State`](crate::ErrorKind::State) if the partition is not assigned.
    pub fn resume(&self, topic: &str, partition: i32) -> Result<(), Error> {
        let key = TopicPartition::new(topic, partition);
        self.group.consumer.change(|fetcher| fetcher.resume(&key))
    }
}
