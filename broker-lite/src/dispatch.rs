//! The one table of what is served, and the way from a frame to its handler.

use std::net::IpAddr;

use bytes::Bytes;
use ottla_protocol::{ApiKey, Decode, Reader, Request, Response, Text, frame};

use crate::cluster::Cluster;
use crate::handlers;
use crate::node::Node;

/// A connection and the broker that it leads to.
pub(crate) struct Connection<'a> {
    pub(crate) node: &'a Node,
    pub(crate) id: u64,
    /// The address that the client came to, if it came over a network.
    pub(crate) reached: Option<IpAddr>,
}

/// Who asks whom, and how.
pub(crate) struct RequestContext<'a> {
    pub(crate) cluster: &'a Cluster,
    /// The broker that was asked.
    pub(crate) node: &'a Node,
    pub(crate) api_version: i16,
    reached: Option<IpAddr>,
}

impl RequestContext<'_> {
    /// Where the client is told that a broker is.
    pub(crate) fn endpoint(&self, node: &Node) -> (Text, i32) {
        let (host, port) = node.endpoint(self.reached);
        (host, i32::from(port))
    }
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The frame to send.
    Send(Vec<Bytes>),
    /// The client does not expect a response.
    Silence,
    /// There is nothing that could be said in the protocol: close the connection, for this reason.
    Close(String),
}

/// What a handler answers.
pub(crate) enum Reply<R> {
    Send(R),
    Silence,
    Close(String),
}

impl<R: Response> From<R> for Reply<R> {
    fn from(response: R) -> Self {
        Self::Send(response)
    }
}

macro_rules! serve {
    ($($api:ident $min:literal..=$max:literal $module:ident $($wait:ident)?;)*) => {
        /// The APIs with the versions that are advertised.
        pub(crate) const ADVERTISED: &[(ApiKey, i16, i16)] = &[$((ApiKey::$api, $min, $max),)*];

        async fn handle(context: &RequestContext<'_>, api: ApiKey, correlation_id: i32, mut body: Reader) -> Answer {
            let version = context.api_version;
            match api {
                $(ApiKey::$api => match Decode::decode(&mut body, version) {
                    Ok(request) => finish(version, correlation_id, handlers::$module::handle(context, request)$(.$wait)?.into()),
                    Err(error) => Answer::Close(format!("{api} {version} can't be read: {error}")),
                },)*
                _ => Answer::Close(format!("{api} (API key {}) is not served", api.code())),
            }
        }
    };
}

// JoinGroup and FindCoordinator are served only so far that they say that there is no coordinator. librdkafka looks at them before it
// compresses with LZ4, and silently leaves compression off where they are missing.
serve! {
    Produce 0..=13 produce;
    Fetch 4..=18 fetch await;
    ListOffsets 1..=11 list_offsets;
    Metadata 0..=13 metadata;
    FindCoordinator 0..=6 find_coordinator;
    JoinGroup 0..=9 join_group;
    ApiVersions 0..=4 api_versions;
    CreateTopics 2..=7 create_topics;
    DeleteTopics 1..=6 delete_topics;
    DeleteRecords 0..=2 delete_records;
    InitProducerId 0..=5 init_producer_id;
    OffsetForLeaderEpoch 2..=4 offset_for_leader_epoch;
    DescribeConfigs 1..=4 describe_configs;
    CreatePartitions 0..=3 create_partitions;
    DescribeCluster 0..=2 describe_cluster;
    DescribeTopicPartitions 0..=0 describe_topic_partitions;
}

fn finish<R: Response>(version: i16, correlation_id: i32, reply: Reply<R>) -> Answer {
    match reply {
        Reply::Send(response) => match frame::encode_response(version, correlation_id, &response) {
            Ok(frame) => Answer::Send(frame),
            Err(error) => Answer::Close(format!("the response to {} {version} can't be written: {error}", R::KEY)),
        },
        Reply::Silence => Answer::Silence,
        Reply::Close(reason) => Answer::Close(reason),
    }
}

/// Serves one request.
pub(crate) async fn dispatch(cluster: &Cluster, connection: &Connection<'_>, request: Bytes) -> Answer {
    let mut reader = Reader::new(request);
    let header = match frame::decode_request_header(&mut reader) {
        Ok(header) => header,
        Err(error) => return Answer::Close(format!("a request can't be read: {error}")),
    };
    let Ok(api) = ApiKey::try_from(header.api_key) else {
        return Answer::Close(format!("API key {} is unknown", header.api_key));
    };
    let version = header.api_version;
    let advertised = ADVERTISED.iter().find(|(served, _, _)| *served == api);
    match advertised {
        None => Answer::Close(format!("{api} (API key {}) version {version} is not served", api.code())),
        Some((_, min, max)) if (*min..=*max).contains(&version) && api.schema_versions().contains(&version) => {
            let context = RequestContext { cluster, node: connection.node, api_version: version, reached: connection.reached };
            handle(&context, api, header.correlation_id, reader).await
        }
        // A client that is newer than the broker starts over with what this tells it (KIP-511).
        Some(_) if api == ApiKey::ApiVersions => finish::<<ottla_protocol::messages::ApiVersionsRequest as Request>::Response>(
            0,
            header.correlation_id,
            handlers::api_versions::unsupported_version().into(),
        ),
        Some((_, min, max)) => {
            Answer::Close(format!("{api} (API key {}) version {version} is not served, {min} to {max} are", api.code()))
        }
    }
}
