"""aiokafka's producer."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any, Self

from .. import _ottla
from .._later import later
from .._producer import sending
from ..kafka._options import properties, servers
from ._loop import Port, call, unclosed
from .errors import ProducerClosed
from .structs import RecordMetadata

_OWN = frozenset({"key_serializer", "value_serializer", "request_timeout_ms"})

_log = logging.getLogger("ottla.aio")


@later(
    "create_batch send_batch begin_transaction commit_transaction abort_transaction transaction "
    "send_offsets_to_transaction client"
)
class AIOKafkaProducer(_ottla.AioProducer):
    """Sends records, on the loop of the coroutine that starts it.

    ``await send(...)`` gives a future of the record's metadata. A record goes out once ``send`` was called, awaited or not, and
    giving up a wait, by a cancellation or a timeout, does not call it back.
    """

    def __init__(self, *, loop: Any = None, **options: Any) -> None:
        options.setdefault("bootstrap_servers", "localhost")
        options.setdefault("linger_ms", 0)
        if not options.get("enable_idempotence"):
            options.setdefault("acks", 1)
        self._servers = servers(options["bootstrap_servers"])
        self._timeout = options.get("request_timeout_ms", 40000) / 1000
        made = properties("AIOKafkaProducer", options, _OWN)
        delivery = int(self._timeout * 1000 + options.get("linger_ms", 0))
        made += [("request.timeout.ms", str(int(self._timeout * 1000))), ("delivery.timeout.ms", str(delivery))]
        call(_ottla.check_properties, made)
        self._properties = made
        self._exit_timeout = options.get("exit_timeout_ms", 1000) / 1000
        self._serializers = [options.get(name) for name in ("key_serializer", "value_serializer")]
        self._port: Port | None = None
        self._closed = False

    async def start(self) -> None:
        """Waits until a broker answers."""
        if self._port is not None:
            raise AssertionError("the producer was started already")
        self._port, is_open = Port(), False
        try:
            call(self._native._open, self._properties, *self._serializers, self._port.native)
            is_open = True
            sending.add(self._native)
            await self._port.connected(self._native, self._servers, self._timeout)
        except BaseException:
            self._closed = True
            if is_open:
                self._native._close()
            self._port.close()
            raise

    def _running(self) -> Port:
        if self._closed or self._port is None:
            raise ProducerClosed("the producer is stopped" if self._closed else "start() comes first")
        return self._port

    async def _send_when_there_is_room(
        self, topic: Any, value: Any, key: Any, partition: Any, timestamp_ms: Any, headers: Any
    ) -> asyncio.Future[RecordMetadata]:
        """What ``send`` answers with if it can't take the record at once."""
        port = self._running()
        end = port.loop.time() + self._timeout
        while True:
            try:
                sent: asyncio.Future[RecordMetadata] = self._native.send(topic, value, key, headers, partition, timestamp_ms)
                return sent
            except BufferError:
                await port.room(end)
                self._running()

    async def send_and_wait(
        self,
        topic: str,
        value: Any = None,
        key: Any = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Any = None,
    ) -> RecordMetadata:
        """Sends a record and waits until it is written."""
        metadata: RecordMetadata = await (await self.send(topic, value, key, partition, timestamp_ms, headers))
        return metadata

    async def flush(self) -> None:
        """Waits until all that was sent before has ended."""
        await _ottla.aio_flush(self._native, self._running().native)

    async def stop(self) -> None:
        """Sends what there is, and ends the producer.

        Records have ``request_timeout_ms`` to go out. In a task that is being cancelled, by ctrl-c or a timeout, they have
        ``exit_timeout_ms`` (1 s); what is left then fails, as it does when this call is cancelled.
        """
        if self._closed or self._port is None:
            self._closed = True
            return
        task = asyncio.current_task()
        try:
            if task is not None and task.cancelling():
                with suppress(TimeoutError):
                    await asyncio.wait_for(_ottla.aio_flush(self._native, self._port.native), self._exit_timeout)
            else:
                await self.flush()
        finally:
            if not self._closed:
                self._closed = True
                self._port.native.serve()
                if left := self._port.native.under_way():
                    _log.warning("%d records were not delivered before the producer stopped", left)
                self._native._close()
                self._port.native.serve()
                self._port.close()

    async def partitions_for(self, topic: str) -> set[int]:
        """A topic's partitions."""
        return set(await _ottla.aio_partitions(self._native, self._running().native, topic))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            unclosed(self, self._port)
