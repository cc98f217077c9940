"""aiokafka's errors: kafka-python's, and some of its own."""

from __future__ import annotations

from ..kafka import errors as _errors
from ..kafka.errors import *  # noqa: F403
from ..kafka.errors import KafkaError


class ConsumerStoppedError(Exception):
    """The consumer was stopped."""


class IllegalOperation(Exception):
    """A call that is not allowed with this configuration."""


class ProducerClosed(KafkaError):
    """The producer was stopped."""


def __getattr__(name: str) -> object:
    return getattr(_errors, name)
