"""A client's port to the loop that it runs on."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any, TypeVar

from .. import _ottla
from .._error import KafkaException
from .errors import KafkaConnectionError, KafkaTimeoutError, translated

_T = TypeVar("_T")

# So many records without a suspension, and then the loop has a turn.
TURN = 500


class Port:
    """Registers the native port's descriptor with the loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.native = _ottla.Port(self.loop)
        self._descriptor = self.native.fileno()
        self._room: list[asyncio.Future[bool]] = []
        # So many records are to end before those who wait for room go on.
        self._to_end = 0
        self.loop.add_reader(self._descriptor, self._serve)

    def _serve(self) -> None:
        ended = self.native.serve()
        if ended and self._room:
            self._to_end -= ended
            if self._to_end <= 0 or not self.native.under_way():
                self._go_on(True)

    def _go_on(self, has_room: bool) -> None:
        waiters, self._room = self._room, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(has_room)

    @staticmethod
    def _expire(waiter: asyncio.Future[bool]) -> None:
        if not waiter.done():
            waiter.set_result(False)

    async def room(self, end: float) -> None:
        """Waits until some records have ended: an eighth of those under way, so that not each batch's end is waited for anew."""
        if not self._room:
            self._to_end = self.native.under_way() // 8
        waiter: asyncio.Future[bool] = self.loop.create_future()
        self._room.append(waiter)
        timer = self.loop.call_at(end, self._expire, waiter)
        try:
            has_room = await waiter
        finally:
            timer.cancel()
            if waiter in self._room:
                self._room.remove(waiter)
        if not has_room:
            raise KafkaTimeoutError("the producer's buffer was full for too long: wait for deliveries")

    async def connected(self, client: Any, servers: str, seconds: float) -> None:
        """Waits until a broker answers."""
        try:
            await asyncio.wait_for(_ottla.aio_connected(client, self.native), seconds)
        except (TimeoutError, KafkaTimeoutError, KafkaConnectionError) as error:
            raise KafkaConnectionError(f"no broker of {servers} answers: {error}") from error

    def close(self) -> None:
        """Calls that are under way are given up."""
        self.loop.remove_reader(self._descriptor)
        self.native.close()
        # They look again, and find that the client is stopped.
        self._go_on(True)


def unclosed(client: object, port: Port | None) -> None:
    """A client that is let go without ``stop``: its port is closed, and a warning says so."""
    if port is None:
        return
    warnings.warn(f"{type(client).__name__} was not stopped", ResourceWarning, source=client, stacklevel=2)
    if not port.loop.is_closed():
        port.loop.call_soon_threadsafe(port.close)


def call(function: Any, *args: Any) -> Any:
    """A native call with aiokafka's errors."""
    try:
        return function(*args)
    except KafkaException as exception:
        raise translated(exception) from None
