//! Random values go out and come back the same; cut or altered bytes never panic.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};

use super::{decoded, encoded, random};
use crate::arbitrary::{Arbitrary, Random};
use crate::messages::*;
use crate::{ApiKey, Decode, Encode, Reader, Request};

trait Message: Encode + Decode + Default + Debug + PartialEq + Arbitrary {}

impl<T: Encode + Decode + Default + Debug + PartialEq + Arbitrary> Message for T {}

fn round_trip<T: Message>(random: &mut Random, version: i16) {
    for _ in 0..8 {
        let message = T::arbitrary(random, version);
        let bytes = encoded(&message, version).unwrap_or_else(|e| panic!("version {version}: {e}: {message:?}"));
        assert_eq!(decoded::<T>(&bytes, version), message, "version {version}");
    }
    let bytes = encoded(&T::default(), version).expect("the default has a form in each version");
    assert_eq!(decoded::<T>(&bytes, version), T::default(), "version {version}");
}

fn cut_and_altered<T: Message>(random: &mut Random, version: i16) {
    let bytes = encoded(&T::arbitrary(random, version), version).expect("encodes");
    for len in 0..bytes.len() {
        let cut = T::decode(&mut Reader::new(bytes.slice(..len)), version);
        assert!(cut.is_err(), "version {version} decodes without its last {} bytes", bytes.len() - len);
    }
    for _ in 0..64 {
        let mut altered = BytesMut::from(bytes.as_ref());
        for _ in 0..=random.below(3) {
            let place = random.below(altered.len());
            if let Some(byte) = altered.get_mut(place) {
                *byte = if random.flip() { 0xff } else { random.bits() as u8 };
            }
        }
        // It may well be valid; it must come to an end without a panic, and if it is, it can be written again.
        if let Ok(message) = T::decode(&mut Reader::new(altered.freeze()), version) {
            let _ = encoded(&message, version);
        }
        let noise: Bytes = (0..random.below(64)).map(|_| random.bits() as u8).collect();
        let _ = T::decode(&mut Reader::new(noise), version);
    }
}

fn unknown_versions<T: Message>(low: i16, high: i16) {
    for version in [low - 1, high + 1, i16::MIN, i16::MAX] {
        assert!(encoded(&T::default(), version).is_err());
        assert!(T::decode(&mut Reader::new(Bytes::from_static(&[0; 64])), version).is_err());
    }
}

/// Calls `$check` for each root struct in each of its versions.
macro_rules! check_all {
    ($($name:ident = $key:literal, $versions:expr, $flexible:expr, $stable:literal, $request:ident, $response:ident;)*) => {
        #[test]
        fn every_message_of_every_version_round_trips() {
            let mut random = random();
            $(
                for version in $versions {
                    round_trip::<$request>(&mut random, version);
                    round_trip::<$response>(&mut random, version);
                }
            )*
        }

        #[test]
        fn cut_or_altered_bytes_are_an_error_and_no_panic() {
            let mut random = random();
            $(
                for version in $versions {
                    cut_and_altered::<$request>(&mut random, version);
                    cut_and_altered::<$response>(&mut random, version);
                }
            )*
        }

        #[test]
        fn versions_outside_of_the_schema_are_refused() {
            $(
                unknown_versions::<$request>(*$versions.start(), *$versions.end());
                unknown_versions::<$response>(*$versions.start(), *$versions.end());
            )*
        }

        #[test]
        fn the_table_agrees_with_the_structs() {
            $(
                assert_eq!(<$request as Request>::KEY, ApiKey::$name);
                assert_eq!(<<$request as Request>::Response as crate::Response>::KEY, ApiKey::$name);
                let versions = <$request as Request>::MIN_VERSION..=<$request as Request>::MAX_VERSION;
                assert_eq!(ApiKey::$name.schema_versions(), versions);
                assert_eq!(ApiKey::try_from($key), Ok(ApiKey::$name));
            )*
            assert_eq!(ApiKey::ALL.len(), 77);
        }
    };
}

crate::for_each_api!(check_all);

#[test]
fn headers_round_trip() {
    let mut random = random();
    for version in 1..=2 {
        round_trip::<RequestHeader>(&mut random, version);
    }
    for version in 0..=1 {
        round_trip::<ResponseHeader>(&mut random, version);
    }
}
