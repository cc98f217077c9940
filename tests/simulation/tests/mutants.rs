//! The checker proven: each mistake on purpose in the client must be found.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use ottla_core::mutants::{Mutant, choose};
use ottla_simulation::run;
use ottla_simulation::schedule::generate;

/// How many seeds of its kind a mistake may take.
const SEEDS: usize = 1000;

/// Odd seeds have groups; and a log is truncated below what was read only where elections may be unclean.
fn seeds_of(mutant: Mutant) -> impl Iterator<Item = u64> {
    let groups = matches!(mutant, Mutant::CommitNotHandedOut | Mutant::RevokedStillRead | Mutant::GenerationIgnored);
    let truncates = mutant == Mutant::StaleLeaderEpochAccepted;
    let seeds = (u64::from(groups)..).step_by(2);
    seeds.filter(move |seed| !truncates || generate(*seed).unclean == 1).take(SEEDS)
}

#[test]
fn each_mutant_is_caught() {
    let mut missed = Vec::new();
    for mutant in Mutant::ALL {
        choose(Some(mutant));
        let caught = seeds_of(mutant).zip(1..).find_map(|(seed, count)| {
            let violations = run(&generate(seed)).violations;
            (!violations.is_empty()).then(|| (seed, count, violations))
        });
        choose(None);
        match caught {
            Some((seed, count, violations)) => {
                println!("{mutant:?}: caught by seed {seed}, after {count} of its kind: {}", violations[0]);
                // The mistake, and not something else.
                let without = run(&generate(seed)).violations;
                assert!(without.is_empty(), "seed {seed} fails without {mutant:?} too: {without:?}");
            }
            None => missed.push(mutant),
        }
    }
    assert!(missed.is_empty(), "not caught within {SEEDS} seeds: {missed:?}");
}
