//! Ottla's side of the benchmark: produces or consumes, and prints one JSON object with what it took.

use std::error::Error;
use std::time::{Duration, Instant};

use ottla::{Client, Config, Record, StartAt};
use serde_json::json;

struct Arguments {
    case: String,
    bootstrap_servers: String,
    topic: String,
    records: u64,
    value_size: usize,
    properties: Vec<(String, String)>,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    use lexopt::prelude::{Long, Value, ValueExt};
    let mut parsed = Arguments {
        case: String::new(),
        bootstrap_servers: "127.0.0.1:9092".to_owned(),
        topic: "bench".to_owned(),
        records: 3_000_000,
        value_size: 100,
        properties: Vec::new(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(case) => parsed.case = case.string()?,
            Long("bootstrap-servers") => parsed.bootstrap_servers = parser.value()?.string()?,
            Long("topic") => parsed.topic = parser.value()?.string()?,
            Long("records") => parsed.records = parser.value()?.parse()?,
            Long("value-size") => parsed.value_size = parser.value()?.parse()?,
            Long("linger-ms") => parsed.properties.push(("linger.ms".to_owned(), parser.value()?.string()?)),
            Long("acks") => parsed.properties.push(("acks".to_owned(), parser.value()?.string()?)),
            Long("set") => {
                let pair = parser.value()?.string()?;
                let (name, value) = pair.split_once('=').ok_or("--set takes NAME=VALUE")?;
                parsed.properties.push((name.to_owned(), value.to_owned()));
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(parsed)
}

/// User and system time of this process so far, and its largest resident set in KiB.
fn usage() -> Result<(Duration, u64), Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // utime and stime are fields 14 and 15 of the whole line, in ticks of 10 ms.
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
    Ok((Duration::from_millis((ticks(11) + ticks(12)) * 10), peak.unwrap_or(0)))
}

fn produce(client: &Client, arguments: &Arguments) -> Result<(Option<u128>, Option<u128>), Box<dyn Error>> {
    let producer = client.producer()?;
    let topic = producer.topic(&arguments.topic)?;
    let value = vec![b'x'; arguments.value_size];
    let record = Record::to(&arguments.topic).value(&value);
    for _ in 0..arguments.records {
        match topic.try_send(&record) {
            Ok(delivery) => drop(delivery),
            Err(error) if error.is_retriable() => drop(topic.send_blocking(record.clone())?),
            Err(error) => return Err(error.into()),
        }
    }
    producer.flush_blocking();
    let metrics = producer.metrics();
    if metrics.records_written != arguments.records {
        return Err(format!("{} of {} records were acknowledged", metrics.records_written, arguments.records).into());
    }
    let micros = |latency: Option<Duration>| latency.map(|latency| latency.as_micros());
    Ok((micros(metrics.delivery_latency_p50), micros(metrics.delivery_latency_p99)))
}

fn consume(client: &Client, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let partitions = client.admin().describe_topic_blocking(&arguments.topic)?.partitions;
    let consumer = client.consumer()?;
    consumer.assign(partitions.iter().map(|p| (arguments.topic.as_str(), p.partition, StartAt::Beginning)));
    let (mut seen, mut bytes) = (0, 0);
    while seen < arguments.records {
        let Some(batch) = consumer.next_blocking(Duration::from_secs(30))? else {
            return Err(format!("{seen} of {} records came", arguments.records).into());
        };
        for record in batch.records() {
            bytes += record.value.map_or(0, <[u8]>::len);
            seen += 1;
        }
    }
    if bytes < seen as usize * arguments.value_size {
        return Err(format!("{seen} records came with {bytes} bytes of values").into());
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let mut config = Config::new();
    config.set("bootstrap.servers", &arguments.bootstrap_servers)?;
    for (name, value) in &arguments.properties {
        config.set(name, value)?;
    }
    let client = Client::builder().config(config).build()?;
    let start = Instant::now();
    let (cpu_before, _) = usage()?;
    let (p50, p99) = match arguments.case.as_str() {
        "produce" => produce(&client, &arguments)?,
        "consume" => consume(&client, &arguments).map(|()| (None, None))?,
        other => return Err(format!("the case is produce or consume, not '{other}'").into()),
    };
    let seconds = start.elapsed().as_secs_f64();
    let (cpu, peak_kib) = usage()?;
    let per_record = (cpu - cpu_before).as_secs_f64() * 1e6 / arguments.records as f64;
    let line = json!({
        "case": arguments.case,
        "client": "ottla",
        "records_per_s": (arguments.records as f64 / seconds).round(),
        "cpu_us_per_record": (per_record * 1000.0).round() / 1000.0,
        "max_rss_mb": peak_kib / 1024,
        "p50_us": p50,
        "p99_us": p99,
    });
    println!("{line}");
    Ok(())
}
