//! The one random source: xoshiro256++ (Blackman and Vigna), seeded through SplitMix64. Whoever drives this crate makes the seed,
//! so that a simulation replays; each purpose gets a generator of its own, so that one more draw here shifts nothing there.
//! Not for secrets.

use ottla_protocol::Uuid;

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Rng([u64; 4]);

impl Rng {
    /// A generator that always yields the same numbers for the same seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut state = seed;
        Self([split_mix(&mut state), split_mix(&mut state), split_mix(&mut state), split_mix(&mut state)])
    }

    /// A generator for another purpose, whose numbers have nothing to do with this one's further ones.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::from_seed(self.next_u64())
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.0;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.0 = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    /// A number of 0..n, all of them as likely; 0 for n = 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        // Lemire: the upper half of a 128-bit product is even once the few products that favour some values are drawn anew.
        let favoured = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= favoured {
                return (product >> 64) as u64;
            }
        }
    }

    /// A random UUID (version 4), as Kafka makes them: never one whose text form starts with '-', which a command line would
    /// take for an option.
    pub fn uuid(&mut self) -> Uuid {
        loop {
            let bits = u128::from(self.next_u64()) << 64 | u128::from(self.next_u64());
            let bits = bits & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
            // The first of the base64 digits is made of the first six bits; '-' is 62.
            if bits >> 122 != 62 {
                return Uuid(bits.to_be_bytes());
            }
        }
    }
}

/// SplitMix64: turns any seed, 0 included, into bits that are good enough for a state.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        let mut state = 1_234_567;
        assert_eq!([split_mix(&mut state), split_mix(&mut state)], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
        let mut rng = Rng([1, 2, 3, 4]);
        for expected in [
            41_943_041,
            58_720_359,
            3_588_806_011_781_223,
            3_591_011_842_654_386,
            9_228_616_714_210_784_205,
            9_973_669_472_204_895_162,
            14_011_001_112_246_962_877,
            12_406_186_145_184_390_807,
            15_849_039_046_786_891_736,
            10_450_023_813_501_588_000,
        ] {
            assert_eq!(rng.next_u64(), expected);
        }
    }

    #[test]
    fn a_seed_replays_and_a_fork_differs() {
        let (mut one, mut two) = (Rng::from_seed(7), Rng::from_seed(7));
        assert_eq!((one.next_u64(), one.next_u32()), (two.next_u64(), two.next_u32()));
        assert_ne!(one.fork().next_u64(), two.next_u64());
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut rng = Rng::from_seed(1);
        assert_eq!((rng.below(0), rng.below(1)), (0, 0));
        let mut seen = [0_u32; 7];
        for _ in 0..7000 {
            seen[rng.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| (800..1200).contains(&count)), "{seen:?}");
        assert!((0..1000).all(|_| rng.below(u64::MAX) < u64::MAX));
    }

    #[test]
    fn uuids_are_version_4_and_never_start_with_a_dash() {
        let mut rng = Rng::from_seed(3);
        for _ in 0..1000 {
            let Uuid(bytes) = rng.uuid();
            assert_eq!((bytes[6] >> 4, bytes[8] >> 6), (4, 0b10));
            assert_ne!(bytes[0] >> 2, 62);
        }
    }
}
