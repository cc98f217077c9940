/* Whose the values are, in each way that a record can end; a full queue; purge; destroy with everything under way. */

#include <pthread.h>

#include "check.h"

static int reports, purged;
static char mine[1000];

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    reports++;
    if (message->err) {
        CHECK(message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, "%s",
              rd_kafka_err2name(message->err));
        CHECK(rd_kafka_message_status(message) != RD_KAFKA_MSG_STATUS_PERSISTED, "status");
        purged++;
    }
    CHECK(message->len == sizeof(mine) || message->payload != (void *)mine, "length");
}

static rd_kafka_t *producer(const char *servers, const char *most) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", servers);
    set(conf, "queue.buffering.max.messages", most);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    return client(RD_KAFKA_PRODUCER, conf);
}

static void *poller(void *stop_and_rk) {
    void **both = stop_and_rk;
    while (!__atomic_load_n((int *)both[0], __ATOMIC_ACQUIRE))
        rd_kafka_poll(both[1], 10);
    return NULL;
}

int main(int argc, char **argv) {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    void *freed;
    pthread_t thread;
    int i, stop = 0;
    void *both[2];

    CHECK(argc == 3, "usage: ownership SERVERS TOPIC");
    TOPIC = argv[2];

    /* Nobody is there: the queue fills, and what is not taken stays the caller's. */
    rk = producer("127.0.0.1:1", "10");
    topic = rd_kafka_topic_new(rk, TOPIC, NULL);
    for (i = 0; i < 10; i++)
        CHECK(!rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_FREE, malloc(1000), 1000, NULL, 0, (void *)(size_t)(i + 1)),
              "take %d", i);
    freed = malloc(1000);
    CHECK(rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_FREE, freed, 1000, NULL, 0, NULL) == -1, "full");
    CHECK(rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL, "%s", rd_kafka_err2str(rd_kafka_last_error()));
    free(freed);
    CHECK(rd_kafka_outq_len(rk) == 10, "%d", rd_kafka_outq_len(rk));
    CHECK(!rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT), "purge");
    CHECK(!rd_kafka_flush(rk, PATIENCE), "flush");
    CHECK(reports == 10 && purged == 10, "%d reports, %d purged", reports, purged);
    /* Destroyed with records in hand: they are given up, and freed. */
    CHECK(!rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_FREE, malloc(1000), 1000, NULL, 0, NULL), "take");
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);

    /* A full queue that is waited for, while another thread polls. */
    reports = 0;
    rk = producer(argv[1], "5");
    topic = rd_kafka_topic_new(rk, TOPIC, NULL);
    both[0] = &stop;
    both[1] = rk;
    CHECK(!pthread_create(&thread, NULL, poller, both), "thread");
    for (i = 0; i < 200; i++)
        CHECK(!rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_BLOCK, mine, sizeof(mine), "k", 1, NULL), "record %d: %s", i,
              rd_kafka_err2str(rd_kafka_last_error()));
    CHECK(!rd_kafka_flush(rk, PATIENCE), "flush");
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    CHECK(reports == 200 && purged == 10, "%d reports", reports);
    CHECK(rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, mine, sizeof(mine), NULL, 0, NULL) == 0, "again");
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return 0;
}
