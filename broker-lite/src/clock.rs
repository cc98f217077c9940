//! The broker's own clock: real, or held and advanced by a test.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

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
    System,
    Tokio { origin: tokio::time::Instant, origin_ms: i64 },
    Manual(Arc<watch::Sender<i64>>),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Kind::System)
    }

    /// The clock of the tokio runtime that this is called in: `now_ms` (milliseconds since 1970) now, and on as
    /// [`tokio::time::Instant`] goes. While that is paused, this stands still too.
    #[must_use]
    pub fn tokio(now_ms: i64) -> Self {
        Self(Kind::Tokio { origin: tokio::time::Instant::now(), origin_ms: now_ms })
    }

    /// A clock that stands still at `now_ms` (milliseconds since 1970) until it is advanced.
    #[must_use]
    pub fn manual(now_ms: i64) -> Self {
        Self(Kind::Manual(Arc::new(watch::Sender::new(now_ms))))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Kind::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
            Kind::Tokio { origin, origin_ms } => {
                origin_ms.saturating_add(i64::try_from(origin.elapsed().as_millis()).unwrap_or(i64::MAX))
            }
            Kind::Manual(now) => *now.borrow(),
        }
    }

    /// Moves a manual clock on; the others are not moved by this.
    pub fn advance(&self, by: Duration) {
        if let Kind::Manual(now) = &self.0 {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            now.send_modify(|now| *now = now.saturating_add(by));
        }
    }

    /// Waits until this clock has moved on by `interval`.
    pub(crate) async fn sleep(&self, interval: Duration) {
        match &self.0 {
            Kind::System | Kind::Tokio { .. } => tokio::time::sleep(interval).await,
            Kind::Manual(now) => {
                let due = self.now_ms().saturating_add(i64::try_from(interval.as_millis()).unwrap_or(i64::MAX));
                // The sender lives in `self`, so this can't end before the time has come.
                let _ = now.subscribe().wait_for(|now| *now >= due).await;
            }
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}
