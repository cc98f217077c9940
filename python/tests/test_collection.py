"""Circles of clients and what they call or keep: the collector of garbage finds them, and a client that it takes is closed."""

import asyncio
import contextlib
import gc
import os
import time
import warnings
import weakref

import pytest
from conftest import PATIENCE

import ottla
from ottla.aio import AIOKafkaConsumer, AIOKafkaProducer
from ottla.kafka import KafkaConsumer, KafkaProducer
from ottla.kafka.structs import TopicPartition


class Own:
    """Methods to be called back. A bound method, unlike an object with attributes, is nothing that the collector can empty:
    whoever holds it has to let go."""

    def done(self, *_arguments):
        pass

    def code(self, value):
        return value


class Producer(Own, ottla.Producer):
    def __init__(self, servers):
        super().__init__({"bootstrap.servers": servers}, on_delivery=self.done, error_cb=self.done, stats_cb=self.done)


class Consumer(Own, ottla.Consumer):
    def __init__(self, servers, topic):
        super().__init__({"bootstrap.servers": servers, "group.id": "g"}, error_cb=self.done, on_commit=self.done)
        self.subscribe([topic], on_assign=self.done, on_revoke=self.done, on_lost=self.done)


class Sender(Own, KafkaProducer):
    def __init__(self, servers):
        super().__init__(bootstrap_servers=servers, key_serializer=self.code, value_serializer=self.code)


class Reader(Own, KafkaConsumer):
    def __init__(self, servers, topic):
        options = {"group_id": "h", "key_deserializer": self.code, "value_deserializer": self.code}
        super().__init__(topic, bootstrap_servers=servers, **options)


class AioProducer(Own, AIOKafkaProducer):
    def __init__(self, servers):
        super().__init__(bootstrap_servers=servers, key_serializer=self.code, value_serializer=self.code)


class AioConsumer(Own, AIOKafkaConsumer):
    def __init__(self, servers, topic, **options):
        options |= {"key_deserializer": self.code, "value_deserializer": self.code, "auto_offset_reset": "earliest"}
        super().__init__(bootstrap_servers=servers, **options)
        self.subscribe([topic], listener=self)

    async def on_partitions_assigned(self, partitions):
        pass

    async def on_partitions_revoked(self, partitions):
        pass


def sockets():
    """Connections of this process, those of a broker in it too."""
    count = 0
    for one in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(f"/proc/self/fd/{one}").startswith("socket:")
    return count


@pytest.fixture
def collected(broker):
    """Whether all that `make` makes is collected once it is let go, and what was connected is not any more."""

    # What the process opens once and keeps.
    ottla.Producer({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=PATIENCE)

    def collected(make):
        gc.collect()
        before = sockets()
        alive = [weakref.ref(one) for one in make()]
        with warnings.catch_warnings():
            # What was under way is lost, and says so.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        assert [one() for one in alive] == [None] * len(alive)
        end = time.monotonic() + PATIENCE
        while (now := sockets()) > before:
            assert time.monotonic() < end, f"{now} connections, {before} before"
            # Closing goes on by itself.
            time.sleep(0.001)

    return collected


def test_a_producer_that_calls_its_own_method(broker, topic, collected):
    def make():
        producer = Producer(broker.bootstrap_servers)
        producer.produce(topic, b"v")
        assert producer.flush(PATIENCE) == 0
        return [producer]

    collected(make)


def test_a_producer_whose_records_are_to_call_back(broker, topic, collected):
    broker.add_fault(api="Produce", silence=True)

    def make():
        producer = ottla.Producer({"bootstrap.servers": broker.bootstrap_servers})

        def delivered(error, message):
            producer.poll(0)

        producer.produce(topic, b"v", on_delivery=delivered)
        producer.poll(0)
        return [producer, delivered]

    collected(make)


@pytest.mark.parametrize("make_one", [Consumer, Reader])
def test_a_consumer_that_calls_its_own_methods(broker, topic, produce, collected, make_one):
    produce(topic, [b"v"])

    def make():
        consumer = make_one(broker.bootstrap_servers, topic)
        end = time.monotonic() + PATIENCE
        while not consumer.assignment():
            assert time.monotonic() < end
            consumer.poll(0.01)
        return [consumer]

    collected(make)


def test_what_a_rebalance_callback_raised_is_kept_no_longer_than_the_consumer(broker, topic, collected):
    def make():
        consumer = ottla.Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "g"})

        def fail(of, partitions):
            raise LookupError(consumer)

        consumer.subscribe([topic], on_assign=lambda *_: None, on_revoke=fail)
        end = time.monotonic() + PATIENCE
        while not consumer.assignment():
            assert time.monotonic() < end
            consumer.poll(0.01)
        with pytest.raises(LookupError):
            consumer.unsubscribe()
        return [consumer, fail]

    collected(make)


def test_a_sender_that_calls_its_own_methods(broker, topic, collected):
    def make():
        sender = Sender(broker.bootstrap_servers)
        return [sender, sender.send(topic, value=b"v", key=b"k").get(PATIENCE) and sender.send(topic, value=b"v")]

    collected(make)


def test_a_future_whose_error_is_kept_with_who_saw_it(broker, topic, collected):
    broker.add_fault(api="Produce", error="MESSAGE_TOO_LARGE")

    def make():
        sender = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
        future = sender.send(topic, value=b"v")
        try:
            future.get(PATIENCE)
        except Exception as error:
            assert future.exception is error and error.__traceback__ is not None
        return [sender, future]

    collected(make)


def test_a_future_that_is_called_back_about_itself(broker, topic, collected):
    broker.add_fault(api="Produce", silence=True)

    def make():
        sender = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
        future = sender.send(topic, value=b"v")
        future.add_callback(lambda _metadata: future).add_errback(lambda _error: sender)
        sender.close(0)
        with pytest.raises(Exception, match="purged|closed"):
            future.get(PATIENCE)
        return [sender, future]

    collected(make)


def run(work):
    """Runs it on a loop that is closed then, with whatever is under way, as `asyncio.run` would not."""
    loop = asyncio.new_event_loop()
    try:
        # Tasks that are lost say so.
        loop.set_exception_handler(lambda *_: None)
        return loop.run_until_complete(work)
    finally:
        loop.close()


async def turns():
    for _ in range(3):
        await asyncio.sleep(0)


def test_an_aio_producer_that_was_never_stopped(broker, topic, collected):
    async def main():
        producer = AioProducer(broker.bootstrap_servers)
        await producer.start()
        await producer.send_and_wait(topic, b"v")
        broker.add_fault(api="Produce", silence=True)
        sent = await producer.send(topic, b"v")
        tasks = [asyncio.ensure_future(one) for one in (producer.send_and_wait(topic, b"v"), producer.flush())]
        await turns()
        return [producer, sent, *tasks]

    collected(lambda: run(main()))


@pytest.mark.parametrize("group_id", [None, "aio"])
@pytest.mark.parametrize("read", ["getone", "getmany", "__anext__"])
def test_an_aio_consumer_that_was_never_stopped(broker, topic, produce, collected, group_id, read):
    produce(topic, [b"v"], partition=0)

    async def main():
        consumer = AioConsumer(broker.bootstrap_servers, topic, group_id=group_id, enable_auto_commit=False)
        await consumer.start()
        assert (await consumer.getone()).value == b"v"
        calls = {
            "getone": consumer.getone,
            "getmany": lambda: consumer.getmany(timeout_ms=60000),
            "__anext__": lambda: anext(consumer),
        }

        async def reading():
            await calls[read]()

        # One that is never awaited, too.
        never = anext(consumer)
        task = asyncio.ensure_future(reading())
        await turns()
        assert not task.done()
        del never
        return [consumer, task]

    collected(lambda: run(main()))


def test_a_failed_call_that_is_kept_with_its_error(broker, topic, collected):
    async def main():
        consumer = AioConsumer(broker.bootstrap_servers, topic, group_id=None)
        await consumer.start()
        broker.add_fault(api="ListOffsets", error="TOPIC_AUTHORIZATION_FAILED")
        asking = asyncio.ensure_future(consumer.end_offsets([TopicPartition(topic, 0)]))
        kept = None
        try:
            await asking
        except Exception as error:
            kept = error
        assert kept is not None
        await consumer.stop()
        return [consumer, asking, kept]

    collected(lambda: run(main()))
