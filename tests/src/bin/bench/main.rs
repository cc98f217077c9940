//! The benchmarks: this client, its faces of other languages and other clients side by side on one live Apache Kafka, in turns,
//! medians and spread as a table with ratios, and as JSON lines in `tests/bench/results/latest.jsonl`, where cases and clients that
//! are not run keep their lines.

mod faces;
mod groups;
mod options;
mod series;
mod start;

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use options::{HELP, Options};
use ottla::{Client, NewTopic, Record};
use ottla_tests::kafka::{KafkaOptions, LiveKafka, run_program, unique_name, workspace_root};
use serde_json::Value;
use series::Series;

const RUN_WITHIN: Duration = Duration::from_secs(600);

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = options::parse()? else {
        print!("{HELP}");
        return Ok(());
    };
    let broker_lite = env::current_exe()?.with_file_name("broker-lite");
    // Of what broker-lite is measured by: no live Kafka is needed. What has been measured is written at once.
    if options.has("start") {
        let kfake = peers().join("franz-go").join("kfake");
        let with_kfake = options.clients.iter().any(|client| client == "franz-go");
        let starts = start::measure(&broker_lite, with_kfake.then_some(kfake.as_path()))?;
        println!("{}", start::table(&starts));
        series::write(&starts)?;
    }
    if options.has("groups") {
        let measured = groups::measure(&broker_lite, &programs(&options.clients, "bench_groups")?)?;
        println!("{}", groups::table(&measured));
        series::write(&measured)?;
    }
    if ["produce", "consume", "faces"].iter().any(|case| options.has(case)) {
        let bench = Bench::start(&options)?;
        let clients = clients(&bench)?;
        let faces = faces::measure(&bench)?;
        println!(
            "values of {} bytes, {} partitions, acks={}, linger.ms={}, medians of {} runs (lowest to highest)\n",
            options.value_size, options.partitions, options.acks, options.linger_ms, options.runs,
        );
        if !clients.is_empty() {
            println!("{} records\n\n{}", options.records, series::table(&clients));
        }
        if !faces.is_empty() {
            println!("{}", faces::table(&faces));
        }
    }
    println!("written to {}", series::results()?.display());
    Ok(())
}

/// A live Apache Kafka, and what is to be done on it.
struct Bench<'a> {
    options: &'a Options,
    kafka: LiveKafka,
    /// For its topics.
    client: Client,
}

impl<'a> Bench<'a> {
    fn start(options: &'a Options) -> Result<Self, Box<dyn Error>> {
        let kafka = LiveKafka::start_with(&KafkaOptions { heap_mb: 1024, ..KafkaOptions::default() });
        let client = Client::builder().set("bootstrap.servers", kafka.bootstrap_servers())?.build()?;
        Ok(Self { options, kafka, client })
    }

    fn new_topic(&self) -> Result<String, Box<dyn Error>> {
        let topic = unique_name("bench");
        let partitions = i32::try_from(self.options.partitions)?;
        self.client.admin().create_topic_blocking(NewTopic::new(&topic).partitions(partitions).replication_factor(1))?;
        // Each partition takes a record, and so has its leader: what clients do about one that has none yet is not measured.
        let producer = self.client.producer()?;
        let value = vec![b'x'; self.options.value_size];
        for partition in 0..partitions {
            producer.send_blocking(Record::to(&topic).partition(partition).value(&value))?.wait()?;
        }
        Ok(topic)
    }

    /// A topic for consumers, which all read the same records.
    fn filled(&self, writer: &Path) -> Result<String, Box<dyn Error>> {
        let topic = self.new_topic()?;
        self.run("produce", self.options.records, writer, &topic)?;
        Ok(topic)
    }

    /// Runs a client in a topic of its own, which is gone afterwards.
    fn produce(&self, case: &str, records: u64, program: &Path) -> Result<Value, Box<dyn Error>> {
        let topic = self.new_topic()?;
        let result = self.run(case, records, program, &topic)?;
        self.client.admin().delete_topic_blocking(&topic)?;
        Ok(result)
    }

    fn run(&self, case: &str, records: u64, program: &Path, topic: &str) -> Result<Value, Box<dyn Error>> {
        let options = self.options;
        let numbers = [records.to_string(), options.value_size.to_string(), options.linger_ms.to_string()];
        let [records, value_size, linger_ms] = &numbers;
        let arguments = [
            case,
            "--bootstrap-servers",
            self.kafka.bootstrap_servers(),
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
}

/// The Rust client and those beside it.
fn clients(bench: &Bench<'_>) -> Result<Vec<Series>, Box<dyn Error>> {
    let mut all = Vec::new();
    let options = bench.options;
    for case in ["produce", "consume"].into_iter().filter(|case| options.has(case)) {
        let programs = programs(&options.clients, "bench_client")?;
        let mut series: Vec<Series> = programs.iter().map(|(client, _)| Series::new(case, client, options.records)).collect();
        // Written once, by whichever client comes first.
        let filled = match programs.first() {
            Some((_, writer)) if case == "consume" => Some(bench.filled(writer)?),
            _ => None,
        };
        for round in 1..=options.runs {
            for ((client, path), series) in programs.iter().zip(&mut series) {
                let result = match &filled {
                    Some(topic) => bench.run(case, options.records, path, topic)?,
                    None => bench.produce(case, options.records, path)?,
                };
                eprintln!("{case} {round}/{}: {client}: {result}", options.runs);
                series.runs.push(result);
            }
        }
        let lines: Vec<Value> = series.iter().map(|series| Value::Object(series.line())).collect();
        series::write(&lines)?;
        all.extend(series);
    }
    Ok(all)
}

/// Where the other clients were built.
fn peers() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from).join("peers")
}

fn programs(clients: &[String], name: &str) -> Result<Vec<(String, PathBuf)>, Box<dyn Error>> {
    clients.iter().map(|client| Ok((client.clone(), program(client, name)?))).collect()
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
