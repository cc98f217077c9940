//! Frames: a size, a header, a body. One frame is one request or one response.

use bytes::{Buf, Bytes, BytesMut};

use crate::messages::{self, ApiVersionsResponse, ResponseHeader};
use crate::{ApiKey, Decode, DecodeError, Encode, EncodeError, ErrorCode, Reader, Request, Response, Text, Writer};

/// What a broker reads before it knows what is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// The API's number, which is a known one.
    pub api_key: i16,
    /// The version asked for, which may be an unknown one.
    pub api_version: i16,
    /// The number that the response carries back.
    pub correlation_id: i32,
    /// How the client calls itself.
    pub client_id: Option<Text>,
}

/// The frame of a request, as ranges for a vectored write: record data is linked in, not copied.
///
/// # Errors
/// If the request has no form in this version, or is larger than 2 GiB.
pub fn encode_request<R: Request>(
    version: i16,
    correlation_id: i32,
    client_id: Option<&Text>,
    body: &R,
) -> Result<Vec<Bytes>, EncodeError> {
    let header = messages::RequestHeader {
        request_api_key: R::KEY.code(),
        request_api_version: version,
        correlation_id,
        client_id: client_id.cloned(),
        unknown_tagged_fields: Vec::new(),
    };
    let mut writer = Writer::new();
    writer.write_i32(0);
    header.encode(&mut writer, R::KEY.request_header_version(version))?;
    body.encode(&mut writer, version)?;
    writer.finish_frame()
}

/// The frame of a response, as ranges for a vectored write: record data is linked in, not copied.
///
/// # Errors
/// If the response has no form in this version, or is larger than 2 GiB.
pub fn encode_response<R: Response>(version: i16, correlation_id: i32, body: &R) -> Result<Vec<Bytes>, EncodeError> {
    let header = ResponseHeader { correlation_id, unknown_tagged_fields: Vec::new() };
    let mut writer = Writer::new();
    writer.write_i32(0);
    header.encode(&mut writer, R::KEY.response_header_version(version))?;
    body.encode(&mut writer, version)?;
    writer.finish_frame()
}

/// Reads a request's header; its body follows. The version may be one that nobody serves, since ApiVersions answers to that.
///
/// # Errors
/// If the bytes are malformed or the API is unknown: without it nobody can tell where the header ends.
pub fn decode_request_header(reader: &mut Reader) -> Result<RequestHeader, DecodeError> {
    let mut ahead = reader.clone();
    let (key, version) = (ahead.read_i16()?, ahead.read_i16()?);
    let header_version = ApiKey::try_from(key)?.request_header_version(version);
    let header = messages::RequestHeader::decode(reader, header_version)?;
    Ok(RequestHeader {
        api_key: header.request_api_key,
        api_version: header.request_api_version,
        correlation_id: header.correlation_id,
        client_id: header.client_id,
    })
}

/// Reads a response's header and answers its correlation id; the body follows.
///
/// # Errors
/// If the bytes are malformed.
pub fn decode_response_header(reader: &mut Reader, api_key: ApiKey, version: i16) -> Result<i32, DecodeError> {
    Ok(ResponseHeader::decode(reader, api_key.response_header_version(version))?.correlation_id)
}

/// Reads the body of the response to an ApiVersions request of `version`. A broker that does not serve that version answers
/// UNSUPPORTED_VERSION in version 0 (KIP-511).
///
/// # Errors
/// If the bytes are malformed.
pub fn decode_api_versions_response(reader: &mut Reader, version: i16) -> Result<ApiVersionsResponse, DecodeError> {
    if version > 0 && reader.clone().read_i16()? == ErrorCode::UnsupportedVersion.code() {
        let mut fallback = reader.clone();
        let response = ApiVersionsResponse::decode(&mut fallback, 0);
        if response.is_ok() && fallback.remaining() == 0 {
            *reader = fallback;
            return response;
        }
    }
    ApiVersionsResponse::decode(reader, version)
}

/// Splits the next frame, without its size, off the bytes received so far; `None` until it is whole. Reserves nothing: `received`
/// grows with what arrives, not with what a size claims.
///
/// # Errors
/// If the size is negative or above `max`. There is no way to go on after that but to close the connection.
pub fn next_frame(received: &mut BytesMut, max: usize) -> Result<Option<Bytes>, DecodeError> {
    let Some(size) = received.first_chunk::<4>() else { return Ok(None) };
    let size = i32::from_be_bytes(*size);
    let length = match usize::try_from(size) {
        Ok(length) if length <= max => length,
        _ => {
            let remaining = received.len() - 4;
            return Err(DecodeError::InvalidLength { what: "a frame", length: i64::from(size), remaining });
        }
    };
    if received.len() - 4 < length {
        return Ok(None);
    }
    received.advance(4);
    Ok(Some(received.split_to(length).freeze()))
}
