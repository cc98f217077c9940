//! One completion for a whole batch of records: no channel, task wake-up or allocation for each of them.
//!
//! A delivery handle is a (shared completion, index). The completion ends in one of two ways: with the batch's result, or with a
//! redirect, when its records went on in other batches (records that waited for their topic's metadata; a batch that was split).

use crate::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::{Error, ErrorKind};

/// What became of a batch.
#[derive(Clone, Debug)]
pub struct BatchResult {
    /// The partition it went to.
    pub partition: i32,
    /// The offset of its first record, -1 if the broker did not say (acks=0, or a duplicate whose offset it forgot); or the error.
    pub outcome: Result<i64, Error>,
    /// The broker's time for all records where the topic has `message.timestamp.type=LogAppendTime`, else -1.
    pub log_append_time: i64,
    /// Records that failed for reasons of their own (KIP-467), by index, in order.
    pub exceptions: Vec<(u32, Error)>,
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The partition.
    pub partition: i32,
    /// The record's offset, -1 if the broker did not say.
    pub offset: i64,
    /// The broker's time in ms since the epoch where the topic stamps by LogAppendTime, else `None`: the record kept its own.
    pub log_append_time: Option<i64>,
}

impl BatchResult {
    /// The result for the record at `index`.
    ///
    /// # Errors
    /// The batch's error, or the record's own.
    pub fn record(&self, index: u32) -> Result<Written, Error> {
        if let Ok(found) = self.exceptions.binary_search_by_key(&index, |(at, _)| *at)
            && let Some((_, error)) = self.exceptions.get(found)
        {
            return Err(error.clone());
        }
        let base = self.outcome.clone()?;
        Ok(Written {
            partition: self.partition,
            offset: if base < 0 { -1 } else { base + i64::from(index) },
            log_append_time: (self.log_append_time >= 0).then_some(self.log_append_time),
        })
    }
}

/// Where a record went on.
#[derive(Clone, Debug)]
pub enum Redirect {
    /// Into another batch, at this index.
    To(Arc<Completion>, u32),
    /// Nowhere.
    Failed(Error),
}

#[derive(Debug)]
enum End {
    Result(BatchResult),
    Redirect(Vec<Redirect>),
}

/// The shared end of a batch. See the module's page.
#[derive(Debug, Default)]
pub struct Completion {
    end: OnceLock<End>,
    wakers: Mutex<Vec<Option<Waker>>>,
}

impl Completion {
    /// A completion that is pending.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Option<Waker>>> {
        // A waker's panic leaves the list whole.
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, end: End) -> bool {
        let first = self.end.set(end).is_ok();
        if first {
            let wakers = std::mem::take(&mut *self.wakers());
            // Woken outside the lock: a waker may poll at once.
            for waker in wakers.into_iter().flatten() {
                waker.wake();
            }
        }
        first
    }

    /// Ends the batch. Only the first end counts; returns whether this was it.
    pub fn complete(&self, result: BatchResult) -> bool {
        self.finish(End::Result(result))
    }

    /// Sends each record's handle on, in the order of their indices.
    pub fn redirect(&self, records: Vec<Redirect>) -> bool {
        self.finish(End::Redirect(records))
    }

    /// Whether the batch has ended, in either way.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.end.get().is_some()
    }

    /// The batch's result, if it has ended with one.
    #[must_use]
    pub fn result(&self) -> Option<&BatchResult> {
        match self.end.get() {
            Some(End::Result(result)) => Some(result),
            _ => None,
        }
    }
}

/// A handle to one record's result.
#[derive(Debug)]
pub struct RecordHandle {
    completion: Arc<Completion>,
    index: u32,
    /// The place of this handle's waker in the completion's list, so that polling again replaces it and adds none.
    slot: Option<usize>,
}

impl RecordHandle {
    /// The handle of the record at `index` of the batch that `completion` ends.
    #[must_use]
    pub fn new(completion: Arc<Completion>, index: u32) -> Self {
        Self { completion, index, slot: None }
    }

    /// The result if it is there, following redirects. Never blocks.
    pub fn try_result(&mut self) -> Option<Result<Written, Error>> {
        loop {
            match self.completion.end.get()? {
                End::Result(result) => return Some(result.record(self.index)),
                End::Redirect(records) => match usize::try_from(self.index).ok().and_then(|at| records.get(at)) {
                    Some(Redirect::To(completion, index)) => {
                        let (completion, index) = (completion.clone(), *index);
                        self.completion = completion;
                        self.index = index;
                        self.slot = None;
                    }
                    Some(Redirect::Failed(error)) => return Some(Err(error.clone())),
                    None => return Some(Err(Error::new(ErrorKind::State, "a record has no place in its redirected batch"))),
                },
            }
        }
    }

    /// Polls for the result; the context's waker is woken once when the batch ends.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Written, Error>> {
        loop {
            if let Some(result) = self.try_result() {
                return Poll::Ready(result);
            }
            let mut wakers = self.completion.wakers();
            // The end is set before the wakers are taken, so one look under the lock misses nothing.
            if self.completion.end.get().is_some() {
                drop(wakers);
                continue;
            }
            let waker = Some(context.waker().clone());
            match self.slot.and_then(|slot| wakers.get_mut(slot)) {
                Some(place) => *place = waker,
                None => {
                    self.slot = Some(wakers.len());
                    wakers.push(waker);
                }
            }
            return Poll::Pending;
        }
    }
}

impl Drop for RecordHandle {
    fn drop(&mut self) {
        // A dropped waiter changes nothing but its own wake-up.
        if let Some(slot) = self.slot
            && let Some(place) = self.completion.wakers().get_mut(slot)
        {
            *place = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn done(base: i64) -> BatchResult {
        BatchResult { partition: 3, outcome: Ok(base), log_append_time: -1, exceptions: Vec::new() }
    }

    #[test]
    fn one_end_wakes_each_waiter_once_and_the_first_end_counts() {
        let completion = Completion::new();
        let wakes = Arc::new(Count::default());
        let waker = Waker::from(wakes.clone());
        let mut context = Context::from_waker(&waker);
        let mut handles: Vec<_> = (0..3).map(|i| RecordHandle::new(completion.clone(), i)).collect();
        for handle in &mut handles {
            assert!(handle.poll(&mut context).is_pending());
            assert!(handle.poll(&mut context).is_pending());
        }
        drop(handles.pop());
        assert!(completion.complete(done(40)));
        assert!(!completion.complete(done(90)));
        assert_eq!(wakes.0.load(Ordering::SeqCst), 2, "two handles are left, each polled twice");
        let offsets: Vec<_> = handles.iter_mut().map(|h| h.try_result().unwrap().unwrap().offset).collect();
        assert_eq!(offsets, [40, 41]);
    }

    #[test]
    fn a_redirect_is_followed_while_it_is_awaited() {
        let stage = Completion::new();
        let batch = Completion::new();
        let wakes = Arc::new(Count::default());
        let waker = Waker::from(wakes.clone());
        let mut context = Context::from_waker(&waker);
        let mut handle = RecordHandle::new(stage.clone(), 0);
        assert!(handle.poll(&mut context).is_pending());
        stage.redirect(vec![Redirect::To(batch.clone(), 7)]);
        assert!(handle.poll(&mut context).is_pending());
        batch.complete(done(100));
        assert_eq!(handle.try_result().unwrap().unwrap().offset, 107);
        assert_eq!(wakes.0.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_record_may_fail_alone() {
        let mut result = done(5);
        result.exceptions.push((1, Error::new(ErrorKind::InvalidArgument, "null key")));
        assert_eq!(result.record(0).unwrap().offset, 5);
        assert!(result.record(1).is_err());
        assert_eq!(result.record(2).unwrap().offset, 7);
    }
}
