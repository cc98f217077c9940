"""What ``list_topics`` answers with."""

from __future__ import annotations

from typing import Any

from ._error import KafkaError, KafkaException


class BrokerMetadata:
    """A broker."""

    def __init__(self, id: int, host: str, port: int) -> None:
        self.id = id
        self.host = host
        self.port = port

    def __repr__(self) -> str:
        return f"BrokerMetadata({self.id}, {self.host}:{self.port})"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.id}"


class PartitionMetadata:
    """A partition."""

    def __init__(self, id: int, leader: int, replicas: list[int], isrs: list[int]) -> None:
        self.id = id
        self.leader = leader
        self.replicas = replicas
        self.isrs = isrs
        self.error: KafkaError | None = None

    def __repr__(self) -> str:
        return f"PartitionMetadata({self.id})"

    def __str__(self) -> str:
        return str(self.id)


class TopicMetadata:
    """A topic."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.partitions: dict[int, PartitionMetadata] = {}
        self.error: KafkaError | None = None

    def __repr__(self) -> str:
        return f"TopicMetadata({self.topic}, {len(self.partitions)} partitions)"

    def __str__(self) -> str:
        return self.topic


class ClusterMetadata:
    """A cluster: brokers by id, topics by name."""

    def __init__(self) -> None:
        self.cluster_id: str | None = None
        self.controller_id = -1
        self.brokers: dict[int, BrokerMetadata] = {}
        self.topics: dict[str, TopicMetadata] = {}
        self.orig_broker_id = -1
        self.orig_broker_name: str | None = None

    def __repr__(self) -> str:
        return f"ClusterMetadata({self.cluster_id})"

    def __str__(self) -> str:
        return str(self.cluster_id)


def cluster_id(admin: Any, timeout: float | None) -> str | None:
    """Asks for the cluster's id."""
    found: str | None = admin.describe_cluster(timeout)[0]
    return found


def list_topics(admin: Any, topic: str | None, timeout: float | None) -> ClusterMetadata:
    """Asks for the cluster, and for one topic or all."""
    cluster = ClusterMetadata()
    cluster.cluster_id, cluster.controller_id, brokers = admin.describe_cluster(timeout)
    cluster.brokers = {id: BrokerMetadata(id, host, port) for id, host, port, _rack in brokers}
    for name in [topic] if topic is not None else admin.list_topics(timeout):
        metadata = TopicMetadata(name)
        try:
            described = admin.describe_topic(name, timeout)
        except KafkaException as exception:
            error = exception.args[0]
            if error.code() < 0:
                raise
            metadata.error = error
        else:
            for id, leader, _epoch, replicas, isr in described["partitions"]:
                metadata.partitions[id] = PartitionMetadata(id, leader, replicas, isr)
        cluster.topics[name] = metadata
    return cluster
