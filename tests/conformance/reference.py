#!/usr/bin/env python3
"""Writes partitions/: on which partition each reference client puts each of the keys.

    python3 tests/conformance/reference.py --jar kafka-clients.jar --librdkafka librdkafka.so.1 [--check]

murmur2 is what Java's client answers (the jar in .cache/kafka/*/libs), CRC-32 ("consistent") and FNV-1a what librdkafka's own
functions answer (the library inside a confluent-kafka wheel: pip download --no-deps confluent-kafka, then unzip). With --check
nothing is written: the files are compared with what the references say.

The keys, by a rule that the driver has too (tests/src/bin/conformance/keys.rs): key 0 is empty; key i has 1 + i % 40 bytes, the
high bytes of successive states of s = s * 1664525 + 1013904223 (mod 2^32), which begins at i * 2654435761 (mod 2^32).
A file has one character a key, its partition as a digit or a letter in base 17, a hundred to the line.
"""

import argparse
import ctypes
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
KEYS = 10_000
PARTITIONS = 17
DIGITS = "0123456789abcdefg"


def key(i):
    if i == 0:
        return b""
    state, made = i * 2654435761 % 2**32, bytearray()
    for _ in range(1 + i % 40):
        state = (state * 1664525 + 1013904223) % 2**32
        made.append(state >> 24)
    return bytes(made)


def java(jar, keys):
    source = HERE.parent / "java" / "PartitionReference.java"
    # Beside the jar lies what it logs with.
    classpath = f"{jar}:{pathlib.Path(jar).parent}/*"
    text = "".join(key.hex() + "\n" for key in keys)
    command = ["java", "-cp", classpath, str(source), str(PARTITIONS)]
    told = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return [int(line) for line in told.split()]


def librdkafka(library, name, keys):
    partitioner = getattr(library, f"rd_kafka_msg_partitioner_{name}")
    partitioner.restype = ctypes.c_int32
    partitioner.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p]
    return [partitioner(None, key, len(key), PARTITIONS, None, None) for key in keys]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jar", required=True)
    parser.add_argument("--librdkafka", required=True)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    keys = [key(i) for i in range(KEYS)]
    library = ctypes.CDLL(arguments.librdkafka)
    told = {
        "murmur2": java(arguments.jar, keys),
        "consistent": librdkafka(library, "consistent", keys),
        "fnv1a": librdkafka(library, "fnv1a", keys),
    }
    wrong = False
    for name, partitions in told.items():
        text = "".join(DIGITS[partition] for partition in partitions)
        lines = "".join(text[at : at + 100] + "\n" for at in range(0, len(text), 100))
        file = HERE / "partitions" / f"{name}.txt"
        if not arguments.check:
            file.write_text(lines)
        elif file.read_text() != lines:
            wrong = True
            print(f"{file} is not what the reference says", file=sys.stderr)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
