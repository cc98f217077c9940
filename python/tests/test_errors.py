"""The errors of kafka-python and aiokafka: names, what they derive from, codes and flags; and which one the client raises."""

import asyncio
import builtins
import pathlib

import pytest

import ottla.aio
import ottla.aio.errors
import ottla.kafka
import ottla.kafka.errors
from ottla import KafkaError, KafkaException, _ottla

MODULES = {"kafka": ottla.kafka.errors, "aiokafka": ottla.aio.errors}
ROWS = [
    line.split()
    for line in (pathlib.Path(__file__).parent / "errors_of_peers.txt").read_text().splitlines()
    if not line.startswith("#")
]


def named(module, name):
    return getattr(builtins, name, None) or getattr(module, name)


@pytest.mark.parametrize("peer", MODULES)
def test_the_peers_names_are_there(peer):
    module, rows = MODULES[peer], [row[1:] for row in ROWS if row[0] == peer]
    assert len(rows) > 100
    for name, bases, errno, flags, message in rows:
        scope = {}
        exec(f"from {module.__name__} import {name} as one", scope)
        one = scope["one"]
        assert all(issubclass(one, named(module, base)) for base in bases.split(",") if base != "-"), name
        if issubclass(one, module.KafkaError):
            assert ("R" in flags, "M" in flags) == (one.retriable, one.invalid_metadata), name
        if errno != "-":
            assert one.errno == int(errno) and (message == "-" or one.message == message), name
            assert issubclass(module.for_code(int(errno)), one) or name == "IncompatibleBrokerVersion", name
    assert module.for_code(12345).errno == 12345


@pytest.mark.parametrize("peer", MODULES)
def test_every_code_has_a_class(peer):
    module = MODULES[peer]
    for code, name, _text in _ottla.error_codes():
        made = module.translated(KafkaException(KafkaError(code)))
        assert isinstance(made, module.KafkaError) and str(made), name
        if code >= -1:
            assert made.errno == code
    own = {
        KafkaError._TIMED_OUT: module.KafkaTimeoutError,
        KafkaError._MSG_TIMED_OUT: module.KafkaTimeoutError,
        KafkaError._TRANSPORT: module.KafkaConnectionError,
        KafkaError._UNKNOWN_TOPIC: module.UnknownTopicOrPartitionError,
        KafkaError._INVALID_ARG: module.KafkaConfigurationError,
        KafkaError._AUTO_OFFSET_RESET: module.NoOffsetForPartitionError,
        KafkaError._STATE: module.IllegalStateError,
        KafkaError._BAD_MSG: module.KafkaProtocolError,
        KafkaError.PRODUCER_FENCED: module.ProducerFenced if peer == "aiokafka" else module.ProducerFencedError,
    }
    assert {code: type(module.translated(KafkaException(KafkaError(code)))) for code in own} == own
    value_error = ValueError()
    assert module.translated(value_error) is value_error


def test_a_commit_that_comes_too_late_says_so(broker, topic):
    options = {"bootstrap_servers": broker.bootstrap_servers, "group_id": "late", "enable_auto_commit": False}
    offsets = {ottla.kafka.TopicPartition(topic, 0): ottla.kafka.OffsetAndMetadata(1, "", -1)}

    async def aio():
        async with ottla.aio.AIOKafkaConsumer(**options) as consumer:
            consumer.assign([ottla.aio.TopicPartition(topic, 0)])
            while not consumer.assignment():
                await consumer.getmany(timeout_ms=10)
            await consumer.commit({ottla.aio.TopicPartition(topic, 0): 1})

    broker.add_fault(api="OffsetCommit", error="ILLEGAL_GENERATION")
    with pytest.raises(ottla.aio.errors.CommitFailedError):
        asyncio.run(aio())
    with ottla.kafka.KafkaConsumer(**options) as consumer, pytest.raises(ottla.kafka.errors.CommitFailedError):
        consumer.commit(offsets)


def test_what_the_client_raises_is_the_peers(broker, topic):
    producer = ottla.kafka.KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    with pytest.raises(ottla.kafka.errors.MessageSizeTooLargeError):
        producer.send(topic, b"x" * 2_000_000)
    broker.add_fault(api="Produce", error="INVALID_PRODUCER_EPOCH", times=1)

    async def aio():
        async with ottla.aio.AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
            with pytest.raises(ottla.aio.errors.MessageSizeTooLargeError):
                await producer.send(topic, b"x" * 2_000_000)
            with pytest.raises(ottla.aio.errors.InvalidProducerEpoch) as raised:
                await producer.send_and_wait(topic, b"v")
            return raised.value

    assert asyncio.run(aio()).message == "INVALID_PRODUCER_EPOCH"
    producer.close()
