//! Random values of messages, for tests: seeded, and only what the version can carry.

use bytes::Bytes;

use crate::fields::Primitive;
use crate::{Decode, Records, Text, UnknownTaggedField, Uuid};

/// A seeded source of randomness (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same values.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, or 0 if that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.bits() % (limit.max(1) as u64)) as usize
    }

    /// True every other time.
    pub fn flip(&mut self) -> bool {
        self.bits() & 1 == 1
    }

    /// Null now and then, if it may be.
    pub fn nullable<T: Arbitrary>(&mut self, nullable: bool, version: i16) -> Option<T> {
        if nullable && self.below(4) == 0 { None } else { Some(T::arbitrary(self, version)) }
    }

    /// Bytes of a random length: mostly few, sometimes as many as are linked instead of copied.
    pub fn bytes(&mut self) -> Bytes {
        let len = match self.below(16) {
            0 => self.below(2000),
            1 => 0,
            _ => self.below(20),
        };
        (0..len).map(|_| self.bits() as u8).collect()
    }

    /// None most of the time; otherwise some whose numbers no schema uses.
    pub fn unknown_tagged_fields(&mut self) -> Vec<UnknownTaggedField> {
        if self.below(8) > 0 {
            return Vec::new();
        }
        let mut tag = 100;
        (0..=self.below(2))
            .map(|_| {
                tag += 1 + self.below(20_000) as u32;
                UnknownTaggedField { tag, data: self.bytes() }
            })
            .collect()
    }
}

/// A type with random values.
pub trait Arbitrary {
    /// A value that this version can carry.
    fn arbitrary(random: &mut Random, version: i16) -> Self;
}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(
            impl Arbitrary for $type {
                fn arbitrary(random: &mut Random, _version: i16) -> Self {
                    match random.below(8) {
                        0 => <$type>::MIN,
                        1 => <$type>::MAX,
                        2 => 0,
                        3 => (0 as $type).wrapping_sub(1),
                        _ => random.bits() as $type,
                    }
                }
            }
        )*
    };
}

numbers!(i8, i16, u16, i32, u32, i64);

impl Arbitrary for bool {
    fn arbitrary(random: &mut Random, _version: i16) -> Self {
        random.flip()
    }
}

impl Arbitrary for f64 {
    fn arbitrary(random: &mut Random, _version: i16) -> Self {
        (random.bits() as i64 as f64) / 1024.0
    }
}

impl Arbitrary for Uuid {
    fn arbitrary(random: &mut Random, _version: i16) -> Self {
        Self(((u128::from(random.bits()) << 64) | u128::from(random.bits())).to_be_bytes())
    }
}

impl Arbitrary for Text {
    fn arbitrary(random: &mut Random, _version: i16) -> Self {
        const LETTERS: [char; 8] = ['a', 'Z', '0', '.', ' ', 'ß', '水', '🦦'];
        let len = if random.below(32) == 0 { 300 } else { random.below(12) };
        let text: String = (0..len).filter_map(|_| LETTERS.get(random.below(LETTERS.len()))).collect();
        Self::from(text)
    }
}

impl Arbitrary for Bytes {
    fn arbitrary(random: &mut Random, _version: i16) -> Self {
        random.bytes()
    }
}

impl Arbitrary for Records {
    fn arbitrary(random: &mut Random, _version: i16) -> Self {
        (0..random.below(3)).map(|_| random.bytes()).collect()
    }
}

impl<T: Arbitrary> Arbitrary for Vec<T> {
    fn arbitrary(random: &mut Random, version: i16) -> Self {
        (0..random.below(4)).map(|_| T::arbitrary(random, version)).collect()
    }
}

/// How much more memory a decoded message takes than its bytes.
pub trait Footprint {
    /// At most so many bytes of memory for each byte on the wire, but for a constant.
    fn footprint(version: i16) -> f64;
}

/// A tagged field takes two bytes at least.
pub const OF_TAGGED_FIELDS: f64 = size_of::<UnknownTaggedField>() as f64 / 2.0;

/// An array's share, given the type of the field: room is made for as many elements as what remains may hold; what is in its
/// elements has bytes of its own.
#[must_use]
pub fn of_structs<A: Array>(version: i16) -> f64
where
    A::Element: Decode + Footprint,
{
    (size_of::<A::Element>() as f64 / A::Element::min_len(version).max(1) as f64).max(A::Element::footprint(version))
}

/// As [`of_structs`].
#[must_use]
pub fn of_primitives<A: Array>(flexible: bool) -> f64
where
    A::Element: Primitive,
{
    size_of::<A::Element>() as f64 / A::Element::min_len(flexible).max(1) as f64
}

/// A field that is an array.
pub trait Array {
    /// Its element.
    type Element;
}

impl<T> Array for Vec<T> {
    type Element = T;
}
