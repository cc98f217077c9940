"""kafka-python's producer."""

from __future__ import annotations

from typing import Any, Self

from .. import _ottla
from .._error import KafkaException
from .._later import later
from .._producer import sending
from ._options import properties
from .errors import KafkaConfigurationError, KafkaTimeoutError, translated

_OWN = frozenset({"key_serializer", "value_serializer", "exit_timeout_ms", "buffer_memory", "batch_size", "retries"})


@later("init_transactions begin_transaction commit_transaction abort_transaction send_offsets_to_transaction")
class KafkaProducer(_ottla.SendingProducer):
    """Sends records: ``send`` answers at once with a future of the record's metadata.

    What is still queued when the process ends goes out within ``exit_timeout_ms`` (1 s).
    """

    def __init__(self, **options: Any) -> None:
        options.setdefault("bootstrap_servers", "localhost")
        options.setdefault("linger_ms", 0)
        made = properties("KafkaProducer", options, _OWN)
        if (memory := options.get("buffer_memory")) is not None:
            made.append(("queue.buffering.max.kbytes", str(max(1, int(memory) // 1024))))
        if (size := options.get("batch_size")) is not None:
            # 0 is a batch for each record there.
            made.append(("batch.size", str(size)) if size else ("batch.num.messages", "1"))
        if (retries := options.get("retries")) is not None and retries != float("inf"):
            made.append(("retries", str(int(retries))))
        if (exit_timeout := options.get("exit_timeout_ms")) is not None:
            made.append(("exit.timeout.ms", str(int(exit_timeout))))
        key_serializer, value_serializer = options.get("key_serializer"), options.get("value_serializer")
        for one in (key_serializer, value_serializer):
            if one is not None and not callable(one) and not hasattr(one, "serialize"):
                raise KafkaConfigurationError("a serializer is callable, or has a method serialize(topic, value)")
        try:
            self._open(made, key_serializer, value_serializer)
        except KafkaException as exception:
            raise translated(exception) from None
        sending.add(self)

    def flush(self, timeout: float | None = None) -> None:
        """Waits until all that was sent before has ended; ``KafkaTimeoutError`` if it has not in so many seconds."""
        if not self._flush(timeout):
            raise KafkaTimeoutError(f"not all records were acknowledged within {timeout} s")

    def close(self, timeout: float | None = None, null_logger: bool = False) -> None:
        """Sends what there is, within so many seconds, and ends the producer. What is left then fails."""
        if not self._is_closed():
            self._flush(timeout)
            self._close()

    def partitions_for(self, topic: str) -> set[int]:
        """A topic's partitions."""
        try:
            return {partition[0] for partition in self._admin().describe_topic(topic)["partitions"]}
        except KafkaException as exception:
            raise translated(exception) from None

    def bootstrap_connected(self) -> bool:
        """Whether a broker answers."""
        try:
            self._admin().describe_cluster(5)
        except KafkaException:
            return False
        return True

    def metrics(self, raw: bool = False) -> dict[str, dict[str, Any]]:
        """What was counted."""
        return {"producer-metrics": self._metrics()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
