//! The keys of tests/conformance/partitions, and where the reference clients put them. reference.py tells the rule.

use std::io;
use std::path::Path;

const KEYS: u32 = 10_000;

/// All keys, in the order of the files.
pub(crate) fn all() -> Vec<Vec<u8>> {
    (0..KEYS).map(key).collect()
}

fn key(number: u32) -> Vec<u8> {
    if number == 0 {
        return Vec::new();
    }
    let mut state = number.wrapping_mul(2_654_435_761);
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..=number % 40).map(next).collect()
}

/// The partition of each key by this partitioner.
pub(crate) fn partitions(folder: &Path, partitioner: &str) -> io::Result<Vec<i32>> {
    let text = std::fs::read_to_string(folder.join("partitions").join(format!("{partitioner}.txt")))?;
    let digits = text.chars().filter(|character| !character.is_whitespace());
    let partitions: Option<Vec<i32>> = digits.map(|digit| digit.to_digit(17)?.try_into().ok()).collect();
    let partitions = partitions.filter(|partitions| partitions.len() == KEYS as usize);
    partitions.ok_or_else(|| io::Error::other(format!("partitions/{partitioner}.txt has not one digit of base 17 for each key")))
}
