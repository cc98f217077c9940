"""What a process does to its clients: signals, its end, forks, many of them."""

import gc
import os
import subprocess
import sys
import textwrap
import weakref

import pytest
from conftest import PATIENCE, read

import ottla
import ottla.kafka


def start(program, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    "call",
    [
        "producer.poll()",
        "producer.flush()",
        "consumer.poll()",
        "consumer.consume(10)",
        "next(iter(consumer))",
        "consumer.committed([ottla.TopicPartition('t', 0)])",
        "consumer.commit(offsets=[ottla.TopicPartition('t', 0, 1)], asynchronous=False)",
        "sender.send('t', b'v').get()",
        "sender.flush()",
        "next(records)",
        "records.poll(60000)",
        "asyncio.run(reading())",
        "asyncio.run(sending())",
        "asyncio.run(stopping())",
        "admin.create_topics([NewTopic('new', 1, 1)])['new'].result()",
        "admin.delete_topics(['t'])['t'].result()",
        "admin.delete_topics(['t']), admin.close(60)",
    ],
)
def test_ctrl_c_ends_any_wait(broker, call):
    for api in ["Produce", "OffsetFetch", "OffsetCommit", "CreateTopics", "DeleteTopics"]:
        broker.add_fault(api=api, silence=True)
    program = """
        import asyncio, os, signal, sys, threading, time, ottla, ottla.aio, ottla.kafka
        from ottla.admin import AdminClient, NewTopic
        servers = {"bootstrap.servers": sys.argv[1]}
        producer = ottla.Producer({**servers, "exit.timeout.ms": 1})
        producer.produce("t", b"v")
        consumer = ottla.Consumer({**servers, "group.id": "g"})
        sender = ottla.kafka.KafkaProducer(bootstrap_servers=sys.argv[1], exit_timeout_ms=1)
        sender.send("t", b"v")
        records = ottla.kafka.KafkaConsumer("t", bootstrap_servers=sys.argv[1], group_id="h")
        admin = AdminClient(servers)

        async def reading():
            async with ottla.aio.AIOKafkaConsumer("t", bootstrap_servers=sys.argv[1], group_id="i") as consumer:
                async for record in consumer:
                    pass

        async def sending():
            async with ottla.aio.AIOKafkaProducer(bootstrap_servers=sys.argv[1]) as producer:
                await producer.send_and_wait("t", b"v")

        async def stopping():
            producer = ottla.aio.AIOKafkaProducer(bootstrap_servers=sys.argv[1])
            await producer.start()
            await producer.send("t", b"v")
            await producer.stop()

        def interrupt():
            # Threads take no turns: this one goes on within the call only once that has let go of the lock, and waits.
            frame = None
            while frame is None:
                time.sleep(0.001)
                frame = sys._current_frames()[threading.main_thread().ident]
                while frame is not None and frame.f_code.co_filename != "the call":
                    frame = frame.f_back
            os.kill(os.getpid(), signal.SIGINT)

        sys.setswitchinterval(3600)
        threading.Thread(target=interrupt, daemon=True).start()
        exec(compile(sys.argv[2], "the call", "exec"))
        """
    process = start(program, broker.bootstrap_servers, call)
    _, errors = process.communicate(timeout=PATIENCE)
    assert "KeyboardInterrupt" in errors and "the call" in errors and process.returncode != 0


def test_a_process_that_ends_sends_what_is_queued(broker, topic, consumer):
    program = """
        import sys, ottla
        producer = ottla.Producer({"bootstrap.servers": sys.argv[1], "linger.ms": 60000, "exit.timeout.ms": 20000})
        for i in range(1000):
            producer.produce(sys.argv[2], str(i), on_delivery=lambda err, msg: None)
        """
    process = start(program, broker.bootstrap_servers, topic)
    assert process.communicate(timeout=PATIENCE) == ("", "") and process.returncode == 0
    reader = consumer()
    reader.subscribe([topic])
    assert sorted(int(message.value()) for message in read(reader, 1000)) == list(range(1000))


def test_what_can_not_be_sent_at_the_end_is_counted(broker, topic):
    broker.add_fault(api="Produce", silence=True)
    program = """
        import sys, ottla
        producer = ottla.Producer({"bootstrap.servers": sys.argv[1], "exit.timeout.ms": 50})
        for i in range(7):
            producer.produce(sys.argv[2], str(i))
        """
    process = start(program, broker.bootstrap_servers, topic)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and "7 records were not delivered" in errors


def test_a_fork_before_and_after_the_first_use(broker, topic, consumer):
    program = """
        import os, sys, ottla
        servers, topic = {"bootstrap.servers": sys.argv[1]}, sys.argv[2]

        def in_child(work):
            child = os.fork()
            if child == 0:
                try:
                    work()
                except BaseException:
                    import traceback
                    traceback.print_exc()
                    os._exit(1)
                sys.exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

        def own(value):
            producer = ottla.Producer(servers)
            producer.produce(topic, value)
            assert producer.flush(20) == 0

        in_child(lambda: own("first child"))
        parent = ottla.Producer(servers)
        reader = ottla.Consumer({**servers, "group.id": "parent"})
        parent.produce(topic, "parent")
        assert parent.flush(20) == 0

        def of_the_parent():
            producing = [lambda: parent.produce(topic, "lost"), lambda: parent.poll(0), lambda: parent.flush(1)]
            for call in [*producing, lambda: reader.poll(0)]:
                try:
                    call()
                except ottla.KafkaException as error:
                    assert "fork" in str(error), error
                else:
                    raise AssertionError("used in the child")
            own("second child")

        in_child(of_the_parent)
        parent.produce(topic, "parent again")
        assert parent.flush(20) == 0
        reader.close()
        """
    process = start(program, broker.bootstrap_servers, topic)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    reader = consumer()
    reader.subscribe([topic])
    values = sorted(message.value() for message in read(reader, 4))
    assert values == [b"first child", b"parent", b"parent again", b"second child"]


def count(what):
    return len(os.listdir(f"/proc/self/{what}"))


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_hundred_clients_leave_nothing_behind(broker, topic):
    def one():
        producer = ottla.Producer({"bootstrap.servers": broker.bootstrap_servers})
        producer.produce(topic, b"v")
        assert producer.flush(PATIENCE) == 0
        config = {"bootstrap.servers": broker.bootstrap_servers, "group.id": "g", "auto.offset.reset": "earliest"}
        consumer = ottla.Consumer(config)
        consumer.assign([ottla.TopicPartition(topic, 0)])
        consumer.poll(0)
        consumer.close()
        with ottla.kafka.KafkaProducer(bootstrap_servers=broker.bootstrap_servers) as sender:
            assert sender.send(topic, b"v").get(PATIENCE).topic == topic
        ottla.kafka.KafkaConsumer(topic, bootstrap_servers=broker.bootstrap_servers, group_id="h").close()

    for _ in range(20):
        one()
    gc.collect()
    threads, memory = count("task"), resident()
    for _ in range(100):
        one()
    gc.collect()
    assert count("task") == threads
    assert resident() - memory < 30_000_000


def test_live_clients_in_circles_are_collected(broker, topic):
    class Application:
        def __init__(self):
            servers = {"bootstrap.servers": broker.bootstrap_servers}
            self.producer = ottla.Producer(servers, on_delivery=self.delivered, error_cb=self.failed)
            self.consumer = ottla.Consumer({**servers, "group.id": "circle", "error_cb": self.failed})
            self.consumer.subscribe([topic], on_assign=self.assigned)
            options = {"bootstrap_servers": broker.bootstrap_servers, "value_serializer": self.code}
            self.sender = ottla.kafka.KafkaProducer(**options)
            options = {"bootstrap_servers": broker.bootstrap_servers, "value_deserializer": self.code, "group_id": "other"}
            self.records = ottla.kafka.KafkaConsumer(topic, **options)

        def delivered(self, err, msg):
            pass

        def assigned(self, consumer, partitions):
            pass

        def failed(self, error):
            pass

        def code(self, value):
            return value

    application = Application()
    application.producer.produce(topic, b"v")
    assert application.producer.flush(PATIENCE) == 0
    application.consumer.poll(0.01)
    application.sender.send(topic, b"v").get(PATIENCE)
    application.records.poll(10)
    alive = [weakref.ref(one) for one in (application, *vars(application).values())]
    assert len(alive) == 5
    del application
    gc.collect()
    assert [one() for one in alive] == [None] * 5


def test_what_is_queued_at_the_end_has_some_time_by_default(broker, topic):
    program = """
        import sys, ottla
        producer = ottla.Producer({"bootstrap.servers": sys.argv[1]})
        producer.produce(sys.argv[2], b"v")
        """
    broker.add_fault(api="Produce", delay_ms=200, times=1)
    process = start(program, broker.bootstrap_servers, topic)
    assert process.communicate(timeout=PATIENCE) == ("", "") and process.returncode == 0
    # And no more than that: a delivery may take two minutes.
    broker.add_fault(api="Produce", silence=True)
    process = start(program, broker.bootstrap_servers, topic)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and "1 records were not delivered" in errors
