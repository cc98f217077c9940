"""Topics, with confluent-kafka's AdminClient."""

import pytest
from conftest import PATIENCE

from ottla import KafkaError, KafkaException
from ottla.admin import AdminClient, NewTopic


def test_topics_are_made_listed_and_deleted(broker):
    with AdminClient({"bootstrap.servers": broker.bootstrap_servers}) as admin:
        made = admin.create_topics([NewTopic("one", 2, 1), NewTopic("two", 1, config={"retention.ms": 1000})])
        assert {name: future.result(PATIENCE) for name, future in made.items()} == {"one": None, "two": None}
        with pytest.raises(KafkaException) as raised:
            admin.create_topics([NewTopic("one", 2, 1)])["one"].result(PATIENCE)
        assert raised.value.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
        assert {"one", "two"} <= set(admin.list_topics(timeout=PATIENCE).topics)
        admin.delete_topics(["one"])["one"].result(PATIENCE)
        assert "one" not in admin.list_topics(timeout=PATIENCE).topics
        with pytest.raises(KafkaException, match="describe_configs"):
            admin.describe_configs([])
        with pytest.raises(AttributeError):
            admin.nope()


def test_waits_are_bounded(broker):
    for api in ("CreateTopics", "DeleteTopics"):
        broker.add_fault(api=api, silence=True)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    with pytest.raises(KafkaException) as raised:
        admin.create_topics([NewTopic("one", 1, 1)], request_timeout=0.05)["one"].result(PATIENCE)
    assert raised.value.args[0].code() == KafkaError._TIMED_OUT
    future = admin.delete_topics(["one"])["one"]
    assert not future.cancel()
    admin.close(0.05)
    with pytest.raises(KafkaException) as raised:
        future.result(0)
    assert raised.value.args[0].code() == KafkaError._DESTROY
    with pytest.raises(RuntimeError, match="closed"):
        admin.delete_topics(["one"])
