//! A client: its configuration, and whether the cluster can be reached.

use std::rc::Rc;
use std::time::Duration;

use napi_derive::napi;
use ottla::{Client, Config};
use ottla_bindings::fork::{self, Kept};

use crate::event_loop;
use crate::handles;
use crate::value::Value;
use crate::watch::Watch;
use crate::{Answer, answer};

/// A client of this process.
pub(crate) struct ClientHandle {
    client: Kept<Client>,
    /// For how long its producers hold up the end of the process.
    pub(crate) exit_timeout: Duration,
    watch: Watch,
}

impl ClientHandle {
    pub(crate) fn get(&self) -> Result<&Client, ottla::Error> {
        self.client.get()
    }
}

fn configure(properties: &[String]) -> Result<Config, ottla::Error> {
    let mut config = Config::new();
    for pair in properties.chunks_exact(2) {
        if let [name, value] = pair {
            config.set(name, value)?;
        }
    }
    Ok(config)
}

/// Makes a client of properties (name, value, name, value) and waits until the cluster has answered, `connect.timeout.ms` at the
/// longest. What happens to it is told under the number `watcher`, each request and heartbeat if `trace` says so. Comes to its
/// own number.
#[napi(catch_unwind, ts_return_type = "Promise<number>")]
pub fn client_connect(properties: Vec<String>, watcher: u32, trace: bool) -> napi::Result<Answer> {
    answer(async move {
        fork::watch();
        let config = configure(&properties)?;
        let settings = config.client()?;
        let watch = Watch::begin(watcher, trace, settings.client_id);
        let builder = Client::builder().config(config).observer(watch.observer()).trace(watch.switch());
        let handle = ClientHandle { client: Kept::new(builder.connect().await?), exit_timeout: settings.exit_timeout, watch };
        Ok(Value::Number(f64::from(handles::add_client(Rc::new(handle)))))
    })
}

/// Has each request and heartbeat of a client told, or no more.
#[napi(catch_unwind)]
pub fn client_trace(client: u32, trace: bool) {
    if let Some(handle) = handles::client(client) {
        handle.watch.set(trace);
    }
}

/// Closes a client's connections. What was made from it is closed before.
#[napi(catch_unwind)]
pub fn client_close(client: u32) {
    if let Some(handle) = handles::remove_client(client)
        && let Ok(client) = handle.get()
    {
        client.close();
    }
}

/// Keeps the process going from a call with `true` on, until as many with `false` came.
#[napi(catch_unwind)]
pub fn keep_alive(alive: bool) {
    if let Some(current) = event_loop::current() {
        current.count(if alive { 1 } else { -1 });
    }
}
