/* Prints what a library has for properties: what it dumps of a new configuration (G) and of a topic's (T), then its tables. */

#include <dlfcn.h>

#include "check.h"

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    CHECK(found, "%s", name);
    return found;
}

static void print(char table, const char **rows, size_t count) {
    size_t i;
    for (i = 0; i + 1 < count; i += 2)
        printf("%c %s = %s\n", table, rows[i], rows[i + 1]);
}

int main(int argc, char **argv) {
    void *library;
    void *(*conf_new)(void), *(*topic_conf_new)(void);
    const char **(*conf_dump)(void *, size_t *), **(*topic_conf_dump)(void *, size_t *);
    void (*show)(FILE *);
    const char **rows;
    size_t count;

    CHECK(argc == 2, "usage: properties LIBRARY");
    library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(library, "%s", dlerror());
    *(void **)&conf_new = symbol(library, "rd_kafka_conf_new");
    *(void **)&topic_conf_new = symbol(library, "rd_kafka_topic_conf_new");
    *(void **)&conf_dump = symbol(library, "rd_kafka_conf_dump");
    *(void **)&topic_conf_dump = symbol(library, "rd_kafka_topic_conf_dump");
    *(void **)&show = symbol(library, "rd_kafka_conf_properties_show");
    rows = conf_dump(conf_new(), &count);
    print('G', rows, count);
    rows = topic_conf_dump(topic_conf_new(), &count);
    print('T', rows, count);
    fflush(stdout);
    show(stdout);
    return 0;
}
