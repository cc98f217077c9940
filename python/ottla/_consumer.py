"""The consumer, with confluent-kafka's calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from . import _ottla
from ._config import Configuration
from ._error import invalid, refused
from ._metadata import ClusterMetadata, cluster_id, list_topics
from ._model import TopicPartition

_KNOWN = frozenset({"error_cb", "stats_cb", "throttle_cb", "logger", "on_commit"})

RebalanceCallback = Callable[["Consumer", list[TopicPartition]], None]


class Consumer(_ottla.Consumer):
    """Reads records: as a member of a group (``subscribe``), or from partitions that it is assigned to (``assign``).

    Records come one by one (``poll``, or iterating), or several together (``consume``). Callbacks are called from within these,
    and ``close``, on the thread that calls them.
    """

    def __init__(self, *args: Any, **config: Any) -> None:
        configuration = Configuration("Consumer", args, config, _KNOWN)
        if not any(name == "group.id" for name, _ in configuration.properties):
            raise ValueError("Failed to create consumer: group.id must be set")
        self._open(configuration.properties, configuration.callbacks)

    def subscribe(
        self,
        topics: list[str],
        on_assign: RebalanceCallback | None = None,
        on_revoke: RebalanceCallback | None = None,
        on_lost: RebalanceCallback | None = None,
        **keywords: Any,
    ) -> None:
        """Reads these topics from now on, sharing their partitions with the other members of the group.

        One that begins with ``^`` is a regular expression: all topics are read whose names it matches, those that come later too.
        """
        if keywords:
            raise TypeError(f"subscribe() got an unexpected keyword argument {next(iter(keywords))!r}")
        if not isinstance(topics, list):
            raise TypeError("expected list of topic unicode strings")
        if not topics:
            raise invalid("at least one topic is needed: unsubscribe() reads nothing any more")
        for topic in topics:
            if not isinstance(topic, str):
                raise TypeError("expected list of topic unicode strings")
        for callback in (on_assign, on_revoke, on_lost):
            if callback is not None and not callable(callback):
                raise TypeError("on_assign, on_revoke and on_lost expect a callable")
        self._subscribe(topics, on_assign, on_revoke, on_lost)

    def assign(self, partitions: list[TopicPartition]) -> None:
        """Reads these partitions, instead of those before. An offset says where; without one it is where the group stands.

        From within ``on_assign`` it says where to begin in the partitions that the group has assigned.
        """
        _ottla.consumer_assign(self, partitions)

    def unassign(self) -> None:
        """Reads nothing any more."""
        _ottla.consumer_assign(self, [])

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        """Reads these partitions too."""
        _ottla.consumer_incremental_assign(self, partitions)

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        """Reads these partitions no more."""
        _ottla.consumer_incremental_unassign(self, partitions)

    def assignment(self) -> list[TopicPartition]:
        """What it reads."""
        return _ottla.consumer_assignment(self)

    def commit(
        self,
        message: _ottla.Message | None = None,
        offsets: list[TopicPartition] | None = None,
        asynchronous: bool = True,
    ) -> list[TopicPartition] | None:
        """Commits the offset behind a message, these offsets, or (without either) what was consumed.

        With ``asynchronous=False`` it waits, and answers with what was committed.
        """
        return _ottla.consumer_commit(self, message, offsets, asynchronous)

    def store_offsets(self, message: _ottla.Message | None = None, offsets: list[TopicPartition] | None = None) -> None:
        """Stores offsets for the next commit, with ``enable.auto.offset.store`` false."""
        _ottla.consumer_store_offsets(self, message, offsets)

    def committed(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        """What the group has committed."""
        return _ottla.consumer_committed(self, partitions, timeout)

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """The offsets of the next records."""
        return _ottla.consumer_position(self, partitions)

    def seek(self, partition: TopicPartition) -> None:
        """Goes on at the partition's offset."""
        _ottla.consumer_seek(self, partition)

    def pause(self, partitions: list[TopicPartition]) -> None:
        """Hands out nothing of these partitions, those that are assigned, until they are resumed."""
        _ottla.consumer_pause(self, self._assigned(partitions), True)

    def resume(self, partitions: list[TopicPartition]) -> None:
        """Ends ``pause``."""
        _ottla.consumer_pause(self, self._assigned(partitions), False)

    def _assigned(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        assigned = set(self.assignment())
        for partition in partitions:
            if not isinstance(partition, TopicPartition):
                raise TypeError("expected TopicPartition")
        return [partition for partition in partitions if partition in assigned]

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = -1, cached: bool = False
    ) -> tuple[int, int]:
        """A partition's first offset and its end."""
        return _ottla.consumer_watermarks(self, partition, timeout, cached)

    def offsets_for_times(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        """The first offsets at or after the times (ms since the epoch) that stand in the partitions' ``offset``."""
        return [partition for partition, _time in _ottla.consumer_offsets_for_times(self, partitions, timeout)]

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> ClusterMetadata:
        """The cluster's brokers, and one topic or all."""
        return list_topics(self._admin(), topic, timeout)

    def cluster_id(self, timeout: float = -1) -> str | None:
        """The cluster's id."""
        return cluster_id(self._admin(), timeout)

    def memberid(self) -> str | None:
        """The id that the group's coordinator knows this consumer by; None before it is a member."""
        return _ottla.consumer_member_id(self) or None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def consumer_group_metadata(self) -> Any:
        """Not there yet."""
        raise refused("Consumer.consumer_group_metadata")

    def set_sasl_credentials(self, *_args: Any) -> None:
        """Not there yet."""
        raise refused("Consumer.set_sasl_credentials")
