/* Queues that are polled for events instead of being served by callbacks, and loops that are woken by a descriptor or a call. */

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"

enum { RECORDS = 200 };

/* The next event of a kind; others, such as errors of a broker that comes up late, are passed over. */
static rd_kafka_event_t *expect(rd_kafka_queue_t *queue, rd_kafka_event_type_t type) {
    for (;;) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, PATIENCE);
        CHECK(event, "event %d in time", type);
        if (rd_kafka_event_type(event) == type)
            return event;
        CHECK(rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR || rd_kafka_event_type(event) == RD_KAFKA_EVENT_STATS,
              "%s instead",
              rd_kafka_event_name(event));
        rd_kafka_event_destroy(event);
    }
}

/* Waits until the descriptor is readable, and empties it. */
static void woken(int fd) {
    struct pollfd readable = {.fd = fd, .events = POLLIN, .revents = 0};
    char bytes[64];
    CHECK(poll(&readable, 1, PATIENCE) == 1, "woken in time");
    CHECK(read(fd, bytes, sizeof(bytes)) > 0 && bytes[0] == 'w', "the payload");
}

static void *flush(void *rk) {
    CHECK(!rd_kafka_flush(rk, PATIENCE), "flush");
    return NULL;
}

static void reports(const char *servers) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *event;
    const rd_kafka_message_t *message, *messages[RECORDS];
    pthread_t flusher;
    int i, wake[2], reported = 0;
    char seen[RECORDS] = {0};

    set(conf, "bootstrap.servers", servers);
    set(conf, "statistics.interval.ms", "1000");
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS);
    rk = client(RD_KAFKA_PRODUCER, conf);
    queue = rd_kafka_queue_get_main(rk);
    CHECK(!pipe(wake) && !fcntl(wake[0], F_SETFL, O_NONBLOCK) && !fcntl(wake[1], F_SETFL, O_NONBLOCK), "pipe");
    rd_kafka_queue_io_event_enable(queue, wake[1], "w", 1);
    for (i = 0; i < RECORDS; i++)
        CHECK(!rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(&i, sizeof(i)),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE((void *)(size_t)i), RD_KAFKA_V_END),
              "produce");
    CHECK(rd_kafka_outq_len(rk) >= RECORDS, "%d", rd_kafka_outq_len(rk));
    /* A flush waits for the events to be destroyed, which another thread does. */
    CHECK(!pthread_create(&flusher, NULL, flush, rk), "a thread");
    while (reported < RECORDS) {
        woken(wake[0]);
        while ((event = rd_kafka_queue_poll(queue, 0))) {
            if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) {
                size_t count = rd_kafka_event_message_count(event), got = 1;
                CHECK(!strcmp(rd_kafka_event_name(event), "DeliveryReport") && !rd_kafka_event_error(event), "a report");
                CHECK(count > 0 && (messages[0] = rd_kafka_event_message_next(event)), "a first message");
                got += rd_kafka_event_message_array(event, messages + 1, RECORDS - 1);
                CHECK(got == count && !rd_kafka_event_message_count(event), "%zu of %zu", got, count);
                CHECK(!rd_kafka_event_message_next(event), "no more");
                for (i = 0; i < (int)got; i++) {
                    size_t at = (size_t)messages[i]->_private;
                    int value;
                    CHECK(!messages[i]->err && messages[i]->len == sizeof(value), "%s", rd_kafka_err2str(messages[i]->err));
                    memcpy(&value, messages[i]->payload, sizeof(value));
                    CHECK(at < RECORDS && !seen[at] && value == (int)at, "record %zu", at);
                    seen[at] = 1;
                    reported++;
                }
            }
            rd_kafka_event_destroy(event);
        }
    }
    CHECK(!pthread_join(flusher, NULL), "join");
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);

    event = expect(queue, RD_KAFKA_EVENT_STATS);
    CHECK(strstr(rd_kafka_event_stats(event), "\"msg_cnt\""), "%s", rd_kafka_event_stats(event));
    CHECK(!rd_kafka_event_message_next(event) && !rd_kafka_event_topic_partition_list(event), "nothing else in it");
    rd_kafka_event_destroy(event);

    /* What fails is reported as well. */
    CHECK(!rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE("x", 1),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
          "produce");
    CHECK(!rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT), "purge");
    event = expect(queue, RD_KAFKA_EVENT_DR);
    message = rd_kafka_event_message_next(event);
    CHECK(message && (!message->err || message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
                      message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT),
          "a report of what was purged");
    rd_kafka_event_destroy(event);
    rd_kafka_event_destroy(NULL);
    CHECK(rd_kafka_event_type(NULL) == RD_KAFKA_EVENT_NONE && !strcmp(rd_kafka_event_name(NULL), "(NONE)"), "none");
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    close(wake[0]);
    close(wake[1]);
}

static void rang(rd_kafka_t *rk, void *opaque) {
    CHECK(rk, "a client");
    CHECK(write(*(int *)opaque, "w", 1) == 1, "write");
}

static void group(const char *servers) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1), *partitions;
    rd_kafka_topic_partition_t *end;
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *event = NULL;
    rd_kafka_error_t *error;
    rd_kafka_t *rk;
    int wake[2], assigned = 0, records = 0, ended = 0, revoked = 0;

    set(conf, "bootstrap.servers", servers);
    set(conf, "group.id", "by-events");
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.partition.eof", "true");
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_ERROR);
    rk = client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(rk);
    queue = rd_kafka_queue_get_consumer(rk);
    CHECK(!pipe(wake), "pipe");
    rd_kafka_queue_cb_event_enable(queue, rang, &wake[1]);
    rd_kafka_topic_partition_list_add(list, TOPIC, RD_KAFKA_PARTITION_UA);
    CHECK(!rd_kafka_subscribe(rk, list), "subscribe");
    rd_kafka_topic_partition_list_destroy(list);

    /* All of it by being woken: the rebalance, the records, the partition's end. */
    while (!ended) {
        woken(wake[0]);
        while ((event = rd_kafka_queue_poll(queue, 0))) {
            const rd_kafka_message_t *message;
            switch (rd_kafka_event_type(event)) {
            case RD_KAFKA_EVENT_REBALANCE:
                CHECK(rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
                      "%s", rd_kafka_event_error_string(event));
                partitions = rd_kafka_event_topic_partition_list(event);
                CHECK(partitions && partitions->cnt == 1, "one partition");
                partitions->elems[0].offset = 50;
                CHECK(!records && !rd_kafka_assign(rk, partitions), "assign");
                assigned++;
                break;
            case RD_KAFKA_EVENT_FETCH:
                CHECK(assigned == 1 && rd_kafka_event_message_count(event) == 1, "one message");
                message = rd_kafka_event_message_next(event);
                CHECK(message && !message->err && message->offset == 50 + records, "record %d", records);
                CHECK(!rd_kafka_event_message_next(event), "only one");
                records++;
                break;
            case RD_KAFKA_EVENT_ERROR:
                if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR__PARTITION_EOF)
                    break;
                CHECK(!rd_kafka_event_error_is_fatal(event) && *rd_kafka_event_error_string(event), "words");
                end = rd_kafka_event_topic_partition(event);
                CHECK(end && !strcmp(end->topic, TOPIC) && !end->partition && end->offset >= RECORDS, "where it ends");
                CHECK(end->err == RD_KAFKA_RESP_ERR__PARTITION_EOF, "why");
                rd_kafka_topic_partition_destroy(end);
                ended++;
                break;
            default:
                CHECK(0, "%s", rd_kafka_event_name(event));
            }
            rd_kafka_event_destroy(event);
        }
    }
    CHECK(records >= RECORDS - 50, "%d records", records);

    rd_kafka_queue_cb_event_enable(queue, NULL, NULL);
    CHECK(!rd_kafka_commit(rk, NULL, 1), "commit");
    event = expect(queue, RD_KAFKA_EVENT_OFFSET_COMMIT);
    partitions = rd_kafka_event_topic_partition_list(event);
    CHECK(!rd_kafka_event_error(event) && partitions->cnt == 1 && partitions->elems[0].offset >= RECORDS, "committed");
    rd_kafka_event_destroy(event);
    CHECK(!rd_kafka_commit_queue(rk, NULL, queue, NULL, NULL), "commit");
    event = expect(queue, RD_KAFKA_EVENT_OFFSET_COMMIT);
    rd_kafka_event_destroy(event);

    /* It leaves while the queue is polled, and asks there. */
    CHECK(!rd_kafka_consumer_close_queue(rk, queue), "close");
    error = rd_kafka_consumer_close_queue(rk, queue);
    CHECK(error, "closed twice");
    rd_kafka_error_destroy(error);
    while (!rd_kafka_consumer_closed(rk)) {
        event = rd_kafka_queue_poll(queue, 100);
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
            CHECK(rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, "%s", rd_kafka_event_error_string(event));
            CHECK(!rd_kafka_assign(rk, NULL), "unassign");
            revoked++;
        }
        rd_kafka_event_destroy(event);
    }
    CHECK(revoked == 1, "%d revoked", revoked);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    close(wake[0]);
    close(wake[1]);
}

/* Rebalances that nobody takes out of the queue: a consumer that is closed, or polled for messages, answers them itself. */
static void unasked(const char *servers) {
    int polled;
    for (polled = 0; polled < 2; polled++) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_message_t *message;
        rd_kafka_event_t *event;
        rd_kafka_queue_t *queue;
        rd_kafka_t *rk;
        set(conf, "bootstrap.servers", servers);
        set(conf, "group.id", "unasked");
        set(conf, "auto.offset.reset", "earliest");
        set(conf, "enable.auto.commit", "false");
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE);
        rk = client(RD_KAFKA_CONSUMER, conf);
        rd_kafka_poll_set_consumer(rk);
        rd_kafka_topic_partition_list_add(list, TOPIC, RD_KAFKA_PARTITION_UA);
        CHECK(!rd_kafka_subscribe(rk, list), "subscribe");
        rd_kafka_topic_partition_list_destroy(list);
        if (polled) {
            message = rd_kafka_consumer_poll(rk, PATIENCE);
            CHECK(message && !message->err, "a record");
            rd_kafka_message_destroy(message);
        } else {
            /* Asked, and never answered. */
            queue = rd_kafka_queue_get_consumer(rk);
            event = expect(queue, RD_KAFKA_EVENT_REBALANCE);
            rd_kafka_event_destroy(event);
            rd_kafka_queue_destroy(queue);
        }
        CHECK(!rd_kafka_consumer_close(rk), "close");
        rd_kafka_destroy(rk);
    }
}

/* Lines of the log wait for their queue. */
static void logs(void) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *facility, *words;
    rd_kafka_event_t *event;
    rd_kafka_queue_t *queue;
    char contexts[16] = "x";
    rd_kafka_t *rk;
    int level = -1;

    set(conf, "bootstrap.servers", "127.0.0.1:1");
    set(conf, "log.queue", "true");
    rk = client(RD_KAFKA_PRODUCER, conf);
    queue = rd_kafka_queue_new(rk);
    CHECK(!rd_kafka_set_log_queue(rk, queue), "the log's queue");
    CHECK(!rd_kafka_producev(rk, RD_KAFKA_V_TOPIC("nowhere"), RD_KAFKA_V_VALUE("x", 1), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_END),
          "produce");
    event = expect(queue, RD_KAFKA_EVENT_LOG);
    CHECK(!rd_kafka_event_log(event, &facility, &words, &level) && *facility && strstr(words, "127.0.0.1:1") && level == 3,
          "a line");
    CHECK(!rd_kafka_event_debug_contexts(event, contexts, sizeof(contexts)) && !*contexts, "no context");
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);

    rk = client(RD_KAFKA_PRODUCER, rd_kafka_conf_new());
    CHECK(rd_kafka_set_log_queue(rk, NULL) == RD_KAFKA_RESP_ERR__NOT_CONFIGURED, "without log.queue");
    rd_kafka_destroy(rk);
}

int main(int argc, char **argv) {
    CHECK(argc == 3, "usage: events SERVERS TOPIC");
    TOPIC = argv[2];
    reports(argv[1]);
    group(argv[1]);
    unasked(argv[1]);
    logs();
    CHECK(!rd_kafka_wait_destroyed(PATIENCE), "clients are left");
    return 0;
}
