//! A client: its configuration, and whether the cluster can be reached.

use std::rc::Rc;
use std::time::Duration;

use napi_derive::napi;
use ottla::{Client, Config};
use ottla_bindings::fork::{self, Kept};

use crate::event_loop;
use crate::handles;
use crate::value::Value;
use crate::{Answer, answer};

/// A client of this process.
pub(crate) struct ClientHandle {
    client: Kept<Client>,
    /// For how long its producers hold up the end of the process.
    pub(crate) exit_timeout: Duration,
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
/// longest. Comes to its number.
#[napi(catch_unwind, ts_return_type = "Promise<number>")]
pub fn client_connect(properties: Vec<String>) -> napi::Result<Answer> {
    answer(async move {
        fork::watch();
        let config = configure(&properties)?;
        let exit_timeout = config.client()?.exit_timeout;
        let client = Client::builder().config(config).connect().await?;
        let handle = ClientHandle { client: Kept::new(client), exit_timeout };
        Ok(Value::Number(f64::from(handles::add_client(Rc::new(handle)))))
    })
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
