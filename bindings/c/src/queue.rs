//! Queues: what waits to be served, and the consumers that records come from.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError, Weak};
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
    /// Somebody polls it, perhaps in a callback of the application's, which may take long.
    busy: AtomicBool,
    /// Who came meanwhile.
    waiting: Mutex<Vec<Waker>>,
    /// When the application was last said to go on, in ms of the coarse clock.
    progressed: AtomicI64,
}

thread_local! {
    /// The source that this thread polls: a callback of its group's runs within, and must not poll it again.
    static POLLING: Cell<usize> = const { Cell::new(0) };
}

/// What came of polling a source.
enum Polled {
    /// A record or an error in its place.
    Message(*mut rd_kafka_message_s),
    /// Nothing comes of it.
    Nothing,
    /// Its consumer is closed now: who polls is to be told.
    Closed,
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
struct Within(usize);

impl Drop for Within {
    fn drop(&mut self) {
        POLLING.set(self.0);
    }
}

impl Source {
    /// Records of a consumer.
    pub(crate) fn new(consumer: Arc<Kept<Consumer>>, handle: Weak<rd_kafka_s>) -> Arc<Self> {
        Arc::new(Self {
            consumer,
            handle,
            reading: Mutex::default(),
            busy: AtomicBool::new(false),
            waiting: Mutex::default(),
            progressed: AtomicI64::new(0),
        })
    }

    /// Hands out messages of the batch in hand, so many at most, as long as there is nothing else to see to; how many there were.
    #[inline]
    fn ready(&self, room: usize, mut out: impl FnMut(*mut rd_kafka_message_s)) -> usize {
        if self.is_polled_here() || self.consumer.is_forked() {
            return 0;
        }
        // Never waited for: the queue is locked meanwhile, and who holds this may be in a callback that polls the queue.
        let Ok(mut reading) = self.reading.try_lock() else { return 0 };
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

    /// Whether a callback of this source's group runs on this thread.
    pub(crate) fn is_polled_here(&self) -> bool {
        POLLING.get() == std::ptr::from_ref(self) as usize
    }

    /// What is in hand, for who polls; `None` while another does, who wakes this one then.
    fn take(&self, context: &Context<'_>) -> Option<MutexGuard<'_, Reading>> {
        loop {
            match self.reading.try_lock() {
                Ok(reading) => return Some(reading),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if self.busy.load(Ordering::SeqCst) => {
                    lock(&self.waiting).push(context.waker().clone());
                    // Looked at again: it may have woken the others before.
                    if self.busy.load(Ordering::SeqCst) {
                        return None;
                    }
                }
                // Held for a few records only.
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
    }

    /// The next message, if there is one; else the waker is kept.
    fn poll(&self, context: &mut Context<'_>) -> Poll<Polled> {
        if self.is_polled_here() {
            return Poll::Ready(Polled::Nothing);
        }
        let Ok(consumer) = self.consumer.get() else { return Poll::Ready(Polled::Nothing) };
        let Some(mut reading) = self.take(context) else { return Poll::Pending };
        self.busy.store(true, Ordering::SeqCst);
        let within = Within(POLLING.replace(std::ptr::from_ref(self) as usize));
        let polled = self.poll_held(consumer, &mut reading, context);
        drop(within);
        self.busy.store(false, Ordering::SeqCst);
        drop(reading);
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        waiting.into_iter().for_each(Waker::wake);
        polled.map(|polled| polled.unwrap_or_else(|error| self.error(&error).map_or(Polled::Nothing, Polled::Message)))
    }

    fn poll_held(&self, consumer: &Consumer, reading: &mut Reading, context: &mut Context<'_>) -> Poll<Result<Polled, Error>> {
        if let Some(closing) = &mut reading.closing {
            if closing.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            reading.closing = None;
            return Poll::Ready(Ok(Polled::Closed));
        }
        loop {
            if reading.closed {
                return Poll::Ready(Ok(Polled::Nothing));
            }
            if let Some(current) = &mut reading.current {
                let now = coarse_millis();
                if now.saturating_sub(self.progressed.load(Ordering::Relaxed)) >= PROGRESS {
                    self.progressed.store(now, Ordering::Relaxed);
                    if consumer.progressed() {
                        let mut serve = std::pin::pin!(consumer.serve());
                        if let Poll::Ready(Err(error)) = serve.as_mut().poll(context) {
                            return Poll::Ready(Err(error));
                        }
                    }
                }
                if let Some(message) = current.next() {
                    return Poll::Ready(Ok(Polled::Message(message)));
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
                Err(error) => return Poll::Ready(Err(error)),
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
        if !self.is_polled_here() {
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
    /// The application has made it: it ends with the pointer that it has.
    pub(crate) is_owned: bool,
}

/// Held by who changes where queues' records come from or go.
static ROUTING: Mutex<()> = Mutex::new(());

/// Where a queue's records come from, and where it goes.
#[derive(Default)]
struct Routes {
    /// Consumers whose records come here, those of queues that are forwarded here among them; first the one whose turn it is.
    sources: Vec<Arc<Source>>,
    /// Where it is forwarded to.
    target: Option<Arc<rd_kafka_queue_s>>,
}

impl rd_kafka_queue_s {
    /// A queue of a client's.
    pub(crate) fn new(handle: Weak<rd_kafka_s>) -> Arc<Self> {
        Arc::new(Self { ops: Queue::new(), routes: Mutex::default(), ring: Mutex::default(), handle, is_owned: false })
    }

    /// A queue of the application's own.
    pub(crate) fn owned(handle: Weak<rd_kafka_s>) -> Arc<Self> {
        Arc::new(Self { ops: Queue::new(), routes: Mutex::default(), ring: Mutex::default(), handle, is_owned: true })
    }

    /// Has who waits look again, and tells the application's loop.
    pub(crate) fn stir(&self) {
        self.ops.wake_all();
        let ring = lock(&self.ring).as_ref().map(Ring::wake);
        if let Some(ring) = ring {
            ring();
        }
    }

    /// Lets a consumer's records come here.
    pub(crate) fn add(&self, source: Arc<Source>) {
        let _routing = lock(&ROUTING);
        self.reach(&|routes| routes.sources.push(source.clone()));
    }

    /// Ends that.
    pub(crate) fn remove(&self, source: &Arc<Source>) {
        let _routing = lock(&ROUTING);
        self.reach(&|routes| routes.sources.retain(|other| !Arc::ptr_eq(other, source)));
    }

    /// Changes the sources of this queue and of those behind it, whose waiters look again. To be called while [`ROUTING`] is held.
    fn reach(&self, change: &dyn Fn(&mut Routes)) {
        let target = {
            let mut routes = lock(&self.routes);
            change(&mut routes);
            routes.target.clone()
        };
        match target {
            Some(target) => target.reach(change),
            None => self.stir(),
        }
    }

    /// The consumers whose records come out here, and what tells the application of them: of a queue that is forwarded those of its
    /// target.
    fn sources(&self) -> (Vec<Arc<Source>>, Option<Wake>) {
        let routes = lock(&self.routes);
        match routes.target.clone() {
            Some(target) => {
                drop(routes);
                target.sources()
            }
            None => (routes.sources.clone(), lock(&self.ring).as_ref().map(Ring::wake)),
        }
    }

    /// Forwards what comes here into `target`, or nowhere any more. `false`: that would be a circle.
    pub(crate) fn forward(self: &Arc<Self>, target: Option<&Arc<Self>>) -> bool {
        let _routing = lock(&ROUTING);
        if !self.ops.forward_to(target.map(|target| &target.ops)) {
            return false;
        }
        let mut routes = lock(&self.routes);
        let before = std::mem::replace(&mut routes.target, target.cloned());
        let sources = routes.sources.clone();
        drop(routes);
        if let Some(before) = before {
            before.reach(&|routes| routes.sources.retain(|other| !sources.iter().any(|source| Arc::ptr_eq(source, other))));
        }
        match target {
            Some(target) => target.reach(&|routes| routes.sources.extend(sources.iter().cloned())),
            None => self.stir(),
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
        // Held meanwhile, so that of two who set one both set the same.
        let mut now = lock(&self.ring);
        let before = std::mem::replace(&mut *now, ring);
        let told = self.ops.set_wake(wake.clone());
        drop(now);
        // A call that is under way is waited for.
        drop(before);
        if let Some(wake) = wake.filter(|_| !told) {
            wake();
        }
    }

    /// Hands out messages that are there at once, so many at most; how many there were. None also where there is something else to
    /// see to first: [`Self::next`] does. What waits to be served is looked for there, at the end of a batch and every
    /// [`PROGRESS`] ms, and not for each record.
    #[inline]
    pub(crate) fn ready(&self, room: usize, mut out: impl FnMut(*mut rd_kafka_message_s)) -> usize {
        let mut routes = lock(&self.routes);
        if routes.target.is_some() {
            return 0;
        }
        for at in 0..routes.sources.len() {
            let count = routes.sources.get(at).map_or(0, |source| source.ready(room, &mut out));
            if count > 0 {
                if at > 0 {
                    // Those before it have come to a batch's end.
                    routes.sources.rotate_left(at);
                }
                return count;
            }
        }
        0
    }

    /// It is this source's turn: what is left of its batch comes first now, and another's before its next one.
    fn turn_to(&self, source: &Arc<Source>) {
        let mut routes = lock(&self.routes);
        match routes.target.clone() {
            Some(target) => {
                drop(routes);
                target.turn_to(source);
            }
            None => {
                let at = routes.sources.iter().position(|other| Arc::ptr_eq(other, source));
                routes.sources.rotate_left(at.unwrap_or(0));
            }
        }
    }

    /// Waits for what is next, for `limit` at the longest.
    pub(crate) fn next(&self, limit: Option<Duration>) -> Option<Item> {
        // A callback of a group's has nothing to wait for: it is what others wait for.
        let limit = if POLLING.get() == 0 { limit } else { Some(Duration::ZERO) };
        let mut next = Next { pop: self.ops.pop(), queue: self };
        wait(Pin::new(&mut next), limit, &mut || false).done().flatten()
    }
}

/// A wait for what is next in a queue. `None`: nothing comes any more.
struct Next<'a> {
    pop: Pop<Op>,
    queue: &'a rd_kafka_queue_s,
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

impl Future for Next<'_> {
    type Output = Option<Item>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(op) = Pin::new(&mut this.pop).poll(context) {
            return Poll::Ready(Some(Item::Op(op)));
        }
        // Looked for each time: meanwhile it may have been forwarded, or have got another. Who tells the application is told as well.
        let (sources, ring) = this.queue.sources();
        let both = ring.map(|ring| Waker::from(Arc::new(Both { waker: context.waker().clone(), ring })));
        let mut context = Context::from_waker(both.as_ref().unwrap_or(context.waker()));
        // Whose turn it was comes last: as if all of them put their batches into one line.
        for source in sources.iter().skip(1).chain(sources.first()) {
            match source.poll(&mut context) {
                Poll::Ready(Polled::Message(message)) => {
                    if sources.len() > 1 {
                        this.queue.turn_to(source);
                    }
                    return Poll::Ready(Some(Item::Message(message)));
                }
                Poll::Ready(Polled::Closed) => return Poll::Ready(None),
                Poll::Ready(Polled::Nothing) | Poll::Pending => {}
            }
        }
        Poll::Pending
    }
}
