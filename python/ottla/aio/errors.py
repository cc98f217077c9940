"""aiokafka's errors: kafka-python's, some of which have other names or flags here, and some of its own."""

from __future__ import annotations

from typing import Any

from ..kafka import errors as _errors
from ..kafka.errors import *  # noqa: F403
from ..kafka.errors import LOCAL, BrokerErrors, BrokerResponseError, KafkaError, translating


class ConsumerStoppedError(Exception):
    """The consumer was stopped."""


class IllegalOperation(Exception):
    """A call that is not allowed with this configuration."""


class ProducerClosed(KafkaError):
    """The producer was stopped."""


class ProducerFenced(BrokerErrors[90]):  # type: ignore[misc, valid-type]
    """A newer producer has this one's transactional id."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(args or ("a newer producer has this transactional id, or the transaction took too long",)))


class RecordTooLargeError(KafkaError):
    """A record that is larger than may be fetched."""


class KafkaUnavailableError(KafkaError):
    """There is no broker."""


class AuthenticationMethodNotSupported(KafkaError):
    """A way to say who one is that the broker does not know."""


class AuthenticationFailedError(KafkaError):
    """The broker does not believe who one is."""


class KafkaTimeoutError(_errors.KafkaTimeoutError):  # type: ignore[no-redef]
    """It took too long."""

    retriable = False


class KafkaProtocolError(_errors.KafkaProtocolError):  # type: ignore[no-redef]
    """A broker's answer can't be read."""

    retriable = True


class CorrelationIdError(_errors.CorrelationIdError, KafkaProtocolError):  # type: ignore[no-redef]
    """A broker answered another request than the one that was sent."""


# Code, aiokafka's names; a * before the first one: not retriable, and metadata is not stale.
_TABLE = """
2 InvalidMessageError; 9 *ReplicaNotAvailableError; 13 *StaleLeaderEpochCodeError; 14 GroupLoadInProgressError;
15 GroupCoordinatorNotAvailableError; 16 NotCoordinatorForGroupError; 45 OutOfOrderSequenceNumber; 46 DuplicateSequenceNumber;
47 InvalidProducerEpoch; 48 InvalidTxnState; 49 InvalidProducerIdMapping; 50 InvalidTransactionTimeout;
51 *ConcurrentTransactions; 52 TransactionCoordinatorFenced; 53 TransactionalIdAuthorizationFailed; 54 SecurityDisabled;
55 OperationNotAttempted; 57 LogDirNotFound; 58 SaslAuthenticationFailed; 59 UnknownProducerId; 60 ReassignmentInProgress;
61 DelegationTokenAuthDisabled; 62 DelegationTokenNotFound; 63 DelegationTokenOwnerMismatch;
64 DelegationTokenRequestNotAllowed; 65 DelegationTokenAuthorizationFailed; 66 DelegationTokenExpired; 67 InvalidPrincipalType;
68 NonEmptyGroup; 69 GroupIdNotFound; 70 *FetchSessionIdNotFound; 71 *InvalidFetchSessionEpoch; 72 *ListenerNotFound;
79 MemberIdRequired
"""

kafka_errors: dict[int, type[BrokerResponseError]] = dict(BrokerErrors)  # type: ignore[no-redef]


def _define() -> None:
    for row in _TABLE.replace("\n", " ").split(";"):
        code, name = row.split()
        made = BrokerErrors[int(code)]
        if name.startswith("*"):
            name = name[1:]
            flags = {"retriable": False, "invalid_metadata": False, "__module__": __name__, "__doc__": f"Kafka's error {code}."}
            made = kafka_errors[int(code)] = type(name, (made,), flags)
        globals()[name] = made


_define()
# What Kafka called it once.
kafka_errors[13].message = "STALE_LEADER_EPOCH_CODE"
kafka_errors[90] = ProducerFenced


def for_code(error_code: int) -> type[BrokerResponseError]:  # type: ignore[no-redef]
    """The class of a broker's error code."""
    return kafka_errors.get(error_code) or _errors.for_code(error_code)


_LOCAL: dict[int, Any] = {
    **{code: KafkaTimeoutError if kind is _errors.KafkaTimeoutError else kind for code, kind in LOCAL.items()},
    -144: ProducerFenced,
    -169: AuthenticationFailedError,
    -199: KafkaProtocolError,
}

translated = translating(lambda code: for_code(code) if code >= -1 else _LOCAL.get(code, KafkaError))


def __getattr__(name: str) -> object:
    return getattr(_errors, name)
