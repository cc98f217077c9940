//! The queue of events: several threads put in and take out, one of them with a waker.

use std::sync::Arc;
use std::task::Poll;

use ottla_core::event_queue::EventQueue;
use ottla_core::random::Rng;
use shuttle::future::block_on;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;

use crate::schedules::check;

const PUSHERS: u32 = 2;
const EACH: u32 = 4;
const ALL: usize = (PUSHERS * EACH) as usize;

type Event = (u32, u32);

/// Forwarding goes through a lock of the whole process, which belongs to one run of schedules at a time: the tests that forward wait
/// for one another.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn pushers(queue: &Arc<EventQueue<Event>>) -> Vec<thread::JoinHandle<()>> {
    let push = |pusher| {
        let queue = queue.clone();
        thread::spawn(move || (0..EACH).for_each(|number| queue.push((pusher, number))))
    };
    (0..PUSHERS).map(push).collect()
}

/// Each event once; each pusher's in order for each reader.
fn assert_whole(taken: &[Vec<Event>]) {
    for events in taken {
        for pusher in 0..PUSHERS {
            let numbers: Vec<u32> = events.iter().filter(|event| event.0 == pusher).map(|event| event.1).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "out of order: {taken:?}");
        }
    }
    let mut all = taken.concat();
    all.sort_unstable();
    let expected: Vec<Event> = (0..PUSHERS).flat_map(|pusher| (0..EACH).map(move |number| (pusher, number))).collect();
    assert_eq!(all, expected);
}

/// One waits with its waker, the other takes what it finds.
fn two_readers(_: &mut Rng) {
    let queue = EventQueue::new();
    let taken = Arc::new(AtomicUsize::new(0));
    let pushers = pushers(&queue);
    let (other, seen) = (queue.clone(), taken.clone());
    let thief = thread::spawn(move || {
        let mut events = Vec::new();
        for _ in 0..EACH {
            if let Some(event) = other.try_pop() {
                events.push(event);
                if seen.fetch_add(1, Ordering::SeqCst) + 1 == ALL {
                    // The one who waits learns that there is no more: its queue gets no event for that, so it is woken by one.
                    other.push((PUSHERS, 0));
                    break;
                }
            }
        }
        events
    });
    let mut events = Vec::new();
    while taken.load(Ordering::SeqCst) < ALL {
        let event = block_on(std::future::poll_fn(|context| queue.poll_pop(context.waker()).map_or(Poll::Pending, Poll::Ready)));
        if event.0 < PUSHERS {
            events.push(event);
            taken.fetch_add(1, Ordering::SeqCst);
        }
    }
    pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    assert_whole(&[events, thief.join().unwrap()]);
}

#[test]
fn two_threads_take_each_event_once() {
    check(4000, two_readers);
}

/// The reader sleeps until it is notified, and takes all there is: what a binding does.
fn notified(_: &mut Rng) {
    let queue = EventQueue::new();
    let pushers = pushers(&queue);
    let bell = Arc::new((Mutex::new(false), Condvar::new()));
    let ring = bell.clone();
    queue.set_notify(Some(Arc::new(move || {
        *ring.0.lock().unwrap() = true;
        ring.1.notify_one();
    })));
    let mut events = Vec::new();
    while events.len() < ALL {
        let mut rung = bell.0.lock().unwrap();
        while !*rung {
            rung = bell.1.wait(rung).unwrap();
        }
        *rung = false;
        drop(rung);
        while let Some(event) = queue.try_pop() {
            events.push(event);
        }
    }
    pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    assert_whole(&[events]);
}

#[test]
fn who_is_notified_and_takes_all_misses_nothing() {
    check(4000, notified);
}

/// While it is pushed to, the queue is forwarded, by way of a second one, to where the reader waits.
fn forwarded(_: &mut Rng) {
    let [first, second, last] = [EventQueue::new(), EventQueue::new(), EventQueue::new()];
    let pushers = pushers(&first);
    for (from, to) in [(first.clone(), second.clone()), (second, last.clone())] {
        thread::spawn(move || assert!(from.forward_to(Some(to))));
    }
    let mut events = Vec::new();
    while events.len() < ALL {
        events.push(block_on(std::future::poll_fn(|context| last.poll_pop(context.waker()).map_or(Poll::Pending, Poll::Ready))));
    }
    pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    assert_whole(&[events]);
}

#[test]
fn forwarding_while_events_come_keeps_their_order() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    check(4000, forwarded);
}

/// Two threads that would close a circle between them.
fn circle(_: &mut Rng) {
    let [a, b] = [EventQueue::<Event>::new(), EventQueue::new()];
    let (from, to) = (b.clone(), a.clone());
    let other = thread::spawn(move || from.forward_to(Some(to)));
    let one = a.forward_to(Some(b.clone()));
    let other = other.join().unwrap();
    assert!(one != other, "one of the two is refused: {one} {other}");
    // In a circle this would not come back.
    a.push((0, 0));
    b.push((0, 1));
    assert_eq!(a.len() + b.len(), 2);
}

#[test]
fn no_two_threads_forward_in_a_circle() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    check(1000, circle);
}
