//! Ids that must differ, not be secret, and come again with the same seed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use ottla_protocol::Uuid;

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Random(AtomicU64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A seed that the standard library draws for its hash maps.
    pub(crate) fn any_seed() -> u64 {
        RandomState::new().build_hasher().finish()
    }

    /// A seed for one purpose, so that one more draw in one place does not shift the others.
    pub(crate) fn derive_seed(seed: u64, purpose: u64) -> u64 {
        Self::seeded(seed ^ Self::seeded(purpose).next()).next()
    }

    pub(crate) fn next(&self) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from 0 to below `end`; 0 if that is 0.
    pub(crate) fn below(&self, end: u64) -> u64 {
        // The high half of the product is as even as the draw.
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// True with this probability.
    pub(crate) fn chance(&self, probability: f64) -> bool {
        // 53 bits, as many as the fraction of a double has.
        ((self.next() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    /// A version 4 UUID that does not begin with a dash in Kafka's notation, since that confuses command lines.
    pub(crate) fn uuid(&self) -> Uuid {
        loop {
            let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
            let version_4 = bits & !(0xf000 << 64) & !(0xc000 << 48) | (0x4000 << 64) | (0x8000 << 48);
            let id = Uuid(version_4.to_be_bytes());
            if !id.to_string().starts_with('-') {
                return id;
            }
        }
    }
}
