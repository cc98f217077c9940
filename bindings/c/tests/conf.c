/* Configuration, lists, headers, errors: what needs no broker; and what is misused. */

#include <errno.h>

#include "check.h"

static const char *find(const char **rows, size_t count, const char *name) {
    size_t i;
    for (i = 0; i + 1 < count; i += 2)
        if (!strcmp(rows[i], name))
            return rows[i + 1];
    return NULL;
}

static void configuration(void) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new(), *copy;
    rd_kafka_topic_conf_t *topic = rd_kafka_topic_conf_new();
    char text[512];
    size_t size = sizeof(text), count;
    const char **rows;
    FILE *file = tmpfile();

    CHECK(rd_kafka_conf_set(conf, "nope", "x", text, sizeof(text)) == RD_KAFKA_CONF_UNKNOWN, "unknown");
    CHECK(!strncmp(text, "No such configuration property: \"nope\"", 38), "%s", text);
    CHECK(rd_kafka_conf_set(conf, "linger.msec", "x", text, sizeof(text)) == RD_KAFKA_CONF_UNKNOWN, "unknown");
    CHECK(strstr(text, "linger.ms"), "the nearest name: %s", text);
    CHECK(rd_kafka_conf_set(conf, "acks", "5000", text, sizeof(text)) == RD_KAFKA_CONF_INVALID, "range");
    CHECK(strstr(text, "Configuration property \"request.required.acks\" value 5000 is outside allowed range -1..1000"),
          "%s", text);
    CHECK(rd_kafka_conf_set(conf, "enable.idempotence", "maybe", text, sizeof(text)) == RD_KAFKA_CONF_INVALID, "bool");
    CHECK(strstr(text, "Expected bool value for \"enable.idempotence\": true or false"), "%s", text);
    CHECK(rd_kafka_conf_set(conf, "dr_cb", "x", text, sizeof(text)) == RD_KAFKA_CONF_INVALID, "callback");
    CHECK(rd_kafka_conf_set(conf, "sasl.username", "someone", text, sizeof(text)) == RD_KAFKA_CONF_INVALID, "does not act");
    CHECK(strstr(text, "does not act yet"), "%s", text);
    CHECK(rd_kafka_conf_set(conf, "compression.type", "inherit", text, sizeof(text)) == RD_KAFKA_CONF_INVALID, "from whom");
    CHECK(!rd_kafka_topic_conf_set(topic, "compression.type", "inherit", text, sizeof(text)), "%s", text);
    CHECK(!rd_kafka_topic_conf_set(topic, "enable.auto.commit", "false", text, sizeof(text)), "%s", text);
    CHECK(!rd_kafka_topic_conf_set(topic, "auto.commit.interval.ms", "100", text, sizeof(text)), "%s", text);
    CHECK(!rd_kafka_topic_conf_get(topic, "auto.commit.enable", text, &size) && !strcmp(text, "false"), "%s", text);
    size = sizeof(text);
    text[3] = '#';
    CHECK(rd_kafka_conf_set(conf, "nope", "x", text, 3) == RD_KAFKA_CONF_UNKNOWN && text[2] == 0 && text[3] == '#', "room");
    set(conf, "linger.ms", "7");
    set(conf, "acks", "1");
    set(conf, "enable.partition.eof", "1");
    CHECK(!rd_kafka_conf_get(conf, "linger.ms", text, &size) && !strcmp(text, "7") && size == 2, "%s", text);
    copy = rd_kafka_conf_dup(conf);
    set(conf, "linger.ms", NULL);
    size = sizeof(text);
    CHECK(!rd_kafka_conf_get(conf, "queue.buffering.max.ms", text, &size) && !strcmp(text, "5"), "%s", text);
    rows = rd_kafka_conf_dump(copy, &count);
    CHECK(rows && count > 180 && count % 2 == 0, "%d texts", (int)count);
    CHECK(!strcmp(find(rows, count, "queue.buffering.max.ms"), "7"), "the copy keeps its own");
    CHECK(!strcmp(find(rows, count, "enable.partition.eof"), "true"), "as librdkafka spells it");
    CHECK(!strcmp(find(rows, count, "client.id"), "rdkafka"), "client.id");
    rd_kafka_conf_dump_free(rows, count);
    rows = rd_kafka_topic_conf_dump(topic, &count);
    CHECK(!strcmp(find(rows, count, "partitioner"), "consistent_random"), "partitioner");
    CHECK(!strcmp(find(rows, count, "compression.codec"), "inherit"), "compression");
    rd_kafka_conf_dump_free(rows, count);
    rd_kafka_conf_properties_show(file);
    CHECK(ftell(file) > 20000, "%ld bytes", ftell(file));
    fclose(file);
    rd_kafka_conf_set_default_topic_conf(conf, topic);
    CHECK(rd_kafka_conf_get_default_topic_conf(conf) != NULL, "default topic");
    rd_kafka_conf_destroy(copy);
    rd_kafka_conf_destroy(conf);
}

static void lists(void) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(0), *copy;
    int i;
    for (i = 99; i >= 0; i--) {
        rd_kafka_topic_partition_t *elem = rd_kafka_topic_partition_list_add(list, i % 2 ? "b" : "a", i);
        CHECK(elem && elem->offset == RD_KAFKA_OFFSET_INVALID && !elem->err, "element %d", i);
        elem->opaque = (void *)(size_t)i;
    }
    rd_kafka_topic_partition_list_sort(list, NULL, NULL);
    CHECK(list->cnt == 100 && !strcmp(list->elems[0].topic, "a") && list->elems[0].partition == 0, "sorted");
    CHECK(list->elems[99].partition == 99, "sorted");
    CHECK(rd_kafka_topic_partition_list_find(list, "b", 51) && !rd_kafka_topic_partition_list_find(list, "a", 51), "find");
    list->elems[0].metadata = strdup("note");
    list->elems[0].metadata_size = 4;
    rd_kafka_topic_partition_set_leader_epoch(&list->elems[0], 9);
    copy = rd_kafka_topic_partition_list_copy(list);
    CHECK(rd_kafka_topic_partition_list_del(list, "a", 0) == 1 && rd_kafka_topic_partition_list_del(list, "a", 0) == 0, "del");
    CHECK(list->cnt == 99 && list->elems[0].partition == 2, "the rest moves up");
    CHECK(!memcmp(copy->elems[0].metadata, "note", 4) && rd_kafka_topic_partition_get_leader_epoch(&copy->elems[0]) == 9,
          "copied");
    CHECK(copy->elems[99].opaque == (void *)99, "opaque");
    rd_kafka_topic_partition_list_add_range(copy, "c", 0, 9);
    CHECK(copy->cnt == 110, "%d", copy->cnt);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_partition_list_destroy(copy);
}

static void errors(void) {
    const struct rd_kafka_err_desc *all;
    rd_kafka_error_t *error = rd_kafka_error_new(RD_KAFKA_RESP_ERR__STATE, "%s %d", "formatted", 7);
    const char *unknown;
    size_t count;
    CHECK(!strcmp(rd_kafka_err2str(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT), "Local: Message timed out"), "text");
    CHECK(!strcmp(rd_kafka_err2name(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN), "_ALL_BROKERS_DOWN"), "name");
    CHECK(!strcmp(rd_kafka_err2str((rd_kafka_resp_err_t)12345), "Err-12345?"), "unknown");
    unknown = rd_kafka_err2str((rd_kafka_resp_err_t)12345);
    CHECK(!strcmp(rd_kafka_err2name((rd_kafka_resp_err_t)23456), "ERR_23456?"), "unknown");
    CHECK(!strcmp(unknown, "Err-12345?"), "both are used in one line: %s", unknown);
    CHECK(rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__STATE && !strcmp(rd_kafka_error_string(error), "formatted 7"),
          "object");
    CHECK(!rd_kafka_error_is_fatal(error) && !rd_kafka_error_is_retriable(error), "object");
    rd_kafka_error_destroy(error);
    rd_kafka_get_err_descs(&all, &count);
    CHECK(count > 150 && all[0].desc && all[0].name, "%d descriptions", (int)count);
}

static int down, logged;

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque) {
    (void)rk;
    CHECK(opaque == (void *)&down, "opaque");
    CHECK(strstr(reason, "127.0.0.1:1"), "the address: %s", reason);
    down += err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *line) {
    CHECK(rk && level == 3 && !strcmp(facility, "ERROR") && strstr(line, "127.0.0.1:1"), "%s", line);
    logged++;
}

/* Who is told that nobody is there. */
enum told { ERROR_CB, LOG_CB, LOGGER };

/* Nobody is there: told to the callback for errors or, without one, to that for the log, wherever it was set. */
static void nobody(enum told told) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    int i;
    rd_kafka_conf_set_opaque(conf, &down);
    down = logged = 0;
    rd_kafka_conf_set_log_cb(conf, told == LOGGER ? NULL : on_log);
    if (told == ERROR_CB)
        rd_kafka_conf_set_error_cb(conf, on_error);
    rk = client(RD_KAFKA_PRODUCER, conf);
    if (told == LOGGER)
        rd_kafka_set_logger(rk, on_log);
    CHECK(rd_kafka_brokers_add(rk, "127.0.0.1:1") == 1, "a server");
    for (i = 0; i < 600 && !(told == ERROR_CB ? down : logged); i++)
        rd_kafka_poll(rk, 100);
    CHECK(told == ERROR_CB ? down && !logged : logged, "told, and once is enough");
    rd_kafka_log_print(rk, 7, "TEST", "a line of the application's");
    rd_kafka_log_syslog(rk, 7, "TEST", "100%s of a line");
    rd_kafka_destroy(rk);
}

/* There are no transactions yet, and an application is told so. */
static void unsupported(rd_kafka_error_t *error) {
    CHECK(rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, "%s", rd_kafka_error_string(error));
    CHECK(!rd_kafka_error_is_fatal(error) && !rd_kafka_error_is_retriable(error), "%s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
}

/* Where librdkafka's partitioners place keys among 1,000 partitions. */
static void partitioners(void) {
    typedef int32_t (*partitioner)(const rd_kafka_topic_t *, const void *, size_t, int32_t, void *, void *);
    static const struct {
        partitioner place;
        int32_t placed, without, empty;
    } all[] = {
        {rd_kafka_msg_partitioner_random, -1, -1, -1},
        {rd_kafka_msg_partitioner_consistent, 117, 0, 0},
        {rd_kafka_msg_partitioner_consistent_random, 117, -1, -1},
        {rd_kafka_msg_partitioner_murmur2, 712, 681, 681},
        {rd_kafka_msg_partitioner_murmur2_random, 712, -1, 681},
        {rd_kafka_msg_partitioner_fnv1a, 91, 35, 35},
        {rd_kafka_msg_partitioner_fnv1a_random, 91, -1, 35},
    };
    size_t i;
    int again;
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        int32_t found[3], expected[3] = {all[i].placed, all[i].without, all[i].empty}, seen[3] = {-1, -1, -1};
        int moved[3] = {0, 0, 0}, key;
        for (again = 0; again < 100; again++) {
            found[0] = all[i].place(NULL, "a key", 5, 1000, NULL, NULL);
            found[1] = all[i].place(NULL, NULL, 0, 1000, NULL, NULL);
            found[2] = all[i].place(NULL, "", 0, 1000, NULL, NULL);
            for (key = 0; key < 3; key++) {
                CHECK(found[key] >= 0 && found[key] < 1000, "%d of %d: %d", key, (int)i, found[key]);
                CHECK(expected[key] < 0 || found[key] == expected[key], "%d of %d: %d", key, (int)i, found[key]);
                moved[key] |= seen[key] >= 0 && found[key] != seen[key];
                seen[key] = found[key];
            }
        }
        for (key = 0; key < 3; key++)
            CHECK(moved[key] == (expected[key] < 0), "%d of %d moves: %d", key, (int)i, moved[key]);
        CHECK(all[i].place(NULL, "a key", 5, 0, NULL, NULL) == RD_KAFKA_PARTITION_UA, "no partitions");
    }
}

static void misuse(void) {
    char text[256] = "";
    rd_kafka_t *rk;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    CHECK(!rd_kafka_new((rd_kafka_type_t)7, NULL, text, sizeof(text)) && *text, "no such type");
    set(conf, "bootstrap.servers", "127.0.0.1:1");
    set(conf, "session.timeout.ms", "1000");
    set(conf, "heartbeat.interval.ms", "2000");
    set(conf, "group.id", "g");
    /* It contradicts itself: refused, and the configuration stays the caller's. */
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (rk)
        rd_kafka_destroy(rk);
    else
        rd_kafka_conf_destroy(conf);
    rd_kafka_destroy(NULL);
    rd_kafka_conf_destroy(NULL);
    rd_kafka_topic_destroy(NULL);
    rd_kafka_queue_destroy(NULL);
    rd_kafka_message_destroy(NULL);
    rd_kafka_headers_destroy(NULL);
    rd_kafka_error_destroy(NULL);
    rd_kafka_topic_partition_list_destroy(NULL);
    rd_kafka_metadata_destroy(NULL);
    CHECK(rd_kafka_poll(NULL, 0) == 0 && rd_kafka_outq_len(NULL) == 0, "null");
    CHECK(!*rd_kafka_error_name(NULL) && !*rd_kafka_error_string(NULL) && !rd_kafka_rebalance_protocol(NULL), "null");
    CHECK(rd_kafka_flush(NULL, 0) == RD_KAFKA_RESP_ERR__INVALID_ARG, "null");
    CHECK(!rd_kafka_topic_new(NULL, "t", NULL) && rd_kafka_last_error() == RD_KAFKA_RESP_ERR__INVALID_ARG, "null");
    CHECK(rd_kafka_subscribe(NULL, NULL) && rd_kafka_assign(NULL, NULL) && rd_kafka_commit(NULL, NULL, 0), "null");
    CHECK(rd_kafka_topic_partition_list_add(NULL, "t", 0) == NULL, "null");

    /* A client without a server says so. */
    rk = client(RD_KAFKA_PRODUCER, rd_kafka_conf_new());
    CHECK(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC("t"), RD_KAFKA_V_VALUE("v", 1), RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__STATE,
          "no server");
    CHECK(rd_kafka_brokers_add(rk, "127.0.0.1:1") == 1, "a server");
    CHECK(!rd_kafka_producev(rk, RD_KAFKA_V_TOPIC("t"), RD_KAFKA_V_VALUE("v", 1),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
          "queued");
    CHECK(rd_kafka_outq_len(rk) >= 1, "queued");
    CHECK(rd_kafka_flush(rk, 10) == RD_KAFKA_RESP_ERR__TIMED_OUT, "nobody is there");
    CHECK(rd_kafka_consumer_close(rk) == RD_KAFKA_RESP_ERR__UNKNOWN_GROUP, "not a consumer");
    unsupported(rd_kafka_init_transactions(rk, 10));
    unsupported(rd_kafka_begin_transaction(rk));
    unsupported(rd_kafka_send_offsets_to_transaction(rk, NULL, NULL, 10));
    unsupported(rd_kafka_commit_transaction(rk, 10));
    unsupported(rd_kafka_abort_transaction(rk, 10));
    rd_kafka_destroy(rk);
}

int main(void) {
    configuration();
    lists();
    errors();
    misuse();
    partitioners();
    nobody(ERROR_CB);
    nobody(LOG_CB);
    nobody(LOGGER);
    CHECK(!rd_kafka_wait_destroyed(PATIENCE), "clients are left");
    return 0;
}
