//! ApiVersions, versions 0 to 4.

use ottla_protocol::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use ottla_protocol::{ApiKey, ErrorCode};

use crate::dispatch::{ADVERTISED, RequestContext};

pub(crate) fn handle(context: &RequestContext<'_>, request: ApiVersionsRequest) -> ApiVersionsResponse {
    let software_is_named = is_valid(&request.client_software_name) && is_valid(&request.client_software_version);
    if context.api_version >= 3 && !software_is_named {
        return ApiVersionsResponse { error_code: ErrorCode::InvalidRequest.code(), ..Default::default() };
    }
    ApiVersionsResponse { api_keys: advertised(|_| true), ..Default::default() }
}

/// What a client hears that asked in a version of the future, in version 0 of the response (KIP-511).
pub(crate) fn unsupported_version() -> ApiVersionsResponse {
    ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: advertised(|api| api == ApiKey::ApiVersions),
        ..Default::default()
    }
}

fn advertised(wanted: impl Fn(ApiKey) -> bool) -> Vec<ApiVersion> {
    let served = ADVERTISED.iter().filter(|(api, _, _)| wanted(*api));
    served
        .map(|(api, min_version, max_version)| ApiVersion {
            api_key: api.code(),
            min_version: *min_version,
            max_version: *max_version,
            ..Default::default()
        })
        .collect()
}

/// KIP-511: letters, digits, dots and dashes, the last two not at the ends.
fn is_valid(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let outer = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    outer(name.bytes().next()) && outer(name.bytes().last()) && name.bytes().all(inner)
}
