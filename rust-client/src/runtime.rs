//! The IO runtime: one for the process, started by the first client, shared by all. A test passes its own in.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ottla_core::error::{Error, ErrorKind};
use ottla_core::time::{Clock, Instant};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// The process' runtime: it lives as long as the process.
static SHARED: ArcSwapOption<Started> = ArcSwapOption::const_empty();

/// How often this process was born of a fork.
static FORKS: AtomicU32 = AtomicU32::new(0);

struct Started {
    forks: u32,
    handle: Handle,
    /// Dropped, it ends the thread: only where two were started at once.
    _stop: oneshot::Sender<()>,
}

/// To be called in the child after `fork()`, where the IO thread is gone: clients that are made from now on get a runtime of their
/// own. Those from before the fork can't be used, and must not even be dropped: what the lost thread had locked stays locked.
///
/// It does nothing but count, so that a handler of `pthread_atfork` may call it.
pub fn after_fork_in_child() {
    FORKS.fetch_add(1, Ordering::SeqCst);
}

/// How often [`after_fork_in_child`] was called: a client is of another process if it remembers another number.
#[must_use]
pub fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

fn start(forks: u32) -> std::io::Result<Started> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    std::thread::Builder::new().name("ottla-io".to_owned()).spawn(move || runtime.block_on(stopped))?;
    Ok(Started { forks, handle, _stop: stop })
}

pub(crate) fn shared() -> Result<Handle, Error> {
    let forks = forks();
    let before = SHARED.load_full();
    if let Some(started) = before.as_ref().filter(|started| started.forks == forks) {
        return Ok(started.handle.clone());
    }
    let failed = |error| Error::new(ErrorKind::Fatal, "the IO runtime can't be started").with_source(error);
    let started = Arc::new(start(forks).map_err(failed)?);
    let found = SHARED.compare_and_swap(&before, Some(started.clone()));
    let found = arc_swap::Guard::into_inner(found);
    let won = match (&found, &before) {
        (Some(found), Some(before)) => Arc::ptr_eq(found, before),
        (None, None) => true,
        _ => false,
    };
    if won {
        // Of the process before the fork: its locks may be held for ever.
        std::mem::forget((found, before));
        return Ok(started.handle.clone());
    }
    // Another thread was quicker; the thread that was started here ends.
    shared()
}

/// The client's clocks: tokio's, so that a paused one drives a test, and the coarse wall clock.
pub(crate) struct RuntimeClock {
    handle: Handle,
    start: tokio::time::Instant,
    /// The wall clock at the start, where it is not the system's.
    wall_start: Option<AtomicI64>,
}

impl RuntimeClock {
    pub(crate) fn new(handle: &Handle, wall_start: Option<i64>) -> Self {
        let _inside = handle.enter();
        Self { handle: handle.clone(), start: tokio::time::Instant::now(), wall_start: wall_start.map(AtomicI64::new) }
    }

    /// Someone sets the wall clock forwards or back.
    #[cfg(test)]
    pub(crate) fn set_wall(&self, by_millis: i64) {
        if let Some(start) = &self.wall_start {
            start.fetch_add(by_millis, Ordering::Relaxed);
        }
    }

    /// The runtime's own instant, to sleep until.
    pub(crate) fn to_tokio(&self, at: Instant) -> tokio::time::Instant {
        // Far enough: tokio's timers end at about two years.
        const YEAR: u64 = 365 * 24 * 3600 * 1_000_000;
        let now = self.now();
        self.start + Duration::from_micros(at.as_micros().min(now.as_micros() + YEAR))
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> Instant {
        // Outside of its runtime tokio's clock would not know that it is paused.
        let _inside = self.handle.enter();
        Instant::from_micros(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn wall_millis(&self) -> i64 {
        match &self.wall_start {
            None => wall_millis(),
            Some(start) => {
                start.load(Ordering::Relaxed).saturating_add(i64::try_from(self.now().as_micros() / 1000).unwrap_or(i64::MAX))
            }
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn wall_millis() -> i64 {
    // 6 ns, where the precise clock costs 33 to 53; a record's timestamp is in ms.
    let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn wall_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread, without any executor: the blocking twin of each call.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A number to seed a client's random source with.
pub(crate) fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}
