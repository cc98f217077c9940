//! Schedules by number: each is made from a seed and can be run again alone.

use ottla_core::random::Rng;
use shuttle::rand::{RngCore, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

/// A seed stands for so many schedules: the ones by priorities learn from the first how long a run is.
const SCHEDULES: usize = 16;
/// At so many places a schedule by priorities lets another thread come first.
const CHANGES: usize = 4;

#[allow(clippy::disallowed_methods, reason = "a test's own switch")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|error| panic!("{name}={value}: {error}")))
}

/// Says what repeats a run that failed.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat these {SCHEDULES} schedules alone: OTTLA_SEED={} OTTLA_SCHEDULES=1", self.0);
        }
    }
}

/// Runs `scenario` under about `schedules` schedules, half of them random, half by priorities that change at few places (PCT),
/// from the seed 1 or `OTTLA_SEED` on; `OTTLA_SCHEDULES` says how many instead.
pub(crate) fn check(schedules: u64, scenario: fn(&mut Rng)) {
    let seeds = number("OTTLA_SCHEDULES").unwrap_or(schedules).div_ceil(SCHEDULES as u64);
    let first = number("OTTLA_SEED").unwrap_or(1);
    for seed in first..first + seeds {
        let _seed = Seed(seed);
        let mut config = Config::new();
        config.failure_persistence = FailurePersistence::None;
        config.stack_size = 512 * 1024;
        config.max_steps = MaxSteps::FailAfter(500_000);
        config.silence_warnings = true;
        let run = move || scenario(&mut Rng::from_seed(thread_rng().next_u64()));
        if seed % 2 == 0 {
            Runner::new(RandomScheduler::new_from_seed(seed, SCHEDULES), config).run(run);
        } else {
            Runner::new(PctScheduler::new_from_seed(seed, CHANGES, SCHEDULES), config).run(run);
        }
    }
}
