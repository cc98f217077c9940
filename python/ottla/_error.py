"""What goes wrong: error codes, with the names and texts that librdkafka's users know."""

from __future__ import annotations

import builtins
from typing import Any

from . import _ottla
from ._codes import Codes


class KafkaError(Codes):
    """An error: a code of Kafka's own (from 0 on), or one of the client's (below 0).

    Equal to its code, so that ``error.code() == KafkaError._QUEUE_FULL`` and ``error == KafkaError._QUEUE_FULL`` both hold.
    """

    __slots__ = ("_code", "_reason", "_fatal", "_retriable", "_txn_requires_abort")

    def __init__(
        self,
        error: int | KafkaError,
        reason: builtins.str | None = None,
        fatal: bool = False,
        retriable: bool = False,
        txn_requires_abort: bool = False,
    ) -> None:
        self._code = int(error.code() if isinstance(error, KafkaError) else error)
        self._reason = reason
        self._fatal = fatal
        self._retriable = retriable
        self._txn_requires_abort = txn_requires_abort

    def code(self) -> int:
        """The code."""
        return self._code

    def name(self) -> builtins.str:
        """The code's name: ``_MSG_TIMED_OUT``."""
        return _ottla.describe_code(self._code)[0]

    def str(self) -> builtins.str:
        """What happened, and what to do."""
        return self._reason if self._reason is not None else _ottla.describe_code(self._code)[1]

    def fatal(self) -> bool:
        """Whether the client can't go on."""
        return self._fatal

    def retriable(self) -> bool:
        """Whether the same call may succeed when it is made again."""
        return self._retriable

    def txn_requires_abort(self) -> bool:
        """Whether the transaction has to be aborted."""
        return self._txn_requires_abort

    def __str__(self) -> builtins.str:
        return f"KafkaError{{{'FATAL,' if self._fatal else ''}code={self.name()},val={self._code},str=\"{self.str()}\"}}"

    __repr__ = __str__

    def __hash__(self) -> int:
        return hash(self._code)

    def _other(self, other: object) -> int | None:
        if isinstance(other, KafkaError):
            return other._code
        return other if isinstance(other, int) else None

    def __eq__(self, other: object) -> bool:
        code = self._other(other)
        return NotImplemented if code is None else self._code == code

    def __lt__(self, other: object) -> bool:
        code = self._other(other)
        return NotImplemented if code is None else self._code < code

    def __le__(self, other: object) -> bool:
        code = self._other(other)
        return NotImplemented if code is None else self._code <= code

    def __gt__(self, other: object) -> bool:
        code = self._other(other)
        return NotImplemented if code is None else self._code > code

    def __ge__(self, other: object) -> bool:
        code = self._other(other)
        return NotImplemented if code is None else self._code >= code

    def __reduce__(self) -> tuple[Any, ...]:
        return KafkaError, (self._code, self._reason, self._fatal, self._retriable, self._txn_requires_abort)


class KafkaException(Exception):
    """Raised for an error; ``args[0]`` is the :class:`KafkaError`."""


def refused(what: str) -> KafkaException:
    """What is not there yet says so."""
    return KafkaException(KafkaError(KafkaError._NOT_IMPLEMENTED, f"Local: Not implemented: {what} (see COMPAT.md)"))


def invalid(what: str) -> KafkaException:
    """A configuration that can't be."""
    return KafkaException(KafkaError(KafkaError._INVALID_ARG, f"Local: Invalid argument or configuration: {what}"))
