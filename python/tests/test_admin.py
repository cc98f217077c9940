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
