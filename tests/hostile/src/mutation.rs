//! Valid bytes made invalid: the changes that an attacker, or a fault, would make to lengths, counts and contents.

use ottla_protocol::arbitrary::Random;

/// Values that lengths and counts are replaced by.
const EXTREMES: [i32; 12] =
    [-1, -2, i32::MAX, i32::MIN, i32::MAX - 4, 0, 1, 0x7fff, -0x8000, 0x0001_0000, 0x00ff_ffff, 0x4000_0000];

/// Varints at and beyond their ends.
const VARINTS: [&[u8]; 12] = [
    &[0],
    &[1],
    &[2],
    &[0x7f],
    &[0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xfe, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x1f],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
];

/// Random bytes, mostly few.
pub fn noise(random: &mut Random) -> Vec<u8> {
    let len = if random.below(16) == 0 { random.below(4096) } else { random.below(128) };
    (0..len).map(|_| random.bits() as u8).collect()
}

/// Changes `bytes` in one to four ways; `other` is another valid input, of which parts may be spliced in.
pub fn mutate(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=random.below(4) {
        mutate_once(random, bytes, other);
    }
}

fn mutate_once(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.below(bytes.len() + 1);
    match random.below(12) {
        0 => flip_bits(random, bytes),
        1 => bytes.truncate(at),
        2 => bytes.extend(noise(random)),
        3 => overwrite(bytes, at, &EXTREMES[random.below(EXTREMES.len())].to_be_bytes()),
        4 => overwrite(bytes, at, &(EXTREMES[random.below(EXTREMES.len())] as i16).to_be_bytes()),
        5 => overwrite(bytes, at, VARINTS[random.below(VARINTS.len())]),
        6 => insert(bytes, at, VARINTS[random.below(VARINTS.len())]),
        7 => {
            let end = (at + random.below(16)).min(bytes.len());
            bytes.drain(at..end);
        }
        8 => splice(random, bytes, at, other),
        9 => stuff(random, bytes, at),
        10 => {
            // The same again, as a field or an element that comes twice.
            let end = (at + random.below(64)).min(bytes.len());
            let again = bytes[at..end].to_vec();
            insert(bytes, end, &again);
        }
        _ => {
            // A number that is off by a little.
            if let Some(byte) = bytes.get_mut(at) {
                *byte = byte.wrapping_add(random.below(5) as u8).wrapping_sub(2);
            }
        }
    }
}

fn flip_bits(random: &mut Random, bytes: &mut [u8]) {
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << random.below(8);
        }
    }
}

fn overwrite(bytes: &mut Vec<u8>, at: usize, with: &[u8]) {
    let end = (at + with.len()).min(bytes.len());
    bytes.splice(at..end, with.iter().copied());
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    bytes.splice(at..at, what.iter().copied());
}

/// The head of one and the tail of the other.
fn splice(random: &mut Random, bytes: &mut Vec<u8>, at: usize, other: &[u8]) {
    bytes.truncate(at);
    let from = random.below(other.len() + 1);
    bytes.extend_from_slice(&other[from..]);
}

/// A count, and behind it as many elements of the fewest bytes as a kilobyte or more can hold: what takes the most memory for
/// its length. An empty string, array and section of tagged fields are zeros in the old encoding and ones in the compact one.
fn stuff(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let fill = [0, 1, 2, 0xff][random.below(4)];
    let len = 1 << (8 + random.below(7));
    let count = len / [1, 2, 3, 4, 6, 8, 12, 16, 32][random.below(9)];
    bytes.truncate(at);
    if random.flip() {
        bytes.extend_from_slice(&(count as i32).to_be_bytes());
    } else {
        put_varint(bytes, count as u32 + 1);
    }
    bytes.resize(bytes.len() + len, fill);
}

/// Appends an unsigned varint.
pub fn put_varint(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
