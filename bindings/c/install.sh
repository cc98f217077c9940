#!/bin/bash
# Builds the library for release and puts it, its headers and its pkg-config file into a folder: include, lib, lib/pkgconfig. zig links
# it, so that it runs with every glibc from 2.17 (manylinux2014) on.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
to=${1:?where to}
glibc=2.17
arch=$(uname -m)
venv=$root/.cache/zig-venv
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" --quiet --disable-pip-version-check install 'cargo-zigbuild>=0.20,<1' ziglang
(cd "$root" && PATH=$venv/bin:$PATH cargo zigbuild --release --locked -p ottla-c --target "$arch-unknown-linux-gnu.$glibc")
built=${CARGO_TARGET_DIR:-$root/target}/$arch-unknown-linux-gnu/release

rm -rf "$to"
mkdir -p "$to/include/librdkafka" "$to/lib/pkgconfig"
to=$(cd "$to" && pwd)
install -m 644 "$root/c-include/rdkafka.h" "$to/include/rdkafka.h"
# Where programs look for it: no header outside its own folder is needed then.
install -m 644 "$root/c-include/rdkafka.h" "$to/include/librdkafka/rdkafka.h"
sed 's|"../rdkafka.h"|"rdkafka.h"|' "$root/c-include/librdkafka/rdkafka_mock.h" > "$to/include/librdkafka/rdkafka_mock.h"
install -m 755 "$built/librdkafka.so" "$to/lib/librdkafka.so.1"
strip --strip-debug "$to/lib/librdkafka.so.1"
ln -s librdkafka.so.1 "$to/lib/librdkafka.so"
install -m 644 "$built/librdkafka.a" "$to/lib/librdkafka.a"
strip --strip-debug "$to/lib/librdkafka.a"
cat > "$to/lib/pkgconfig/rdkafka.pc" <<PC
prefix=\${pcfiledir}/../..
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: librdkafka
Description: Ottla, an Apache Kafka client with librdkafka's C API
Version: 2.16.0
Cflags: -I\${includedir}
Libs: -L\${libdir} -lrdkafka
Libs.private: -lpthread -lm -ldl
PC

library=$to/lib/librdkafka.so.1
readelf -d "$library" | grep -q 'SONAME.*\[librdkafka.so.1\]' || { echo "$library: its soname is not librdkafka.so.1"; exit 1; }
newest=$(objdump -T "$library" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
if [ "$(printf 'GLIBC_%s\n%s\n' "$glibc" "$newest" | sort -V | tail -1)" != "GLIBC_$glibc" ]; then
    echo "$library needs $newest, and may need glibc $glibc at most"
    exit 1
fi
echo "$to: include, lib, lib/pkgconfig; the library needs $newest at most"
