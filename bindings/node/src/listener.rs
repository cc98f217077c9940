//! What the group asks, on its way to JavaScript and back.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use napi::sys;
use ottla::{Answering, QuestionKind, Rebalance, RebalanceListener};

use crate::consumer::ConsumerHandle;
use crate::event_loop;
use crate::raw::{self, Raw};

/// A question that JavaScript has not been asked yet.
pub(crate) struct Question {
    id: u32,
    kind: &'static str,
    partitions: Vec<(String, i32)>,
}

enum State {
    Open(Option<Waker>),
    Answered,
}

#[derive(Default)]
struct Inner {
    next: u32,
    unasked: Vec<Question>,
    open: HashMap<u32, State>,
}

/// The questions of one consumer. All runs on its loop's thread; the lock is for the listener's sake, which may be sent.
#[derive(Default)]
pub(crate) struct Questions {
    inner: Mutex<Inner>,
}

impl Questions {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// JavaScript has answered.
    pub(crate) fn answer(&self, id: u32) {
        let before = self.inner().open.insert(id, State::Answered);
        if let Some(State::Open(Some(waker))) = before {
            waker.wake();
        }
    }
}

/// The consumer's listener.
pub(crate) struct Listener(pub(crate) Arc<Questions>);

impl Listener {
    fn ask(&self, rebalance: &Rebalance) -> Answering {
        let kind = match rebalance.kind() {
            QuestionKind::Assigned => "assigned",
            QuestionKind::Revoked => "revoked",
            QuestionKind::Lost => "lost",
        };
        let partitions = rebalance.partitions().iter().map(|key| (key.topic.as_str().to_owned(), key.partition)).collect();
        let mut inner = self.0.inner();
        inner.next += 1;
        let id = inner.next;
        inner.open.insert(id, State::Open(None));
        inner.unasked.push(Question { id, kind, partitions });
        drop(inner);
        Box::pin(Waiting { questions: self.0.clone(), id })
    }
}

impl RebalanceListener for Listener {
    fn assigned(&self, rebalance: Rebalance) -> Answering {
        self.ask(&rebalance)
    }

    fn revoked(&self, rebalance: Rebalance) -> Answering {
        self.ask(&rebalance)
    }

    fn lost(&self, rebalance: Rebalance) -> Answering {
        self.ask(&rebalance)
    }
}

/// Waits for an answer.
struct Waiting {
    questions: Arc<Questions>,
    id: u32,
}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.questions.inner();
        match inner.open.get_mut(&self.id) {
            Some(State::Open(waker)) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            Some(State::Answered) | None => Poll::Ready(()),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let state = self.questions.inner().open.remove(&self.id);
        drop(state);
    }
}

/// Polls a future within which questions come up, and asks JavaScript.
pub(crate) struct Asking<F> {
    pub(crate) future: Pin<Box<F>>,
    pub(crate) handle: Rc<ConsumerHandle>,
}

impl<F: Future> Future for Asking<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let polled = self.future.as_mut().poll(context);
        let unasked = std::mem::take(&mut self.handle.questions.inner().unasked);
        if !unasked.is_empty()
            && let Some(current) = event_loop::current()
        {
            for question in unasked {
                ask(current.env(), &self.handle, question);
            }
        }
        polled
    }
}

/// Calls the consumer's function with a question; who has none, or throws, has answered.
fn ask(env: sys::napi_env, handle: &ConsumerHandle, question: Question) {
    let function = handle.on_question.borrow().as_ref().map(raw::Reference::get);
    let partitions: Vec<Raw> = question
        .partitions
        .iter()
        .map(|(topic, partition)| raw::array(env, [raw::string(env, topic), raw::int32(env, *partition)]))
        .collect();
    let arguments = [raw::double(env, f64::from(question.id)), raw::string(env, question.kind), raw::array(env, partitions)];
    if function.and_then(|function| raw::call_quietly(env, function, &arguments)).is_none() {
        handle.questions.answer(question.id);
    }
}
