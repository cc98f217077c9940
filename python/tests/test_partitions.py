"""Keys go to the partitions that kafka-python and aiokafka choose for them."""

import asyncio
import hashlib
import pathlib

import pytest
from conftest import PATIENCE

import ottla.aio
import ottla.kafka

KEYS = [hashlib.sha512(str(i).encode()).digest()[: 1 + i % 40] for i in range(500)]
LINES = (pathlib.Path(__file__).parent / "partitions_of_peers.txt").read_text().splitlines()
CHOSEN = [int(number) for line in LINES if not line.startswith("#") for number in line.split()]


@pytest.fixture
def wide(broker):
    broker.create_topic("wide", 17)
    return "wide"


def test_of_kafka_python(broker, wide):
    with ottla.kafka.KafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
        sent = [producer.send(wide, b"v", key) for key in KEYS]
        assert [one.get(PATIENCE).partition for one in sent] == CHOSEN


def test_of_aiokafka(broker, wide):
    async def main():
        async with ottla.aio.AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
            sent = [await producer.send(wide, b"v", key) for key in KEYS]
            return [one.partition for one in await asyncio.gather(*sent)]

    assert asyncio.run(main()) == CHOSEN
