//! Which partition a record goes to: the same one for the same key as in the other clients of the cluster, bit for bit.
//!
//! What the partitioners of librdkafka do with a missing and with an empty key:
//!
//! | partitioner         | hash                               | no key   | empty key |
//! |---------------------|------------------------------------|----------|-----------|
//! | `consistent`        | CRC-32 (zlib's)                    | as empty | hashed    |
//! | `consistent_random` | CRC-32                             | sticky   | sticky    |
//! | `murmur2`           | Java's murmur2                     | as empty | hashed    |
//! | `murmur2_random`    | Java's murmur2 (Java's own choice) | sticky   | hashed    |
//! | `fnv1a`             | FNV-1a, 32 bits (Sarama's)         | as empty | hashed    |
//! | `fnv1a_random`      | FNV-1a, 32 bits                    | sticky   | hashed    |
//! | `random`            | none                               | sticky   | random    |
//!
//! Sticky (KIP-480): all such records go to one partition until its batch is full or sent, and then to another; with
//! `sticky.partitioning.linger.ms=0` each of them goes to a random one instead.

use crate::sync::atomic::{AtomicI32, Ordering};

/// librdkafka's `partitioner` property.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Partitioner {
    /// CRC-32 of the key; no key is an empty one.
    Consistent,
    /// CRC-32 of the key; records without a key or with an empty one go anywhere. librdkafka's default.
    ConsistentRandom,
    /// Java's murmur2 of the key; no key is an empty one.
    Murmur2,
    /// Java's murmur2 of the key; records without a key go anywhere. Java's behaviour.
    #[default]
    Murmur2Random,
    /// FNV-1a of the key as Sarama computes it; no key is an empty one.
    Fnv1a,
    /// FNV-1a of the key as Sarama computes it; records without a key go anywhere.
    Fnv1aRandom,
    /// Anywhere, whatever the key.
    Random,
}

impl Partitioner {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Random,
        Self::Consistent,
        Self::ConsistentRandom,
        Self::Murmur2,
        Self::Murmur2Random,
        Self::Fnv1a,
        Self::Fnv1aRandom,
    ];

    /// The partitioner of this name, spelled as librdkafka spells it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|partitioner| partitioner.name() == name)
    }

    /// librdkafka's name of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consistent => "consistent",
            Self::ConsistentRandom => "consistent_random",
            Self::Murmur2 => "murmur2",
            Self::Murmur2Random => "murmur2_random",
            Self::Fnv1a => "fnv1a",
            Self::Fnv1aRandom => "fnv1a_random",
            Self::Random => "random",
        }
    }

    /// The partition that the key alone decides, of 0..`partition_count`. None: the key does not decide; ask
    /// [`Partitioner::is_sticky`] whether the record sticks to the others or goes to a random partition. None too while the
    /// topic has no partitions.
    #[must_use]
    pub fn partition_for_key(self, key: Option<&[u8]>, partition_count: i32) -> Option<i32> {
        let count = u32::try_from(partition_count).ok().filter(|&count| count > 0)?;
        let hash = match (self, key) {
            (Self::Random, _) | (Self::ConsistentRandom | Self::Murmur2Random | Self::Fnv1aRandom, None) => return None,
            (Self::ConsistentRandom, Some([])) => return None,
            (Self::Consistent | Self::ConsistentRandom, key) => crc32fast::hash(key.unwrap_or_default()),
            // The sign bit is masked off, not negated: Java's toPositive.
            (Self::Murmur2 | Self::Murmur2Random, key) => murmur2(key.unwrap_or_default()) & 0x7fff_ffff,
            (Self::Fnv1a | Self::Fnv1aRandom, key) => fnv1a(key.unwrap_or_default()),
        };
        i32::try_from(hash % count).ok()
    }

    /// Whether a record that its key does not place goes with the others of its kind ([`StickyPartition`]). Otherwise, and with
    /// `sticky.partitioning.linger.ms=0`, it goes to a random partition ([`random_partition`]).
    #[must_use]
    pub fn is_sticky(self, key: Option<&[u8]>) -> bool {
        match key {
            None => !matches!(self, Self::Consistent | Self::Murmur2 | Self::Fnv1a),
            Some(key) => self == Self::ConsistentRandom && key.is_empty(),
        }
    }
}

/// Java's murmur2 (`org.apache.kafka.common.utils.Utils.murmur2`), which all clients that place records as Java does share.
#[must_use]
pub fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    // Java's length is an int: a longer key does not exist there.
    let mut hash = SEED ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, &byte| tail << 8 | u32::from(byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// FNV-1a of 32 bits, read as a signed number and made positive: Sarama's hash partitioner, and librdkafka's.
#[must_use]
pub fn fnv1a(data: &[u8]) -> u32 {
    let hash = data.iter().fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.cast_signed().unsigned_abs()
}

/// A random partition among those that are available (have a leader), or among all while none is.
pub fn random_partition(available: &[i32], partition_count: i32, random: &mut impl FnMut() -> u32) -> Option<i32> {
    match available {
        [] => i32::try_from(scale(random(), u32::try_from(partition_count).ok().filter(|&count| count > 0)?)).ok(),
        _ => available.get(scale(random(), available.len() as u32) as usize).copied(),
    }
}

/// A random partition among those that are available, the likelier the fewer batches wait in its line (KIP-794): with the longest
/// line of n batches, a line of m weighs n + 1 - m. `None` if none is available.
pub fn adaptive_partition(available: &[i32], backlog: impl Fn(i32) -> u32, random: &mut impl FnMut() -> u32) -> Option<i32> {
    let longest = available.iter().map(|&partition| backlog(partition)).max()?;
    // A line may grow meanwhile: never below a weight of one.
    let weight = |partition: i32| u64::from(longest.saturating_sub(backlog(partition))) + 1;
    let total: u64 = available.iter().map(|&partition| weight(partition)).sum();
    let mut drawn = u64::from(scale(random(), u32::try_from(total).unwrap_or(u32::MAX)));
    for &partition in available {
        let weight = weight(partition);
        if drawn < weight {
            return Some(partition);
        }
        drawn -= weight;
    }
    available.last().copied()
}

/// A number of 0..n out of 32 random bits.
fn scale(bits: u32, n: u32) -> u32 {
    ((u64::from(bits) * u64::from(n)) >> 32) as u32
}

/// The partition that a topic's records without a key stick to (KIP-480). Senders on several threads share it.
#[derive(Debug)]
pub struct StickyPartition(AtomicI32);

/// No partition is chosen yet.
const NONE: i32 = -1;

impl StickyPartition {
    /// Nothing is chosen yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicI32::new(NONE))
    }

    /// The partition in use, if one was chosen.
    #[must_use]
    pub fn current(&self) -> Option<i32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|&partition| partition >= 0)
    }

    /// The partition in use, chosen now if there is none or if the topic no longer has it. `available` are the partitions that
    /// have a leader. None while the topic has no partitions.
    pub fn get_or_choose(&self, available: &[i32], partition_count: i32, random: &mut impl FnMut() -> u32) -> Option<i32> {
        match self.current() {
            Some(partition) if partition < partition_count => Some(partition),
            previous => self.replace(previous, available, partition_count, random),
        }
    }

    /// The batch of `previous` is full or on its way: chooses another partition, unless another thread has done so already.
    /// The same one comes again only where there is no other.
    pub fn replace(
        &self,
        previous: Option<i32>,
        available: &[i32],
        partition_count: i32,
        random: &mut impl FnMut() -> u32,
    ) -> Option<i32> {
        let next = another_partition(previous, available, partition_count, random)?;
        Some(self.replace_by(previous, next, partition_count))
    }

    /// [`Self::replace`] by a partition that was chosen already; returns the one that is in use now.
    pub fn replace_by(&self, previous: Option<i32>, next: i32, partition_count: i32) -> i32 {
        match self.0.compare_exchange(previous.unwrap_or(NONE), next, Ordering::Relaxed, Ordering::Relaxed) {
            Err(chosen) if (0..partition_count).contains(&chosen) => chosen,
            Ok(_) => next,
            Err(_) => {
                self.0.store(next, Ordering::Relaxed);
                next
            }
        }
    }
}

impl Default for StickyPartition {
    fn default() -> Self {
        Self::new()
    }
}

/// A random partition other than `previous`, each as likely, out of one draw: one place fewer is drawn from, and the places from
/// `previous` on are shifted.
fn another_partition(
    previous: Option<i32>,
    available: &[i32],
    partition_count: i32,
    random: &mut impl FnMut() -> u32,
) -> Option<i32> {
    let Some(previous) = previous else { return random_partition(available, partition_count, random) };
    match available {
        [] if partition_count > 1 && (0..partition_count).contains(&previous) => {
            let drawn = random_partition(&[], partition_count - 1, random)?;
            Some(if drawn >= previous { drawn + 1 } else { drawn })
        }
        [] | [_] => random_partition(available, partition_count, random),
        _ => match available.iter().position(|&partition| partition == previous) {
            None => random_partition(available, partition_count, random),
            Some(place) => {
                let drawn = scale(random(), available.len() as u32 - 1) as usize;
                available.get(if drawn >= place { drawn + 1 } else { drawn }).copied()
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;

    /// Keys as librdkafka's unit tests use them, and their hashes there: murmur2 (from Java), FNV-1a (from Go).
    const LIBRDKAFKA: [(&str, u32, u32); 11] = [
        ("kafka", 0xd067_cf64, 0x0d33_c4e1),
        ("giberish123456789", 0x8f55_2b0c, 0x77a5_8295),
        ("1234", 0x9fc9_7b14, 0x023b_dd03),
        ("234", 0xe7c0_09ca, 0x2dea_3cd2),
        ("34", 0x8739_30da, 0x740f_a83e),
        ("4", 0x5a4b_5ca1, 0x310c_a263),
        ("PreAmbleWillBeRemoved,ThePrePartThatIs", 0x7842_4f1c, 0x65cb_d69c),
        ("reAmbleWillBeRemoved,ThePrePartThatIs", 0x4a62_b377, 0x6e49_c79a),
        ("eAmbleWillBeRemoved,ThePrePartThatIs", 0xe0e4_e09e, 0x69ee_d356),
        ("AmbleWillBeRemoved,ThePrePartThatIs", 0x62b8_b43f, 0x6abc_c023),
        ("", 0x106e_08d9, 0x7ee3_623b),
    ];

    #[test]
    fn murmur2_and_fnv1a_are_librdkafkas() {
        for (key, murmur, fnv) in LIBRDKAFKA {
            assert_eq!((murmur2(key.as_bytes()), fnv1a(key.as_bytes())), (murmur, fnv), "{key}");
        }
    }

    #[test]
    fn murmur2_is_javas() {
        for (key, expected) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), expected, "{key}");
        }
        // Bytes above 127 are signed in Java; from kafka-clients 4.3.1.
        for (key, expected) in JAVA_BYTES {
            assert_eq!(murmur2(key).cast_signed(), expected, "{key:?}");
        }
    }

    const JAVA_BYTES: [(&[u8], i32); 7] = [
        (&[0x80], 857_690_492),
        (&[0xff, 0xfe], 1_717_632_651),
        (&[0x01, 0x81, 0xc3], -1_781_633_971),
        (&[0xde, 0xad, 0xbe, 0xef], 833_564_499),
        (&[0xff; 7], -71_293_549),
        ("Grüße, 世界".as_bytes(), 946_017_094),
        (&[], 275_646_681),
    ];

    #[test]
    fn keys_map_where_librdkafka_maps_them() {
        let crc = |key: &str, count| Partitioner::Consistent.partition_for_key(Some(key.as_bytes()), count);
        assert_eq!((crc("kafka", 10), crc("user-123", 10)), (Some(9), Some(0)));
        assert_eq!((crc("order-123", 12), crc("giberish123456789", 50)), (Some(1), Some(21)));
        let fnv = |key: &str, count| Partitioner::Fnv1a.partition_for_key(Some(key.as_bytes()), count);
        assert_eq!((fnv("kafka", 10), fnv("user-123", 10)), (Some(5), Some(3)));
        assert_eq!((fnv("order-123", 12), fnv("giberish123456789", 50)), (Some(6), Some(23)));
        for (key, murmur, _) in LIBRDKAFKA {
            let expected = (murmur & 0x7fff_ffff) % 17;
            for partitioner in [Partitioner::Murmur2, Partitioner::Murmur2Random] {
                assert_eq!(partitioner.partition_for_key(Some(key.as_bytes()), 17), Some(expected as i32), "{key}");
            }
        }
    }

    #[test]
    fn missing_and_empty_keys() {
        use Partitioner::*;
        for partitioner in [Consistent, Murmur2, Fnv1a] {
            let empty = partitioner.partition_for_key(Some(b""), 17);
            assert!(empty.is_some());
            assert_eq!(partitioner.partition_for_key(None, 17), empty);
            assert!(!partitioner.is_sticky(None));
        }
        assert_eq!(Consistent.partition_for_key(None, 17), Some(0));
        for partitioner in [ConsistentRandom, Murmur2Random, Fnv1aRandom, Random] {
            assert_eq!(partitioner.partition_for_key(None, 17), None);
            assert!(partitioner.is_sticky(None));
        }
        assert_eq!(ConsistentRandom.partition_for_key(Some(b""), 17), None);
        assert!(ConsistentRandom.is_sticky(Some(b"")) && !ConsistentRandom.is_sticky(Some(b"a")));
        assert!(Murmur2Random.partition_for_key(Some(b""), 17).is_some());
        assert!(Fnv1aRandom.partition_for_key(Some(b""), 17).is_some());
        assert_eq!(Random.partition_for_key(Some(b"a"), 17), None);
        assert!(!Random.is_sticky(Some(b"a")));
    }

    #[test]
    fn no_partitions_is_no_panic() {
        for partitioner in Partitioner::ALL {
            for count in [0, -1, i32::MIN] {
                assert_eq!(partitioner.partition_for_key(Some(b"a"), count), None);
            }
            assert_eq!(Partitioner::from_name(partitioner.name()), Some(partitioner));
            if let Some(partition) = partitioner.partition_for_key(Some(b"a"), i32::MAX) {
                assert!(partition >= 0);
            }
        }
        assert_eq!(Partitioner::from_name("murmur3"), None);
        assert_eq!(StickyPartition::new().get_or_choose(&[], 0, &mut || 1), None);
        assert_eq!(random_partition(&[], -1, &mut || 1), None);
    }

    #[test]
    fn a_sticky_partition_stays_until_it_is_replaced() {
        let mut rng = Rng::from_seed(11);
        let mut random = || rng.next_u32();
        let sticky = StickyPartition::new();
        let available = [0, 2, 5, 7];
        let mut seen = [0_u32; 8];
        let mut current = sticky.get_or_choose(&available, 8, &mut random);
        for _ in 0..4000 {
            assert_eq!(sticky.get_or_choose(&available, 8, &mut random), current);
            let next = sticky.replace(current, &available, 8, &mut random);
            assert_ne!(next, current);
            seen[next.unwrap() as usize] += 1;
            current = next;
        }
        for (partition, &count) in seen.iter().enumerate() {
            match available.contains(&(partition as i32)) {
                true => assert!((800..1200).contains(&count), "{seen:?}"),
                false => assert_eq!(count, 0, "{seen:?}"),
            }
        }
    }

    #[test]
    fn a_sticky_partition_is_replaced_once() {
        let mut draws = [0_u32, 0, u32::MAX].into_iter().cycle();
        let mut random = || draws.next().unwrap();
        let sticky = StickyPartition::new();
        assert_eq!(sticky.get_or_choose(&[], 3, &mut random), Some(0));
        assert_eq!(sticky.replace(Some(0), &[], 3, &mut random), Some(1));
        // A second thread saw the same batch fill, and gets what the first has chosen.
        assert_eq!(sticky.replace(Some(0), &[], 3, &mut random), Some(1));
        // Where there is no other partition, the same one comes again; one that no longer exists goes.
        assert_eq!(sticky.replace(Some(1), &[1], 3, &mut random), Some(1));
        assert_eq!(sticky.get_or_choose(&[], 1, &mut random), Some(0));
        assert_eq!(sticky.current(), Some(0));
    }

    #[test]
    fn short_lines_are_likelier_than_long_ones() {
        let mut rng = Rng::from_seed(5);
        let mut random = || rng.next_u32();
        let backlog = |partition: i32| [0, 3, 3, 9][partition as usize];
        let mut seen = [0_u32; 4];
        for _ in 0..10_000 {
            seen[adaptive_partition(&[0, 1, 3], backlog, &mut random).unwrap() as usize] += 1;
        }
        // Weights of 10, 7 and 1.
        assert!((5200..5900).contains(&seen[0]) && (3600..4200).contains(&seen[1]) && seen[2] == 0, "{seen:?}");
        assert!((400..720).contains(&seen[3]), "{seen:?}");
        assert_eq!(adaptive_partition(&[], |_| 0, &mut random), None);
    }
}
