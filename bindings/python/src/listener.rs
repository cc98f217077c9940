//! Rebalances, told to Python's callbacks on the thread that polls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla::{Answering, QuestionKind, Rebalance, RebalanceListener, TopicPartition};
use pyo3::prelude::*;

use crate::partitions;

/// Called with the consumer and a list of `TopicPartition`.
#[derive(Default)]
pub(crate) struct Callbacks {
    pub(crate) on_assign: Option<Py<PyAny>>,
    pub(crate) on_revoke: Option<Py<PyAny>>,
    pub(crate) on_lost: Option<Py<PyAny>>,
}

#[derive(Default)]
struct State {
    callbacks: Callbacks,
    /// The Python object of the consumer that polls: an address that is good while its call runs.
    consumer: usize,
    /// What a callback raised, for the call that polls to raise.
    raised: Option<PyErr>,
    /// What a callback that runs is about.
    asked: Option<QuestionKind>,
}

/// What the consumer and its listener share.
#[derive(Clone, Default)]
pub(crate) struct Rebalances(Arc<Mutex<State>>);

impl Rebalances {
    /// Never held while Python runs.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_callbacks(&self, callbacks: Callbacks) {
        let before = std::mem::replace(&mut self.state().callbacks, callbacks);
        drop(before);
    }

    /// Whose calls the callbacks come in. Good until the next one.
    pub(crate) fn polls(&self, consumer: *mut pyo3::ffi::PyObject) {
        self.state().consumer = consumer as usize;
    }

    pub(crate) fn has_raised(&self) -> bool {
        self.state().raised.is_some()
    }

    /// Keeps an exception for the next call that polls.
    pub(crate) fn raise_later(&self, error: PyErr) {
        let before = self.state().raised.replace(error);
        drop(before);
    }

    pub(crate) fn take_raised(&self) -> Option<PyErr> {
        self.state().raised.take()
    }

    /// What the callback that runs now is about, if one does.
    pub(crate) fn asked(&self) -> Option<QuestionKind> {
        self.state().asked
    }

    fn call(&self, kind: QuestionKind, keys: &[TopicPartition]) {
        Python::attach(|py| {
            let (callback, consumer) = {
                let state = self.state();
                let callbacks = &state.callbacks;
                let callback = match kind {
                    QuestionKind::Assigned => &callbacks.on_assign,
                    QuestionKind::Lost if callbacks.on_lost.is_some() => &callbacks.on_lost,
                    _ => &callbacks.on_revoke,
                };
                (callback.as_ref().map(|callback| callback.clone_ref(py)), state.consumer)
            };
            let Some(callback) = callback else { return };
            self.state().asked = Some(kind);
            // SAFETY: the call that polls, within which this comes, holds its consumer.
            let consumer = unsafe { Bound::from_borrowed_ptr_or_opt(py, consumer as *mut pyo3::ffi::PyObject) };
            let called = partitions::list(py, keys).and_then(|keys| callback.call1(py, (consumer, keys)));
            let mut state = self.state();
            state.asked = None;
            if let Err(error) = called {
                let before = state.raised.replace(error);
                drop(state);
                drop(before);
            }
        });
    }
}

impl RebalanceListener for Rebalances {
    fn assigned(&self, rebalance: Rebalance) -> Answering {
        self.call(QuestionKind::Assigned, rebalance.partitions());
        Box::pin(std::future::ready(()))
    }

    fn revoked(&self, rebalance: Rebalance) -> Answering {
        self.call(QuestionKind::Revoked, rebalance.partitions());
        Box::pin(std::future::ready(()))
    }

    fn lost(&self, rebalance: Rebalance) -> Answering {
        self.call(QuestionKind::Lost, rebalance.partitions());
        Box::pin(std::future::ready(()))
    }
}
