//! The IO runtime: one for the process, started by the first client, shared by all. A test passes its own in.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use ottla_core::error::{Error, ErrorKind};
use ottla_core::time::{Clock, Instant};
use tokio::runtime::Handle;

/// The process' runtime: it lives as long as the process.
static SHARED: OnceLock<Result<Handle, String>> = OnceLock::new();

fn start() -> Result<Handle, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("ottla-io".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .map_err(|error| error.to_string())?;
    Ok(handle)
}

pub(crate) fn shared() -> Result<Handle, Error> {
    match SHARED.get_or_init(start) {
        Ok(handle) => Ok(handle.clone()),
        Err(error) => Err(Error::new(ErrorKind::Fatal, format!("the IO runtime can't be started: {error}"))),
    }
}

/// The client's clocks: tokio's, so that a paused one drives a test, and the coarse wall clock.
pub(crate) struct RuntimeClock {
    handle: Handle,
    start: tokio::time::Instant,
    /// The wall clock at the start, where it is not the system's.
    wall_start: Option<i64>,
}

impl RuntimeClock {
    pub(crate) fn new(handle: &Handle, wall_start: Option<i64>) -> Self {
        let _inside = handle.enter();
        Self { handle: handle.clone(), start: tokio::time::Instant::now(), wall_start }
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
        match self.wall_start {
            None => wall_millis(),
            Some(start) => start.saturating_add(i64::try_from(self.now().as_micros() / 1000).unwrap_or(i64::MAX)),
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
