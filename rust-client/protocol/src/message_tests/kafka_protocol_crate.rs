//! Byte for byte as the `kafka-protocol` crate, in both directions, wherever it serves a version.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message};

use super::{decoded, encoded, random};
use crate::arbitrary::{Arbitrary, Random};
use crate::messages as ours;
use crate::{Decode, Encode};

/// One random message; answers what is different.
fn disagreement<Ours, Theirs>(random: &mut Random, version: i16) -> Option<String>
where
    Ours: Encode + Decode + Debug + PartialEq + Arbitrary,
    Theirs: Encodable + Decodable + Debug,
{
    let message = Ours::arbitrary(random, version);
    let bytes = encoded(&message, version).expect("encodes");
    let mut unread = bytes.clone();
    let their_message = match Theirs::decode(&mut unread, version) {
        Ok(message) => message,
        Err(error) => return Some(format!("they can't decode {message:?}: {error}")),
    };
    if !unread.is_empty() {
        return Some(format!("they leave {} bytes of {message:?}", unread.len()));
    }
    let mut written = BytesMut::new();
    if let Err(error) = their_message.encode(&mut written, version) {
        return Some(format!("they can't encode {their_message:?}: {error}"));
    }
    let written: Bytes = written.freeze();
    if written != bytes {
        return Some(format!("bytes differ for {message:?}\n  ours   {bytes:02x?}\n  theirs {written:02x?}"));
    }
    assert_eq!(decoded::<Ours>(&written, version), message);
    None
}

fn compare<Ours, Theirs>(random: &mut Random, name: &str, found: &mut Vec<String>)
where
    Ours: Encode + Decode + Debug + PartialEq + Arbitrary,
    Theirs: Encodable + Decodable + Debug + Message,
{
    for version in Theirs::VERSIONS.min..=Theirs::VERSIONS.max {
        if let Some(what) = (0..16).find_map(|_| disagreement::<Ours, Theirs>(random, version)) {
            found.push(format!("{name} {version}: {what}"));
        }
    }
}

macro_rules! compare_all {
    ($($api:ident $request:ident $response:ident;)*) => {
        #[test]
        fn every_message_of_every_version_agrees() {
            let mut random = random();
            let mut found = Vec::new();
            $(
                compare::<ours::$request, theirs::$request>(&mut random, stringify!($request), &mut found);
                compare::<ours::$response, theirs::$response>(&mut random, stringify!($response), &mut found);
            )*
            compare::<ours::RequestHeader, theirs::RequestHeader>(&mut random, "RequestHeader", &mut found);
            compare::<ours::ResponseHeader, theirs::ResponseHeader>(&mut random, "ResponseHeader", &mut found);
            assert!(found.is_empty(), "{} disagreements:\n{}", found.len(), found.join("\n"));
        }

        /// A new API is not left out here by mistake.
        #[test]
        fn every_api_that_they_have_is_compared() {
            let compared = [$(crate::ApiKey::$api),*];
            let missing: Vec<_> = crate::ApiKey::ALL.iter().filter(|key| !compared.contains(key)).collect();
            assert_eq!(missing, [&crate::ApiKey::StreamsGroupHeartbeat, &crate::ApiKey::StreamsGroupDescribe]);
        }
    };
}

compare_all! {
    Produce ProduceRequest ProduceResponse;
    Fetch FetchRequest FetchResponse;
    ListOffsets ListOffsetsRequest ListOffsetsResponse;
    Metadata MetadataRequest MetadataResponse;
    OffsetCommit OffsetCommitRequest OffsetCommitResponse;
    OffsetFetch OffsetFetchRequest OffsetFetchResponse;
    FindCoordinator FindCoordinatorRequest FindCoordinatorResponse;
    JoinGroup JoinGroupRequest JoinGroupResponse;
    Heartbeat HeartbeatRequest HeartbeatResponse;
    LeaveGroup LeaveGroupRequest LeaveGroupResponse;
    SyncGroup SyncGroupRequest SyncGroupResponse;
    DescribeGroups DescribeGroupsRequest DescribeGroupsResponse;
    ListGroups ListGroupsRequest ListGroupsResponse;
    SaslHandshake SaslHandshakeRequest SaslHandshakeResponse;
    ApiVersions ApiVersionsRequest ApiVersionsResponse;
    CreateTopics CreateTopicsRequest CreateTopicsResponse;
    DeleteTopics DeleteTopicsRequest DeleteTopicsResponse;
    DeleteRecords DeleteRecordsRequest DeleteRecordsResponse;
    InitProducerId InitProducerIdRequest InitProducerIdResponse;
    OffsetForLeaderEpoch OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse;
    AddPartitionsToTxn AddPartitionsToTxnRequest AddPartitionsToTxnResponse;
    AddOffsetsToTxn AddOffsetsToTxnRequest AddOffsetsToTxnResponse;
    EndTxn EndTxnRequest EndTxnResponse;
    WriteTxnMarkers WriteTxnMarkersRequest WriteTxnMarkersResponse;
    TxnOffsetCommit TxnOffsetCommitRequest TxnOffsetCommitResponse;
    DescribeAcls DescribeAclsRequest DescribeAclsResponse;
    CreateAcls CreateAclsRequest CreateAclsResponse;
    DeleteAcls DeleteAclsRequest DeleteAclsResponse;
    DescribeConfigs DescribeConfigsRequest DescribeConfigsResponse;
    AlterConfigs AlterConfigsRequest AlterConfigsResponse;
    AlterReplicaLogDirs AlterReplicaLogDirsRequest AlterReplicaLogDirsResponse;
    DescribeLogDirs DescribeLogDirsRequest DescribeLogDirsResponse;
    SaslAuthenticate SaslAuthenticateRequest SaslAuthenticateResponse;
    CreatePartitions CreatePartitionsRequest CreatePartitionsResponse;
    CreateDelegationToken CreateDelegationTokenRequest CreateDelegationTokenResponse;
    RenewDelegationToken RenewDelegationTokenRequest RenewDelegationTokenResponse;
    ExpireDelegationToken ExpireDelegationTokenRequest ExpireDelegationTokenResponse;
    DescribeDelegationToken DescribeDelegationTokenRequest DescribeDelegationTokenResponse;
    DeleteGroups DeleteGroupsRequest DeleteGroupsResponse;
    ElectLeaders ElectLeadersRequest ElectLeadersResponse;
    IncrementalAlterConfigs IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse;
    AlterPartitionReassignments AlterPartitionReassignmentsRequest AlterPartitionReassignmentsResponse;
    ListPartitionReassignments ListPartitionReassignmentsRequest ListPartitionReassignmentsResponse;
    OffsetDelete OffsetDeleteRequest OffsetDeleteResponse;
    DescribeClientQuotas DescribeClientQuotasRequest DescribeClientQuotasResponse;
    AlterClientQuotas AlterClientQuotasRequest AlterClientQuotasResponse;
    DescribeUserScramCredentials DescribeUserScramCredentialsRequest DescribeUserScramCredentialsResponse;
    AlterUserScramCredentials AlterUserScramCredentialsRequest AlterUserScramCredentialsResponse;
    DescribeQuorum DescribeQuorumRequest DescribeQuorumResponse;
    UpdateFeatures UpdateFeaturesRequest UpdateFeaturesResponse;
    DescribeCluster DescribeClusterRequest DescribeClusterResponse;
    DescribeProducers DescribeProducersRequest DescribeProducersResponse;
    UnregisterBroker UnregisterBrokerRequest UnregisterBrokerResponse;
    DescribeTransactions DescribeTransactionsRequest DescribeTransactionsResponse;
    ListTransactions ListTransactionsRequest ListTransactionsResponse;
    ConsumerGroupHeartbeat ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse;
    ConsumerGroupDescribe ConsumerGroupDescribeRequest ConsumerGroupDescribeResponse;
    GetTelemetrySubscriptions GetTelemetrySubscriptionsRequest GetTelemetrySubscriptionsResponse;
    PushTelemetry PushTelemetryRequest PushTelemetryResponse;
    ListConfigResources ListConfigResourcesRequest ListConfigResourcesResponse;
    DescribeTopicPartitions DescribeTopicPartitionsRequest DescribeTopicPartitionsResponse;
    ShareGroupHeartbeat ShareGroupHeartbeatRequest ShareGroupHeartbeatResponse;
    ShareGroupDescribe ShareGroupDescribeRequest ShareGroupDescribeResponse;
    ShareFetch ShareFetchRequest ShareFetchResponse;
    ShareAcknowledge ShareAcknowledgeRequest ShareAcknowledgeResponse;
    AddRaftVoter AddRaftVoterRequest AddRaftVoterResponse;
    RemoveRaftVoter RemoveRaftVoterRequest RemoveRaftVoterResponse;
    InitializeShareGroupState InitializeShareGroupStateRequest InitializeShareGroupStateResponse;
    ReadShareGroupState ReadShareGroupStateRequest ReadShareGroupStateResponse;
    WriteShareGroupState WriteShareGroupStateRequest WriteShareGroupStateResponse;
    DeleteShareGroupState DeleteShareGroupStateRequest DeleteShareGroupStateResponse;
    ReadShareGroupStateSummary ReadShareGroupStateSummaryRequest ReadShareGroupStateSummaryResponse;
    DescribeShareGroupOffsets DescribeShareGroupOffsetsRequest DescribeShareGroupOffsetsResponse;
    AlterShareGroupOffsets AlterShareGroupOffsetsRequest AlterShareGroupOffsetsResponse;
    DeleteShareGroupOffsets DeleteShareGroupOffsetsRequest DeleteShareGroupOffsetsResponse;
}
