"""What a peer's class has and ours not yet: there by its name, and refused by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_C = TypeVar("_C", bound=type)


def _not_implemented(name: str) -> Exception:
    return NotImplementedError(f"{name} is not there yet (see COMPAT.md)")


class _Later:
    """Raises for who asks an object for it. (``__getattr__`` would slow down each call of every method.)"""

    def __init__(self, name: str, refusal: Callable[[str], Exception]) -> None:
        self._name = name
        self._refusal = refusal

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        raise self._refusal(self._name)


def later(names: str, refusal: Callable[[str], Exception] = _not_implemented) -> Callable[[_C], _C]:
    """Refuses these attributes, divided by spaces, of a class's objects."""

    def refuse(cls: _C) -> _C:
        for name in names.split():
            setattr(cls, name, _Later(f"{cls.__name__}.{name}", refusal))
        return cls

    return refuse
