//! A stream of randomness for each purpose, all from one seed: one more draw in one place does not shift the others.

use ottla::Rng;

/// The stream of this purpose.
#[must_use]
pub fn stream(seed: u64, purpose: &str) -> Rng {
    Rng::from_seed(derive(seed, purpose))
}

/// A seed for this purpose.
#[must_use]
pub fn derive(seed: u64, purpose: &str) -> u64 {
    // FNV-1a.
    let name =
        purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    Rng::from_seed(seed ^ name).next_u64()
}

/// What this crate draws.
pub trait Draw {
    /// A number of `low..=high`.
    fn between(&mut self, low: i64, high: i64) -> i64;
    /// True `per_mille` times out of a thousand.
    fn chance(&mut self, per_mille: i64) -> bool;
    /// One of them.
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T;
}

impl Draw for Rng {
    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + i64::try_from(self.below(u64::try_from(high - low + 1).unwrap_or(1))).unwrap()
    }

    fn chance(&mut self, per_mille: i64) -> bool {
        self.between(0, 999) < per_mille
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}
