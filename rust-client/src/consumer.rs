//! The public consumer.

mod driver;
mod waiting;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ottla_core::config::{AutoOffsetReset, Config, ConsumerConfig};
use ottla_core::consumer::{
    ConsumerSettings, ConsumerSnapshot, EARLIEST_TIMESTAMP, FetchedBatch, Fetcher, IsolationLevel, LATEST_TIMESTAMP, ResetPolicy,
    StartAt, TopicPartition, Watermarks,
};
use ottla_core::error::{Error, ErrorKind};
use ottla_core::group::LeavePolicy;
use ottla_core::group::assignor::PartitionAssignor;
use tokio::sync::{Notify, watch};

use crate::client::ClientInner;
use crate::group::{Closing, Group, RebalanceListener};
use crate::offsets::{OffsetAndTimestamp, list_offsets};
use crate::runtime::block_on;

use driver::Driver;
use waiting::Waiter;
pub(crate) use waiting::{Place, Shared, Work};

/// Reads partitions: those that it is assigned to ([`Consumer::assign`]), or those that its group gives it
/// ([`Consumer::subscribe`]).
///
/// In a group, what the group asks is answered, and positions are committed, while records are asked for: an application that does
/// not ask for longer than `max.poll.interval.ms` loses its partitions to other members, hears of that
/// ([`ErrorKind::MaxPollExceeded`]), and joins the group again.
///
/// Records come a batch at a time ([`Consumer::next`]) as they lie in the log. A batch counts as consumed, and its partition's
/// position moves behind it, when the next one is asked for; or record by record with [`FetchedBatch::into_cursor`]. What goes
/// wrong with a partition comes as an error of one call, after which the consumer goes on with the others.
///
/// Records that can't be read (a wrong checksum, a batch that inflates beyond `inflate.max.bytes`) come as such an error with topic,
/// partition and [`Error::offset`]; the position stays there, and each further call tries again. To skip them,
/// [`Consumer::seek`] to the error's [`Error::next_offset`].
pub struct Consumer {
    shared: Arc<Shared>,
    client: Arc<ClientInner>,
    config: ConsumerConfig,
    isolation: IsolationLevel,
    /// The stream's place in line.
    stream_place: Option<u64>,
    group: Option<Arc<Group>>,
    /// Dropped with the consumer: the driver ends.
    _stop: watch::Sender<()>,
}

impl Consumer {
    pub(crate) fn new(client: Arc<ClientInner>) -> Result<Self, Error> {
        let config = client.config.clone();
        Self::with_config(client, &config, Vec::new(), None)
    }

    pub(crate) fn with_config(
        client: Arc<ClientInner>,
        all: &Config,
        assignors: Vec<Arc<dyn PartitionAssignor>>,
        listener: Option<Arc<dyn RebalanceListener>>,
    ) -> Result<Self, Error> {
        let config = all.consumer()?;
        let group = all.group()?;
        let settings = settings(&config);
        let isolation = settings.isolation;
        let mut rng = client.fork_rng();
        let id = rng.next_u64();
        let fetcher = Fetcher::new(settings, rng);
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        fetcher.quota().set_notify(Arc::new(move || waker.notify_one()));
        let shared = Shared::new(fetcher, wake);
        let group = match group {
            Some(group) => Some(Group::start(&client, &shared, &config, group, assignors, listener)?),
            None => None,
        };
        let (stop, stopped) = watch::channel(());
        let driver = Driver::new(client.clone(), shared.clone(), id, &config);
        client.handle.spawn(driver.run(stopped));
        Ok(Self { shared, client, config, isolation, stream_place: None, group, _stop: stop })
    }

    pub(crate) fn group(&self) -> Option<&Arc<Group>> {
        self.group.as_ref()
    }

    fn polled(&self) {
        if let Some(group) = &self.group {
            group.application_polled();
        }
    }

    /// Waits for `work` for so long.
    pub(crate) async fn within(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<(), Error>>,
        late: &'static str,
    ) -> Result<(), Error> {
        let mut work = pin!(work);
        let mut over = pin!(self.client.sleep(limit));
        std::future::poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => over.as_mut().poll(context).map(|()| Err(Error::new(ErrorKind::Timeout, late))),
        })
        .await
    }

    /// Replaces the assignment: (topic, partition, where to start). Batches that were taken before hand out no more records. While
    /// the consumer subscribes, its group assigns: then this does nothing, and the next call of [`Consumer::next`] says so
    /// ([`ErrorKind::State`]).
    pub fn assign<T: AsRef<str>>(&self, partitions: impl IntoIterator<Item = (T, i32, StartAt)>) {
        if self.group.as_ref().is_some_and(|group| group.is_subscribed()) {
            let what = "can't assign partitions by hand: the consumer subscribes, and its group assigns";
            return self.shared.push_work(Work::Error(Error::new(ErrorKind::State, what)));
        }
        let partitions: Vec<(TopicPartition, StartAt)> =
            partitions.into_iter().map(|(topic, partition, at)| (TopicPartition::new(topic.as_ref(), partition), at)).collect();
        for (key, _) in &partitions {
            self.client.follow(&key.topic, self.config.allow_auto_create_topics);
        }
        self.shared.change(|fetcher| fetcher.assign(partitions));
    }

    /// Adds partitions to those that are assigned by hand, which go on undisturbed.
    ///
    /// # Errors
    /// [`ErrorKind::State`] while the consumer subscribes: then its group assigns.
    pub fn incremental_assign<T: AsRef<str>>(
        &self,
        partitions: impl IntoIterator<Item = (T, i32, StartAt)>,
    ) -> Result<(), Error> {
        self.assigns_by_hand()?;
        let partitions: Vec<(TopicPartition, StartAt)> =
            partitions.into_iter().map(|(topic, partition, at)| (TopicPartition::new(topic.as_ref(), partition), at)).collect();
        for (key, _) in &partitions {
            self.client.follow(&key.topic, self.config.allow_auto_create_topics);
        }
        self.shared.change(|fetcher| fetcher.add(partitions));
        Ok(())
    }

    /// Takes partitions from those that are assigned by hand; the others go on undisturbed.
    ///
    /// # Errors
    /// [`ErrorKind::State`] while the consumer subscribes: then its group assigns.
    pub fn incremental_unassign<T: AsRef<str>>(&self, partitions: impl IntoIterator<Item = (T, i32)>) -> Result<(), Error> {
        self.assigns_by_hand()?;
        let keys: Vec<TopicPartition> =
            partitions.into_iter().map(|(topic, partition)| TopicPartition::new(topic.as_ref(), partition)).collect();
        self.shared.change(|fetcher| fetcher.remove(&keys));
        Ok(())
    }

    fn assigns_by_hand(&self) -> Result<(), Error> {
        if self.group.as_ref().is_some_and(|group| group.is_subscribed()) {
            let what = "can't assign partitions by hand: the consumer subscribes, and its group assigns";
            return Err(Error::new(ErrorKind::State, what));
        }
        Ok(())
    }

    /// Goes on elsewhere in a partition. Batches of it that were taken before hand out no more records.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the partition is not assigned.
    pub fn seek(&self, topic: &str, partition: i32, at: StartAt) -> Result<(), Error> {
        let key = TopicPartition::new(topic, partition);
        self.shared.change(|fetcher| fetcher.seek(&key, at))
    }

    /// Hands out no records of a partition until it is resumed. Its position stays.
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the partition is not assigned.
    pub fn pause(&self, topic: &str, partition: i32) -> Result<(), Error> {
        let key = TopicPartition::new(topic, partition);
        self.shared.change(|fetcher| fetcher.pause(&key))
    }

    /// Ends [`Consumer::pause`].
    ///
    /// # Errors
    /// [`ErrorKind::State`] if the partition is not assigned.
    pub fn resume(&self, topic: &str, partition: i32) -> Result<(), Error> {
        let key = TopicPartition::new(topic, partition);
        self.shared.change(|fetcher| fetcher.resume(&key))
    }

    /// The assigned partitions.
    #[must_use]
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.shared.state().fetcher.assignment().cloned().collect()
    }

    /// The assigned partitions that are paused.
    #[must_use]
    pub fn paused(&self) -> Vec<TopicPartition> {
        self.shared.state().fetcher.paused().cloned().collect()
    }

    /// The offset of the next record to consume. `None` if the partition is not assigned, or as long as its first offset is being
    /// looked up.
    #[must_use]
    pub fn position(&self, topic: &str, partition: i32) -> Option<i64> {
        let key = TopicPartition::new(topic, partition);
        self.shared.state().fetcher.position(&key)?.offset()
    }

    /// The next batch of records; waits until there is one. What was taken before counts as consumed. `None` once the consumer is
    /// closed. Dropping the future loses nothing.
    ///
    /// # Errors
    /// What is wrong with a partition, or with a broker for some time. The consumer goes on: call again.
    pub async fn next(&self) -> Result<Option<FetchedBatch>, Error> {
        self.polled();
        Waiter(Place::new(self.shared.clone())).await
    }

    /// [`Consumer::next`], but `None` as well if nothing came within `limit`.
    ///
    /// # Errors
    /// As [`Consumer::next`].
    pub async fn next_timeout(&self, limit: Duration) -> Result<Option<FetchedBatch>, Error> {
        let mut next = pin!(self.next());
        let mut late = None;
        std::future::poll_fn(|context| {
            if let Poll::Ready(next) = next.as_mut().poll(context) {
                return Poll::Ready(next);
            }
            let late = late.get_or_insert_with(|| Box::pin(self.client.sleep(limit)));
            late.as_mut().poll(context).map(|()| Ok(None))
        })
        .await
    }

    /// [`Consumer::next_timeout`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Consumer::next`].
    pub fn next_blocking(&self, limit: Duration) -> Result<Option<FetchedBatch>, Error> {
        block_on(self.next_timeout(limit))
    }

    /// The next batch if one is there.
    ///
    /// # Errors
    /// As [`Consumer::next`].
    pub fn try_next(&self) -> Result<Option<FetchedBatch>, Error> {
        self.polled();
        match self.shared.serve(&mut Context::from_waker(Waker::noop()), true) {
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => return Ok(None),
        }
        let mut state = self.shared.state();
        if state.closed || state.has_work() { Ok(None) } else { self.shared.take(&mut state).transpose() }
    }

    /// Says that the application goes on with what it has: this counts as a call of [`Consumer::next`] for `max.poll.interval.ms`,
    /// and takes no records. `true`: its group asks for something, or there is an error to hear of; [`Consumer::serve`] sees to it.
    pub fn progressed(&self) -> bool {
        self.polled();
        self.shared.state().has_work()
    }

    /// Sees to what the group asks for, the listener's calls among it, and takes no records. Ready at once if there is nothing.
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// As [`Consumer::next`].
    pub async fn serve(&self) -> Result<(), Error> {
        self.polled();
        let mut place = Place::new(self.shared.clone());
        std::future::poll_fn(|context| {
            place.stand(context);
            self.shared.serve(context, true).map_ok(|_| ())
        })
        .await
    }

    /// The batch right behind one that was taken, of the same partition, if it is there already and has no more than so many bytes:
    /// for faces that hand out small batches together. The one before counts as consumed then, unless its records are handed out one
    /// by one.
    #[must_use]
    pub fn next_behind(&self, taken: &FetchedBatch, max_bytes: usize) -> Option<FetchedBatch> {
        self.shared.change(|fetcher| fetcher.take_behind(taken, max_bytes))
    }

    /// What an assigned partition's log holds, as the last fetch told.
    #[must_use]
    pub fn cached_watermarks(&self, topic: &str, partition: i32) -> Option<Watermarks> {
        self.shared.state().fetcher.watermarks(&TopicPartition::new(topic, partition))
    }

    /// How many offsets the position of an assigned partition is behind the end, as the last fetch told: under read_committed the last
    /// stable offset, else the high watermark. `None` if the partition is not assigned, or before the first fetch. Those of all
    /// partitions are in [`Consumer::metrics`].
    #[must_use]
    pub fn lag(&self, topic: &str, partition: i32) -> Option<u64> {
        self.shared.state().fetcher.lag(&TopicPartition::new(topic, partition))
    }

    /// Asks for a partition's first offset and for its end: the high watermark, under read_committed the last stable offset.
    ///
    /// # Errors
    /// If the leader could not be asked within `default.api.timeout.ms`, or the partition does not exist.
    pub async fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64), Error> {
        let key = TopicPartition::new(topic, partition);
        let first = self.query(vec![(key.clone(), EARLIEST_TIMESTAMP)]).await?;
        let end = self.query(vec![(key, LATEST_TIMESTAMP)]).await?;
        let offset =
            |found: &[(TopicPartition, Option<OffsetAndTimestamp>)]| found.first().and_then(|(_, at)| *at).map(|at| at.offset);
        offset(&first)
            .zip(offset(&end))
            .ok_or_else(|| Error::new(ErrorKind::Protocol, "the broker did not tell the partition's first offset and its end"))
    }

    /// [`Consumer::watermarks`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Consumer::watermarks`].
    pub fn watermarks_blocking(&self, topic: &str, partition: i32) -> Result<(i64, i64), Error> {
        block_on(self.watermarks(topic, partition))
    }

    /// Asks for the first records with a timestamp (ms since the epoch) or a later one; `None` where there is no such record.
    ///
    /// # Errors
    /// If a leader could not be asked within `default.api.timeout.ms`, or a partition does not exist.
    pub async fn offsets_for_times<T: AsRef<str>>(
        &self,
        times: impl IntoIterator<Item = (T, i32, i64)>,
    ) -> Result<Vec<(TopicPartition, Option<OffsetAndTimestamp>)>, Error> {
        let times = times.into_iter();
        // Below zero are the special values, which have calls of their own.
        self.query(times.map(|(topic, partition, at)| (TopicPartition::new(topic.as_ref(), partition), at.max(0))).collect())
            .await
    }

    /// [`Consumer::offsets_for_times`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Consumer::offsets_for_times`].
    pub fn offsets_for_times_blocking<T: AsRef<str>>(
        &self,
        times: impl IntoIterator<Item = (T, i32, i64)>,
    ) -> Result<Vec<(TopicPartition, Option<OffsetAndTimestamp>)>, Error> {
        block_on(self.offsets_for_times(times))
    }

    async fn query(&self, times: Vec<(TopicPartition, i64)>) -> Result<Vec<(TopicPartition, Option<OffsetAndTimestamp>)>, Error> {
        let client = self.client.clone();
        let unknown = self.config.topic_metadata_propagation_max;
        self.client.run(list_offsets(client, self.isolation, times, self.config.default_api_timeout, unknown)).await
    }

    /// What the consumer has counted.
    #[must_use]
    pub fn metrics(&self) -> ConsumerSnapshot {
        self.shared.state().fetcher.metrics()
    }

    /// Ends consuming: the batch taken last counts as consumed, waiters get `None`, fetches under way are given up. Batches that
    /// the application holds stay readable.
    ///
    /// In a group, what was consumed is committed then (with `enable.auto.commit`) and the group is left, all within
    /// `close.timeout.ms`, whether the coordinator answers or not. That goes on by itself; who wants to know its end, and its
    /// listener to be asked, waits for what this answers with.
    pub fn close(&self) -> Closing {
        self.close_with(LeavePolicy::Default)
    }

    /// [`Consumer::close`] with a say in whether the group is left (KIP-1092): by default a static member (`group.instance.id`) stays,
    /// so that it moves no partitions if it is back before `session.timeout.ms` is over, and others leave.
    pub fn close_with(&self, leave: LeavePolicy) -> Closing {
        let mut state = self.shared.state();
        state.fetcher.consume_taken();
        state.closed = true;
        self.shared.rouse(state);
        // The driver sees it when it is woken.
        self.shared.wake.notify_one();
        if let Some(group) = &self.group {
            group.begin_close(leave);
        }
        Closing::new(&self.shared, self.group.as_ref())
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl futures_core::Stream for Consumer {
    type Item = Result<FetchedBatch, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.polled();
        this.shared.poll_next(&mut this.stream_place, context).map(Result::transpose)
    }
}

fn settings(config: &ConsumerConfig) -> ConsumerSettings {
    use ottla_core::config::IsolationLevel as Configured;
    ConsumerSettings {
        fetch_min_bytes: config.fetch_min_bytes,
        fetch_wait_max: config.fetch_wait_max,
        fetch_max_bytes: config.fetch_max_bytes,
        max_partition_fetch_bytes: config.max_partition_fetch_bytes,
        queued_max_bytes: config.queued_max_bytes,
        client_rack: config.client_rack.as_str().into(),
        metadata_max_age: config.metadata_max_age,
        check_crcs: config.check_crcs,
        partition_eof: config.partition_eof,
        isolation: match config.isolation_level {
            Configured::ReadUncommitted => IsolationLevel::ReadUncommitted,
            Configured::ReadCommitted => IsolationLevel::ReadCommitted,
        },
        reset: match config.auto_offset_reset {
            AutoOffsetReset::Earliest => ResetPolicy::Earliest,
            AutoOffsetReset::Latest => ResetPolicy::Latest,
            AutoOffsetReset::ByDuration(ago) => ResetPolicy::ByDuration(ago),
            AutoOffsetReset::None => ResetPolicy::None,
        },
        retry_backoff: config.retry_backoff,
        retry_backoff_max: config.retry_backoff_max,
        unknown_topic_after: config.topic_metadata_propagation_max,
        inflate_limit: config.inflate_max_bytes,
        ..ConsumerSettings::default()
    }
}
