//! Durations as ISO 8601 writes them, in the form that Java's `Duration.parse` reads: `PnDTnHnMn.nS`.

use std::time::Duration;

/// The duration that the text says: days, hours, minutes and seconds, in any case, each with a sign of its own if so wanted, the whole
/// with one before it. `None` for anything else, for one below zero, and for one that is longer than anybody's clock.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim().to_ascii_uppercase();
    let (negative, rest) = sign(&text);
    let rest = rest.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        // Nothing behind the T is nothing at all.
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (rest, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let mut nanos: i128 = 0;
    let mut rest = date;
    if let Some(count) = take(&mut rest, 'D') {
        nanos += whole(count)? * 86_400 * NANOS;
    }
    if !rest.is_empty() {
        return None;
    }
    rest = time;
    for (unit, seconds) in [('H', 3600), ('M', 60)] {
        if let Some(count) = take(&mut rest, unit) {
            nanos += whole(count)? * seconds * NANOS;
        }
    }
    if let Some(count) = take(&mut rest, 'S') {
        nanos += fraction(count)?;
    }
    if !rest.is_empty() {
        return None;
    }
    let nanos = u128::try_from(if negative { -nanos } else { nanos }).ok()?;
    let seconds = u64::try_from(nanos / NANOS.unsigned_abs()).ok().filter(|seconds| *seconds <= u64::MAX / 2000)?;
    Some(Duration::new(seconds, u32::try_from(nanos % NANOS.unsigned_abs()).ok()?))
}

const NANOS: i128 = 1_000_000_000;

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// What stands before the unit, if that comes next.
fn take<'a>(rest: &mut &'a str, unit: char) -> Option<&'a str> {
    let (count, behind) = rest.split_once(unit)?;
    *rest = behind;
    Some(count)
}

fn digits(text: &str) -> Option<i128> {
    // Eighteen digits are more years than there were.
    let plain = !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn whole(text: &str) -> Option<i128> {
    let (negative, rest) = sign(text);
    let count = digits(rest)?;
    Some(if negative { -count } else { count })
}

/// Seconds with up to nine places behind a point or a comma, in nanoseconds.
fn fraction(text: &str) -> Option<i128> {
    let (negative, rest) = sign(text);
    let (seconds, places) = rest.split_once(['.', ',']).unwrap_or((rest, ""));
    let nanos = match places {
        "" => 0,
        places if places.len() <= 9 => digits(places)? * 10_i128.pow(9 - u32::try_from(places.len()).ok()?),
        _ => return None,
    };
    let all = digits(seconds)? * NANOS + nanos;
    Some(if negative { -all } else { all })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_java_reads() {
        for (text, seconds, nanos) in [
            ("PT20.345S", 20, 345_000_000),
            ("PT15M", 900, 0),
            ("PT10H", 36_000, 0),
            ("P2D", 172_800, 0),
            ("P2DT3H4M", 172_800 + 3 * 3600 + 240, 0),
            ("PT-6H+400M", 2_400, 0),
            ("-PT-6H+3M", 6 * 3600 - 180, 0),
            ("-PT-0,5S", 0, 500_000_000),
            ("pt1.s", 1, 0),
            (" +P1DT0.000000001S ", 86_400, 1),
            ("PT0S", 0, 0),
        ] {
            assert_eq!(parse(text), Some(Duration::new(seconds, nanos)), "{text}");
        }
    }

    #[test]
    fn what_java_refuses() {
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "1D",
            "P1",
            "P1H",
            "PT1D",
            "P1M",
            "P1Y",
            "P1W",
            "PT1S1M",
            "PT1H1H",
            "PT1.0000000001S",
            "PT.5S",
            "PT1.5M",
            "-PT1S",
            "PT-1S",
            "PT6H-7H",
            "P99999999999999999999D",
            "P999999999999999999D",
            "PT--1S",
            "P D",
            "P1DX",
            "PT1S ß",
            "1000",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
