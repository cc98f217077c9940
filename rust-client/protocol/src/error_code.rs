//! What brokers answer with: Kafka's error codes.

use std::fmt;

/// Where Java's exception for the code stands in its hierarchy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Final,
    /// A RetriableException.
    Retriable,
    /// An InvalidMetadataException, which is a RetriableException as well.
    InvalidMetadata,
}

macro_rules! error_codes {
    ($($variant:ident = $code:literal, $name:literal, $kind:ident, $message:literal;)*) => {
        /// An error code in a response.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(
                #[doc = concat!($name, " (", $code, "): ", $message, ".")]
                $variant,
            )*
            /// A number that this build has no name for: made by [`ErrorCode::from_code`], and only for such numbers.
            Unknown(i16),
        }

        impl ErrorCode {
            /// All that have a name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The error of this number.
            #[must_use]
            pub const fn from_code(code: i16) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    _ => Self::Unknown(code),
                }
            }

            /// Kafka's number.
            #[must_use]
            pub const fn code(self) -> i16 {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Unknown(code) => code,
                }
            }

            /// Kafka's name, `NOT_LEADER_OR_FOLLOWER` for instance; `UNKNOWN_ERROR_CODE` if there is none.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Unknown(_) => "UNKNOWN_ERROR_CODE",
                }
            }

            /// What it means, in a line.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$variant => $message,)*
                    Self::Unknown(_) => "an error code that this version of the client does not know",
                }
            }

            const fn kind(self) -> Kind {
                match self {
                    $(Self::$variant => Kind::$kind,)*
                    Self::Unknown(_) => Kind::Final,
                }
            }
        }
    };
}

// The names and kinds are those of org.apache.kafka.common.protocol.Errors in kafka-clients 4.3.1; the texts are ours.
error_codes! {
    UnknownServerError = -1, "UNKNOWN_SERVER_ERROR", Final, "the broker met an error it has no code for";
    None = 0, "NONE", Final, "no error";
    OffsetOutOfRange = 1, "OFFSET_OUT_OF_RANGE", Final, "the offset lies outside of what the partition holds";
    CorruptMessage = 2, "CORRUPT_MESSAGE", Retriable, "the message is corrupt: wrong checksum, wrong size, or no key on a compacted topic";
    UnknownTopicOrPartition = 3, "UNKNOWN_TOPIC_OR_PARTITION", InvalidMetadata, "this broker has no such topic or partition";
    InvalidFetchSize = 4, "INVALID_FETCH_SIZE", Final, "the fetch size is invalid";
    LeaderNotAvailable = 5, "LEADER_NOT_AVAILABLE", InvalidMetadata, "the partition has no leader at the moment: an election is under way";
    NotLeaderOrFollower = 6, "NOT_LEADER_OR_FOLLOWER", InvalidMetadata, "this broker is not the partition's leader, or not one of its replicas";
    RequestTimedOut = 7, "REQUEST_TIMED_OUT", Retriable, "the request timed out";
    BrokerNotAvailable = 8, "BROKER_NOT_AVAILABLE", Final, "the broker is not available";
    ReplicaNotAvailable = 9, "REPLICA_NOT_AVAILABLE", InvalidMetadata, "the replica is not available";
    MessageTooLarge = 10, "MESSAGE_TOO_LARGE", Final, "the message is larger than the broker or the topic accepts";
    StaleControllerEpoch = 11, "STALE_CONTROLLER_EPOCH", Final, "the controller has moved to another broker";
    OffsetMetadataTooLarge = 12, "OFFSET_METADATA_TOO_LARGE", Final, "the metadata of the committed offset is too large";
    NetworkException = 13, "NETWORK_EXCEPTION", InvalidMetadata, "the connection was lost before the response came";
    CoordinatorLoadInProgress = 14, "COORDINATOR_LOAD_IN_PROGRESS", Retriable, "the coordinator is still loading its state";
    CoordinatorNotAvailable = 15, "COORDINATOR_NOT_AVAILABLE", Retriable, "there is no coordinator at the moment";
    NotCoordinator = 16, "NOT_COORDINATOR", Retriable, "this broker is not the coordinator asked for";
    InvalidTopicException = 17, "INVALID_TOPIC_EXCEPTION", Final, "the topic's name is invalid, or the topic may not be used so";
    RecordListTooLarge = 18, "RECORD_LIST_TOO_LARGE", Final, "the record batch is larger than a segment on the broker";
    NotEnoughReplicas = 19, "NOT_ENOUGH_REPLICAS", Retriable, "fewer replicas are in sync than min.insync.replicas asks for; nothing was written";
    NotEnoughReplicasAfterAppend = 20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", Retriable, "the record was written, but to fewer in-sync replicas than min.insync.replicas asks for";
    InvalidRequiredAcks = 21, "INVALID_REQUIRED_ACKS", Final, "acks must be -1, 0 or 1";
    IllegalGeneration = 22, "ILLEGAL_GENERATION", Final, "the group has moved on to another generation";
    InconsistentGroupProtocol = 23, "INCONSISTENT_GROUP_PROTOCOL", Final, "the member's group protocols do not fit those of the group";
    InvalidGroupId = 24, "INVALID_GROUP_ID", Final, "the group id is invalid";
    UnknownMemberId = 25, "UNKNOWN_MEMBER_ID", Final, "the coordinator does not know this member";
    InvalidSessionTimeout = 26, "INVALID_SESSION_TIMEOUT", Final, "the session timeout is outside of what the broker allows";
    RebalanceInProgress = 27, "REBALANCE_IN_PROGRESS", Final, "the group is rebalancing: join again";
    InvalidCommitOffsetSize = 28, "INVALID_COMMIT_OFFSET_SIZE", Final, "the offset commit is too large";
    TopicAuthorizationFailed = 29, "TOPIC_AUTHORIZATION_FAILED", Final, "not authorized for the topic";
    GroupAuthorizationFailed = 30, "GROUP_AUTHORIZATION_FAILED", Final, "not authorized for the group";
    ClusterAuthorizationFailed = 31, "CLUSTER_AUTHORIZATION_FAILED", Final, "not authorized for the cluster";
    InvalidTimestamp = 32, "INVALID_TIMESTAMP", Final, "the record's timestamp is outside of what the topic accepts";
    UnsupportedSaslMechanism = 33, "UNSUPPORTED_SASL_MECHANISM", Final, "the broker does not offer this SASL mechanism";
    IllegalSaslState = 34, "ILLEGAL_SASL_STATE", Final, "the request does not fit the state of the SASL handshake";
    UnsupportedVersion = 35, "UNSUPPORTED_VERSION", Final, "the broker does not serve this version of the API";
    TopicAlreadyExists = 36, "TOPIC_ALREADY_EXISTS", Final, "the topic exists already";
    InvalidPartitions = 37, "INVALID_PARTITIONS", Final, "the number of partitions is invalid";
    InvalidReplicationFactor = 38, "INVALID_REPLICATION_FACTOR", Final, "the replication factor is below 1 or above the number of brokers";
    InvalidReplicaAssignment = 39, "INVALID_REPLICA_ASSIGNMENT", Final, "the replica assignment is invalid";
    InvalidConfig = 40, "INVALID_CONFIG", Final, "the configuration is invalid";
    NotController = 41, "NOT_CONTROLLER", Retriable, "this broker is not the controller";
    InvalidRequest = 42, "INVALID_REQUEST", Final, "the broker takes the request for malformed or nonsensical; its log may say why";
    UnsupportedForMessageFormat = 43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", Final, "the topic's message format does not support the request";
    PolicyViolation = 44, "POLICY_VIOLATION", Final, "a policy of the cluster forbids the request";
    OutOfOrderSequenceNumber = 45, "OUT_OF_ORDER_SEQUENCE_NUMBER", Final, "a batch's sequence number does not follow the last one";
    DuplicateSequenceNumber = 46, "DUPLICATE_SEQUENCE_NUMBER", Final, "a batch with this sequence number is there already";
    InvalidProducerEpoch = 47, "INVALID_PRODUCER_EPOCH", Final, "the producer's epoch is an old one";
    InvalidTxnState = 48, "INVALID_TXN_STATE", Final, "the transaction is in a state that does not allow this";
    InvalidProducerIdMapping = 49, "INVALID_PRODUCER_ID_MAPPING", Final, "the transactional id belongs to another producer id by now";
    InvalidTransactionTimeout = 50, "INVALID_TRANSACTION_TIMEOUT", Final, "the transaction timeout is above what the broker allows";
    ConcurrentTransactions = 51, "CONCURRENT_TRANSACTIONS", Retriable, "another operation on the same transaction is still under way";
    TransactionCoordinatorFenced = 52, "TRANSACTION_COORDINATOR_FENCED", Final, "this transaction coordinator has been replaced";
    TransactionalIdAuthorizationFailed = 53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", Final, "not authorized for the transactional id";
    SecurityDisabled = 54, "SECURITY_DISABLED", Final, "the cluster has no authorizer";
    OperationNotAttempted = 55, "OPERATION_NOT_ATTEMPTED", Final, "the operation was not tried, since another one of the request failed";
    KafkaStorageError = 56, "KAFKA_STORAGE_ERROR", InvalidMetadata, "the broker can't access the log on its disk";
    LogDirNotFound = 57, "LOG_DIR_NOT_FOUND", Final, "the broker has no such log directory";
    SaslAuthenticationFailed = 58, "SASL_AUTHENTICATION_FAILED", Final, "SASL authentication failed";
    UnknownProducerId = 59, "UNKNOWN_PRODUCER_ID", Final, "the broker has no state of this producer id (any more)";
    ReassignmentInProgress = 60, "REASSIGNMENT_IN_PROGRESS", Final, "the partition is being reassigned";
    DelegationTokenAuthDisabled = 61, "DELEGATION_TOKEN_AUTH_DISABLED", Final, "delegation tokens are disabled";
    DelegationTokenNotFound = 62, "DELEGATION_TOKEN_NOT_FOUND", Final, "there is no such delegation token";
    DelegationTokenOwnerMismatch = 63, "DELEGATION_TOKEN_OWNER_MISMATCH", Final, "the principal is neither owner nor renewer of the delegation token";
    DelegationTokenRequestNotAllowed = 64, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", Final, "delegation tokens can't be managed over this kind of connection";
    DelegationTokenAuthorizationFailed = 65, "DELEGATION_TOKEN_AUTHORIZATION_FAILED", Final, "not authorized for the delegation token";
    DelegationTokenExpired = 66, "DELEGATION_TOKEN_EXPIRED", Final, "the delegation token has expired";
    InvalidPrincipalType = 67, "INVALID_PRINCIPAL_TYPE", Final, "the principal's type is not supported";
    NonEmptyGroup = 68, "NON_EMPTY_GROUP", Final, "the group is not empty";
    GroupIdNotFound = 69, "GROUP_ID_NOT_FOUND", Final, "there is no such group";
    FetchSessionIdNotFound = 70, "FETCH_SESSION_ID_NOT_FOUND", Retriable, "the broker has no such fetch session";
    InvalidFetchSessionEpoch = 71, "INVALID_FETCH_SESSION_EPOCH", Retriable, "the fetch session's epoch is not the expected one";
    ListenerNotFound = 72, "LISTENER_NOT_FOUND", InvalidMetadata, "the partition's leader has no listener of the name this request came in on";
    TopicDeletionDisabled = 73, "TOPIC_DELETION_DISABLED", Final, "topics can't be deleted on this cluster";
    FencedLeaderEpoch = 74, "FENCED_LEADER_EPOCH", InvalidMetadata, "the request's leader epoch is older than the broker's";
    UnknownLeaderEpoch = 75, "UNKNOWN_LEADER_EPOCH", Retriable, "the request's leader epoch is newer than the broker's";
    UnsupportedCompressionType = 76, "UNSUPPORTED_COMPRESSION_TYPE", Final, "the partition uses a compression that this version of the request does not support";
    StaleBrokerEpoch = 77, "STALE_BROKER_EPOCH", Final, "the broker has registered anew since";
    OffsetNotAvailable = 78, "OFFSET_NOT_AVAILABLE", Retriable, "the new leader can't guarantee offsets yet";
    MemberIdRequired = 79, "MEMBER_ID_REQUIRED", Final, "join again with the member id given in this response";
    PreferredLeaderNotAvailable = 80, "PREFERRED_LEADER_NOT_AVAILABLE", InvalidMetadata, "the preferred leader is not available";
    GroupMaxSizeReached = 81, "GROUP_MAX_SIZE_REACHED", Final, "the group has as many members as it may have";
    FencedInstanceId = 82, "FENCED_INSTANCE_ID", Final, "another member with the same group.instance.id has taken over";
    EligibleLeadersNotAvailable = 83, "ELIGIBLE_LEADERS_NOT_AVAILABLE", InvalidMetadata, "no replica is eligible as leader";
    ElectionNotNeeded = 84, "ELECTION_NOT_NEEDED", InvalidMetadata, "the partition has the right leader already";
    NoReassignmentInProgress = 85, "NO_REASSIGNMENT_IN_PROGRESS", Final, "no reassignment of the partition is under way";
    GroupSubscribedToTopic = 86, "GROUP_SUBSCRIBED_TO_TOPIC", Final, "the group is subscribed to the topic";
    InvalidRecord = 87, "INVALID_RECORD", Final, "the broker refuses the record";
    UnstableOffsetCommit = 88, "UNSTABLE_OFFSET_COMMIT", Retriable, "an open transaction may still change the offset";
    ThrottlingQuotaExceeded = 89, "THROTTLING_QUOTA_EXCEEDED", Retriable, "the quota is exceeded";
    ProducerFenced = 90, "PRODUCER_FENCED", Final, "a newer producer with the same transactional id has taken over";
    ResourceNotFound = 91, "RESOURCE_NOT_FOUND", Final, "the request names something that does not exist";
    DuplicateResource = 92, "DUPLICATE_RESOURCE", Final, "the request names the same thing twice";
    UnacceptableCredential = 93, "UNACCEPTABLE_CREDENTIAL", Final, "the credential does not meet the requirements";
    InconsistentVoterSet = 94, "INCONSISTENT_VOTER_SET", Final, "sender or receiver does not belong to the voters";
    InvalidUpdateVersion = 95, "INVALID_UPDATE_VERSION", Final, "the update's version is invalid";
    FeatureUpdateFailed = 96, "FEATURE_UPDATE_FAILED", Final, "the features could not be updated";
    PrincipalDeserializationFailure = 97, "PRINCIPAL_DESERIALIZATION_FAILURE", Final, "a broker could not read the principal of a forwarded request";
    SnapshotNotFound = 98, "SNAPSHOT_NOT_FOUND", Final, "there is no such snapshot";
    PositionOutOfRange = 99, "POSITION_OUT_OF_RANGE", Final, "the position lies outside of the snapshot";
    UnknownTopicId = 100, "UNKNOWN_TOPIC_ID", InvalidMetadata, "this broker has no topic of this id";
    DuplicateBrokerRegistration = 101, "DUPLICATE_BROKER_REGISTRATION", Final, "the broker id is in use";
    BrokerIdNotRegistered = 102, "BROKER_ID_NOT_REGISTERED", Final, "the broker id is not registered";
    InconsistentTopicId = 103, "INCONSISTENT_TOPIC_ID", InvalidMetadata, "the topic's id is not the one in the request";
    InconsistentClusterId = 104, "INCONSISTENT_CLUSTER_ID", Final, "the cluster's id is not the one in the request";
    TransactionalIdNotFound = 105, "TRANSACTIONAL_ID_NOT_FOUND", Final, "there is no such transactional id";
    FetchSessionTopicIdError = 106, "FETCH_SESSION_TOPIC_ID_ERROR", Retriable, "the fetch session mixes topic ids and names";
    IneligibleReplica = 107, "INELIGIBLE_REPLICA", Final, "a replica of the new in-sync set is not eligible";
    NewLeaderElected = 108, "NEW_LEADER_ELECTED", Final, "the partition has a new leader since";
    OffsetMovedToTieredStorage = 109, "OFFSET_MOVED_TO_TIERED_STORAGE", Final, "the offset is in tiered storage by now";
    FencedMemberEpoch = 110, "FENCED_MEMBER_EPOCH", Final, "the member's epoch is fenced: it has lost its partitions and must join again";
    UnreleasedInstanceId = 111, "UNRELEASED_INSTANCE_ID", Final, "another member still holds this instance id";
    UnsupportedAssignor = 112, "UNSUPPORTED_ASSIGNOR", Final, "the group has no such assignor";
    StaleMemberEpoch = 113, "STALE_MEMBER_EPOCH", Final, "the member's epoch is stale: try again after the next heartbeat";
    MismatchedEndpointType = 114, "MISMATCHED_ENDPOINT_TYPE", Final, "the endpoint is of another type than the request expects";
    UnsupportedEndpointType = 115, "UNSUPPORTED_ENDPOINT_TYPE", Final, "endpoints of this type are not supported";
    UnknownControllerId = 116, "UNKNOWN_CONTROLLER_ID", Final, "there is no controller of this id";
    UnknownSubscriptionId = 117, "UNKNOWN_SUBSCRIPTION_ID", Final, "the telemetry subscription is unknown or outdated";
    TelemetryTooLarge = 118, "TELEMETRY_TOO_LARGE", Final, "the telemetry is larger than the broker accepts";
    InvalidRegistration = 119, "INVALID_REGISTRATION", Final, "the controller refuses the broker's registration";
    TransactionAbortable = 120, "TRANSACTION_ABORTABLE", Final, "the transaction must be aborted; the producer can go on after that";
    InvalidRecordState = 121, "INVALID_RECORD_STATE", Final, "the record's state does not allow this acknowledgement";
    ShareSessionNotFound = 122, "SHARE_SESSION_NOT_FOUND", Retriable, "there is no such share session";
    InvalidShareSessionEpoch = 123, "INVALID_SHARE_SESSION_EPOCH", Retriable, "the share session's epoch is not the expected one";
    FencedStateEpoch = 124, "FENCED_STATE_EPOCH", Final, "the share group's state epoch is not the expected one";
    InvalidVoterKey = 125, "INVALID_VOTER_KEY", Final, "the voter's key is not the replica's";
    DuplicateVoter = 126, "DUPLICATE_VOTER", Final, "the voter belongs to the voters already";
    VoterNotFound = 127, "VOTER_NOT_FOUND", Final, "the voter does not belong to the voters";
    InvalidRegularExpression = 128, "INVALID_REGULAR_EXPRESSION", Final, "the regular expression is invalid";
    RebootstrapRequired = 129, "REBOOTSTRAP_REQUIRED", Final, "the client's metadata is too old: start again from the bootstrap servers";
    StreamsInvalidTopology = 130, "STREAMS_INVALID_TOPOLOGY", Final, "the topology is invalid";
    StreamsInvalidTopologyEpoch = 131, "STREAMS_INVALID_TOPOLOGY_EPOCH", Final, "the topology's epoch is invalid";
    StreamsTopologyFenced = 132, "STREAMS_TOPOLOGY_FENCED", Final, "the topology's epoch is outdated";
    ShareSessionLimitReached = 133, "SHARE_SESSION_LIMIT_REACHED", Retriable, "the broker has as many share sessions as it may have";
}

impl ErrorCode {
    /// Whether Java's clients take it as retriable.
    #[must_use]
    pub const fn is_retriable(self) -> bool {
        !matches!(self.kind(), Kind::Final)
    }

    /// Whether Java's clients take it as a sign that their metadata is out of date.
    #[must_use]
    pub const fn is_invalid_metadata(self) -> bool {
        matches!(self.kind(), Kind::InvalidMetadata)
    }

    /// Whether this is no error.
    #[must_use]
    pub const fn is_none(self) -> bool {
        matches!(self, Self::None)
    }

    /// `Ok` if this is no error.
    ///
    /// # Errors
    /// Itself otherwise.
    pub const fn into_result(self) -> Result<(), Self> {
        if self.is_none() { Ok(()) } else { Err(self) }
    }
}

impl From<i16> for ErrorCode {
    fn from(code: i16) -> Self {
        Self::from_code(code)
    }
}

impl From<ErrorCode> for i16 {
    fn from(error: ErrorCode) -> Self {
        error.code()
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name(), self.code(), self.message())
    }
}

impl std::error::Error for ErrorCode {}
