"""aiokafka's consumer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Self

from .. import _model, _ottla
from .._later import later
from ..kafka._consumer import ConsumerRebalanceListener, deserializer, matching, named, native, not_negative, strategies, told
from ..kafka._options import properties, servers
from ._loop import TURN, Port, call, unclosed
from .errors import BrokerResponseError, ConsumerStoppedError, IllegalOperation, IllegalStateError, of_commit
from .structs import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition

_OWN = frozenset({"key_deserializer", "value_deserializer", "max_poll_records", "partition_assignment_strategy"})

Offsets = dict[TopicPartition, "int | OffsetAndMetadata | tuple[int, str]"]


@later("last_poll_timestamp last_stable_offset partitions_for_topic seek_to_committed topics")
class AIOKafkaConsumer(_ottla.AioConsumer):
    """Reads records, on the loop of the coroutine that starts it: ``async for``, ``getone``, ``getmany``.

    Giving up a wait, by a cancellation or a timeout, loses no record.
    """

    def __init__(self, *topics: str, loop: Any = None, **options: Any) -> None:
        options.setdefault("bootstrap_servers", "localhost")
        self._servers = servers(options["bootstrap_servers"])
        self._timeout = options.get("request_timeout_ms", 40000) / 1000
        self._group_id = options.get("group_id")
        made = properties("AIOKafkaConsumer", options, _OWN)
        if given := options.get("partition_assignment_strategy"):
            made.append(("partition.assignment.strategy", strategies(given)))
        if self._group_id is None:
            made = [(name, value) for name, value in made if name != "enable.auto.commit"]
        call(_ottla.check_properties, made)
        self._properties = made
        self._deserializers = [deserializer(options.get(name)) for name in ("key_deserializer", "value_deserializer")]
        self._max_poll_records = options.get("max_poll_records")
        self._topics = set(topics)
        self._listener: Any = None
        self._port: Port | None = None
        self._closed = False
        # The one call for more that is under way, and who waits for it.
        self._next: asyncio.Future[None] | None = None
        self._waiters: set[asyncio.Future[None]] = set()
        self._error: BaseException | None = None
        self._assigning: asyncio.Future[None] | None = None
        self._turn = TURN

    async def start(self) -> None:
        """Waits until a broker answers, and begins to read."""
        if self._port is not None:
            raise AssertionError("the consumer was started already")
        self._port = Port()
        try:
            call(self._native._open, self._properties, {}, True, *self._deserializers, None)
            await self._port.connected(self._native, self._servers, self._timeout)
            if self._topics:
                await self._begin()
        except BaseException:
            self._closed = True
            try:
                _ottla.aio_close(self._native, self._port.native)
            finally:
                self._port.close()
            raise

    def _running(self) -> Port:
        if self._closed:
            raise ConsumerStoppedError("the consumer is stopped")
        if self._port is None:
            raise IllegalOperation("start() comes first")
        return self._port

    # Subscribing

    async def _begin(self) -> None:
        port = self._running()
        if self._group_id is not None:
            self._subscribe()
            return
        partitions = []
        for topic in sorted(self._topics):
            for one in await _ottla.aio_partitions(self._native, port.native, topic):
                partitions.append(_model.TopicPartition(topic, one))
        await _ottla.aio_assign(self._native, port.native, partitions)

    def _subscribe(self) -> None:
        listener = self._listener
        if listener is None:
            call(self._native._subscribe, list(self._topics), None, None, None)
            return
        call(
            self._native._subscribe,
            list(self._topics),
            told(listener.on_partitions_assigned),
            told(listener.on_partitions_revoked),
            None,
        )

    def subscribe(
        self, topics: Iterable[str] = (), pattern: str | None = None, listener: ConsumerRebalanceListener | None = None
    ) -> None:
        """Reads these topics from now on, or all whose names begin with what matches the pattern. The listener's methods may be
        coroutine functions."""
        if pattern is not None:
            if topics or self._group_id is None:
                raise IllegalOperation("topics or a pattern, and a pattern with group_id only")
            topics = [matching(pattern)]
        if isinstance(topics, str) or not (topics := list(topics)):
            raise TypeError("topics must be a list of at least one topic")
        self._topics, self._listener = set(topics), listener
        if self._port is None:
            return
        self._running()
        if self._group_id is None:
            self._assigning = asyncio.ensure_future(self._begin())
        else:
            self._subscribe()

    def unsubscribe(self) -> None:
        """Reads nothing any more."""
        self._running()
        self._topics = set()
        if self._group_id is None:
            call(_ottla.consumer_assign, self._native, [])
        else:
            call(self._native._subscribe, [], None, None, None)

    def subscription(self) -> frozenset[str]:
        """The topics; of a pattern, those that it reads partitions of."""
        if any(topic.startswith("^") for topic in self._topics):
            return frozenset(partition.topic for partition in self.assignment())
        return frozenset(self._topics)

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Reads these partitions, instead of those before."""
        port = self._running()
        if self._topics:
            raise IllegalStateError("it is subscribed to topics: unsubscribe() comes first")
        self._assigning = call(_ottla.aio_assign, self._native, port.native, [native(one) for one in partitions])

    def assignment(self) -> set[TopicPartition]:
        """What it reads; nothing before ``start`` and after ``stop``."""
        if self._closed or self._port is None:
            return set()
        return named(call(_ottla.consumer_assignment, self._native))

    # Reading

    def _came(self, done: asyncio.Future[None]) -> None:
        """More is at hand, or an error came: for one of those who wait."""
        self._next = None
        self._error = None if done.cancelled() else done.exception()
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _more(self) -> None:
        """Waits until there may be more at hand."""
        port = self._running()
        if self._assigning is not None:
            # An assignment that fails does so for who reads. Who gives up does not take it along.
            assigning = self._assigning
            try:
                await asyncio.shield(assigning)
            finally:
                if assigning.done() and self._assigning is assigning:
                    self._assigning = None
                del assigning
            self._running()
        if self._next is None and self._error is None:
            following = _ottla.aio_next(self._native, port.native)
            if following.done():
                self._error = following.exception()
            else:
                self._next = following
                following.add_done_callback(self._came)
            # An exception's traceback keeps this frame: what keeps the exception is not to be in it.
            del following
        if self._next is not None:
            # A waiter of its own: who gives up does not take the call along.
            waiter: asyncio.Future[None] = port.loop.create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
            self._running()
        if self._error is not None:
            error, self._error = self._error, None
            try:
                raise error
            finally:
                del error

    async def getone(self, *partitions: TopicPartition) -> _ottla.ConsumerRecord:
        """The next record."""
        if partitions:
            raise NotImplementedError("AIOKafkaConsumer.getone(partition) is not there yet (see COMPAT.md)")
        self._running()
        self._turn -= 1
        if self._turn <= 0:
            self._turn = TURN
            # Before a record is taken: one in hand would be lost to a cancellation.
            await asyncio.sleep(0)
            self._running()
        if (record := self._native._take()) is not None:
            return record
        while True:
            await self._more()
            if (record := self._native._take()) is not None:
                return record

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: float = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[_ottla.ConsumerRecord]]:
        """Records by partition: what is there, waiting so long for the first one."""
        if partitions:
            raise NotImplementedError("AIOKafkaConsumer.getmany(partition) is not there yet (see COMPAT.md)")
        port = self._running()
        if max_records is not None and max_records < 1:
            raise ValueError("max_records must be at least 1")
        limit = max_records or self._max_poll_records or 500
        end = port.loop.time() + timeout_ms / 1000
        if self._turn <= 0:
            self._turn = TURN
            # Before records are taken: those in hand would be lost to a cancellation.
            await asyncio.sleep(0)
            self._running()
        while True:
            records = self._native._some(limit, 0)
            if records:
                break
            left = end - port.loop.time()
            if left <= 0:
                # The loop has a turn at least: who asks again and again keeps nobody from going on.
                await asyncio.sleep(0)
                return {}
            try:
                await asyncio.wait_for(self._more(), left)
            except TimeoutError:
                return {}
        self._turn -= len(records)
        made: dict[TopicPartition, list[_ottla.ConsumerRecord]] = {}
        last: tuple[str, int] | None = None
        for record in records:
            key = (record.topic, record.partition)
            if key != last:
                last, several = key, made.setdefault(TopicPartition(*key), [])
            several.append(record)
        return made

    async def _next_record(self, is_turn: bool) -> _ottla.ConsumerRecord:
        """What ``__anext__`` goes on with when there is nothing at hand, or it is the loop's turn."""
        try:
            if is_turn:
                await asyncio.sleep(0)
            return await self.getone()
        except ConsumerStoppedError:
            raise StopAsyncIteration from None

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Goes on at an offset."""
        self._running()
        if not isinstance(offset, int) or offset < 0:
            raise ValueError("offset must be an int of at least 0")
        call(_ottla.consumer_seek, self._native, native(partition, offset))

    async def _seek_all(self, partitions: tuple[TopicPartition, ...], offset: int) -> bool:
        for partition in partitions or tuple(self.assignment()):
            call(_ottla.consumer_seek, self._native, native(partition, offset))
        return True

    async def seek_to_beginning(self, *partitions: TopicPartition) -> bool:
        """Goes on at the first records that are there."""
        return await self._seek_all(partitions, _model.OFFSET_BEGINNING)

    async def seek_to_end(self, *partitions: TopicPartition) -> bool:
        """Goes on with what comes."""
        return await self._seek_all(partitions, _model.OFFSET_END)

    def pause(self, *partitions: TopicPartition) -> None:
        """Hands out nothing of these until they are resumed."""
        self._running()
        call(_ottla.consumer_pause, self._native, [native(one) for one in partitions], True)

    def resume(self, *partitions: TopicPartition) -> None:
        """Ends ``pause``."""
        self._running()
        call(_ottla.consumer_pause, self._native, [native(one) for one in partitions], False)

    def paused(self) -> set[TopicPartition]:
        """What is paused."""
        self._running()
        return named(call(_ottla.consumer_paused, self._native))

    async def position(self, partition: TopicPartition) -> int | None:
        """The offset of the next record; None as long as the first one is being looked up."""
        self._running()
        [found] = call(_ottla.consumer_position, self._native, [native(partition)])
        if found.offset < 0 and partition not in self.assignment():
            raise IllegalStateError(f"{partition} is not assigned")
        return found.offset if found.offset >= 0 else None

    # Committing

    async def commit(self, offsets: Offsets | None = None) -> None:
        """Commits these offsets, or what was consumed, and waits for it."""
        port = self._running()
        if self._group_id is None:
            raise IllegalOperation("group_id is not set: there is no group to commit to")
        made = None
        if offsets is not None:
            if not offsets or not isinstance(offsets, Mapping):
                raise ValueError(f"offsets must be a dict that is not empty, not {offsets!r}")
            if away := set(offsets) - self.assignment():
                raise IllegalStateError(f"{away} are not assigned")
            made = []
            for partition, offset in offsets.items():
                number, metadata, *_ = (offset, "") if isinstance(offset, int) else offset
                made.append(_model.TopicPartition(partition[0], partition[1], number, metadata or None))
        try:
            await call(_ottla.aio_commit, self._native, port.native, made)
        except BrokerResponseError as error:
            raise of_commit(error) from None

    async def committed(self, partition: TopicPartition) -> int | None:
        """What the group has committed, None if nothing."""
        port = self._running()
        if self._group_id is None:
            raise IllegalOperation("group_id is not set: there is no group that commits")
        [found] = await call(_ottla.aio_committed, self._native, port.native, [native(partition)])
        return found.offset if found.offset >= 0 else None

    # Looking

    async def _watermarks(self, partitions: Iterable[TopicPartition], which: int) -> dict[TopicPartition, int]:
        port, found = self._running(), {}
        for one in partitions:
            found[one] = (await call(_ottla.aio_watermarks, self._native, port.native, one[0], one[1]))[which]
        return found

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offsets that are there."""
        return await self._watermarks(partitions, 0)

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets behind the last records."""
        return await self._watermarks(partitions, 1)

    async def offsets_for_times(self, timestamps: dict[TopicPartition, int]) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """The first records at or after these times (ms since the epoch); None where there is none."""
        port = self._running()
        asked = [(topic, partition, not_negative(time)) for (topic, partition), time in timestamps.items()]
        found = await call(_ottla.aio_offsets_for_times, self._native, port.native, asked)
        return {
            TopicPartition(topic, partition): None if offset < 0 else OffsetAndTimestamp(offset, time)
            for topic, partition, offset, time in found
        }

    def highwater(self, partition: TopicPartition) -> int | None:
        """The offset behind the last record, as the last fetch told."""
        self._running()
        found = call(_ottla.consumer_watermarks, self._native, native(partition), None, True)[1]
        return found if found >= 0 else None

    async def stop(self) -> None:
        """Leaves the group and ends the consumer. What was consumed is committed, with ``enable_auto_commit``."""
        if self._closed or self._port is None:
            self._closed = True
            return
        self._closed = True
        try:
            await call(_ottla.aio_close, self._native, self._port.native)
        finally:
            waiters, self._waiters = self._waiters, set()
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._port.close()
            self._forget_last()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            unclosed(self, self._port)
