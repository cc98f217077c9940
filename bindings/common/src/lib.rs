//! What the faces of other languages share, and nothing that one of them alone needs.
//!
//! - [`Queue`]: what is served to a caller when it polls, from whichever thread; it wakes a foreign loop through a callback or a
//!   file descriptor, and can be forwarded into another queue.
//! - [`wait`]: a wait of a foreign thread, bounded, and interruptible by its host (a signal of Python's).
//! - [`error_code`]: librdkafka's names and texts for all error codes.
//! - [`fork`]: a client that went through `fork()` says so.
//! - [`Outstanding`]: how many records a producer has taken and not yet reported.
//! - [`exit`]: what is still queued when the process ends goes out, within a bound.
//! - [`statistics`]: what a client counts, as JSON with librdkafka's names.
//! - [`TestBroker`]: the broker for tests, driven by words.

mod broker;
pub mod error_code;
pub mod exit;
pub mod fork;
mod outstanding;
mod queue;
pub mod statistics;
pub mod wait;
#[cfg(unix)]
mod wakeup;

pub use broker::TestBroker;
pub use outstanding::Outstanding;
pub use queue::{Pop, Queue, Wake};
#[cfg(unix)]
pub use wakeup::Wakeup;
