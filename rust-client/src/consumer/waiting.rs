//! What a consumer and its driver share, and how its application waits for records: in line, doing what its group asks meanwhile.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use ottla_core::consumer::{FetchedBatch, Fetcher, StartAt, TopicPartition};
use ottla_core::error::{Error, ErrorKind};
use tokio::sync::Notify;

use crate::group::Answering;

/// What the application and the driver share.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Wakes the driver.
    pub(super) wake: Arc<Notify>,
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
    pub(super) closed: bool,
}

impl State {
    fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, work: VecDeque::new(), doing: Doing::Nothing, wakers: BTreeMap::new(), next_place: 0, closed: false }
    }

    pub(super) fn has_work(&self) -> bool {
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
pub(super) struct Waiter(pub(super) Place);

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
    pub(super) fn new(fetcher: Fetcher, wake: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(fetcher)), wake })
    }

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
    pub(super) fn rouse(&self, mut state: MutexGuard<'_, State>) {
        let driver = state.fetcher.take_wake();
        let wakers = if state.fetcher.is_ready() || state.closed { std::mem::take(&mut state.wakers) } else { BTreeMap::new() };
        drop(state);
        if driver {
            self.wake.notify_one();
        }
        wakers.into_values().for_each(Waker::wake);
    }

    /// Takes the next batch or an error, if there is one.
    pub(super) fn take(&self, state: &mut State) -> Option<Result<FetchedBatch, Error>> {
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
    pub(super) fn poll_next(
        &self,
        place: &mut Option<u64>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<FetchedBatch>, Error>> {
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use ottla_core::consumer::ConsumerSettings;
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
        let shared = Shared::new(fetcher, Arc::new(Notify::new()));
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
