//! Queues: what waits to be served, and the consumers that records come from.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ottla::{Consumer, Error, FetchedBatch};
use ottla_bindings::fork::Kept;
use ottla_bindings::wait::wait;
use ottla_bindings::{Pop, Queue, Wake};

use crate::boundary::c_string;
use crate::error;
use crate::handle::{lock, rd_kafka_s};
use crate::message::{Message, Reader};
use crate::op::Op;
use crate::ring::Ring;
use crate::types::{offset, rd_kafka_message_s};

/// What a queue has for who polls.
pub(crate) enum Item {
    /// Something to serve.
    Op(Op),
    /// A record or an error in its place, owned by who takes it.
    Message(*mut rd_kafka_message_s),
}

type NextBatch = Pin<Box<dyn Future<Output = Result<Option<FetchedBatch>, Error>> + Send>>;

#[derive(Default)]
struct Reading {
    current: Option<Reader>,
    /// A wait for the next batch, kept from one poll to the next.
    next: Option<NextBatch>,
    /// The consumer closes, and needs somebody to poll for it.
    closing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    closed: bool,
}

/// A consumer that a queue's records come from.
pub(crate) struct Source {
    pub(crate) consumer: Arc<Kept<Consumer>>,
    handle: Weak<rd_kafka_s>,
    reading: Mutex<Reading>,
    /// When the application was last said to go on, in ms of the coarse clock.
    progressed: AtomicI64,
}

thread_local! {
    /// The source that this thread polls: a callback of its group's runs within, and must not poll it again.
    static POLLING: Cell<usize> = const { Cell::new(0) };
}

/// How often the application is said to go on while it has records in hand, in ms.
const PROGRESS: i64 = 50;

fn coarse_millis() -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000)
}

/// Marks the source as polled by this thread, until it is dropped.
struct Polled(usize);

impl Drop for Polled {
    fn drop(&mut self) {
        POLLING.set(self.0);
    }
}

impl Source {
    /// Records of a consumer.
    pub(crate) fn new(consumer: Arc<Kept<Consumer>>, handle: Weak<rd_kafka_s>) -> Arc<Self> {
        Arc::new(Self { consumer, handle, reading: Mutex::default(), progressed: AtomicI64::new(0) })
    }

    /// Hands out messages of the batch in hand, so many at most, as long as there is nothing else to see to; how many there were.
    #[inline]
    fn ready(&self, room: usize, mut out: impl FnMut(*mut rd_kafka_message_s)) -> usize {
        if POLLING.get() == std::ptr::from_ref(self) as usize || self.consumer.is_forked() {
            return 0;
        }
        let mut reading = lock(&self.reading);
        let Some(current) = &mut reading.current else { return 0 };
        if coarse_millis().saturating_sub(self.progressed.load(Ordering::Relaxed)) >= PROGRESS {
            return 0;
        }
        let mut count = 0;
        while count < room
            && let Some(message) = current.next()
        {
            out(message);
            count += 1;
        }
        count
    }

    /// The next message, if there is one; else the waker is kept.
    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<*mut rd_kafka_message_s>> {
        let me = std::ptr::from_ref(self) as usize;
        if POLLING.get() == me {
            return Poll::Ready(None);
        }
        let Ok(consumer) = self.consumer.get() else { return Poll::Ready(None) };
        let mut reading = lock(&self.reading);
        let _polled = Polled(POLLING.replace(me));
        if let Some(closing) = &mut reading.closing {
            if closing.as_mut().poll(context).is_ready() {
                reading.closing = None;
            }
            return Poll::Pending;
        }
        loop {
            if reading.closed {
                return Poll::Ready(None);
            }
            if let Some(current) = &mut reading.current {
                let now = coarse_millis();
                if now.saturating_sub(self.progressed.load(Ordering::Relaxed)) >= PROGRESS {
                    self.progressed.store(now, Ordering::Relaxed);
                    if consumer.progressed() {
                        let mut serve = std::pin::pin!(consumer.serve());
                        match serve.as_mut().poll(context) {
                            Poll::Ready(Ok(())) | Poll::Pending => {}
                            Poll::Ready(Err(error)) => {
                                drop(reading);
                                return Poll::Ready(self.error(&error));
                            }
                        }
                    }
                }
                if let Some(message) = current.next() {
                    return Poll::Ready(Some(message));
                }
                reading.current = None;
            }
            // Each call of the application's counts as one for max.poll.interval.ms, also where it goes on waiting.
            let next = match &mut reading.next {
                Some(next) => {
                    consumer.progressed();
                    next
                }
                none => {
                    let kept = self.consumer.clone();
                    none.insert(Box::pin(async move { kept.get()?.next().await }))
                }
            };
            let Poll::Ready(next) = next.as_mut().poll(context) else { return Poll::Pending };
            reading.next = None;
            match next {
                Ok(Some(batch)) => {
                    let Some(topic) = self.handle.upgrade().and_then(|handle| handle.own_topic(batch.topic().as_str()).ok())
                    else {
                        reading.closed = true;
                        continue;
                    };
                    reading.current = Some(Reader::new(batch.into_cursor(), topic));
                }
                Ok(None) => reading.closed = true,
                Err(error) => {
                    drop(reading);
                    return Poll::Ready(self.error(&error));
                }
            }
        }
    }

    /// An error as the application gets it.
    fn error(&self, error: &Error) -> Option<*mut rd_kafka_message_s> {
        let handle = self.handle.upgrade()?;
        if error.is_fatal() {
            handle.set_fatal(error);
        }
        let topic = error.topic().and_then(|topic| handle.own_topic(topic).ok());
        let code = error::code(error);
        let words = if code == error::PARTITION_EOF { ottla_bindings::error_code::text(-191).into() } else { error::told(error) };
        let at = error.offset().unwrap_or(offset::INVALID);
        Some(Message::of_error(code, c_string(words), topic, error.partition().unwrap_or(-1), at))
    }

    /// Has `closing` polled from now on, instead of handing out records.
    pub(crate) fn close_by(&self, closing: impl Future<Output = ()> + Send + 'static) {
        let mut reading = lock(&self.reading);
        (reading.current, reading.next) = (None, None);
        reading.closing = Some(Box::pin(closing));
        reading.closed = true;
    }

    /// Forgets what is in hand, so that nothing of it is handed out any more.
    pub(crate) fn forget(&self) {
        let me = std::ptr::from_ref(self) as usize;
        if POLLING.get() != me {
            let mut reading = lock(&self.reading);
            (reading.current, reading.next) = (None, None);
        }
    }
}

/// A queue (`rd_kafka_queue_t`); C holds counted pointers to it.
pub struct rd_kafka_queue_s {
    pub(crate) ops: Queue<Op>,
    routes: Mutex<Routes>,
    /// How an application's loop is told that something is here.
    ring: Mutex<Option<Ring>>,
    pub(crate) handle: Weak<rd_kafka_s>,
}

/// Where a queue's records come from, and where it goes.
#[derive(Default)]
struct Routes {
    /// Consumers whose records come here, those of queues that are forwarded here among them.
    sources: Vec<Arc<Source>>,
    /// Where it is forwarded to.
    target: Option<Arc<rd_kafka_queue_s>>,
}

impl rd_kafka_queue_s {
    /// A queue of a client's.
    pub(crate) fn new(handle: Weak<rd_kafka_s>) -> Arc<Self> {
        Arc::new(Self { ops: Queue::new(), routes: Mutex::default(), ring: Mutex::default(), handle })
    }

    /// Lets a consumer's records come here.
    pub(crate) fn add(&self, source: Arc<Source>) {
        let mut routes = lock(&self.routes);
        routes.sources.push(source.clone());
        let target = routes.target.clone();
        drop(routes);
        if let Some(target) = target {
            target.add(source);
        }
    }

    /// Ends that.
    pub(crate) fn remove(&self, source: &Arc<Source>) {
        let mut routes = lock(&self.routes);
        routes.sources.retain(|other| !Arc::ptr_eq(other, source));
        let target = routes.target.clone();
        drop(routes);
        if let Some(target) = target {
            target.remove(source);
        }
    }

    /// The consumers whose records come out here: of a queue that is forwarded those of its target.
    fn sources(&self) -> Vec<Arc<Source>> {
        let routes = lock(&self.routes);
        match routes.target.clone() {
            Some(target) => {
                drop(routes);
                target.sources()
            }
            None => routes.sources.clone(),
        }
    }

    /// Forwards what comes here into `target`, or nowhere any more. `false`: that would be a circle.
    pub(crate) fn forward(self: &Arc<Self>, target: Option<&Arc<Self>>) -> bool {
        if !self.ops.forward_to(target.map(|target| &target.ops)) {
            return false;
        }
        let mut routes = lock(&self.routes);
        let before = std::mem::replace(&mut routes.target, target.cloned());
        let sources = routes.sources.clone();
        drop(routes);
        if let Some(before) = before {
            sources.iter().for_each(|source| before.remove(source));
        }
        if let Some(target) = target {
            sources.into_iter().for_each(|source| target.add(source));
        }
        true
    }

    /// Whether what comes here goes elsewhere.
    pub(crate) fn is_forwarded(&self) -> bool {
        lock(&self.routes).target.is_some()
    }

    /// Has an application's loop told when something comes, and at once, since records may be here already; or ends that.
    pub(crate) fn set_ring(&self, ring: Option<Ring>) {
        let wake = ring.as_ref().map(Ring::wake);
        self.ops.set_wake(None);
        let before = std::mem::replace(&mut *lock(&self.ring), ring);
        drop(before);
        if let Some(wake) = wake {
            self.ops.set_wake(Some(wake.clone()));
            wake();
        }
    }

    /// Hands out messages that are there at once, so many at most; how many there were. None also where there is something else to
    /// see to first: [`Self::next`] does. What waits to be served is looked for there, at the end of a batch and every
    /// [`PROGRESS`] ms, and not for each record.
    #[inline]
    pub(crate) fn ready(&self, room: usize, mut out: impl FnMut(*mut rd_kafka_message_s)) -> usize {
        let routes = lock(&self.routes);
        if routes.target.is_some() {
            return 0;
        }
        for source in &routes.sources {
            let count = source.ready(room, &mut out);
            if count > 0 {
                return count;
            }
        }
        0
    }

    /// Waits for what is next, for `limit` at the longest.
    pub(crate) fn next(&self, limit: Option<Duration>) -> Option<Item> {
        // A callback of a group's has nothing to wait for: it is what others wait for.
        let limit = if POLLING.get() == 0 { limit } else { Some(Duration::ZERO) };
        let ring = lock(&self.ring).as_ref().map(Ring::wake);
        let mut next = Next { pop: self.ops.pop(), sources: self.sources(), ring };
        wait(Pin::new(&mut next), limit, &mut || false).done().flatten()
    }
}

/// A wait for what is next in a queue. `None`: nothing comes any more.
struct Next {
    pop: Pop<Op>,
    sources: Vec<Arc<Source>>,
    /// Told, beside who waits, of records that come.
    ring: Option<Wake>,
}

/// Wakes who waits, and tells the application's loop.
struct Both {
    waker: Waker,
    ring: Wake,
}

impl std::task::Wake for Both {
    fn wake(self: Arc<Self>) {
        self.waker.wake_by_ref();
        (self.ring)();
    }
}

impl Future for Next {
    type Output = Option<Item>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(op) = Pin::new(&mut this.pop).poll(context) {
            return Poll::Ready(Some(Item::Op(op)));
        }
        let both =
            this.ring.as_ref().map(|ring| Waker::from(Arc::new(Both { waker: context.waker().clone(), ring: ring.clone() })));
        let mut context = Context::from_waker(both.as_ref().unwrap_or(context.waker()));
        for source in &this.sources {
            if let Poll::Ready(Some(message)) = source.poll(&mut context) {
                return Poll::Ready(Some(Item::Message(message)));
            }
        }
        Poll::Pending
    }
}
