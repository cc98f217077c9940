"""The main job: files as records out and back, the same byte for byte.

Each file is a key, each line with its terminator a record; an empty file is one empty record. Without --bootstrap-servers the
broker in the box takes them; without files, this package's own sources are sent.
"""

import argparse
import os
import pathlib
import sys
import time

import ottla
from ottla.admin import AdminClient, NewTopic
from ottla.testing import Broker


def inputs(names):
    for name in names:
        path = pathlib.Path(name)
        yield from sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    if not names:
        yield from sorted(pathlib.Path(ottla.__file__).parent.rglob("*.py"))


def write(producer, topic, files):
    failed, records = [], 0

    def on_delivery(error, message):
        if error:
            failed.append(error)

    for key, data in files.items():
        for line in data.splitlines(keepends=True) or [b""]:
            while True:
                try:
                    producer.produce(topic, line, key, on_delivery=on_delivery)
                    break
                except BufferError:
                    producer.poll(1)
            records += 1
        producer.poll(0)
    left = producer.flush(60)
    if left or failed:
        sys.exit(f"{left} records were not delivered, {len(failed)} failed: {failed[:1]}")
    return records


def read(consumer, topic, records):
    files = {}
    while records:
        messages = consumer.consume(min(records, 10_000), 30)
        if not messages:
            sys.exit(f"{records} records did not come back")
        for message in messages:
            if message.error():
                sys.exit(str(message.error()))
            files.setdefault(message.key().decode(), []).append(message.value())
        records -= len(messages)
    return {key: b"".join(lines) for key, lines in files.items()}


def run(servers, names, topic):
    files = {str(path): path.read_bytes() for path in inputs(names)}
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, 4)])[topic].result(30)
    begin = time.perf_counter()
    records = write(ottla.Producer({"bootstrap.servers": servers, "compression.type": "lz4"}), topic, files)
    written = time.perf_counter()
    with ottla.Consumer({"bootstrap.servers": servers, "group.id": topic, "auto.offset.reset": "earliest"}) as consumer:
        consumer.subscribe([topic])
        back = read(consumer, topic, records)
    done = time.perf_counter()
    if back != files:
        different = sorted(key for key in files if back.get(key) != files[key])
        sys.exit(f"these files came back changed: {different}")
    size = sum(map(len, files.values()))
    print(
        f"{records} records ({size} bytes of {len(files)} files) out in {written - begin:.2f} s, "
        f"back in {done - written:.2f} s, the same byte for byte"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers")
    parser.add_argument("--topic", default=f"demo-{os.getpid()}")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    if options.bootstrap_servers:
        run(options.bootstrap_servers, options.files, options.topic)
    else:
        with Broker() as broker:
            run(broker.bootstrap_servers, options.files, options.topic)


main()
