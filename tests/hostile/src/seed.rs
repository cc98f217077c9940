//! Seeds and numbers of inputs from the environment, so that what failed can be run again.

use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use ottla_protocol::arbitrary::Random;

/// The seed of this run: `OTTLA_SEED`, or another one each time. It is printed, and a test that fails shows it.
#[must_use]
pub fn seed() -> u64 {
    let seed = number("OTTLA_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("to repeat: OTTLA_SEED={seed}");
    seed
}

/// How many inputs: `OTTLA_HOSTILE_INPUTS`, or what the caller thinks right.
#[must_use]
pub fn inputs(default: u64) -> u64 {
    number("OTTLA_HOSTILE_INPUTS").unwrap_or(default)
}

/// The number of the first input: `OTTLA_HOSTILE_FIRST`, or 0.
#[must_use]
pub fn first() -> u64 {
    number("OTTLA_HOSTILE_FIRST").unwrap_or(0)
}

fn number<T: FromStr>(name: &str) -> Option<T>
where
    T::Err: Debug,
{
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|e| panic!("{name}={value} is no number: {e:?}")))
}

/// The randomness of one input: it depends on the seed and the input's number only, so that any input can be made alone.
#[must_use]
pub fn random(seed: u64, number: u64) -> Random {
    let mut mix = Random::new(seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
    Random::new(mix.bits())
}
