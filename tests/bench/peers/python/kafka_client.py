"""kafka-python's API, on kafka or on ottla.kafka: records out by send(), which answers with a future, and back by iteration."""

import importlib
import sys

from bench_common import BATCH_SIZE, Meter, arguments, java_acks

SAMPLE_EVERY = 1000
WITHIN = 60
SILENCE_MS = 30000

options = arguments(["produce", "consume"])
client = importlib.import_module(options.module)
version = importlib.import_module(options.module.split(".")[0]).__version__


def produce():
    producer = client.KafkaProducer(
        bootstrap_servers=options.bootstrap_servers,
        acks=java_acks(options.acks),
        enable_idempotence=options.acks == "all",
        linger_ms=options.linger_ms,
        batch_size=BATCH_SIZE,
    )
    value, topic, kept = b"x" * options.value_size, options.topic, []
    meter = Meter()
    for number in range(options.records):
        future = producer.send(topic, value)
        if number % SAMPLE_EVERY == 0:
            kept.append(future)
    producer.flush()
    # The last one too.
    for one in (*kept, future):
        one.get(WITHIN)
    meter.done(options, version)
    producer.close()


def consume():
    consumer = client.KafkaConsumer(
        bootstrap_servers=options.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=SILENCE_MS,
    )
    size, wanted = 0, options.records * options.value_size
    meter = Meter()
    consumer.subscribe([options.topic])
    for message in consumer:
        size += len(message.value)
        if size >= wanted:
            break
    if size < wanted:
        sys.exit(f"{size} of {wanted} bytes came")
    meter.done(options, version)
    consumer.close()


globals()[options.case]()
