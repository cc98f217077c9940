//! Runs many seeds on all cores, or one seed, or one recorded schedule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ottla_simulation::campaign::{Campaign, write_failed};
use ottla_simulation::schedule::generate;
use ottla_simulation::{Schedule, run_traced};

const USAGE: &str = "simulate [--seeds N] [--first SEED] | --seed SEED [--trace] | --schedule FILE [--trace]";

struct Arguments {
    seeds: u64,
    first: u64,
    seed: Option<u64>,
    schedule: Option<String>,
    trace: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments { seeds: 10_000, first: 0, seed: None, schedule: None, trace: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} lacks its value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text} is not a number"));
        match word.as_str() {
            "--seeds" => found.seeds = number(value()?)?,
            "--first" => found.first = number(value()?)?,
            "--seed" => found.seed = Some(number(value()?)?),
            "--schedule" => found.schedule = Some(value()?),
            "--trace" => found.trace = true,
            _ => return Err(format!("{word}?")),
        }
    }
    Ok(found)
}

fn main() {
    let arguments = arguments().unwrap_or_else(|error| {
        eprintln!("{error}\n{USAGE}");
        std::process::exit(2);
    });
    let one = match (&arguments.schedule, arguments.seed) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
            Some(text.parse::<Schedule>().unwrap_or_else(|error| panic!("{file}: {error}")))
        }
        (None, Some(seed)) => Some(generate(seed)),
        (None, None) => None,
    };
    let failed = match one {
        Some(schedule) => run_one(&schedule, arguments.trace),
        None => run_many(arguments.first, arguments.seeds),
    };
    std::process::exit(i32::from(failed));
}

fn run_one(schedule: &Schedule, trace: bool) -> bool {
    let outcome = run_traced(schedule);
    if trace {
        println!("{schedule}\n{}", outcome.lines.join("\n"));
    }
    println!("{}{:#?}", outcome.strikes, outcome.checked);
    println!("trace {:016x}, {} records, {} ms of virtual time", outcome.trace, outcome.sent, outcome.virtual_ms);
    for violation in &outcome.violations {
        println!("VIOLATION: {violation}");
    }
    !outcome.violations.is_empty()
}

fn run_many(first: u64, seeds: u64) -> bool {
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let total = Mutex::new(Campaign::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= seeds {
                        return;
                    }
                    let seed = first + at;
                    let outcome = ottla_simulation::run(&generate(seed));
                    if !outcome.violations.is_empty() {
                        let file = write_failed(&generate(seed), &outcome);
                        println!("seed {seed} fails ({}): {}", file.display(), outcome.violations[0]);
                    }
                    total.lock().unwrap().add(seed, &outcome);
                }
            });
        }
        scope.spawn(|| {
            let mut waited = Duration::ZERO;
            while next.load(Ordering::Relaxed) < seeds {
                std::thread::sleep(Duration::from_millis(200));
                waited += Duration::from_millis(200);
                if waited >= Duration::from_secs(10) {
                    waited = Duration::ZERO;
                    let done = next.load(Ordering::Relaxed).min(seeds);
                    let failed = total.lock().unwrap().failed.len();
                    let rate = done as f64 / begun.elapsed().as_secs_f64();
                    println!("{done} of {seeds} schedules, {rate:.1}/s, {failed} failed");
                }
            }
        });
    });
    let total = total.into_inner().unwrap();
    println!("{total}");
    println!(
        "{seeds} schedules in {:.1} s: {:.1}/s",
        begun.elapsed().as_secs_f64(),
        seeds as f64 / begun.elapsed().as_secs_f64()
    );
    !total.failed.is_empty()
}
