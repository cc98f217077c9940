//! Every request and response of every API in every version.

use std::fmt::Debug;

use bytes::Bytes;
use ottla_protocol::arbitrary::{Arbitrary, Random};
use ottla_protocol::messages::*;
use ottla_protocol::{Decode, Encode, EncodeError, Reader, Records, Writer};

use crate::allocator::{held_against, measured};
use crate::mutation::{mutate, noise};
use crate::{Input, Target};

/// What decoding may take for each byte of a message.
///
/// The worst is an array of structs that are short on the wire and long in memory: fields that the version lacks, empty strings
/// and empty arrays. The array grows by doubling, and while it is moved its old half is there too: three times what its elements
/// take.
pub const FACTOR: usize = 400;
/// What decoding may take whatever the length: a short message's one element in each of its arrays.
pub const CONSTANT: usize = 8 << 10;

type Codec = (&'static str, i16, fn(&mut Random, i16) -> Bytes, fn(&Bytes, i16) -> f64);

fn codecs() -> Vec<Codec> {
    let mut all: Vec<Codec> = Vec::new();
    macro_rules! list {
        ($($name:ident = $key:literal, $versions:expr, $flexible:expr, $stable:literal, $request:ident, $response:ident;)*) => {
            $(
                for version in $versions {
                    all.push((stringify!($request), version, valid::<$request>, decode::<$request>));
                    all.push((stringify!($response), version, valid::<$response>, decode::<$response>));
                }
            )*
        };
    }
    ottla_protocol::for_each_api!(list);
    for version in 1..=2 {
        all.push(("RequestHeader", version, valid::<RequestHeader>, decode::<RequestHeader>));
    }
    for version in 0..=1 {
        all.push(("ResponseHeader", version, valid::<ResponseHeader>, decode::<ResponseHeader>));
    }
    all
}

fn valid<T: Arbitrary + Encode>(random: &mut Random, version: i16) -> Bytes {
    encoded(&T::arbitrary(random, version), version).expect("a random value of this version has a form in it")
}

fn encoded<T: Encode>(message: &T, version: i16) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::new();
    message.encode(&mut writer, version)?;
    Ok(writer.finish().into_iter().collect::<Records>().to_bytes())
}

fn decode<T: Decode + Encode + Debug>(bytes: &Bytes, version: i16) -> f64 {
    let (decoded, usage) = measured(|| T::decode(&mut Reader::new(bytes.clone()), version));
    let part = held_against(usage, bytes.len(), bytes.len() * FACTOR + CONSTANT);
    let Ok(message) = decoded else { return part };
    // A tag that comes twice is read, and has no form to be written in.
    let Ok(again) = encoded(&message, version) else { return part };
    let message = T::decode(&mut Reader::new(again.clone()), version).expect("what was written can be read");
    assert_eq!(encoded(&message, version).expect("what was read can be written"), again, "{message:?}");
    part
}

/// The messages' decoders.
#[derive(Debug)]
pub struct Messages {
    codecs: Vec<Codec>,
}

impl Messages {
    /// All of them.
    #[must_use]
    pub fn new() -> Self {
        Self { codecs: codecs() }
    }

    /// How many there are, so that a run can be made long enough to reach each.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.codecs.len() as u64
    }
}

impl Default for Messages {
    fn default() -> Self {
        Self::new()
    }
}

impl Target for Messages {
    fn name(&self) -> &'static str {
        "messages"
    }

    fn input(&self, number: u64, random: &mut Random) -> Input {
        let decoder = (number % self.count()) as usize;
        let (_, version, valid, _) = self.codecs[decoder];
        if random.below(8) == 0 {
            return Input::new(noise(random), decoder);
        }
        let mut bytes = valid(random, version).to_vec();
        // Of the same API, or of any other.
        let (_, version, valid, _) = self.codecs[if random.flip() { decoder } else { random.below(self.codecs.len()) }];
        let other = valid(random, version);
        mutate(random, &mut bytes, &other);
        Input::new(bytes, decoder)
    }

    fn feed(&self, input: &Input) -> f64 {
        let (_, version, _, decode) = self.codecs[input.decoder];
        decode(&input.bytes, version)
    }

    fn describe(&self, input: &Input) -> String {
        let (name, version, _, _) = self.codecs[input.decoder];
        format!("{name} version {version}")
    }
}
