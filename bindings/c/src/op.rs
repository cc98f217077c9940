//! What waits in a queue until the application polls.

use std::ffi::{CString, c_int};

use ottla::{Error, OffsetAndMetadata, Rebalance, TopicPartition};

use crate::conf::{OffsetCommitCb, Opaque};
use crate::report::Waiting;

/// One thing to serve.
pub(crate) enum Op {
    /// What became of a batch of records.
    Report(Box<Waiting>),
    /// For the application's error callback.
    Error {
        /// librdkafka's code.
        code: c_int,
        /// What happened.
        words: CString,
        /// The client can't go on.
        fatal: Option<Error>,
    },
    /// A broker asked for a pause.
    Throttle {
        /// The broker's id.
        broker: i32,
        /// For how long, in ms.
        time_ms: c_int,
    },
    /// The time has come for statistics.
    Statistics,
    /// A line for the application's log callback.
    Log {
        /// As syslog counts them.
        level: c_int,
        /// What it is about.
        facility: &'static std::ffi::CStr,
        /// What happened.
        words: CString,
    },
    /// What became of a commit.
    OffsetCommit {
        /// librdkafka's code of the whole.
        code: c_int,
        /// What was to be committed, and the code of each.
        offsets: Vec<(TopicPartition, OffsetAndMetadata, c_int)>,
        /// Who is told, if not the configured callback: C's function with its opaque.
        reply: Option<(OffsetCommitCb, Opaque)>,
    },
    /// Who polls is to stop.
    Yield,
    /// A rebalance, to be answered by assigning or unassigning.
    Rebalance(Rebalance),
}
