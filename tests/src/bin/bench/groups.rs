//! Groups on broker-lite, a process of its own beside the client's: how soon a new group has its first record, and how long a group of
//! many members takes to share all partitions anew when one member comes or goes.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ottla::{Client, Record};
use ottla_tests::kafka::run_program;
use serde_json::{Value, json};

use crate::start::Killed;

const FIRST_RUNS: usize = 30;
const MEMBERS: usize = 100;
const PARTITIONS: usize = 1000;
const FEW_PARTITIONS: i32 = 4;
/// Members hear of a rebalance with their next heartbeat: soon, and as all clients have it by default. And so many runs of each.
const HEARTBEATS: [(&str, usize); 2] = [("200", 10), ("3000", 3)];
const STRATEGIES: [&str; 2] = ["range", "cooperative-sticky"];
const WITHIN: Duration = Duration::from_secs(400);

/// A broker with a topic of a few partitions, each of which has a record, and one of very many.
struct Lite {
    _process: Killed,
    bootstrap_servers: String,
}

impl Lite {
    fn start(broker_lite: &Path) -> Result<Self, Box<dyn Error>> {
        let topics = [format!("few:{FEW_PARTITIONS}"), format!("many:{PARTITIONS}")];
        let [few, many] = &topics;
        let arguments = ["--listen", "127.0.0.1:0", "--topic", few, "--topic", many];
        let mut process = Killed(Command::new(broker_lite).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?);
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().ok_or("no standard output")?).read_line(&mut line)?;
        let bootstrap_servers = line.trim().to_owned();
        let client = Client::builder().set("bootstrap.servers", &bootstrap_servers)?.build()?;
        let producer = client.producer()?;
        for partition in 0..FEW_PARTITIONS {
            producer.send_blocking(Record::to("few").partition(partition).value("first"))?.wait()?;
        }
        Ok(Self { _process: process, bootstrap_servers })
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Result<Value, Box<dyn Error>> {
        let program = program.to_str().ok_or("the program's path is no UTF-8")?;
        let all: Vec<&str> = arguments.iter().copied().chain(["--bootstrap-servers", &self.bootstrap_servers]).collect();
        Ok(serde_json::from_str(&run_program(program, &all, b"", WITHIN)?.into_text()?)?)
    }
}

/// One object a case and client.
pub(super) fn measure(broker_lite: &Path, programs: &[(String, PathBuf)]) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for (_, program) in programs {
        let runs = FIRST_RUNS.to_string();
        let result = Lite::start(broker_lite)?.run(program, &["first", "--topic", "few", "--runs", &runs])?;
        eprintln!("{result}");
        let facts = json!({ "partitions": FEW_PARTITIONS, "members": 1 });
        rows.extend(row("group_first_record", &result, "first_ms", &facts));
    }
    let (members, partitions) = (MEMBERS.to_string(), PARTITIONS.to_string());
    for (heartbeat, runs) in HEARTBEATS {
        for strategy in STRATEGIES {
            for (_, program) in programs {
                let runs = runs.to_string();
                let arguments = ["rebalance", "--topic", "many", "--strategy", strategy, "--heartbeat-ms", heartbeat];
                let numbers = ["--runs", &runs, "--members", &members, "--partitions", &partitions];
                let result = Lite::start(broker_lite)?.run(program, &[&arguments[..], &numbers].concat())?;
                eprintln!("{strategy}, heartbeat.interval.ms={heartbeat}: {result}");
                let heartbeat: u32 = heartbeat.parse()?;
                let facts = json!({
                    "partitions": PARTITIONS, "members": MEMBERS, "strategy": strategy, "heartbeat_interval_ms": heartbeat
                });
                for (case, figure) in [("group_member_joins", "join_ms"), ("group_member_leaves", "leave_ms")] {
                    rows.extend(row(case, &result, figure, &facts));
                }
            }
        }
    }
    Ok(rows)
}

/// The median and the worst of a figure over the runs.
fn row(case: &str, result: &Value, figure: &str, facts: &Value) -> Option<Value> {
    let mut took: Vec<f64> = result.get(figure)?.as_array()?.iter().filter_map(Value::as_f64).collect();
    took.sort_by(f64::total_cmp);
    let mut row = json!({
        "case": case,
        "client": result.get("client"),
        "version": result.get("version"),
        "runs": took.len(),
        "p50_ms": took.get(took.len() / 2)?,
        "max_ms": took.last()?,
    });
    for (name, value) in facts.as_object()? {
        row.as_object_mut()?.insert(name.clone(), value.clone());
    }
    Some(row)
}

/// The rows as a table.
pub(super) fn table(rows: &[Value]) -> String {
    let line = |words: [&str; 6]| {
        let [case, strategy, heartbeat, client, median, worst] = words;
        format!("{case:<20} {strategy:<19} {heartbeat:>12} {client:<11} {median:>9} {worst:>9}\n")
    };
    let mut text = line(["case", "assignor", "heartbeat ms", "client", "p50 ms", "max ms"]);
    for row in rows {
        let word = |name: &str| match row.get(name) {
            Some(Value::String(word)) => word.clone(),
            Some(Value::Number(number)) if number.is_f64() => format!("{:.1}", number.as_f64().unwrap_or_default()),
            Some(Value::Number(number)) => number.to_string(),
            _ => "-".to_owned(),
        };
        let words = ["case", "strategy", "heartbeat_interval_ms", "client", "p50_ms", "max_ms"].map(word);
        text += &line(words.each_ref().map(String::as_str));
    }
    text
}
