//! The broker for tests, in this process.

use std::rc::Rc;

use napi::Env;
use napi_derive::napi;
use ottla::Error;
use ottla_bindings::TestBroker;

use crate::handles;
use crate::{error, raw};

fn pairs(words: &[String]) -> impl Iterator<Item = (&str, &str)> {
    words.chunks_exact(2).filter_map(|pair| match pair {
        [name, value] => Some((name.as_str(), value.as_str())),
        _ => None,
    })
}

fn with<T>(env: Env, broker: u32, act: impl FnOnce(&TestBroker) -> Result<T, Error>) -> napi::Result<T> {
    let found = handles::broker(broker).ok_or_else(|| error::closed("the test broker was stopped"));
    found.and_then(|broker| act(&broker)).map_err(|error| error::thrown(env.raw(), &error))
}

/// Starts a broker with options (name, value, name, value). Answers with its number.
#[napi(catch_unwind)]
pub fn broker_start(env: Env, options: Vec<String>) -> napi::Result<u32> {
    let broker = TestBroker::start(pairs(&options)).map_err(|error| error::thrown(env.raw(), &error))?;
    Ok(handles::add_broker(Rc::new(broker)))
}

/// `HOST:PORT` of each broker, joined by commas.
#[napi(catch_unwind)]
pub fn broker_servers(env: Env, broker: u32) -> napi::Result<String> {
    with(env, broker, |broker| Ok(broker.bootstrap_servers().to_owned()))
}

/// Ends a broker.
#[napi(catch_unwind)]
pub fn broker_stop(broker: u32) {
    if let Some(broker) = handles::remove_broker(broker) {
        broker.stop();
    }
}

/// Stops one broker of it, or starts it again.
#[napi(catch_unwind)]
pub fn broker_set_running(env: Env, broker: u32, id: i32, running: bool) -> napi::Result<()> {
    with(env, broker, |broker| if running { broker.restart_broker(id) } else { broker.stop_broker(id) })
}

/// Moves a partition's leader.
#[napi(catch_unwind)]
pub fn broker_move_leader(env: Env, broker: u32, topic: String, partition: i32, to: i32) -> napi::Result<()> {
    with(env, broker, |broker| broker.move_leader(&topic, partition, to))
}

/// Creates a topic.
#[napi(catch_unwind)]
pub fn broker_create_topic(env: Env, broker: u32, name: String, partitions: i32) -> napi::Result<()> {
    with(env, broker, |broker| broker.create_topic(&name, partitions))
}

/// Adds a fault, in words. Answers with its number.
#[napi(catch_unwind)]
pub fn broker_add_fault(env: Env, broker: u32, words: Vec<String>) -> napi::Result<f64> {
    with(env, broker, |broker| broker.add_fault(pairs(&words))).map(number)
}

fn number(number: u64) -> f64 {
    raw::to_number(i64::try_from(number).unwrap_or(i64::MAX))
}

fn id(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was made by `number`, and the cast saturates"
    )]
    let id = number as u64;
    id
}

/// How often a fault struck.
#[napi(catch_unwind)]
pub fn broker_fault_hits(env: Env, broker: u32, fault: f64) -> napi::Result<f64> {
    with(env, broker, |broker| broker.fault_hits(id(fault))).map(number)
}

/// Removes a fault; whether there was one.
#[napi(catch_unwind)]
pub fn broker_remove_fault(env: Env, broker: u32, fault: f64) -> napi::Result<bool> {
    with(env, broker, |broker| broker.remove_fault(id(fault)))
}

/// Removes all faults.
#[napi(catch_unwind)]
pub fn broker_clear_faults(env: Env, broker: u32) -> napi::Result<()> {
    with(env, broker, TestBroker::clear_faults)
}

/// How many requests of an API the journal has seen.
#[napi(catch_unwind)]
pub fn broker_requests(env: Env, broker: u32, api: String) -> napi::Result<u32> {
    with(env, broker, |broker| broker.requests(&api)).map(|count| u32::try_from(count).unwrap_or(u32::MAX))
}
