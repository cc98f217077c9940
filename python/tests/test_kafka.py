"""kafka-python's producer and consumer."""

import threading
from json import dumps, loads

import pytest
from conftest import PATIENCE

from ottla.kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition, errors


@pytest.fixture
def producer(broker):
    with KafkaProducer(bootstrap_servers=[broker.bootstrap_servers]) as producer:
        yield producer


def reader(broker, *topics, **options):
    options = {"auto_offset_reset": "earliest", "group_id": "group", "consumer_timeout_ms": PATIENCE * 1000} | options
    return KafkaConsumer(*topics, bootstrap_servers=broker.bootstrap_servers, **options)


def test_a_future_has_the_records_metadata(producer, topic):
    future = producer.send(topic, b"value", key=b"key", headers=[("h", b"1")], partition=1, timestamp_ms=1234)
    metadata = future.get(timeout=PATIENCE)
    assert future.is_done and future.succeeded() and not future.failed() and future.exception is None and future.value is metadata
    assert (metadata.topic, metadata.partition, metadata.offset, metadata.timestamp) == (topic, 1, 0, 1234)
    assert metadata.topic_partition == TopicPartition(topic, 1)
    assert (metadata.serialized_key_size, metadata.serialized_value_size, metadata.serialized_header_size) == (3, 5, 2)


def test_callbacks_are_called_without_a_call(producer, topic, broker):
    called, done = [], threading.Event()
    future = producer.send(topic, b"value")
    future.add_callback(lambda extra, metadata: called.append((extra, metadata.topic)), "extra").add_errback(called.append)
    future.add_callback(lambda metadata: done.set())
    assert done.wait(PATIENCE)
    assert called == [("extra", topic)]
    # Late ones are called at once.
    future.add_callback(lambda metadata: called.append("late"))
    assert called[1:] == ["late"]


def test_a_wait_that_is_over_leaves_callbacks_to_be_called(broker, topic):
    rule = broker.add_fault(api="Produce", delay_ms=300, times=1)
    with KafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
        done = threading.Event()
        future = producer.send(topic, b"value").add_callback(lambda metadata: done.set())
        with pytest.raises(errors.KafkaTimeoutError):
            future.get(timeout=0.001)
        assert done.wait(PATIENCE) and broker.fault_hits(rule) == 1


def test_failures_have_kafka_pythons_names(broker, topic):
    with KafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
        broker.add_fault(api="Produce", error="TOPIC_AUTHORIZATION_FAILED")
        failed, done = [], threading.Event()
        future = producer.send(topic, b"value").add_errback(lambda error: (failed.append(error), done.set()))
        with pytest.raises(errors.TopicAuthorizationFailedError) as raised:
            future.get(timeout=PATIENCE)
        assert isinstance(raised.value, errors.KafkaError) and future.failed() and not future.retriable()
        assert done.wait(PATIENCE) and failed == [raised.value]
        with pytest.raises(errors.MessageSizeTooLargeError):
            producer.send(topic, b"x" * 2_000_000)
        with pytest.raises(errors.KafkaConfigurationError, match="linger_msx|linger.msx"):
            KafkaProducer(bootstrap_servers=broker.bootstrap_servers, linger_msx=1)
        with pytest.raises(NotImplementedError, match="init_transactions"):
            producer.init_transactions()


def test_serializers_and_deserializers(broker, topic):
    producer = KafkaProducer(
        bootstrap_servers=broker.bootstrap_servers,
        key_serializer=str.encode,
        value_serializer=lambda value: dumps(value).encode(),
    )
    for i in range(10):
        producer.send(topic, {"i": i}, key=f"key {i}", partition=0)
    producer.flush(PATIENCE)
    producer.close()
    with pytest.raises(errors.IllegalStateError):
        producer.send(topic, {}, key="k")
    with reader(broker, topic, key_deserializer=bytes.decode, value_deserializer=loads) as consumer:
        records = [next(consumer) for _ in range(10)]
    assert [(record.key, record.value, record.offset) for record in records] == [(f"key {i}", {"i": i}, i) for i in range(10)]
    assert "ConsumerRecord(topic=" in repr(records[0]) and records[0].timestamp_type == 0


def test_a_full_buffer_is_waited_for(broker, topic):
    with KafkaProducer(bootstrap_servers=broker.bootstrap_servers, buffer_memory=1_200_000, linger_ms=1) as producer:
        futures = [producer.send(topic, b"x" * 10_000) for _ in range(500)]
        producer.flush(PATIENCE)
        assert all(future.succeeded() for future in futures)


def test_poll_gives_records_by_partition_and_commits(broker, topic, producer):
    for i in range(30):
        producer.send(topic, str(i).encode(), partition=i % 3)
    producer.flush(PATIENCE)
    consumer = reader(broker, topic, enable_auto_commit=False)
    records = {}
    while sum(map(len, records.values())) < 30:
        polled = consumer.poll(timeout_ms=PATIENCE * 1000, max_records=7)
        assert 0 < sum(map(len, polled.values())) <= 7
        for partition, several in polled.items():
            records.setdefault(partition, []).extend(several)
    assert {partition: [record.offset for record in several] for partition, several in records.items()} == {
        TopicPartition(topic, i): list(range(10)) for i in range(3)
    }
    zero = TopicPartition(topic, 0)
    assert consumer.assignment() == {TopicPartition(topic, i) for i in range(3)} and consumer.subscription() == {topic}
    assert consumer.position(zero) == 10 and consumer.committed(zero) is None
    consumer.commit()
    assert consumer.committed(zero) == 10
    consumer.commit({zero: OffsetAndMetadata(4, "mine", -1)})
    assert consumer.committed(zero, metadata=True)[:2] == (4, "mine")
    assert consumer.beginning_offsets([zero]) == {zero: 0} and consumer.end_offsets([zero]) == {zero: 10}
    assert consumer.partitions_for_topic(topic) == {0, 1, 2} and topic in consumer.topics()
    assert consumer.offsets_for_times({zero: 0})[zero].offset == 0
    consumer.seek(zero, 8)
    consumer.pause(TopicPartition(topic, 1))
    assert consumer.paused() == {TopicPartition(topic, 1)}
    assert next(consumer).offset == 8
    consumer.close()


def test_iterating_ends_after_consumer_timeout_ms(broker, topic, producer):
    producer.send(topic, b"v").get(PATIENCE)
    consumer = reader(broker, group_id=None, consumer_timeout_ms=200)
    consumer.assign([TopicPartition(topic, i) for i in range(3)])
    assert [record.value for record in consumer] == [b"v"]
    with pytest.raises(errors.IllegalStateError):
        consumer.commit()
    consumer.close()


def test_without_a_group_all_partitions_are_read(broker, topic, producer):
    for partition in range(3):
        producer.send(topic, str(partition).encode(), partition=partition)
    producer.flush(PATIENCE)
    with reader(broker, topic, group_id=None) as consumer:
        assert sorted(next(consumer).value for _ in range(3)) == [b"0", b"1", b"2"]
        consumer.seek_to_beginning(TopicPartition(topic, 2))
        assert next(consumer).value == b"2"


def test_a_deserializer_that_raises_is_raised_and_what_was_taken_is_not_lost(broker, topic, producer):
    for value in [b"1", b"2", b"not a number", b"4"]:
        producer.send(topic, value, partition=0)
    producer.flush(PATIENCE)
    consumer = reader(broker, topic, value_deserializer=int)
    values, raised = [], 0
    while len(values) < 3:
        try:
            for several in consumer.poll(PATIENCE * 1000).values():
                values.extend(record.value for record in several)
        except ValueError:
            raised += 1
    assert (values, raised) == ([1, 2, 4], 1)
    consumer.close()


def test_a_listener_hears_of_rebalances(broker, topic):
    heard = []

    class Listener(ConsumerRebalanceListener):
        def on_partitions_assigned(self, assigned):
            heard.append(("assigned", assigned))

        def on_partitions_revoked(self, revoked):
            heard.append(("revoked", revoked))

    consumer = reader(broker)
    consumer.subscribe([topic], listener=Listener())
    while not heard:
        consumer.poll(50)
    consumer.close()
    everything = {TopicPartition(topic, i) for i in range(3)}
    assert heard == [("assigned", everything), ("revoked", everything)]


def test_what_a_listener_or_a_callback_raises_is_logged(broker, topic, producer, caplog):
    def fails(*_args):
        raise ValueError("mine")

    class Listener(ConsumerRebalanceListener):
        on_partitions_assigned = on_partitions_revoked = fails

    future, called = producer.send(topic, b"v", partition=0), threading.Event()
    future.add_callback(fails)
    future.add_callback(lambda _metadata: called.set())
    assert called.wait(PATIENCE)
    [record] = caplog.records
    assert record.name == "ottla.kafka" and record.exc_info[1].args == ("mine",)
    consumer = reader(broker)
    consumer.subscribe([topic], listener=Listener())
    assert next(consumer).value == b"v"
    consumer.close()
    assert [record.exc_info[1].args for record in caplog.records] == [("mine",)] * 3


def test_topics_are_subscribed_to_by_pattern(broker, topic, producer):
    for name in ("a", "b"):
        broker.create_topic(f"{topic}-{name}", 1)
        producer.send(f"{topic}-{name}", name.encode())
    producer.send(topic, b"not this one")
    producer.flush(PATIENCE)
    consumer = reader(broker)
    # From the beginning of the name, as re.match has it.
    consumer.subscribe(pattern=f"{topic}-[ab]")
    assert sorted(next(consumer).value for _ in range(2)) == [b"a", b"b"]
    assert consumer.subscription() == {f"{topic}-a", f"{topic}-b"}
    consumer.close()


def test_small_ways_that_programs_rely_on(broker, topic, produce):
    produce(topic, [b"v"] * 3, partition=0)
    zero, other = TopicPartition(topic, 0), TopicPartition("other", 0)
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest")
    assert consumer.subscription() is None
    consumer.assign([zero])
    for call in [
        lambda: consumer.poll(-1),
        lambda: consumer.seek(other, 0),
        lambda: consumer.offsets_for_times({zero: -1}),
        lambda: KafkaConsumer(bootstrap_servers=broker.bootstrap_servers, nonsense=1),
        lambda: KafkaProducer(bootstrap_servers=broker.bootstrap_servers, compression_type="nonsense"),
    ]:
        with pytest.raises(ValueError):
            call()
    with pytest.raises(errors.IllegalStateError):
        consumer.position(other)
    # Who iterates goes on behind the loop once the consumer is closed.
    for record in consumer:
        consumer.close()
    assert record.offset == 0
    with pytest.raises(errors.IllegalStateError):
        consumer.poll(0)
