//! The zigzag varints of a record, from and into slices.

use crate::DecodeError;

/// The longest varint of 32 bits.
pub(super) const MAX_VARINT: usize = 5;
/// The longest varint of 64 bits.
pub(super) const MAX_VARLONG: usize = 10;

pub(super) const fn zigzag(value: i32) -> u32 {
    (value << 1 ^ value >> 31) as u32
}

pub(super) const fn zigzag_long(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// How many bytes the unsigned varint of `value` takes: a byte for each seven bits begun.
pub(super) const fn size(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros();
    // bits / 7, rounded up, for 1 to 64.
    ((bits * 9 + 64) / 64) as usize
}

/// Splits off an unsigned varint of one or two bytes, as almost all are.
#[inline(always)]
fn take_short(rest: &mut &[u8]) -> Option<u32> {
    match **rest {
        [first, ref after @ ..] if first < 0x80 => {
            *rest = after;
            Some(u32::from(first))
        }
        [first, second, ref after @ ..] if second < 0x80 => {
            *rest = after;
            Some(u32::from(first & 0x7f) | u32::from(second) << 7)
        }
        _ => None,
    }
}

#[cold]
#[inline(never)]
fn take_unsigned(rest: &mut &[u8]) -> Result<u32, DecodeError> {
    let value = take_unsigned_long(rest, MAX_VARINT)?;
    u32::try_from(value).map_err(|_| DecodeError::InvalidVarint)
}

#[cold]
#[inline(never)]
fn take_unsigned_long(rest: &mut &[u8], longest: usize) -> Result<u64, DecodeError> {
    let mut value = 0_u64;
    let mut shift = 0;
    for (i, &byte) in rest.iter().take(longest).enumerate() {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte holds the one bit that is left.
        if shift == 63 && bits > 1 {
            return Err(DecodeError::InvalidVarint);
        }
        value |= bits << shift;
        if byte < 0x80 {
            *rest = rest.get(i + 1..).unwrap_or_default();
            return Ok(value);
        }
        shift += 7;
    }
    if rest.len() < longest {
        Err(DecodeError::UnexpectedEnd { needed: 1, remaining: 0 })
    } else {
        Err(DecodeError::InvalidVarint)
    }
}

/// Splits off a zigzag varint of 32 bits.
#[inline(always)]
pub(super) fn take(rest: &mut &[u8]) -> Result<i32, DecodeError> {
    let raw = match take_short(rest) {
        Some(raw) => raw,
        None => take_unsigned(rest)?,
    };
    Ok((raw >> 1) as i32 ^ -((raw & 1) as i32))
}

/// Splits off a zigzag varint of 64 bits.
#[inline(always)]
pub(super) fn take_long(rest: &mut &[u8]) -> Result<i64, DecodeError> {
    let raw = match take_short(rest) {
        Some(raw) => u64::from(raw),
        None => take_unsigned_long(rest, MAX_VARLONG)?,
    };
    Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

/// Splits off bytes behind their length, -1 being null.
#[inline(always)]
pub(super) fn take_bytes<'a>(rest: &mut &'a [u8], what: &'static str) -> Result<Option<&'a [u8]>, DecodeError> {
    let length = take(rest)?;
    if length == -1 {
        return Ok(None);
    }
    match usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length)) {
        Some((bytes, after)) => {
            *rest = after;
            Ok(Some(bytes))
        }
        None => Err(DecodeError::InvalidLength { what, length: i64::from(length), remaining: rest.len() }),
    }
}

/// A few varints and bytes put together on the stack, so that they go into the batch in one piece.
pub(super) struct Stack {
    bytes: [u8; 32],
    len: usize,
}

#[allow(clippy::indexing_slicing, reason = "the index is masked to the array's size, which compiles to no check at all")]
impl Stack {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; 32], len: 0 }
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes[self.len & 31] = byte;
        self.len += 1;
    }

    #[inline]
    pub(super) fn unsigned(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    #[inline]
    pub(super) fn unsigned_long(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(value: i64) {
        let mut stack = Stack::new();
        stack.unsigned_long(zigzag_long(value));
        assert_eq!(stack.as_slice().len(), size(zigzag_long(value)), "{value}");
        let mut rest = stack.as_slice();
        assert_eq!(take_long(&mut rest), Ok(value));
        assert!(rest.is_empty());
        if let Ok(value) = i32::try_from(value) {
            let mut stack = Stack::new();
            stack.unsigned(zigzag(value));
            assert_eq!(stack.as_slice().len(), size(u64::from(zigzag(value))), "{value}");
            let mut rest = stack.as_slice();
            assert_eq!(take(&mut rest), Ok(value));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn varints_at_every_power_of_two() {
        for shift in 0..64 {
            let value = 1_i64.wrapping_shl(shift);
            for near in [value.wrapping_sub(1), value, value.wrapping_add(1)] {
                round_trip(near);
                round_trip(near.wrapping_neg());
            }
        }
        round_trip(i64::MIN);
        round_trip(i64::MAX);
        round_trip(i64::from(i32::MIN));
        round_trip(i64::from(i32::MAX));
    }

    #[test]
    fn varints_too_long_or_cut_off() {
        assert_eq!(take(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]), Err(DecodeError::InvalidVarint));
        assert_eq!(take(&mut &[0x80, 0x80, 0x80, 0x80, 0x80, 0][..]), Err(DecodeError::InvalidVarint));
        assert_eq!(take(&mut &[0x80, 0x80][..]), Err(DecodeError::UnexpectedEnd { needed: 1, remaining: 0 }));
        assert_eq!(take_long(&mut &[0xff; 11][..]), Err(DecodeError::InvalidVarint));
        let mut eleven_bits = [0x80; 10];
        eleven_bits[9] = 2;
        assert_eq!(take_long(&mut &eleven_bits[..]), Err(DecodeError::InvalidVarint));
        assert!(matches!(take_long(&mut &[][..]), Err(DecodeError::UnexpectedEnd { .. })));
    }
}
