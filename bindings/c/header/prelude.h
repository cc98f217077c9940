/* Types, numbers and macros of librdkafka's API, written by hand. */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* As librdkafka's headers define them, which some programs use. */
#define RD_EXPORT
#define RD_INLINE inline
#ifndef RD_UNUSED
#define RD_UNUSED __attribute__((unused))
#endif
#define RD_DEPRECATED __attribute__((deprecated))

/* The release of librdkafka whose API this is. */
#define RD_KAFKA_VERSION 0x021000ff

#define RD_KAFKA_DEBUG_CONTEXTS                                                                                                  \
    "all,generic,broker,topic,metadata,feature,queue,msg,protocol,cgrp,security,fetch,interceptor,plugin,consumer,admin,eos,"    \
    "mock,assignor,conf"

typedef enum rd_kafka_type_t { RD_KAFKA_PRODUCER, RD_KAFKA_CONSUMER } rd_kafka_type_t;

typedef enum rd_kafka_timestamp_type_t {
    RD_KAFKA_TIMESTAMP_NOT_AVAILABLE,
    RD_KAFKA_TIMESTAMP_CREATE_TIME,
    RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME
} rd_kafka_timestamp_type_t;

/* Handles, which only the library looks into. */
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_topic_conf_s rd_kafka_topic_conf_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_op_s rd_kafka_event_t;
typedef struct rd_kafka_consumer_group_metadata_s rd_kafka_consumer_group_metadata_t;
typedef struct rd_kafka_error_s rd_kafka_error_t;
typedef struct rd_kafka_headers_s rd_kafka_headers_t;
typedef struct rd_kafka_mock_cluster_s rd_kafka_mock_cluster_t;

/* Error codes: those of the client are negative, Kafka's own are not. */
typedef enum {
    RD_KAFKA_RESP_ERR__BEGIN = -200,
    RD_KAFKA_RESP_ERR__BAD_MSG = -199, /* Local: Bad message format */
    RD_KAFKA_RESP_ERR__BAD_COMPRESSION = -198, /* Local: Invalid compressed data */
    RD_KAFKA_RESP_ERR__DESTROY = -197, /* Local: Broker handle destroyed for termination */
    RD_KAFKA_RESP_ERR__FAIL = -196, /* Local: Communication failure with broker */
    RD_KAFKA_RESP_ERR__TRANSPORT = -195, /* Local: Broker transport failure */
    RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE = -194, /* Local: Critical system resource failure */
    RD_KAFKA_RESP_ERR__RESOLVE = -193, /* Local: Host resolution failure */
    RD_KAFKA_RESP_ERR__MSG_TIMED_OUT = -192, /* Local: Message timed out */
    RD_KAFKA_RESP_ERR__PARTITION_EOF = -191, /* Broker: No more messages */
    RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION = -190, /* Local: Unknown partition */
    RD_KAFKA_RESP_ERR__FS = -189, /* Local: File or filesystem error */
    RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC = -188, /* Local: Unknown topic */
    RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN = -187, /* Local: All broker connections are down */
    RD_KAFKA_RESP_ERR__INVALID_ARG = -186, /* Local: Invalid argument or configuration */
    RD_KAFKA_RESP_ERR__TIMED_OUT = -185, /* Local: Timed out */
    RD_KAFKA_RESP_ERR__QUEUE_FULL = -184, /* Local: Queue full */
    RD_KAFKA_RESP_ERR__ISR_INSUFF = -183, /* Local: ISR count insufficient */
    RD_KAFKA_RESP_ERR__NODE_UPDATE = -182, /* Local: Broker node update */
    RD_KAFKA_RESP_ERR__SSL = -181, /* Local: SSL error */
    RD_KAFKA_RESP_ERR__WAIT_COORD = -180, /* Local: Waiting for coordinator */
    RD_KAFKA_RESP_ERR__UNKNOWN_GROUP = -179, /* Local: Unknown group */
    RD_KAFKA_RESP_ERR__IN_PROGRESS = -178, /* Local: Operation in progress */
    RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS = -177, /* Local: Previous operation in progress */
    RD_KAFKA_RESP_ERR__EXISTING_SUBSCRIPTION = -176, /* Local: Existing subscription */
    RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS = -175, /* Local: Assign partitions */
    RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS = -174, /* Local: Revoke partitions */
    RD_KAFKA_RESP_ERR__CONFLICT = -173, /* Local: Conflicting use */
    RD_KAFKA_RESP_ERR__STATE = -172, /* Local: Erroneous state */
    RD_KAFKA_RESP_ERR__UNKNOWN_PROTOCOL = -171, /* Local: Unknown protocol */
    RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED = -170, /* Local: Not implemented */
    RD_KAFKA_RESP_ERR__AUTHENTICATION = -169, /* Local: Authentication failure */
    RD_KAFKA_RESP_ERR__NO_OFFSET = -168, /* Local: No offset stored */
    RD_KAFKA_RESP_ERR__OUTDATED = -167, /* Local: Outdated */
    RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE = -166, /* Local: Timed out in queue */
    RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE = -165, /* Local: Required feature not supported by broker */
    RD_KAFKA_RESP_ERR__WAIT_CACHE = -164, /* Local: Awaiting cache update */
    RD_KAFKA_RESP_ERR__INTR = -163, /* Local: Operation interrupted */
    RD_KAFKA_RESP_ERR__KEY_SERIALIZATION = -162, /* Local: Key serialization error */
    RD_KAFKA_RESP_ERR__VALUE_SERIALIZATION = -161, /* Local: Value serialization error */
    RD_KAFKA_RESP_ERR__KEY_DESERIALIZATION = -160, /* Local: Key deserialization error */
    RD_KAFKA_RESP_ERR__VALUE_DESERIALIZATION = -159, /* Local: Value deserialization error */
    RD_KAFKA_RESP_ERR__PARTIAL = -158, /* Local: Partial response */
    RD_KAFKA_RESP_ERR__READ_ONLY = -157, /* Local: Read-only object */
    RD_KAFKA_RESP_ERR__NOENT = -156, /* Local: No such entry */
    RD_KAFKA_RESP_ERR__UNDERFLOW = -155, /* Local: Read underflow */
    RD_KAFKA_RESP_ERR__INVALID_TYPE = -154, /* Local: Invalid type */
    RD_KAFKA_RESP_ERR__RETRY = -153, /* Local: Retry operation */
    RD_KAFKA_RESP_ERR__PURGE_QUEUE = -152, /* Local: Purged in queue */
    RD_KAFKA_RESP_ERR__PURGE_INFLIGHT = -151, /* Local: Purged in flight */
    RD_KAFKA_RESP_ERR__FATAL = -150, /* Local: Fatal error */
    RD_KAFKA_RESP_ERR__INCONSISTENT = -149, /* Local: Inconsistent state */
    RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE = -148, /* Local: Gap-less ordering would not be guaranteed if proceeding */
    RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED = -147, /* Local: Maximum application poll interval (max.poll.interval.ms) exceeded */
    RD_KAFKA_RESP_ERR__UNKNOWN_BROKER = -146, /* Local: Unknown broker */
    RD_KAFKA_RESP_ERR__NOT_CONFIGURED = -145, /* Local: Functionality not configured */
    RD_KAFKA_RESP_ERR__FENCED = -144, /* Local: This instance has been fenced by a newer instance */
    RD_KAFKA_RESP_ERR__APPLICATION = -143, /* Local: Application generated error */
    RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST = -142, /* Local: Group partition assignment lost */
    RD_KAFKA_RESP_ERR__NOOP = -141, /* Local: No operation performed */
    RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET = -140, /* Local: No offset to automatically reset to */
    RD_KAFKA_RESP_ERR__LOG_TRUNCATION = -139, /* Local: Partition log truncation detected */
    /* Local: an invalid record in the same batch caused the failure of this message too */
    RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD = -138,
    RD_KAFKA_RESP_ERR__DESTROY_BROKER = -137, /* Local: Broker handle destroyed without termination */
    RD_KAFKA_RESP_ERR__END = -100,
    RD_KAFKA_RESP_ERR_UNKNOWN = -1, /* Unknown broker error */
    RD_KAFKA_RESP_ERR_NO_ERROR = 0, /* Success */
    RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE = 1, /* Broker: Offset out of range */
    RD_KAFKA_RESP_ERR_INVALID_MSG = 2, /* Broker: Invalid message */
    RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART = 3, /* Broker: Unknown topic or partition */
    RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE = 4, /* Broker: Invalid message size */
    RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE = 5, /* Broker: Leader not available */
    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION = 6, /* Broker: Not leader for partition */
    RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT = 7, /* Broker: Request timed out */
    RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE = 8, /* Broker: Broker not available */
    RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE = 9, /* Broker: Replica not available */
    RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE = 10, /* Broker: Message size too large */
    RD_KAFKA_RESP_ERR_STALE_CTRL_EPOCH = 11, /* Broker: StaleControllerEpochCode */
    RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE = 12, /* Broker: Offset metadata string too large */
    RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION = 13, /* Broker: Broker disconnected before response received */
    RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS = 14, /* Broker: Coordinator load in progress */
    RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE = 15, /* Broker: Coordinator not available */
    RD_KAFKA_RESP_ERR_NOT_COORDINATOR = 16, /* Broker: Not coordinator */
    RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION = 17, /* Broker: Invalid topic */
    RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE = 18, /* Broker: Message batch larger than configured server segment size */
    RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS = 19, /* Broker: Not enough in-sync replicas */
    /* Broker: Message(s) written to insufficient number of in-sync replicas */
    RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20,
    RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS = 21, /* Broker: Invalid required acks value */
    RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION = 22, /* Broker: Specified group generation id is not valid */
    RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL = 23, /* Broker: Inconsistent group protocol */
    RD_KAFKA_RESP_ERR_INVALID_GROUP_ID = 24, /* Broker: Invalid group.id */
    RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID = 25, /* Broker: Unknown member */
    RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT = 26, /* Broker: Invalid session timeout */
    RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS = 27, /* Broker: Group rebalance in progress */
    RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE = 28, /* Broker: Commit offset data size is not valid */
    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED = 29, /* Broker: Topic authorization failed */
    RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED = 30, /* Broker: Group authorization failed */
    RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED = 31, /* Broker: Cluster authorization failed */
    RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP = 32, /* Broker: Invalid timestamp */
    RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM = 33, /* Broker: Unsupported SASL mechanism */
    RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE = 34, /* Broker: Request not valid in current SASL state */
    RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION = 35, /* Broker: API version not supported */
    RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS = 36, /* Broker: Topic already exists */
    RD_KAFKA_RESP_ERR_INVALID_PARTITIONS = 37, /* Broker: Invalid number of partitions */
    RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR = 38, /* Broker: Invalid replication factor */
    RD_KAFKA_RESP_ERR_INVALID_REPLICA_ASSIGNMENT = 39, /* Broker: Invalid replica assignment */
    RD_KAFKA_RESP_ERR_INVALID_CONFIG = 40, /* Broker: Configuration is invalid */
    RD_KAFKA_RESP_ERR_NOT_CONTROLLER = 41, /* Broker: Not controller for cluster */
    RD_KAFKA_RESP_ERR_INVALID_REQUEST = 42, /* Broker: Invalid request */
    RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT = 43, /* Broker: Message format on broker does not support request */
    RD_KAFKA_RESP_ERR_POLICY_VIOLATION = 44, /* Broker: Policy violation */
    RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER = 45, /* Broker: Broker received an out of order sequence number */
    RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER = 46, /* Broker: Broker received a duplicate sequence number */
    RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH = 47, /* Broker: Producer attempted an operation with an old epoch */
    RD_KAFKA_RESP_ERR_INVALID_TXN_STATE = 48, /* Broker: Producer attempted a transactional operation in an invalid state */
    RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53, /* Broker: Transactional Id authorization failed */
    RD_KAFKA_RESP_ERR_SECURITY_DISABLED = 54, /* Broker: Security features are disabled */
    RD_KAFKA_RESP_ERR_OPERATION_NOT_ATTEMPTED = 55, /* Broker: Operation not attempted */
    RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR = 56, /* Broker: Disk error when trying to access log file on disk */
    RD_KAFKA_RESP_ERR_LOG_DIR_NOT_FOUND = 57, /* Broker: The user-specified log directory is not found in the broker config */
    RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED = 58, /* Broker: SASL Authentication failed */
    RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID = 59, /* Broker: Unknown Producer Id */
    RD_KAFKA_RESP_ERR_REASSIGNMENT_IN_PROGRESS = 60, /* Broker: Partition reassignment is in progress */
    RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_AUTH_DISABLED = 61, /* Broker: Delegation Token feature is not enabled */
    RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_NOT_FOUND = 62, /* Broker: Delegation Token is not found on server */
    RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_OWNER_MISMATCH = 63, /* Broker: Specified Principal is not valid Owner/Renewer */
    /* Broker: Delegation Token requests are not allowed on this connection */
    RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_REQUEST_NOT_ALLOWED = 64,
    RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_AUTHORIZATION_FAILED = 65, /* Broker: Delegation Token authorization failed */
    RD_KAFKA_RESP_ERR_DELEGATION_TOKEN_EXPIRED = 66, /* Broker: Delegation Token is expired */
    RD_KAFKA_RESP_ERR_INVALID_PRINCIPAL_TYPE = 67, /* Broker: Supplied principalType is not supported */
    RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP = 68, /* Broker: The group is not empty */
    RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND = 69, /* Broker: The group id does not exist */
    RD_KAFKA_RESP_ERR_FETCH_SESSION_ID_NOT_FOUND = 70, /* Broker: The fetch session ID was not found */
    RD_KAFKA_RESP_ERR_INVALID_FETCH_SESSION_EPOCH = 71, /* Broker: The fetch session epoch is invalid */
    RD_KAFKA_RESP_ERR_LISTENER_NOT_FOUND = 72, /* Broker: No matching listener */
    RD_KAFKA_RESP_ERR_TOPIC_DELETION_DISABLED = 73, /* Broker: Topic deletion is disabled */
    RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH = 74, /* Broker: Leader epoch is older than broker epoch */
    RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH = 75, /* Broker: Leader epoch is newer than broker epoch */
    RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE = 76, /* Broker: Unsupported compression type */
    RD_KAFKA_RESP_ERR_STALE_BROKER_EPOCH = 77, /* Broker: Broker epoch has changed */
    RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE = 78, /* Broker: Leader high watermark is not caught up */
    RD_KAFKA_RESP_ERR_MEMBER_ID_REQUIRED = 79, /* Broker: Group member needs a valid member ID */
    RD_KAFKA_RESP_ERR_PREFERRED_LEADER_NOT_AVAILABLE = 80, /* Broker: Preferred leader was not available */
    RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED = 81, /* Broker: Consumer group has reached maximum size */
    RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID = 82, /* Broker: Static consumer fenced by other consumer with same group.instance.id */
    RD_KAFKA_RESP_ERR_ELIGIBLE_LEADERS_NOT_AVAILABLE = 83, /* Broker: Eligible partition leaders are not available */
    RD_KAFKA_RESP_ERR_ELECTION_NOT_NEEDED = 84, /* Broker: Leader election not needed for topic partition */
    RD_KAFKA_RESP_ERR_NO_REASSIGNMENT_IN_PROGRESS = 85, /* Broker: No partition reassignment is in progress */
    /* Broker: Deleting offsets of a topic while the consumer group is subscribed to it */
    RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC = 86,
    RD_KAFKA_RESP_ERR_INVALID_RECORD = 87, /* Broker: Broker failed to validate record */
    RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT = 88, /* Broker: There are unstable offsets that need to be cleared */
    RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED = 89, /* Broker: Throttling quota has been exceeded */
    /* Broker: There is a newer producer with the same transactionalId which fences the current one */
    RD_KAFKA_RESP_ERR_PRODUCER_FENCED = 90,
    RD_KAFKA_RESP_ERR_RESOURCE_NOT_FOUND = 91, /* Broker: Request illegally referred to resource that does not exist */
    RD_KAFKA_RESP_ERR_DUPLICATE_RESOURCE = 92, /* Broker: Request illegally referred to the same resource twice */
    RD_KAFKA_RESP_ERR_UNACCEPTABLE_CREDENTIAL = 93, /* Broker: Requested credential would not meet criteria for acceptability */
    RD_KAFKA_RESP_ERR_INVALID_UPDATE_VERSION = 95, /* Broker: Invalid update version */
    RD_KAFKA_RESP_ERR_FEATURE_UPDATE_FAILED = 96, /* Broker: Unable to update finalized features due to server error */
    /* Broker: Request principal deserialization failed during forwarding */
    RD_KAFKA_RESP_ERR_PRINCIPAL_DESERIALIZATION_FAILURE = 97,
    RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID = 100, /* Broker: Unknown topic id */
    RD_KAFKA_RESP_ERR_INCONSISTENT_TOPIC_ID = 103, /* Broker: The log's topic ID did not match the topic ID in the request */
    RD_KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH = 110, /* Broker: The member epoch is fenced by the group coordinator */
    /* Broker: The instance ID is still used by another member in the consumer group */
    RD_KAFKA_RESP_ERR_UNRELEASED_INSTANCE_ID = 111,
    /* Broker: The assignor or its version range is not supported by the consumer group */
    RD_KAFKA_RESP_ERR_UNSUPPORTED_ASSIGNOR = 112,
    RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH = 113, /* Broker: The member epoch is stale */
    RD_KAFKA_RESP_ERR_MISMATCHED_ENDPOINT_TYPE = 114, /* Broker: The request was sent to an endpoint of the wrong type */
    RD_KAFKA_RESP_ERR_UNSUPPORTED_ENDPOINT_TYPE = 115, /* Broker: This endpoint type is not supported yet */
    RD_KAFKA_RESP_ERR_UNKNOWN_CONTROLLER_ID = 116, /* Broker: This controller ID is not known */
    /* Broker: The controller has considered the broker registration to be invalid */
    RD_KAFKA_RESP_ERR_INVALID_REGISTRATION = 119,
    RD_KAFKA_RESP_ERR_TRANSACTION_ABORTABLE = 120, /* Broker: The server encountered an error with the transaction */
    RD_KAFKA_RESP_ERR_INVALID_RECORD_STATE = 121, /* Broker: The record state is invalid */
    RD_KAFKA_RESP_ERR_SHARE_SESSION_NOT_FOUND = 122, /* Broker: The share session was not found */
    RD_KAFKA_RESP_ERR_INVALID_SHARE_SESSION_EPOCH = 123, /* Broker: The share session epoch is invalid */
    RD_KAFKA_RESP_ERR_FENCED_STATE_EPOCH = 124, /* Broker: The share-group state epoch did not match */
    RD_KAFKA_RESP_ERR_INVALID_VOTER_KEY = 125, /* Broker: The voter key doesn't match the receiving replica's key */
    RD_KAFKA_RESP_ERR_DUPLICATE_VOTER = 126, /* Broker: The voter is already part of the set of voters */
    RD_KAFKA_RESP_ERR_VOTER_NOT_FOUND = 127, /* Broker: The voter is not part of the set of voters */
    RD_KAFKA_RESP_ERR_INVALID_REGULAR_EXPRESSION = 128, /* Broker: The regular expression is not valid */
    /* Broker: Client metadata is stale, client should rebootstrap to obtain new metadata */
    RD_KAFKA_RESP_ERR_REBOOTSTRAP_REQUIRED = 129,
    RD_KAFKA_RESP_ERR_STREAMS_INVALID_TOPOLOGY = 130, /* Broker: The supplied topology is invalid */
    RD_KAFKA_RESP_ERR_STREAMS_INVALID_TOPOLOGY_EPOCH = 131, /* Broker: The supplied topology epoch is invalid */
    RD_KAFKA_RESP_ERR_STREAMS_TOPOLOGY_FENCED = 132, /* Broker: The supplied topology epoch is outdated */
    RD_KAFKA_RESP_ERR_SHARE_SESSION_LIMIT_REACHED = 133, /* Broker: The limit of share sessions has been reached */
    RD_KAFKA_RESP_ERR_END_ALL = 134
} rd_kafka_resp_err_t;

#define RD_KAFKA_RESP_ERR_NOT_LEADER_OR_FOLLOWER RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION
#define RD_KAFKA_RESP_ERR_GROUP_LOAD_IN_PROGRESS RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS
#define RD_KAFKA_RESP_ERR_GROUP_COORDINATOR_NOT_AVAILABLE RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE
#define RD_KAFKA_RESP_ERR_NOT_COORDINATOR_FOR_GROUP RD_KAFKA_RESP_ERR_NOT_COORDINATOR

struct rd_kafka_err_desc {
    rd_kafka_resp_err_t code;
    const char *name;
    const char *desc;
};

typedef enum { RD_KAFKA_CONF_UNKNOWN = -2, RD_KAFKA_CONF_INVALID = -1, RD_KAFKA_CONF_OK = 0 } rd_kafka_conf_res_t;

#define RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE 0x8

#define RD_KAFKA_PARTITION_UA ((int32_t)-1)

#define RD_KAFKA_OFFSET_BEGINNING -2
#define RD_KAFKA_OFFSET_END -1
#define RD_KAFKA_OFFSET_STORED -1000
#define RD_KAFKA_OFFSET_INVALID -1001
#define RD_KAFKA_OFFSET_TAIL_BASE -2000
#define RD_KAFKA_OFFSET_TAIL(CNT) (RD_KAFKA_OFFSET_TAIL_BASE - (CNT))

#define RD_KAFKA_MSG_F_FREE 0x1
#define RD_KAFKA_MSG_F_COPY 0x2
#define RD_KAFKA_MSG_F_BLOCK 0x4
#define RD_KAFKA_MSG_F_PARTITION 0x8

#define RD_KAFKA_PURGE_F_QUEUE 0x1
#define RD_KAFKA_PURGE_F_INFLIGHT 0x2
#define RD_KAFKA_PURGE_F_NON_BLOCKING 0x4

typedef struct rd_kafka_topic_partition_s {
    char *topic;
    int32_t partition;
    int64_t offset;
    void *metadata;
    size_t metadata_size;
    void *opaque;
    rd_kafka_resp_err_t err;
    void *_private;
} rd_kafka_topic_partition_t;

typedef struct rd_kafka_topic_partition_list_s {
    int cnt;
    int size;
    rd_kafka_topic_partition_t *elems;
} rd_kafka_topic_partition_list_t;

typedef struct rd_kafka_message_s {
    rd_kafka_resp_err_t err;
    rd_kafka_topic_t *rkt;
    int32_t partition;
    void *payload;
    size_t len;
    void *key;
    size_t key_len;
    int64_t offset;
    void *_private;
} rd_kafka_message_t;

typedef enum {
    RD_KAFKA_MSG_STATUS_NOT_PERSISTED = 0,
    RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED = 1,
    RD_KAFKA_MSG_STATUS_PERSISTED = 2
} rd_kafka_msg_status_t;

typedef struct rd_kafka_metadata_broker {
    int32_t id;
    char *host;
    int port;
} rd_kafka_metadata_broker_t;

typedef struct rd_kafka_metadata_partition {
    int32_t id;
    rd_kafka_resp_err_t err;
    int32_t leader;
    int replica_cnt;
    int32_t *replicas;
    int isr_cnt;
    int32_t *isrs;
} rd_kafka_metadata_partition_t;

typedef struct rd_kafka_metadata_topic {
    char *topic;
    int partition_cnt;
    struct rd_kafka_metadata_partition *partitions;
    rd_kafka_resp_err_t err;
} rd_kafka_metadata_topic_t;

typedef struct rd_kafka_metadata {
    int broker_cnt;
    struct rd_kafka_metadata_broker *brokers;
    int topic_cnt;
    struct rd_kafka_metadata_topic *topics;
    int32_t orig_broker_id;
    char *orig_broker_name;
} rd_kafka_metadata_t;

struct rd_kafka_group_member_info {
    char *member_id;
    char *client_id;
    char *client_host;
    void *member_metadata;
    int member_metadata_size;
    void *member_assignment;
    int member_assignment_size;
};

struct rd_kafka_group_info {
    struct rd_kafka_metadata_broker broker;
    char *group;
    rd_kafka_resp_err_t err;
    char *state;
    char *protocol_type;
    char *protocol;
    struct rd_kafka_group_member_info *members;
    int member_cnt;
};

struct rd_kafka_group_list {
    struct rd_kafka_group_info *groups;
    int group_cnt;
};

/* The parts that rd_kafka_producev and rd_kafka_produceva make a record of. */
typedef enum rd_kafka_vtype_t {
    RD_KAFKA_VTYPE_END,
    RD_KAFKA_VTYPE_TOPIC,
    RD_KAFKA_VTYPE_RKT,
    RD_KAFKA_VTYPE_PARTITION,
    RD_KAFKA_VTYPE_VALUE,
    RD_KAFKA_VTYPE_KEY,
    RD_KAFKA_VTYPE_OPAQUE,
    RD_KAFKA_VTYPE_MSGFLAGS,
    RD_KAFKA_VTYPE_TIMESTAMP,
    RD_KAFKA_VTYPE_HEADER,
    RD_KAFKA_VTYPE_HEADERS
} rd_kafka_vtype_t;

typedef struct rd_kafka_vu_s {
    rd_kafka_vtype_t vtype;
    union {
        const char *cstr;
        rd_kafka_topic_t *rkt;
        int i;
        int32_t i32;
        int64_t i64;
        struct {
            void *ptr;
            size_t size;
        } mem;
        struct {
            const char *name;
            const void *val;
            ssize_t size;
        } header;
        rd_kafka_headers_t *headers;
        void *ptr;
        char _pad[64];
    } u;
} rd_kafka_vu_t;

/* The casts give each argument the type that its reader takes it for, whatever was passed. */
#define RD_KAFKA_V_END RD_KAFKA_VTYPE_END
#define RD_KAFKA_V_TOPIC(topic) RD_KAFKA_VTYPE_TOPIC, (const char *)(topic)
#define RD_KAFKA_V_RKT(rkt) RD_KAFKA_VTYPE_RKT, (rd_kafka_topic_t *)(rkt)
#define RD_KAFKA_V_PARTITION(partition) RD_KAFKA_VTYPE_PARTITION, (int32_t)(partition)
#define RD_KAFKA_V_VALUE(VALUE, LEN) RD_KAFKA_VTYPE_VALUE, (void *)(VALUE), (size_t)(LEN)
#define RD_KAFKA_V_KEY(KEY, LEN) RD_KAFKA_VTYPE_KEY, (void *)(KEY), (size_t)(LEN)
#define RD_KAFKA_V_OPAQUE(msg_opaque) RD_KAFKA_VTYPE_OPAQUE, (void *)(msg_opaque)
#define RD_KAFKA_V_MSGFLAGS(msgflags) RD_KAFKA_VTYPE_MSGFLAGS, (int)(msgflags)
#define RD_KAFKA_V_TIMESTAMP(timestamp) RD_KAFKA_VTYPE_TIMESTAMP, (int64_t)(timestamp)
#define RD_KAFKA_V_HEADER(NAME, VALUE, LEN) RD_KAFKA_VTYPE_HEADER, (const char *)(NAME), (const void *)(VALUE), (ssize_t)(LEN)
#define RD_KAFKA_V_HEADERS(HDRS) RD_KAFKA_VTYPE_HEADERS, (rd_kafka_headers_t *)(HDRS)

typedef int rd_kafka_event_type_t;
#define RD_KAFKA_EVENT_NONE 0x0
#define RD_KAFKA_EVENT_DR 0x1
#define RD_KAFKA_EVENT_FETCH 0x2
#define RD_KAFKA_EVENT_LOG 0x4
#define RD_KAFKA_EVENT_ERROR 0x8
#define RD_KAFKA_EVENT_REBALANCE 0x10
#define RD_KAFKA_EVENT_OFFSET_COMMIT 0x20
#define RD_KAFKA_EVENT_STATS 0x40

/* The application's functions. */
typedef void (*ottla_dr_msg_cb)(rd_kafka_t *rk, const rd_kafka_message_t *rkmessage, void *opaque);
typedef void (*ottla_dr_cb)(rd_kafka_t *rk, void *payload, size_t len, rd_kafka_resp_err_t err, void *opaque, void *msg_opaque);
typedef void (*ottla_rebalance_cb)(
    rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *partitions, void *opaque);
typedef void (*ottla_offset_commit_cb)(
    rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *offsets, void *opaque);
typedef void (*ottla_error_cb)(rd_kafka_t *rk, int err, const char *reason, void *opaque);
typedef void (*ottla_throttle_cb)(rd_kafka_t *rk, const char *broker_name, int32_t broker_id, int throttle_time_ms, void *opaque);
typedef void (*ottla_log_cb)(const rd_kafka_t *rk, int level, const char *fac, const char *buf);
typedef int (*ottla_stats_cb)(rd_kafka_t *rk, char *json, size_t json_len, void *opaque);
typedef void (*ottla_consume_cb)(rd_kafka_message_t *rkmessage, void *opaque);
typedef int (*ottla_compare)(const void *a, const void *b, void *cmp_opaque);
typedef void (*ottla_queue_event_cb)(rd_kafka_t *rk, void *qev_opaque);

/* Functions with a variable number of arguments. */
rd_kafka_resp_err_t rd_kafka_producev(rd_kafka_t *rk, ...);
rd_kafka_error_t *rd_kafka_error_new(rd_kafka_resp_err_t code, const char *fmt, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;
