//! The broker as a program of its own.

mod command;
mod stderr_log;

use std::io::Write;
use std::process::ExitCode;

use lexopt::prelude::*;
use ottla_broker::{Broker, BrokerBuilder};

const HELP: &str = "\
A lightweight Apache Kafka broker for development and tests. It keeps everything in memory.

Usage: broker-lite [OPTIONS]

Options:
      --listen HOST:PORT      where to listen; port 0 picks a free one [default: 127.0.0.1:9092]
      --brokers N             how many brokers; each has the next port, or a free one [default: 1]
      --rack NAME[,NAME]...   the racks that the brokers are in, in turn
      --advertised HOST:PORT  the address that clients are told [default: the one they came to]
      --partitions N          how many partitions a topic has where nobody says [default: 1]
      --topic NAME[:N]        create this topic, of N partitions; may be given more than once
      --auto-create BOOL      create a topic when a client asks for its metadata [default: true]
      --config NAME=VALUE     set a property of the broker by Kafka's name; may be given more than once
      --ready-json            say where the broker is as JSON: {\"bootstrap_servers\":\"HOST:PORT,...\"}
      --control               take commands from the standard input, a line each, and answer each with a line:
                              stop N, restart N, isolate N, heal N (a broker's id), move-controller N,
                              move-leader TOPIC PARTITION N
      --help                  print this
      --version               print the version

Once ready, it prints one line with its bootstrap addresses. SIGTERM or ctrl-c ends it.
";

type Failure = Box<dyn std::error::Error>;

struct Arguments {
    builder: BrokerBuilder,
    ready_json: bool,
    control: bool,
}

fn main() -> ExitCode {
    stderr_log::install();
    match parse(lexopt::Parser::from_env()).and_then(|arguments| arguments.map_or(Ok(()), run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "broker-lite: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for; nothing if all it asked for was printed.
fn parse(mut parser: lexopt::Parser) -> Result<Option<Arguments>, Failure> {
    let mut builder = Broker::builder().listen("127.0.0.1:9092");
    let (mut ready_json, mut control) = (false, false);
    while let Some(argument) = parser.next()? {
        builder = match argument {
            Long("listen") => builder.listen(parser.value()?.string()?),
            Long("brokers") => builder.brokers(parser.value()?.parse()?),
            Long("rack") => builder.racks(parser.value()?.string()?.split(',')),
            Long("advertised") => builder.advertised(parser.value()?.string()?),
            Long("partitions") => builder.partitions(parser.value()?.parse()?)?,
            Long("topic") => topic(builder, &parser.value()?.string()?)?,
            Long("auto-create") => builder.auto_create(parser.value()?.parse()?),
            Long("config") => {
                let property = parser.value()?.string()?;
                let (name, value) =
                    property.split_once('=').ok_or_else(|| format!("--config {property}: NAME=VALUE is wanted"))?;
                builder.config(name, value)?
            }
            Long("ready-json") => {
                ready_json = true;
                builder
            }
            Long("control") => {
                control = true;
                builder
            }
            Long("help") | Short('h') => return print(HELP),
            Long("version") | Short('V') => return print(concat!("broker-lite ", env!("CARGO_PKG_VERSION"), "\n")),
            other => return Err(format!("{}; see --help", other.unexpected()).into()),
        };
    }
    Ok(Some(Arguments { builder, ready_json, control }))
}

fn topic(builder: BrokerBuilder, value: &str) -> Result<BrokerBuilder, Failure> {
    let Some((name, partitions)) = value.split_once(':') else { return Ok(builder.topic_of_default_size(value)) };
    let partitions = partitions.parse().map_err(|_| format!("--topic {value}: {partitions:?} is no number of partitions"))?;
    Ok(builder.topic(name, partitions))
}

fn print(text: &str) -> Result<Option<Arguments>, Failure> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(None)
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        // Before the ready line: who reads that may send a signal at once.
        let mut end = Signals::new()?;
        let broker = arguments.builder.runtime(tokio::runtime::Handle::current()).start()?;
        let address = broker.bootstrap_servers();
        let line = match arguments.ready_json {
            // An address has no character that JSON would want escaped, except in a strange --advertised.
            true => format!("{{\"bootstrap_servers\":\"{}\"}}\n", address.escape_default()),
            false => format!("{address}\n"),
        };
        let mut stdout = std::io::stdout();
        stdout.write_all(line.as_bytes())?;
        stdout.flush()?;
        let mut commands = arguments.control.then(lines_of_stdin);
        loop {
            tokio::select! {
                biased;
                () = end.received() => break,
                line = next_line(&mut commands) => {
                    let mut stdout = std::io::stdout();
                    stdout.write_all(command::carry_out(&broker, &line).as_bytes())?;
                    stdout.flush()?;
                }
            }
        }
        broker.stop();
        Ok(())
    })
    // Dropping the runtime closes the listener and the connections.
}

/// The lines of the standard input, read by a thread of their own, which ends with the program.
fn lines_of_stdin() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (lines, received) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    received
}

/// The next command; waits for ever once there are no more, or none are taken.
async fn next_line(lines: &mut Option<tokio::sync::mpsc::UnboundedReceiver<String>>) -> String {
    if let Some(lines) = lines
        && let Some(line) = lines.recv().await
    {
        return line;
    }
    std::future::pending().await
}

/// The signals that end the program.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(unix)]
    async fn received(&mut self) {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn received(&mut self) {
        // Without a handler there is nothing to wait for, and the program runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
