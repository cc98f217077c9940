"""Programs as the peers' introductions have them, with the import changed."""

import subprocess
import sys
import textwrap

from conftest import PATIENCE


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.splitlines()


def test_confluent_kafkas_producer_and_consumer(broker):
    produced = run(
        f"""
        from ottla import Producer

        p = Producer({{'bootstrap.servers': '{broker.bootstrap_servers}'}})

        def delivery_report(err, msg):
            if err is not None:
                print('Message delivery failed: {{}}'.format(err))
            else:
                print('Message delivered to {{}} [{{}}]'.format(msg.topic(), msg.partition()))

        for data in ['one', 'two', 'three']:
            p.poll(0)
            p.produce('mytopic', data.encode('utf-8'), callback=delivery_report)
        p.flush()
        """
    )
    assert len(produced) == 3 and all(line.startswith("Message delivered to mytopic [") for line in produced)
    consumed = run(
        f"""
        from ottla import Consumer

        c = Consumer({{
            'bootstrap.servers': '{broker.bootstrap_servers}',
            'group.id': 'mygroup',
            'auto.offset.reset': 'earliest'
        }})
        c.subscribe(['mytopic'])
        received = 0
        while received < 3:
            msg = c.poll(1.0)
            if msg is None:
                continue
            if msg.error():
                print("Consumer error: {{}}".format(msg.error()))
                continue
            print('Received message: {{}}'.format(msg.value().decode('utf-8')))
            received += 1
        c.close()
        """
    )
    assert sorted(consumed) == ["Received message: one", "Received message: three", "Received message: two"]


def test_aiokafkas_producer_and_consumer(broker):
    run(
        f"""
        from ottla.aio import AIOKafkaProducer
        import asyncio

        async def send_one():
            producer = AIOKafkaProducer(bootstrap_servers='{broker.bootstrap_servers}')
            await producer.start()
            try:
                await producer.send_and_wait("my_topic", b"Super message")
            finally:
                await producer.stop()

        asyncio.run(send_one())
        """
    )
    [line] = run(
        f"""
        from ottla.aio import AIOKafkaConsumer
        import asyncio

        async def consume():
            consumer = AIOKafkaConsumer(
                'my_topic',
                bootstrap_servers='{broker.bootstrap_servers}',
                group_id="my-group",
                auto_offset_reset='earliest')
            await consumer.start()
            try:
                async for msg in consumer:
                    print("consumed:", msg.topic, msg.partition, msg.offset, msg.key, msg.value)
                    break
            finally:
                await consumer.stop()

        asyncio.run(consume())
        """
    )
    assert line.startswith("consumed: my_topic ") and line.endswith(" 0 None b'Super message'")
