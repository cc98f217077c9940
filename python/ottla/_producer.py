"""The producer, with confluent-kafka's calls."""

from __future__ import annotations

import atexit
import warnings
import weakref
from typing import Any, Self

from . import _ottla
from ._config import Configuration
from ._error import refused
from ._metadata import ClusterMetadata, cluster_id, list_topics

_KNOWN = frozenset({"on_delivery", "error_cb", "stats_cb", "throttle_cb", "logger"})

_producers: weakref.WeakSet[_ottla.Producer] = weakref.WeakSet()
# Those of ottla.kafka, once that is imported.
sending: weakref.WeakSet[_ottla.SendingProducer] = weakref.WeakSet()


@atexit.register
def _at_exit() -> None:
    """What is still queued goes out, each producer's within its ``exit.timeout.ms`` (1 s)."""
    lost = _ottla.flush_all(list(_producers), list(sending))
    if lost:
        what = f"{lost} records were not delivered before the end of the process: flush() first, or raise exit.timeout.ms"
        warnings.warn(what, ResourceWarning, stacklevel=1)


# Shown, unlike other ResourceWarnings: records that are lost concern everybody.
warnings.filterwarnings("default", message=r".* records (were|that were) not delivered", category=ResourceWarning)


class Producer(_ottla.Producer):
    """Sends records.

    ``produce`` takes a record at once; what became of it comes as a delivery report to its ``on_delivery(err, msg)``, called
    from within ``poll`` or ``flush``, on the thread that calls them.
    """

    def __init__(self, *args: Any, **config: Any) -> None:
        configuration = Configuration("Producer", args, config, _KNOWN)
        callbacks = configuration.callbacks
        self._open(configuration.properties, callbacks.get("on_delivery"), callbacks)
        _producers.add(self)

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> ClusterMetadata:
        """The cluster's brokers, and one topic or all."""
        return list_topics(self._admin(), topic, timeout)

    def cluster_id(self, timeout: float = -1) -> str | None:
        """The cluster's id."""
        return cluster_id(self._admin(), timeout)

    def close(self, timeout: float = -1) -> bool:
        """Sends what there is and ends the producer; whether all was delivered."""
        left = self.flush(timeout)
        self._close()
        return left == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def produce_batch(self, *_args: Any, **_keywords: Any) -> int:
        """Not there yet."""
        raise refused("Producer.produce_batch")

    def init_transactions(self, *_args: Any) -> None:
        """Not there yet."""
        raise refused("Producer.init_transactions")

    def begin_transaction(self) -> None:
        """Not there yet."""
        raise refused("Producer.begin_transaction")

    def commit_transaction(self, *_args: Any) -> None:
        """Not there yet."""
        raise refused("Producer.commit_transaction")

    def abort_transaction(self, *_args: Any) -> None:
        """Not there yet."""
        raise refused("Producer.abort_transaction")

    def send_offsets_to_transaction(self, *_args: Any) -> None:
        """Not there yet."""
        raise refused("Producer.send_offsets_to_transaction")

    def set_sasl_credentials(self, *_args: Any) -> None:
        """Not there yet."""
        raise refused("Producer.set_sasl_credentials")
