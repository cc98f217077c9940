"""From kafka-python's options to properties."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .._config import value_text
from .errors import KafkaConfigurationError

# Options that are properties of another name.
RENAMED = {
    "fetch_max_wait_ms": "fetch.wait.max.ms",
    "fetch_min_bytes": "fetch.min.bytes",
    "max_request_size": "message.max.bytes",
    "max_in_flight_requests_per_connection": "max.in.flight.requests.per.connection",
    "metadata_max_age_ms": "metadata.max.age.ms",
    "receive_buffer_bytes": "socket.receive.buffer.bytes",
    "send_buffer_bytes": "socket.send.buffer.bytes",
    "ssl_cafile": "ssl.ca.location",
    "ssl_certfile": "ssl.certificate.location",
    "ssl_keyfile": "ssl.key.location",
    "ssl_password": "ssl.key.password",
    "sasl_mechanism": "sasl.mechanism",
    "sasl_plain_username": "sasl.username",
    "sasl_plain_password": "sasl.password",
    "compression_type": "compression.type",
    "max_batch_size": "batch.size",
    "max_partition_fetch_bytes": "max.partition.fetch.bytes",
    "request_timeout_ms": "request.timeout.ms",
}

# Options about how kafka-python or aiokafka work inside; what they are set to changes nothing a user would see.
WITHOUT_EFFECT = frozenset(
    "api_version api_version_auto_timeout_ms bootstrap_timeout_ms selector kafka_client socket_options metrics_enabled metric_reporters "
    "metrics_num_samples metrics_sample_window_ms metric_group_prefix client_dns_lookup loop exclude_internal_topics "
    "enable_incremental_fetch_sessions buffer_memory_block default_offset_commit_callback".split()
)


def servers(value: Any) -> str:
    """Bootstrap servers as one text."""
    return value if isinstance(value, str) else ",".join(value)


def properties(who: str, options: Mapping[str, Any], own: frozenset[str], refused: frozenset[str]) -> list[tuple[str, str]]:
    """Properties of all options that are not the caller's own."""
    made: list[tuple[str, str]] = []
    for name, value in options.items():
        if name in own or name in WITHOUT_EFFECT or value is None:
            continue
        if name in refused:
            raise KafkaConfigurationError(f"{who}: {name} is not there yet (see COMPAT.md)")
        if name == "bootstrap_servers":
            value = servers(value)
        elif name == "acks":
            value = "all" if value in (-1, "all") else value
        elif isinstance(value, float) and math.isinf(value):
            continue
        elif isinstance(value, float) and value.is_integer():
            value = int(value)
        try:
            made.append((RENAMED.get(name, name.replace("_", ".")), value_text(name, value)))
        except TypeError:
            raise KafkaConfigurationError(f"{who}: {name}={value!r} is not there yet (see COMPAT.md)") from None
    return made
