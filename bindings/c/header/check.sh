#!/bin/bash
# Whether c-include/rdkafka.h is what the definitions say, and compiles as C99 and as C++17.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
header/generate.sh "$work/rdkafka.h"
diff -u ../../c-include/rdkafka.h "$work/rdkafka.h" || {
    echo "c-include/rdkafka.h is not what bindings/c says: run make c-header"
    exit 1
}
for header in rdkafka.h librdkafka/rdkafka.h librdkafka/rdkafka_mock.h; do
    printf '#include <%s>\nint main(void) { return rd_kafka_version() > 0 ? 0 : 1; }\n' "$header" > "$work/use.c"
    cc -std=c99 -Wall -Wextra -Werror -pedantic -D_POSIX_C_SOURCE=200809L -I ../../c-include -c "$work/use.c" -o "$work/use.o"
    c++ -x c++ -std=c++17 -Wall -Wextra -Werror -I ../../c-include -c "$work/use.c" -o "$work/use.o"
done
wide=$(find ../../c-include header tests csrc -name '*.[ch]' -exec awk 'length > 130 { print FILENAME ":" FNR ": " length }' {} +)
[ -z "$wide" ] || {
    printf 'lines longer than 130:\n%s\n' "$wide"
    exit 1
}
echo "c-include: as the definitions say; compiles as C99 and C++17"
