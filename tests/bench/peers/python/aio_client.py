"""aiokafka's API, on aiokafka or on ottla.aio: records out by ``await send``, and back by ``async for``."""

import asyncio
import importlib
import importlib.metadata

from bench_common import BATCH_SIZE, Meter, arguments, java_acks

# Of so many records one's future is kept and asked what became of it; flush waits for all.
SAMPLE_EVERY = 1000

options = arguments(["produce", "consume"])
client = importlib.import_module(options.module)
version = importlib.metadata.version("aiokafka") if options.module == "aiokafka" else importlib.import_module("ottla").__version__


async def produce():
    producer = client.AIOKafkaProducer(
        bootstrap_servers=options.bootstrap_servers,
        acks=java_acks(options.acks),
        enable_idempotence=options.acks == "all",
        linger_ms=options.linger_ms,
        max_batch_size=BATCH_SIZE,
    )
    await producer.start()
    try:
        value, topic, kept = b"x" * options.value_size, options.topic, []
        meter = Meter()
        for number in range(options.records):
            future = await producer.send(topic, value)
            if number % SAMPLE_EVERY == 0:
                kept.append(future)
        await producer.flush()
        # The last one too.
        await asyncio.gather(future, *kept)
        meter.done(options, version)
    finally:
        await producer.stop()


async def consume():
    consumer = client.AIOKafkaConsumer(
        bootstrap_servers=options.bootstrap_servers, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        size, wanted = 0, options.records * options.value_size
        meter = Meter()
        consumer.subscribe([options.topic])
        async for message in consumer:
            size += len(message.value)
            if size >= wanted:
                break
        meter.done(options, version)
    finally:
        await consumer.stop()


asyncio.run({"produce": produce, "consume": consume}[options.case]())
