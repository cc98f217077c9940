//! What happened, as a hash: two runs of one schedule must have the same. The lines themselves are kept on request.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// A trace under way.
pub struct Trace {
    start: Instant,
    inner: Mutex<Inner>,
}

struct Inner {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// Starts now. Must be called within the runtime.
    #[must_use]
    pub fn new(keep_lines: bool) -> Self {
        let inner = Inner { hash: 0xcbf2_9ce4_8422_2325, lines: keep_lines.then(Vec::new) };
        Self { start: Instant::now(), inner: Mutex::new(inner) }
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
        if let Some(lines) = &mut inner.lines {
            lines.push(line);
        }
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
