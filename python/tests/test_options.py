"""Options of ottla.kafka and ottla.aio: the peers' defaults are taken, what is not there is refused, what does nothing said."""

import asyncio
import math
import pathlib
import re
import selectors

import pytest

from ottla.aio import AIOKafkaConsumer, AIOKafkaProducer
from ottla.kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition, _options, errors


class DefaultPartitioner:
    """Of the name that the peers' have."""


class KafkaNetClient:
    """The same."""


class RoundRobinPartitionAssignor:
    name = "roundrobin"


class RangePartitionAssignor:
    name = "range"


# What kafka-python 3.0.12 and aiokafka 0.14.0 have without being told.
BOTH = {
    "client_id": None,
    "retry_backoff_ms": 100,
    "connections_max_idle_ms": 540000,
    "metadata_max_age_ms": 300000,
    "security_protocol": "PLAINTEXT",
    "ssl_context": None,
    "api_version": None,
    "sasl_plain_username": None,
    "sasl_plain_password": None,
    "sasl_kerberos_service_name": "kafka",
    "sasl_kerberos_domain_name": None,
    "sasl_oauth_token_provider": None,
}
KAFKA = BOTH | {
    "sasl_mechanism": None,
    "sasl_kerberos_name": None,
    "ssl_check_hostname": True,
    "ssl_cafile": None,
    "ssl_certfile": None,
    "ssl_keyfile": None,
    "ssl_crlfile": None,
    "ssl_password": None,
    "ssl_ciphers": None,
    "proxy_url": None,
    "socks5_proxy": None,
    "bootstrap_timeout_ms": 30000,
    "allow_auto_create_topics": True,
    "client_dns_lookup": "use_all_dns_ips",
    "request_timeout_ms": 30000,
    "reconnect_backoff_ms": 50,
    "reconnect_backoff_max_ms": 30000,
    "receive_message_max_bytes": 100000000,
    "receive_buffer_bytes": None,
    "send_buffer_bytes": None,
    "max_in_flight_requests_per_connection": 5,
    "socket_options": [(6, 1, 1)],
    "metric_reporters": [],
    "metrics_enabled": True,
    "metrics_num_samples": 2,
    "metrics_sample_window_ms": 30000,
    "selector": selectors.DefaultSelector,
    "kafka_client": KafkaNetClient,
}
PRODUCING = {
    "key_serializer": None,
    "value_serializer": None,
    "compression_type": None,
    "partitioner": DefaultPartitioner(),
    "max_request_size": 1048576,
    "linger_ms": 0,
    "transactional_id": None,
    "transaction_timeout_ms": 60000,
}
CONSUMING = {
    "group_id": None,
    "group_instance_id": None,
    "key_deserializer": None,
    "value_deserializer": None,
    "fetch_max_wait_ms": 500,
    "fetch_max_bytes": 52428800,
    "fetch_min_bytes": 1,
    "max_partition_fetch_bytes": 1048576,
    "auto_offset_reset": "latest",
    "enable_auto_commit": True,
    "auto_commit_interval_ms": 5000,
    "check_crcs": True,
    "max_poll_interval_ms": 300000,
    "heartbeat_interval_ms": 3000,
    "exclude_internal_topics": True,
    "isolation_level": "read_uncommitted",
}
KAFKA_PRODUCER = KAFKA | PRODUCING | {
    "enable_idempotence": True,
    "delivery_timeout_ms": 120000,
    "acks": -1,
    "retries": math.inf,
    "batch_size": 16384,
    "max_block_ms": 60000,
}
KAFKA_CONSUMER = KAFKA | CONSUMING | {
    "client_id": "kafka-python-3.0.12",
    "client_rack": "",
    "enable_incremental_fetch_sessions": True,
    "default_offset_commit_callback": lambda offsets, response: True,
    "partition_assignment_strategy": (RangePartitionAssignor, RoundRobinPartitionAssignor),
    "max_poll_records": 500,
    "session_timeout_ms": 45000,
    "consumer_timeout_ms": math.inf,
    "metric_group_prefix": "consumer",
}
AIO_PRODUCER = BOTH | PRODUCING | {
    "sasl_mechanism": "PLAIN",
    "request_timeout_ms": 40000,
    "max_batch_size": 16384,
    "enable_idempotence": False,
    "loop": None,
}
AIO_CONSUMER = BOTH | CONSUMING | {
    "client_id": "aiokafka-0.14.0",
    "client_rack": None,
    "sasl_mechanism": "PLAIN",
    "request_timeout_ms": 40000,
    "partition_assignment_strategy": (RoundRobinPartitionAssignor,),
    "rebalance_timeout_ms": None,
    "session_timeout_ms": 10000,
    "consumer_timeout_ms": 200,
    "max_poll_records": None,
    "loop": None,
}


def test_the_peers_defaults_are_taken(broker):
    KafkaProducer(bootstrap_servers=broker.bootstrap_servers, **KAFKA_PRODUCER).close()
    KafkaConsumer(bootstrap_servers=broker.bootstrap_servers, **KAFKA_CONSUMER).close()

    async def aio():
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, **AIO_PRODUCER):
            pass
        async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers, **AIO_CONSUMER):
            pass

    asyncio.run(aio())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metric_reporters", [object]),
        ("socket_options", [(6, 1, 0)]),
        ("partitioner", lambda key, every, available: 0),
        ("kafka_client", object),
        ("ssl_check_hostname", False),
        ("socks5_proxy", "socks5://there"),
        ("client_dns_lookup", "resolve_canonical_bootstrap_servers_only"),
        ("sasl_kerberos_service_name", "mine"),
        ("no_such_option", 1),
    ],
)
def test_what_is_not_there_is_refused_by_its_name(broker, name, value):
    async def aio(kind):
        async with kind(bootstrap_servers=broker.bootstrap_servers, **{name: value}):
            pass

    for kind in (KafkaProducer, KafkaConsumer):
        with pytest.raises(errors.KafkaConfigurationError, match=re.sub("_", "[._]", name)):
            kind(bootstrap_servers=broker.bootstrap_servers, **{name: value})
    for kind in (AIOKafkaProducer, AIOKafkaConsumer):
        with pytest.raises(errors.KafkaConfigurationError, match=re.sub("_", "[._]", name)):
            asyncio.run(aio(kind))


def test_what_has_no_effect_stands_in_compat_with_its_reason():
    compat = (pathlib.Path(__file__).parent.parent / "COMPAT.md").read_text()
    _, table = compat.split("| option | reason |\n|---|---|\n")
    rows = [line.split("|")[1:3] for line in table.split("\n\n")[0].splitlines()]
    assert all(reason.strip() for _, reason in rows)
    named = [name for names, _ in rows for name in re.findall("`([a-z_]+)`", re.sub(r"\(.*\)", "", names))]
    assert sorted(named) == sorted(_options.WITHOUT_EFFECT)
    assert all(f"`{name}`" in compat for name in _options.REFUSED)


def test_a_callback_hears_of_commits_in_the_background(broker, topic, produce):
    heard, zero = [], TopicPartition(topic, 0)
    produce(topic, [b"1", b"2"], partition=0)
    options = {
        "bootstrap_servers": broker.bootstrap_servers,
        "group_id": "heard",
        "auto_offset_reset": "earliest",
        "auto_commit_interval_ms": 20,
        "default_offset_commit_callback": lambda *arguments: heard.append(arguments),
    }
    consumer = KafkaConsumer(**options)
    consumer.assign([zero])
    assert [next(consumer).value for _ in range(2)] == [b"1", b"2"]
    while not any(offsets.get(zero, (0,))[0] == 2 for offsets, _ in heard):
        consumer.poll(20)
    assert all(error is None for _, error in heard)
    consumer.close()
    heard.clear()
    options |= {"enable_auto_commit": False}
    consumer = KafkaConsumer(**options)
    consumer.assign([zero])
    consumer.commit({zero: OffsetAndMetadata(1, "waited for", -1)})
    consumer.commit_async({zero: OffsetAndMetadata(1, "mine", -1)})
    while not heard:
        consumer.poll(20)
    assert heard == [({zero: OffsetAndMetadata(1, "mine", -1)}, None)]
    heard.clear()
    broker.add_fault(api="OffsetCommit", error="ILLEGAL_GENERATION")
    consumer.commit_async({zero: OffsetAndMetadata(1, "mine", -1)})
    while not heard:
        consumer.poll(20)
    assert isinstance(heard[0][1], errors.CommitFailedError)
    consumer.close()


def test_internal_topics_are_read_when_that_is_asked_for(broker):
    broker.create_topic("__consumer_offsets", 1)
    options = {"bootstrap_servers": broker.bootstrap_servers, "group_id": "internal", "exclude_internal_topics": False}
    with KafkaConsumer(**options) as consumer:
        consumer.subscribe(pattern="__consumer_.*")
        while not consumer.assignment():
            consumer.poll(20)
        assert consumer.assignment() == {TopicPartition("__consumer_offsets", 0)}
