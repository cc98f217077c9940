"""aiokafka's records of facts."""

from __future__ import annotations

from typing import NamedTuple

from ..kafka.structs import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition

__all__ = ["OffsetAndMetadata", "OffsetAndTimestamp", "RecordMetadata", "TopicPartition"]


class RecordMetadata(NamedTuple):
    """Where a record was written."""

    topic: str
    partition: int
    topic_partition: TopicPartition
    offset: int
    timestamp: int | None
    timestamp_type: int
    log_start_offset: int | None
