"""The producer, with confluent-kafka's calls."""

import gc
import json
import weakref

import pytest
from conftest import PATIENCE, read

import ottla
from ottla import KafkaError, KafkaException, Producer
from ottla.testing import Broker


def make(broker, **config):
    return Producer({"bootstrap.servers": broker.bootstrap_servers} | {name.replace("_", "."): v for name, v in config.items()})


def test_reports_carry_all_of_the_record(broker, topic):
    producer, reports = make(broker), []
    headers = {"a": b"1", "b": None}
    producer.produce(topic, b"value", "key", 2, lambda *report: reports.append(report), timestamp=1234, headers=headers)
    producer.produce(topic, value=None, key=None, partition=1, on_delivery=lambda *report: reports.append(report))
    assert len(producer) == 2
    assert producer.flush(PATIENCE) == 0 and len(producer) == 0
    reports.sort(key=lambda report: -report[1].partition())
    (err, first), (_, second) = reports
    assert err is None and first.error() is None
    assert (first.topic(), first.partition(), first.offset(), first.key(), first.value()) == (topic, 2, 0, b"key", b"value")
    assert first.timestamp() == (ottla.TIMESTAMP_CREATE_TIME, 1234)
    assert first.headers() == [("a", b"1"), ("b", None)]
    assert (second.partition(), second.key(), second.value(), second.headers()) == (1, None, None, None)
    assert len(first) == 5 and len(second) == 0


def test_keys_and_values_of_all_kinds(broker, topic, consumer):
    producer = make(broker)
    for value in [b"bytes", "téxt", bytearray(b"array"), memoryview(b"view"), "", b"", None]:
        producer.produce(topic, value, key=value, partition=0)
    producer.flush(PATIENCE)
    reader = consumer()
    reader.assign([ottla.TopicPartition(topic, 0, ottla.OFFSET_BEGINNING)])
    values = [(message.key(), message.value()) for message in read(reader, 7)]
    expected = [b"bytes", "téxt".encode(), b"array", b"view", b"", b"", None]
    assert values == [(value, value) for value in expected]


def test_wrong_arguments_are_named(broker):
    producer = make(broker)
    for arguments, keywords, text in [
        ((), {}, "topic"),
        ((1,), {}, "topic must be str"),
        (("t", 1), {}, "value"),
        (("t",), {"nope": 1}, "nope"),
        (("t",), {"topic": "u"}, "multiple values"),
        (("t",), {"partition": "x"}, "partition"),
        (("t",), {"on_delivery": 1}, "callable"),
        (("t",), {"headers": 1}, "headers"),
    ]:
        with pytest.raises(TypeError, match=text):
            producer.produce(*arguments, **keywords)
    with pytest.raises(ValueError, match="partition"):
        producer.produce("t", partition=1 << 40)
    with pytest.raises(KafkaException) as raised:
        producer.produce("no spaces here", b"")
    assert raised.value.args[0].code() < 0 or raised.value.args[0].code() == KafkaError.TOPIC_EXCEPTION
    assert len(producer) == 0


def test_a_full_queue_is_a_buffer_error_until_reports_are_served(broker, topic):
    producer = make(broker, queue_buffering_max_messages=10)
    with pytest.raises(BufferError):
        for _ in range(11):
            producer.produce(topic, b"v")
    assert len(producer) == 10
    assert producer.flush(PATIENCE) == 0
    producer.produce(topic, b"v")
    assert producer.flush(PATIENCE) == 0


def test_a_callback_that_raises_is_raised_by_poll_and_nothing_is_lost(broker, topic):
    producer, reports = make(broker, linger_ms=100), []

    def on_delivery(err, msg):
        reports.append(msg.value())
        if msg.value() == b"3":
            raise ValueError("three")

    for i in range(10):
        producer.produce(topic, str(i), partition=0, on_delivery=on_delivery)
    with pytest.raises(ValueError, match="three"):
        producer.flush(PATIENCE)
    assert len(producer) == 6 and reports == [b"0", b"1", b"2", b"3"]
    assert producer.flush(PATIENCE) == 0
    assert reports == [str(i).encode() for i in range(10)]


def test_callbacks_may_produce_and_poll(broker, topic):
    producer, reports = make(broker, on_delivery=None), []

    def on_delivery(err, msg):
        reports.append(msg.value())
        if len(msg.value()) < 5:
            producer.produce(topic, msg.value() + b"+", on_delivery=on_delivery)
            producer.poll(0)

    producer.produce(topic, b"", on_delivery=on_delivery)
    while len(reports) < 6:
        producer.poll(PATIENCE)
    assert sorted(reports) == [b"+" * i for i in range(6)]


def test_the_default_callback_and_the_dictionary(broker, topic):
    reports = []
    config = {"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 1.5, "enable.idempotence": True}
    producer = Producer(config, on_delivery=lambda *r: reports.append(r))
    producer.produce(topic, b"v")
    assert producer.flush(PATIENCE) == 0 and len(reports) == 1
    producer = Producer(bootstrap_servers=broker.bootstrap_servers)
    producer.produce(topic, b"v")
    assert producer.flush(PATIENCE) == 0


def test_configuration_errors(broker):
    with pytest.raises(KafkaException, match="linger.ms") as raised:
        make(broker, linger_msx=1)
    assert raised.value.args[0].code() == KafkaError._INVALID_ARG
    with pytest.raises(KafkaException, match="bootstrap.servers"):
        Producer({})
    with pytest.raises(KafkaException, match="oauth_cb"):
        Producer({"bootstrap.servers": "localhost", "oauth_cb": lambda: None})
    with pytest.raises(TypeError):
        Producer("localhost")
    with pytest.raises(KafkaException, match="_NOT_IMPLEMENTED"):
        make(broker).init_transactions()


def test_records_that_fail_come_with_their_error(broker):
    producer, reports = make(broker, allow_auto_create_topics=False, delivery_timeout_ms=1000, request_timeout_ms=500), []
    producer.produce("unknown-topic", b"v", key=b"k", on_delivery=lambda *report: reports.append(report))
    producer.flush(PATIENCE)
    [(err, msg)] = reports
    assert isinstance(err, KafkaError) and err and msg.error() == err
    assert (msg.topic(), msg.key(), msg.value(), msg.offset()) == ("unknown-topic", b"k", b"v", None)
    with pytest.raises(KafkaException) as raised:
        producer.produce("t", b"x" * 2_000_000)
    assert raised.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE


def test_purge_reports_what_it_gives_up(topic, broker):
    broker.add_fault(api="Produce", silence=True)
    producer, reports = make(broker, linger_ms=60_000), []
    producer.produce(topic, b"v", on_delivery=lambda *report: reports.append(report))
    producer.purge()
    assert producer.flush(PATIENCE) == 0
    assert [err.code() for err, _ in reports] == [KafkaError._PURGE_QUEUE]


def test_list_topics_and_the_context_manager(broker, topic):
    with make(broker) as producer:
        cluster = producer.list_topics(timeout=PATIENCE)
        assert sorted(cluster.topics[topic].partitions) == [0, 1, 2] and len(cluster.brokers) == 1
        assert producer.list_topics("not-there", PATIENCE).topics["not-there"].error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
        producer.produce(topic, b"v")
    assert len(producer) == 0
    with pytest.raises(RuntimeError):
        producer.produce(topic, b"v")


def test_no_broker_is_told_to_error_cb_and_flush_is_bounded():
    errors = []
    with Broker() as gone:
        servers = gone.bootstrap_servers
    producer = Producer({"bootstrap.servers": servers, "error_cb": errors.append})
    producer.produce("t", b"v")
    while not errors:
        producer.poll(PATIENCE)
    assert errors[0].code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)
    assert producer.flush(0.01) == 1
    producer.purge()
    assert producer.flush(PATIENCE) == 0


def test_statistics_are_json(broker):
    statistics = []
    producer = make(broker, statistics_interval_ms=1, stats_cb=None)
    config = {"bootstrap.servers": broker.bootstrap_servers, "statistics.interval.ms": 1}
    producer = Producer(config, stats_cb=statistics.append)
    while not statistics:
        producer.poll(PATIENCE)
    assert json.loads(statistics[0])["type"] == "producer"


def test_a_live_producer_that_is_collected_lets_go_of_all_it_held(broker, topic):
    class Callback:
        def __call__(self, err, msg):
            pass

    callback = Callback()
    alive = weakref.ref(callback)
    producer = make(broker, linger_ms=60_000)
    producer.produce(topic, b"v", on_delivery=callback)
    del callback
    with pytest.warns(ResourceWarning, match="1 records"):
        del producer
        gc.collect()
    assert alive() is None


def test_subclasses_have_constructors_of_their_own(broker, topic):
    class Mine(Producer):
        def __init__(self, servers):
            super().__init__({"bootstrap.servers": servers})
            self.sent = 0

        def produce(self, *args, **keywords):
            self.sent += 1
            super().produce(*args, **keywords)

    producer = Mine(broker.bootstrap_servers)
    producer.produce(topic, b"v")
    assert producer.flush(PATIENCE) == 0 and producer.sent == 1
    with pytest.raises(RuntimeError, match="__init__"):
        Producer.__new__(Producer).produce("t")
