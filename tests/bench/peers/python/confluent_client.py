"""confluent-kafka's API, on confluent_kafka or ottla: records out with a delivery callback, and back by consume() or poll()."""

import importlib
import sys

from bench_common import PARTITIONS_WITHIN, Meter, arguments

# Reports are served, and messages taken, so many at a time.
AT_A_TIME = 1000
SILENCE = 30.0

options = arguments(["produce", "consume", "poll"])
client = importlib.import_module(options.module)
version = client.__version__


def produce():
    producer = client.Producer(
        {
            "bootstrap.servers": options.bootstrap_servers,
            "acks": options.acks,
            "enable.idempotence": options.acks == "all",
            "linger.ms": options.linger_ms,
            "queue.buffering.max.messages": 1000000,
        }
    )
    value, topic, left = b"x" * options.value_size, options.topic, options.records
    failed, delivered = [], 0

    def on_delivery(error, _message):
        nonlocal delivered
        delivered += 1
        if error is not None:
            failed.append(error)

    meter = Meter()
    while left:
        for _ in range(min(left, AT_A_TIME)):
            while True:
                try:
                    producer.produce(topic, value, on_delivery=on_delivery)
                    break
                except BufferError:
                    producer.poll(0.01)
        left -= min(left, AT_A_TIME)
        producer.poll(0)
    producer.flush()
    meter.done(options, version)
    if failed or delivered != options.records:
        sys.exit(f"{delivered} of {options.records} records have a report, {len(failed)} of them failed: {failed[:1]}")


def assigned():
    """A consumer of the whole topic, without a group's rebalancing."""
    consumer = client.Consumer(
        {"bootstrap.servers": options.bootstrap_servers, "group.id": "bench", "enable.auto.commit": False}
    )
    partitions = consumer.list_topics(options.topic, PARTITIONS_WITHIN).topics[options.topic].partitions
    start = client.OFFSET_BEGINNING
    return consumer, [client.TopicPartition(options.topic, partition, start) for partition in partitions]


def consume():
    consumer, partitions = assigned()
    # Bytes are what is counted: an error among the messages has none of so many.
    size, wanted = 0, options.records * options.value_size
    meter = Meter()
    consumer.assign(partitions)
    while size < wanted:
        messages = consumer.consume(AT_A_TIME, SILENCE)
        if not messages:
            sys.exit(f"{size} of {wanted} bytes came")
        for message in messages:
            size += len(message.value())
    meter.done(options, version)
    consumer.close()


def poll():
    consumer, partitions = assigned()
    size, wanted = 0, options.records * options.value_size
    meter = Meter()
    consumer.assign(partitions)
    while size < wanted:
        message = consumer.poll(SILENCE)
        if message is None:
            sys.exit(f"{size} of {wanted} bytes came")
        size += len(message.value())
    meter.done(options, version)
    consumer.close()


globals()[options.case]()
