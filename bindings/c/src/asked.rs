//! Calls that ask the cluster, and wait on the thread of who calls.

use std::ffi::c_int;
use std::future::Future;
use std::pin::pin;

use ottla::{Client, Error};
use ottla_bindings::wait::{Waited, wait};

use crate::boundary::limit;
use crate::error::{TIMED_OUT, TRANSPORT, code};

/// What a call answers within so many ms (-1: for ever), or the code of why it does not.
pub(crate) fn asked<T>(call: impl Future<Output = Result<T, Error>>, timeout_ms: c_int) -> Result<T, c_int> {
    asked_or(call, timeout_ms, || TIMED_OUT)
}

/// As [`asked`]; a client that knows of no broker yet says that there is nobody to ask.
pub(crate) fn asked_somebody<T>(
    client: &Client,
    call: impl Future<Output = Result<T, Error>>,
    timeout_ms: c_int,
) -> Result<T, c_int> {
    asked_or(call, timeout_ms, || if client.brokers().is_empty() { TRANSPORT } else { TIMED_OUT })
}

fn asked_or<T>(
    call: impl Future<Output = Result<T, Error>>,
    timeout_ms: c_int,
    late: impl FnOnce() -> c_int,
) -> Result<T, c_int> {
    match wait(pin!(call), limit(timeout_ms), &mut || false) {
        Waited::Done(done) => done.map_err(|error| code(&error)),
        Waited::TimedOut | Waited::Interrupted => Err(late()),
    }
}
