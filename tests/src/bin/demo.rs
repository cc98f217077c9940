//! The main job: files as records out through the client to a broker, and back, the same byte for byte.
//!
//! Each file is a key, each line with its terminator a record; an empty file is one empty record.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ottla::{Client, NewTopic, Record, StartAt};
use ottla_broker::Broker;

const HELP: &str = "demo [--bootstrap-servers HOST:PORT] [--topic NAME] [--partitions N] [--set NAME=VALUE]... [FOLDER|FILE|-]...

Sends each line of the given files (by default the Rust sources that cargo has fetched) through a broker, the embedded one unless
--bootstrap-servers names a cluster, reads them back and compares.";
/// How long the broker may say nothing while records are missing.
const SILENCE: Duration = Duration::from_secs(30);

struct Options {
    bootstrap_servers: Option<String>,
    topic: String,
    partitions: i32,
    properties: Vec<(String, String)>,
    inputs: Vec<PathBuf>,
}

fn options() -> Result<Option<Options>, Box<dyn Error>> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};
    let mut options = Options {
        bootstrap_servers: None,
        topic: format!("demo-{}", std::process::id()),
        partitions: 4,
        properties: Vec::new(),
        inputs: Vec::new(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("bootstrap-servers") => options.bootstrap_servers = Some(parser.value()?.string()?),
            Long("topic") => options.topic = parser.value()?.string()?,
            Long("partitions") => options.partitions = parser.value()?.parse()?,
            Long("set") => {
                let pair = parser.value()?.string()?;
                let (name, value) = pair.split_once('=').ok_or("--set takes NAME=VALUE")?;
                options.properties.push((name.to_owned(), value.to_owned()));
            }
            Long("help") | Short('h') => return Ok(None),
            Value(path) => options.inputs.push(PathBuf::from(path)),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Some(options))
}

/// Where cargo keeps the sources of the dependencies that it has fetched.
fn fetched_sources() -> Result<PathBuf, Box<dyn Error>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let sources = home.ok_or("neither CARGO_HOME nor HOME is set: name a folder")?.join("registry/src");
    if sources.is_dir() { Ok(sources) } else { Err(format!("{} is not there: name a folder", sources.display()).into()) }
}

/// The files below a folder, by name, so that each run has the same order. Only Rust sources where nothing was asked for.
fn collect(path: &Path, only_rust: bool, found: &mut BTreeMap<String, PathBuf>) -> std::io::Result<()> {
    let kind = std::fs::symlink_metadata(path)?;
    if kind.is_dir() {
        for entry in std::fs::read_dir(path)? {
            collect(&entry?.path(), only_rust, found)?;
        }
    } else if kind.is_file() && (!only_rust || path.extension().is_some_and(|ending| ending == "rs")) {
        found.insert(path.to_string_lossy().into_owned(), path.to_owned());
    }
    Ok(())
}

fn read_inputs(options: &Options) -> Result<BTreeMap<String, Vec<u8>>, Box<dyn Error>> {
    let mut files = BTreeMap::new();
    let mut found = BTreeMap::new();
    if options.inputs.is_empty() {
        collect(&fetched_sources()?, true, &mut found)?;
    }
    for input in &options.inputs {
        if input.as_os_str() == "-" {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes)?;
            files.insert("-".to_owned(), bytes);
        } else {
            collect(input, false, &mut found).map_err(|error| format!("{}: {error}", input.display()))?;
        }
    }
    for (name, path) in found {
        files.insert(name, std::fs::read(path)?);
    }
    Ok(files)
}

/// A file's lines, each with its terminator; an empty file has one empty line.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let empty = bytes.is_empty().then_some(bytes);
    empty.into_iter().chain(bytes.split_inclusive(|byte| *byte == b'\n'))
}

fn progress(total: u64, what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:9} {bar:40} {human_pos}/{human_len} records {per_sec}");
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(what)
}

fn rate(what: &str, records: u64, bytes: u64, took: Duration) {
    let seconds = took.as_secs_f64().max(1e-9);
    println!(
        "{what}: {records} records, {:.1} MB in {seconds:.2} s: {:.0} records/s, {:.1} MB/s",
        bytes as f64 / 1e6,
        records as f64 / seconds,
        bytes as f64 / 1e6 / seconds
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = options()? else {
        println!("{HELP}");
        return Ok(());
    };
    let files = read_inputs(&options)?;
    let records: u64 = files.values().map(|bytes| lines(bytes).count() as u64).sum();
    let bytes: u64 = files.values().map(|bytes| bytes.len() as u64).sum();
    println!("{} files, {records} lines, {:.1} MB", files.len(), bytes as f64 / 1e6);

    let embedded = if options.bootstrap_servers.is_none() { Some(Broker::start_blocking()?) } else { None };
    let servers =
        options.bootstrap_servers.clone().or_else(|| embedded.as_ref().map(|broker| broker.bootstrap_servers().to_owned()));
    let mut builder = Client::builder().set("bootstrap.servers", &servers.unwrap_or_default())?;
    for (name, value) in &options.properties {
        builder = builder.set(name, value)?;
    }
    let client = builder.build()?;
    client.admin().create_topic_blocking(NewTopic::new(&options.topic).partitions(options.partitions))?;

    produce(&client, &options.topic, &files, records, bytes)?;
    let read = consume(&client, &options, records)?;
    for (name, bytes) in &files {
        if read.get(name.as_bytes()) != Some(bytes) {
            return Err(format!("{name} did not come back as it went").into());
        }
    }
    if read.len() != files.len() {
        return Err(format!("{} files went, {} came back", files.len(), read.len()).into());
    }
    println!("all {} files came back the same byte for byte", files.len());
    client.admin().delete_topic_blocking(&options.topic)?;
    Ok(())
}

fn produce(
    client: &Client,
    topic: &str,
    files: &BTreeMap<String, Vec<u8>>,
    records: u64,
    bytes: u64,
) -> Result<(), Box<dyn Error>> {
    let bar = progress(records, "producing");
    let producer = client.producer()?;
    let handle = producer.topic(topic)?;
    let start = Instant::now();
    for (name, content) in files {
        for line in lines(content) {
            let record = Record::to(topic).key(name).value(line);
            match handle.try_send(&record) {
                // What fails is counted below; deliveries need not be kept for that.
                Ok(delivery) => drop(delivery),
                Err(error) if error.is_retriable() => drop(handle.send_blocking(record)?),
                Err(error) => return Err(error.into()),
            }
        }
        bar.set_position(producer.metrics().records_written);
    }
    producer.flush_blocking();
    bar.finish_and_clear();
    let metrics = producer.metrics();
    if metrics.records_written != records {
        return Err(format!(
            "{} of {records} records were acknowledged, {} failed",
            metrics.records_written, metrics.records_failed
        )
        .into());
    }
    rate("produced", records, bytes, start.elapsed());
    let millis = |latency: Option<Duration>| latency.unwrap_or_default().as_secs_f64() * 1e3;
    println!(
        "delivery latency: p50 {:.1} ms, p99 {:.1} ms",
        millis(metrics.delivery_latency_p50),
        millis(metrics.delivery_latency_p99)
    );
    producer.close_blocking()?;
    Ok(())
}

fn consume(client: &Client, options: &Options, records: u64) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Box<dyn Error>> {
    let bar = progress(records, "consuming");
    let consumer = client.consumer()?;
    let start = Instant::now();
    consumer.assign((0..options.partitions).map(|partition| (options.topic.as_str(), partition, StartAt::Beginning)));
    let mut read: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let (mut seen, mut bytes) = (0_u64, 0_u64);
    while seen < records {
        let Some(batch) = consumer.next_blocking(SILENCE)? else {
            return Err(format!("{seen} of {records} records came back, and then nothing for {} s", SILENCE.as_secs()).into());
        };
        for record in batch.records() {
            let (key, value) = (record.key.unwrap_or_default(), record.value.unwrap_or_default());
            match read.get_mut(key) {
                Some(file) => file.extend_from_slice(value),
                None => drop(read.insert(key.to_vec(), value.to_vec())),
            }
            seen += 1;
            bytes += value.len() as u64;
        }
        bar.set_position(seen);
    }
    bar.finish_and_clear();
    rate("consumed", seen, bytes, start.elapsed());
    consumer.close();
    Ok(read)
}
