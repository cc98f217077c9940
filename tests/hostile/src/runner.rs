//! Runs inputs at targets, and says of a failure how to see it again.

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bytes::Bytes;
use ottla_protocol::arbitrary::Random;

use crate::{batches, codecs, frames, messages, seed};

/// One input.
#[derive(Clone, Debug)]
pub struct Input {
    /// What the decoder reads.
    pub bytes: Bytes,
    /// Which of the target's decoders reads it.
    pub decoder: usize,
    /// To how many bytes it may inflate something.
    pub limit: usize,
    /// Whether checksums are looked at.
    pub check_crc: bool,
}

impl Input {
    /// Bytes for one of the decoders.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>, decoder: usize) -> Self {
        Self { bytes: bytes.into(), decoder, limit: 0, check_crc: false }
    }
}

/// A decoder, or several of a kind.
pub trait Target: Sync {
    /// The name, for a failure's message.
    fn name(&self) -> &'static str;

    /// The input of this number.
    fn input(&self, number: u64, random: &mut Random) -> Input;

    /// Decodes it, and does with what came of it what its users do. Asserts that the memory is within the documented bound, and
    /// says how much of that it was, between 0 and 1.
    fn feed(&self, input: &Input) -> f64;

    /// Which decoder it is, and how it is called.
    fn describe(&self, input: &Input) -> String;
}

/// All decoders.
#[must_use]
pub fn all_targets() -> Vec<Box<dyn Target>> {
    vec![Box::new(messages::Messages::new()), Box::new(batches::Batches), Box::new(codecs::Codecs), Box::new(frames::Frames)]
}

/// Feeds the inputs of these numbers to a target, and says how much of the memory that they may take they took at most.
///
/// # Panics
/// If the decoder did, or took more memory than it may. What replays it is printed before.
pub fn run(target: &dyn Target, seed: u64, numbers: impl IntoIterator<Item = u64>) -> f64 {
    let mut most = 0.0_f64;
    for number in numbers {
        let mut random = seed::random(seed, number);
        let input = target.input(number, &mut random);
        match catch_unwind(AssertUnwindSafe(|| target.feed(&input))) {
            Ok(part) => most = most.max(part),
            Err(panic) => {
                eprintln!("{}: {}", target.name(), target.describe(&input));
                eprintln!("input, {} bytes: {}", input.bytes.len(), hex(&input.bytes));
                eprintln!("to repeat it alone: OTTLA_SEED={seed} OTTLA_HOSTILE_FIRST={number} OTTLA_HOSTILE_INPUTS=1");
                resume_unwind(panic);
            }
        }
    }
    most
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
