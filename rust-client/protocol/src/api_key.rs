//! The APIs, their versions, and what every request and response is.

use std::fmt;
use std::ops::RangeInclusive;

use crate::{Decode, DecodeError, Encode};

/// A message that a client sends.
pub trait Request: Encode + Decode + Default + fmt::Debug {
    /// The API.
    const KEY: ApiKey;
    /// The first version of the schema.
    const MIN_VERSION: i16;
    /// The last version of the schema, which may be unstable: see [`ApiKey::latest_stable_version`].
    const MAX_VERSION: i16;
    /// What comes back.
    type Response: Response;
}

/// A message that a broker answers with.
pub trait Response: Encode + Decode + Default + fmt::Debug {
    /// The API.
    const KEY: ApiKey;
}

macro_rules! define {
    ($($name:ident = $key:literal, $versions:expr, $flexible:expr, $stable:literal, $request:ident, $response:ident;)*) => {
        /// An API that a broker listens to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!("Key ", $key, ": [`", stringify!($request), "`](crate::messages::", stringify!($request), ").")]
                $name = $key,
            )*
        }

        impl ApiKey {
            /// All of them, by their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Kafka's name, `ApiVersions` for instance.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The versions that the schema has. What a broker serves may differ: Kafka advertises Produce from 0.
            #[must_use]
            pub const fn schema_versions(self) -> RangeInclusive<i16> {
                match self {
                    $(Self::$name => $versions,)*
                }
            }

            /// The first version with compact lengths and tagged fields, if there is one.
            #[must_use]
            pub const fn flexible_from(self) -> Option<i16> {
                match self {
                    $(Self::$name => $flexible,)*
                }
            }

            /// The last version that is not marked unstable; brokers do not serve an unstable one unless told to.
            #[must_use]
            pub const fn latest_stable_version(self) -> i16 {
                match self {
                    $(Self::$name => $stable,)*
                }
            }
        }

        impl TryFrom<i16> for ApiKey {
            type Error = DecodeError;

            fn try_from(key: i16) -> Result<Self, DecodeError> {
                match key {
                    $($key => Ok(Self::$name),)*
                    _ => Err(DecodeError::UnknownApiKey(key)),
                }
            }
        }
    };
}

crate::for_each_api!(define);

impl ApiKey {
    /// Kafka's number.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Whether the version has compact lengths and tagged fields.
    #[must_use]
    pub const fn is_flexible(self, version: i16) -> bool {
        match self.flexible_from() {
            Some(from) => version >= from,
            None => false,
        }
    }

    /// The version of the header before a request of this version.
    #[must_use]
    pub const fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// The version of the header before a response of this version. ApiVersions' is always 0: its reader does not know yet what the
    /// broker speaks.
    #[must_use]
    pub const fn response_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) && !matches!(self, Self::ApiVersions) { 1 } else { 0 }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
