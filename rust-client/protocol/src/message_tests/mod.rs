//! Every message in every version: against itself, against an independent codec, against Kafka's own.

// Tests fail by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod derive;
mod errors;
mod frames;
mod golden;
mod java;
mod kafka_protocol_crate;
mod round_trip;

use bytes::Bytes;

use crate::arbitrary::Random;
use crate::{Decode, Encode, EncodeError, Reader, Records, Writer};

/// The seed of this run: that in the environment, or another one each time. It is printed, and shown when a test fails.
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a test's seed may come from outside; it is printed")]
fn seed() -> u64 {
    let seed = match std::env::var("OTTLA_TEST_SEED") {
        Ok(seed) => seed.parse().expect("OTTLA_TEST_SEED is a number"),
        Err(_) => std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0),
    };
    println!("to repeat: OTTLA_TEST_SEED={seed}");
    seed
}

fn random() -> Random {
    Random::new(seed())
}

fn joined(parts: Vec<Bytes>) -> Bytes {
    parts.into_iter().collect::<Records>().to_bytes()
}

fn encoded<T: Encode>(message: &T, version: i16) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    message.encode(&mut writer, version)?;
    Ok(joined(writer.finish()))
}

/// Decodes and checks that nothing is left.
fn decoded<T: Decode>(bytes: &Bytes, version: i16) -> T {
    let mut reader = Reader::new(bytes.clone());
    let message = T::decode(&mut reader, version).expect("what was encoded decodes");
    assert_eq!(reader.remaining(), 0, "all bytes belong to the message");
    message
}
