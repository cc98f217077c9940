/* A program that loads the library, closes it while a producer of it has records left, and ends. */

#include <librdkafka/rdkafka.h>

#include "find.h"

int main(int argc, char **argv) {
    rd_kafka_conf_t *(*conf_new)(void);
    rd_kafka_conf_res_t (*conf_set)(rd_kafka_conf_t *, const char *, const char *, char *, size_t);
    rd_kafka_t *(*new_client)(rd_kafka_type_t, rd_kafka_conf_t *, char *, size_t);
    rd_kafka_resp_err_t (*producev)(rd_kafka_t *, ...);
    rd_kafka_conf_t *conf;
    rd_kafka_t *rk;
    char errstr[256];
    void *library;

    if (argc != 3 || !(library = dlopen("librdkafka.so.1", RTLD_NOW | RTLD_LOCAL)))
        return 2;
    *(void **)&conf_new = find(library, "rd_kafka_conf_new");
    *(void **)&conf_set = find(library, "rd_kafka_conf_set");
    *(void **)&new_client = find(library, "rd_kafka_new");
    *(void **)&producev = find(library, "rd_kafka_producev");
    conf = conf_new();
    if (conf_set(conf, "bootstrap.servers", argv[1], errstr, sizeof(errstr)) ||
        conf_set(conf, "linger.ms", "900000", errstr, sizeof(errstr)) ||
        conf_set(conf, "exit.timeout.ms", "60000", errstr, sizeof(errstr)) ||
        !(rk = new_client(RD_KAFKA_PRODUCER, conf, errstr, sizeof(errstr)))) {
        fprintf(stderr, "%s\n", errstr);
        return 3;
    }
    if (producev(rk, RD_KAFKA_V_TOPIC(argv[2]), RD_KAFKA_V_VALUE("closed", 6), RD_KAFKA_V_END))
        return 4;
    return dlclose(library);
}
