"""kafka-python's consumer."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Self, TypeVar

from .. import _model, _ottla
from .._error import KafkaException
from .._later import later
from ._options import properties
from .errors import IllegalStateError, KafkaConfigurationError, of_commit, translated
from .structs import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition

_OWN = frozenset(
    "key_deserializer value_deserializer consumer_timeout_ms max_poll_records partition_assignment_strategy "
    "default_offset_commit_callback".split()
)

_T = TypeVar("_T")


_log = logging.getLogger("ottla.kafka")


class ConsumerRebalanceListener:
    """What is called as partitions come and go: derive from it."""

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """They are to be given up."""

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """They were assigned."""


def deserializer(one: Any) -> Any:
    """A deserializer as a function."""
    if one is None or callable(one):
        return one
    if hasattr(one, "deserialize"):
        return lambda data: one.deserialize(None, data)
    raise KafkaConfigurationError("a deserializer is callable, or has a method deserialize(topic, bytes)")


def strategies(given: Any) -> str:
    """Names of assignors: given as such, or as kafka-python's classes, which have one."""
    return ",".join(one if isinstance(one, str) else one.name for one in given)


def native(partition: TopicPartition, offset: int = _model.OFFSET_INVALID) -> _model.TopicPartition:
    """As the native calls take it."""
    return _model.TopicPartition(partition[0], partition[1], offset)


def named(partitions: Iterable[_model.TopicPartition]) -> set[TopicPartition]:
    """As kafka-python gives it."""
    return {TopicPartition(one.topic, one.partition) for one in partitions}


def told(method: Callable[[set[TopicPartition]], Any]) -> Callable[[Any, list[_model.TopicPartition]], Any]:
    """A listener's method, or coroutine function, as the native consumer calls it. What it raises is logged, as kafka-python and
    aiokafka do it, and the rebalance goes on."""

    def failed() -> None:
        _log.exception("a rebalance listener's %s failed", getattr(method, "__name__", method))

    async def finish(answer: Awaitable[Any]) -> None:
        try:
            await answer
        except Exception:
            failed()

    def tell(_consumer: Any, partitions: list[_model.TopicPartition]) -> Any:
        try:
            answer = method(named(partitions))
        except Exception:
            failed()
            return None
        return finish(answer) if isinstance(answer, Awaitable) else None

    return tell


def told_of_commits(callback: Callable[[Any, Any], Any]) -> Callable[[Any, list[_model.TopicPartition]], Any]:
    """What is called with a commit's offsets and its error, or None, as the native consumer calls it."""
    if not callable(callback):
        raise KafkaConfigurationError("default_offset_commit_callback is callable")

    def tell(error: Any, partitions: list[_model.TopicPartition]) -> Any:
        offsets = {TopicPartition(one.topic, one.partition): committed(one) for one in partitions}
        return callback(offsets, None if error is None else of_commit(translated(KafkaException(error))))

    return tell


def committed(found: _model.TopicPartition) -> OffsetAndMetadata:
    """What was committed."""
    return OffsetAndMetadata(found.offset, found.metadata or "", -1 if found.leader_epoch is None else found.leader_epoch)


def matching(pattern: str) -> str:
    """A pattern as the native consumer takes it: from the beginning of a topic's name."""
    return f"^(?:{pattern})"


def not_negative(time: int) -> int:
    """A time that offsets are asked for."""
    if time < 0:
        raise ValueError("a time must not be negative")
    return time


def seconds(timeout_ms: float | None) -> float | None:
    """For the native calls."""
    return None if timeout_ms is None or math.isinf(timeout_ms) else timeout_ms / 1000


def call(function: Callable[..., _T], *args: Any) -> _T:
    """A native call with kafka-python's errors."""
    try:
        return function(*args)
    except KafkaException as exception:
        raise translated(exception) from None


@later("metrics group_metadata bootstrap")
class KafkaConsumer(_ottla.Consumer):
    """Reads records: iterate over it, or ``poll`` for several together."""

    def __init__(self, *topics: str, **options: Any) -> None:
        options.setdefault("bootstrap_servers", "localhost")
        made = properties("KafkaConsumer", options, _OWN)
        if given := options.get("partition_assignment_strategy"):
            made.append(("partition.assignment.strategy", strategies(given)))
        self._max_poll_records = options.get("max_poll_records", 500)
        self._group_id = options.get("group_id")
        self._topics: set[str] = set()
        deserializers = [deserializer(options.get(name)) for name in ("key_deserializer", "value_deserializer")]
        # Without a group there is nothing to commit to.
        if self._group_id is None:
            made = [(name, value) for name, value in made if name != "enable.auto.commit"]
        self._reset = options.get("auto_offset_reset", "latest")
        self._at: dict[str, int] = {}
        callbacks = {}
        if (callback := options.get("default_offset_commit_callback")) is not None:
            callbacks["on_commit"] = told_of_commits(callback)
        call(self._open, made, callbacks, True, *deserializers, seconds(options.get("consumer_timeout_ms")))
        if topics:
            self.subscribe(topics)

    # Subscribing

    def subscribe(
        self,
        topics: Iterable[str] = (),
        pattern: str | None = None,
        listener: ConsumerRebalanceListener | None = None,
    ) -> None:
        """Reads these topics from now on, or all whose names begin with what matches the pattern."""
        topics = [topics] if isinstance(topics, str) else list(topics)
        if pattern is not None:
            if topics or self._group_id is None:
                raise IllegalStateError("topics or a pattern, and a pattern with group_id only")
            topics = [matching(pattern)]
        if not topics:
            raise ValueError("at least one topic is needed, or a pattern")
        self._topics = set(topics)
        if self._group_id is None:
            # All partitions of the topics, with no group to share them.
            partitions = [TopicPartition(topic, one) for topic in topics for one in self._wait_for_topic(topic)]
            call(_ottla.consumer_assign, self, [native(one) for one in partitions])
            if listener is not None:
                listener.on_partitions_assigned(set(partitions))
            return
        if listener is None:
            call(self._subscribe, topics, None, None, None)
            return
        call(
            self._subscribe,
            topics,
            told(listener.on_partitions_assigned),
            told(listener.on_partitions_revoked),
            None,
        )

    def _wait_for_topic(self, topic: str) -> set[int]:
        found = self.partitions_for_topic(topic)
        if not found:
            raise IllegalStateError(f"topic {topic} is not there: without group_id its partitions are asked for once")
        return found

    def unsubscribe(self) -> None:
        """Reads nothing any more."""
        self._topics = set()
        if self._group_id is None:
            call(_ottla.consumer_assign, self, [])
        else:
            call(super().unsubscribe)

    def subscription(self) -> set[str] | None:
        """The topics; of a pattern, those that it reads partitions of. None without any."""
        if not self._topics:
            return None
        if any(topic.startswith("^") for topic in self._topics):
            return {partition.topic for partition in self.assignment()}
        return set(self._topics)

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Reads these partitions, instead of those before."""
        call(_ottla.consumer_assign, self, [native(one) for one in partitions])

    def assignment(self) -> set[TopicPartition]:
        """What it reads."""
        return named(call(_ottla.consumer_assignment, self))

    # Reading

    def poll(  # type: ignore[override]
        self, timeout_ms: float = 0, max_records: int | None = None, update_offsets: bool = True
    ) -> dict[TopicPartition, list[_ottla.ConsumerRecord]]:
        """Records by partition, as many as are there, once there are any."""
        if timeout_ms < 0:
            raise ValueError("timeout_ms must not be negative")
        if self._is_closed():
            raise IllegalStateError("the consumer is closed")
        if not update_offsets:
            raise NotImplementedError("KafkaConsumer.poll(update_offsets=False) is not there yet (see COMPAT.md)")
        records: dict[TopicPartition, list[_ottla.ConsumerRecord]] = {}
        last: tuple[str, int] | None = None
        for record in self._some(max_records or self._max_poll_records, seconds(timeout_ms)):
            key = (record.topic, record.partition)
            if key != last:
                last, several = key, records.setdefault(TopicPartition(*key), [])
            several.append(record)
        return records

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Goes on at an offset."""
        if not isinstance(offset, int) or offset < 0:
            raise ValueError("offset must be an int of at least 0")
        if partition not in self.assignment():
            raise ValueError(f"{partition} is not assigned")
        call(_ottla.consumer_seek, self, native(partition, offset))

    def _seek_all(self, partitions: tuple[TopicPartition, ...], offset: int) -> None:
        for partition in partitions or tuple(self.assignment()):
            call(_ottla.consumer_seek, self, native(partition, offset))

    def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Goes on at the first records that are there."""
        self._seek_all(partitions, _model.OFFSET_BEGINNING)

    def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Goes on with what comes."""
        self._seek_all(partitions, _model.OFFSET_END)

    def pause(self, *partitions: TopicPartition) -> None:
        """Hands out nothing of these until they are resumed."""
        call(_ottla.consumer_pause, self, [native(one) for one in partitions], True)

    def resume(self, *partitions: TopicPartition) -> None:
        """Ends ``pause``."""
        call(_ottla.consumer_pause, self, [native(one) for one in partitions], False)

    def paused(self) -> set[TopicPartition]:
        """What is paused."""
        return named(call(_ottla.consumer_paused, self))

    def position(self, partition: TopicPartition, timeout_ms: float | None = None) -> int | None:
        """The offset of the next record; None as long as the first one is being looked up."""
        [found] = call(_ottla.consumer_position, self, [native(partition)])
        if found.offset < 0 and partition not in self.assignment():
            raise IllegalStateError(f"{partition} is not assigned")
        return found.offset if found.offset >= 0 else None

    # Committing

    def _offsets(self, offsets: dict[TopicPartition, OffsetAndMetadata] | None) -> list[_model.TopicPartition] | None:
        if self._group_id is None:
            raise IllegalStateError("group_id is not set: there is no group to commit to")
        if offsets is None:
            return None
        made = []
        for partition, offset in offsets.items():
            epoch = offset.leader_epoch if len(offset) > 2 and offset.leader_epoch is not None else -1
            known = epoch if epoch >= 0 else None
            made.append(_model.TopicPartition(partition[0], partition[1], offset.offset, offset.metadata or None, known))
        return made

    def commit(
        self, offsets: dict[TopicPartition, OffsetAndMetadata] | None = None, timeout_ms: float | None = None
    ) -> None:
        """Commits these offsets, or what was consumed, and waits for it."""
        made = self._offsets(offsets)
        if made is None and not self._anything_consumed():
            return
        try:
            _ottla.consumer_commit(self, None, made, False)
        except KafkaException as exception:
            raise of_commit(translated(exception)) from None

    def commit_async(
        self, offsets: dict[TopicPartition, OffsetAndMetadata] | None = None, callback: Any = None
    ) -> None:
        """Commits in the background."""
        if callback is not None:
            raise NotImplementedError("KafkaConsumer.commit_async(callback=...) is not there yet (see COMPAT.md)")
        made = self._offsets(offsets)
        if made is None and not self._anything_consumed():
            return
        call(_ottla.consumer_commit, self, None, made, True)

    def _anything_consumed(self) -> bool:
        assigned = call(_ottla.consumer_assignment, self)
        return any(one.offset >= 0 for one in call(_ottla.consumer_position, self, assigned))

    def committed(self, partition: TopicPartition, metadata: bool = False, timeout_ms: float | None = None) -> Any:
        """What the group has committed: an offset, or with ``metadata`` an OffsetAndMetadata; None if nothing."""
        if self._group_id is None:
            raise IllegalStateError("group_id is not set: there is no group that commits")
        [found] = call(_ottla.consumer_committed, self, [native(partition)], seconds(timeout_ms))
        if found.offset < 0:
            return None
        if not metadata:
            return found.offset
        return committed(found)

    # Looking

    def topics(self) -> set[str]:
        """All topics."""
        return set(call(self._admin().list_topics))

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """A topic's partitions, None if it is not there."""
        try:
            return {partition[0] for partition in self._admin().describe_topic(topic)["partitions"]}
        except KafkaException as exception:
            if exception.args[0].code() == 3:
                return None
            raise translated(exception) from None

    def _watermarks(
        self, partitions: Iterable[TopicPartition], timeout_ms: float | None, which: int
    ) -> dict[TopicPartition, int]:
        found = {one: call(_ottla.consumer_watermarks, self, native(one), seconds(timeout_ms), False) for one in partitions}
        return {partition: offsets[which] for partition, offsets in found.items()}

    def beginning_offsets(
        self, partitions: Iterable[TopicPartition], timeout_ms: float | None = None
    ) -> dict[TopicPartition, int]:
        """The first offsets that are there."""
        return self._watermarks(partitions, timeout_ms, 0)

    def end_offsets(self, partitions: Iterable[TopicPartition], timeout_ms: float | None = None) -> dict[TopicPartition, int]:
        """The offsets behind the last records."""
        return self._watermarks(partitions, timeout_ms, 1)

    def offsets_for_times(
        self, timestamps: dict[TopicPartition, int], timeout_ms: float | None = None
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first records at or after these times (ms since the epoch); None where there is none."""
        asked = [native(partition, not_negative(time)) for partition, time in timestamps.items()]
        found: dict[TopicPartition, OffsetAndTimestamp | None] = {}
        for one, time in call(_ottla.consumer_offsets_for_times, self, asked, seconds(timeout_ms)):
            found[TopicPartition(one.topic, one.partition)] = None if one.offset < 0 else OffsetAndTimestamp(one.offset, time)
        return found

    def highwater(self, partition: TopicPartition) -> int | None:
        """The offset behind the last record, as the last fetch told."""
        found = call(_ottla.consumer_watermarks, self, native(partition), None, True)[1]
        return found if found >= 0 else None

    def bootstrap_connected(self) -> bool:
        """Whether a broker answers."""
        try:
            self._admin().describe_cluster(5)
        except KafkaException:
            return False
        return True

    def close(self, autocommit: bool = True, timeout_ms: float | None = None) -> None:
        """Leaves the group and ends the consumer. What was consumed is committed, with ``enable_auto_commit``."""
        if not autocommit:
            raise NotImplementedError("KafkaConsumer.close(autocommit=False) is not there yet (see COMPAT.md)")
        call(super().close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
