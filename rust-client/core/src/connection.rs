//! A connection's states, without its socket: the handshake (ApiVersions; SASL will come between it and ready), and the answers
//! that are awaited, in order.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::frame::{decode_api_versions_response, decode_response_header, encode_request};
use ottla_protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use ottla_protocol::{ApiKey, DecodeError, ErrorCode, Reader, Request, Text};

use crate::error::{Error, ErrorKind};
use crate::time::Instant;

/// What a broker serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerApis {
    versions: BTreeMap<i16, (i16, i16)>,
    finalized_features: BTreeMap<Text, i16>,
}

impl BrokerApis {
    fn new(response: ApiVersionsResponse) -> Self {
        Self {
            versions: response.api_keys.into_iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect(),
            finalized_features: response.finalized_features.into_iter().map(|f| (f.name.detach(), f.max_version_level)).collect(),
        }
    }

    /// The newest version of `R` that both sides have, but none above `at_most`.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedVersion`] if there is none.
    pub fn version_of<R: Request>(&self, at_most: Option<i16>) -> Result<i16, Error> {
        let ours = R::KEY.latest_stable_version().min(at_most.unwrap_or(i16::MAX));
        let theirs = self.versions.get(&R::KEY.code()).copied();
        match theirs {
            Some((min, max)) if min.max(R::MIN_VERSION) <= max.min(ours) => Ok(max.min(ours)),
            Some((min, max)) => {
                let what = format!(
                    "the broker serves {} in versions {min} to {max}, this client needs {} to {ours}",
                    R::KEY.name(),
                    R::MIN_VERSION
                );
                Err(Error::new(ErrorKind::UnsupportedVersion, what))
            }
            None => Err(Error::new(ErrorKind::UnsupportedVersion, format!("the broker does not serve {}", R::KEY.name()))),
        }
    }

    /// The level of a finalized feature (KIP-584), 0 where the broker names none.
    #[must_use]
    pub fn finalized_feature(&self, name: &str) -> i16 {
        self.finalized_features.get(name).copied().unwrap_or(0)
    }
}

/// An answer that is awaited.
#[derive(Debug)]
struct Awaited<T> {
    correlation_id: i32,
    api_key: ApiKey,
    version: i16,
    deadline: Instant,
    timeout: Duration,
    token: T,
}

/// What came in.
#[derive(Debug)]
pub enum Received<T> {
    /// The handshake is done: requests may be sent.
    Ready(BrokerApis),
    /// The broker wants the handshake in another version: send this.
    Again(Vec<Bytes>),
    /// The answer to the request that `token` was given for; the reader stands at its body.
    Answer(T, Reader),
}

/// See the module's page. `T` is what the owner wants back with an answer.
#[derive(Debug)]
pub struct ConnectionState<T> {
    client_id: Option<Text>,
    handshake: Option<(i16, Instant)>,
    awaited: VecDeque<Awaited<T>>,
}

/// The correlation id of the handshake; requests count from 1.
const HANDSHAKE_ID: i32 = 0;

impl<T> ConnectionState<T> {
    /// A connection that has just been opened, and the handshake's first frame.
    ///
    /// # Errors
    /// If the client's id is too long for the wire.
    pub fn start(client_id: Option<Text>, deadline: Instant) -> Result<(Self, Vec<Bytes>), Error> {
        let version = ApiKey::ApiVersions.latest_stable_version();
        let frame = handshake(version, client_id.as_ref())?;
        Ok((Self { client_id, handshake: Some((version, deadline)), awaited: VecDeque::new() }, frame))
    }

    /// A request is being sent whose answer is awaited.
    pub fn sent(&mut self, correlation_id: i32, api_key: ApiKey, version: i16, deadline: Instant, timeout: Duration, token: T) {
        self.awaited.push_back(Awaited { correlation_id, api_key, version, deadline, timeout, token });
    }

    /// When the oldest answer is overdue. Answers come in order, so the first is what is waited for.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match (&self.handshake, self.awaited.front()) {
            (Some((_, deadline)), _) => *deadline,
            (None, Some(first)) => first.deadline,
            (None, None) => Instant::FAR_FUTURE,
        }
    }

    /// What to say when the deadline has passed: the connection is then of no use.
    #[must_use]
    pub fn overdue(&self) -> Error {
        match self.awaited.front() {
            Some(first) if self.handshake.is_none() => {
                let what = format!("no answer to {} within {} ms", first.api_key.name(), first.timeout.as_millis());
                Error::new(ErrorKind::Timeout, what).retriable()
            }
            _ => Error::new(
                ErrorKind::Transport,
                "no answer to ApiVersions within socket.connection.setup.timeout.ms: is this a Kafka listener (and not a TLS one)?",
            )
            .retriable(),
        }
    }

    /// In which version the handshake asks, until it is done.
    #[must_use]
    pub fn handshake_version(&self) -> Option<i16> {
        self.handshake.map(|(version, _)| version)
    }

    /// What was given with the request that is awaited longest.
    pub fn oldest(&mut self) -> Option<&mut T> {
        self.awaited.front_mut().map(|awaited| &mut awaited.token)
    }

    /// Takes in a frame.
    ///
    /// # Errors
    /// If it is not what was awaited: the peer can't be trusted any more, and the connection is to be closed.
    pub fn on_frame(&mut self, frame: Bytes) -> Result<Received<T>, Error> {
        let mut reader = Reader::new(frame);
        if let Some((version, deadline)) = self.handshake {
            return self.on_handshake(&mut reader, version, deadline);
        }
        let Some(first) = self.awaited.pop_front() else {
            return Err(Error::new(ErrorKind::Protocol, "the peer answered although nothing was asked"));
        };
        let correlation_id = match decode_response_header(&mut reader, first.api_key, first.version) {
            Ok(id) => id,
            Err(error) => {
                let error = Error::from(error);
                self.awaited.push_front(first);
                return Err(error);
            }
        };
        if correlation_id != first.correlation_id {
            let what = format!(
                "the answer to {} has correlation id {correlation_id}, not {}",
                first.api_key.name(),
                first.correlation_id
            );
            self.awaited.push_front(first);
            return Err(Error::new(ErrorKind::Protocol, what));
        }
        Ok(Received::Answer(first.token, reader))
    }

    fn on_handshake(&mut self, reader: &mut Reader, version: i16, deadline: Instant) -> Result<Received<T>, Error> {
        let response = decode_response_header(reader, ApiKey::ApiVersions, version)
            .and_then(|id| if id == HANDSHAKE_ID { Ok(()) } else { Err(DecodeError::Malformed("a wrong correlation id")) })
            .and_then(|()| decode_api_versions_response(reader, version));
        let response = response.map_err(|error| {
            Error::new(ErrorKind::Protocol, "the peer's answer to ApiVersions is malformed: is this a Kafka broker?")
                .with_source(error)
        })?;
        let code = ErrorCode::from_code(response.error_code);
        if code == ErrorCode::UnsupportedVersion && version > 0 {
            // KIP-511: the broker says in version 0 what it has; some name none, and have version 0.
            let theirs =
                response.api_keys.iter().find(|api| api.api_key == ApiKey::ApiVersions.code()).map_or(0, |api| api.max_version);
            let next = theirs.clamp(0, version - 1);
            self.handshake = Some((next, deadline));
            return Ok(Received::Again(handshake(next, self.client_id.as_ref())?));
        }
        if code != ErrorCode::None {
            return Err(Error::kafka(code, "while asking for the broker's API versions"));
        }
        self.handshake = None;
        Ok(Received::Ready(BrokerApis::new(response)))
    }

    /// All that is awaited, oldest first, when the connection ends.
    pub fn take_awaited(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::take(&mut self.awaited).into_iter().map(|awaited| awaited.token)
    }
}

fn handshake(version: i16, client_id: Option<&Text>) -> Result<Vec<Bytes>, Error> {
    let request = ApiVersionsRequest {
        client_software_name: Text::from_static("ottla"),
        client_software_version: Text::from_static(env!("CARGO_PKG_VERSION")),
        ..ApiVersionsRequest::default()
    };
    Ok(encode_request(version, HANDSHAKE_ID, client_id, &request)?)
}

/// Says what it may be that sent a frame whose size is beyond all bounds.
#[must_use]
pub fn not_kafka(received: &[u8], error: DecodeError) -> Error {
    let what = match received {
        [b'H', b'T', b'T', b'P', ..] => "the peer speaks HTTP: this port is not a Kafka listener",
        [0x15, 0x03, ..] | [0x16, 0x03, ..] => "the peer speaks TLS: this is a TLS listener, and security.protocol is plaintext",
        _ => "the peer sent a frame larger than receive.message.max.bytes: is this a Kafka listener?",
    };
    Error::new(ErrorKind::Protocol, what).with_source(error)
}

#[cfg(test)]
mod tests {
    use ottla_protocol::frame::encode_response;
    use ottla_protocol::messages::api_versions::ApiVersion;
    use ottla_protocol::messages::metadata::MetadataRequest;

    use super::*;

    fn frame(version: i16, id: i32, response: &ApiVersionsResponse) -> Bytes {
        let parts = encode_response(version, id, response).unwrap();
        Bytes::from(parts.concat()).slice(4..)
    }

    fn api(key: ApiKey, min_version: i16, max_version: i16) -> ApiVersion {
        ApiVersion { api_key: key.code(), min_version, max_version, ..ApiVersion::default() }
    }

    #[test]
    fn an_old_broker_is_asked_again_in_its_version() {
        let (mut connection, _) = ConnectionState::<()>::start(None, Instant::FAR_FUTURE).unwrap();
        let refusal = ApiVersionsResponse {
            error_code: ErrorCode::UnsupportedVersion.code(),
            api_keys: vec![api(ApiKey::ApiVersions, 0, 2)],
            ..ApiVersionsResponse::default()
        };
        assert!(matches!(connection.on_frame(frame(0, 0, &refusal)), Ok(Received::Again(_))));
        let answer = ApiVersionsResponse { api_keys: vec![api(ApiKey::Metadata, 0, 9)], ..ApiVersionsResponse::default() };
        let Ok(Received::Ready(apis)) = connection.on_frame(frame(2, 0, &answer)) else { panic!("not ready") };
        assert_eq!(apis.version_of::<MetadataRequest>(None).unwrap(), 9);
        assert_eq!(apis.version_of::<MetadataRequest>(Some(7)).unwrap(), 7);
        assert_eq!(apis.version_of::<ApiVersionsRequest>(None).unwrap_err().kind(), ErrorKind::UnsupportedVersion);
    }

    #[test]
    fn answers_come_in_order_or_the_peer_is_not_trusted() {
        let (mut connection, _) = ConnectionState::start(None, Instant::FAR_FUTURE).unwrap();
        assert!(matches!(connection.on_frame(frame(4, 0, &ApiVersionsResponse::default())), Ok(Received::Ready(_))));
        let wait = Duration::from_secs(1);
        connection.sent(1, ApiKey::ApiVersions, 0, Instant::from_micros(10), wait, "first");
        connection.sent(2, ApiKey::ApiVersions, 0, Instant::from_micros(20), wait, "second");
        assert_eq!(connection.deadline(), Instant::from_micros(10));
        let answer = ApiVersionsResponse::default();
        assert!(matches!(connection.on_frame(frame(0, 1, &answer)), Ok(Received::Answer("first", _))));
        let error = connection.on_frame(frame(0, 7, &answer)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert_eq!(connection.take_awaited().collect::<Vec<_>>(), ["second"]);
    }
}
