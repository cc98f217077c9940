"""kafka-python's records of facts."""

from __future__ import annotations

from typing import NamedTuple


class TopicPartition(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class OffsetAndMetadata(NamedTuple):
    """What is committed: the offset of the next record, and what the application keeps beside it."""

    offset: int
    metadata: str = ""
    leader_epoch: int = -1


class OffsetAndTimestamp(NamedTuple):
    """An offset that was found by its time."""

    offset: int
    timestamp: int
    leader_epoch: int = -1


class RecordMetadata(NamedTuple):
    """Where a record was written."""

    topic: str
    partition: int
    topic_partition: TopicPartition
    offset: int
    timestamp: int
    checksum: int | None
    serialized_key_size: int
    serialized_value_size: int
    serialized_header_size: int


def record_metadata(
    topic: str, partition: int, offset: int, timestamp: int, key_size: int, value_size: int, header_size: int
) -> RecordMetadata:
    """Makes one."""
    both = TopicPartition(topic, partition)
    return RecordMetadata(topic, partition, both, offset, timestamp, None, key_size, value_size, header_size)
