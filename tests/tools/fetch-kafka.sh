#!/usr/bin/env bash
# Fetches Apache Kafka's jars from Maven Central into .cache/kafka/VERSION/libs, once, and prints that folder. Tests that run side
# by side may all call it: one of them fetches, the others wait for the lock.
#
#   fetch-kafka.sh [VERSION]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=${1:-4.3.1}
home=$PWD/.cache/kafka/$version
libs=$home/libs
mkdir -p "$home"

exec 9>"$home/lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi

# `complete` is written last: a fetch that was cut short is done again.
if ! [ -e "$libs/complete" ]; then
    command -v mvn >/dev/null 2>&1 || {
        echo "fetch-kafka: Maven is missing: apt-get install maven" >&2
        exit 1
    }
    echo "fetch-kafka: Apache Kafka $version from Maven Central" >&2
    rm -rf "$libs" "$home/part"
    mkdir -p "$home/part"
    mvn --batch-mode --quiet -f tests/tools/kafka-pom.xml -Dkafka.version="$version" \
        org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DoutputDirectory="$home/part" </dev/null >&2
    [ -e "$home/part/kafka-clients-$version.jar" ] || {
        echo "fetch-kafka: no kafka-clients-$version.jar among what Maven fetched" >&2
        exit 1
    }
    touch "$home/part/complete"
    mv "$home/part" "$libs"
fi
echo "$libs"
