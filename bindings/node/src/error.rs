//! Errors as JavaScript knows them: made there, from all that is known of them here.

use napi::sys;
use ottla::{Error, ErrorKind};

use crate::event_loop;
use crate::raw::{self, Raw};
use crate::value::Value;

/// The error as a JavaScript object, made by the function that the package registered.
pub(crate) fn to_js(env: sys::napi_env, error: &Error) -> Raw {
    let fields = fields(error).into_js(env);
    let make = event_loop::current().and_then(|current| current.make_error.borrow().as_ref().map(raw::Reference::get));
    let made = make.and_then(|make| raw::call(env, make, &[fields]));
    made.unwrap_or_else(|| {
        // It threw, or nobody registered one: the plain fields are better than nothing.
        let mut pending = std::ptr::null_mut();
        // SAFETY: a place for what was thrown, if it was.
        unsafe { sys::napi_get_and_clear_last_exception(env, &raw mut pending) };
        fields
    })
}

fn fields(error: &Error) -> Value {
    let optional = |number: Option<i64>| number.map_or(Value::Undefined, Value::offset);
    Value::Object(vec![
        ("message", error.to_string().into()),
        ("type", error.name().into()),
        ("code", i32::from(error.local_code()).into()),
        ("kind", kind(error.kind()).into()),
        ("retriable", Value::Bool(error.is_retriable())),
        ("fatal", Value::Bool(error.is_fatal())),
        ("possiblyWritten", Value::Bool(error.possibly_written())),
        ("topic", error.topic().map_or(Value::Undefined, Value::from)),
        ("partition", error.partition().map_or(Value::Undefined, Value::from)),
        ("offset", optional(error.offset())),
        ("nextOffset", optional(error.next_offset())),
        ("broker", error.broker().map_or(Value::Undefined, |(_, address)| address.into())),
    ])
}

fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Config => "Config",
        ErrorKind::InvalidArgument => "InvalidArgument",
        ErrorKind::State => "State",
        ErrorKind::QueueFull => "QueueFull",
        ErrorKind::Timeout => "Timeout",
        ErrorKind::MsgTimedOut => "MsgTimedOut",
        ErrorKind::Transport => "Transport",
        ErrorKind::Resolve => "Resolve",
        ErrorKind::AllBrokersDown => "AllBrokersDown",
        ErrorKind::Protocol => "Protocol",
        ErrorKind::UnsupportedVersion => "UnsupportedVersion",
        ErrorKind::UnsupportedFeature => "UnsupportedFeature",
        ErrorKind::Broker => "Broker",
        ErrorKind::UnknownTopic => "UnknownTopic",
        ErrorKind::UnknownPartition => "UnknownPartition",
        ErrorKind::RecordTooLarge => "RecordTooLarge",
        ErrorKind::Purged(_) => "Purged",
        ErrorKind::Closed => "Closed",
        ErrorKind::Compression => "Compression",
        ErrorKind::OffsetReset => "OffsetReset",
        ErrorKind::LogTruncation => "LogTruncation",
        ErrorKind::MaxPollExceeded => "MaxPollExceeded",
        ErrorKind::Fatal => "Fatal",
        _ => "Other",
    }
}

/// Has a `#[napi]` function throw this error.
pub(crate) fn thrown(env: sys::napi_env, error: &Error) -> napi::Error {
    raw::throw(env, to_js(env, error));
    napi::Error::new(napi::Status::PendingException, error.to_string())
}

/// What is answered where there is no such handle any more.
pub(crate) fn closed(what: &'static str) -> Error {
    Error::new(ErrorKind::Closed, what)
}
