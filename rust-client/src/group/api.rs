//! The consumer's calls that concern its group.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ottla_core::consumer::{FetchedBatch, TopicPartition};
use ottla_core::error::{Error, ErrorKind};
use ottla_core::group::Membership;
use ottla_core::group::classic::State as MemberState;
use ottla_core::group::offset_commit::{CommitMode, CommitOutcome, OffsetAndMetadata};
use ottla_protocol::Text;
use tokio::sync::oneshot;

use super::{Group, ServeUntil, Subscription, outcome};
use crate::consumer::Consumer;
use crate::runtime::block_on;

/// How a consumer stands in its group.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GroupState {
    /// The state's name: `Unsubscribed`, `Unjoined`, `Joining`, `Stable`, ...
    pub state: &'static str,
    /// For how long it has been in that state.
    pub since: Duration,
    /// What holds it up, as long as it is not at rest.
    pub held_up_by: Option<String>,
    /// The generation, -1 in none.
    pub generation: i32,
    /// The member id, empty before the coordinator gave one.
    pub member_id: Text,
    /// The coordinator's broker id.
    pub coordinator: Option<i32>,
    /// The member id of the group's leader, in the last generation.
    pub leader: Option<Text>,
    /// The assignor that the coordinator picked, in the last generation.
    pub assignor: Option<Text>,
    /// The partitions that the group gave to this consumer.
    pub owned: BTreeSet<TopicPartition>,
    /// How many generations this consumer was in.
    pub rebalances: u64,
    /// The last error in the dealings with the group.
    pub last_error: Option<Error>,
}

/// A commit under way. It goes on whether this is waited for or not.
pub struct Committing(oneshot::Receiver<CommitOutcome>);

impl Committing {
    /// Waits on this thread, for callers without an executor.
    ///
    /// # Errors
    /// As [`Consumer::commit_offsets`].
    pub fn wait(self) -> Result<(), Error> {
        block_on(self)
    }
}

impl Future for Committing {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(outcome)
    }
}

impl Consumer {
    fn member(&self) -> Result<&Arc<Group>, Error> {
        self.group().ok_or_else(|| Error::new(ErrorKind::State, "group.id is not set: the consumer is in no group"))
    }

    /// Reads these topics from now on, sharing their partitions with the other members of the group. Replaces what was subscribed
    /// to before; none is as [`Consumer::unsubscribe`], without waiting. Takes effect while [`Consumer::next`] is asked. A name that
    /// begins with `^` is a regular expression, as in [`Consumer::subscribe_pattern`].
    ///
    /// ```no_run
    /// # async fn example(client: ottla::Client) -> Result<(), ottla::Error> {
    /// let consumer = client.consumer_builder().group("billing").set("enable.auto.commit", "false").build()?;
    /// consumer.subscribe(["orders"])?;
    /// while let Some(batch) = consumer.next().await? {
    ///     for record in batch.records() {
    ///         println!("{}: {:?}", record.offset, record.value);
    ///     }
    ///     consumer.commit(&batch).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::State`] without `group.id`, or if partitions are assigned by hand; [`ErrorKind::InvalidArgument`] for what is no
    /// regular expression.
    pub fn subscribe<T: AsRef<str>>(&self, topics: impl IntoIterator<Item = T>) -> Result<(), Error> {
        let group = self.member()?;
        group.subscribe(Subscription::of(topics)?)
    }

    /// Reads all topics whose names match this regular expression, those that come later too; those that are deleted are given up.
    /// Replaces what was subscribed to before. A name matches if the expression is found anywhere in it: `^orders-` matches all that
    /// begin so, `^orders$` one only. Kafka's own topics match only with `exclude.internal.topics` false. As long as no topic
    /// matches, the consumer is in no group.
    ///
    /// Which topics there are is asked every `topic.metadata.refresh.interval.ms` (or `metadata.max.age.ms`, if that is less).
    ///
    /// # Errors
    /// As [`Consumer::subscribe`].
    pub fn subscribe_pattern(&self, pattern: &str) -> Result<(), Error> {
        let group = self.member()?;
        group.subscribe(Subscription::matching(pattern)?)
    }

    /// Subscribes to nothing any more, and leaves the group: what was consumed is committed first, if `enable.auto.commit` says so.
    /// Waits until that is done, `close.timeout.ms` at the longest.
    ///
    /// # Errors
    /// [`ErrorKind::State`] without `group.id`, [`ErrorKind::Timeout`] if it took too long; it goes on then.
    pub async fn unsubscribe(&self) -> Result<(), Error> {
        let group = self.member()?;
        group.subscribe(Subscription::default())?;
        let mut settled = group.settled.clone();
        let out = |state: &MemberState| matches!(state, MemberState::Unsubscribed | MemberState::Fenced | MemberState::Closed);
        let limit = group.timeouts.close;
        // Without a member that has left already the state does not change.
        let member = group.clone();
        let left = async move {
            if !out(&member.inner().membership.state()) {
                // Err: the driver has ended.
                drop(settled.wait_for(out).await);
            }
        };
        let serving = ServeUntil::new(group.consumer.clone(), left);
        self.within(limit, serving, "the group has not been left within close.timeout.ms; that goes on").await
    }

    /// [`Consumer::unsubscribe`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Consumer::unsubscribe`].
    pub fn unsubscribe_blocking(&self) -> Result<(), Error> {
        block_on(self.unsubscribe())
    }

    /// Commits the offset behind a batch: the group goes on there. Tried again until it succeeds or `default.api.timeout.ms` is over.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the batch's partition was taken away or sought in since, or its topic deleted, and perhaps
    /// made again; otherwise as [`Consumer::commit_offsets`].
    pub async fn commit(&self, batch: &FetchedBatch) -> Result<(), Error> {
        let group = self.member()?;
        let key = TopicPartition { topic: batch.topic().clone(), partition: batch.partition() };
        let cluster = group.client.cluster();
        let gone = || cluster.is_gone(&key.topic, key.partition) || group.consumer.state().fetcher.is_made_anew(&key, &cluster);
        if !batch.is_valid() || gone() {
            let what = "can't commit: since the batch was taken its partition was taken away, or sought in, or its topic deleted";
            let error = Error::new(ErrorKind::State, what);
            return Err(error.with_topic(key.topic.as_str()).with_partition(key.partition));
        }
        let offset =
            OffsetAndMetadata { offset: batch.next_offset(), leader_epoch: batch.leader_epoch(), metadata: Text::default() };
        group.commit(BTreeMap::from([(key, offset)]), CommitMode::Sync).await
    }

    /// [`Consumer::commit`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Consumer::commit`].
    pub fn commit_blocking(&self, batch: &FetchedBatch) -> Result<(), Error> {
        block_on(self.commit(batch))
    }

    /// Commits the positions of all assigned partitions: what was consumed. The batch that was taken last is not, until the next
    /// one is asked for.
    ///
    /// # Errors
    /// As [`Consumer::commit_offsets`]; `UNKNOWN_TOPIC_OR_PARTITION`, the others' being committed, if a topic was deleted.
    pub async fn commit_positions(&self) -> Result<(), Error> {
        self.member()?.commit_positions().await
    }

    /// [`Consumer::commit_positions`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Consumer::commit_offsets`].
    pub fn commit_positions_blocking(&self) -> Result<(), Error> {
        block_on(self.commit_positions())
    }

    /// Begins to commit the positions of all assigned partitions. Tried once: a later commit says more anyway.
    ///
    /// # Errors
    /// [`ErrorKind::State`] without `group.id`.
    pub fn commit_async(&self) -> Result<Committing, Error> {
        let group = self.member()?;
        Ok(Committing(group.begin_commit(group.positions(), CommitMode::Async)))
    }

    /// Commits these offsets, each that of the next record to read, with what the application keeps beside them.
    ///
    /// # Errors
    /// [`ErrorKind::State`] without `group.id`; [`ErrorKind::InvalidArgument`] for an offset below 0 or metadata that is too long;
    /// [`ErrorKind::Timeout`] if the coordinator could not be asked within `default.api.timeout.ms`; [`ErrorKind::Broker`] if it
    /// refused: `ILLEGAL_GENERATION` and `UNKNOWN_MEMBER_ID` say that the partitions are another's by now,
    /// `REBALANCE_IN_PROGRESS` that it may be tried again after the next call of [`Consumer::next`], `FENCED_INSTANCE_ID` (fatal)
    /// that another member with the same `group.instance.id` has taken over.
    pub async fn commit_offsets(
        &self,
        offsets: impl IntoIterator<Item = (TopicPartition, OffsetAndMetadata)>,
    ) -> Result<(), Error> {
        self.member()?.commit(offsets.into_iter().collect(), CommitMode::Sync).await
    }

    /// [`Consumer::commit_offsets`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Consumer::commit_offsets`].
    pub fn commit_offsets_blocking(
        &self,
        offsets: impl IntoIterator<Item = (TopicPartition, OffsetAndMetadata)>,
    ) -> Result<(), Error> {
        block_on(self.commit_offsets(offsets))
    }

    /// Begins to commit these offsets. Tried once, as [`Consumer::commit_async`].
    ///
    /// # Errors
    /// [`ErrorKind::State`] without `group.id`.
    pub fn commit_offsets_async(
        &self,
        offsets: impl IntoIterator<Item = (TopicPartition, OffsetAndMetadata)>,
    ) -> Result<Committing, Error> {
        Ok(Committing(self.member()?.begin_commit(offsets.into_iter().collect(), CommitMode::Async)))
    }

    /// What the application has to commit: its positions or, with `enable.auto.offset.store` false, the offsets that it stored.
    ///
    /// # Errors
    /// [`ErrorKind::State`] without `group.id`.
    pub fn to_commit(&self) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>, Error> {
        let group = self.member()?;
        Ok(if group.config.auto_offset_store { group.positions() } else { group.inner().committer.stored().clone() })
    }

    /// Keeps an offset for the next automatic commit, with `enable.auto.offset.store` false.
    ///
    /// # Errors
    /// [`ErrorKind::State`] without `group.id`, with `enable.auto.offset.store`, or if the partition is not assigned.
    pub fn store_offset(&self, partition: TopicPartition, offset: OffsetAndMetadata) -> Result<(), Error> {
        let group = self.member()?;
        if group.config.auto_offset_store {
            return Err(Error::new(ErrorKind::State, "enable.auto.offset.store is true: offsets are stored by themselves"));
        }
        let mut inner = group.inner();
        let assigned = self.cached_watermarks(partition.topic.as_str(), partition.partition).is_some();
        if !assigned && !inner.revoking.contains_key(&partition) {
            let error = Error::new(ErrorKind::State, "can't store an offset: the partition is not assigned");
            return Err(error.with_topic(partition.topic.as_str()).with_partition(partition.partition));
        }
        inner.committer.store(partition, offset);
        Ok(())
    }

    /// Asks what the group has committed of these partitions; `None` where it has nothing.
    ///
    /// # Errors
    /// [`ErrorKind::State`] without `group.id`, [`ErrorKind::Timeout`] if the coordinator could not be asked within
    /// `default.api.timeout.ms`, [`ErrorKind::Broker`] if it refused.
    pub async fn committed<T: AsRef<str>>(
        &self,
        partitions: impl IntoIterator<Item = (T, i32)>,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndMetadata>>, Error> {
        let keys = partitions.into_iter().map(|(topic, partition)| TopicPartition::new(topic.as_ref(), partition));
        let keys = keys.collect();
        self.member()?.committed(keys).await
    }

    /// [`Consumer::committed`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Consumer::committed`].
    pub fn committed_blocking<T: AsRef<str>>(
        &self,
        partitions: impl IntoIterator<Item = (T, i32)>,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndMetadata>>, Error> {
        block_on(self.committed(partitions))
    }

    /// How the consumer stands in its group: what it waits for when a rebalance does not end. `None` without `group.id`.
    #[must_use]
    pub fn group_state(&self) -> Option<GroupState> {
        let group = self.group()?;
        let now = group.now();
        let (status, waits) = {
            let inner = group.inner();
            (inner.membership.status(now), inner.waits_for_topics())
        };
        Some(GroupState {
            state: status.state,
            since: now.since(status.since),
            held_up_by: status.held_up_by.map(|cause| cause.to_string()).or_else(|| waits.map(str::to_owned)),
            generation: status.identity.generation,
            member_id: status.identity.member_id,
            coordinator: status.coordinator,
            leader: status.leader,
            assignor: status.assignor,
            owned: status.owned,
            rebalances: status.rebalances,
            last_error: status.last_error.map(|(_, error)| error),
        })
    }
}
