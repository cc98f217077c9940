//! What the attributes mean, on structs made for it.

use bytes::Bytes;

use super::{decoded, encoded};
use crate::messages::{FetchRequest, FetchResponse, JoinGroupRequest, ProduceResponse};
use crate::{Decode, DecodeError, EncodeError, Message, Reader, Records, Text, UnknownTaggedField, Uuid};

#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "1-4", flexible = "3+")]
struct Sample {
    #[field(versions = "0+", default = "-1")]
    always: i32,
    #[field(versions = "2+", default = "true")]
    strict: bool,
    #[field(versions = "2-3", ignorable)]
    ignored: i64,
    #[field(versions = "0+", nullable = "2-3")]
    text: Option<Text>,
    #[field(versions = "2+", nullable = "2+", default = "null")]
    inner: Option<Inner>,
    #[field(versions = "3+", tag = 1, tagged = "3+", default = "0x10")]
    tagged: i16,
    #[field(versions = "4+", tag = 0, tagged = "4+")]
    newer: Vec<Inner>,
    unknown_tagged_fields: Vec<UnknownTaggedField>,
}

#[derive(Clone, Debug, PartialEq, Message)]
#[message(versions = "0+", flexible = "3+")]
struct Inner {
    #[field(versions = "0+")]
    id: Uuid,
    #[field(versions = "0+")]
    names: Vec<Text>,
    unknown_tagged_fields: Vec<UnknownTaggedField>,
}

fn bytes(text: &[u8]) -> Bytes {
    Bytes::copy_from_slice(text)
}

#[test]
fn defaults() {
    let sample = Sample::default();
    assert_eq!((sample.always, sample.strict, sample.tagged), (-1, true, 16));
    assert_eq!((sample.text, sample.inner), (Some(Text::default()), None));
    // Kafka's own default of `records` is null; librdkafka does not take that in a Fetch response, so ours is empty.
    assert_eq!(crate::messages::fetch::PartitionData::default().records, Some(Records::new()));
    assert_eq!(FetchRequest::default().max_bytes, i32::MAX);
    assert_eq!(FetchResponse::default().session_id, 0);
    assert_eq!(JoinGroupRequest::default().rebalance_timeout_ms, -1);
    assert!(ProduceResponse::default().node_endpoints.is_empty());
}

#[test]
fn the_form_of_each_version() {
    let mut sample = Sample { always: 1, text: Some("a".into()), ..Default::default() };
    assert_eq!(encoded(&sample, 1).unwrap(), bytes(b"\0\0\0\x01\0\x01a"));
    assert_eq!(encoded(&sample, 2).unwrap(), bytes(b"\0\0\0\x01\x01\0\0\0\0\0\0\0\0\0\x01a\xff"));
    assert_eq!(encoded(&sample, 3).unwrap(), bytes(b"\0\0\0\x01\x01\0\0\0\0\0\0\0\0\x02a\xff\0"));
    sample.tagged = 0;
    assert_eq!(encoded(&sample, 4).unwrap(), bytes(b"\0\0\0\x01\x01\x02a\xff\x01\x01\x02\0\0"));
    sample.inner = Some(Inner::default());
    sample.newer = vec![Inner { names: vec!["x".into()], ..Default::default() }];
    let expected =
        [b"\0\0\0\x01\x01\x02a\x01".as_slice(), &[0; 16], b"\x01\0\x02\x00\x15\x02", &[0; 16], b"\x02\x02x\0\x01\x02\0\0"]
            .concat();
    assert_eq!(encoded(&sample, 4).unwrap(), bytes(&expected));
    assert_eq!(decoded::<Sample>(&bytes(&expected), 4), sample);
}

#[test]
fn a_field_outside_of_its_version() {
    let not_in = |field, version| EncodeError::FieldNotInVersion { message: "Sample", field, version };
    let strict = Sample { strict: false, ..Default::default() };
    assert_eq!(encoded(&strict, 1), Err(not_in("strict", 1)));
    let ignored = Sample { ignored: 5, ..Default::default() };
    assert_eq!(decoded::<Sample>(&encoded(&ignored, 1).unwrap(), 1), Sample::default());
    let tagged = Sample { tagged: 5, ..Default::default() };
    assert_eq!(encoded(&tagged, 2), Err(not_in("tagged", 2)));
    let newer = Sample { newer: vec![Inner::default()], ..Default::default() };
    assert_eq!(encoded(&newer, 3), Err(not_in("newer", 3)));
    assert_eq!(encoded(&Sample::default(), 0), Err(EncodeError::UnsupportedVersion { message: "Sample", version: 0 }));
}

#[test]
fn null_where_the_version_has_none() {
    let null = Sample { text: None, ..Default::default() };
    assert!(encoded(&null, 2).is_ok() && encoded(&null, 3).is_ok());
    for version in [1, 4] {
        assert_eq!(encoded(&null, version), Err(EncodeError::UnexpectedNull { field: "text", version }));
    }
    let decode = |text: &[u8], version| Sample::decode(&mut Reader::new(bytes(text)), version);
    assert_eq!(decode(b"\0\0\0\x01\xff\xff", 1), Err(DecodeError::UnexpectedNull("text")));
    let null_name = [b"\0\0\0\x01\x01\0\0\0\0\0\0\0\0\0\0\x01".as_slice(), &[0; 16], b"\0\0\0\x01\xff\xff"].concat();
    assert!(matches!(decode(&null_name, 2), Err(DecodeError::UnexpectedNull(_))));
}

#[test]
fn a_tagged_field_of_a_later_version_is_unknown_in_this_one() {
    let encoded_3 = bytes(b"\0\0\0\x01\x01\0\0\0\0\0\0\0\0\x02a\xff\x01\x00\x01\x01");
    let sample = decoded::<Sample>(&encoded_3, 3);
    assert_eq!(sample.unknown_tagged_fields, [UnknownTaggedField { tag: 0, data: bytes(b"\x01") }]);
    assert_eq!(encoded(&sample, 3).unwrap(), encoded_3);
}

#[test]
fn tagged_fields_that_lie_about_their_size() {
    let head = b"\0\0\0\x01\x01\x02a\xff".as_slice();
    let decode = |tags: &[u8]| Sample::decode(&mut Reader::new(bytes(&[head, tags].concat())), 4);
    assert!(decode(b"\x01\x01\x02\0\x05").is_ok());
    assert!(matches!(decode(b"\x01\x01\x03\0\x05\0"), Err(DecodeError::Malformed(_))));
    assert!(matches!(decode(b"\x01\x01\x01\0\x05"), Err(DecodeError::UnexpectedEnd { .. })));
    assert!(matches!(decode(b"\x01\x01\x7f\0\x05"), Err(DecodeError::UnexpectedEnd { .. })));
    assert!(matches!(decode(b"\xff\xff\xff\xff\x0f"), Err(DecodeError::InvalidLength { .. })));
}
