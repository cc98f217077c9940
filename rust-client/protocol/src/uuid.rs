//! Kafka's 16-byte ids, written as URL-safe base64 without padding, as Kafka's own tools print them.

use std::fmt;

/// A topic id, directory id, cluster or member id. All zeros means "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// All zeros: no id.
    pub const ZERO: Self = Self([0; 16]);

    /// Whether this is no id.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits = u128::from_be_bytes(self.0);
        for i in 0..22_u32 {
            // 22 groups of six bits, the last one padded with four zeros.
            let group = if i < 21 { bits >> (122 - 6 * i) } else { bits << 4 } & 63;
            let letter = usize::try_from(group).ok().and_then(|g| ALPHABET.get(g)).copied().unwrap_or(b'?');
            fmt::Write::write_char(f, char::from(letter))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
