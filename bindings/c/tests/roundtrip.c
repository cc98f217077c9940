/* A record out, and the same record in: with every way of owning the value, headers, opaques, reports and a group. */

#include "check.h"

enum { RECORDS = 1000 };

static int reported;
static char kept[] = "kept by the application";

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    CHECK(opaque == (void *)&reported, "the configuration's opaque");
    CHECK(!message->err, "%s", rd_kafka_err2str(message->err));
    CHECK(message->offset >= 0 && message->partition == 0, "offset %ld", (long)message->offset);
    CHECK(rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_PERSISTED, "persisted");
    CHECK(!rd_kafka_message_produce_errstr(message) && !rd_kafka_message_errstr(message), "no error");
    CHECK(rd_kafka_message_timestamp(message, NULL) > 0, "a timestamp");
    CHECK(!strcmp(rd_kafka_topic_name(message->rkt), TOPIC), "%s", rd_kafka_topic_name(message->rkt));
    if (message->_private == (void *)1)
        CHECK(message->payload == (void *)kept, "a value that is neither copied nor freed comes back as it was given");
    reported++;
}

static void produce(const char *servers) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    rd_kafka_message_t batch[2];
    rd_kafka_resp_err_t err;
    int i;

    set(conf, "bootstrap.servers", servers);
    rd_kafka_conf_set_opaque(conf, &reported);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rk = client(RD_KAFKA_PRODUCER, conf);
    topic = rd_kafka_topic_new(rk, TOPIC, NULL);
    CHECK(topic, "%s", rd_kafka_err2str(rd_kafka_last_error()));

    for (i = 0; i < RECORDS; i++) {
        char value[32], key[32];
        int length = snprintf(value, sizeof(value), "value %d", i);
        int key_length = snprintf(key, sizeof(key), "key %d", i);
        CHECK(!rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, (size_t)length, key, (size_t)key_length,
                                (void *)(size_t)(2 * i + 2)),
              "%s", rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_poll(rk, 0);
    }
    CHECK(!rd_kafka_produce(topic, 0, 0, kept, sizeof(kept) - 1, NULL, 0, (void *)1), "not copied");
    CHECK(!rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_FREE, strdup("freed"), 5, NULL, 0, (void *)3), "freed");
    err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_VALUE("with headers", 12), RD_KAFKA_V_KEY("k", 1),
                            RD_KAFKA_V_HEADER("a", "1", 1), RD_KAFKA_V_HEADER("a", NULL, 0), RD_KAFKA_V_TIMESTAMP(1234567890123),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE((void *)5), RD_KAFKA_V_PARTITION(0),
                            RD_KAFKA_V_END);
    CHECK(!err, "%s", rd_kafka_err2str(err));
    CHECK(!rd_kafka_header_add(headers, "given", -1, "away", -1), "header");
    err = rd_kafka_producev(rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    CHECK(!err, "%s", rd_kafka_err2str(err));
    memset(batch, 0, sizeof(batch));
    batch[0].payload = (void *)"first of a batch";
    batch[0].len = 16;
    batch[1].payload = (void *)"second of a batch";
    batch[1].len = 17;
    CHECK(rd_kafka_produce_batch(topic, 0, RD_KAFKA_MSG_F_COPY, batch, 2) == 2, "a batch");
    CHECK(!batch[0].err && !batch[1].err, "errors in a batch");

    /* What is misused is told, not undefined. */
    CHECK(rd_kafka_producev(rk, RD_KAFKA_V_VALUE("x", 1), RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__INVALID_ARG, "no topic");
    CHECK(rd_kafka_produce(NULL, 0, 0, NULL, 0, NULL, 0, NULL) == -1, "no topic");

    CHECK(!rd_kafka_flush(rk, PATIENCE), "flush");
    CHECK(reported == RECORDS + 6, "%d reports", reported);
    CHECK(rd_kafka_outq_len(rk) == 0, "%d in the queue", rd_kafka_outq_len(rk));
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
}

static void consume(const char *servers) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_message_t *held[RECORDS + 6];
    int i;

    set(conf, "bootstrap.servers", servers);
    set(conf, "group.id", TOPIC);
    set(conf, "auto.offset.reset", "earliest");
    rk = client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_add(topics, TOPIC, RD_KAFKA_PARTITION_UA);
    CHECK(!rd_kafka_subscribe(rk, topics), "subscribe");
    rd_kafka_topic_partition_list_destroy(topics);

    for (i = 0; i < RECORDS + 6; i++) {
        held[i] = rd_kafka_consumer_poll(rk, PATIENCE);
        CHECK(held[i], "record %d in time", i);
        CHECK(!held[i]->err, "record %d: %s", i, rd_kafka_message_errstr(held[i]));
        CHECK(held[i]->offset == i, "offset %ld", (long)held[i]->offset);
    }
    CHECK(!rd_kafka_consumer_close(rk), "close");
    rd_kafka_destroy(rk);

    /* Messages outlive their consumer, and go in any order. */
    for (i = RECORDS + 5; i >= 0; i--) {
        rd_kafka_message_t *message = held[i];
        if (i < RECORDS) {
            char value[32];
            snprintf(value, sizeof(value), "value %d", i);
            CHECK(message->len == strlen(value) && !memcmp(message->payload, value, message->len), "value %d", i);
            CHECK(message->key_len == strlen(value) - 2 && !memcmp(message->key, "key ", 4), "key %d", i);
        }
        if (i == RECORDS + 2) {
            rd_kafka_headers_t *headers;
            const char *name;
            const void *value;
            size_t size;
            rd_kafka_timestamp_type_t type;
            CHECK(rd_kafka_message_broker_id(message) >= 0, "a broker");
            CHECK(!rd_kafka_message_headers(message, &headers), "headers");
            CHECK(rd_kafka_header_cnt(headers) == 2, "two headers");
            CHECK(!rd_kafka_header_get_all(headers, 0, &name, &value, &size) && size == 1 && !strcmp(name, "a"), "first");
            CHECK(!rd_kafka_header_get_all(headers, 1, &name, &value, &size) && !value && !size, "second");
            CHECK(rd_kafka_message_timestamp(message, &type) == 1234567890123 && type == RD_KAFKA_TIMESTAMP_CREATE_TIME, "time");
            /* Others in their place, which are the message's then; and none. */
            headers = rd_kafka_headers_new(1);
            CHECK(!rd_kafka_header_add(headers, "b", -1, "2", -1), "header");
            rd_kafka_message_set_headers(message, headers);
            CHECK(!rd_kafka_message_headers(message, &headers) && rd_kafka_header_cnt(headers) == 1, "one header");
            CHECK(!rd_kafka_header_get_all(headers, 0, &name, &value, &size) && size == 1 && !strcmp(name, "b"), "the other one");
        }
        if (i == RECORDS + 3) {
            rd_kafka_headers_t *headers;
            CHECK(!rd_kafka_message_headers(message, &headers), "headers");
            rd_kafka_message_set_headers(message, NULL);
            CHECK(rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR__NOENT, "no headers");
        }
        rd_kafka_message_destroy(message);
    }
}

int main(int argc, char **argv) {
    CHECK(argc == 3, "usage: roundtrip SERVERS TOPIC");
    TOPIC = argv[2];
    CHECK(rd_kafka_version() >= 0x020f00ff && strstr(rd_kafka_version_str(), "ottla"), "%s", rd_kafka_version_str());
    produce(argv[1]);
    consume(argv[1]);
    CHECK(!rd_kafka_wait_destroyed(PATIENCE), "clients are left");
    return 0;
}
