//! Commits that the application asked for, until `on_commit` was told what became of them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use ottla::{Committing, Error, OffsetAndMetadata, TopicPartition};

/// What is committed, by partition.
pub(crate) type Offsets = Vec<(TopicPartition, OffsetAndMetadata)>;

struct Commit {
    offsets: Offsets,
    /// Until its outcome is known.
    committing: Option<Committing>,
    outcome: Result<(), Error>,
}

/// Those that were not told of yet.
#[derive(Default)]
pub(crate) struct Commits(Mutex<VecDeque<Commit>>);

impl Commits {
    /// Never held while Python runs.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Commit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that is under way.
    pub(crate) fn begun(&self, offsets: Offsets, committing: Committing) {
        self.lock().push_back(Commit { offsets, committing: Some(committing), outcome: Ok(()) });
    }

    /// One that has ended.
    pub(crate) fn ended(&self, offsets: Offsets, outcome: Result<(), Error>) {
        self.lock().push_back(Commit { offsets, committing: None, outcome });
    }

    /// The oldest one, once it has ended: they end in their order.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<(Offsets, Result<(), Error>)> {
        let mut commits = self.lock();
        let Some(first) = commits.front_mut() else { return Poll::Pending };
        if let Some(committing) = &mut first.committing {
            match Pin::new(committing).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(outcome) => (first.outcome, first.committing) = (outcome, None),
            }
        }
        match commits.pop_front() {
            Some(commit) => Poll::Ready((commit.offsets, commit.outcome)),
            None => Poll::Pending,
        }
    }
}
