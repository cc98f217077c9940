//! Runs a command beside a live Apache Kafka, which it finds in the environment, and stops the broker when the command has ended.

use std::error::Error;
use std::ffi::OsString;
use std::process::ExitStatus;
use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;
use ottla_tests::kafka::{KAFKA_VERSION, KafkaOptions, LiveKafka, run_program};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Where the command finds the brokers.
const VARIABLE: &str = "OTTLA_LIVE_KAFKA";
/// How long a command that was sent a signal may take to end.
const GRACE: Duration = Duration::from_secs(10);

fn help() -> String {
    format!(
        "with_kafka [--brokers N] [--property NAME=VALUE]... COMMAND [ARGUMENT]...

Starts Apache Kafka {KAFKA_VERSION} on free ports, runs the command with {VARIABLE}=host:port[,host:port...] in its environment,
stops the brokers and ends with the command's status (128 and the signal's number, when a signal ended it).

With {VARIABLE} in its own environment it starts nothing: the command runs beside the brokers that are there.

Of the brokers' properties these matter to tests: topics are created when they are first asked for
(auto.create.topics.enable=true) with one partition (num.partitions=1); groups do not wait for their first members
(group.initial.rebalance.delay.ms=0). --property adds a line to server.properties, and takes the place of one.
"
    )
}

struct Arguments {
    options: KafkaOptions,
    command: OsString,
    arguments: Vec<OsString>,
}

/// What the command line says; none when it asks for help.
fn arguments() -> Result<Option<Arguments>, Box<dyn Error>> {
    let mut options = KafkaOptions::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("brokers") => options.brokers = parser.value()?.parse()?,
            Long("property") => {
                let line = parser.value()?.string()?;
                let (name, value) = line.split_once('=').ok_or_else(|| format!("--property {line}: NAME=VALUE is wanted"))?;
                options = options.property(name, value);
            }
            Long("help") | Short('h') => return Ok(None),
            Value(command) => {
                return Ok(Some(Arguments { options, command, arguments: parser.raw_args()?.collect() }));
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Err("a command is wanted: see --help".into())
}

fn main() {
    let code = match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("with_kafka: {error}");
            2
        }
    };
    std::process::exit(code);
}

fn run() -> Result<i32, Box<dyn Error>> {
    let Some(arguments) = arguments()? else {
        print!("{}", help());
        return Ok(0);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Until here a signal ends this process, and the brokers end with it; from here on the command is to hear of it first.
    let given = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let (kafka, brokers) = match given {
        Some(brokers) => (None, brokers),
        None => {
            let kafka = LiveKafka::try_start_with(&arguments.options)?;
            let brokers = OsString::from(kafka.bootstrap_servers());
            (Some(kafka), brokers)
        }
    };
    let ended = runtime.block_on(beside(&arguments, brokers));
    drop(kafka);
    Ok(code_of(ended?))
}

async fn beside(arguments: &Arguments, brokers: OsString) -> Result<ExitStatus, Box<dyn Error>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut command = Command::new(&arguments.command);
    command.args(&arguments.arguments).env(VARIABLE, brokers).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", arguments.command.display()))?;
    if let Some(status) = until_signal(&mut child, &mut interrupt, &mut terminate).await? {
        return Ok(status);
    }
    // A terminal's ctrl-c reached the command too; a signal for this process alone did not.
    if let Some(id) = child.id() {
        run_program("kill", &["-TERM", &id.to_string()], b"", GRACE)?;
    }
    match tokio::time::timeout(GRACE, child.wait()).await {
        Ok(status) => Ok(status?),
        Err(_) => {
            child.start_kill()?;
            Ok(child.wait().await?)
        }
    }
}

/// The command's end, or none when a signal came first.
async fn until_signal(
    child: &mut Child,
    interrupt: &mut Signal,
    terminate: &mut Signal,
) -> Result<Option<ExitStatus>, Box<dyn Error>> {
    tokio::select! {
        status = child.wait() => Ok(Some(status?)),
        _ = interrupt.recv() => Ok(None),
        _ = terminate.recv() => Ok(None),
    }
}

fn code_of(status: ExitStatus) -> i32 {
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    status.code().or_else(|| Some(128 + signal?)).unwrap_or(1)
}
