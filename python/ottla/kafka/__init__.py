"""kafka-python's producer and consumer."""

from .._ottla import ConsumerRecord, FutureRecordMetadata
from ._consumer import ConsumerRebalanceListener, KafkaConsumer
from ._producer import KafkaProducer
from .structs import OffsetAndMetadata, OffsetAndTimestamp, RecordMetadata, TopicPartition

__all__ = [
    "ConsumerRebalanceListener",
    "ConsumerRecord",
    "FutureRecordMetadata",
    "KafkaConsumer",
    "KafkaProducer",
    "OffsetAndMetadata",
    "OffsetAndTimestamp",
    "RecordMetadata",
    "TopicPartition",
]
