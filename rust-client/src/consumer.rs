//! The public consumer, and the task that carries out what the fetcher decides.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ottla_core::config::{AutoOffsetReset, Config, ConsumerConfig};
use ottla_core::consumer::{
    CompletedFetch, ConsumerCommand, ConsumerSettings, ConsumerSnapshot, Decoded, EARLIEST_TIMESTAMP, FetchedBatch, Fetcher,
    IsolationLevel, LATEST_TIMESTAMP, ResetPolicy, StartAt, TopicPartition, Watermarks, fit_fetch_request,
};
use ottla_core::error::{Error, ErrorKind};
use ottla_core::group::LeavePolicy;
use ottla_core::group::assignor::PartitionAssignor;
use ottla_core::time::{Clock, Instant};
use ottla_protocol::messages::fetch::{FetchRequest, FetchResponse};
use ottla_protocol::messages::list_offsets::ListOffsetsResponse;
use ottla_protocol::messages::offset_for_leader_epoch::OffsetForLeaderEpochResponse;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use crate::client::ClientInner;
use crate::group::{Answering, Closing, Group, RebalanceListener};
use crate::network::Purpose;
use crate::offsets::{OffsetAndTimestamp, list_offsets};
use crate::runtime::block_on;

/// What the application and the driver share.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Wakes the driver.
    wake: Arc<Notify>,
}

/// What the application has to see to before it gets more records.
pub(crate) enum Work {
    /// To hear of an error.
    Error(Error),
    /// To answer a question of its group's, on the thread that asks for records.
    Answer(Answering),
    /// To run an assignor of its own there.
    Assign(Answering),
}

/// The piece of work that is being done.
enum Doing {
    Nothing,
    /// Somebody polls it right now.
    Polled,
    /// It waits. Whoever comes next polls it.
    Waiting(Answering),
}

pub(crate) struct State {
    pub(crate) fetcher: Fetcher,
    work: VecDeque<Work>,
    doing: Doing,
    /// Of those who wait for a batch, by their places in line.
    wakers: BTreeMap<u64, Waker>,
    next_place: u64,
    closed: bool,
}

impl State {
    fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, work: VecDeque::new(), doing: Doing::Nothing, wakers: BTreeMap::new(), next_place: 0, closed: false }
    }

    fn has_work(&self) -> bool {
        !self.work.is_empty() || !matches!(self.doing, Doing::Nothing)
    }

    /// What is next; errors stay where they are unless they are wanted.
    fn next_work(&mut self, errors: bool) -> Option<Work> {
        let wanted = |work: &Work| errors || !matches!(work, Work::Error(_));
        self.work.iter().position(wanted).and_then(|at| self.work.remove(at))
    }
}

/// A place in the line of those who wait. Dropped, it leaves nothing behind: whoever asks a quiet partition again and again does not
/// pile up wakers.
pub(crate) struct Place {
    shared: Arc<Shared>,
    place: Option<u64>,
}

impl Place {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, place: None }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Stands in line, once however often it is polled.
    pub(crate) fn stand(&mut self, context: &Context<'_>) {
        let mut state = self.shared.state();
        let before = state.stand(&mut self.place, context);
        drop(state);
        drop(before);
    }

    /// Stands in line no more.
    pub(crate) fn leave(&mut self) {
        let Some(place) = self.place.take() else { return };
        let mut state = self.shared.state();
        let waker = state.wakers.remove(&place);
        // What this one polled is for another to poll.
        let others = if state.has_work() { std::mem::take(&mut state.wakers) } else { BTreeMap::new() };
        // Dropped outside the lock: with it may go a task, and with that a waiter.
        drop(state);
        drop(waker);
        others.into_values().for_each(Waker::wake);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// One who waits for a batch.
struct Waiter(Place);

impl Future for Waiter {
    type Output = Result<Option<FetchedBatch>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Place { shared, place } = &mut self.0;
        shared.poll_next(place, context)
    }
}

thread_local! {
    /// Whose listener runs on this thread: the address of what it shares with its driver.
    static LISTENING: Cell<usize> = const { Cell::new(0) };
}

/// Someone polls the work. Dropped with it undone, a listener has panicked.
struct Doer<'a> {
    shared: &'a Shared,
    before: usize,
    left: Option<Answering>,
}

impl Drop for Doer<'_> {
    fn drop(&mut self) {
        LISTENING.set(self.before);
        let mut state = self.shared.state();
        let waits = self.left.is_some();
        state.doing = self.left.take().map_or(Doing::Nothing, Doing::Waiting);
        // Others wait for its end.
        let wakers = if waits { BTreeMap::new() } else { std::mem::take(&mut state.wakers) };
        drop(state);
        wakers.into_values().for_each(Waker::wake);
    }
}

impl State {
    /// Returns the waker that stood there before, to be dropped outside the lock.
    fn stand(&mut self, place: &mut Option<u64>, context: &Context<'_>) -> Option<Waker> {
        let next = &mut self.next_place;
        let place = *place.get_or_insert_with(|| {
            *next += 1;
            *next
        });
        self.wakers.insert(place, context.waker().clone())
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something for the application, and wakes the driver if that gives it something to do.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Fetcher) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state.fetcher);
        self.rouse(state);
        result
    }

    /// Wakes whom a change concerns.
    fn rouse(&self, mut state: MutexGuard<'_, State>) {
        let driver = state.fetcher.take_wake();
        let wakers = if state.fetcher.is_ready() || state.closed { std::mem::take(&mut state.wakers) } else { BTreeMap::new() };
        drop(state);
        if driver {
            self.wake.notify_one();
        }
        wakers.into_values().for_each(Waker::wake);
    }

    /// Takes the next batch or an error, if there is one.
    fn take(&self, state: &mut State) -> Option<Result<FetchedBatch, Error>> {
        let taken = state.fetcher.take();
        if state.fetcher.take_wake() {
            self.wake.notify_one();
        }
        taken
    }

    /// Gives the application something to see to.
    pub(crate) fn push_work(&self, work: Work) {
        let mut state = self.state();
        state.work.push_back(work);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_values().for_each(Waker::wake);
    }

    /// Partitions start where their group stands; the work comes before their first record.
    pub(crate) fn start_partitions(&self, starts: Vec<(TopicPartition, StartAt)>, work: Option<Work>) {
        let mut state = self.state();
        state.fetcher.start(starts);
        if let Some(work) = work {
            state.work.push_back(work);
            let wakers = std::mem::take(&mut state.wakers);
            self.rouse(state);
            wakers.into_values().for_each(Waker::wake);
        } else {
            self.rouse(state);
        }
    }

    /// What is still to be done when nobody asks for records any more; and whether the application's code has begun with it.
    pub(crate) fn take_work(&self) -> Option<(Work, bool)> {
        let mut state = self.state();
        match std::mem::replace(&mut state.doing, Doing::Nothing) {
            Doing::Waiting(waiting) => Some((Work::Answer(waiting), true)),
            Doing::Polled => {
                state.doing = Doing::Polled;
                None
            }
            Doing::Nothing => state.work.pop_front().map(|work| (work, false)),
        }
    }

    /// Whether somebody waits for records right now.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.state().wakers.is_empty()
    }

    /// Does what the application has to see to: once through; whether there was anything. Who is not done with it has to stand in
    /// line before. Errors are for those who ask for records.
    pub(crate) fn serve(&self, context: &mut Context<'_>, errors: bool) -> Poll<Result<bool, Error>> {
        let me = std::ptr::from_ref(self) as usize;
        let mut served = false;
        loop {
            let mut state = self.state();
            if !state.has_work() {
                return Poll::Ready(Ok(served));
            }
            if LISTENING.get() == me {
                let what = "records can't be asked for, nor the consumer closed, from within its rebalance listener";
                return Poll::Ready(Err(Error::new(ErrorKind::State, what)));
            }
            let mut answering = match std::mem::replace(&mut state.doing, Doing::Nothing) {
                Doing::Polled => {
                    state.doing = Doing::Polled;
                    return Poll::Pending;
                }
                Doing::Waiting(answering) => answering,
                Doing::Nothing => match state.next_work(errors) {
                    Some(Work::Answer(answering) | Work::Assign(answering)) => answering,
                    Some(Work::Error(error)) => return Poll::Ready(Err(error)),
                    None => return Poll::Ready(Ok(served)),
                },
            };
            state.doing = Doing::Polled;
            drop(state);
            let mut doer = Doer { shared: self, before: LISTENING.replace(me), left: None };
            if answering.as_mut().poll(context).is_pending() {
                doer.left = Some(answering);
                return Poll::Pending;
            }
            // It may answer the group as it goes.
            drop(answering);
            drop(doer);
            served = true;
        }
    }

    /// `place` is the waiter's own, so that it stands in line once however often it is polled.
    fn poll_next(&self, place: &mut Option<u64>, context: &mut Context<'_>) -> Poll<Result<Option<FetchedBatch>, Error>> {
        loop {
            let mut state = self.state();
            if state.closed {
                return Poll::Ready(Ok(None));
            }
            let idle = !state.has_work();
            if idle && let Some(taken) = self.take(&mut state) {
                let waker = place.take().and_then(|place| state.wakers.remove(&place));
                drop(state);
                drop(waker);
                return Poll::Ready(taken.map(Some));
            }
            let before = state.stand(place, context);
            drop(state);
            drop(before);
            if idle {
                return Poll::Pending;
            }
            match self.serve(context, true) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    let waker = place.take().and_then(|place| self.state().wakers.remove(&place));
                    drop(waker);
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

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
        let shared = Arc::new(Shared { state: Mutex::new(State::new(fetcher)), wake });
        let group = match group {
            Some(group) => Some(Group::start(&client, &shared, &config, group, assignors, listener)?),
            None => None,
        };
        let (stop, stopped) = watch::channel(());
        let driver = Driver {
            client: client.clone(),
            shared: shared.clone(),
            purpose: Purpose::Fetch(id),
            timeout: config.socket_timeout,
            fetch_timeout: config.socket_timeout.saturating_add(config.fetch_wait_max),
            tasks: JoinSet::new(),
        };
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

/// The answer to a command.
enum Answer {
    Fetch(u64, Result<FetchResponse, Error>),
    ListOffsets(u64, Result<ListOffsetsResponse, Error>),
    OffsetForLeaderEpoch(u64, Result<OffsetForLeaderEpochResponse, Error>),
}

/// Owns the fetcher's IO: one task on the IO runtime, and a task for each request under way.
struct Driver {
    client: Arc<ClientInner>,
    shared: Arc<Shared>,
    purpose: Purpose,
    timeout: Duration,
    fetch_timeout: Duration,
    tasks: JoinSet<Answer>,
}

impl Driver {
    async fn run(mut self, mut stopped: watch::Receiver<()>) {
        let mut news = self.client.news();
        let mut commands = Vec::new();
        let (done, mut decoded) = mpsc::unbounded_channel();
        loop {
            let Some((deadline, completed)) = self.step(&mut commands) else { break };
            // Out with the next requests first, so that the brokers work while this thread decodes.
            for command in commands.drain(..) {
                self.carry_out(command);
            }
            if let Some(completed) = completed {
                if completed.takes_long() {
                    let done = done.clone();
                    // Nobody listens any more once the consumer is closed.
                    completed.decode_elsewhere(&*self.client.offload, move |decoded| drop(done.send(decoded)));
                    continue;
                }
                self.take_in_decoded(completed.decode());
                while let Some(answer) = self.tasks.try_join_next() {
                    self.take_in(answer.ok());
                }
                tokio::task::yield_now().await;
                continue;
            }
            let until = self.client.clock.to_tokio(deadline);
            tokio::select! {
                biased;
                _ = stopped.changed() => break,
                Some(answer) = self.tasks.join_next(), if !self.tasks.is_empty() => self.take_in(answer.ok()),
                Some(decoded) = decoded.recv() => self.take_in_decoded(decoded),
                () = self.shared.wake.notified() => {}
                () = news.changed() => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
        self.client.connections.release(self.purpose);
    }

    /// What to ask for, when to come back at the latest, and what there is to decode. `None` once the consumer is closed.
    fn step(&self, commands: &mut Vec<ConsumerCommand>) -> Option<(Instant, Option<CompletedFetch>)> {
        let mut state = self.shared.state();
        if state.closed {
            return None;
        }
        state.fetcher.set_wall_millis(self.client.clock.wall_millis());
        let deadline = state.fetcher.poll(self.client.clock.now(), &self.client.cluster(), commands);
        state.fetcher.take_wake();
        let completed = state.fetcher.next_completed();
        self.shared.rouse(state);
        Some((deadline, completed))
    }

    fn take_in_decoded(&self, decoded: Decoded) {
        let now = self.client.clock.now();
        self.shared.change(|fetcher| fetcher.on_decoded(now, decoded));
    }

    fn take_in(&self, answer: Option<Answer>) {
        let now = self.client.clock.now();
        let hints = self.shared.change(|fetcher| {
            match answer {
                Some(Answer::Fetch(token, answer)) => fetcher.on_fetch(now, token, answer),
                Some(Answer::ListOffsets(token, answer)) => fetcher.on_list_offsets(now, token, answer),
                Some(Answer::OffsetForLeaderEpoch(token, answer)) => fetcher.on_offset_for_leader_epoch(now, token, answer),
                // The task panicked, or the runtime ends.
                None => {}
            }
            fetcher.take_hints()
        });
        if !hints.is_empty() {
            self.client.learn_leaders(&hints);
        }
    }

    fn carry_out(&mut self, command: ConsumerCommand) {
        let client = self.client.clone();
        let (timeout, purpose) = (self.timeout, self.purpose);
        match command {
            ConsumerCommand::Fetch { token, broker, request, max_version } => {
                let timeout = self.fetch_timeout;
                self.tasks.spawn(async move {
                    Answer::Fetch(token, fetch(&client, broker, purpose, request, max_version, timeout).await)
                });
            }
            ConsumerCommand::ListOffsets { token, broker, request } => {
                self.tasks.spawn(async move {
                    Answer::ListOffsets(token, client.call(broker, Purpose::Common, &request, timeout).await)
                });
            }
            ConsumerCommand::OffsetForLeaderEpoch { token, broker, request } => {
                self.tasks.spawn(async move {
                    Answer::OffsetForLeaderEpoch(token, client.call(broker, Purpose::Common, &request, timeout).await)
                });
            }
            ConsumerCommand::RefreshMetadata => self.client.refresh(),
        }
    }
}

async fn fetch(
    client: &ClientInner,
    broker: i32,
    purpose: Purpose,
    request: FetchRequest,
    max_version: Option<i16>,
    timeout: Duration,
) -> Result<FetchResponse, Error> {
    let response = client.call_fitted(&client.broker(broker)?, purpose, request, fit_fetch_request, max_version, timeout).await?;
    client.observer.throttled(broker, response.throttle_time_ms);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use ottla_core::random::Rng;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_waiter_stands_in_line_once_and_leaves_when_it_is_dropped() {
        let fetcher = Fetcher::new(ConsumerSettings::default(), Rng::from_seed(1));
        let shared = Arc::new(Shared { state: Mutex::new(State::new(fetcher)), wake: Arc::new(Notify::new()) });
        let kept = Arc::new(Count::default());
        let mut waiter = pin!(Waiter(Place::new(shared.clone())));
        for _ in 0..100 {
            assert!(waiter.as_mut().poll(&mut Context::from_waker(&Waker::from(kept.clone()))).is_pending());
            // Each has a waker of its own, as each call of a blocking twin has.
            let mut dropped = pin!(Waiter(Place::new(shared.clone())));
            let waker = Waker::from(Arc::new(Count::default()));
            assert!(dropped.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert_eq!(shared.state().wakers.len(), 1);
        let mut state = shared.state();
        state.closed = true;
        shared.rouse(state);
        assert_eq!(kept.0.load(Ordering::SeqCst), 1, "a dropped waiter takes nobody's wake-up along");
        assert!(shared.state().wakers.is_empty());
    }
}
