"""Waits, and work that takes long: other threads run meanwhile."""

import contextlib
import os
import sys
import threading
import time

import pytest
from conftest import PATIENCE

import ottla
from ottla.kafka import KafkaConsumer, KafkaProducer


@pytest.fixture
def progress():
    """Does something, again and again, until another thread has got on meanwhile. The interpreter never has threads take turns
    here, so that this happens only if the interpreter's lock is let go of; how soon is the machine's affair."""
    steps, begun, end = [0], threading.Event(), threading.Event()

    def work():
        begun.set()
        while not end.is_set():
            steps[0] += 1
            # Lets go of the lock.
            time.sleep(0.0001)

    thread, interval = threading.Thread(target=work), sys.getswitchinterval()
    thread.start()
    assert begun.wait(PATIENCE)

    def progress(call):
        end = time.monotonic() + PATIENCE
        sys.setswitchinterval(1000)
        try:
            # A turn that was asked for before is taken here.
            time.sleep(0)
            before = steps[0]
            call()
            while steps[0] == before:
                assert time.monotonic() < end, "no other thread ran"
                call()
        finally:
            sys.setswitchinterval(interval)

    yield progress
    end.set()
    thread.join(PATIENCE)


@pytest.mark.parametrize(
    "wait",
    [
        lambda c: c["producer"].poll(0.1),
        lambda c: c["producer"].flush(0.1),
        lambda c: c["consumer"].poll(0.1),
        lambda c: c["consumer"].consume(10, 0.1),
        lambda c: c["consumer"].committed([ottla.TopicPartition(c["topic"], 0)], 0.1),
        lambda c: c["consumer"].get_watermark_offsets(ottla.TopicPartition(c["topic"], 0), 0.1),
        lambda c: c["future"].get(timeout=0.1),
        lambda c: c["sender"].flush(timeout=0.1),
        lambda c: next(c["records"]),
        lambda c: c["records"].poll(100),
    ],
)
def test_other_threads_run_during_any_wait(broker, topic, progress, wait):
    servers = broker.bootstrap_servers
    consumer = ottla.Consumer({"bootstrap.servers": servers, "group.id": "g"})
    consumer.subscribe([topic])
    consumer.poll(0.1)
    for api in ["Produce", "OffsetFetch", "ListOffsets"]:
        broker.add_fault(api=api, silence=True)
    producer = ottla.Producer({"bootstrap.servers": servers, "exit.timeout.ms": 1})
    sender = KafkaProducer(bootstrap_servers=servers, exit_timeout_ms=1)
    records = KafkaConsumer(topic, bootstrap_servers=servers, group_id="h", consumer_timeout_ms=100)
    producer.produce(topic, b"v")
    clients = {
        "producer": producer,
        "consumer": consumer,
        "sender": sender,
        "records": records,
        "future": sender.send(topic, b"v"),
        "topic": topic,
    }

    def call():
        with contextlib.suppress(Exception):
            wait(clients)

    progress(call)
    producer.purge()
    producer.flush(PATIENCE)
    sender.close(timeout=0)


def test_other_threads_run_while_a_batch_is_compressed(broker, topic, progress):
    producer = ottla.Producer({"bootstrap.servers": broker.bootstrap_servers, "compression.type": "gzip", "linger.ms": 60000})
    producer.produce(topic, b"v", partition=0)
    assert producer.flush(PATIENCE) == 0
    value = os.urandom(100_000).hex()
    # A batch is full, and compressed by this thread, after five of them.
    progress(lambda: [producer.produce(topic, value, partition=0) for _ in range(11)])
    assert producer.flush(PATIENCE) == 0
