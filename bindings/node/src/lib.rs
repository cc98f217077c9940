//! Ottla for Node: the addon under the package `ottla`, which has KafkaJS's API and is written in TypeScript.
//!
//! Here are numbers for handles, promises for what takes time, and the few calls that cross for each send and each batch. All
//! runs on the event loop's thread: the client's futures are polled there when their wakers ring (`event_loop`). What comes and
//! goes by the thousand crosses as one piece: `records` out, `batch` in.

#![allow(unsafe_code, reason = "Node-API is a C interface; each block says why it holds")]
#![allow(unreachable_pub, reason = "what the macro exports is public")]
#![cfg_attr(test, allow(dead_code, reason = "the macro exports nothing there"))]

mod admin;
mod assignor;
mod batch;
mod broker;
mod client;
mod consumer;
mod error;
mod event_loop;
mod groups;
mod handles;
mod listener;
mod producer;
mod raw;
mod records;
mod value;
mod watch;

use std::future::Future;

use napi::bindgen_prelude::{JsValue, Object, ToNapiValue, TypeName};
use napi::{Env, ValueType, sys};
use napi_derive::napi;
use ottla::Error;

use crate::raw::Reference;
use crate::value::Value;

/// A value made without a layer in between: a promise.
pub struct Answer(sys::napi_value);

impl TypeName for Answer {
    fn type_name() -> &'static str {
        "Promise"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ToNapiValue for Answer {
    unsafe fn to_napi_value(_: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        Ok(value.0)
    }
}

/// A promise for what a future comes to.
fn answer(future: impl Future<Output = Result<Value, Error>> + 'static) -> napi::Result<Answer> {
    let current = event_loop::current();
    let current = current.ok_or_else(|| napi::Error::new(napi::Status::Closing, "the environment is going"))?;
    Ok(Answer(current.promise_value(future)))
}

/// Starts the event loop's part, and exports what is called for each send and batch.
#[napi(module_exports)]
pub fn init(exports: Object, env: Env) -> napi::Result<()> {
    event_loop::start(env.raw());
    let (env, exports) = (env.raw(), exports.raw());
    raw::export(env, exports, "producerSend", producer::send);
    raw::export(env, exports, "producerOnSettled", producer::on_settled);
    raw::export(env, exports, "consumerNext", consumer::next);
    raw::export(env, exports, "consumerProgress", consumer::progress);
    raw::export(env, exports, "consumerOnQuestion", consumer::on_question);
    raw::export(env, exports, "setMakeError", set_make_error);
    raw::export(env, exports, "setTell", watch::set_tell);
    Ok(())
}

/// `setMakeError(function)`: what makes errors.
unsafe extern "C" fn set_make_error(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    raw::guarded(env, || {
        let [function] = raw::arguments(env, info);
        if let Some(current) = event_loop::current() {
            current.make_error.replace(Some(Reference::new(env, function)));
        }
        raw::undefined(env)
    })
}
