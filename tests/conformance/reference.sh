#!/usr/bin/env bash
# Runs reference.py with the reference clients: the kafka-clients jar in .cache, and librdkafka's library out of the newest
# confluent-kafka wheel, which is fetched from PyPI into .cache, once. Arguments go to reference.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=.cache/librdkafka
library() { find "$folder" -name 'librdkafka-*.so.1' -print -quit; }
if ! [ -d "$folder" ] || [ -z "$(library)" ]; then
    mkdir -p "$folder"
    "${PYTHON:-python3}" -m pip --quiet --disable-pip-version-check install --no-deps --root-user-action ignore \
        --target "$folder" confluent-kafka
fi
jar=$(find .cache/kafka -name 'kafka-clients-*.jar' -print -quit)
"${PYTHON:-python3}" tests/conformance/reference.py --jar "$jar" --librdkafka "$(library)" "$@"
