"""Topics and the cluster, with confluent-kafka's AdminClient."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from typing import Any

from . import _ottla
from ._config import Configuration, value_text
from ._error import KafkaError, KafkaException, refused
from ._later import later
from ._metadata import BrokerMetadata, ClusterMetadata, PartitionMetadata, TopicMetadata, cluster_id, list_topics

__all__ = ["AdminClient", "BrokerMetadata", "ClusterMetadata", "NewTopic", "PartitionMetadata", "TopicMetadata"]


def _end(future: Future[None], error: BaseException | None) -> None:
    # The answer, and close() giving up on it, may come at the same time.
    with suppress(InvalidStateError):
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


class NewTopic:
    """A topic to make. -1: as many partitions or replicas as the broker says."""

    def __init__(
        self,
        topic: str,
        num_partitions: int = -1,
        replication_factor: int = -1,
        replica_assignment: list[list[int]] | None = None,
        config: dict[str, Any] | None = None,
    ) -> None:
        if replica_assignment:
            raise refused("NewTopic.replica_assignment")
        self.topic = topic
        self.num_partitions = num_partitions
        self.replication_factor = replication_factor
        self.replica_assignment = replica_assignment
        self.config = config

    def __str__(self) -> str:
        return f"NewTopic(topic={self.topic},num_partitions={self.num_partitions})"

    __repr__ = __str__

    def __hash__(self) -> int:
        return hash(self.topic)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NewTopic) and vars(self) == vars(other)


@later(
    "create_partitions describe_topics describe_cluster describe_configs alter_configs incremental_alter_configs list_groups "
    "list_consumer_groups describe_consumer_groups delete_consumer_groups list_consumer_group_offsets "
    "alter_consumer_group_offsets create_acls describe_acls delete_acls describe_user_scram_credentials "
    "alter_user_scram_credentials list_offsets delete_records elect_leaders set_sasl_credentials",
    refused,
)
class AdminClient:
    """Looks at topics and changes them. Calls answer with futures, one for each topic."""

    def __init__(self, *args: Any, **config: Any) -> None:
        configuration = Configuration("AdminClient", args, config, frozenset())
        self._admin = _ottla.Admin(configuration.properties)
        # Calls under way, with their numbers.
        self._under_way: dict[Future[None], int] = {}
        self._closed = False

    def _each(self, keys: Iterable[str], begin: Callable[[_ottla.Done, str], int]) -> dict[str, Future[None]]:
        if self._closed:
            raise RuntimeError("the AdminClient is closed")
        return {key: self._begin(key, begin) for key in keys}

    def _begin(self, key: str, begin: Callable[[_ottla.Done, str], int]) -> Future[None]:
        future: Future[None] = Future()
        # A call can't be taken back.
        future.set_running_or_notify_cancel()
        number = begin(lambda error: _end(future, error), key)
        self._under_way[future] = number
        future.add_done_callback(lambda done: self._under_way.pop(done, None))
        return future

    def create_topics(
        self,
        new_topics: list[NewTopic],
        operation_timeout: float | None = None,
        request_timeout: float | None = None,
        validate_only: bool = False,
    ) -> dict[str, Future[None]]:
        """Makes topics."""
        if validate_only:
            raise refused("AdminClient.create_topics(validate_only=True)")
        if operation_timeout is not None:
            raise refused("AdminClient.create_topics(operation_timeout=...)")
        if not new_topics:
            raise ValueError("Expected non-empty list of NewTopic objects")
        named: dict[str, NewTopic] = {}
        for topic in new_topics:
            if not isinstance(topic, NewTopic):
                raise TypeError("expected a list of NewTopic")
            named[topic.topic] = topic

        def create(done: _ottla.Done, name: str) -> int:
            topic = named[name]
            config = [(key, value_text(key, value)) for key, value in (topic.config or {}).items()]
            return self._admin.create_topic(done, name, topic.num_partitions, topic.replication_factor, config, request_timeout)

        return self._each(named, create)

    def delete_topics(
        self, topics: list[str], operation_timeout: float | None = None, request_timeout: float | None = None
    ) -> dict[str, Future[None]]:
        """Deletes topics."""
        if operation_timeout is not None:
            raise refused("AdminClient.delete_topics(operation_timeout=...)")
        if not topics:
            raise ValueError("Expected non-empty list of topics to be deleted")
        return self._each(topics, lambda done, name: self._admin.delete_topic(done, name, request_timeout))

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> ClusterMetadata:
        """The cluster's brokers, and one topic or all."""
        return list_topics(self._admin, topic, timeout)

    def cluster_id(self, timeout: float = -1) -> str | None:
        """The cluster's id."""
        return cluster_id(self._admin, timeout)

    def __len__(self) -> int:
        """How many calls are under way."""
        return len(self._under_way)

    def poll(self, timeout: float = -1) -> int:
        """There is nothing to serve: futures are done by themselves."""
        return 0

    def close(self, timeout: float = 5) -> None:
        """Ends it. Calls under way have so many seconds to be answered; those that are not then fail with ``_DESTROY``."""
        self._closed = True
        under_way = dict(self._under_way)
        for future in wait(under_way, timeout).not_done:
            _ottla.give_up_call(under_way[future])
            _end(future, KafkaException(KafkaError(KafkaError._DESTROY, "Local: Broker handle destroyed for termination")))

    def __enter__(self) -> AdminClient:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
