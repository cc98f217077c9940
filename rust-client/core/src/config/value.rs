//! The types of properties' values: what is allowed, how it is read, how it is named in an error and in the documentation.

use std::fmt;
use std::time::Duration;

use super::iso_duration;

/// What may be the value of a property.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueType {
    /// A whole number.
    Int {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
        /// Words that stand for numbers.
        words: &'static [(&'static str, i64)],
    },
    /// A number with a fraction.
    Float {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// true or false.
    Bool,
    /// One of these words.
    Enum(&'static [&'static str]),
    /// One of these words, or `by_duration:` and an ISO 8601 duration (KIP-1106).
    OffsetReset(&'static [&'static str]),
    /// Words of these, separated by commas.
    Flags(&'static [&'static str]),
    /// Any text.
    Text,
    /// Texts, separated by commas.
    List,
    /// A list of `host:port`.
    Servers,
    /// Text that is shown nowhere.
    Secret,
    /// Not text at all: a callback, a pointer. A face has a call of its own for it.
    Call,
}

/// A whole number of this range.
pub(super) const fn int(min: i64, max: i64) -> ValueType {
    ValueType::Int { min, max, words: &[] }
}

impl ValueType {
    /// Whether the text is a value of this type; its plain form then (a trimmed number, a word in its own spelling).
    pub fn check(&self, text: &str) -> Result<String, String> {
        match self {
            Self::Int { .. } => self.int(text).map(|number| number.to_string()).ok_or_else(|| self.expected()),
            Self::Float { .. } => self.float(text).map(|number| number.to_string()).ok_or_else(|| self.expected()),
            Self::Bool => self.bool(text).map(|on| on.to_string()).ok_or_else(|| self.expected()),
            Self::Enum(words) => word(words, text).map(str::to_owned).ok_or_else(|| self.expected()),
            Self::OffsetReset(words) => match (word(words, text), by_duration(text)) {
                (Some(word), _) => Ok(word.to_owned()),
                (None, Some((duration, _))) => Ok(format!("{BY_DURATION}{duration}")),
                (None, None) => Err(self.expected()),
            },
            Self::Flags(words) => {
                let flags = text.split(',').map(str::trim).filter(|flag| !flag.is_empty());
                let known: Option<Vec<&str>> = flags.map(|flag| word(words, flag)).collect();
                known.map(|known| known.join(",")).ok_or_else(|| self.expected())
            }
            Self::Servers => HostPort::parse_list(text).map(|_| text.trim().to_owned()),
            Self::List | Self::Text => Ok(text.trim().to_owned()),
            Self::Secret => Ok(text.to_owned()),
            Self::Call => Err(self.expected()),
        }
    }

    /// The number that the text says.
    pub(super) fn int(&self, text: &str) -> Option<i64> {
        let Self::Int { min, max, words } = self else { return None };
        let text = text.trim();
        let word = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, number)| *number);
        word.or_else(|| text.parse().ok()).filter(|number| (*min..=*max).contains(number))
    }

    /// The number that the text says.
    pub(super) fn float(&self, text: &str) -> Option<f64> {
        let Self::Float { min, max } = self else { return None };
        text.trim().parse().ok().filter(|number| (*min..=*max).contains(number))
    }

    /// The yes or no that the text says; librdkafka's spellings.
    pub(super) fn bool(&self, text: &str) -> Option<bool> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Some(true),
            "false" | "f" | "0" => Some(false),
            _ => None,
        }
    }

    /// "is not ...", for an error.
    fn expected(&self) -> String {
        match self {
            Self::Call => "is not set by text: it has a call of its own".to_owned(),
            _ => format!("is not {self}"),
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int { min, max, words } => {
                write!(f, "an integer from {min} to {max}")?;
                words.iter().try_for_each(|(word, number)| write!(f, ", or {word} for {number}"))
            }
            Self::Float { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Bool => f.write_str("true or false"),
            Self::Enum(words) => write!(f, "one of {}", words.join(", ")),
            Self::OffsetReset(words) => {
                write!(f, "one of {}, or {BY_DURATION} and a duration as in PT10M or P1DT12H", words.join(", "))
            }
            Self::Flags(words) => write!(f, "a comma-separated list of {}", words.join(", ")),
            Self::Text => f.write_str("text"),
            Self::List => f.write_str("a comma-separated list"),
            Self::Servers => f.write_str("a comma-separated list of host or host:port"),
            Self::Secret => f.write_str("text that is never shown"),
            Self::Call => f.write_str("set by a call of its own"),
        }
    }
}

/// What stands before the duration.
const BY_DURATION: &str = "by_duration:";

/// The duration of a `by_duration:...`, as it is written and as it is meant.
pub(super) fn by_duration(text: &str) -> Option<(&str, Duration)> {
    let text = text.trim();
    let prefix = text.get(..BY_DURATION.len()).filter(|prefix| prefix.eq_ignore_ascii_case(BY_DURATION))?;
    let duration = text.get(prefix.len()..)?;
    Some((duration, iso_duration::parse(duration)?))
}

/// The word in its own spelling, whatever the case it was written in.
fn word(words: &[&'static str], text: &str) -> Option<&'static str> {
    words.iter().find(|word| word.eq_ignore_ascii_case(text.trim())).copied()
}

/// Kafka's port where none is given.
const DEFAULT_PORT: u16 = 9092;

/// A server's address as the user gave it, not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port; 9092 where none was given.
    pub port: u16,
}

impl HostPort {
    /// `host`, `host:port`, `[ipv6]:port`, with `plaintext://` before it if so wanted. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let address = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("plaintext") => rest,
            Some((scheme, _)) => return Err(format!("names the protocol {scheme}, which does not act yet: only plaintext does")),
            None => text,
        };
        let (host, port) = match address.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((host, "")) => (host, None),
                Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or("?"))),
                None => return Err(format!("has an address without its closing bracket: {text:?}")),
            },
            // More than one colon without brackets is an IPv6 address without a port.
            None if address.matches(':').count() > 1 => (address, None),
            None => match address.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (address, None),
            },
        };
        let port = match port.map(str::parse::<u16>) {
            None => DEFAULT_PORT,
            Some(Ok(port)) if port > 0 => port,
            Some(_) => return Err(format!("has a port that is not a number from 1 to 65535: {text:?}")),
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/') {
            return Err(format!("has an entry that is not host or host:port: {text:?}"));
        }
        Ok(Self { host: host.to_owned(), port })
    }

    /// Servers separated by commas; empty entries are skipped.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        text.split(',').filter(|entry| !entry.trim().is_empty()).map(Self::parse).collect()
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_ranges() {
        let acks = ValueType::Int { min: -1, max: 1000, words: &[("all", -1)] };
        assert_eq!(acks.check(" all "), Ok("-1".to_owned()));
        assert_eq!(acks.check("ALL"), Ok("-1".to_owned()));
        assert_eq!(acks.check("1"), Ok("1".to_owned()));
        assert_eq!(acks.check("-2"), Err("is not an integer from -1 to 1000, or all for -1".to_owned()));
        for wrong in ["", "1.5", "99999999999999999999", "0x10", "one"] {
            assert!(acks.check(wrong).is_err(), "{wrong}");
        }
        let linger = ValueType::Float { min: 0.0, max: 900_000.0 };
        assert_eq!(linger.check("0.5"), Ok("0.5".to_owned()));
        assert_eq!(linger.check("5"), Ok("5".to_owned()));
        for wrong in ["NaN", "inf", "-1", "900001", ""] {
            assert!(linger.check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_may_be_written_in_any_case() {
        let codec = ValueType::Enum(&["none", "gzip"]);
        assert_eq!(codec.check("GZIP"), Ok("gzip".to_owned()));
        assert_eq!(codec.check("brotli"), Err("is not one of none, gzip".to_owned()));
        assert_eq!(ValueType::Bool.check("True"), Ok("true".to_owned()));
        assert_eq!(ValueType::Bool.check("yes"), Err("is not true or false".to_owned()));
        let flags = ValueType::Flags(&["broker", "msg"]);
        assert_eq!(flags.check("msg , broker"), Ok("msg,broker".to_owned()));
        assert!(flags.check("msg,x").is_err());
        assert!(ValueType::Call.check("x").is_err());
        assert_eq!(ValueType::Secret.check(" s p "), Ok(" s p ".to_owned()));
    }

    #[test]
    fn servers() {
        let server = |text: &str| HostPort::parse(text).map(|server| (server.host.clone(), server.port, server.to_string()));
        assert_eq!(server("a"), Ok(("a".to_owned(), 9092, "a:9092".to_owned())));
        assert_eq!(server(" plaintext://a.b:1 "), Ok(("a.b".to_owned(), 1, "a.b:1".to_owned())));
        assert_eq!(server("[::1]:9093"), Ok(("::1".to_owned(), 9093, "[::1]:9093".to_owned())));
        assert_eq!(server("[::1]"), Ok(("::1".to_owned(), 9092, "[::1]:9092".to_owned())));
        assert_eq!(server("fe80::1"), Ok(("fe80::1".to_owned(), 9092, "[fe80::1]:9092".to_owned())));
        for wrong in ["", ":9092", "a:", "a:0", "a:65536", "a:b", "[::1", "[::1]9092", "http://a:80", "a b", "a:9092/path", "a/b"]
        {
            assert!(server(wrong).is_err(), "{wrong}");
        }
        assert_eq!(HostPort::parse_list("a, b:1,,").map(|list| list.len()), Ok(2));
        assert_eq!(HostPort::parse_list(""), Ok(vec![]));
    }
}
