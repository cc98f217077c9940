"""aiokafka's producer and consumer."""

import asyncio
import gc
import os
import threading
import weakref

import pytest
from conftest import PATIENCE

from ottla.aio import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from ottla.aio import _loop, errors
from ottla.testing import Broker


def run(main):
    async def bounded():
        async with asyncio.timeout(PATIENCE):
            return await main

    return asyncio.run(bounded())


def reader(broker, *topics, **options):
    options = {"auto_offset_reset": "earliest", "group_id": "group"} | options
    return AIOKafkaConsumer(*topics, bootstrap_servers=broker.bootstrap_servers, **options)


def writer(broker, **options):
    return AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, **options)


async def write(broker, topic, values, **keywords):
    async with writer(broker) as producer:
        for value in values:
            await producer.send(topic, value, **keywords)


def test_records_go_out_and_come_back(broker, topic):
    async def main():
        threads = threading.active_count()
        producer = writer(broker, value_serializer=str.encode)
        await producer.start()
        metadata = await producer.send_and_wait(topic, "value", b"key", 1, 1234, [("h", b"1")])
        assert (metadata.topic, metadata.partition, metadata.offset, metadata.timestamp) == (topic, 1, 0, 1234)
        assert metadata.topic_partition == TopicPartition(topic, 1) and metadata.timestamp_type == 0
        futures = [await producer.send(topic, str(i), partition=0) for i in range(2000)]
        results = await asyncio.gather(*futures)
        assert [one.offset for one in results] == list(range(2000))
        assert await producer.partitions_for(topic) == {0, 1, 2}
        await producer.stop()
        with pytest.raises(errors.ProducerClosed):
            await producer.send(topic, "v")
        async with reader(broker, topic, key_deserializer=bytes.decode, value_deserializer=bytes.decode) as consumer:
            seen = []
            async for record in consumer:
                seen.append(record)
                if len(seen) == 2001:
                    break
        [first] = [record for record in seen if record.partition == 1]
        assert (first.key, first.value, first.headers, first.timestamp) == ("key", "value", [("h", b"1")], 1234)
        assert [record.value for record in seen if record.partition == 0] == [str(i) for i in range(2000)]
        # All of it on this thread.
        assert threading.active_count() == threads

    run(main())


def test_a_wait_that_is_cancelled_loses_nothing(broker, topic):
    async def main():
        async with reader(broker, topic) as consumer:
            waiting = [asyncio.ensure_future(consumer.getone()) for _ in range(3)]
            await asyncio.sleep(0)
            assert waiting[0].cancel()
            await asyncio.wait([waiting[0]])
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(consumer.getone(), 0.01)
            await write(broker, topic, [b"1", b"2", b"3"], partition=0)
            values = [(await one).value for one in waiting[1:]] + [(await consumer.getone()).value]
            assert sorted(values) == [b"1", b"2", b"3"]
        async with writer(broker, linger_ms=50) as producer:
            future = await producer.send(topic, b"4", partition=0)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(future, 0.001)
            assert future.cancelled()
        async with reader(broker, topic, group_id=None) as consumer:
            assert [(await consumer.getone()).value for _ in range(4)] == [b"1", b"2", b"3", b"4"]

    run(main())


def test_getmany_commits_seeks_and_positions(broker, topic):
    async def main():
        await write(broker, topic, [str(i).encode() for i in range(10)], partition=0)
        zero = TopicPartition(topic, 0)
        async with reader(broker, topic, enable_auto_commit=False) as consumer:
            records = await consumer.getmany(timeout_ms=PATIENCE * 1000, max_records=4)
            assert [record.offset for record in records[zero]] == [0, 1, 2, 3]
            assert await consumer.position(zero) == 4 and await consumer.committed(zero) is None
            await consumer.commit()
            assert await consumer.committed(zero) == 4
            await consumer.commit({zero: 2})
            assert await consumer.committed(zero) == 2
            await consumer.commit({zero: OffsetAndMetadata(3, "mine")})
            consumer.seek(zero, 9)
            assert (await consumer.getone()).offset == 9
            assert await consumer.getmany(timeout_ms=10) == {}
            await consumer.seek_to_beginning(zero)
            assert (await consumer.getone()).offset == 0
            assert consumer.assignment() == {TopicPartition(topic, i) for i in range(3)}
            assert consumer.subscription() == {topic}
            assert await consumer.end_offsets([zero]) == {zero: 10} and await consumer.beginning_offsets([zero]) == {zero: 0}
            assert (await consumer.offsets_for_times({zero: 0}))[zero].offset == 0
            consumer.pause(zero)
            assert consumer.paused() == {zero}
            consumer.resume(zero)
        consumer = reader(broker)
        await consumer.start()
        consumer.assign([zero])
        assert (await consumer.getone()).offset == 3
        await consumer.stop()
        with pytest.raises(errors.ConsumerStoppedError):
            await consumer.getone()
        assert [record async for record in _after(consumer)] == []

    async def _after(consumer):
        try:
            async for record in consumer:
                yield record
        except errors.ConsumerStoppedError:
            return

    run(main())


def test_a_coroutine_listener_is_waited_for(broker, topic):
    async def main():
        heard, consumer = [], reader(broker, enable_auto_commit=False)

        class Listener(ConsumerRebalanceListener):
            async def on_partitions_assigned(self, assigned):
                await asyncio.sleep(0)
                heard.append(("assigned", len(assigned)))

            async def on_partitions_revoked(self, revoked):
                await consumer_commits()
                heard.append(("revoked", len(revoked)))

        async def consumer_commits():
            await asyncio.sleep(0)

        await write(broker, topic, [b"v"], partition=0)
        await consumer.start()
        consumer.subscribe([topic], listener=Listener())
        assert (await consumer.getone()).value == b"v"
        await consumer.stop()
        assert heard == [("assigned", 3), ("revoked", 3)]

    run(main())


def test_a_full_buffer_is_waited_for(broker, topic):
    async def main():
        # Twice the buffer.
        async with writer(broker) as producer:
            for _ in range(700):
                await producer.send(topic, b"x" * 100_000)

    run(main())


def test_failures_have_their_names(broker, topic):
    async def main():
        async with writer(broker) as producer:
            broker.add_fault(api="Produce", error="TOPIC_AUTHORIZATION_FAILED")
            with pytest.raises(errors.TopicAuthorizationFailedError):
                await producer.send_and_wait(topic, b"v")
            with pytest.raises(errors.MessageSizeTooLargeError):
                await producer.send(topic, b"x" * 2_000_000)
            broker.clear_faults()
            assert (await producer.send_and_wait(topic, b"v", partition=0)).offset == 0
        servers = broker.bootstrap_servers
        broker.stop()
        with pytest.raises(errors.KafkaConnectionError, match=servers):
            await AIOKafkaProducer(bootstrap_servers=servers, request_timeout_ms=200).start()
        with pytest.raises(errors.KafkaConnectionError, match=servers):
            await AIOKafkaConsumer("t", bootstrap_servers=servers, request_timeout_ms=200).start()

    run(main())


def test_other_tasks_run_while_records_are_there(broker, topic):
    async def main():
        await write(broker, topic, [b"v"] * 5000, partition=0)
        turns = 0

        async def other():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.ensure_future(other())
        async with reader(broker, topic) as consumer:
            first = await consumer.getone()
            begun = turns
            count = 1
            async for _ in consumer:
                count += 1
                if count == 5000:
                    break
        task.cancel()
        assert first.offset == 0 and turns - begun >= 5

    run(main())


def test_a_hundred_clients_leave_nothing_behind(broker, topic):
    async def one():
        async with writer(broker) as producer:
            await producer.send_and_wait(topic, b"v", partition=0)
        async with reader(broker, topic, group_id=None) as consumer:
            await consumer.getone()

    def left():
        gc.collect()
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE")

    async def main():
        for _ in range(20):
            await one()
        threads, descriptors, memory = left()
        for _ in range(100):
            await one()
        after = left()
        assert after[:2] == (threads, descriptors) and after[2] - memory < 30_000_000

    run(main())


def test_the_loop_wakes_up_once_for_a_batch(monkeypatch):
    served = []

    def serve(port, plain=_loop.Port._serve):
        served.append(port)
        plain(port)

    async def main(broker):
        async with writer(broker, linger_ms=5) as producer:
            await producer.send_and_wait("t", b"v")
            served.clear()
            before = broker.requests("Produce")
            await asyncio.gather(*[await producer.send("t", b"v") for _ in range(5000)])
            assert 1 <= len(served) <= broker.requests("Produce") - before < 500
        async with reader(broker, "t") as consumer:
            served.clear()
            records = 0
            while records < 5001:
                records += sum(map(len, (await consumer.getmany(timeout_ms=1000)).values()))
            assert 1 <= len(served) < 500

    monkeypatch.setattr(_loop.Port, "_serve", serve)
    with Broker(topics={"t": 1}, journal=10_000) as broker:
        run(main(broker))


def test_a_client_that_was_not_stopped_is_collected_with_a_warning(broker, topic):
    async def main():
        producer = writer(broker)
        await producer.start()
        await producer.send_and_wait(topic, b"v")
        with pytest.warns(ResourceWarning, match="AIOKafkaProducer was not stopped"):
            del producer
            gc.collect()
        await asyncio.sleep(0)

    run(main())


def test_what_send_answers_with_is_a_coroutine_and_its_answer_a_future(broker, topic):
    async def main():
        producer = writer(broker, max_request_size=1000)
        with pytest.raises(errors.ProducerClosed):
            await producer.send(topic, b"v")
        await producer.start()
        sent = producer.send(topic, b"0", partition=0)
        assert asyncio.iscoroutine(sent) and not asyncio.isfuture(sent)
        future = await sent
        assert asyncio.isfuture(future) and not asyncio.iscoroutine(future) and weakref.ref(future)() is future
        heard = []
        future.add_done_callback(heard.append)
        future.add_done_callback(print)
        assert future.remove_done_callback(print) == 1
        done, pending = await asyncio.wait([future])
        assert done == {future} and not pending and heard == [future]
        assert future.result().offset == 0 and future.exception() is None
        task = asyncio.create_task(producer.send(topic, b"1", partition=0))
        assert (await (await task)).offset == 1
        both = await asyncio.gather(producer.send(topic, b"2", partition=0), producer.send(topic, b"3", partition=0))
        assert [(await one).offset for one in both] == [2, 3]
        assert (await (await asyncio.wait_for(producer.send(topic, b"4", partition=0), PATIENCE))).offset == 4
        # Not awaited, and sent all the same; given up before it began, too.
        producer.send(topic, b"5", partition=0)
        task = asyncio.create_task(producer.send(topic, b"6", partition=0))
        task.cancel()
        await asyncio.wait([task])
        await producer.flush()
        # What is wrong is raised where it is awaited.
        refused = [producer.send(topic, object()), producer.send(topic, b"x" * 2000)]
        with pytest.raises(TypeError):
            await refused[0]
        with pytest.raises(errors.MessageSizeTooLargeError):
            await asyncio.create_task(refused[1])
        await producer.stop()
        async with reader(broker, topic, group_id=None) as consumer:
            assert [(await consumer.getone()).value for _ in range(7)] == [str(i).encode() for i in range(7)]

    run(main())


def test_a_failure_can_be_asked_for_again_and_again(broker, topic):
    async def main():
        async with writer(broker) as producer:
            broker.add_fault(api="Produce", error="INVALID_RECORD", times=1)
            future = await producer.send(topic, b"v", partition=0)
            for _ in range(2):
                with pytest.raises(errors.KafkaError):
                    await future
                assert isinstance(future.exception(), errors.KafkaError)
            gone = weakref.ref(future)
            del future
            # The loop has let go of it after the step that it woke.
            await asyncio.sleep(0)
            assert gone() is None

    run(main())


def test_a_next_record_that_is_given_up_is_there_for_the_next(broker, topic):
    async def main():
        await write(broker, topic, [str(i).encode() for i in range(4)], partition=0)
        async with reader(broker, topic) as consumer:
            assert (await anext(consumer)).value == b"0"
            consumer.__anext__()
            task = asyncio.create_task(consumer.__anext__())
            task.cancel()
            await asyncio.wait([task])
            several = [asyncio.ensure_future(consumer.__anext__()) for _ in range(3)]
            assert sorted([(await one).value for one in several]) == [b"1", b"2", b"3"]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(consumer.__anext__(), 0.01)
            await write(broker, topic, [b"4"], partition=0)
            assert (await anext(consumer)).value == b"4"
        with pytest.raises(StopAsyncIteration):
            await anext(consumer)

    run(main())


def test_what_a_listener_raises_is_logged(broker, topic, caplog):
    async def main():
        class Listener(ConsumerRebalanceListener):
            async def on_partitions_assigned(self, assigned):
                raise ValueError("mine")

            def on_partitions_revoked(self, revoked):
                raise ValueError("mine")

        await write(broker, topic, [b"v"], partition=0)
        consumer = reader(broker)
        consumer.subscribe(pattern=topic, listener=Listener())
        await consumer.start()
        assert (await consumer.getone()).value == b"v"
        assert consumer.subscription() == {topic}
        await consumer.stop()
        assert [record.exc_info[1].args for record in caplog.records] == [("mine",)] * 2

    run(main())


def test_small_ways_that_programs_rely_on(broker, topic):
    servers = {"bootstrap_servers": broker.bootstrap_servers}
    for client in [AIOKafkaProducer, AIOKafkaConsumer]:
        with pytest.raises(ValueError):
            client(**servers, nonsense=1)

    async def main():
        await write(broker, topic, [b"v"], partition=0)
        consumer = AIOKafkaConsumer(topic, **servers, group_id="ways", auto_offset_reset="earliest")
        assert consumer.assignment() == set()
        async with consumer:
            assert (await consumer.getone()).value == b"v"
            other = TopicPartition("other", 0)
            for wrong in [lambda: consumer.position(other), lambda: consumer.commit({other: 1})]:
                with pytest.raises(errors.IllegalStateError):
                    await wrong()
            with pytest.raises(errors.IllegalStateError):
                consumer.assign([other])
            refused = [lambda: consumer.commit({}), lambda: consumer.getmany(max_records=0)]
            for wrong in [*refused, lambda: consumer.offsets_for_times({other: -1})]:
                with pytest.raises(ValueError):
                    await wrong()
        assert consumer.assignment() == set()

    run(main())
