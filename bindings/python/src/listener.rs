//! Rebalances, told to Python's callbacks on the thread that polls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};

use ottla::{Answering, QuestionKind, Rebalance, RebalanceListener, TopicPartition};
use pyo3::gc::{PyTraverseError, PyVisit};
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
    raised: Option<Py<PyAny>>,
    /// What a callback that runs is about.
    asked: Option<QuestionKind>,
}

/// Whether a callback's task has ended, and who waits for that.
#[derive(Default)]
struct Ended {
    has_ended: bool,
    waker: Option<Waker>,
}

/// Told by a callback's task that it has ended.
#[pyclass(frozen)]
struct Answer {
    ended: Arc<Mutex<Ended>>,
    /// Not held: who polls holds it, and the collector is shown it there.
    rebalances: Weak<Mutex<State>>,
}

#[pymethods]
impl Answer {
    fn __call__(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        let waker = {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended.has_ended = true;
            ended.waker.take()
        };
        if !task.call_method0("cancelled")?.is_truthy()? {
            let exception = task.call_method0("exception")?;
            if !exception.is_none()
                && let Some(state) = self.rebalances.upgrade()
            {
                Rebalances(state).raise_later(exception.py(), PyErr::from_value(exception));
            }
        }
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }
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

    /// Shows the callbacks to the collector of garbage.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Whoever has the lock is about to let go of it, and the collector comes again.
        let Ok(state) = self.0.try_lock() else { return Ok(()) };
        let Callbacks { on_assign, on_revoke, on_lost } = &state.callbacks;
        [on_assign, on_revoke, on_lost, &state.raised].into_iter().try_for_each(|held| visit.call(held))
    }

    /// Lets go of all of them.
    pub(crate) fn clear(&self) {
        let (callbacks, raised) = {
            let mut state = self.state();
            (std::mem::take(&mut state.callbacks), state.raised.take())
        };
        drop((callbacks, raised));
    }

    /// Whose calls the callbacks come in. Good until the next one.
    pub(crate) fn polls(&self, consumer: *mut pyo3::ffi::PyObject) {
        self.state().consumer = consumer as usize;
    }

    pub(crate) fn has_raised(&self) -> bool {
        self.state().raised.is_some()
    }

    /// Keeps an exception for the next call that polls.
    pub(crate) fn raise_later(&self, py: Python<'_>, error: PyErr) {
        let error = error.into_value(py).into_any();
        let before = self.state().raised.replace(error);
        drop(before);
    }

    pub(crate) fn take_raised(&self, py: Python<'_>) -> Option<PyErr> {
        let raised = self.state().raised.take();
        raised.map(|error| PyErr::from_value(error.into_bound(py)))
    }

    /// What the callback that runs now is about, if one does.
    pub(crate) fn asked(&self) -> Option<QuestionKind> {
        self.state().asked
    }

    fn call(&self, kind: QuestionKind, keys: &[TopicPartition]) -> Option<Arc<Mutex<Ended>>> {
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
            let callback = callback?;
            self.state().asked = Some(kind);
            // SAFETY: the call that polls, within which this comes, holds its consumer.
            let consumer = unsafe { Bound::from_borrowed_ptr_or_opt(py, consumer as *mut pyo3::ffi::PyObject) };
            let called = partitions::list(py, keys).and_then(|keys| callback.call1(py, (consumer, keys)));
            let waits = called.and_then(|answer| self.answering(answer.bind(py)));
            self.state().asked = None;
            match waits {
                Ok(waits) => waits,
                Err(error) => {
                    self.raise_later(py, error);
                    None
                }
            }
        })
    }

    /// A callback that is a coroutine function is waited for: the loop that runs now runs it.
    fn answering(&self, answer: &Bound<'_, PyAny>) -> PyResult<Option<Arc<Mutex<Ended>>>> {
        if answer.is_none() || !answer.hasattr("__await__")? {
            return Ok(None);
        }
        let py = answer.py();
        let task = py.import("asyncio")?.call_method1("ensure_future", (answer,))?;
        let ended = Arc::new(Mutex::new(Ended::default()));
        task.call_method1(
            "add_done_callback",
            (Py::new(py, Answer { ended: ended.clone(), rebalances: Arc::downgrade(&self.0) })?,),
        )?;
        Ok(Some(ended))
    }

    fn ask(&self, kind: QuestionKind, keys: &[TopicPartition]) -> Answering {
        let Some(ended) = self.call(kind, keys) else { return Box::pin(std::future::ready(())) };
        Box::pin(std::future::poll_fn(move |context| {
            let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
            if ended.has_ended {
                return Poll::Ready(());
            }
            ended.waker = Some(context.waker().clone());
            Poll::Pending
        }))
    }
}

impl RebalanceListener for Rebalances {
    fn assigned(&self, rebalance: Rebalance) -> Answering {
        self.ask(QuestionKind::Assigned, rebalance.partitions())
    }

    fn revoked(&self, rebalance: Rebalance) -> Answering {
        self.ask(QuestionKind::Revoked, rebalance.partitions())
    }

    fn lost(&self, rebalance: Rebalance) -> Answering {
        self.ask(QuestionKind::Lost, rebalance.partitions())
    }
}
