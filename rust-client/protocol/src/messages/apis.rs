//! The table of APIs, for whatever needs a line for each.
//!
//! Written by ottla-protocol-generator from Apache Kafka's schemas, whose descriptions these are (Apache License 2.0).
//! Do not edit: change the generator and run it again.

/// Calls a macro with a line for each API: its name and key, the versions of its schema, the first flexible version (or none), the
/// last stable version, the root structs.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_api {
    ($callback:path) => {
        $callback! {
            Produce = 0, 3..=13, Some(9), 13, ProduceRequest, ProduceResponse;
            Fetch = 1, 4..=18, Some(12), 18, FetchRequest, FetchResponse;
            ListOffsets = 2, 1..=11, Some(6), 11, ListOffsetsRequest, ListOffsetsResponse;
            Metadata = 3, 0..=13, Some(9), 13, MetadataRequest, MetadataResponse;
            OffsetCommit = 8, 2..=10, Some(8), 10, OffsetCommitRequest, OffsetCommitResponse;
            OffsetFetch = 9, 1..=10, Some(6), 10, OffsetFetchRequest, OffsetFetchResponse;
            FindCoordinator = 10, 0..=6, Some(3), 6, FindCoordinatorRequest, FindCoordinatorResponse;
            JoinGroup = 11, 0..=9, Some(6), 9, JoinGroupRequest, JoinGroupResponse;
            Heartbeat = 12, 0..=4, Some(4), 4, HeartbeatRequest, HeartbeatResponse;
            LeaveGroup = 13, 0..=5, Some(4), 5, LeaveGroupRequest, LeaveGroupResponse;
            SyncGroup = 14, 0..=5, Some(4), 5, SyncGroupRequest, SyncGroupResponse;
            DescribeGroups = 15, 0..=6, Some(5), 6, DescribeGroupsRequest, DescribeGroupsResponse;
            ListGroups = 16, 0..=5, Some(3), 5, ListGroupsRequest, ListGroupsResponse;
            SaslHandshake = 17, 0..=1, None, 1, SaslHandshakeRequest, SaslHandshakeResponse;
            ApiVersions = 18, 0..=4, Some(3), 4, ApiVersionsRequest, ApiVersionsResponse;
            CreateTopics = 19, 2..=7, Some(5), 7, CreateTopicsRequest, CreateTopicsResponse;
            DeleteTopics = 20, 1..=6, Some(4), 6, DeleteTopicsRequest, DeleteTopicsResponse;
            DeleteRecords = 21, 0..=2, Some(2), 2, DeleteRecordsRequest, DeleteRecordsResponse;
            InitProducerId = 22, 0..=6, Some(2), 5, InitProducerIdRequest, InitProducerIdResponse;
            OffsetForLeaderEpoch = 23, 2..=4, Some(4), 4, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
            AddPartitionsToTxn = 24, 0..=5, Some(3), 5, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse;
            AddOffsetsToTxn = 25, 0..=4, Some(3), 4, AddOffsetsToTxnRequest, AddOffsetsToTxnResponse;
            EndTxn = 26, 0..=5, Some(3), 5, EndTxnRequest, EndTxnResponse;
            WriteTxnMarkers = 27, 1..=2, Some(1), 2, WriteTxnMarkersRequest, WriteTxnMarkersResponse;
            TxnOffsetCommit = 28, 0..=5, Some(3), 5, TxnOffsetCommitRequest, TxnOffsetCommitResponse;
            DescribeAcls = 29, 1..=3, Some(2), 3, DescribeAclsRequest, DescribeAclsResponse;
            CreateAcls = 30, 1..=3, Some(2), 3, CreateAclsRequest, CreateAclsResponse;
            DeleteAcls = 31, 1..=3, Some(2), 3, DeleteAclsRequest, DeleteAclsResponse;
            DescribeConfigs = 32, 1..=4, Some(4), 4, DescribeConfigsRequest, DescribeConfigsResponse;
            AlterConfigs = 33, 0..=2, Some(2), 2, AlterConfigsRequest, AlterConfigsResponse;
            AlterReplicaLogDirs = 34, 1..=2, Some(2), 2, AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse;
            DescribeLogDirs = 35, 1..=5, Some(2), 5, DescribeLogDirsRequest, DescribeLogDirsResponse;
            SaslAuthenticate = 36, 0..=2, Some(2), 2, SaslAuthenticateRequest, SaslAuthenticateResponse;
            CreatePartitions = 37, 0..=3, Some(2), 3, CreatePartitionsRequest, CreatePartitionsResponse;
            CreateDelegationToken = 38, 1..=3, Some(2), 3, CreateDelegationTokenRequest, CreateDelegationTokenResponse;
            RenewDelegationToken = 39, 1..=2, Some(2), 2, RenewDelegationTokenRequest, RenewDelegationTokenResponse;
            ExpireDelegationToken = 40, 1..=2, Some(2), 2, ExpireDelegationTokenRequest, ExpireDelegationTokenResponse;
            DescribeDelegationToken = 41, 1..=3, Some(2), 3, DescribeDelegationTokenRequest, DescribeDelegationTokenResponse;
            DeleteGroups = 42, 0..=2, Some(2), 2, DeleteGroupsRequest, DeleteGroupsResponse;
            ElectLeaders = 43, 0..=2, Some(2), 2, ElectLeadersRequest, ElectLeadersResponse;
            IncrementalAlterConfigs = 44, 0..=1, Some(1), 1, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse;
            AlterPartitionReassignments = 45, 0..=1, Some(0), 1, AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
            ListPartitionReassignments = 46, 0..=0, Some(0), 0, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse;
            OffsetDelete = 47, 0..=0, None, 0, OffsetDeleteRequest, OffsetDeleteResponse;
            DescribeClientQuotas = 48, 0..=1, Some(1), 1, DescribeClientQuotasRequest, DescribeClientQuotasResponse;
            AlterClientQuotas = 49, 0..=1, Some(1), 1, AlterClientQuotasRequest, AlterClientQuotasResponse;
            DescribeUserScramCredentials = 50, 0..=0, Some(0), 0, DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse;
            AlterUserScramCredentials = 51, 0..=0, Some(0), 0, AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse;
            DescribeQuorum = 55, 0..=2, Some(0), 2, DescribeQuorumRequest, DescribeQuorumResponse;
            UpdateFeatures = 57, 0..=2, Some(0), 2, UpdateFeaturesRequest, UpdateFeaturesResponse;
            DescribeCluster = 60, 0..=2, Some(0), 2, DescribeClusterRequest, DescribeClusterResponse;
            DescribeProducers = 61, 0..=0, Some(0), 0, DescribeProducersRequest, DescribeProducersResponse;
            UnregisterBroker = 64, 0..=0, Some(0), 0, UnregisterBrokerRequest, UnregisterBrokerResponse;
            DescribeTransactions = 65, 0..=0, Some(0), 0, DescribeTransactionsRequest, DescribeTransactionsResponse;
            ListTransactions = 66, 0..=2, Some(0), 2, ListTransactionsRequest, ListTransactionsResponse;
            ConsumerGroupHeartbeat = 68, 0..=1, Some(0), 1, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse;
            ConsumerGroupDescribe = 69, 0..=1, Some(0), 1, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse;
            GetTelemetrySubscriptions = 71, 0..=0, Some(0), 0, GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse;
            PushTelemetry = 72, 0..=0, Some(0), 0, PushTelemetryRequest, PushTelemetryResponse;
            ListConfigResources = 74, 0..=1, Some(0), 1, ListConfigResourcesRequest, ListConfigResourcesResponse;
            DescribeTopicPartitions = 75, 0..=0, Some(0), 0, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse;
            ShareGroupHeartbeat = 76, 1..=1, Some(0), 1, ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse;
            ShareGroupDescribe = 77, 1..=1, Some(0), 1, ShareGroupDescribeRequest, ShareGroupDescribeResponse;
            ShareFetch = 78, 1..=2, Some(0), 2, ShareFetchRequest, ShareFetchResponse;
            ShareAcknowledge = 79, 1..=2, Some(0), 2, ShareAcknowledgeRequest, ShareAcknowledgeResponse;
            AddRaftVoter = 80, 0..=1, Some(0), 1, AddRaftVoterRequest, AddRaftVoterResponse;
            RemoveRaftVoter = 81, 0..=0, Some(0), 0, RemoveRaftVoterRequest, RemoveRaftVoterResponse;
            InitializeShareGroupState = 83, 0..=0, Some(0), 0, InitializeShareGroupStateRequest, InitializeShareGroupStateResponse;
            ReadShareGroupState = 84, 0..=0, Some(0), 0, ReadShareGroupStateRequest, ReadShareGroupStateResponse;
            WriteShareGroupState = 85, 0..=1, Some(0), 1, WriteShareGroupStateRequest, WriteShareGroupStateResponse;
            DeleteShareGroupState = 86, 0..=0, Some(0), 0, DeleteShareGroupStateRequest, DeleteShareGroupStateResponse;
            ReadShareGroupStateSummary = 87, 0..=1, Some(0), 1, ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse;
            StreamsGroupHeartbeat = 88, 0..=0, Some(0), 0, StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse;
            StreamsGroupDescribe = 89, 0..=0, Some(0), 0, StreamsGroupDescribeRequest, StreamsGroupDescribeResponse;
            DescribeShareGroupOffsets = 90, 0..=1, Some(0), 1, DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse;
            AlterShareGroupOffsets = 91, 0..=0, Some(0), 0, AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse;
            DeleteShareGroupOffsets = 92, 0..=0, Some(0), 0, DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse;
        }
    };
}
