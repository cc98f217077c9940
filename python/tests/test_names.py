"""Each public name of confluent-kafka's, kafka-python's and aiokafka's is here, or stands in COMPAT.md."""

import importlib
import pathlib
import re

import pytest

import ottla

TESTS = pathlib.Path(__file__).parent
ROWS = [line.split() for line in (TESTS / "names_of_peers.txt").read_text().splitlines() if not line.startswith("#")]
COMPAT = set(re.findall(r"[A-Za-z_0-9]+", (TESTS.parent / "COMPAT.md").read_text()))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:2]))
def test_names(row):
    module, cls, *names = row
    place = importlib.import_module(module)
    if cls != "-":
        place = getattr(place, cls)
    assert [name for name in names if not hasattr(place, name) and name not in COMPAT] == []


def test_a_messages_parts_are_set():
    message = ottla.Message("t", 1, 2, b"k", b"v")
    message.set_topic("other")
    message.set_key(b"other key")
    assert (message.topic(), message.partition(), message.key(), message.value()) == ("other", 1, b"other key", b"v")
