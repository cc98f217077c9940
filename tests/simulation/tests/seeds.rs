//! Schedules from seeds: each must keep Kafka's promises, and the same seed must give the same trace.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ottla_simulation::campaign::{Campaign, write_failed};
use ottla_simulation::schedule::generate;
use ottla_simulation::{run, run_traced};

/// How many schedules a plain test run makes, every other one with groups; OTTLA_SIMULATION_SEEDS says otherwise.
const SEEDS: u64 = 4000;

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..24 {
        let schedule = generate(seed);
        let (one, two) = (run_traced(&schedule), run_traced(&schedule));
        let differs = one.lines.iter().zip(&two.lines).position(|(one, two)| one != two);
        if let Some(at) = differs {
            panic!(
                "seed {seed} differs at line {at}:\n{}\n{}\n{}",
                one.lines[at.saturating_sub(5)..at].join("\n"),
                one.lines[at],
                two.lines[at]
            );
        }
        assert_eq!((one.trace, one.lines.len()), (two.trace, two.lines.len()), "seed {seed}");
    }
}

#[test]
fn seeds_keep_the_promises() {
    let seeds = std::env::var("OTTLA_SIMULATION_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let (next, total) = (AtomicU64::new(0), Mutex::new(Campaign::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let schedule = generate(seed);
                    let outcome = run(&schedule);
                    if !outcome.violations.is_empty() {
                        let file = write_failed(&schedule, &outcome);
                        println!("seed {seed} fails: {:#?}", outcome.violations);
                        println!("replay: make simulate SEED={seed}, or make simulate SCHEDULE={}", file.display());
                    }
                    total.lock().unwrap().add(seed, &outcome);
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    println!("{total}");
    assert_eq!(total.failed, Vec::<u64>::new(), "these seeds fail");
    // A fault that never struck proves nothing.
    for fault in [
        "broker stopped",
        "broker isolated",
        "leader moved",
        "all connections cut",
        "silence one way",
        "offload deferred",
        "network lost",
        "member stalled",
        "max.poll.interval.ms exceeded",
        "coordinator moved",
        "coordinator moved: a rebalance",
        "coordinator stopped",
        "coordinator stopped: a rebalance",
        "partitions added",
        "waiter dropped",
    ] {
        assert!(total.strikes.struck(fault) > 0, "{fault} never struck");
    }
    for cut in ["before", "within", "after"] {
        for frame in ["request: Produce", "response: Produce", "request: Fetch", "response: Fetch"] {
            assert!(total.strikes.struck(&format!("cut {cut} a {frame}")) > 0, "cut {cut} a {frame}");
        }
    }
    for api in ["JoinGroup", "SyncGroup", "Heartbeat", "OffsetCommit", "OffsetFetch", "FindCoordinator"] {
        assert!(total.strikes.struck(&format!("error: {api}")) > 0, "error: {api}");
    }
    for effect in ["error", "delay", "close", "silence"] {
        for api in ["Produce", "Fetch"] {
            assert!(total.strikes.struck(&format!("{effect}: {api}")) > 0, "{effect}: {api}");
        }
    }
}
