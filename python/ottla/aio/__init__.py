"""aiokafka's producer and consumer, native on asyncio: no threads, and one wake-up of the loop for all that has come."""

from .._ottla import ConsumerRecord
from ..kafka._consumer import ConsumerRebalanceListener
from ._consumer import AIOKafkaConsumer
from ._producer import AIOKafkaProducer
from .errors import ConsumerStoppedError, IllegalOperation
from .structs import OffsetAndMetadata, OffsetAndTimestamp, RecordMetadata, TopicPartition

__all__ = [
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "ConsumerRebalanceListener",
    "ConsumerRecord",
    "ConsumerStoppedError",
    "IllegalOperation",
    "OffsetAndMetadata",
    "OffsetAndTimestamp",
    "RecordMetadata",
    "TopicPartition",
]
