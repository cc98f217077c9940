//! Why a broker does not start, or does not do what it was told.

use std::{fmt, io};

use ottla_protocol::ErrorCode;

use crate::config::ConfigError;

/// What went wrong in a call to the library.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The listener's address can't be used.
    Bind {
        /// The address as it was given.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The broker's thread or runtime can't be started.
    Runtime(io::Error),
    /// A property is unknown, or has an impossible value.
    Config(ConfigError),
    /// The advertised address is no `HOST:PORT`.
    Advertised(String),
    /// A rule could never do what it says.
    Fault(String),
    /// So many brokers can't run in one process.
    Brokers(usize),
    /// The cluster has no broker with this id.
    NoSuchBroker(i32),
    /// A topic can't be created, or isn't there.
    Topic {
        /// The topic's name.
        name: String,
        /// What a client would be answered.
        code: ErrorCode,
        /// The same in words.
        message: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { address, source } => write!(f, "can't listen on {address}: {source}"),
            Self::Runtime(source) => write!(f, "the broker's thread can't be started: {source}"),
            Self::Config(source) => fmt::Display::fmt(source, f),
            Self::Advertised(address) => write!(f, "the advertised address {address:?} is not HOST:PORT"),
            Self::Fault(why) => f.write_str(why),
            Self::Brokers(number) => write!(f, "a cluster has 1 to 100 brokers, not {number}"),
            Self::NoSuchBroker(id) => write!(f, "there is no broker with the id {id}"),
            Self::Topic { name, code, message } => write!(f, "topic {name}: {message} ({})", code.name()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } | Self::Runtime(source) => Some(source),
            Self::Config(source) => Some(source),
            Self::Advertised(_) | Self::Fault(_) | Self::Brokers(_) | Self::NoSuchBroker(_) | Self::Topic { .. } => None,
        }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
