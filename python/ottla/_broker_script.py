"""``ottla-broker``: the broker for tests as a program."""

from __future__ import annotations

import argparse
import signal
import sys

from .testing import Broker


def main(arguments: list[str] | None = None) -> int:
    """Runs until it is interrupted or terminated."""
    parser = argparse.ArgumentParser(prog="ottla-broker", description="A Kafka broker for tests, in memory.")
    parser.add_argument("--brokers", type=int, default=1, help="how many (1)")
    parser.add_argument("--partitions", type=int, help="of a topic that is created when it is first used")
    parser.add_argument("--topic", action="append", default=[], metavar="NAME[:PARTITIONS]", help="created at once; may repeat")
    parser.add_argument("--config", action="append", default=[], metavar="NAME=VALUE", help="a broker's property; may repeat")
    options = parser.parse_args(arguments)
    config = dict(pair.split("=", 1) if "=" in pair else parser.error(f"{pair!r} is not NAME=VALUE") for pair in options.config)
    # Held back from here on, so that none is missed; Python's wait for them needs no handler.
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with Broker(brokers=options.brokers, partitions=options.partitions, topics=options.topic, config=config) as broker:
        print(broker.bootstrap_servers, flush=True)
        signal.sigwait(signals)
    return 0


if __name__ == "__main__":
    sys.exit(main())
