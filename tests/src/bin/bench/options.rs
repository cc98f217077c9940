//! The command line.

use lexopt::prelude::{Long, ValueExt};

use crate::faces;

pub(super) const HELP: &str = "\
bench [--records N] [--slow-records N] [--runs N] [--clients LIST] [--only LIST] [--value-size BYTES] [--linger-ms MS]
      [--acks all|1|0] [--partitions N]

  --only          of start,groups,produce,consume,faces; all of them unless said
  --clients       of ottla,librdkafka,franz-go (in start, groups, produce, consume) and of ottla-c,ottla-python,ottla-aio,
                  ottla-kafka,ottla-node (in faces, each beside its peer); all of them unless said. Without --only those cases
                  run that the named clients have
  --records       3000000: so many in a run
  --slow-records  300000: so many for aiokafka, for kafka-python and for what KafkaJS sends (a tenth of them one by one); CPU
                  is a record's, so the figures can be compared
  --runs          5: so many of each, in turns

The CPU is the whole process', all threads' user and system time, from when the client has been made (and started or connected,
where its API has that) to the last delivery or record. All have the same acks and value size; linger.ms too, but for KafkaJS,
which has none; no compression; idempotent with acks=all, but for KafkaJS; batches as librdkafka has them by default in C and
confluent's API, of 16384 bytes in aiokafka's and kafka-python's, of the send in KafkaJS's.
";
/// The first one is what the ratios are of.
const CLIENTS: &str = "ottla,librdkafka,franz-go";
const CASES: &str = "start,groups,produce,consume,faces";

pub(super) struct Options {
    pub(super) records: u64,
    pub(super) slow_records: u64,
    pub(super) runs: usize,
    /// Those that have the same cases as the Rust client.
    pub(super) clients: Vec<String>,
    /// The faces of other languages, each of which brings its peer along.
    pub(super) faces: Vec<String>,
    pub(super) cases: Vec<String>,
    pub(super) value_size: usize,
    pub(super) linger_ms: u32,
    pub(super) acks: String,
    pub(super) partitions: u32,
}

impl Options {
    pub(super) fn has(&self, case: &str) -> bool {
        self.cases.iter().any(|other| other == case)
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

/// None for `--help`.
pub(super) fn parse() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        records: 3_000_000,
        slow_records: 300_000,
        runs: 5,
        clients: list(CLIENTS),
        faces: faces::names(),
        cases: Vec::new(),
        value_size: 100,
        linger_ms: 5,
        acks: "all".to_owned(),
        partitions: 4,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("records") => options.records = arguments.value()?.parse()?,
            Long("slow-records") => options.slow_records = arguments.value()?.parse()?,
            Long("runs") => options.runs = arguments.value()?.parse()?,
            Long("clients") => {
                let named = list(&arguments.value()?.string()?);
                (options.faces, options.clients) = named.into_iter().partition(|name| faces::names().contains(name));
            }
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
    if options.cases.is_empty() {
        let clients_of = |case: &String| if case == "faces" { &options.faces } else { &options.clients };
        options.cases = list(CASES).into_iter().filter(|case| !clients_of(case).is_empty()).collect();
    }
    Ok(Some(options))
}
