//! What happens to a client without a call that would tell of it: into the queue, for the application's callbacks.

use std::ffi::c_int;
use std::sync::Weak;

use ottla::{ClientEvent, Error, Observer};
use ottla_bindings::Queue;

use crate::boundary::c_string;
use crate::conf::rd_kafka_conf_s;
use crate::error::{FATAL, code, told};
use crate::handle::rd_kafka_s;
use crate::op::Op;

/// `_ALL_BROKERS_DOWN`.
const ALL_BROKERS_DOWN: c_int = -187;

/// What the application has callbacks for.
#[derive(Clone, Copy)]
pub(crate) struct Wants {
    error: bool,
    throttle: bool,
}

impl Wants {
    /// What a configuration has callbacks for.
    pub(crate) fn of(conf: &rd_kafka_conf_s) -> Self {
        Self { error: conf.callbacks.error.is_some(), throttle: conf.callbacks.throttle.is_some() }
    }
}

fn op(error: &Error) -> Op {
    let (code, fatal) = if error.is_fatal() { (FATAL, Some(error.clone())) } else { (code(error), None) };
    Op::Error { code, words: c_string(told(error)), fatal }
}

/// Puts a client's events into a queue. What nobody has a callback for is left out, since nobody might poll.
pub(crate) fn observer(queue: Queue<Op>, wants: Wants, handle: Weak<rd_kafka_s>) -> Observer {
    std::sync::Arc::new(move |event| match event {
        ClientEvent::BrokerDown(error) if wants.error => queue.push(op(&error)),
        ClientEvent::AllBrokersDown(error) if wants.error => {
            let words = c_string(format!("{}: {error}", ottla_bindings::error_code::text(-187)));
            queue.push(Op::Error { code: ALL_BROKERS_DOWN, words, fatal: None });
        }
        ClientEvent::ProducerEnded(error) => {
            if let Some(handle) = handle.upgrade() {
                handle.set_fatal(&error);
            }
            if wants.error {
                queue.push(op(&error));
            }
        }
        ClientEvent::Throttled { broker, time } if wants.throttle => {
            let time_ms = c_int::try_from(time.as_millis()).unwrap_or(c_int::MAX);
            queue.push(Op::Throttle { broker, name: c_string(format!("broker {broker}")), time_ms });
        }
        _ => {}
    })
}
