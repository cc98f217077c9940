"""What the tests share."""

import itertools
import os
import time
import uuid

import pytest

import ottla
from ottla.testing import Broker

# Longer than anything takes that works.
PATIENCE = 30

_names = itertools.count()

LIVE = os.environ.get("OTTLA_LIVE_KAFKA", "")
live = pytest.mark.skipif(not LIVE, reason="OTTLA_LIVE_KAFKA names no Apache Kafka: `make test-python` starts one")


@pytest.fixture(params=["broker-lite", pytest.param("Apache Kafka", marks=live)])
def servers(request):
    """The address of a broker: of one in the box, and of a live one."""
    if request.param == "broker-lite":
        with Broker() as broker:
            yield broker.bootstrap_servers
    else:
        yield LIVE.split(",")[0]


@pytest.fixture
def unique():
    """Part of names that nothing else has, on a broker that others use too."""
    return uuid.uuid4().hex


@pytest.fixture
def broker():
    with Broker() as broker:
        yield broker


@pytest.fixture
def topic(broker):
    name = f"topic-{next(_names)}"
    broker.create_topic(name, 3)
    return name


@pytest.fixture
def produce(broker):
    """Writes values to a topic."""

    def produce(topic, values, **keywords):
        producer = ottla.Producer({"bootstrap.servers": broker.bootstrap_servers})
        for value in values:
            producer.produce(topic, value, **keywords)
        assert producer.flush(PATIENCE) == 0

    return produce


@pytest.fixture
def consumer(broker):
    """Makes consumers, and closes them."""
    made = []

    def consumer(**config):
        config = {"bootstrap.servers": broker.bootstrap_servers, "group.id": "group", "auto.offset.reset": "earliest"} | {
            name if callable(value) else name.replace("_", "."): value for name, value in config.items()
        }
        made.append(ottla.Consumer(config))
        return made[-1]

    yield consumer
    for one in made:
        one.close()


def read(consumer, count):
    """So many messages, none of which is an error."""
    messages = []
    end = time.monotonic() + PATIENCE
    while len(messages) < count:
        assert time.monotonic() < end, f"{len(messages)} of {count} messages in time"
        message = consumer.poll(1)
        if message is not None:
            assert message.error() is None, message.error()
            messages.append(message)
    return messages
