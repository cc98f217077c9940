"""A Kafka broker for tests, in this process, started in milliseconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from . import _ottla
from ._config import value_text
from ._error import KafkaException


class Broker(_ottla.Broker):
    """A broker (or several) on free ports of 127.0.0.1, in memory.

    >>> with Broker(topics={"orders": 3}) as broker:
    ...     producer = ottla.Producer({"bootstrap.servers": broker.bootstrap_servers})
    """

    def __new__(
        cls,
        brokers: int = 1,
        partitions: int | None = None,
        topics: dict[str, int] | Iterable[str] = (),
        auto_create: bool = True,
        journal: int = 0,
        config: dict[str, Any] | None = None,
    ) -> Self:
        """``brokers``: how many. ``partitions``: of a topic that nobody sized. ``topics``: to make at once. ``journal``: how many
        requests to remember, for :meth:`requests`. ``config``: properties of a broker, by Kafka's names."""
        options = [("brokers", str(brokers)), ("auto_create", value_text("auto_create", auto_create))]
        if partitions is not None:
            options.append(("partitions", str(partitions)))
        if journal:
            options.append(("journal", str(journal)))
        if isinstance(topics, dict):
            options.extend(("topic", f"{name}:{count}") for name, count in topics.items())
        else:
            options.extend(("topic", name) for name in topics)
        options.extend((name, value_text(name, value)) for name, value in (config or {}).items())
        return super().__new__(cls, options)

    def add_fault(self, **words: Any) -> int:
        """Makes requests go wrong; the fault's id.

        Which ones: ``api`` (``"Produce"``), ``topic``, ``partition``, ``group``, ``client_id``, ``broker``, ``skip`` (so many
        first), ``times`` (so many are struck), ``probability``. What happens, one of: ``error`` (a code's name or number),
        ``delay_ms``, ``throttle_ms``, ``close``, ``silence``, ``truncate``, ``corrupt``, ``wrong_crc``, ``stale_metadata``; with
        ``applied=True`` where the request may be carried out all the same.
        """
        return self._add_fault({name: value_text(name, value) for name, value in words.items()})

    def restart(self, id: int = 1) -> None:
        """Stops a broker, if it runs, and starts it again on its old port. What it stores stays."""
        try:
            self.stop_broker(id)
        except KafkaException:
            pass  # It was stopped already, or there is none: the next call says so.
        self.restart_broker(id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()
