//! How soon a broker for tests is ready, and what it takes of memory before anything is in it: broker-lite beside kfake.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ottla_broker::Broker;
use ottla_tests::kafka::run_program;
use serde_json::{Value, json};

const IN_PROCESS_RUNS: usize = 200;
const EXEC_RUNS: usize = 50;
const MEASURE_WITHIN: Duration = Duration::from_secs(60);

/// A child that does not outlive this value.
pub(super) struct Killed(pub(super) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One object a case and broker, with the names of the other benchmarks' figures.
pub(super) fn measure(broker_lite: &Path, kfake: Option<&Path>) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut rows = vec![in_process("broker-lite", ours()?)];
    if let Some(kfake) = kfake {
        let program = kfake.to_str().ok_or("the program's path is no UTF-8")?;
        let text = run_program(program, &["measure", &IN_PROCESS_RUNS.to_string()], b"", MEASURE_WITHIN)?.into_text()?;
        rows.push(in_process("kfake", serde_json::from_str(&text)?));
    }
    rows.push(from_exec("broker-lite", broker_lite, &["--listen", "127.0.0.1:0", "--ready-json"])?);
    if let Some(kfake) = kfake {
        rows.push(from_exec("kfake", kfake, &["serve"])?);
    }
    Ok(rows)
}

fn ours() -> Result<Vec<f64>, Box<dyn Error>> {
    let mut took = Vec::with_capacity(IN_PROCESS_RUNS);
    for _ in 0..IN_PROCESS_RUNS {
        let begin = Instant::now();
        let broker = Broker::start_blocking()?;
        took.push(begin.elapsed().as_secs_f64() * 1e6);
        drop(broker);
    }
    Ok(took)
}

/// From the start of the process until it has printed its address.
fn from_exec(client: &str, program: &Path, arguments: &[&str]) -> Result<Value, Box<dyn Error>> {
    let (mut took, mut memory) = (Vec::with_capacity(EXEC_RUNS), Vec::with_capacity(EXEC_RUNS));
    for _ in 0..EXEC_RUNS {
        let begin = Instant::now();
        let mut child = Killed(Command::new(program).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?);
        let stdout = child.0.stdout.take().ok_or("no standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        took.push(begin.elapsed().as_secs_f64() * 1e6);
        if line.is_empty() {
            return Err(format!("{} ended without its address", program.display()).into());
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.0.id()))?;
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<f64>().ok());
        memory.push(resident.ok_or("the process has no VmHWM")? / 1024.0);
    }
    memory.sort_by(f64::total_cmp);
    let highest = memory.last().copied();
    Ok(row("start_exec", client, took, highest))
}

fn in_process(client: &str, took: Vec<f64>) -> Value {
    row("start_in_process", client, took, None)
}

fn row(case: &str, client: &str, mut took: Vec<f64>, max_rss_mb: Option<f64>) -> Value {
    took.sort_by(f64::total_cmp);
    let at = |per_cent: usize| took.get((took.len() * per_cent / 100).min(took.len().saturating_sub(1))).copied();
    json!({
        "case": case,
        "client": client,
        "runs": took.len(),
        "records_per_s": null,
        "cpu_us_per_record": null,
        "max_rss_mb": max_rss_mb,
        "p50_us": at(50),
        "p99_us": at(99),
    })
}

/// The rows as a table.
pub(super) fn table(rows: &[Value]) -> String {
    let mut text = format!("{:<17} {:<11} {:>9} {:>9} {:>8}\n", "case", "broker", "p50 us", "p99 us", "RSS MB");
    for row in rows {
        let name = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |name: &str, digits: usize| {
            row.get(name).and_then(Value::as_f64).map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
        };
        text += &format!(
            "{:<17} {:<11} {:>9} {:>9} {:>8}\n",
            name("case"),
            name("client"),
            number("p50_us", 0),
            number("p99_us", 0),
            number("max_rss_mb", 1)
        );
    }
    text
}
