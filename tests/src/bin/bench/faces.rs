//! The faces of other languages, each beside the client whose API it has: the same program for both, of which only the import or
//! the library differs. The peer's records are fewer where it is slow; CPU is a record's.

use std::error::Error;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::options::Options;
use crate::series::{self, Series};
use crate::{Bench, program};

/// How many records the peer has.
#[derive(Clone, Copy)]
enum PeerRecords {
    AsOurs,
    Slow,
    TenthOfSlow,
}

/// One way of using a face, and what its CPU a record may be of its peer's at most.
struct Pair {
    case: &'static str,
    /// What both programs are told.
    mode: &'static str,
    face: &'static str,
    peer: &'static str,
    peer_records: PeerRecords,
    at_most: Option<f64>,
}

/// In the order of the names: what the case is called, what the programs are told, our client and the one beside it.
const fn pair(names: [&'static str; 4], peer_records: PeerRecords, at_most: Option<f64>) -> Pair {
    let [case, mode, face, peer] = names;
    Pair { case, mode, face, peer, peer_records, at_most }
}

const HALF: Option<f64> = Some(0.5);
const THIRD: Option<f64> = Some(1.0 / 3.0);
const TENTH: Option<f64> = Some(0.1);

const PAIRS: [Pair; 14] = [
    pair(["c_produce", "produce", "ottla-c", "librdkafka"], PeerRecords::AsOurs, HALF),
    pair(["c_consume_batch", "consume", "ottla-c", "librdkafka"], PeerRecords::AsOurs, HALF),
    pair(["c_consumer_poll", "poll", "ottla-c", "librdkafka"], PeerRecords::AsOurs, HALF),
    pair(["python_produce", "produce", "ottla-python", "confluent-kafka"], PeerRecords::AsOurs, THIRD),
    pair(["python_consume", "consume", "ottla-python", "confluent-kafka"], PeerRecords::AsOurs, THIRD),
    pair(["python_poll", "poll", "ottla-python", "confluent-kafka"], PeerRecords::AsOurs, THIRD),
    pair(["aio_await_send", "produce", "ottla-aio", "aiokafka"], PeerRecords::Slow, TENTH),
    pair(["aio_async_for", "consume", "ottla-aio", "aiokafka"], PeerRecords::Slow, TENTH),
    pair(["kafka_send", "produce", "ottla-kafka", "kafka-python"], PeerRecords::Slow, None),
    pair(["kafka_iterate", "consume", "ottla-kafka", "kafka-python"], PeerRecords::Slow, None),
    pair(["node_send_1000", "produce", "ottla-node", "kafkajs"], PeerRecords::Slow, TENTH),
    pair(["node_send_single", "single", "ottla-node", "kafkajs"], PeerRecords::TenthOfSlow, None),
    pair(["node_each_batch", "consume", "ottla-node", "kafkajs"], PeerRecords::AsOurs, THIRD),
    pair(["node_each_message", "each", "ottla-node", "kafkajs"], PeerRecords::AsOurs, None),
];

impl Pair {
    fn reads(&self) -> bool {
        ["consume", "poll", "each"].contains(&self.mode)
    }

    fn peer_records(&self, options: &Options) -> u64 {
        match self.peer_records {
            PeerRecords::AsOurs => options.records,
            PeerRecords::Slow => options.slow_records.min(options.records),
            PeerRecords::TenthOfSlow => (options.slow_records / 10).clamp(1, options.records),
        }
    }
}

/// A pair's runs, ours first.
pub(super) struct Measured {
    pair: &'static Pair,
    face: Series,
    peer: Series,
}

impl Measured {
    /// The lines of the results: the face's says what its CPU is of its peer's, and what it may be.
    fn lines(&self) -> [Value; 2] {
        let mut face = self.face.line();
        for (name, value) in [
            ("peer", json!(self.pair.peer)),
            ("cpu_of_peer", json!(self.ratio())),
            ("cpu_of_peer_at_most", json!(self.pair.at_most)),
        ] {
            face.insert(name.to_owned(), value);
        }
        [face, self.peer.line()].map(Value::Object)
    }

    fn ratio(&self) -> Option<f64> {
        self.face.ratio(&self.peer, "cpu_us_per_record")
    }

    /// Whether the CPU a record is no more than it may be; none where nothing is asked.
    fn met(&self) -> Option<bool> {
        Some(self.ratio()? <= self.pair.at_most?)
    }
}

/// All faces.
pub(super) fn names() -> Vec<String> {
    let mut names: Vec<String> = PAIRS.iter().map(|pair| pair.face.to_owned()).collect();
    names.dedup();
    names
}

/// The faces that the options name, in turns with their peers.
pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Measured>, Box<dyn Error>> {
    let options = bench.options;
    let mut all = Vec::new();
    if !options.has("faces") {
        return Ok(all);
    }
    let filled = bench.filled(&program("ottla", "bench_client")?)?;
    for pair in PAIRS.iter().filter(|pair| options.faces.iter().any(|face| face == pair.face)) {
        let face = Series::new(pair.case, pair.face, options.records);
        let peer = Series::new(pair.case, pair.peer, pair.peer_records(options));
        let mut sides = [face, peer];
        for round in 1..=options.runs {
            for side in &mut sides {
                let program = program(&side.client, "bench_client")?;
                let result = if pair.reads() {
                    bench.run(pair.mode, side.records, &program, &filled)?
                } else {
                    bench.produce(pair.mode, side.records, &program)?
                };
                eprintln!("{} {round}/{}: {}: {result}", pair.case, options.runs, side.client);
                side.runs.push(result);
            }
        }
        let [face, peer] = sides;
        let measured = Measured { pair, face, peer };
        series::write(&measured.lines())?;
        all.push(measured);
    }
    Ok(all)
}

/// A line for each client, and behind a face's what is asked of it.
pub(super) fn table(all: &[Measured]) -> String {
    let mut text = format!(
        "{:<18} {:<15} {:>8} {:>27} {:>24} {:>7}  {}\n",
        "case", "client", "records", "records/s", "CPU us/record", "RSS MB", "CPU, of the peer's"
    );
    for measured in all {
        let ratio = measured.ratio().map_or_else(String::new, |ratio| format!("{ratio:.3}"));
        let verdict = match (measured.met(), measured.pair.at_most) {
            (Some(met), Some(most)) => format!("{ratio}, at most {most:.2}: {}", if met { "met" } else { "not met" }),
            _ => ratio,
        };
        for (series, verdict) in [(&measured.face, verdict.as_str()), (&measured.peer, "")] {
            let [speed, cpu, memory] = series.words();
            let _ = writeln!(
                text,
                "{:<18} {:<15} {:>8} {speed:>27} {cpu:>24} {memory:>7}  {verdict}",
                series.case, series.client, series.records
            );
        }
    }
    text
}
