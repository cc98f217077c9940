//! Schedules from seeds: each must keep Kafka's promises, and the same seed must give the same trace.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use ottla_simulation::schedule::generate;
use ottla_simulation::{run, run_traced};

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
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
    let mut failed = 0;
    for seed in 0..100 {
        let outcome = run(&generate(seed));
        if !outcome.violations.is_empty() {
            failed += 1;
            println!("seed {seed}: {:#?}", outcome.violations);
        }
    }
    assert_eq!(failed, 0);
}
