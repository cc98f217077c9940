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

# Options about how kafka-python or aiokafka work inside; what they are set to changes nothing a user would see. Each of them
# stands in COMPAT.md with its reason.
WITHOUT_EFFECT = frozenset(
    "api_version api_version_auto_timeout_ms bootstrap_timeout_ms consumer_timeout_ms enable_incremental_fetch_sessions loop "
    "metric_group_prefix metrics_enabled metrics_num_samples metrics_sample_window_ms rebalance_timeout_ms selector".split()
)

# Options that are not there yet, with what the peers set them to: that is taken.
REFUSED: Mapping[str, Any] = {
    "kafka_client": None,
    "metric_reporters": [],
    "partitioner": None,
    "proxy_url": None,
    "sasl_kerberos_domain_name": None,
    "sasl_kerberos_name": None,
    "sasl_kerberos_service_name": "kafka",
    "sasl_oauth_token_provider": None,
    "socket_options": [(6, 1, 1)],
    "socks5_proxy": None,
    "ssl_check_hostname": True,
    "ssl_ciphers": None,
    "ssl_context": None,
    "ssl_crlfile": None,
    "transaction_timeout_ms": 60000,
    "transactional_id": None,
}
# The same of what is an object, by the name of its class.
_STANDARD = {"partitioner": ("DefaultPartitioner",), "kafka_client": ("KafkaNetClient", "KafkaClient")}


def is_standard(name: str, value: Any) -> bool:
    """Whether an option that is not there yet is set to what it is without being set."""
    made_of = value if isinstance(value, type) else type(value)
    return bool(value == REFUSED[name]) or value in ((), None) or made_of.__name__ in _STANDARD.get(name, ())


def servers(value: Any) -> str:
    """Bootstrap servers as one text."""
    return value if isinstance(value, str) else ",".join(value)


def properties(who: str, options: Mapping[str, Any], own: frozenset[str]) -> list[tuple[str, str]]:
    """Properties of all options that are not the caller's own."""
    made: list[tuple[str, str]] = []
    for name, value in options.items():
        if name in own or name in WITHOUT_EFFECT or value is None:
            continue
        if name in REFUSED:
            if is_standard(name, value):
                continue
            raise KafkaConfigurationError(f"{who}: {name} is not there yet (see COMPAT.md)")
        if name == "sasl_mechanism" and value == "PLAIN" and not options.get("security_protocol", "").startswith("SASL"):
            # What aiokafka has there without being told.
            continue
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
