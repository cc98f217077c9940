"""kafka-python's errors, by Kafka's codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .. import _ottla
from .._error import KafkaException


class KafkaError(RuntimeError):
    """What all errors are."""

    retriable = False
    invalid_metadata = False

    def __str__(self) -> str:
        return f"{type(self).__name__}: {super().__str__()}" if self.args else type(self).__name__


class RetriableError(KafkaError):
    """The same call may succeed when it is made again."""

    retriable = True


class InvalidMetadataError(RetriableError):
    """What is known of leaders is stale."""

    invalid_metadata = True


class Cancelled(RetriableError):
    """Given up by the application."""


class CommitFailedError(KafkaError):
    """The partitions are another's by now."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(args or ("the group has rebalanced: the partitions are another member's by now",)))


class IllegalArgumentError(KafkaError):
    """An argument that can't be."""


class IllegalStateError(KafkaError):
    """A call that is not allowed now."""


class KafkaConfigurationError(KafkaError, ValueError):
    """A configuration that can't be."""


class KafkaConnectionError(InvalidMetadataError):
    """A broker can't be reached."""


class NoBrokersAvailable(KafkaConnectionError):
    """No broker can be reached."""


class KafkaProtocolError(KafkaError):
    """A broker's answer can't be read."""


class CorrelationIdError(RetriableError, KafkaProtocolError):
    """A broker answered another request than the one that was sent."""


class InvalidReceiveError(KafkaProtocolError):
    """What a broker sent is no answer."""


class MetadataEmptyBrokerList(RetriableError):
    """A cluster without brokers."""


class NodeNotReadyError(RetriableError):
    """A broker that is not connected yet."""


class UnknownBrokerIdError(KafkaError):
    """A broker that the cluster does not have."""


class QuotaViolationError(KafkaError):
    """More than the quota allows."""


class StaleMetadata(InvalidMetadataError):
    """What is known of the cluster is too old."""


class TooManyInFlightRequests(RetriableError):
    """A connection has as many requests under way as it may."""


class UnrecognizedBrokerVersion(KafkaError):
    """A broker of a version that nobody knows."""


class TransactionAbortedError(KafkaError):
    """The transaction was aborted before the record went out."""


class KafkaTimeoutError(RetriableError):
    """It took too long."""


class NoOffsetForPartitionError(KafkaError):
    """There is no offset to begin at, and ``auto_offset_reset`` chooses none."""


class LogTruncationError(KafkaError):
    """The log was truncated below what was read."""

    divergent_offsets: Mapping[Any, Any] = {}


class UnsupportedCodecError(KafkaError):
    """A compression that this build does not know."""


class BrokerResponseError(KafkaError):
    """A broker answered with an error code."""

    errno: int | None = None
    message: str | None = None
    description: str | None = None

    def __str__(self) -> str:
        return f"[Error {self.errno}] {super().__str__()}"


class AuthorizationError(BrokerResponseError):
    """The broker does not allow it."""


BrokerErrors: dict[int, type[BrokerResponseError]] = {}

# Code, name; R: retriable, M: metadata is stale as well, A: not allowed.
_TABLE = """
-1 UnknownError; 0 NoError; 1 OffsetOutOfRangeError; 2 CorruptRecordError; 3 UnknownTopicOrPartitionError M;
4 InvalidFetchRequestError; 5 LeaderNotAvailableError M; 6 NotLeaderForPartitionError M; 7 RequestTimedOutError R;
8 BrokerNotAvailableError; 9 ReplicaNotAvailableError M; 10 MessageSizeTooLargeError; 11 StaleControllerEpochError;
12 OffsetMetadataTooLargeError; 13 NetworkExceptionError M; 14 CoordinatorLoadInProgressError R;
15 CoordinatorNotAvailableError R; 16 NotCoordinatorError R; 17 InvalidTopicError; 18 RecordListTooLargeError;
19 NotEnoughReplicasError R; 20 NotEnoughReplicasAfterAppendError R; 21 InvalidRequiredAcksError; 22 IllegalGenerationError;
23 InconsistentGroupProtocolError; 24 InvalidGroupIdError; 25 UnknownMemberIdError; 26 InvalidSessionTimeoutError;
27 RebalanceInProgressError; 28 InvalidCommitOffsetSizeError; 29 TopicAuthorizationFailedError A;
30 GroupAuthorizationFailedError A; 31 ClusterAuthorizationFailedError A; 32 InvalidTimestampError;
33 UnsupportedSaslMechanismError; 34 IllegalSaslStateError; 35 UnsupportedVersionError; 36 TopicAlreadyExistsError;
37 InvalidPartitionsError; 38 InvalidReplicationFactorError; 39 InvalidReplicationAssignmentError;
40 InvalidConfigurationError; 41 NotControllerError R; 42 InvalidRequestError; 43 UnsupportedForMessageFormatError;
44 PolicyViolationError; 45 OutOfOrderSequenceNumberError; 46 DuplicateSequenceNumberError; 47 InvalidProducerEpochError;
48 InvalidTxnStateError; 49 InvalidProducerIdMappingError; 50 InvalidTransactionTimeoutError;
51 ConcurrentTransactionsError R; 52 TransactionCoordinatorFencedError; 53 TransactionalIdAuthorizationFailedError A;
54 SecurityDisabledError; 55 OperationNotAttemptedError; 56 KafkaStorageError M; 57 LogDirNotFoundError;
58 SaslAuthenticationFailedError; 59 UnknownProducerIdError; 60 ReassignmentInProgressError;
61 DelegationTokenAuthDisabledError; 62 DelegationTokenNotFoundError; 63 DelegationTokenOwnerMismatchError;
64 DelegationTokenRequestNotAllowedError; 65 DelegationTokenAuthorizationFailedError A; 66 DelegationTokenExpiredError;
67 InvalidPrincipalTypeError; 68 NonEmptyGroupError;
69 GroupIdNotFoundError; 70 FetchSessionIdNotFoundError R; 71 InvalidFetchSessionEpochError R; 72 ListenerNotFoundError M;
73 TopicDeletionDisabledError; 74 FencedLeaderEpochError M; 75 UnknownLeaderEpochError M;
76 UnsupportedCompressionTypeError; 77 StaleBrokerEpochError; 78 OffsetNotAvailableError R; 79 MemberIdRequiredError;
80 PreferredLeaderNotAvailableError M; 81 GroupMaxSizeReachedError; 82 FencedInstanceIdError;
83 EligibleLeadersNotAvailableError M; 84 ElectionNotNeededError M; 85 NoReassignmentInProgressError;
86 GroupSubscribedToTopicError; 87 InvalidRecordError;
88 UnstableOffsetCommitError R; 89 ThrottlingQuotaExceededError R; 90 ProducerFencedError;
91 ResourceNotFoundError; 92 DuplicateResourceError; 93 UnacceptableCredentialError; 94 InconsistentVoterSetError;
95 InvalidUpdateVersionError; 96 FeatureUpdateFailedError; 97 PrincipalDeserializationFailureError; 98 SnapshotNotFoundError;
99 PositionOutOfRangeError; 100 UnknownTopicIdError M; 101 DuplicateBrokerRegistrationError; 102 BrokerIdNotRegisteredError;
103 InconsistentTopicIdError M; 104 InconsistentClusterIdError; 105 TransactionalIdNotFoundError;
106 FetchSessionTopicIdError R; 107 IneligibleReplicaError; 108 NewLeaderElectedError; 109 OffsetMovedToTieredStorageError;
110 FencedMemberEpochError; 111 UnreleasedInstanceIdError; 112 UnsupportedAssignorError;
113 StaleMemberEpochError; 114 MismatchedEndpointTypeError; 115 UnsupportedEndpointTypeError; 116 UnknownControllerIdError;
117 UnknownSubscriptionIdError; 118 TelemetryTooLargeError; 119 InvalidRegistrationError; 120 TransactionAbortableError;
121 InvalidRecordStateError; 122 ShareSessionNotFoundError R; 123 InvalidShareSessionEpochError R; 124 FencedStateEpochError;
125 InvalidVoterKeyError; 126 DuplicateVoterError; 127 VoterNotFoundError
"""

# Where Kafka's own name of a code is not that of the class.
_MESSAGES = {
    0: "NO_ERROR",
    2: "CORRUPT_MESSAGE",
    4: "INVALID_FETCH_SIZE",
    40: "INVALID_CONFIG",
    56: "KAFKA_STORAGE_ERROR",
    106: "FETCH_SESSION_TOPIC_ID_ERROR",
}


def _define() -> None:
    kinds: dict[str, tuple[type[KafkaError], ...]] = {
        "": (BrokerResponseError,),
        "R": (RetriableError, BrokerResponseError),
        "M": (InvalidMetadataError, BrokerResponseError),
        "A": (AuthorizationError,),
    }
    for row in _TABLE.replace("\n", " ").split(";"):
        code, name, *kind = row.split()
        number = int(code)
        message = re.sub("(?<=[a-z])(?=[A-Z])", "_", name.removesuffix("Error")).upper()
        attributes = {
            "errno": number,
            "message": _MESSAGES.get(number, message),
            "description": _ottla.describe_code(number)[1].removeprefix("Broker: "),
            "__module__": __name__,
            "__doc__": f"Kafka's error {code}.",
        }
        BrokerErrors[number] = globals()[name] = type(name, kinds[kind[0] if kind else ""], attributes)


_define()
CorruptRecordException = BrokerErrors[2]
kafka_errors = BrokerErrors


class IncompatibleBrokerVersion(BrokerErrors[35]):  # type: ignore[misc, valid-type]
    """A broker that is too old for what it is asked."""


def for_code(error_code: int) -> type[BrokerResponseError]:
    """The class of a broker's error code."""
    known = BrokerErrors.get(error_code)
    return known or type("UnrecognizedBrokerError", (BrokerErrors[-1],), {"errno": error_code})


# The client's own codes.
LOCAL: dict[int, type[KafkaError]] = {
    -139: LogTruncationError,
    -140: NoOffsetForPartitionError,
    -144: BrokerErrors[90],
    -147: CommitFailedError,
    -151: Cancelled,
    -152: Cancelled,
    -165: UnsupportedCodecError,
    -169: BrokerErrors[58],
    -172: IllegalStateError,
    -181: KafkaConnectionError,
    -184: KafkaTimeoutError,
    -185: KafkaTimeoutError,
    -186: KafkaConfigurationError,
    -187: NoBrokersAvailable,
    -188: BrokerErrors[3],
    -190: BrokerErrors[3],
    -192: KafkaTimeoutError,
    -193: KafkaConnectionError,
    -195: KafkaConnectionError,
    -196: KafkaConnectionError,
    -197: IllegalStateError,
    -198: BrokerErrors[2],
    -199: KafkaProtocolError,
}


def translating(kind_of: Callable[[int], type[BaseException]]) -> Callable[[BaseException], BaseException]:
    """A function that makes of a ``KafkaException`` what a code's class is; others stay what they are."""

    def translated(exception: BaseException) -> BaseException:
        if not isinstance(exception, KafkaException):
            return exception
        error = exception.args[0]
        made = kind_of(error.code())(error.str())
        made.__cause__ = exception
        return made

    return translated


translated = translating(lambda code: for_code(code) if code >= -1 else LOCAL.get(code, KafkaError))

# The group went on without this member: its commit came too late.
_LATE = frozenset({22, 25, 27, 82, 110, 113})


def of_commit(error: BaseException) -> BaseException:
    """What a commit raises for an error."""
    return CommitFailedError(*error.args) if getattr(error, "errno", None) in _LATE else error
