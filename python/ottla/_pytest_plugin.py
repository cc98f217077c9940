"""The fixture ``ottla_broker``: a broker of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .testing import Broker


@pytest.fixture
def ottla_broker() -> Iterator[Broker]:
    """A broker in this process, gone after the test."""
    with Broker() as broker:
        yield broker
