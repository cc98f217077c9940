//! What a consumer says of its topics when it joins. All versions begin as version 0 does, which is all that is read.

use bytes::Buf;

/// The topics; none if the bytes are something else.
pub(super) fn topics(metadata: &[u8]) -> Option<Vec<String>> {
    let mut rest = metadata;
    let _version = rest.try_get_i16().ok()?;
    let count = rest.try_get_i32().ok()?;
    let mut topics = Vec::new();
    for _ in 0..count.max(0) {
        let length = usize::try_from(rest.try_get_i16().ok()?).ok()?;
        let (name, behind) = rest.split_at_checked(length)?;
        topics.push(std::str::from_utf8(name).ok()?.to_owned());
        rest = behind;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_from_every_version_and_from_nothing_else() {
        assert_eq!(topics(b"\0\x03\0\0\0\x02\0\x01a\0\x02bc\0\0\0\0rest"), Some(vec!["a".into(), "bc".into()]));
        assert_eq!(topics(b"\0\0\0\0\0\0\xff\xff\xff\xff"), Some(vec![]));
        // A count that is a lie costs nothing.
        for lie in [
            &b""[..],
            b"\0",
            b"\0\0\x7f\xff\xff\xff",
            b"\0\0\0\0\0\x01\x7f\xffa",
            b"\0\0\0\0\0\x01\xff\xff",
            b"\0\0\0\0\0\x01\0\x01\xff",
        ] {
            assert_eq!(topics(lie), None, "{lie:?}");
        }
    }
}
