//! The program's commands on its standard input (`--control`): what the library does by method calls.

use ottla_broker::{Broker, Error};

pub(crate) const HELP: &str = "\
stop BROKER | restart BROKER | isolate BROKER | heal BROKER | move-leader TOPIC PARTITION BROKER | move-controller BROKER";

/// Carries out one line. The answer is one line: `ok`, or `error: ` and why not.
pub(crate) fn carry_out(broker: &Broker, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let done = match words.as_slice() {
        ["stop", id] => on_broker(id, |id| broker.stop_broker(id)),
        ["restart", id] => on_broker(id, |id| broker.restart_broker(id)),
        ["isolate", id] => on_broker(id, |id| broker.isolate(id)),
        ["heal", id] => on_broker(id, |id| broker.heal(id)),
        ["move-controller", id] => on_broker(id, |id| broker.move_controller(id)),
        ["move-leader", topic, partition, id] => match partition.parse() {
            Ok(partition) => on_broker(id, |id| broker.move_leader(topic, partition, id)),
            Err(_) => Err(format!("{partition:?} is no partition")),
        },
        _ => Err(format!("unknown command {:?}; there are: {HELP}", line.trim())),
    };
    match done {
        Ok(()) => "ok\n".to_owned(),
        // An error's text is one line, whatever is in it.
        Err(error) => format!("error: {}\n", error.replace('\n', " ")),
    }
}

fn on_broker(id: &str, act: impl FnOnce(i32) -> Result<(), Error>) -> Result<(), String> {
    let id = id.parse().map_err(|_| format!("{id:?} is no broker's id"))?;
    act(id).map_err(|error| error.to_string())
}
