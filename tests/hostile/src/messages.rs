//! Every request and response of every API in every version.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use bytes::Bytes;
use ottla_protocol::arbitrary::{Arbitrary, Footprint, Random};
use ottla_protocol::messages::*;
use ottla_protocol::{ApiKey, Decode, Encode, EncodeError, Reader, Records, Writer};

use crate::allocator::{held_against, measured};
use crate::mutation::{mutate, noise};
use crate::{Input, Target};

/// What decoding may take for each byte of a message: the worst of [`Footprint`]s, which a test computes.
pub const FACTOR: usize = 51;
/// What decoding may take whatever the length: an error, and one element in each of a few bytes' arrays.
pub const CONSTANT: usize = 1 << 10;

type Codec = (&'static str, i16, fn(&mut Random, i16) -> Bytes, fn(&Bytes, i16) -> f64);

/// A root struct, its versions, how to make and how to read one, and its footprint.
type Row = (&'static str, RangeInclusive<i16>, fn(&mut Random, i16) -> Bytes, fn(&Bytes, i16) -> f64, fn(i16) -> f64);

macro_rules! table {
    ($($name:ident = $key:literal, $versions:expr, $flexible:expr, $stable:literal, $request:ident, $response:ident;)*) => {
        /// A table, and no code that fills one: LLVM overflows its stack over a function of that many loops.
        const ROWS: &[Row] = &[
            ("RequestHeader", 1..=2, valid::<RequestHeader>, decode::<RequestHeader>, RequestHeader::footprint),
            ("ResponseHeader", 0..=1, valid::<ResponseHeader>, decode::<ResponseHeader>, ResponseHeader::footprint),
            $(
                (stringify!($request), $versions, valid::<$request>, decode::<$request>, $request::footprint),
                (stringify!($response), $versions, valid::<$response>, decode::<$response>, $response::footprint),
            )*
        ];
    };
}

ottla_protocol::for_each_api!(table);

fn codecs() -> Vec<Codec> {
    let versions = |(name, versions, valid, decode, _): &Row| {
        let (name, valid, decode) = (*name, *valid, *decode);
        versions.clone().map(move |version| (name, version, valid, decode)).collect::<Vec<_>>()
    };
    ROWS.iter().flat_map(versions).collect()
}

/// The message and version that may take most for each byte, and how much.
#[must_use]
pub fn worst() -> (&'static str, i16, f64) {
    let all = ROWS.iter().flat_map(|(name, versions, .., footprint)| versions.clone().map(|v| (*name, v, footprint(v))));
    all.fold(("", 0, 0.0), |worst, one| if one.2 > worst.2 { one } else { worst })
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

    /// A valid request of any API, without its header.
    ///
    /// # Panics
    /// Never: there are requests.
    #[must_use]
    pub fn request(&self, random: &mut Random) -> (ApiKey, i16, Bytes) {
        loop {
            let (name, version, valid, _) = self.codecs[random.below(self.codecs.len())];
            let api = ApiKey::ALL.iter().find(|api| name.strip_suffix("Request") == Some(api.name()));
            if let Some(api) = api {
                return (*api, version, valid(random, version));
            }
        }
    }

    /// The number of the decoder of an API's `Request` or `Response`, if the API has this version.
    #[must_use]
    pub fn decoder(&self, key: i16, kind: &str, version: i16) -> Option<usize> {
        let api = ApiKey::ALL.iter().find(|api| api.code() == key)?.name();
        self.codecs.iter().position(|codec| codec.1 == version && codec.0.strip_prefix(api) == Some(kind))
    }

    /// Each API's request and response in its first and its last version: key, kind, version, a valid one.
    ///
    /// # Panics
    /// Never: what is asked for exists.
    pub fn valid_ones(&self, random: &mut Random) -> Vec<(i16, &'static str, i16, Bytes)> {
        let mut all = Vec::new();
        for (name, versions, valid, ..) in ROWS {
            for kind in ["Request", "Response"] {
                let Some(api) = name.strip_suffix(kind) else { continue };
                let Some(api) = ApiKey::ALL.iter().find(|key| key.name() == api) else { continue };
                all.extend(
                    [*versions.start(), *versions.end()].map(|version| (api.code(), kind, version, valid(random, version))),
                );
            }
        }
        all
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
