"""What callbacks are told, and that what they raise comes out of the call that served them."""

import logging

import pytest
from conftest import PATIENCE, read

import ottla
import ottla.kafka
from ottla import KafkaError, TopicPartition
from ottla.testing import Broker


def fails(*_arguments):
    raise ValueError("mine")


def until_raised(call):
    """Calls again and again, until it raises what the callback did."""
    with pytest.raises(ValueError, match="mine"):
        for _ in range(PATIENCE * 20):
            call(0.05)


@pytest.fixture
def nobody():
    """An address where no broker is any more."""
    with Broker() as broker:
        pass
    return broker.bootstrap_servers


@pytest.fixture
def silenced():
    """A logger, and what it was told."""
    told, logger = [], logging.Logger("mine", logging.DEBUG)
    handler = logging.Handler()
    handler.emit = lambda record: told.append((record.levelname, record.getMessage()))
    logger.addHandler(handler)
    return logger, told


def test_throttle_cb_is_told_which_broker_by_its_address(broker, topic):
    heard = []
    producer = ottla.Producer({"bootstrap.servers": broker.bootstrap_servers, "throttle_cb": heard.append})
    broker.add_fault(api="Produce", throttle_ms=50, times=1)
    producer.produce(topic, b"v")
    assert producer.flush(PATIENCE) == 0
    while not heard:
        producer.poll(0.05)
    [event] = heard
    assert (event.broker_name, event.broker_id, event.throttle_time) == (broker.bootstrap_servers, 1, 0.05)
    assert str(event) == f"{broker.bootstrap_servers}/1 throttled for 50 ms"


def test_throttle_cb_raises(broker, topic):
    producer = ottla.Producer({"bootstrap.servers": broker.bootstrap_servers, "throttle_cb": fails})
    broker.add_fault(api="Produce", throttle_ms=20, times=1)
    producer.produce(topic, b"v")
    until_raised(producer.poll)


def test_error_cb_raises(nobody):
    producer = ottla.Producer({"bootstrap.servers": nobody, "error_cb": fails, "exit.timeout.ms": 1})
    producer.produce("t", b"v")
    until_raised(producer.poll)
    producer.purge()


def test_stats_cb_raises(broker):
    producer = ottla.Producer({"bootstrap.servers": broker.bootstrap_servers, "statistics.interval.ms": 1, "stats_cb": fails})
    until_raised(producer.poll)


def test_a_logger_is_told_of_brokers_that_go_and_come(silenced):
    logger, told = silenced
    with Broker(topics={"t": 1}) as broker:
        producer = ottla.Producer({"bootstrap.servers": broker.bootstrap_servers, "logger": logger})
        producer.produce("t", b"1")
        assert producer.flush(PATIENCE) == 0
        broker.stop_broker(1)
        producer.produce("t", b"2")
        while not any(level == "WARNING" for level, _ in told):
            producer.poll(0.05)
        broker.restart()
        while not any(level == "INFO" and "up" in text for level, text in told):
            producer.poll(0.05)
        assert producer.flush(PATIENCE) == 0


def lose(broker, reader):
    """Has a member of a group find that it is none."""
    while len(reader.assignment()) < 3:
        reader.poll(0.05)
    broker.add_fault(api="Heartbeat", error="UNKNOWN_MEMBER_ID", times=1)


def test_on_lost_is_told_instead_of_on_revoke(broker, topic, consumer):
    told, reader = [], consumer(heartbeat_interval_ms=100)
    tell = {name: lambda who, partitions, name=name: told.append((name, len(partitions))) for name in ("on_lost", "on_revoke")}
    reader.subscribe([topic], **tell)
    lose(broker, reader)
    while not told:
        reader.poll(0.05)
    assert told == [("on_lost", 3)] and reader.assignment() == []


def test_on_revoke_is_told_of_a_loss_that_has_no_callback_of_its_own(broker, topic, consumer):
    told, reader = [], consumer(heartbeat_interval_ms=100)
    reader.subscribe([topic], on_revoke=lambda who, partitions: told.append(len(partitions)))
    lose(broker, reader)
    while not told:
        reader.poll(0.05)
    assert told == [3]


def test_on_lost_raises(broker, topic, consumer):
    reader = consumer(heartbeat_interval_ms=100)
    reader.subscribe([topic], on_lost=fails)
    lose(broker, reader)
    until_raised(reader.poll)


def test_on_revoke_raises(topic, consumer):
    reader = consumer()
    reader.subscribe([topic], on_revoke=fails)
    while len(reader.assignment()) < 3:
        reader.poll(0.05)
    with pytest.raises(ValueError, match="mine"):
        reader.close()
    reader.close()


def test_on_commit_hears_of_automatic_commits_also_of_the_last_one(topic, consumer, produce):
    heard = []
    produce(topic, [b"1", b"2", b"3"], partition=0)
    reader = consumer(auto_commit_interval_ms=20, on_commit=lambda error, partitions: heard.append((error, partitions)))
    reader.subscribe([topic])
    read(reader, 3)
    while not heard:
        reader.poll(0.05)
    produce(topic, [b"4"], partition=0)
    read(reader, 1)
    reader.close()
    assert all(error is None for error, _ in heard)
    offsets = [(one.partition, one.offset, one.error) for _, partitions in heard for one in partitions if one.partition == 0]
    assert offsets[-1] == (0, 4, None)


def test_on_commit_hears_what_the_coordinator_said_of_each_partition(broker, topic, consumer, produce):
    heard = []
    produce(topic, [b"1"], partition=0)
    broker.add_fault(api="OffsetCommit", error="TOPIC_AUTHORIZATION_FAILED", times=1)
    reader = consumer(auto_commit_interval_ms=20, on_commit=lambda error, partitions: heard.append((error, partitions)))
    reader.subscribe([topic])
    read(reader, 1)
    while not heard:
        reader.poll(0.05)
    error, partitions = heard[0]
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert [one.error.code() for one in partitions] == [KafkaError.TOPIC_AUTHORIZATION_FAILED] * len(partitions)


def test_on_commit_raises(topic, consumer):
    reader = consumer(on_commit=fails, enable_auto_commit=False)
    reader.assign([TopicPartition(topic, 0)])
    reader.commit(offsets=[TopicPartition(topic, 0, 1)])
    until_raised(reader.poll)


def test_a_serializer_raises(broker, topic):
    for name in ("key_serializer", "value_serializer"):
        with ottla.kafka.KafkaProducer(bootstrap_servers=broker.bootstrap_servers, **{name: fails}) as producer:
            with pytest.raises(ValueError, match="mine"):
                producer.send(topic, b"v", b"k")


@pytest.mark.parametrize(("how", "code"), [("subscribe", "UNKNOWN_TOPIC_OR_PART"), ("assign", "_UNKNOWN_TOPIC")])
def test_a_topic_that_is_not_there(consumer, how, code):
    errors = []
    reader = consumer(topic_metadata_propagation_max_ms=50, error_cb=errors.append)
    getattr(reader, how)(["missing"] if how == "subscribe" else [TopicPartition("missing", 0)])
    message = None
    while message is None:
        message = reader.poll(PATIENCE)
    assert (message.error().name(), message.topic(), errors) == (code, "missing", [])
