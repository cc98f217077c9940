"""A client for Apache Kafka with confluent-kafka's calls, on a core in Rust.

``ottla.aio`` is for asyncio, ``ottla.kafka`` has kafka-python's calls, ``ottla.admin`` looks at topics and changes them, and
``ottla.testing`` has a broker for tests.
"""

import sys as _sys

if "t" in getattr(_sys, "abiflags", ""):
    raise ImportError(
        "ottla needs Python's global interpreter lock: it does not run on a free-threaded build yet (see COMPAT.md)"
    )

from ._consumer import Consumer
from ._error import KafkaError, KafkaException
from ._metadata import ClusterMetadata, TopicMetadata
from ._model import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_INVALID,
    OFFSET_STORED,
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    TIMESTAMP_NOT_AVAILABLE,
    ThrottleEvent,
    TopicPartition,
)
from ._ottla import Message, __version__
from ._producer import Producer

__all__ = [
    "OFFSET_BEGINNING",
    "OFFSET_END",
    "OFFSET_INVALID",
    "OFFSET_STORED",
    "TIMESTAMP_CREATE_TIME",
    "TIMESTAMP_LOG_APPEND_TIME",
    "TIMESTAMP_NOT_AVAILABLE",
    "ClusterMetadata",
    "Consumer",
    "KafkaError",
    "KafkaException",
    "Message",
    "Producer",
    "ThrottleEvent",
    "TopicMetadata",
    "TopicPartition",
    "__version__",
    "libversion",
    "version",
]


def version() -> str:
    """Ottla's version."""
    return __version__


def libversion() -> tuple[str, int]:
    """The core's version, which is the same, as text and as a number."""
    major, minor, patch = (int(part) for part in __version__.split("."))
    return __version__, major << 24 | minor << 16 | patch << 8
