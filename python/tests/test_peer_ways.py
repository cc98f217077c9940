"""Small ways of confluent-kafka's that programs have come to rely on."""

import pathlib
import pickle

import pytest
from conftest import PATIENCE, read

import ottla
from ottla import KafkaError, KafkaException, TopicPartition
from ottla._config import value_text
from ottla.admin import AdminClient, NewTopic


def test_partitions_show_themselves_with_numbers_and_take_what_they_should():
    text = "TopicPartition{topic=t,partition=1,offset=-1001,leader_epoch=None,error=None}"
    assert str(TopicPartition("t", 1)) == repr(TopicPartition("t", 1)) == text
    assert pickle.loads(pickle.dumps(TopicPartition("t", 1, 2))).offset == 2
    for wrong in [(1,), ("t", "1"), ("t", 1, "2")]:
        with pytest.raises(TypeError):
            TopicPartition(*wrong)


def test_an_error_is_true():
    assert KafkaError(0) and KafkaError(3)


def test_pausing_what_is_not_assigned_is_no_error(consumer, topic):
    reader = consumer()
    reader.assign([TopicPartition(topic, 0)])
    reader.pause([TopicPartition(topic, 0), TopicPartition(topic, 1)])
    reader.resume([TopicPartition(topic, 1), TopicPartition(topic, 0)])


def test_a_commit_leaves_out_what_has_no_position(consumer, topic, produce):
    produce(topic, [b"v"], partition=0)
    reader = consumer(enable_auto_commit=False)
    assert reader.commit() is None
    with pytest.raises(KafkaException) as raised:
        reader.commit(asynchronous=False)
    assert raised.value.args[0].code() == KafkaError._NO_OFFSET
    reader.assign([TopicPartition(topic, 0)])
    read(reader, 1)
    unknown = TopicPartition(topic, 1)
    committed = reader.commit(offsets=[TopicPartition(topic, 0, 1), unknown], asynchronous=False)
    assert [(one.partition, one.offset) for one in committed] == [(0, 1)]
    assert [one.offset for one in reader.committed([TopicPartition(topic, 0), unknown], PATIENCE)] == [1, -1001]


def test_what_is_no_partition_is_a_type_error(consumer):
    reader = consumer()
    for call in [reader.assign, reader.pause, reader.committed, reader.position, lambda it: reader.commit(offsets=it)]:
        for wrong in [5, ["topic"], "topic"]:
            with pytest.raises(TypeError):
                call(wrong)
    with pytest.raises(TypeError):
        reader.seek("topic")
    with pytest.raises(ValueError):
        reader.store_offsets()
    with pytest.raises(KafkaException):
        reader.subscribe([])
    assert reader.memberid() is None


def test_a_record_with_two_callbacks_calls_the_first(broker, topic):
    producer, told = ottla.Producer({"bootstrap.servers": broker.bootstrap_servers}), []
    producer.produce(topic, callback=lambda *_: told.append("callback"), on_delivery=lambda *_: told.append("on_delivery"))
    assert producer.flush(PATIENCE) == 0 and told == ["callback"]


def test_a_cluster_has_an_id(servers):
    producer = ottla.Producer({"bootstrap.servers": servers})
    reader = ottla.Consumer({"bootstrap.servers": servers, "group.id": "g"})
    listed = producer.list_topics(timeout=PATIENCE).cluster_id
    assert producer.cluster_id(PATIENCE) == reader.cluster_id(timeout=PATIENCE) == listed
    reader.close()


def test_configurations():
    for client in [ottla.Producer, ottla.Consumer, AdminClient]:
        with pytest.raises(TypeError):
            client()
    assert value_text("ssl.ca.location", pathlib.Path("/etc/ca.pem")) == "/etc/ca.pem"


def test_the_admin_wants_topics(broker):
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    for call in [admin.create_topics, admin.delete_topics]:
        with pytest.raises(ValueError):
            call([])
    assert repr(NewTopic("t", 3)) == "NewTopic(topic=t,num_partitions=3)"
