//! The checker proven: each mistake on purpose in the client must be found.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use ottla_core::mutants::{Mutant, choose};
use ottla_simulation::run;
use ottla_simulation::schedule::generate;

/// How many seeds a mistake may take.
const SEEDS: u64 = 600;

/// Odd seeds have groups.
fn seeds_of(mutant: Mutant) -> impl Iterator<Item = u64> {
    let groups = matches!(mutant, Mutant::CommitNotHandedOut | Mutant::RevokedStillRead | Mutant::GenerationIgnored);
    (0..SEEDS).map(move |number| 2 * number + u64::from(groups))
}

#[test]
fn each_mutant_is_caught() {
    let mut missed = Vec::new();
    for mutant in Mutant::ALL {
        choose(Some(mutant));
        let caught = seeds_of(mutant).find_map(|seed| {
            let violations = run(&generate(seed)).violations;
            (!violations.is_empty()).then(|| (seed, violations))
        });
        choose(None);
        match caught {
            Some((seed, violations)) => {
                println!("{mutant:?}: caught by seed {seed}, after {} seeds: {}", seed / 2 + 1, violations[0]);
                // The mistake, and not something else.
                let without = run(&generate(seed)).violations;
                assert!(without.is_empty(), "seed {seed} fails without {mutant:?} too: {without:?}");
            }
            None => missed.push(mutant),
        }
    }
    assert!(missed.is_empty(), "not caught within {SEEDS} seeds: {missed:?}");
}
