//! One batch's end, awaited by several threads.

use std::sync::Arc;

use ottla_core::completion::{BatchResult, Completion, RecordHandle, Redirect};
use ottla_core::random::Rng;
use shuttle::future::block_on;
use shuttle::thread;

use crate::schedules::check;

fn done(partition: i32) -> BatchResult {
    BatchResult { partition, outcome: Ok(40), log_append_time: -1, exceptions: Vec::new() }
}

/// Polls once, so that a waker of this thread's is left behind.
fn touch(handle: &mut RecordHandle) {
    block_on(std::future::poll_fn(|context| {
        let _ = handle.poll(context);
        std::task::Poll::Ready(())
    }));
}

fn one_batch(random: &mut Rng) {
    let completion = Completion::new();
    let next = Completion::new();
    let redirected = random.below(2) == 0;
    let waiters: Vec<_> = (0..3)
        .map(|index| {
            let mut handle = RecordHandle::new(completion.clone(), index);
            let (gives_up, moves) = (random.below(3) == 0, random.below(2) == 0);
            thread::spawn(move || {
                if moves {
                    touch(&mut handle);
                    // What another thread left its waker in, this one awaits.
                    let moved = thread::spawn(move || block_on(std::future::poll_fn(|context| handle.poll(context))));
                    return Some(moved.join().unwrap());
                }
                if gives_up {
                    touch(&mut handle);
                    drop(handle);
                    return None;
                }
                Some(block_on(std::future::poll_fn(|context| handle.poll(context))))
            })
        })
        .collect();
    let enders: Vec<_> = (0..2)
        .map(|number| {
            let (completion, next) = (completion.clone(), next.clone());
            thread::spawn(move || {
                if redirected {
                    let first = completion.redirect((0..3).map(|index| Redirect::To(next.clone(), 2 - index)).collect());
                    next.complete(done(0));
                    first
                } else {
                    completion.complete(done(number))
                }
            })
        })
        .collect();
    let firsts = enders.into_iter().map(|ender| u32::from(ender.join().unwrap())).sum::<u32>();
    assert_eq!(firsts, 1, "only the first end counts");
    let partition = completion.result().map_or(0, |result| result.partition);
    for (index, waiter) in (0..).zip(waiters) {
        let Some(written) = waiter.join().unwrap() else { continue };
        let written = written.unwrap();
        let offset = 40 + if redirected { 2 - index } else { index };
        assert_eq!((written.partition, written.offset), (partition, offset));
    }
    assert_eq!(Arc::strong_count(&completion), 1, "nobody is left who waits");
}

#[test]
fn one_end_counts_and_each_waiter_hears_of_it() {
    check(4000, one_batch);
}
