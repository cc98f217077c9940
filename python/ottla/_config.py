"""From a dictionary, as confluent-kafka takes it, to properties and callbacks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ._error import invalid, refused

_CALLBACKS = ("error_cb", "stats_cb", "throttle_cb", "log_cb", "oauth_cb", "on_commit", "on_delivery", "logger")


def value_text(name: str, value: Any) -> str:
    """A property's value as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    raise TypeError(f"property {name!r} must be str, int, float or bool, not {type(value).__name__}")


class Configuration:
    """What a constructor was given, sorted."""

    def __init__(self, who: str, args: tuple[Any, ...], keywords: Mapping[str, Any], known: frozenset[str]) -> None:
        if len(args) > 1 or (args and not isinstance(args[0], Mapping)):
            raise TypeError(f"{who}() takes a configuration dict, keywords, or both")
        if not args and not keywords:
            raise TypeError("expected configuration dict")
        given: dict[str, Any] = dict(args[0]) if args else {}
        given.update((name if name in _CALLBACKS else name.replace("_", "."), value) for name, value in keywords.items())
        topic = given.pop("default.topic.config", None)
        if topic is not None:
            given = {**topic, **given}
        self.callbacks: dict[str, Any] = {}
        self.properties: list[tuple[str, str]] = []
        for name, value in given.items():
            if not isinstance(name, str):
                raise TypeError("names of properties must be str")
            # A delivery callback has two names.
            name = "on_delivery" if name in ("dr_cb", "dr_msg_cb") else name
            if name in _CALLBACKS:
                self._callback(who, name, value, known)
            elif value is not None:
                self.properties.append((name, value_text(name, value)))
        if not any(name in ("bootstrap.servers", "metadata.broker.list") for name, _ in self.properties):
            raise invalid("bootstrap.servers is not set: which brokers to ask first, as HOST:PORT[,HOST:PORT...]")

    def _callback(self, who: str, name: str, value: Any, known: frozenset[str]) -> None:
        if value is None:
            return
        if name not in known:
            raise refused(f"{who}: {name}")
        if name != "logger" and not callable(value):
            raise TypeError(f"{name} must be callable")
        self.callbacks[name] = value
