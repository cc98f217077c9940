//! The consumer as a member of a group: what the application and the driver of its membership share.
//!
//! Locks: the group's before the consumer's, and none while code of the application's runs.

mod api;
mod builder;
mod closing;
mod driver;
mod listener;
mod missing;
mod questions;
mod subscription;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ottla_core::config::{ConsumerConfig, GroupConfig};
use ottla_core::consumer::{Position, TopicPartition};
use ottla_core::error::{Error, ErrorKind};
use ottla_core::group::assignor::{PartitionAssignor, builtin};
use ottla_core::group::classic::{ClassicMembership, ClassicSettings, State as MemberState};
use ottla_core::group::coordinator::{CoordinatorFinder, CoordinatorKey, CoordinatorSettings};
use ottla_core::group::offset_commit::{
    CommitMode, CommitOutcome, CommittedOffsets, OffsetAndMetadata, OffsetCommitSettings, OffsetCommitter,
};
use ottla_core::group::{GroupIdentity, LeavePolicy, Membership, MembershipEvent, Question};
use ottla_core::metadata::Cluster;
use ottla_core::time::{Clock, Instant};
use ottla_protocol::{ErrorCode, Text};
use tokio::sync::{Notify, oneshot, watch};

use crate::client::ClientInner;
use crate::consumer::Shared;

pub use api::{Committing, GroupState};
pub use builder::ConsumerBuilder;
pub use closing::Closing;
pub(crate) use closing::ServeUntil;
pub use listener::{Answering, Rebalance, RebalanceListener};
pub(crate) use subscription::Subscription;

/// A consumer's part in its group.
pub(crate) struct Group {
    pub(crate) client: Arc<ClientInner>,
    pub(crate) consumer: Arc<Shared>,
    config: GroupConfig,
    timeouts: Timeouts,
    /// Those that are not built in: they run on the application's thread.
    own_assignors: Vec<Arc<dyn PartitionAssignor>>,
    inner: Mutex<Inner>,
    listener: Option<Arc<dyn RebalanceListener>>,
    /// Wakes the driver.
    wake: Notify,
    /// The application has gone: nobody is there to be asked.
    alone: AtomicBool,
    /// The member's state, after each of the driver's steps. Ends with the driver.
    settled: watch::Receiver<MemberState>,
}

#[derive(Clone, Copy)]
struct Timeouts {
    api: Duration,
    close: Duration,
    request: Duration,
    retry_max: Duration,
    require_stable: bool,
    may_create: bool,
    unknown_topic: Duration,
}

struct Inner {
    membership: ClassicMembership,
    committer: OffsetCommitter,
    finder: CoordinatorFinder,
    commits: BTreeMap<u64, oneshot::Sender<CommitOutcome>>,
    fetches: BTreeMap<u64, Fetching>,
    /// Assigned, and the group's offset is not known yet: by which fetch it comes.
    initializing: BTreeMap<TopicPartition, u64>,
    /// When their offsets are asked for again.
    initialize_at: Option<Instant>,
    /// What the application was told last of that.
    initialize_error: Option<Error>,
    /// Given up, and not answered yet.
    revoking: BTreeMap<TopicPartition, Arc<Position>>,
    subscribed: bool,
    /// What is subscribed to by name.
    named: BTreeSet<Text>,
    /// What is subscribed to, if by pattern, and what was found to match.
    patterns: Option<Patterns>,
    /// By when the consumer has to be closed.
    close_by: Option<Instant>,
    /// Why the last commit at close failed.
    close_error: Option<Error>,
    /// What is not committed therefore.
    uncommitted: BTreeSet<TopicPartition>,
}

/// A subscription by pattern: the client asks for all topics as long as there is one.
struct Patterns {
    subscription: Arc<Subscription>,
    /// What matches, and in which of the metadata; `None` before these have told of all topics.
    matched: Option<(BTreeSet<Text>, u64)>,
}

/// Who waits for committed offsets.
enum Fetching {
    /// A call.
    Call(oneshot::Sender<Result<CommittedOffsets, Error>>),
    /// Partitions that are to start there, and the question that is put to the listener then.
    Start { id: u64, question: Option<Question> },
}

impl Group {
    /// A member of nothing yet, and its driver.
    pub(crate) fn start(
        client: &Arc<ClientInner>,
        consumer: &Arc<Shared>,
        consumer_config: &ConsumerConfig,
        config: GroupConfig,
        own_assignors: Vec<Arc<dyn PartitionAssignor>>,
        listener: Option<Arc<dyn RebalanceListener>>,
    ) -> Result<Arc<Self>, Error> {
        let mut assignors = Vec::new();
        for name in &config.assignment_strategy {
            let own = own_assignors.iter().find(|own| own.name() == name).cloned();
            let found = own.or_else(|| builtin(name)).ok_or_else(|| {
                let what = format!("partition.assignment.strategy: there is no assignor {name:?}");
                Error::new(ErrorKind::Config, what)
            })?;
            assignors.push(found);
        }
        let group_id = Text::from(config.group_id.as_str());
        let (retry_backoff, retry_backoff_max) = (consumer_config.retry_backoff, consumer_config.retry_backoff_max);
        let request_timeout = consumer_config.socket_timeout;
        let settings = ClassicSettings {
            group_id: group_id.clone(),
            group_instance_id: config.group_instance_id.as_deref().map(Text::from),
            assignors,
            session_timeout: config.session_timeout,
            heartbeat_interval: config.heartbeat_interval,
            max_poll_interval: config.max_poll_interval,
            request_timeout,
            retry_backoff,
            retry_backoff_max,
            client_rack: Some(consumer_config.client_rack.as_str()).filter(|rack| !rack.is_empty()).map(Text::from),
        };
        let commit_settings = OffsetCommitSettings {
            group_id: group_id.clone(),
            auto_commit_interval: config.auto_commit_interval,
            auto_offset_store: config.auto_offset_store,
            request_timeout,
            retry_backoff,
            retry_backoff_max,
        };
        let finder_settings = CoordinatorSettings {
            key_type: CoordinatorKey::Group,
            key: group_id,
            query_interval: config.coordinator_query_interval,
            retry_backoff,
            retry_backoff_max,
        };
        let inner = Inner {
            membership: ClassicMembership::new(settings, client.fork_rng())?,
            committer: OffsetCommitter::new(commit_settings, client.fork_rng()),
            finder: CoordinatorFinder::new(finder_settings, client.fork_rng()),
            commits: BTreeMap::new(),
            fetches: BTreeMap::new(),
            initializing: BTreeMap::new(),
            initialize_at: None,
            initialize_error: None,
            revoking: BTreeMap::new(),
            subscribed: false,
            named: BTreeSet::new(),
            patterns: None,
            close_by: None,
            close_error: None,
            uncommitted: BTreeSet::new(),
        };
        let timeouts = Timeouts {
            api: consumer_config.default_api_timeout,
            close: consumer_config.close_timeout,
            request: request_timeout,
            retry_max: retry_backoff_max,
            require_stable: consumer_config.isolation_level == ottla_core::config::IsolationLevel::ReadCommitted,
            may_create: consumer_config.allow_auto_create_topics,
            unknown_topic: consumer_config.topic_metadata_propagation_max,
        };
        let (state, settled) = watch::channel(MemberState::Unsubscribed);
        let group = Arc::new(Self {
            client: client.clone(),
            consumer: consumer.clone(),
            config,
            timeouts,
            own_assignors,
            inner: Mutex::new(inner),
            listener,
            wake: Notify::new(),
            alone: AtomicBool::new(false),
            settled,
        });
        client.handle.spawn(driver::Driver::new(group.clone(), state).run());
        Ok(group)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Instant {
        self.client.clock.now()
    }

    fn listener(&self) -> Option<Arc<dyn RebalanceListener>> {
        self.listener.clone().filter(|_| !self.alone.load(Ordering::Acquire))
    }

    /// Something happened: the driver sees to it.
    fn event(&self, event: MembershipEvent) {
        self.inner().membership.handle(self.now(), event);
        self.wake.notify_one();
    }

    /// The application asks for records.
    pub(crate) fn application_polled(&self) {
        let mut inner = self.inner();
        inner.membership.handle(self.now(), MembershipEvent::ApplicationPolled);
        // In the other states nothing waits for that.
        if matches!(inner.membership.state(), MemberState::Unjoined) {
            self.wake.notify_one();
        }
    }

    /// The application subscribes to these topics.
    pub(crate) fn subscribe(&self, subscription: Subscription) -> Result<(), Error> {
        for topic in subscription.names() {
            self.client.follow(topic, self.timeouts.may_create);
        }
        let topics = subscription.names().clone();
        let patterns = subscription.has_patterns();
        let mut inner = self.inner();
        if inner.close_by.is_some() {
            return Err(Error::new(ErrorKind::Closed, "the consumer is closed"));
        }
        // A member that is about to leave has the group's.
        let by_hand = !inner.subscribed && inner.membership.state() == MemberState::Unsubscribed;
        if (!topics.is_empty() || patterns) && by_hand && self.consumer.state().fetcher.assignment().next().is_some() {
            let what = "partitions are assigned by hand: a consumer that subscribes gets them from its group";
            return Err(Error::new(ErrorKind::State, what));
        }
        inner.subscribed = !topics.is_empty() || patterns;
        inner.named.clone_from(&topics);
        if patterns {
            if inner.patterns.is_none() {
                self.client.follow_all(true);
            }
            inner.patterns = Some(Patterns { subscription: Arc::new(subscription), matched: None });
            // What matches is found by the driver.
            inner.membership.handle(self.now(), MembershipEvent::ApplicationPolled);
        } else {
            self.forget_patterns(&mut inner);
            inner.membership.handle(self.now(), MembershipEvent::Subscribed(topics));
        }
        drop(inner);
        self.wake.notify_one();
        Ok(())
    }

    /// Nothing is subscribed to by pattern any more.
    fn forget_patterns(&self, inner: &mut Inner) {
        if inner.patterns.take().is_some() {
            self.client.follow_all(false);
        }
    }

    /// Looks for topics that match, once what is known of the cluster is new.
    fn match_topics(&self, cluster: &Cluster) {
        let mut inner = self.inner();
        let Some(patterns) = &mut inner.patterns else { return };
        let seen = patterns.matched.as_ref().is_some_and(|(_, version)| *version == cluster.version);
        if seen || !cluster.all_topics {
            return;
        }
        let topics = patterns.subscription.topics(cluster, !self.config.exclude_internal_topics);
        let before = patterns.matched.replace((topics.clone(), cluster.version));
        if before.is_some_and(|(before, _)| before == topics) {
            return;
        }
        tracing::info!(group = %self.config.group_id, topics = topics.len(), "the subscription's patterns match other topics");
        inner.membership.handle(self.now(), MembershipEvent::TopicsMatched(topics));
        drop(inner);
        self.wake.notify_one();
    }

    /// Asks for metadata of topics, unless it is asked for all.
    fn follow<'a>(&self, topics: impl IntoIterator<Item = &'a Text>, may_create: bool) {
        if self.inner().patterns.is_none() {
            topics.into_iter().for_each(|topic| self.client.follow(topic, may_create));
        }
    }

    /// Whether the group assigns the partitions.
    pub(crate) fn is_subscribed(&self) -> bool {
        self.inner().subscribed
    }

    /// Where the application stands in all partitions that it has, as far as that is known.
    fn positions(&self) -> BTreeMap<TopicPartition, OffsetAndMetadata> {
        let inner = self.inner();
        let shared = positions(&inner, &self.consumer, &self.client.cluster());
        shared.iter().filter_map(|(key, position)| Some((key.clone(), OffsetAndMetadata::of_position(position)?))).collect()
    }

    /// Begins a commit. Its outcome comes by the receiver.
    fn begin_commit(
        &self,
        offsets: BTreeMap<TopicPartition, OffsetAndMetadata>,
        mode: CommitMode,
    ) -> oneshot::Receiver<CommitOutcome> {
        let (tell, told) = oneshot::channel();
        let now = self.now();
        let mut inner = self.inner();
        if inner.membership.state() == MemberState::Fenced {
            let what = "while committing offsets: another member with the same group.instance.id has taken over";
            let result = Err(Error::kafka(ErrorCode::FencedInstanceId, what).fatal());
            // Who asked is there: the other end is handed to it below.
            let _ = tell.send(CommitOutcome { id: 0, offsets: BTreeMap::new(), result, automatic: false });
            return told;
        }
        let identity = inner.identity();
        let by = now + self.timeouts.api;
        let by = inner.close_by.map_or(by, |close| close.min(by));
        let id = inner.committer.commit(now, offsets, identity, mode, by);
        inner.commits.insert(id, tell);
        drop(inner);
        self.wake.notify_one();
        told
    }

    async fn commit(&self, offsets: BTreeMap<TopicPartition, OffsetAndMetadata>, mode: CommitMode) -> Result<(), Error> {
        outcome(self.begin_commit(offsets, mode).await)
    }

    /// Commits where the application stands. Of what was deleted that can't be: who waited for it would wait in vain.
    async fn commit_positions(&self) -> Result<(), Error> {
        let all = self.positions();
        let there = there(all.clone(), &self.client.cluster());
        let gone = all.into_keys().find(|key| !there.contains_key(key));
        self.commit(there, CommitMode::Sync).await?;
        gone.map_or(Ok(()), |key| {
            let what = "while committing offsets: there is no such partition any more; the others' are committed";
            let error = Error::kafka(ErrorCode::UnknownTopicOrPartition, what);
            Err(error.with_topic(key.topic.as_str()).with_partition(key.partition))
        })
    }

    /// The last automatic commit of partitions that are given up.
    async fn final_commit(&self, positions: &BTreeMap<TopicPartition, Arc<Position>>) -> Result<(), Error> {
        let waiting = {
            let now = self.now();
            let mut inner = self.inner();
            let by = now + self.timeouts.api.min(self.config.max_poll_interval);
            let by = inner.close_by.map_or(by, |close| close.min(by));
            // In no other name: what the membership has lost is another's.
            let identity = inner.membership.identity();
            let positions = there(positions.clone(), &self.client.cluster());
            let id = inner.committer.final_commit(now, &positions, identity, by);
            id.map(|id| {
                let (tell, told) = oneshot::channel();
                inner.commits.insert(id, tell);
                told
            })
        };
        let Some(waiting) = waiting else { return Ok(()) };
        self.wake.notify_one();
        outcome(waiting.await)
    }

    /// What the group has committed.
    async fn committed(&self, partitions: BTreeSet<TopicPartition>) -> Result<CommittedOffsets, Error> {
        let (tell, told) = oneshot::channel();
        {
            let now = self.now();
            let mut inner = self.inner();
            let id = inner.committer.fetch(now, partitions, self.timeouts.require_stable, now + self.timeouts.api);
            inner.fetches.insert(id, Fetching::Call(tell));
        }
        self.wake.notify_one();
        told.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Begins to close: what was consumed is committed, and the group left.
    pub(crate) fn begin_close(&self, leave: LeavePolicy) {
        let now = self.now();
        let by = now + self.timeouts.close;
        let mut inner = self.inner();
        if inner.close_by.is_none() {
            inner.close_by = Some(by);
            if !inner.subscribed {
                let identity = inner.identity();
                let cluster = self.client.cluster();
                let positions = there(positions(&inner, &self.consumer, &cluster), &cluster);
                inner.committer.final_commit(now, &positions, identity, by);
            }
            inner.membership.handle(now, MembershipEvent::Close { leave, by });
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// The application does not wait for the close, nor for anything else.
    pub(crate) fn leave_alone(&self) {
        self.alone.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}

impl Inner {
    /// Why there is nothing to be a member for, though something is subscribed to by pattern.
    fn waits_for_topics(&self) -> Option<&'static str> {
        match &self.patterns.as_ref()?.matched {
            None => Some("it is not known yet which topics there are"),
            Some((topics, _)) if topics.is_empty() => Some("no topic matches what is subscribed to"),
            Some(_) => None,
        }
    }

    /// These partitions are not to start any more.
    fn leave_out(&mut self, partitions: &[TopicPartition]) {
        for key in partitions {
            self.initializing.remove(key);
        }
    }

    /// What a commit came to that ended after the close began. One of the automatic ones that fails is the close's own failure, until
    /// another has committed the same partitions.
    fn on_commit_at_close(&mut self, outcome: &CommitOutcome) {
        match &outcome.result {
            Ok(()) => outcome.offsets.keys().for_each(|key| _ = self.uncommitted.remove(key)),
            Err(error) if outcome.automatic => {
                self.uncommitted.extend(outcome.offsets.keys().cloned());
                self.close_error = Some(error.clone());
            }
            Err(_) => {}
        }
        if self.uncommitted.is_empty() {
            self.close_error = None;
        }
    }

    /// As whom offsets are committed: as a member, or by hand as none.
    fn identity(&self) -> Option<GroupIdentity> {
        // One that left before the application had answered has what it could commit only as the member that it was.
        let member = self.membership.state() != MemberState::Unsubscribed || !self.membership.owned().is_empty();
        if self.subscribed || member && self.close_by.is_none() {
            return self.membership.identity();
        }
        let none = || GroupIdentity { generation: -1, member_id: Text::default(), group_instance_id: None };
        Some(self.membership.identity().unwrap_or_else(none))
    }
}

/// Where the application stands in all partitions that it has. Of a topic that was made anew that is not known, before the fetcher has
/// seen it neither.
fn positions(inner: &Inner, consumer: &Shared, cluster: &Cluster) -> BTreeMap<TopicPartition, Arc<Position>> {
    let mut all = inner.revoking.clone();
    let state = consumer.state();
    for key in state.fetcher.assignment() {
        if let Some(position) = state.fetcher.position(key).filter(|_| !state.fetcher.is_made_anew(key, cluster)) {
            all.insert(key.clone(), position.clone());
        }
    }
    all
}

/// Without those that were deleted: nothing can be committed of them.
fn there<T>(mut positions: BTreeMap<TopicPartition, T>, cluster: &Cluster) -> BTreeMap<TopicPartition, T> {
    positions.retain(|key, _| !cluster.is_gone(&key.topic, key.partition));
    positions
}

fn outcome(told: Result<CommitOutcome, oneshot::error::RecvError>) -> Result<(), Error> {
    told.map_err(|_| closed())?.result
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the consumer is closed")
}
