"""kafka-python's errors, by Kafka's codes."""

from __future__ import annotations

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


class KafkaTimeoutError(RetriableError):
    """It took too long."""


class NoOffsetForPartitionError(KafkaError):
    """There is no offset to begin at, and ``auto_offset_reset`` chooses none."""


class LogTruncationError(KafkaError):
    """The log was truncated below what was read."""


class UnsupportedCodecError(KafkaError):
    """A compression that this build does not know."""


class BrokerResponseError(KafkaError):
    """A broker answered with an error code."""

    errno: int | None = None


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
58 SaslAuthenticationFailedError; 59 UnknownProducerIdError; 60 ReassignmentInProgressError; 68 NonEmptyGroupError;
69 GroupIdNotFoundError; 70 FetchSessionIdNotFoundError R; 71 InvalidFetchSessionEpochError R; 72 ListenerNotFoundError M;
73 TopicDeletionDisabledError; 74 FencedLeaderEpochError M; 75 UnknownLeaderEpochError M;
76 UnsupportedCompressionTypeError; 77 StaleBrokerEpochError; 78 OffsetNotAvailableError R; 79 MemberIdRequiredError;
80 PreferredLeaderNotAvailableError M; 81 GroupMaxSizeReachedError; 82 FencedInstanceIdError; 87 InvalidRecordError;
88 UnstableOffsetCommitError R; 89 ThrottlingQuotaExceededError R; 90 ProducerFencedError; 100 UnknownTopicIdError M;
103 InconsistentTopicIdError M; 110 FencedMemberEpochError; 111 UnreleasedInstanceIdError; 112 UnsupportedAssignorError;
113 StaleMemberEpochError; 120 TransactionAbortableError
"""


def _define() -> None:
    kinds: dict[str, tuple[type[KafkaError], ...]] = {
        "": (BrokerResponseError,),
        "R": (RetriableError, BrokerResponseError),
        "M": (InvalidMetadataError, BrokerResponseError),
        "A": (AuthorizationError,),
    }
    for row in _TABLE.replace("\n", " ").split(";"):
        code, name, *kind = row.split()
        made = type(name, kinds[kind[0] if kind else ""], {"errno": int(code), "__module__": __name__, "__doc__": f"Kafka's error {code}."})
        BrokerErrors[int(code)] = globals()[name] = made


_define()
CorruptRecordException = BrokerErrors[2]

# The client's own codes.
_LOCAL: dict[int, type[KafkaError]] = {
    -139: LogTruncationError,
    -140: NoOffsetForPartitionError,
    -151: Cancelled,
    -152: Cancelled,
    -165: UnsupportedCodecError,
    -172: IllegalStateError,
    -184: KafkaTimeoutError,
    -185: KafkaTimeoutError,
    -186: KafkaConfigurationError,
    -187: NoBrokersAvailable,
    -188: BrokerErrors[3],
    -190: BrokerErrors[3],
    -192: KafkaTimeoutError,
    -193: KafkaConnectionError,
    -195: KafkaConnectionError,
    -199: KafkaProtocolError,
}


def translated(exception: BaseException) -> BaseException:
    """What a ``KafkaException`` is here; others stay what they are."""
    if not isinstance(exception, KafkaException):
        return exception
    error = exception.args[0]
    code = error.code()
    kind = BrokerErrors.get(code, BrokerResponseError) if code >= -1 else _LOCAL.get(code, KafkaError)
    made = kind(error.str())
    made.__cause__ = exception
    return made
