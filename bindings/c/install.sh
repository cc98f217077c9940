#!/bin/bash
# Puts the library that was built for release, its headers and its pkg-config file into a folder: include, lib, lib/pkgconfig.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
to=${1:?where to}
target=${CARGO_TARGET_DIR:-$root/target}/release
mkdir -p "$to/include/librdkafka" "$to/lib/pkgconfig"
to=$(cd "$to" && pwd)
install -m 644 "$root/c-include/rdkafka.h" "$to/include/rdkafka.h"
# Where programs look for it: no header outside its own folder is needed then.
install -m 644 "$root/c-include/rdkafka.h" "$to/include/librdkafka/rdkafka.h"
sed 's|"../rdkafka.h"|"rdkafka.h"|' "$root/c-include/librdkafka/rdkafka_mock.h" > "$to/include/librdkafka/rdkafka_mock.h"
install -m 755 "$target/librdkafka.so" "$to/lib/librdkafka.so.1"
strip --strip-debug "$to/lib/librdkafka.so.1"
ln -sf librdkafka.so.1 "$to/lib/librdkafka.so"
install -m 644 "$target/librdkafka.a" "$to/lib/librdkafka.a"
strip --strip-debug "$to/lib/librdkafka.a"
cat > "$to/lib/pkgconfig/rdkafka.pc" <<PC
prefix=$to
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: librdkafka
Description: Ottla, an Apache Kafka client with librdkafka's C API
Version: 2.16.0
Cflags: -I\${includedir}
Libs: -L\${libdir} -lrdkafka
Libs.private: -lpthread -lm -ldl
PC
echo "$to: include, lib, lib/pkgconfig"
