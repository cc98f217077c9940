/* A broker asks for a pause, and the application is told: by whom as librdkafka names brokers. */

#include "check.h"

static int throttled;
static char expected[128];

static void on_throttle(rd_kafka_t *rk, const char *broker_name, int32_t broker_id, int throttle_time_ms, void *opaque) {
    CHECK(rk && opaque == (void *)&throttled, "opaque");
    CHECK(!strcmp(broker_name, expected), "%s, not %s", broker_name, expected);
    CHECK(broker_id == 1 && throttle_time_ms == 7, "broker %d, %d ms", (int)broker_id, throttle_time_ms);
    throttled++;
}

int main(int argc, char **argv) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    int i;
    CHECK(argc == 2, "usage: throttle SERVERS");
    snprintf(expected, sizeof(expected), "%s/1", argv[1]);
    set(conf, "bootstrap.servers", argv[1]);
    rd_kafka_conf_set_throttle_cb(conf, on_throttle);
    rd_kafka_conf_set_opaque(conf, &throttled);
    rk = client(RD_KAFKA_PRODUCER, conf);
    CHECK(!rd_kafka_producev(rk, RD_KAFKA_V_TOPIC("throttled"), RD_KAFKA_V_VALUE("v", 1),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
          "produce");
    CHECK(!rd_kafka_flush(rk, PATIENCE), "flush");
    for (i = 0; i < 600 && !throttled; i++)
        rd_kafka_poll(rk, 100);
    CHECK(throttled == 1, "%d times", throttled);
    rd_kafka_destroy(rk);
    return 0;
}
