"""What the tests share."""

import itertools
import time

import pytest

import ottla
from ottla.testing import Broker

# Longer than anything takes that works.
PATIENCE = 30

_names = itertools.count()


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
            name.replace("_", "."): value for name, value in config.items()
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
