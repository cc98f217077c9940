//! Frames: checked by hand, byte for byte.

use bytes::{BufMut, Bytes, BytesMut};

use super::joined;
use crate::frame::{
    RequestHeader, decode_api_versions_response, decode_request_header, decode_response_header, encode_request, encode_response,
    next_frame,
};
use crate::messages::api_versions::ApiVersion;
use crate::messages::produce::{PartitionProduceData, TopicProduceData};
use crate::messages::{
    ApiVersionsRequest, ApiVersionsResponse, HeartbeatRequest, HeartbeatResponse, MetadataRequest, ProduceRequest,
};
use crate::{ApiKey, Decode, DecodeError, EncodeError, ErrorCode, Reader, Records, Text, UnknownTaggedField};

#[test]
fn an_old_style_request() {
    let request = HeartbeatRequest { group_id: "g".into(), generation_id: 7, member_id: "m1".into(), ..Default::default() };
    let frame = joined(encode_request(0, 5, Some(&"me".into()), &request).unwrap());
    let expected = b"\0\0\0\x17\0\x0c\0\0\0\0\0\x05\0\x02me\0\x01g\0\0\0\x07\0\x02m1";
    assert_eq!(frame.as_ref(), expected);
}

#[test]
fn a_flexible_request_has_a_plain_client_id() {
    let request =
        ApiVersionsRequest { client_software_name: "ottla".into(), client_software_version: "1".into(), ..Default::default() };
    let frame = joined(encode_request(3, 1, Some(&"me".into()), &request).unwrap());
    let expected = b"\0\0\0\x16\0\x12\0\x03\0\0\0\x01\0\x02me\0\x06ottla\x021\0";
    assert_eq!(frame.as_ref(), expected);

    let mut received = BytesMut::from(frame.as_ref());
    let mut reader = Reader::new(next_frame(&mut received, 1000).unwrap().unwrap());
    let header = decode_request_header(&mut reader).unwrap();
    let client_id = Some(Text::from("me"));
    assert_eq!(header, RequestHeader { api_key: 18, api_version: 3, correlation_id: 1, client_id });
    assert_eq!(ApiVersionsRequest::decode(&mut reader, header.api_version).unwrap(), request);
}

#[test]
fn a_null_client_id_and_null_topics() {
    let request = MetadataRequest { topics: None, ..Default::default() };
    let frame = joined(encode_request(1, -1, None, &request).unwrap());
    assert_eq!(frame.as_ref(), b"\0\0\0\x0e\0\x03\0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    let null = encode_request(0, -1, None, &request);
    assert_eq!(null, Err(EncodeError::UnexpectedNull { field: "topics", version: 0 }));
}

#[test]
fn record_data_is_linked_into_the_frame() {
    let batch = Bytes::from(vec![7; 4096]);
    let partition = PartitionProduceData { index: 1, records: Some(Records::from(batch.clone())), ..Default::default() };
    let topic = TopicProduceData { name: "t".into(), partition_data: vec![partition], ..Default::default() };
    let request = ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() };
    let parts = encode_request(9, 2, None, &request).unwrap();
    assert!(parts.iter().any(|part| part.as_ptr() == batch.as_ptr() && part.len() == batch.len()), "the batch is not copied");

    let mut received = BytesMut::from(joined(parts).as_ref());
    let frame = next_frame(&mut received, 5000).unwrap().unwrap();
    let mut reader = Reader::new(frame.clone());
    assert_eq!(decode_request_header(&mut reader).unwrap().api_key, ApiKey::Produce.code());
    let back = ProduceRequest::decode(&mut reader, 9).unwrap();
    assert_eq!(back, request);
    let records = back.topic_data[0].partition_data[0].records.as_ref().unwrap().to_bytes();
    assert!(frame.as_ptr_range().contains(&records.as_ptr()), "a slice of the frame");
}

#[test]
fn response_headers_by_version() {
    let response = HeartbeatResponse { throttle_time_ms: 1, error_code: 27, ..Default::default() };
    assert_eq!(joined(encode_response(3, 9, &response).unwrap()).as_ref(), b"\0\0\0\x0a\0\0\0\x09\0\0\0\x01\0\x1b");
    let flexible = joined(encode_response(4, 9, &response).unwrap());
    assert_eq!(flexible.as_ref(), b"\0\0\0\x0c\0\0\0\x09\0\0\0\0\x01\0\x1b\0");
    let mut reader = Reader::new(flexible.slice(4..));
    assert_eq!(decode_response_header(&mut reader, ApiKey::Heartbeat, 4), Ok(9));
    assert_eq!(HeartbeatResponse::decode(&mut reader, 4).unwrap(), response);
}

#[test]
fn api_versions_is_answered_with_an_old_header() {
    let response = ApiVersionsResponse::default();
    // Correlation id, error, an empty compact array, throttle time, no tagged fields.
    let frame = joined(encode_response(3, 9, &response).unwrap());
    assert_eq!(frame.as_ref(), b"\0\0\0\x0c\0\0\0\x09\0\0\x01\0\0\0\0\0");
}

#[test]
fn an_unsupported_api_versions_request_is_answered_in_version_0() {
    let own = ApiVersion { api_key: 18, min_version: 0, max_version: 2, ..Default::default() };
    let code = ErrorCode::UnsupportedVersion.code();
    let response = ApiVersionsResponse { error_code: code, api_keys: vec![own], ..Default::default() };
    for version in [0, 1, 3, 4] {
        // Version 0, and the version asked for, as a broker that does not know better might.
        for answered in [0, version] {
            let frame = joined(encode_response(answered, 1, &response).unwrap());
            let mut reader = Reader::new(frame.slice(4..));
            assert_eq!(decode_response_header(&mut reader, ApiKey::ApiVersions, version), Ok(1));
            assert_eq!(decode_api_versions_response(&mut reader, version).unwrap(), response, "{version} as {answered}");
            assert_eq!(reader.remaining(), 0);
        }
    }
}

#[test]
fn header_of_an_unknown_api_or_version() {
    let mut unknown = Reader::new(Bytes::from_static(b"\x03\xe8\0\0\0\0\0\x01\xff\xff"));
    assert_eq!(decode_request_header(&mut unknown), Err(DecodeError::UnknownApiKey(1000)));
    let mut newer = Reader::new(Bytes::from_static(b"\0\x12\x03\xe8\0\0\0\x01\xff\xff\0"));
    assert_eq!(decode_request_header(&mut newer).map(|header| header.api_version), Ok(1000));
}

#[test]
fn frames_are_split_off_as_they_arrive() {
    let stream = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x01z";
    let mut received = BytesMut::new();
    let mut frames = Vec::new();
    for &byte in stream {
        received.put_u8(byte);
        while let Some(frame) = next_frame(&mut received, 3).unwrap() {
            frames.push(frame);
        }
    }
    assert_eq!(frames, [Bytes::from_static(b"abc"), Bytes::new(), Bytes::from_static(b"z")]);
}

#[test]
fn a_frame_too_large_is_refused_at_its_size() {
    for size in [4_i32, i32::MAX, -1, i32::MIN] {
        let mut received = BytesMut::from(size.to_be_bytes().as_slice());
        let refused = Err(DecodeError::InvalidLength { what: "a frame", length: i64::from(size), remaining: 0 });
        assert_eq!(next_frame(&mut received, 3), refused);
    }
    // "HTTP" as a size, which is what a web server's answer looks like.
    assert!(next_frame(&mut BytesMut::from("HTTP/1.1 400"), 100 << 20).is_err());
    // A large size within the bound reserves nothing.
    let mut received = BytesMut::from((1_i32 << 30).to_be_bytes().as_slice());
    assert_eq!(next_frame(&mut received, usize::MAX), Ok(None));
    assert!(received.capacity() < 100);
}

#[test]
fn an_array_length_alone_reserves_nothing() {
    // A Metadata v1 response that claims 2^31 - 1 brokers, and one that claims as many as there are bytes.
    let claim = Bytes::from_static(b"\x7f\xff\xff\xff\0\0\0\0");
    let error = crate::messages::MetadataResponse::decode(&mut Reader::new(claim), 1).unwrap_err();
    assert_eq!(error, DecodeError::InvalidLength { what: "an array", length: i64::from(i32::MAX), remaining: 4 });
}

#[test]
fn unknown_tagged_fields_are_kept_in_the_order_of_their_numbers() {
    let tags = |numbers: &[u32]| -> Vec<UnknownTaggedField> {
        numbers.iter().map(|&tag| UnknownTaggedField { tag, data: Bytes::from_static(b"x") }).collect()
    };
    let response =
        ApiVersionsResponse { unknown_tagged_fields: tags(&[900, 7]), finalized_features_epoch: 3, ..Default::default() };
    let frame = joined(encode_response(3, 0, &response).unwrap());
    // Three tagged fields: 1 (the epoch, 8 bytes), 7, 900.
    assert_eq!(frame.slice(15..).as_ref(), b"\x03\x01\x08\0\0\0\0\0\0\0\x03\x07\x01x\x84\x07\x01x");
    let back = ApiVersionsResponse::decode(&mut Reader::new(frame.slice(8..)), 3).unwrap();
    assert_eq!(back.unknown_tagged_fields, tags(&[7, 900]));

    let twice = ApiVersionsResponse { unknown_tagged_fields: tags(&[1]), ..response.clone() };
    let error = encode_response(3, 0, &twice).unwrap_err();
    assert_eq!(error, EncodeError::DuplicateTag { message: "ApiVersionsResponse", tag: 1 });
    let error = encode_response(2, 0, &response).unwrap_err();
    assert!(matches!(error, EncodeError::FieldNotInVersion { field: "unknown_tagged_fields", version: 2, .. }), "{error}");
}
