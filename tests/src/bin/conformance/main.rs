//! The same scenarios in Rust, Python, Node and C, against broker-lite and against a live Apache Kafka: starts the brokers and
//! the runners, and holds what came of each step against what the data file expects. tests/conformance/README.md tells the rest.

#![allow(clippy::indexing_slicing, reason = "of JSON, where what is not there is null")]

mod brokers;
mod compare;
mod data;
mod keys;
mod runner;

use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use brokers::{Brokers, Control, lock};
use data::{Data, Scenario};
use runner::{Built, FACES, Runner};
use serde_json::Value;

/// What ends a run, or a face's part of it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

const HELP: &str = "conformance [--face NAME]... [--only TEXT] [--lite | --live]

Runs the scenarios of tests/conformance in all faces (rust, python, node, c) against broker-lite and a live Apache Kafka, and
fails where a face does not do what is expected. What it runs must have been built: make conformance does that first.

  --face NAME   this face; may repeat
  --only TEXT   scenarios whose names have this text
  --lite        against broker-lite only
  --live        against a live Apache Kafka only
";

struct Arguments {
    faces: Vec<&'static str>,
    only: String,
    lite: bool,
    live: bool,
}

fn arguments() -> Result<Option<Arguments>, Failure> {
    use lexopt::prelude::{Long, ValueExt};
    let mut parsed = Arguments { faces: Vec::new(), only: String::new(), lite: true, live: true };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("face") => {
                let name = parser.value()?.string()?;
                let face = FACES.iter().find(|face| **face == name).ok_or_else(|| format!("there is no face {name}"))?;
                parsed.faces.push(face);
            }
            Long("only") => parsed.only = parser.value()?.string()?,
            Long("lite") => parsed.live = false,
            Long("live") => parsed.lite = false,
            Long("help") => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    if parsed.faces.is_empty() {
        parsed.faces = FACES.to_vec();
    }
    Ok(Some(parsed))
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Failure> {
    let Some(arguments) = arguments()? else {
        print!("{HELP}");
        return Ok(true);
    };
    let built = Built::find()?;
    let mut data = Data::read(&built.conformance())?;
    data.scenarios.retain(|scenario| scenario.name.contains(&arguments.only));
    // A live Kafka takes seconds to start: meanwhile broker-lite has its turn.
    thread::scope(|scope| {
        let live = arguments.live.then(|| scope.spawn(Brokers::live));
        let mut well = true;
        if arguments.lite {
            well &= against("broker-lite", Brokers::lite()?, &data, &built, &arguments.faces)?;
        }
        if let Some(live) = live {
            let live = live.join().map_err(|_| "the thread that starts Apache Kafka panicked")??;
            well &= against("Apache Kafka", live, &data, &built, &arguments.faces)?;
        }
        Ok(well)
    })
}

/// A face's outcomes, scenario by scenario, as far as it came.
struct Told {
    outcomes: Vec<Vec<Value>>,
    failure: Option<String>,
}

/// Runs all scenarios in all faces against one kind of brokers; whether all went as expected.
fn against(kind: &str, brokers: Brokers, data: &Data, built: &Built, faces: &[&'static str]) -> Result<bool, Failure> {
    let began = Instant::now();
    let brokers = Mutex::new(brokers);
    // Those that do something to the brokers go first: a broker that has few topics is sooner back.
    let (asking, others): (Vec<_>, Vec<_>) = data.scenarios.iter().partition(|scenario| scenario.asks());
    let mut wrong = 0;
    for scenarios in [asking, others] {
        wrong += group(kind, &brokers, data, &scenarios, built, faces)?;
    }
    let (count, took) = (data.scenarios.len(), began.elapsed());
    println!("conformance on {kind}: {count} scenarios in {}, {wrong} differences, {took:.1?}", faces.join(", "));
    Ok(wrong == 0)
}

/// Runs some scenarios in all faces at once; how many differences there are.
fn group(
    kind: &str,
    brokers: &Mutex<Brokers>,
    data: &Data,
    scenarios: &[&Scenario],
    built: &Built,
    faces: &[&'static str],
) -> Result<usize, Failure> {
    lock(brokers).create_topics(scenarios, faces)?;
    let servers = lock(brokers).servers();
    let control = Control::new(brokers, faces.len());
    let told: Vec<Told> = thread::scope(|scope| {
        let face = |face: &&'static str| {
            let face = *face;
            let (servers, control) = (&servers, &control);
            scope.spawn(move || {
                let mut outcomes = Vec::new();
                let ran = all_of(face, data, scenarios, built, servers, control, &mut outcomes);
                let failure = ran.err().map(|error| error.to_string());
                control.leave();
                Told { outcomes, failure }
            })
        };
        let running: Vec<_> = faces.iter().map(face).collect();
        running
            .into_iter()
            .map(|told| told.join().unwrap_or_else(|_| Told { outcomes: Vec::new(), failure: Some("a panic".to_owned()) }))
            .collect()
    });
    let mut wrong = 0;
    for (at, scenario) in scenarios.iter().enumerate() {
        for (face, told) in faces.iter().zip(&told) {
            let Some(outcomes) = told.outcomes.get(at) else { continue };
            let mut differences = compare::differences(data, scenario, face, outcomes)?;
            differences.extend(codec_difference(&lock(brokers), scenario, face)?);
            wrong += differences.len();
            for difference in differences.iter().take(SHOWN) {
                eprintln!("{kind}: {}: {face}: {difference}", scenario.name);
            }
            if differences.len() > SHOWN {
                eprintln!("{kind}: {}: {face}: and {} differences more", scenario.name, differences.len() - SHOWN);
            }
        }
    }
    for (face, told) in faces.iter().zip(&told) {
        if let Some(failure) = &told.failure {
            let scenario = scenarios.get(told.outcomes.len()).map_or("its end", |scenario| &scenario.name);
            eprintln!("{kind}: {scenario}: {face}: {failure}");
            wrong += 1;
        }
    }
    Ok(wrong)
}

/// So many differences of a scenario are shown for each face.
const SHOWN: usize = 5;

fn all_of(
    face: &str,
    data: &Data,
    scenarios: &[&Scenario],
    built: &Built,
    servers: &str,
    control: &Control<'_>,
    outcomes: &mut Vec<Vec<Value>>,
) -> Result<(), Failure> {
    let mut runner = Runner::start(built, face)?;
    for scenario in scenarios {
        let given = data.given(scenario, face, servers);
        outcomes.push(runner.run(scenario, &given, control)?);
    }
    runner.finish()
}

/// The batches in the log have the codec that was asked for.
fn codec_difference(brokers: &Brokers, scenario: &Scenario, face: &str) -> Result<Option<String>, Failure> {
    const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
    let Some(codec) = scenario.codec() else { return Ok(None) };
    let found = brokers.codecs(&scenario.topic(face))?;
    let names: Vec<&str> = found.iter().map(|number| CODECS.get(usize::from(*number)).copied().unwrap_or("unknown")).collect();
    let right = !names.is_empty() && names.iter().all(|name| *name == codec);
    Ok((!right).then(|| format!("the log's batches are to be {codec}, and are {names:?}")))
}
