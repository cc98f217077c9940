//! What happens to a client without a call that would tell of it: into the queue, for the application's callbacks.

use std::ffi::c_int;
use std::sync::Weak;
use std::sync::atomic::Ordering;

use ottla::{ClientEvent, Error, ErrorCode, Observer};
use ottla_bindings::Queue;

use crate::boundary::c_string;
use crate::conf::rd_kafka_conf_s;
use crate::consumer::answered;
use crate::error::{FATAL, code};
use crate::event::kind;
use crate::handle::rd_kafka_s;
use crate::misc::{Logger, log_line, print};
use crate::op::Op;

/// `_ALL_BROKERS_DOWN`.
const ALL_BROKERS_DOWN: c_int = -187;

/// What the application has callbacks for, or enabled events of.
#[derive(Clone, Copy)]
pub(crate) struct Wants {
    error: bool,
    throttle: bool,
    stats: bool,
    commits: bool,
    /// Lines wait in the queue that the application has set for them.
    queued_lines: bool,
}

impl Wants {
    /// What a configuration has callbacks for.
    pub(crate) fn of(conf: &rd_kafka_conf_s) -> Self {
        let callbacks = &conf.callbacks;
        Self {
            error: callbacks.error.is_some() || conf.has_event(kind::ERROR),
            throttle: callbacks.throttle.is_some(),
            commits: callbacks.offset_commit.is_some() || conf.has_event(kind::OFFSET_COMMIT),
            stats: callbacks.stats.is_some() || conf.has_event(kind::STATS),
            queued_lines: conf.own("log.queue") == "true",
        }
    }
}

/// `LOG_ERR` of syslog.
const ERR: c_int = 3;

struct Told {
    queue: Queue<Op>,
    logs: Queue<Op>,
    /// A consumer's own.
    commits: Option<Queue<Op>>,
    wants: Wants,
    handle: Weak<rd_kafka_s>,
}

impl Told {
    /// An error: to its callback or, without one, to the log, as librdkafka does it.
    fn error(&self, code: c_int, error: &Error) {
        // That connections end with a client that is destroyed is nothing to tell.
        let Some(handle) = self.handle.upgrade().filter(|handle| !handle.is_gone()) else { return };
        let fatal = error.is_fatal().then(|| error.clone());
        let words = error.to_string();
        if self.wants.error {
            let code = if fatal.is_some() { FATAL } else { code };
            return self.queue.push(Op::Error { code, words: c_string(words), fatal });
        }
        if handle.log_level.load(Ordering::Relaxed) < ERR {
            return;
        }
        match handle.logger() {
            Logger::Prints if !self.wants.queued_lines => print(&log_line(ERR, "ERROR", handle.name(), &words)),
            Logger::Silent if !self.wants.queued_lines => {}
            Logger::Prints | Logger::Calls(_) | Logger::Silent => {
                self.logs.push(Op::Log { level: ERR, facility: c"ERROR", words: c_string(words) });
            }
        }
    }
}

/// Puts a client's events into a queue, and what it logs into another. What the application has neither a callback for nor enabled
/// events of is left out, since nobody might poll.
pub(crate) fn observer(
    queue: Queue<Op>,
    logs: Queue<Op>,
    commits: Option<Queue<Op>>,
    wants: Wants,
    handle: Weak<rd_kafka_s>,
) -> Observer {
    let told = Told { queue, logs, commits, wants, handle };
    std::sync::Arc::new(move |event| match event {
        ClientEvent::BrokerDown(error) => told.error(code(&error), &error),
        ClientEvent::AllBrokersDown(error) => told.error(ALL_BROKERS_DOWN, &error),
        ClientEvent::ProducerEnded(error) => {
            if let Some(handle) = told.handle.upgrade() {
                handle.set_fatal(&error);
            }
            told.error(code(&error), &error);
        }
        ClientEvent::Throttled { broker, time } if told.wants.throttle => {
            let time_ms = c_int::try_from(time.as_millis()).unwrap_or(c_int::MAX);
            told.queue.push(Op::Throttle { broker, time_ms });
        }
        ClientEvent::StatisticsDue if told.wants.stats => told.queue.push(Op::Statistics),
        ClientEvent::AutomaticCommit { offsets, result, .. } if told.wants.commits => {
            let whole = answered(result);
            let of_each = |(key, (at, answer)): (_, (_, Option<ErrorCode>))| {
                (key, at, answer.map_or(whole, |answer| c_int::from(answer.code())))
            };
            if let Some(commits) = &told.commits {
                let offsets = offsets.into_iter().map(of_each).collect();
                commits.push(Op::OffsetCommit { code: whole, offsets, reply: None });
            }
        }
        _ => {}
    })
}
