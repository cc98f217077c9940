//! librdkafka's names and texts of all error codes (`rd_kafka_err2name`, `rd_kafka_err2str`), which programs and their logs know.
//!
//! Codes from 0 on are Kafka's own, negative ones are of the client (librdkafka calls them local). Kafka's and Ottla's names differ
//! from librdkafka's here and there (`MESSAGE_TOO_LARGE`, `MSG_SIZE_TOO_LARGE`): a face shows the one that its users know.

/// What librdkafka says of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// The code: `rd_kafka_resp_err_t`.
    pub code: i16,
    /// Its name, `_MSG_TIMED_OUT` for instance: the C constant behind `RD_KAFKA_RESP_ERR_`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

const fn row(code: i16, name: &'static str, text: &'static str) -> Described {
    Described { code, name, text }
}

/// All codes that librdkafka 2.16 knows, in order.
pub const ALL: &[Described] = &[
    row(-200, "_BEGIN", ""),
    row(-199, "_BAD_MSG", "Local: Bad message format"),
    row(-198, "_BAD_COMPRESSION", "Local: Invalid compressed data"),
    row(-197, "_DESTROY", "Local: Broker handle destroyed for termination"),
    row(-196, "_FAIL", "Local: Communication failure with broker"),
    row(-195, "_TRANSPORT", "Local: Broker transport failure"),
    row(-194, "_CRIT_SYS_RESOURCE", "Local: Critical system resource failure"),
    row(-193, "_RESOLVE", "Local: Host resolution failure"),
    row(-192, "_MSG_TIMED_OUT", "Local: Message timed out"),
    row(-191, "_PARTITION_EOF", "Broker: No more messages"),
    row(-190, "_UNKNOWN_PARTITION", "Local: Unknown partition"),
    row(-189, "_FS", "Local: File or filesystem error"),
    row(-188, "_UNKNOWN_TOPIC", "Local: Unknown topic"),
    row(-187, "_ALL_BROKERS_DOWN", "Local: All broker connections are down"),
    row(-186, "_INVALID_ARG", "Local: Invalid argument or configuration"),
    row(-185, "_TIMED_OUT", "Local: Timed out"),
    row(-184, "_QUEUE_FULL", "Local: Queue full"),
    row(-183, "_ISR_INSUFF", "Local: ISR count insufficient"),
    row(-182, "_NODE_UPDATE", "Local: Broker node update"),
    row(-181, "_SSL", "Local: SSL error"),
    row(-180, "_WAIT_COORD", "Local: Waiting for coordinator"),
    row(-179, "_UNKNOWN_GROUP", "Local: Unknown group"),
    row(-178, "_IN_PROGRESS", "Local: Operation in progress"),
    row(-177, "_PREV_IN_PROGRESS", "Local: Previous operation in progress"),
    row(-176, "_EXISTING_SUBSCRIPTION", "Local: Existing subscription"),
    row(-175, "_ASSIGN_PARTITIONS", "Local: Assign partitions"),
    row(-174, "_REVOKE_PARTITIONS", "Local: Revoke partitions"),
    row(-173, "_CONFLICT", "Local: Conflicting use"),
    row(-172, "_STATE", "Local: Erroneous state"),
    row(-171, "_UNKNOWN_PROTOCOL", "Local: Unknown protocol"),
    row(-170, "_NOT_IMPLEMENTED", "Local: Not implemented"),
    row(-169, "_AUTHENTICATION", "Local: Authentication failure"),
    row(-168, "_NO_OFFSET", "Local: No offset stored"),
    row(-167, "_OUTDATED", "Local: Outdated"),
    row(-166, "_TIMED_OUT_QUEUE", "Local: Timed out in queue"),
    row(-165, "_UNSUPPORTED_FEATURE", "Local: Required feature not supported by broker"),
    row(-164, "_WAIT_CACHE", "Local: Awaiting cache update"),
    row(-163, "_INTR", "Local: Operation interrupted"),
    row(-162, "_KEY_SERIALIZATION", "Local: Key serialization error"),
    row(-161, "_VALUE_SERIALIZATION", "Local: Value serialization error"),
    row(-160, "_KEY_DESERIALIZATION", "Local: Key deserialization error"),
    row(-159, "_VALUE_DESERIALIZATION", "Local: Value deserialization error"),
    row(-158, "_PARTIAL", "Local: Partial response"),
    row(-157, "_READ_ONLY", "Local: Read-only object"),
    row(-156, "_NOENT", "Local: No such entry"),
    row(-155, "_UNDERFLOW", "Local: Read underflow"),
    row(-154, "_INVALID_TYPE", "Local: Invalid type"),
    row(-153, "_RETRY", "Local: Retry operation"),
    row(-152, "_PURGE_QUEUE", "Local: Purged in queue"),
    row(-151, "_PURGE_INFLIGHT", "Local: Purged in flight"),
    row(-150, "_FATAL", "Local: Fatal error"),
    row(-149, "_INCONSISTENT", "Local: Inconsistent state"),
    row(-148, "_GAPLESS_GUARANTEE", "Local: Gap-less ordering would not be guaranteed if proceeding"),
    row(-147, "_MAX_POLL_EXCEEDED", "Local: Maximum application poll interval (max.poll.interval.ms) exceeded"),
    row(-146, "_UNKNOWN_BROKER", "Local: Unknown broker"),
    row(-145, "_NOT_CONFIGURED", "Local: Functionality not configured"),
    row(-144, "_FENCED", "Local: This instance has been fenced by a newer instance"),
    row(-143, "_APPLICATION", "Local: Application generated error"),
    row(-142, "_ASSIGNMENT_LOST", "Local: Group partition assignment lost"),
    row(-141, "_NOOP", "Local: No operation performed"),
    row(-140, "_AUTO_OFFSET_RESET", "Local: No offset to automatically reset to"),
    row(-139, "_LOG_TRUNCATION", "Local: Partition log truncation detected"),
    row(-138, "_INVALID_DIFFERENT_RECORD", "Local: an invalid record in the same batch caused the failure of this message too"),
    row(-137, "_DESTROY_BROKER", "Local: Broker handle destroyed without termination"),
    row(-100, "_END", ""),
    row(-1, "UNKNOWN", "Unknown broker error"),
    row(0, "NO_ERROR", "Success"),
    row(1, "OFFSET_OUT_OF_RANGE", "Broker: Offset out of range"),
    row(2, "INVALID_MSG", "Broker: Invalid message"),
    row(3, "UNKNOWN_TOPIC_OR_PART", "Broker: Unknown topic or partition"),
    row(4, "INVALID_MSG_SIZE", "Broker: Invalid message size"),
    row(5, "LEADER_NOT_AVAILABLE", "Broker: Leader not available"),
    row(6, "NOT_LEADER_FOR_PARTITION", "Broker: Not leader for partition"),
    row(7, "REQUEST_TIMED_OUT", "Broker: Request timed out"),
    row(8, "BROKER_NOT_AVAILABLE", "Broker: Broker not available"),
    row(9, "REPLICA_NOT_AVAILABLE", "Broker: Replica not available"),
    row(10, "MSG_SIZE_TOO_LARGE", "Broker: Message size too large"),
    row(11, "STALE_CTRL_EPOCH", "Broker: StaleControllerEpochCode"),
    row(12, "OFFSET_METADATA_TOO_LARGE", "Broker: Offset metadata string too large"),
    row(13, "NETWORK_EXCEPTION", "Broker: Broker disconnected before response received"),
    row(14, "COORDINATOR_LOAD_IN_PROGRESS", "Broker: Coordinator load in progress"),
    row(15, "COORDINATOR_NOT_AVAILABLE", "Broker: Coordinator not available"),
    row(16, "NOT_COORDINATOR", "Broker: Not coordinator"),
    row(17, "TOPIC_EXCEPTION", "Broker: Invalid topic"),
    row(18, "RECORD_LIST_TOO_LARGE", "Broker: Message batch larger than configured server segment size"),
    row(19, "NOT_ENOUGH_REPLICAS", "Broker: Not enough in-sync replicas"),
    row(20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", "Broker: Message(s) written to insufficient number of in-sync replicas"),
    row(21, "INVALID_REQUIRED_ACKS", "Broker: Invalid required acks value"),
    row(22, "ILLEGAL_GENERATION", "Broker: Specified group generation id is not valid"),
    row(23, "INCONSISTENT_GROUP_PROTOCOL", "Broker: Inconsistent group protocol"),
    row(24, "INVALID_GROUP_ID", "Broker: Invalid group.id"),
    row(25, "UNKNOWN_MEMBER_ID", "Broker: Unknown member"),
    row(26, "INVALID_SESSION_TIMEOUT", "Broker: Invalid session timeout"),
    row(27, "REBALANCE_IN_PROGRESS", "Broker: Group rebalance in progress"),
    row(28, "INVALID_COMMIT_OFFSET_SIZE", "Broker: Commit offset data size is not valid"),
    row(29, "TOPIC_AUTHORIZATION_FAILED", "Broker: Topic authorization failed"),
    row(30, "GROUP_AUTHORIZATION_FAILED", "Broker: Group authorization failed"),
    row(31, "CLUSTER_AUTHORIZATION_FAILED", "Broker: Cluster authorization failed"),
    row(32, "INVALID_TIMESTAMP", "Broker: Invalid timestamp"),
    row(33, "UNSUPPORTED_SASL_MECHANISM", "Broker: Unsupported SASL mechanism"),
    row(34, "ILLEGAL_SASL_STATE", "Broker: Request not valid in current SASL state"),
    row(35, "UNSUPPORTED_VERSION", "Broker: API version not supported"),
    row(36, "TOPIC_ALREADY_EXISTS", "Broker: Topic already exists"),
    row(37, "INVALID_PARTITIONS", "Broker: Invalid number of partitions"),
    row(38, "INVALID_REPLICATION_FACTOR", "Broker: Invalid replication factor"),
    row(39, "INVALID_REPLICA_ASSIGNMENT", "Broker: Invalid replica assignment"),
    row(40, "INVALID_CONFIG", "Broker: Configuration is invalid"),
    row(41, "NOT_CONTROLLER", "Broker: Not controller for cluster"),
    row(42, "INVALID_REQUEST", "Broker: Invalid request"),
    row(43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", "Broker: Message format on broker does not support request"),
    row(44, "POLICY_VIOLATION", "Broker: Policy violation"),
    row(45, "OUT_OF_ORDER_SEQUENCE_NUMBER", "Broker: Broker received an out of order sequence number"),
    row(46, "DUPLICATE_SEQUENCE_NUMBER", "Broker: Broker received a duplicate sequence number"),
    row(47, "INVALID_PRODUCER_EPOCH", "Broker: Producer attempted an operation with an old epoch"),
    row(48, "INVALID_TXN_STATE", "Broker: Producer attempted a transactional operation in an invalid state"),
    row(
        49,
        "INVALID_PRODUCER_ID_MAPPING",
        "Broker: Producer attempted to use a producer id which is not currently assigned to its transactional id",
    ),
    row(
        50,
        "INVALID_TRANSACTION_TIMEOUT",
        "Broker: Transaction timeout is larger than the maximum value allowed by the broker's max.transaction.timeout.ms",
    ),
    row(
        51,
        "CONCURRENT_TRANSACTIONS",
        "Broker: Producer attempted to update a transaction while another concurrent operation on the same transaction was ongoing",
    ),
    row(
        52,
        "TRANSACTION_COORDINATOR_FENCED",
        "Broker: Indicates that the transaction coordinator sending a WriteTxnMarker is no longer the current coordinator for a given producer",
    ),
    row(53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "Broker: Transactional Id authorization failed"),
    row(54, "SECURITY_DISABLED", "Broker: Security features are disabled"),
    row(55, "OPERATION_NOT_ATTEMPTED", "Broker: Operation not attempted"),
    row(56, "KAFKA_STORAGE_ERROR", "Broker: Disk error when trying to access log file on disk"),
    row(57, "LOG_DIR_NOT_FOUND", "Broker: The user-specified log directory is not found in the broker config"),
    row(58, "SASL_AUTHENTICATION_FAILED", "Broker: SASL Authentication failed"),
    row(59, "UNKNOWN_PRODUCER_ID", "Broker: Unknown Producer Id"),
    row(60, "REASSIGNMENT_IN_PROGRESS", "Broker: Partition reassignment is in progress"),
    row(61, "DELEGATION_TOKEN_AUTH_DISABLED", "Broker: Delegation Token feature is not enabled"),
    row(62, "DELEGATION_TOKEN_NOT_FOUND", "Broker: Delegation Token is not found on server"),
    row(63, "DELEGATION_TOKEN_OWNER_MISMATCH", "Broker: Specified Principal is not valid Owner/Renewer"),
    row(64, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", "Broker: Delegation Token requests are not allowed on this connection"),
    row(65, "DELEGATION_TOKEN_AUTHORIZATION_FAILED", "Broker: Delegation Token authorization failed"),
    row(66, "DELEGATION_TOKEN_EXPIRED", "Broker: Delegation Token is expired"),
    row(67, "INVALID_PRINCIPAL_TYPE", "Broker: Supplied principalType is not supported"),
    row(68, "NON_EMPTY_GROUP", "Broker: The group is not empty"),
    row(69, "GROUP_ID_NOT_FOUND", "Broker: The group id does not exist"),
    row(70, "FETCH_SESSION_ID_NOT_FOUND", "Broker: The fetch session ID was not found"),
    row(71, "INVALID_FETCH_SESSION_EPOCH", "Broker: The fetch session epoch is invalid"),
    row(72, "LISTENER_NOT_FOUND", "Broker: No matching listener"),
    row(73, "TOPIC_DELETION_DISABLED", "Broker: Topic deletion is disabled"),
    row(74, "FENCED_LEADER_EPOCH", "Broker: Leader epoch is older than broker epoch"),
    row(75, "UNKNOWN_LEADER_EPOCH", "Broker: Leader epoch is newer than broker epoch"),
    row(76, "UNSUPPORTED_COMPRESSION_TYPE", "Broker: Unsupported compression type"),
    row(77, "STALE_BROKER_EPOCH", "Broker: Broker epoch has changed"),
    row(78, "OFFSET_NOT_AVAILABLE", "Broker: Leader high watermark is not caught up"),
    row(79, "MEMBER_ID_REQUIRED", "Broker: Group member needs a valid member ID"),
    row(80, "PREFERRED_LEADER_NOT_AVAILABLE", "Broker: Preferred leader was not available"),
    row(81, "GROUP_MAX_SIZE_REACHED", "Broker: Consumer group has reached maximum size"),
    row(82, "FENCED_INSTANCE_ID", "Broker: Static consumer fenced by other consumer with same group.instance.id"),
    row(83, "ELIGIBLE_LEADERS_NOT_AVAILABLE", "Broker: Eligible partition leaders are not available"),
    row(84, "ELECTION_NOT_NEEDED", "Broker: Leader election not needed for topic partition"),
    row(85, "NO_REASSIGNMENT_IN_PROGRESS", "Broker: No partition reassignment is in progress"),
    row(86, "GROUP_SUBSCRIBED_TO_TOPIC", "Broker: Deleting offsets of a topic while the consumer group is subscribed to it"),
    row(87, "INVALID_RECORD", "Broker: Broker failed to validate record"),
    row(88, "UNSTABLE_OFFSET_COMMIT", "Broker: There are unstable offsets that need to be cleared"),
    row(89, "THROTTLING_QUOTA_EXCEEDED", "Broker: Throttling quota has been exceeded"),
    row(90, "PRODUCER_FENCED", "Broker: There is a newer producer with the same transactionalId which fences the current one"),
    row(91, "RESOURCE_NOT_FOUND", "Broker: Request illegally referred to resource that does not exist"),
    row(92, "DUPLICATE_RESOURCE", "Broker: Request illegally referred to the same resource twice"),
    row(93, "UNACCEPTABLE_CREDENTIAL", "Broker: Requested credential would not meet criteria for acceptability"),
    row(
        94,
        "INCONSISTENT_VOTER_SET",
        "Broker: Indicates that the either the sender or recipient of a voter-only request is not one of the expected voters",
    ),
    row(95, "INVALID_UPDATE_VERSION", "Broker: Invalid update version"),
    row(96, "FEATURE_UPDATE_FAILED", "Broker: Unable to update finalized features due to server error"),
    row(97, "PRINCIPAL_DESERIALIZATION_FAILURE", "Broker: Request principal deserialization failed during forwarding"),
    row(100, "UNKNOWN_TOPIC_ID", "Broker: Unknown topic id"),
    row(103, "INCONSISTENT_TOPIC_ID", "Broker: The log's topic ID did not match the topic ID in the request"),
    row(110, "FENCED_MEMBER_EPOCH", "Broker: The member epoch is fenced by the group coordinator"),
    row(111, "UNRELEASED_INSTANCE_ID", "Broker: The instance ID is still used by another member in the consumer group"),
    row(112, "UNSUPPORTED_ASSIGNOR", "Broker: The assignor or its version range is not supported by the consumer group"),
    row(113, "STALE_MEMBER_EPOCH", "Broker: The member epoch is stale"),
    row(114, "MISMATCHED_ENDPOINT_TYPE", "Broker: The request was sent to an endpoint of the wrong type"),
    row(115, "UNSUPPORTED_ENDPOINT_TYPE", "Broker: This endpoint type is not supported yet"),
    row(116, "UNKNOWN_CONTROLLER_ID", "Broker: This controller ID is not known"),
    row(
        117,
        "UNKNOWN_SUBSCRIPTION_ID",
        "Broker: Client sent a push telemetry request with an invalid or outdated subscription ID",
    ),
    row(
        118,
        "TELEMETRY_TOO_LARGE",
        "Broker: Client sent a push telemetry request larger than the maximum size the broker will accept",
    ),
    row(119, "INVALID_REGISTRATION", "Broker: The controller has considered the broker registration to be invalid"),
    row(120, "TRANSACTION_ABORTABLE", "Broker: The server encountered an error with the transaction"),
    row(121, "INVALID_RECORD_STATE", "Broker: The record state is invalid"),
    row(122, "SHARE_SESSION_NOT_FOUND", "Broker: The share session was not found"),
    row(123, "INVALID_SHARE_SESSION_EPOCH", "Broker: The share session epoch is invalid"),
    row(124, "FENCED_STATE_EPOCH", "Broker: The share-group state epoch did not match"),
    row(125, "INVALID_VOTER_KEY", "Broker: The voter key doesn't match the receiving replica's key"),
    row(126, "DUPLICATE_VOTER", "Broker: The voter is already part of the set of voters"),
    row(127, "VOTER_NOT_FOUND", "Broker: The voter is not part of the set of voters"),
    row(128, "INVALID_REGULAR_EXPRESSION", "Broker: The regular expression is not valid"),
    row(129, "REBOOTSTRAP_REQUIRED", "Broker: Client metadata is stale, client should rebootstrap to obtain new metadata"),
    row(130, "STREAMS_INVALID_TOPOLOGY", "Broker: The supplied topology is invalid"),
    row(131, "STREAMS_INVALID_TOPOLOGY_EPOCH", "Broker: The supplied topology epoch is invalid"),
    row(132, "STREAMS_TOPOLOGY_FENCED", "Broker: The supplied topology epoch is outdated"),
    row(133, "SHARE_SESSION_LIMIT_REACHED", "Broker: The limit of share sessions has been reached"),
];

/// What librdkafka says of this code; `None` if it does not know it.
#[must_use]
pub fn described(code: i16) -> Option<&'static Described> {
    ALL.binary_search_by_key(&code, |row| row.code).ok().and_then(|at| ALL.get(at))
}

/// The code of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<i16> {
    ALL.iter().find(|row| row.name == name).map(|row| row.code)
}

/// The text of a code, also of one that nobody knows.
#[must_use]
pub fn text(code: i16) -> std::borrow::Cow<'static, str> {
    match described(code) {
        Some(row) if !row.text.is_empty() => row.text.into(),
        _ => format!("Err-{code}?").into(),
    }
}

/// The name of a code, also of one that nobody knows.
#[must_use]
pub fn name(code: i16) -> std::borrow::Cow<'static, str> {
    described(code).map_or_else(|| format!("ERR_{code}?").into(), |row| row.name.into())
}

#[cfg(test)]
mod tests {
    use ottla::{Error, ErrorKind, PurgedFrom};

    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(ALL.windows(2).all(|pair| matches!(pair, [a, b] if a.code < b.code)));
        assert_eq!(by_name("_MSG_TIMED_OUT"), Some(-192));
        assert_eq!(text(-192), "Local: Message timed out");
        assert_eq!((name(9999), text(9999)), ("ERR_9999?".into(), "Err-9999?".into()));
    }

    #[test]
    fn every_kind_of_error_has_a_code_that_librdkafkas_users_know() {
        use ErrorKind::*;
        let kinds = [
            Config,
            InvalidArgument,
            State,
            QueueFull,
            Timeout,
            MsgTimedOut,
            Transport,
            Resolve,
            AllBrokersDown,
            Protocol,
            UnsupportedVersion,
            UnsupportedFeature,
            Broker,
            UnknownTopic,
            UnknownPartition,
            RecordTooLarge,
            Purged(PurgedFrom::InQueue),
            Purged(PurgedFrom::InFlight),
            Closed,
            Compression,
            OffsetReset,
            LogTruncation,
            MaxPollExceeded,
            Fatal,
        ];
        for kind in kinds {
            let code = Error::new(kind, "").local_code();
            assert!(described(code).is_some(), "{kind:?} has code {code}");
        }
    }
}
