//! A queue that a caller is served from when it polls.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ottla_core::event_queue::EventQueue;

use crate::wait::{Waited, wait};

/// What tells a foreign loop that a queue is not empty any more. Called on the thread that put the first event in, so it must not
/// block: it rings, and the loop comes and polls.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Those who wait at a queue, and the foreign loop that is woken beside them.
#[derive(Default)]
struct Bell {
    wakers: BTreeMap<u64, Waker>,
    next: u64,
    wake: Option<Wake>,
}

struct Inner<E> {
    events: Arc<EventQueue<E>>,
    bell: Arc<Mutex<Bell>>,
    /// Where its events go instead.
    target: Mutex<Option<Queue<E>>>,
}

/// A queue of events, shared by its clones: any thread may put one in, any thread may take one out, and several may wait.
pub struct Queue<E> {
    inner: Arc<Inner<E>>,
}

impl<E> Clone for Queue<E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes whoever has waited longest.
fn ring_one(bell: &Mutex<Bell>) {
    let first = lock(bell).wakers.pop_first();
    if let Some((_, waker)) = first {
        waker.wake();
    }
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        let (events, bell) = (EventQueue::new(), Arc::new(Mutex::new(Bell::default())));
        let ringing = bell.clone();
        events.set_notify(Some(Arc::new(move || {
            let (first, wake) = {
                let mut bell = lock(&ringing);
                (bell.wakers.pop_first(), bell.wake.clone())
            };
            if let Some((_, waker)) = first {
                waker.wake();
            }
            if let Some(wake) = wake {
                wake();
            }
        })));
        Self { inner: Arc::new(Inner { events, bell, target: Mutex::new(None) }) }
    }
}

impl<E> Queue<E> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether both are the same queue.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Puts an event in.
    pub fn push(&self, event: E) {
        self.inner.events.push(event);
    }

    /// Puts an event back that was taken and not wholly served: it comes first at the next poll.
    pub fn put_back(&self, event: E) {
        self.inner.events.put_back(event);
    }

    /// The queue at the end of what this one is forwarded to: itself, if it is not.
    #[must_use]
    pub fn end(&self) -> Self {
        let mut queue = self.clone();
        loop {
            let next = lock(&queue.inner.target).clone();
            match next {
                Some(next) => queue = next,
                None => return queue,
            }
        }
    }

    /// Takes the oldest event, if there is one. A queue that is forwarded has none: ask [`Queue::end`], as [`Queue::pop`] does.
    pub fn try_pop(&self) -> Option<E> {
        let event = self.inner.events.try_pop()?;
        // Only the first event into an empty queue rings: who takes one sees to the next.
        if !self.inner.events.is_empty() {
            ring_one(&self.inner.bell);
        }
        Some(event)
    }

    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.events.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for an event: of the queue that this one is forwarded to, if it is.
    #[must_use]
    pub fn pop(&self) -> Pop<E> {
        Pop { queue: self.clone(), at: None }
    }

    /// [`Queue::pop`] on this thread, for `limit` at the longest, unless its host wants the thread back.
    pub fn pop_within(&self, limit: Option<Duration>, interrupted: &mut dyn FnMut() -> bool) -> Waited<E> {
        wait(std::pin::pin!(self.pop()), limit, interrupted)
    }

    /// Sets what is called when the queue stops being empty, and at once if it is not: once, until the queue was drained.
    /// Whether it was called at once.
    pub fn set_wake(&self, wake: Option<Wake>) -> bool {
        let before = std::mem::replace(&mut lock(&self.inner.bell).wake, wake.clone());
        drop(before);
        let at_once = wake.filter(|_| !self.is_empty());
        if let Some(wake) = &at_once {
            wake();
        }
        at_once.is_some()
    }

    /// Has all who wait here look again: at what they wait for beside the queue, or at another queue.
    pub fn wake_all(&self) {
        let wakers = std::mem::take(&mut lock(&self.inner.bell).wakers);
        wakers.into_values().for_each(Waker::wake);
    }

    /// Sends what waits and all that comes into `target`, or stops doing so. `false`: that would close a circle, and is not done.
    pub fn forward_to(&self, target: Option<&Self>) -> bool {
        // Held throughout, so that what waiters follow is what the events follow.
        let mut now = lock(&self.inner.target);
        if !self.inner.events.forward_to(target.map(|target| target.inner.events.clone())) {
            return false;
        }
        let before = std::mem::replace(&mut *now, target.cloned());
        drop(now);
        drop(before);
        // Who waits here has to look elsewhere from now on.
        self.wake_all();
        true
    }
}

/// A wait for a queue's next event. Dropping it loses nothing.
pub struct Pop<E> {
    queue: Queue<E>,
    /// The queue where it waits, and its place in that line.
    at: Option<(Queue<E>, u64)>,
}

impl<E> Unpin for Pop<E> {}

impl<E> Pop<E> {
    fn leave(&mut self) {
        if let Some((queue, place)) = self.at.take() {
            let was_woken = lock(&queue.inner.bell).wakers.remove(&place).is_none();
            // The ring was for this one, which does not come: the next one does.
            if was_woken && !queue.is_empty() {
                ring_one(&queue.inner.bell);
            }
        }
    }
}

impl<E> Future for Pop<E> {
    type Output = E;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<E> {
        loop {
            let queue = self.queue.end();
            if let Some(event) = queue.try_pop() {
                if let Some((queue, place)) = self.at.take() {
                    drop(lock(&queue.inner.bell).wakers.remove(&place));
                }
                return Poll::Ready(event);
            }
            if self.at.as_ref().is_some_and(|(at, _)| !at.is_same(&queue)) {
                self.leave();
            }
            {
                let mut bell = lock(&queue.inner.bell);
                let place = match &self.at {
                    Some((_, place)) => *place,
                    None => {
                        bell.next += 1;
                        bell.next
                    }
                };
                let before = bell.wakers.insert(place, context.waker().clone());
                drop(bell);
                drop(before);
                self.at = Some((queue.clone(), place));
            }
            // In line first, then looked again: what came in between did not ring for this one.
            if queue.is_empty() && self.queue.end().is_same(&queue) {
                return Poll::Pending;
            }
        }
    }
}

impl<E> Drop for Pop<E> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const SOON: Option<Duration> = Some(Duration::from_secs(20));

    fn never() -> impl FnMut() -> bool {
        || false
    }

    #[test]
    fn each_of_several_waiters_gets_one() {
        let queue: Queue<u32> = Queue::new();
        let mut got: Vec<u32> = std::thread::scope(|scope| {
            let waiters: Vec<_> = (0..4).map(|_| scope.spawn(|| queue.pop_within(SOON, &mut never()).done())).collect();
            (0..4).for_each(|i| queue.push(i));
            waiters.into_iter().map(|waiter| waiter.join().unwrap().expect("an event in time")).collect()
        });
        got.sort_unstable();
        assert_eq!(got, [0, 1, 2, 3]);
    }

    #[test]
    fn a_waiter_that_is_woken_and_goes_wakes_the_next() {
        let queue: Queue<u32> = Queue::new();
        let mut first = queue.pop();
        let mut second = queue.pop();
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut first).poll(&mut context).is_pending());
        let woken = Arc::new(AtomicU32::new(0));
        struct Count(Arc<AtomicU32>);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let waker = Waker::from(Arc::new(Count(woken.clone())));
        assert!(Pin::new(&mut second).poll(&mut Context::from_waker(&waker)).is_pending());
        queue.push(1);
        assert_eq!(woken.load(Ordering::SeqCst), 0, "the ring was for the first");
        drop(first);
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        assert_eq!(Pin::new(&mut second).poll(&mut context), Poll::Ready(1));
    }

    #[test]
    fn who_waits_at_a_queue_that_is_forwarded_gets_what_comes_there() {
        let (main, other): (Queue<u32>, Queue<u32>) = (Queue::new(), Queue::new());
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| main.pop_within(SOON, &mut never()));
            assert!(main.forward_to(Some(&other)));
            assert!(!other.forward_to(Some(&main)), "no circles");
            main.push(7);
            assert_eq!(waiter.join().unwrap(), Waited::Done(7));
        });
        main.push(8);
        assert_eq!((main.len(), other.try_pop()), (0, Some(8)));
    }

    #[test]
    fn a_loop_is_woken_once_until_the_queue_is_drained() {
        let queue: Queue<u32> = Queue::new();
        let wakes = Arc::new(AtomicU32::new(0));
        let seen = wakes.clone();
        queue.push(1);
        queue.set_wake(Some(Arc::new(move || {
            seen.fetch_add(1, Ordering::SeqCst);
        })));
        assert_eq!(wakes.load(Ordering::SeqCst), 1, "it was not empty");
        queue.push(2);
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
        while queue.try_pop().is_some() {}
        queue.push(3);
        assert_eq!(wakes.load(Ordering::SeqCst), 2);
    }
}
