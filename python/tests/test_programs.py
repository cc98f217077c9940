"""Programs as tutorials and the peers' introductions have them: with the import changed, and a broker's address and names of
their own. Those that read do so until somebody ends them, as they stand."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest
from conftest import PATIENCE, read

import ottla
from ottla.admin import AdminClient, NewTopic


@pytest.fixture
def program(servers, unique):
    """A program's text, for this broker, with names of its own.

    Their topics are there already, and the broker has served a producer and a group: what a busy one takes for the first of each
    may be longer than a program that ends without a flush waits for.
    """
    topics = [f"{name}-{unique}" for name in ("topic_test", "mytopic", "my_topic", "warm")]
    for future in AdminClient({"bootstrap.servers": servers}).create_topics([NewTopic(topic, 1) for topic in topics]).values():
        future.result(PATIENCE)
    producer = ottla.Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    end = time.monotonic() + PATIENCE
    for topic in topics:
        while not producer.list_topics(topic, PATIENCE).topics[topic].partitions:
            assert time.monotonic() < end, f"{topic} was made, and can't be seen"
    producer.produce(topics[-1], b"v")
    assert producer.flush(PATIENCE) == 0
    config = {"bootstrap.servers": servers, "group.id": f"warm-{unique}", "auto.offset.reset": "earliest"}
    with ottla.Consumer(config) as consumer:
        consumer.subscribe(topics[-1:])
        read(consumer, 1)

    def program(text):
        text = textwrap.dedent(text).replace("localhost:9092", servers)
        for name in ("topic_test", "my-group-id", "mytopic", "mygroup", "my_topic", "my-group"):
            text = text.replace(f"'{name}'", f"'{name}-{unique}'").replace(f'"{name}"', f'"{name}-{unique}"')
        return [sys.executable, "-u", "-c", text]

    return program


def run(program):
    """Runs a program that ends by itself; what it printed."""
    done = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.splitlines()


def run_for(lines, program):
    """Runs a program until it has printed so many lines, and interrupts it then, as ctrl-c does."""
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        printed = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGINT)
        more, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert more == "" and errors.rstrip().endswith("KeyboardInterrupt"), (printed[-1:], more, errors)
    return [line.rstrip("\n") for line in printed]


TUTORIAL_PRODUCER = """
    from time import sleep
    from json import dumps
    from ottla.kafka import KafkaProducer

    producer = KafkaProducer(
        bootstrap_servers=['localhost:9092'],
        value_serializer=lambda x: dumps(x).encode('utf-8')
    )

    for j in range(999):
        print("Iteration", j)
        data = {'counter': j}
        producer.send('topic_test', value=data)
"""

TUTORIAL_CONSUMER = """
    from ottla.kafka import KafkaConsumer
    from json import loads

    consumer = KafkaConsumer(
        'topic_test',
        bootstrap_servers=['localhost:9092'],
        auto_offset_reset='earliest',
        enable_auto_commit=True,
        group_id='my-group-id',
        value_deserializer=lambda x: loads(x.decode('utf-8'))
    )
    for event in consumer:
        print(event.value)
"""


def test_the_tutorials_producer_and_consumer(program):
    assert len(run(program(TUTORIAL_PRODUCER))) == 999
    assert run_for(999, program(TUTORIAL_CONSUMER)) == [str({"counter": j}) for j in range(999)]


CONFLUENT_PRODUCER = """
    from ottla import Producer

    p = Producer({'bootstrap.servers': 'localhost:9092'})

    def delivery_report(err, msg):
        if err is not None:
            print('Message delivery failed: {}'.format(err))
        else:
            print('Message delivered to {} [{}]'.format(msg.topic(), msg.partition()))

    for data in ['one', 'two', 'three']:
        p.poll(0)
        p.produce('mytopic', data.encode('utf-8'), on_delivery=delivery_report)
    p.flush()
"""

CONFLUENT_CONSUMER = """
    from ottla import Consumer

    c = Consumer({
        'bootstrap.servers': 'localhost:9092',
        'group.id': 'mygroup',
        'auto.offset.reset': 'earliest'
    })
    c.subscribe(['mytopic'])
    while True:
        msg = c.poll(1.0)
        if msg is None:
            continue
        if msg.error():
            print("Consumer error: {}".format(msg.error()))
            continue
        print('Received message: {}'.format(msg.value().decode('utf-8')))
"""


def test_confluent_kafkas_producer_and_consumer(program):
    produced = run(program(CONFLUENT_PRODUCER))
    assert len(produced) == 3 and all(line.startswith("Message delivered to mytopic-") for line in produced)
    consumed = run_for(3, program(CONFLUENT_CONSUMER))
    assert sorted(consumed) == ["Received message: one", "Received message: three", "Received message: two"]


AIOKAFKA_PRODUCER = """
    from ottla.aio import AIOKafkaProducer
    import asyncio

    async def send_one():
        producer = AIOKafkaProducer(bootstrap_servers='localhost:9092')
        await producer.start()
        try:
            await producer.send_and_wait("my_topic", b"Super message")
        finally:
            await producer.stop()

    asyncio.run(send_one())
"""

AIOKAFKA_CONSUMER = """
    from ottla.aio import AIOKafkaConsumer
    import asyncio

    async def consume():
        consumer = AIOKafkaConsumer(
            'my_topic',
            bootstrap_servers='localhost:9092',
            group_id="my-group",
            auto_offset_reset='earliest')
        await consumer.start()
        try:
            async for msg in consumer:
                print("consumed: ", msg.topic, msg.partition, msg.offset, msg.key, msg.value, msg.timestamp)
        finally:
            await consumer.stop()

    asyncio.run(consume())
"""


def test_aiokafkas_producer_and_consumer(program):
    assert run(program(AIOKAFKA_PRODUCER)) == []
    [line] = run_for(1, program(AIOKAFKA_CONSUMER))
    assert line.startswith("consumed:  my_topic-") and " 0 None b'Super message' " in line
