/* What the test programs share. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

/* Ends the program if something is not so. */
#define CHECK(what, ...)                                                                                                         \
    do {                                                                                                                         \
        if (!(what)) {                                                                                                           \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #what);                                                           \
            fprintf(stderr, __VA_ARGS__);                                                                                        \
            fprintf(stderr, "\n");                                                                                               \
            exit(1);                                                                                                             \
        }                                                                                                                        \
    } while (0)

/* How long anything may take, in ms, before it counts as hung. */
#define PATIENCE 60000

/* The topic of the program's own, also the name of its group. */
static inline const char **topic_place(void) {
    static const char *topic = "none";
    return &topic;
}
#define TOPIC (*topic_place())

static inline void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char errstr[512];
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, errstr, sizeof(errstr));
    CHECK(result == RD_KAFKA_CONF_OK, "%s", errstr);
}

static inline rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
    char errstr[512];
    rd_kafka_t *rk = rd_kafka_new(type, conf, errstr, sizeof(errstr));
    CHECK(rk, "%s", errstr);
    return rk;
}

#endif
