//! The one table of what is served, and the way from a frame to its handler.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::{ApiKey, Decode, Reader, Response, Text, frame, messages};

use crate::cluster::Cluster;
use crate::fault::{self, Asked, Ending, Verdict};
use crate::handlers;
use crate::journal::Seen;
use crate::node::Node;

/// A connection and the broker that it leads to.
pub(crate) struct Connection<'a> {
    pub(crate) node: &'a Node,
    pub(crate) id: u64,
    /// The address that the client came to, if it came over a network.
    pub(crate) reached: Option<IpAddr>,
    /// The address that the client came from, if it came over a network.
    pub(crate) peer: Option<IpAddr>,
}

/// Who asks whom, and how.
pub(crate) struct RequestContext<'a> {
    pub(crate) cluster: &'a Cluster,
    /// The broker that was asked.
    pub(crate) node: &'a Node,
    pub(crate) api_version: i16,
    /// What is to go wrong.
    pub(crate) verdict: &'a Verdict,
    asked: &'a Asked<'a>,
    reached: Option<IpAddr>,
    peer: Option<IpAddr>,
}

impl RequestContext<'_> {
    /// Where the client is told that a broker is.
    pub(crate) fn endpoint(&self, node: &Node) -> (Text, i32) {
        let (host, port) = node.endpoint(self.reached);
        (host, i32::from(port))
    }

    /// How the client calls itself.
    pub(crate) fn client_id(&self) -> Text {
        // As Java writes the one that is missing.
        self.asked.client_id.as_ref().map_or(Text::from_static("null"), Text::detach)
    }

    /// Where the client is, as Java writes an address.
    pub(crate) fn client_host(&self) -> Text {
        let peer = self.peer.unwrap_or(IpAddr::from([127, 0, 0, 1]));
        Text::from(format!("/{}", peer.to_canonical()))
    }

    /// Whether the batches of this partition, which are about to go out, get a wrong CRC.
    pub(crate) fn spoils_crc(&self, topic: &Text, partition: i32) -> bool {
        self.cluster.faults.spoils_crc(self.asked, topic, partition)
    }
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The frame to send.
    Send(Vec<Bytes>),
    /// The client does not expect a response.
    Silence,
    /// What is to be sent before the connection is closed.
    SendAndClose(Vec<Bytes>),
    /// Neither an answer nor anything else will ever come.
    SilenceForGood,
    /// The connection is closed on purpose.
    HangUp,
    /// There is nothing that could be said in the protocol: close the connection, for this reason.
    Close(String),
}

/// What becomes of a request, and of its connection behind that.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    /// How long the next request has to wait.
    pub(crate) mute: Duration,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self { answer, mute: Duration::ZERO }
    }
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
    ($($api:ident $min:literal..=$max:literal $module:ident $response:ident $($wait:ident)?;)*) => {
        /// The APIs with the versions that are advertised.
        pub(crate) const ADVERTISED: &[(ApiKey, i16, i16)] = &[$((ApiKey::$api, $min, $max),)*];

        async fn handle(call: Call<'_>) -> Outcome {
            let Call { cluster, connection, asked, version, correlation_id, mut body } = call;
            match asked.api {
                $(ApiKey::$api => match Decode::decode(&mut body, version) {
                    Ok(request) => {
                        let verdict = &cluster.faults.judge(cluster, &asked, &request);
                        if let Some(end) = before(verdict).await {
                            return end.into();
                        }
                        let (node, reached, peer) = (connection.node, connection.reached, connection.peer);
                        let context =
                            &RequestContext { cluster, node, api_version: version, verdict, asked: &asked, reached, peer };
                        let reply = handlers::$module::handle(context, request)$(.$wait)?.into();
                        let answer = finish(version, correlation_id, throttled(reply, verdict));
                        Outcome { answer: after(answer, verdict).await, mute: verdict.mute() }
                    }
                    Err(error) => Answer::Close(format!("{} {version} can't be read: {error}", asked.api)).into(),
                },)*
                api => Answer::Close(format!("{api} (API key {}) is not served", api.code())).into(),
            }
        }

        $(impl Throttled for messages::$response {
            fn set_throttle_time(&mut self, ms: i32) {
                self.throttle_time_ms = ms;
            }
        })*
    };
}

// librdkafka looks at JoinGroup and FindCoordinator from version 0 on before it compresses with LZ4, and silently leaves compression
// off where they are missing.
serve! {
    Produce 0..=13 produce ProduceResponse;
    Fetch 4..=18 fetch FetchResponse await;
    ListOffsets 1..=11 list_offsets ListOffsetsResponse;
    Metadata 0..=13 metadata MetadataResponse;
    FindCoordinator 0..=6 find_coordinator FindCoordinatorResponse;
    OffsetCommit 2..=10 offset_commit OffsetCommitResponse;
    OffsetFetch 1..=10 offset_fetch OffsetFetchResponse;
    JoinGroup 0..=9 join_group JoinGroupResponse await;
    SyncGroup 0..=5 sync_group SyncGroupResponse await;
    Heartbeat 0..=4 heartbeat HeartbeatResponse;
    LeaveGroup 0..=5 leave_group LeaveGroupResponse;
    DescribeGroups 0..=6 describe_groups DescribeGroupsResponse;
    ListGroups 0..=5 list_groups ListGroupsResponse;
    DeleteGroups 0..=2 delete_groups DeleteGroupsResponse;
    OffsetDelete 0..=0 offset_delete OffsetDeleteResponse;
    ConsumerGroupDescribe 0..=1 consumer_group_describe ConsumerGroupDescribeResponse;
    ApiVersions 0..=4 api_versions ApiVersionsResponse;
    CreateTopics 2..=7 create_topics CreateTopicsResponse;
    DeleteTopics 1..=6 delete_topics DeleteTopicsResponse;
    DeleteRecords 0..=2 delete_records DeleteRecordsResponse;
    InitProducerId 0..=5 init_producer_id InitProducerIdResponse;
    OffsetForLeaderEpoch 2..=4 offset_for_leader_epoch OffsetForLeaderEpochResponse;
    DescribeConfigs 1..=4 describe_configs DescribeConfigsResponse;
    CreatePartitions 0..=3 create_partitions CreatePartitionsResponse;
    DescribeCluster 0..=2 describe_cluster DescribeClusterResponse;
    DescribeTopicPartitions 0..=0 describe_topic_partitions DescribeTopicPartitionsResponse;
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

/// A response that says for how long the client is throttled.
trait Throttled {
    fn set_throttle_time(&mut self, ms: i32);
}

fn throttled<R: Throttled>(mut reply: Reply<R>, verdict: &Verdict) -> Reply<R> {
    if let Reply::Send(response) = &mut reply
        && verdict.throttle_ms() > 0
    {
        response.set_throttle_time(verdict.throttle_ms());
    }
    reply
}

/// What happens before a request is applied, and how it ends if it ends there.
async fn before(verdict: &Verdict) -> Option<Answer> {
    verdict.wait_before().await;
    match verdict.ending_before()? {
        Ending::Close { .. } => Some(Answer::HangUp),
        Ending::Silence { .. } => Some(Answer::SilenceForGood),
        Ending::Truncate { .. } => None,
    }
}

/// What happens to the answer.
async fn after(answer: Answer, verdict: &Verdict) -> Answer {
    verdict.wait_after().await;
    match (verdict.ending_after(), answer) {
        (Some(Ending::Close { .. }), _) => Answer::HangUp,
        (Some(Ending::Silence { .. }), _) => Answer::SilenceForGood,
        (Some(Ending::Truncate { keep }), Answer::Send(frame)) => {
            Answer::SendAndClose(fault::truncate(&verdict.corrupt(frame), keep))
        }
        (None, Answer::Send(frame)) => Answer::Send(verdict.corrupt(frame)),
        (_, answer) => answer,
    }
}

/// A request that is served in this version.
struct Call<'a> {
    cluster: &'a Cluster,
    connection: &'a Connection<'a>,
    asked: Asked<'a>,
    version: i16,
    correlation_id: i32,
    body: Reader,
}

/// Serves one request.
pub(crate) async fn dispatch(cluster: &Cluster, connection: &Connection<'_>, request: Bytes) -> Outcome {
    let mut reader = Reader::new(request);
    let header = match frame::decode_request_header(&mut reader) {
        Ok(header) => header,
        Err(error) => return Answer::Close(format!("a request can't be read: {error}")).into(),
    };
    let Ok(api) = ApiKey::try_from(header.api_key) else {
        return Answer::Close(format!("API key {} is unknown", header.api_key)).into();
    };
    if cluster.journal.is_on() {
        cluster.journal.record(
            Seen {
                at_ms: cluster.clock.now_ms(),
                api,
                version: header.api_version,
                correlation_id: header.correlation_id,
                client_id: header.client_id.as_ref().map(ToString::to_string),
                broker: connection.node.id,
                connection: connection.id,
            },
            &reader.rest(),
        );
    }
    let (version, correlation_id) = (header.api_version, header.correlation_id);
    match ADVERTISED.iter().find(|(served, _, _)| *served == api) {
        None => Answer::Close(format!("{api} (API key {}) version {version} is not served", api.code())).into(),
        Some((_, min, max)) if (*min..=*max).contains(&version) && api.schema_versions().contains(&version) => {
            let asked = Asked { api, client_id: header.client_id, node: connection.node, connection: connection.id };
            handle(Call { cluster, connection, asked, version, correlation_id, body: reader }).await
        }
        // A client that is newer than the broker starts over with what this tells it (KIP-511).
        Some(_) if api == ApiKey::ApiVersions => {
            finish::<messages::ApiVersionsResponse>(0, correlation_id, handlers::api_versions::unsupported_version().into())
                .into()
        }
        Some((_, min, max)) => {
            Answer::Close(format!("{api} (API key {}) version {version} is not served, {min} to {max} are", api.code())).into()
        }
    }
}
