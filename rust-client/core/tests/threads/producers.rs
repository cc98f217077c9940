//! Threads that send, flush, purge and close, a sender and its broker, and threads that await or drop what was sent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ottla_core::completion::{RecordHandle, Written};
use ottla_core::error::{Error, ErrorKind};
use ottla_core::producer::partitioner::Partitioner;
use ottla_core::producer::{Accumulator, AppendError, Appended, DeliveryReport, ProducerSettings, RecordRef};
use ottla_core::random::Rng;
use ottla_protocol::compression::Compression;
use shuttle::future::block_on;
use shuttle::sync::Mutex;
use shuttle::thread::{self, JoinHandle};

use crate::driver::{Driver, Faults, Log, PARTITIONS};
use crate::schedules::check;

const THREADS: u8 = 3;
const EACH: u8 = 5;
/// Some three values of this length fill a batch, some six the buffer.
const SMALL: usize = 40;
/// A batch of one of these is compressed on another thread.
const LARGE: usize = 33_000;

fn settings(random: &mut Rng) -> ProducerSettings {
    ProducerSettings {
        batch_size: 150,
        batch_messages: 3,
        linger: Duration::from_millis(random.below(2) * 5),
        message_max_bytes: 1000,
        compression: Compression::None,
        compression_level: None,
        delivery_timeout: Duration::from_secs(120),
        request_timeout: Duration::from_secs(30),
        acks: -1,
        idempotence: true,
        max_in_flight: 5,
        retries: u32::MAX,
        retry_backoff: Duration::from_millis(100),
        retry_backoff_max: Duration::from_secs(1),
        partitioner: Partitioner::Murmur2Random,
        sticky: true,
        adaptive: random.below(2) == 0,
        unknown_topic_limit: Duration::from_secs(30),
        buffer_bytes: 300 + random.below(2) as usize * 300,
        buffer_messages: 6,
        reports: false,
    }
}

/// What became of a record: (thread, number) and its handle's result, `None` if that was dropped.
type Fate = ((u8, u8), Option<Result<Written, Error>>);

/// What an application's thread does besides sending.
#[derive(Clone, Copy)]
struct Habits {
    /// A record's value is this long.
    value: usize,
    flushes: bool,
    purges: bool,
    closes: bool,
}

fn opaque(id: (u8, u8)) -> u64 {
    u64::from(id.0) * 100 + u64::from(id.1) + 1
}

fn append(accumulator: &Accumulator, partition: Option<i32>, id: (u8, u8), len: usize) -> Result<RecordHandle, AppendError> {
    let mut value = vec![0; len];
    (value[0], value[1]) = id;
    let record = RecordRef { partition, timestamp: None, key: None, value: Some(&value), headers: &[], opaque: opaque(id) };
    accumulator.append_to("t", &record).map(Appended::into_handle)
}

/// Sends as a producer does that waits for room.
fn send(accumulator: &Accumulator, partition: Option<i32>, id: (u8, u8), len: usize) -> Result<RecordHandle, Error> {
    let mut slot = None;
    let sent = block_on(std::future::poll_fn(|context| {
        if slot.is_some() {
            accumulator.quota().wait(&mut slot, context.waker());
        }
        loop {
            match append(accumulator, partition, id, len) {
                Ok(handle) => return Poll::Ready(Ok(handle)),
                Err(AppendError::Rejected(error)) => return Poll::Ready(Err(error)),
                Err(AppendError::Full) if slot.is_none() => accumulator.quota().wait(&mut slot, context.waker()),
                Err(AppendError::Full) => return Poll::Pending,
            }
        }
    }));
    accumulator.quota().forget(&mut slot);
    sent
}

fn flush(accumulator: &Accumulator) {
    let waiter = accumulator.begin_flush();
    block_on(std::future::poll_fn(|context| accumulator.poll_flush(&waiter, context)));
    accumulator.end_flush();
}

fn used(accumulator: &Accumulator) -> (u64, u64) {
    (accumulator.quota().used_bytes(), accumulator.quota().used_messages())
}

fn wait(mut handle: RecordHandle) -> Result<Written, Error> {
    let result = block_on(std::future::poll_fn(|context| handle.poll(context)));
    assert_eq!(handle.try_result().unwrap().is_ok(), result.is_ok(), "what was said once is said again");
    result
}

/// One of the application's threads: it sends, and hands each delivery to another thread, or drops it, or keeps it.
fn application(accumulator: &Arc<Accumulator>, thread: u8, habits: Habits, mut random: Rng) -> Vec<Fate> {
    let mut fates = Vec::new();
    let mut kept: Vec<((u8, u8), RecordHandle)> = Vec::new();
    let mut elsewhere = Vec::new();
    for number in 0..EACH {
        let id = (thread, number);
        let partition = (random.below(3) > 0).then(|| random.below(PARTITIONS as u64) as i32);
        let mut handle = match send(accumulator, partition, id, habits.value) {
            Ok(handle) => handle,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
                break;
            }
        };
        if random.below(2) == 0 {
            // A waker of this thread's, whoever polls next.
            block_on(std::future::poll_fn(|context| {
                let _ = handle.poll(context);
                Poll::Ready(())
            }));
        }
        match random.below(4) {
            0 => fates.push((id, None)),
            1 => elsewhere.push((id, thread::spawn(move || wait(handle)))),
            _ => kept.push((id, handle)),
        }
        match random.below(8) {
            0 if habits.flushes => {
                flush(accumulator);
                for (id, handle) in &mut kept {
                    assert!(handle.try_result().is_some(), "{id:?} was sent before the flush and is not done");
                }
            }
            // A flush whose waiter is dropped.
            1 if habits.flushes => {
                let waiter = accumulator.begin_flush();
                block_on(std::future::poll_fn(|context| {
                    let _ = accumulator.poll_flush(&waiter, context);
                    Poll::Ready(())
                }));
                accumulator.end_flush();
            }
            2 if habits.purges => accumulator.purge(random.below(2) == 0, random.below(2) == 0),
            3 if habits.closes => accumulator.close(),
            _ => {}
        }
    }
    fates.extend(kept.into_iter().map(|(id, handle)| (id, Some(wait(handle)))));
    fates.extend(elsewhere.into_iter().map(|(id, waiter)| (id, Some(waiter.join().unwrap()))));
    fates
}

fn applications(accumulator: &Arc<Accumulator>, habits: Habits, random: &mut Rng) -> Vec<JoinHandle<Vec<Fate>>> {
    (0..THREADS)
        .map(|number| {
            let (accumulator, random) = (accumulator.clone(), random.fork());
            thread::spawn(move || application(&accumulator, number, habits, random))
        })
        .collect()
}

/// What was acknowledged is in the log where it was said to be; what surely was not written is not; nothing is in it twice, and
/// in each partition each thread's records are in the order in which they were sent.
fn assert_told_right(fates: &[Fate], log: &Log) {
    for (id, result) in fates {
        match result {
            Some(Ok(written)) => {
                let partition = &log[written.partition as usize];
                assert_eq!(partition.get(written.offset as usize), Some(id), "{written:?}");
            }
            Some(Err(error)) if !error.possibly_written() => {
                assert!(!log.concat().contains(id), "{id:?} is in the log: {error}");
            }
            _ => {}
        }
    }
    let all = log.concat();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "a record was written twice: {log:?}");
    for partition in log {
        for thread in 0..THREADS {
            let numbers: Vec<u8> = partition.iter().filter(|id| id.0 == thread).map(|id| id.1).collect();
            assert!(numbers.is_sorted(), "{thread}'s records are out of order: {log:?}");
        }
    }
}

/// All goes out, by way of faults or none; the buffer is whole again at the end.
fn delivered(random: &mut Rng, settings: ProducerSettings, faults: Faults, habits: Habits) {
    let driver = Driver::start(settings, faults, random);
    let accumulator = driver.accumulator.clone();
    let threads = applications(&accumulator, habits, random);
    let fates: Vec<Fate> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    flush(&accumulator);
    assert_eq!(used(&accumulator), (0, 0), "the buffer is whole again");
    if !habits.closes {
        assert_eq!(fates.len(), usize::from(THREADS * EACH));
    }
    let (accumulator, log) = driver.end();
    assert_told_right(&fates, &log);
    if !habits.purges && !faults.offload {
        for (id, result) in &fates {
            assert!(result.as_ref().is_none_or(Result::is_ok), "{id:?}: {result:?}");
            assert!(log.concat().contains(id), "{id:?} is lost");
        }
    }
    assert!(matches!(append(&accumulator, None, (0, 0), SMALL), Err(AppendError::Rejected(_))));
}

const GOOD: Faults = Faults { broker: false, offload: false, sender_ends: None };
const QUIET: Habits = Habits { value: SMALL, flushes: false, purges: false, closes: false };

#[test]
fn all_that_is_sent_is_delivered() {
    check(600, |random| {
        let settings = settings(random);
        delivered(random, settings, GOOD, Habits { flushes: true, ..QUIET });
    });
}

#[test]
fn what_is_sent_again_keeps_its_order() {
    check(600, |random| {
        let settings = settings(random);
        delivered(random, settings, Faults { broker: true, ..GOOD }, Habits { flushes: true, ..QUIET });
    });
}

#[test]
fn what_is_purged_and_closed_meanwhile_is_told_right() {
    check(600, |random| {
        let settings = settings(random);
        delivered(
            random,
            settings,
            Faults { broker: true, ..GOOD },
            Habits { purges: true, closes: true, flushes: true, ..QUIET },
        );
    });
}

/// Batches that are compressed on threads of their own where the sender seals them, and where they are full on those that send.
fn large(random: &mut Rng) -> ProducerSettings {
    let buffer_bytes = 70_000 + random.below(2) as usize * 100_000;
    ProducerSettings {
        compression: Compression::Lz4,
        batch_size: 70_000,
        batch_messages: 2,
        message_max_bytes: 50_000,
        buffer_bytes,
        ..settings(random)
    }
}

#[test]
fn batches_compressed_on_other_threads_keep_their_places() {
    check(400, |random| {
        let settings = large(random);
        delivered(random, settings, GOOD, Habits { value: LARGE, flushes: true, ..QUIET });
    });
}

/// Each waits for what it sent, and nothing else happens that could bring the sender back to the partition.
#[test]
fn what_waits_behind_a_batch_whose_compression_is_dropped_goes_on() {
    check(400, |random| {
        let settings = ProducerSettings { buffer_bytes: 1_000_000, batch_messages: 1, ..large(random) };
        let driver = Driver::start(settings, Faults { offload: true, ..GOOD }, random);
        // The topic's metadata has come, so that the others' batches are sealed by the sender.
        let _ = send(&driver.accumulator, Some(0), (THREADS, 0), SMALL).map(wait);
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let accumulator = driver.accumulator.clone();
                thread::spawn(move || {
                    let id = (thread, 0);
                    vec![(id, Some(send(&accumulator, Some(0), id, LARGE).and_then(wait)))]
                })
            })
            .collect();
        let fates: Vec<Fate> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        flush(&driver.accumulator);
        assert_eq!(used(&driver.accumulator), (0, 0));
        let (_, log) = driver.end();
        assert_told_right(&fates, &log);
    });
}

fn abandoned(random: &mut Rng, settings: ProducerSettings, value: usize) {
    let faults = Faults { sender_ends: Some(random.below(20)), broker: true, offload: true };
    let driver = Driver::start(settings, faults, random);
    let habits = Habits { value, flushes: true, purges: true, closes: false };
    let threads = applications(&driver.accumulator, habits, random);
    let fates: Vec<Fate> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let (accumulator, log) = driver.end();
    flush(&accumulator);
    assert_eq!(used(&accumulator), (0, 0));
    assert_told_right(&fates, &log);
}

/// The sender goes away with work under way: each delivery ends all the same, and so does who waits for room.
#[test]
fn a_sender_that_is_dropped_leaves_nobody_waiting() {
    check(600, |random| {
        let settings = settings(random);
        abandoned(random, settings, SMALL);
    });
}

#[test]
fn a_sender_that_is_dropped_while_batches_are_compressed_leaves_nobody_waiting() {
    check(600, |random| {
        let settings = large(random);
        abandoned(random, settings, LARGE);
    });
}

/// Two threads serve the reports, one of them with the queue's waker; each record is reported once, as its delivery says.
#[test]
fn each_record_is_reported_once() {
    check(400, |random| {
        let settings = ProducerSettings { reports: true, ..settings(random) };
        let driver = Driver::start(settings, Faults { broker: true, ..GOOD }, random);
        let reports = driver.accumulator.reports().clone();
        let all = usize::from(THREADS * EACH);
        let reported = Arc::new(Mutex::new(Vec::new()));
        let serve = |report: DeliveryReport, reported: &Mutex<Vec<(u64, bool)>>| {
            let is_ok = report.result().unwrap().outcome.is_ok();
            let opaques = (0..report.len() as u32).map(|index| (report.opaque(index), is_ok));
            reported.lock().unwrap().extend(opaques);
        };
        let (queue, seen) = (reports.clone(), reported.clone());
        let other = thread::spawn(move || {
            for _ in 0..4 {
                if let Some(report) = queue.try_pop() {
                    serve(report, &seen);
                }
                thread::yield_now();
            }
        });
        let served = reported.clone();
        let waiting = thread::spawn(move || {
            // Nobody else is left who could take the last one.
            other.join().unwrap();
            while served.lock().unwrap().len() < all {
                let next = std::future::poll_fn(|context| reports.poll_pop(context.waker()).map_or(Poll::Pending, Poll::Ready));
                serve(block_on(next), &served);
            }
        });
        let threads = applications(&driver.accumulator, Habits { purges: true, ..QUIET }, random);
        let fates: Vec<Fate> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        flush(&driver.accumulator);
        waiting.join().unwrap();
        assert_eq!(used(&driver.accumulator), (0, 0));
        let mut reported = reported.lock().unwrap().clone();
        reported.sort_unstable();
        let mut expected: Vec<u64> = fates.iter().map(|(id, _)| opaque(*id)).collect();
        expected.sort_unstable();
        assert_eq!(reported.iter().map(|(opaque, _)| *opaque).collect::<Vec<_>>(), expected);
        for (id, result) in &fates {
            let told = reported.iter().find(|(number, _)| *number == opaque(*id)).unwrap().1;
            assert!(result.as_ref().is_none_or(|result| result.is_ok() == told), "{id:?}: {result:?}");
        }
        let (_, log) = driver.end();
        assert_told_right(&fates, &log);
    });
}

/// Who is woken may call in at once, from within its waker: nobody wakes with a lock in hand.
struct Inline(Arc<Accumulator>);

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        for partition in 0..PARTITIONS {
            let _ = append(&self.0, Some(partition), (THREADS, 0), SMALL);
        }
    }
}

#[test]
fn a_waker_may_send_at_once() {
    check(400, |random| {
        let settings = settings(random);
        let driver = Driver::start(settings, GOOD, random);
        let waker = Waker::from(Arc::new(Inline(driver.accumulator.clone())));
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (accumulator, mut random, waker) = (driver.accumulator.clone(), random.fork(), waker.clone());
                thread::spawn(move || {
                    for record in 0..EACH {
                        let partition = random.below(PARTITIONS as u64) as i32;
                        let mut slot = None;
                        accumulator.quota().wait(&mut slot, &waker);
                        if let Ok(mut handle) = append(&accumulator, Some(partition), (number, record), SMALL) {
                            let _ = handle.poll(&mut Context::from_waker(&waker));
                            // Not dropped: its waker stays.
                            std::mem::forget(handle);
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        driver.accumulator.close();
        flush(&driver.accumulator);
        assert_eq!(used(&driver.accumulator), (0, 0));
        driver.end();
    });
}
