//! The broker's own clock: real, or held and advanced by a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::time::Instant;

/// What the broker takes timestamps and ages from. Clones show the same time.
///
/// ```
/// # use std::time::Duration;
/// let clock = ottla_broker::Clock::manual(1_700_000_000_000);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now_ms(), 1_700_000_060_000);
/// ```
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System { origin: Instant },
    Tokio { origin: Instant, origin_ms: i64 },
    Manual(Arc<Held>),
}

#[derive(Debug)]
struct Held {
    now_ms: AtomicI64,
    /// Its waiters go on in the order in which they came.
    moved: Notify,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Kind::System { origin: Instant::now() })
    }

    /// The clock of the tokio runtime that this is called in: `now_ms` (milliseconds since 1970) now, and on as
    /// [`tokio::time::Instant`] goes. While that is paused, this stands still too.
    #[must_use]
    pub fn tokio(now_ms: i64) -> Self {
        Self(Kind::Tokio { origin: Instant::now(), origin_ms: now_ms })
    }

    /// A clock that stands still at `now_ms` (milliseconds since 1970) until it is advanced.
    #[must_use]
    pub fn manual(now_ms: i64) -> Self {
        Self(Kind::Manual(Arc::new(Held { now_ms: AtomicI64::new(now_ms), moved: Notify::new() })))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Kind::System { .. } => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
            Kind::Tokio { origin, origin_ms } => origin_ms.saturating_add(millis(origin.elapsed())),
            Kind::Manual(held) => held.now_ms.load(Ordering::Acquire),
        }
    }

    /// Milliseconds since some time or other, for waits: setting the system's clock does not move them.
    pub(crate) fn steady_ms(&self) -> i64 {
        match &self.0 {
            Kind::System { origin } => millis(origin.elapsed()),
            Kind::Tokio { .. } | Kind::Manual(_) => self.now_ms(),
        }
    }

    /// Moves a manual clock on; the others are not moved by this.
    pub fn advance(&self, by: Duration) {
        if let Kind::Manual(held) = &self.0 {
            let later = |now: i64| Some(now.saturating_add(millis(by)));
            let _ = held.now_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
            held.moved.notify_waiters();
        }
    }

    /// Waits until this clock has moved on by `interval`.
    pub(crate) async fn sleep(&self, interval: Duration) {
        self.sleep_until(self.steady_ms().saturating_add(millis(interval))).await;
    }

    /// Waits until [`Clock::steady_ms`] is at least this.
    pub(crate) async fn sleep_until(&self, due: i64) {
        if let Kind::Manual(held) = &self.0 {
            return held.reached(due).await;
        }
        let left = u64::try_from(due.saturating_sub(self.steady_ms())).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(left)).await;
    }
}

impl Held {
    async fn reached(&self, due: i64) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            // Registered before it looks: nothing can come in between.
            moved.as_mut().enable();
            if self.now_ms.load(Ordering::Acquire) >= due {
                return;
            }
            moved.await;
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}
