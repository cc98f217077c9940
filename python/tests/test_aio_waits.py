"""Waits of `ottla.aio` that are given up, and callbacks: nothing is lost, and nobody hangs."""

import asyncio
import contextvars
import time

import pytest
from conftest import PATIENCE
from test_aio import reader, run, write, writer

from ottla import _ottla
from ottla.aio import TopicPartition
from ottla.aio.errors import KafkaError, ProducerClosed


async def turns():
    """Lets the loop serve what has come."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_call_that_outlives_its_getmany_takes_no_record_away(broker, topic, produce):
    zero = TopicPartition(topic, 0)

    def fetched(consumer, end):
        """Waits without a turn of the loop, so that the call for more is not served."""
        give_up = time.monotonic() + PATIENCE
        while consumer.highwater(zero) != end:
            assert time.monotonic() < give_up, consumer.highwater(zero)

    async def main():
        await write(broker, topic, [b"0"], partition=0)
        async with reader(broker, topic, group_id="unread", enable_auto_commit=False) as consumer:
            seen = [record.offset for record in (await consumer.getmany(timeout_ms=PATIENCE * 1000))[zero]]
            # Out of time: its call for more goes on.
            assert await consumer.getmany(timeout_ms=1) == {}
            produce(topic, [b"1", b"2", b"3"], partition=0)
            fetched(consumer, 4)
            while not (records := consumer._native._some(1, 0)):
                pass
            seen += [record.offset for record in records]
            produce(topic, [b"4", b"5", b"6"], partition=0)
            fetched(consumer, 7)
            await turns()
            while len(seen) < 7:
                seen += [record.offset for record in (await consumer.getmany(timeout_ms=PATIENCE * 1000))[zero]]
            assert seen == list(range(7))
            # What is queued is outdated by a seek as what is at hand is.
            assert await consumer.getmany(timeout_ms=1) == {}
            consumer.seek(zero, 5)
            assert (await consumer.getone()).offset == 5

    run(main())


@pytest.mark.parametrize("return_exceptions", [False, True])
def test_gather_is_cancelled(broker, topic, return_exceptions):
    async def main():
        async with writer(broker, linger_ms=200) as producer:
            futures = [await producer.send(topic, b"v") for _ in range(3)]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await asyncio.gather(*futures, return_exceptions=return_exceptions)
            assert all(future.cancelled() for future in futures)
            future = await producer.send(topic, b"v")
            assert future.cancel("why") and future._cancel_message == "why"
            with pytest.raises(asyncio.CancelledError, match="why"):
                future.result()

    run(main())


def test_a_callback_that_the_loop_refuses_keeps_nobody_waiting(broker, topic):
    async def refused(_future):
        pass

    async def main():
        loop = asyncio.get_running_loop()
        # A loop that is being debugged refuses coroutine functions.
        loop.set_debug(True)
        told = []
        loop.set_exception_handler(lambda _loop, context: told.append(context["exception"]))
        async with writer(broker, linger_ms=20) as producer:
            futures = [await producer.send(topic, b"v", partition=0) for _ in range(3)]
            futures[0].add_done_callback(refused)
            assert [one.offset for one in await asyncio.gather(*futures)] == [0, 1, 2]
            assert (await producer.send_and_wait(topic, b"v", partition=0)).offset == 3
        assert [type(one) for one in told] == [TypeError]

    run(main())


def test_a_wait_that_is_given_up_leaves_the_assignment(broker, topic):
    async def main():
        await write(broker, topic, [b"v"], partition=0)
        async with reader(broker, group_id=None) as consumer:
            consumer.subscribe([topic])
            waiting = asyncio.ensure_future(consumer.getone())
            await asyncio.sleep(0)
            assert waiting.cancel()
            await asyncio.wait([waiting])
            assert (await consumer.getone()).value == b"v"

    run(main())


def test_getmany_gives_the_loop_turns(broker, topic):
    async def main():
        async with reader(broker, topic) as consumer:
            others = []
            for timeout_ms, count in ((0, 0), (PATIENCE * 1000, 2000)):
                await write(broker, topic, [b"v"] * count, partition=0)
                asyncio.get_running_loop().call_soon(others.append, count)
                for _ in range(max(1, count // 2)):
                    await consumer.getmany(timeout_ms=timeout_ms, max_records=1)
                assert others.pop() == count

    run(main())


def test_a_done_callback_runs_in_the_context_of_who_added_it(broker, topic):
    variable = contextvars.ContextVar("variable", default="nobody's")

    async def main():
        async with writer(broker, linger_ms=20) as producer:
            future = await producer.send(topic, b"v")
            variable.set("mine")
            seen = []
            future.add_done_callback(lambda _: seen.append(variable.get()))
            await future
            await turns()
            future.add_done_callback(lambda _: seen.append(variable.get()))
            await turns()
            assert seen == ["mine", "mine"]

    run(main())


def test_who_waits_is_told_when_the_port_goes(broker, topic):
    broker.add_fault(api="Produce", silence=True)

    async def main():
        # As `ottla.aio` does it, without what keeps the port for as long as anybody waits.
        port, producer = _ottla.Port(asyncio.get_running_loop()), _ottla.SendingProducer()
        producer._open([("bootstrap.servers", broker.bootstrap_servers), ("exit.timeout.ms", "1")], None, None, port)

        async def wait_for(future):
            return await future

        record = asyncio.ensure_future(wait_for(producer.send(topic, b"v")))
        call = asyncio.ensure_future(wait_for(_ottla.aio_flush(producer, port)))
        await turns()
        assert not record.done() and not call.done()
        del port, producer
        done, _ = await asyncio.wait([record, call], timeout=PATIENCE)
        assert done == {record, call} and call.cancelled()
        with pytest.raises(KafkaError, match="not known"):
            record.result()

    run(main())


@pytest.mark.parametrize("how", ["the task that stops it is cancelled", "stop itself is cancelled"])
def test_who_is_cancelled_does_not_wait_for_a_silent_broker(broker, topic, how, caplog):
    broker.add_fault(api="Produce", silence=True)
    stops_itself = how == "stop itself is cancelled"

    async def main():
        producer = writer(broker, exit_timeout_ms=20, request_timeout_ms=900_000)
        await producer.start()
        record = await producer.send(topic, b"v")
        begun = asyncio.Event()

        async def serve():
            try:
                begun.set()
                if not stops_itself:
                    await asyncio.Event().wait()
            finally:
                await producer.stop()

        task = asyncio.create_task(serve())
        await begun.wait()
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(KafkaError):
            await record
        with pytest.raises(ProducerClosed):
            await producer.send(topic, b"v")

    run(main())
    assert [one.getMessage() for one in caplog.records if one.name == "ottla.aio"] == [
        "1 records were not delivered before the producer stopped"
    ]


def test_a_cancelled_task_still_delivers(broker, topic):
    async def main():
        producer = writer(broker, linger_ms=20, exit_timeout_ms=PATIENCE * 1000)
        await producer.start()

        async def serve():
            try:
                await asyncio.Event().wait()
            finally:
                await producer.stop()

        task = asyncio.create_task(serve())
        await turns()
        record = await producer.send(topic, b"v")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await record).offset == 0

    run(main())
