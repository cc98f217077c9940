//! A queue of events with many producers and one waker, which can be forwarded into another queue.
//!
//! What bindings serve to their callers comes through here, an event for a batch and not for a record.

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::collections::VecDeque;
use std::task::Waker;

/// Held while a queue is forwarded: two threads would else each find no circle, and close one together.
static FORWARDING: Mutex<()> = Mutex::new(());

/// What is called when an empty queue gets an event: a condition variable, a file descriptor, a callback.
pub type Notify = Arc<dyn Fn() + Send + Sync>;

/// What takes a queue's events instead of the queue.
pub type Relay<T> = Arc<dyn Fn(T) + Send + Sync>;

struct Inner<T> {
    events: VecDeque<T>,
    waker: Option<Waker>,
    notify: Option<Notify>,
    forward: Option<Arc<EventQueue<T>>>,
    relay: Option<Relay<T>>,
}

/// See the module's page.
pub struct EventQueue<T> {
    inner: Mutex<Inner<T>>,
}

impl<T> Default for EventQueue<T> {
    fn default() -> Self {
        let inner = Inner { events: VecDeque::new(), waker: None, notify: None, forward: None, relay: None };
        Self { inner: Mutex::new(inner) }
    }
}

impl<T> EventQueue<T> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an event; wakes the reader if the queue was empty.
    pub fn push(&self, event: T) {
        self.put(event, VecDeque::push_back);
    }

    /// Puts an event back that was taken and not seen to, before all that wait.
    pub fn put_back(&self, event: T) {
        self.put(event, VecDeque::push_front);
    }

    fn put(&self, event: T, place: fn(&mut VecDeque<T>, T)) {
        let mut inner = self.inner();
        if let Some(target) = inner.forward.clone() {
            drop(inner);
            target.put(event, place);
            return;
        }
        if let Some(relay) = inner.relay.clone() {
            drop(inner);
            relay(event);
            return;
        }
        place(&mut inner.events, event);
        if inner.events.len() == 1 {
            let (waker, notify) = (inner.waker.take(), inner.notify.clone());
            drop(inner);
            if let Some(waker) = waker {
                waker.wake();
            }
            if let Some(notify) = notify {
                notify();
            }
        }
    }

    /// Takes the oldest event.
    pub fn try_pop(&self) -> Option<T> {
        self.inner().events.pop_front()
    }

    /// Takes the oldest event, or leaves the waker to be woken by the next one. One reader waits at a time.
    pub fn poll_pop(&self, waker: &Waker) -> Option<T> {
        let mut inner = self.inner();
        let event = inner.events.pop_front();
        if event.is_none() {
            inner.waker = Some(waker.clone());
        }
        event
    }

    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner().events.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets what is called when the queue stops being empty; called at once if it is not empty now.
    pub fn set_notify(&self, notify: Option<Notify>) {
        let mut inner = self.inner();
        inner.notify.clone_from(&notify);
        let waiting = !inner.events.is_empty();
        drop(inner);
        if let (true, Some(notify)) = (waiting, notify) {
            notify();
        }
    }

    /// Sends what waits and all that comes into `target`, or stops doing so. A queue must not be forwarded in a circle: such a
    /// target is refused.
    pub fn forward_to(self: &Arc<Self>, target: Option<Arc<Self>>) -> bool {
        let forwarding = FORWARDING.lock().unwrap_or_else(PoisonError::into_inner);
        // Where what waits here ends up. It can't change meanwhile.
        let mut last = None;
        let mut next = target.clone();
        while let Some(queue) = next {
            if Arc::ptr_eq(&queue, self) {
                return false;
            }
            next = queue.inner().forward.clone();
            last = Some(queue);
        }
        let mut inner = self.inner();
        inner.forward = target;
        let Some(last) = last else { return true };
        // Moved while nobody can push here: what comes later would overtake it.
        let mut there = last.inner();
        let was_empty = there.events.is_empty();
        there.events.append(&mut inner.events);
        let filled = was_empty && !there.events.is_empty();
        let woken = if filled { (there.waker.take(), there.notify.clone()) } else { (None, None) };
        drop(there);
        drop(inner);
        drop(forwarding);
        if let Some(waker) = woken.0 {
            waker.wake();
        }
        if let Some(notify) = woken.1 {
            notify();
        }
        true
    }
}

impl<T> EventQueue<T> {
    /// Gives what waits and all that comes to `relay`, on the thread that pushes it, or stops doing so: events of one kind become
    /// part of another's queue. What the relay calls must not push into this queue. A queue that is forwarded goes on to be.
    pub fn relay_to(&self, relay: Option<Relay<T>>) {
        let mut inner = self.inner();
        // Under the lock: what is pushed meanwhile would else overtake what waits.
        if let Some(relay) = &relay {
            inner.events.drain(..).for_each(|event| relay(event));
        }
        let before = std::mem::replace(&mut inner.relay, relay);
        drop(inner);
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn forwarding_keeps_order_and_refuses_circles() {
        let (a, b) = (EventQueue::new(), EventQueue::new());
        a.push(1);
        assert!(a.forward_to(Some(b.clone())));
        a.push(2);
        assert!(!b.forward_to(Some(a.clone())));
        assert_eq!((b.try_pop(), b.try_pop(), a.try_pop()), (Some(1), Some(2), None));
        assert!(a.forward_to(None));
        a.push(3);
        assert_eq!((a.try_pop(), b.try_pop()), (Some(3), None));
    }

    #[test]
    fn what_is_put_back_comes_first_also_where_it_is_forwarded() {
        let (a, b) = (EventQueue::new(), EventQueue::new());
        assert!(a.forward_to(Some(b.clone())));
        a.push(1);
        a.push(2);
        let first = b.try_pop().unwrap();
        a.put_back(first);
        assert_eq!((b.try_pop(), b.try_pop(), b.try_pop()), (Some(1), Some(2), None));
    }

    #[test]
    fn a_relay_gets_what_waits_and_what_comes_in_order() {
        let (a, b) = (EventQueue::new(), EventQueue::new());
        a.push(1);
        let target = b.clone();
        a.relay_to(Some(Arc::new(move |event: i32| target.push(format!("{event}")))));
        a.push(2);
        assert_eq!((b.try_pop().as_deref(), b.try_pop().as_deref(), a.try_pop()), (Some("1"), Some("2"), None));
        a.relay_to(None);
        a.push(3);
        assert_eq!((a.try_pop(), b.try_pop()), (Some(3), None));
    }

    #[test]
    fn only_the_first_event_into_an_empty_queue_notifies() {
        let queue = EventQueue::new();
        let calls = Arc::new(AtomicU32::new(0));
        let seen = calls.clone();
        queue.set_notify(Some(Arc::new(move || {
            seen.fetch_add(1, Ordering::SeqCst);
        })));
        queue.push(1);
        queue.push(2);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        while queue.try_pop().is_some() {}
        queue.push(3);
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }
}
