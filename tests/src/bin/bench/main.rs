//! The benchmarks: this client and others side by side on one live Apache Kafka, in turns, medians and spread as a table with
//! ratios, and as JSON lines in `tests/bench/results/latest.jsonl`, where cases and clients that are not run keep their lines.

mod groups;
mod start;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use lexopt::prelude::{Long, ValueExt};
use ottla_tests::kafka::{KafkaOptions, LiveKafka, run_program, unique_name, workspace_root};
use serde_json::{Value, json};

const HELP: &str = "bench [--records N] [--runs N] [--clients ottla,librdkafka,franz-go] [--only start,groups,produce,consume]
      [--value-size BYTES] [--linger-ms MS] [--acks all|1|0] [--partitions N]";
const RUN_WITHIN: Duration = Duration::from_secs(600);
/// The first one is what the ratios are of.
const CLIENTS: &str = "ottla,librdkafka,franz-go";
const CASES: &str = "start,groups,produce,consume";
const FIGURES: [&str; 5] = ["records_per_s", "cpu_us_per_record", "max_rss_mb", "p50_us", "p99_us"];

struct Options {
    records: u64,
    runs: usize,
    clients: Vec<String>,
    cases: Vec<String>,
    value_size: usize,
    linger_ms: u32,
    acks: String,
    partitions: u32,
}

/// All runs of one client in one case.
struct Series {
    case: String,
    client: String,
    runs: Vec<Value>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = parse()? else {
        println!("{HELP}");
        return Ok(());
    };
    let programs: Vec<(String, PathBuf)> = options
        .clients
        .iter()
        .map(|client| Ok((client.clone(), program(client, "bench_client")?)))
        .collect::<Result<_, Box<dyn Error>>>()?;
    let has = |case: &str| options.cases.iter().any(|other| other == case);
    let broker_lite = env::current_exe()?.with_file_name("broker-lite");
    // Of what broker-lite is measured by: no live Kafka is needed.
    let mut rows = Vec::new();
    if has("start") {
        let kfake = peers().join("franz-go").join("kfake");
        let with_kfake = options.clients.iter().any(|client| client == "franz-go");
        let starts = start::measure(&broker_lite, with_kfake.then_some(kfake.as_path()))?;
        println!("{}", start::table(&starts));
        rows.extend(starts);
    }
    if has("groups") {
        let programs: Vec<(String, PathBuf)> = options
            .clients
            .iter()
            .map(|client| Ok((client.clone(), program(client, "bench_groups")?)))
            .collect::<Result<_, Box<dyn Error>>>()?;
        let measured = groups::measure(&broker_lite, &programs)?;
        println!("{}", groups::table(&measured));
        rows.extend(measured);
    }
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    if !has("produce") && !has("consume") {
        println!("written to {}", write_results(&lines)?.display());
        return Ok(());
    }
    let kafka = LiveKafka::start_with(&KafkaOptions { heap_mb: 1024, ..KafkaOptions::default() });
    let mut all = Vec::new();
    for case in options.cases.iter().filter(|case| ["produce", "consume"].contains(&case.as_str())) {
        let mut series: Vec<Series> =
            programs.iter().map(|(client, _)| Series { case: case.clone(), client: client.clone(), runs: Vec::new() }).collect();
        // Consumers read the same records: written once, by whichever client comes first.
        let mut filled = None;
        if case == "consume" {
            let topic = new_topic(&kafka, &options)?;
            let writer = programs.first().ok_or("no clients")?;
            run(&kafka, &options, "produce", &writer.1, &topic)?;
            filled = Some(topic);
        }
        for round in 1..=options.runs {
            for ((client, path), series) in programs.iter().zip(&mut series) {
                let topic = match &filled {
                    Some(topic) => topic.clone(),
                    None => new_topic(&kafka, &options)?,
                };
                let result = run(&kafka, &options, case, path, &topic)?;
                eprintln!("{case} {round}/{}: {client}: {result}", options.runs);
                series.runs.push(result);
                if filled.is_none() {
                    kafka.topics(&["--delete", "--topic", &topic])?;
                }
            }
        }
        all.extend(series);
    }
    let path = write_results(&(lines + &json_lines(&all, &options)))?;
    println!(
        "{} records of {} bytes, {} partitions, acks={}, linger.ms={}, medians of {} runs (lowest to highest)\n\n{}\nwritten to {}",
        options.records,
        options.value_size,
        options.partitions,
        options.acks,
        options.linger_ms,
        options.runs,
        table(&all),
        path.display()
    );
    Ok(())
}

/// Writes the new lines, behind those that are there of other cases and clients.
fn write_results(new: &str) -> Result<PathBuf, Box<dyn Error>> {
    let folder = workspace_root().join("tests/bench/results");
    fs::create_dir_all(&folder)?;
    let path = folder.join("latest.jsonl");
    let case = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        Some((line.get("case").cloned(), line.get("client").cloned()))
    };
    let measured: Vec<_> = new.lines().filter_map(case).collect();
    let mut text = String::new();
    // None yet is as good as none.
    for line in fs::read_to_string(&path).unwrap_or_default().lines() {
        if case(line).is_some_and(|case| !measured.contains(&case)) {
            let _ = writeln!(text, "{line}");
        }
    }
    fs::write(&path, text + new)?;
    Ok(path)
}

fn parse() -> Result<Option<Options>, lexopt::Error> {
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut options = Options {
        records: 3_000_000,
        runs: 5,
        clients: list(CLIENTS),
        cases: list(CASES),
        value_size: 100,
        linger_ms: 5,
        acks: "all".to_owned(),
        partitions: 4,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("records") => options.records = arguments.value()?.parse()?,
            Long("runs") => options.runs = arguments.value()?.parse()?,
            Long("clients") => options.clients = list(&arguments.value()?.string()?),
            Long("only" | "cases") => options.cases = list(&arguments.value()?.string()?),
            Long("value-size") => options.value_size = arguments.value()?.parse()?,
            Long("linger-ms") => options.linger_ms = arguments.value()?.parse()?,
            Long("acks") => options.acks = arguments.value()?.string()?,
            Long("partitions") => options.partitions = arguments.value()?.parse()?,
            Long("help") => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    if let Some(unknown) = options.cases.iter().find(|case| !CASES.split(',').any(|known| known == *case)) {
        return Err(format!("there is no case {unknown}, but {CASES}").into());
    }
    Ok(Some(options))
}

/// Where the other clients were built.
fn peers() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from).join("peers")
}

/// Ours lies beside this program, the others where `tests/bench/peers/build.sh` has put them.
fn program(client: &str, name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = if client == "ottla" { env::current_exe()?.with_file_name(name) } else { peers().join(client).join(name) };
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("no client {client}: {} is missing: run make bench", path.display()).into())
    }
}

fn new_topic(kafka: &LiveKafka, options: &Options) -> Result<String, Box<dyn Error>> {
    let topic = unique_name("bench");
    kafka.create_topic(&topic, options.partitions, 1)?;
    Ok(topic)
}

fn run(kafka: &LiveKafka, options: &Options, case: &str, program: &Path, topic: &str) -> Result<Value, Box<dyn Error>> {
    let numbers = [options.records.to_string(), options.value_size.to_string(), options.linger_ms.to_string()];
    let [records, value_size, linger_ms] = &numbers;
    let arguments = [
        case,
        "--bootstrap-servers",
        kafka.bootstrap_servers(),
        "--topic",
        topic,
        "--records",
        records,
        "--value-size",
        value_size,
        "--linger-ms",
        linger_ms,
        "--acks",
        &options.acks,
    ];
    let program = program.to_str().ok_or("the program's path is no UTF-8")?;
    let text = run_program(program, &arguments, b"", RUN_WITHIN)?.into_text()?;
    let line = text.lines().last().ok_or_else(|| format!("{program} printed nothing"))?;
    Ok(serde_json::from_str(line)?)
}

/// The lowest, the median and the highest of a figure over the runs; none where the client does not give it.
fn spread(series: &Series, figure: &str) -> Option<[f64; 3]> {
    let mut values: Vec<f64> = series.runs.iter().filter_map(|run| run.get(figure)?.as_f64()).collect();
    values.sort_by(f64::total_cmp);
    let median = (values.get((values.len().checked_sub(1)?) / 2)? + values.get(values.len() / 2)?) / 2.0;
    Some([*values.first()?, median, *values.last()?])
}

fn json_lines(all: &[Series], options: &Options) -> String {
    let mut text = String::new();
    for series in all {
        let version = series.runs.first().and_then(|run| run.get("version")).cloned().unwrap_or(Value::Null);
        let mut line = serde_json::Map::new();
        for (name, value) in [
            ("case", json!(series.case)),
            ("client", json!(series.client)),
            ("version", version),
            ("records", json!(options.records)),
            ("runs", json!(series.runs.len())),
        ] {
            line.insert(name.to_owned(), value);
        }
        for figure in FIGURES {
            let values = spread(series, figure);
            line.insert(figure.to_owned(), json!(values.map(|[_, median, _]| median)));
            line.insert(format!("{figure}_spread"), json!(values.map(|[lowest, _, highest]| [lowest, highest])));
        }
        let line = Value::Object(line);
        let _ = writeln!(text, "{line}");
    }
    text
}

fn table(all: &[Series]) -> String {
    let mut text = format!(
        "{:<8} {:<11} {:>27} {:>6} {:>24} {:>6} {:>8} {:>9} {:>9}\n",
        "case", "client", "records/s", "ratio", "CPU us/record", "ratio", "RSS MB", "p50 us", "p99 us"
    );
    for series in all {
        // Ratios are of the case's first client to this one.
        let first = all.iter().find(|other| other.case == series.case);
        let ratio = |figure: &str| {
            let [_, ours, _] = spread(first?, figure)?;
            let [_, theirs, _] = spread(series, figure)?;
            Some(ours / theirs)
        };
        let ratio = |figure: &str| ratio(figure).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let median =
            |figure: &str| spread(series, figure).map_or_else(|| "-".to_owned(), |[_, median, _]| format!("{median:.0}"));
        let speed = spread(series, "records_per_s").map_or_else(String::new, |[lowest, median, highest]| {
            format!("{median:.0} ({:.2}-{:.2} M)", lowest / 1e6, highest / 1e6)
        });
        let cpu = spread(series, "cpu_us_per_record")
            .map_or_else(String::new, |[lowest, median, highest]| format!("{median:.3} ({lowest:.3}-{highest:.3})"));
        let _ = writeln!(
            text,
            "{:<8} {:<11} {:>27} {:>6} {:>24} {:>6} {:>8} {:>9} {:>9}",
            series.case,
            series.client,
            speed,
            ratio("records_per_s"),
            cpu,
            ratio("cpu_us_per_record"),
            median("max_rss_mb"),
            median("p50_us"),
            median("p99_us")
        );
    }
    text
}
