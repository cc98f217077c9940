//! What happened, as a hash: two runs of one schedule must have the same. The lines themselves are kept on request.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

/// A trace under way.
pub struct Trace {
    start: Instant,
    inner: Mutex<Inner>,
    overrun: Notify,
}

/// More than any run has: then something goes round and round.
const MOST_EVENTS: u64 = 500_000;

struct Inner {
    hash: u64,
    events: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// Starts now. Must be called within the runtime.
    #[must_use]
    pub fn new(keep_lines: bool) -> Self {
        let inner = Inner { hash: 0xcbf2_9ce4_8422_2325, events: 0, lines: keep_lines.then(Vec::new) };
        Self { start: Instant::now(), inner: Mutex::new(inner), overrun: Notify::new() }
    }

    /// Milliseconds of virtual time since the start.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes an event in.
    pub fn event(&self, line: std::fmt::Arguments<'_>) {
        let line = format!("{:>9} {line}", self.start.elapsed().as_micros());
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.hash = line.bytes().fold(inner.hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        inner.events += 1;
        if inner.events == MOST_EVENTS {
            self.overrun.notify_one();
        }
        if let Some(lines) = &mut inner.lines {
            lines.push(line);
        }
    }

    /// Waits until more happened than happens in any run.
    pub(crate) async fn overrun(&self) {
        self.overrun.notified().await;
    }

    /// The hash so far, and the lines if they were asked for.
    #[must_use]
    pub fn end(&self) -> (u64, Vec<String>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (inner.hash, inner.lines.take().unwrap_or_default())
    }
}

/// Takes an event into a trace.
macro_rules! note {
    ($trace:expr, $($line:tt)*) => { $trace.event(format_args!($($line)*)) };
}
pub(crate) use note;
