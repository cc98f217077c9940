//! The producer's bounded buffer: `queue.buffering.max.kbytes` and `queue.buffering.max.messages`.
//!
//! An open batch takes quota in chunks, so that the shared counters are touched once for hundreds of records; near the limit it
//! takes exactly what a record needs.

use crate::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard, PoisonError};
use std::collections::BTreeMap;
use std::task::Waker;

const CHUNK_BYTES: i64 = 64 * 1024;
const CHUNK_MESSAGES: i64 = 512;

/// Quota that an open batch has taken and not used yet.
#[derive(Debug, Default)]
pub(crate) struct Credit {
    pub(crate) bytes: i64,
    pub(crate) messages: i64,
}

impl Credit {
    pub(crate) fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.messages += other.messages;
    }
}

#[derive(Debug, Default)]
struct Waiters {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

/// The buffer's free space.
#[derive(Debug)]
pub struct Quota {
    byte_limit: i64,
    message_limit: i64,
    bytes: AtomicI64,
    messages: AtomicI64,
    waiting: AtomicUsize,
    waiters: Mutex<Waiters>,
}

fn take(free: &AtomicI64, chunk: i64, need: i64) -> Option<i64> {
    let mut now = free.load(Ordering::Relaxed);
    loop {
        let want = if now >= chunk.max(need) { chunk.max(need) } else { need };
        if now < want {
            return None;
        }
        match free.compare_exchange_weak(now, now - want, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => return Some(want),
            Err(seen) => now = seen,
        }
    }
}

impl Quota {
    /// A buffer of so many bytes and messages; 0 messages means no bound on their number.
    #[must_use]
    pub fn new(bytes: usize, messages: usize) -> Self {
        let limit = |n: usize| i64::try_from(n).unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
        let (bytes, messages) = (limit(bytes), if messages == 0 { i64::MAX / 4 } else { limit(messages) });
        Self {
            byte_limit: bytes,
            message_limit: messages,
            bytes: AtomicI64::new(bytes),
            messages: AtomicI64::new(messages),
            waiting: AtomicUsize::new(0),
            waiters: Mutex::default(),
        }
    }

    /// Bytes taken, those of credit that open batches hold included.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        u64::try_from(self.byte_limit - self.bytes.load(Ordering::Acquire)).unwrap_or(0)
    }

    /// Messages taken, those of credit that open batches hold included.
    #[must_use]
    pub fn used_messages(&self) -> u64 {
        u64::try_from(self.message_limit - self.messages.load(Ordering::Acquire)).unwrap_or(0)
    }

    /// The limit in bytes.
    #[must_use]
    pub fn byte_limit(&self) -> u64 {
        u64::try_from(self.byte_limit).unwrap_or(0)
    }

    /// Takes room for one record of `bytes` out of `credit`, filling it up if need be. `false`: the buffer is full.
    #[inline]
    pub(crate) fn charge(&self, credit: &mut Credit, bytes: i64) -> bool {
        if credit.bytes < bytes || credit.messages < 1 {
            return self.fill(credit, bytes);
        }
        credit.bytes -= bytes;
        credit.messages -= 1;
        true
    }

    #[cold]
    fn fill(&self, credit: &mut Credit, bytes: i64) -> bool {
        // What a chunk leaves over must not keep another record out: chunks are taken while a good part is free.
        let roomy = self.bytes.load(Ordering::Relaxed) > self.byte_limit / 4
            && self.messages.load(Ordering::Relaxed) > self.message_limit / 4;
        let (chunk_bytes, chunk_messages) = if roomy { (CHUNK_BYTES, CHUNK_MESSAGES) } else { (0, 0) };
        if credit.bytes < bytes {
            match take(&self.bytes, chunk_bytes, bytes - credit.bytes) {
                Some(taken) => credit.bytes += taken,
                None => return false,
            }
        }
        if credit.messages < 1 {
            match take(&self.messages, chunk_messages, 1) {
                Some(taken) => credit.messages += taken,
                None => {
                    // The bytes that were just taken go back: the caller may have no batch to keep the credit in.
                    self.bytes.fetch_add(std::mem::take(&mut credit.bytes), Ordering::SeqCst);
                    return false;
                }
            }
        }
        credit.bytes -= bytes;
        credit.messages -= 1;
        true
    }

    /// Gives quota back and wakes who waits for it.
    pub(crate) fn release(&self, bytes: i64, messages: i64) {
        if bytes == 0 && messages == 0 {
            return;
        }
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
        self.messages.fetch_add(messages, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            let woken = {
                let mut waiters = self.waiters();
                self.waiting.store(0, Ordering::SeqCst);
                std::mem::take(&mut waiters.wakers)
            };
            for waker in woken.into_values() {
                waker.wake();
            }
        }
    }

    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a waker that the next release wakes; `slot` is the waiter's own, so that it waits once. The caller tries again
    /// after this call and before it sleeps: a release in between is then not missed.
    pub fn wait(&self, slot: &mut Option<u64>, waker: &Waker) {
        let mut waiters = self.waiters();
        let key = *slot.get_or_insert_with(|| {
            waiters.next += 1;
            waiters.next
        });
        waiters.wakers.insert(key, waker.clone());
        self.waiting.store(waiters.wakers.len(), Ordering::SeqCst);
    }

    /// Takes a waiter's waker out again.
    pub fn forget(&self, slot: &mut Option<u64>) {
        if let Some(key) = slot.take() {
            let mut waiters = self.waiters();
            waiters.wakers.remove(&key);
            self.waiting.store(waiters.wakers.len(), Ordering::SeqCst);
        }
    }

    /// Wakes all waiters, as close does.
    pub(crate) fn wake_all(&self) {
        let woken = std::mem::take(&mut self.waiters().wakers);
        for waker in woken.into_values() {
            waker.wake();
        }
    }

    /// Whether a waiter stands in line.
    #[must_use]
    pub fn is_contended(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact_however_it_is_taken() {
        let quota = Quota::new(1_000_000, 0);
        let mut credits: Vec<Credit> = (0..7).map(|_| Credit::default()).collect();
        let mut taken = 0;
        for i in 0.. {
            let n = credits.len();
            if !quota.charge(&mut credits[i % n], 1000) {
                break;
            }
            taken += 1;
        }
        let held: i64 = credits.iter().map(|c| c.bytes).sum();
        assert!(taken * 1000 + held <= 1_000_000);
        // Chunks are only taken while a quarter is free, so what lies unused in credits is bounded by a chunk each.
        assert!(taken >= 1000 - 7 * 65, "{taken}");
        for credit in credits {
            quota.release(credit.bytes, credit.messages);
        }
        quota.release(taken * 1000, taken);
        assert_eq!(quota.used_bytes(), 0);
    }

    #[test]
    fn one_batch_alone_fills_the_buffer_to_the_last_byte() {
        let quota = Quota::new(500, 3);
        let mut credit = Credit::default();
        assert!(quota.charge(&mut credit, 250) && quota.charge(&mut credit, 250));
        assert!(!quota.charge(&mut credit, 1));
        quota.release(500, 2);
        assert!(quota.charge(&mut credit, 1) && quota.charge(&mut credit, 1) && quota.charge(&mut credit, 1));
        assert!(!quota.charge(&mut credit, 1), "three messages are the limit");
        let used = quota.used_bytes();
        assert!(!quota.charge(&mut Credit::default(), 1));
        assert_eq!(quota.used_bytes(), used, "a refusal costs nothing");
    }
}
