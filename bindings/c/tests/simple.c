/* The legacy consumer: partitions one by one and into a queue, by message, by array, by callback. */

#include "check.h"

enum { RECORDS = 500 };

static int called;

static void on_message(rd_kafka_message_t *message, void *opaque) {
    CHECK(opaque == (void *)&called, "opaque");
    if (message->err)
        CHECK(message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF, "%s", rd_kafka_message_errstr(message));
    else
        called++;
}

int main(int argc, char **argv) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_conf_t *topic_conf = rd_kafka_topic_conf_new();
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    rd_kafka_message_t *message, *messages[RECORDS];
    char errstr[256];
    ssize_t count;
    int i;

    CHECK(argc == 3, "usage: simple SERVERS TOPIC");
    TOPIC = argv[2];
    set(conf, "bootstrap.servers", argv[1]);
    rk = client(RD_KAFKA_PRODUCER, conf);
    for (i = 0; i < 2 * RECORDS; i++)
        CHECK(!rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_PARTITION(i % 2), RD_KAFKA_V_VALUE(&i, sizeof(i)),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
              "produce");
    CHECK(!rd_kafka_flush(rk, PATIENCE), "flush");
    rd_kafka_destroy(rk);

    conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "enable.partition.eof", "true");
    rk = client(RD_KAFKA_CONSUMER, conf);
    CHECK(rd_kafka_topic_conf_set(topic_conf, "auto.offset.reset", "smallest", errstr, sizeof(errstr)) == RD_KAFKA_CONF_OK,
          "%s", errstr);
    CHECK(rd_kafka_topic_conf_set(topic_conf, "linger.ms", "1", errstr, sizeof(errstr)) == RD_KAFKA_CONF_UNKNOWN,
          "not a topic's");
    topic = rd_kafka_topic_new(rk, TOPIC, topic_conf);

    /* Message by message, from the tail. */
    CHECK(!rd_kafka_consume(topic, 0, 0) && rd_kafka_last_error() == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, "not started");
    CHECK(rd_kafka_consume_start(topic, 0, -5) == -1 && rd_kafka_last_error() == RD_KAFKA_RESP_ERR__INVALID_ARG, "no offset");
    CHECK(!rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_TAIL(10)), "%s", rd_kafka_err2str(rd_kafka_last_error()));
    CHECK(rd_kafka_consume_start(topic, 0, 0) == -1 && rd_kafka_last_error() == RD_KAFKA_RESP_ERR__CONFLICT, "started twice");
    for (i = RECORDS - 10; i < RECORDS; i++) {
        message = rd_kafka_consume(topic, 0, PATIENCE);
        CHECK(message && !message->err && message->offset == i, "record %d", i);
        rd_kafka_message_destroy(message);
    }
    message = rd_kafka_consume(topic, 0, PATIENCE);
    CHECK(message && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && message->offset == RECORDS, "the end");
    rd_kafka_message_destroy(message);
    CHECK(!rd_kafka_seek(topic, 0, 0, PATIENCE), "seek");
    count = 0;
    while (count < RECORDS) {
        ssize_t more = rd_kafka_consume_batch(topic, 0, PATIENCE, messages + count, (size_t)(RECORDS - count));
        CHECK(more > 0, "more");
        count += more;
    }
    for (i = 0; i < RECORDS; i++) {
        CHECK(!messages[i]->err && messages[i]->offset == i, "record %d", i);
        rd_kafka_message_destroy(messages[i]);
    }
    CHECK(!rd_kafka_consume_stop(topic, 0), "stop");
    CHECK(rd_kafka_consume_stop(topic, 0) == -1, "stopped twice");

    /* Two partitions into one queue. */
    queue = rd_kafka_queue_new(rk);
    CHECK(!rd_kafka_consume_start_queue(topic, 0, RD_KAFKA_OFFSET_BEGINNING, queue), "start");
    CHECK(!rd_kafka_consume_start_queue(topic, 1, 100, queue), "start");
    while (called < 2 * RECORDS - 100)
        CHECK(rd_kafka_consume_callback_queue(queue, PATIENCE, on_message, &called) > 0, "%d so far", called);
    CHECK(called == 2 * RECORDS - 100, "%d", called);
    CHECK(!rd_kafka_consume_stop(topic, 0) && !rd_kafka_consume_stop(topic, 1), "stop");
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return 0;
}
