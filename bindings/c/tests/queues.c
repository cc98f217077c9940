/* Queues under an application that changes them while others wait, ends what tells it, or closes by one. Without a topic's
 * records but for those that it brings itself. */

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka_mock.h>

#include "check.h"

static const char *servers;

static rd_kafka_t *producer(int events) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_events(conf, events);
    return client(RD_KAFKA_PRODUCER, conf);
}

static rd_kafka_t *consumer(const char *group, int events, void (*rebalance_cb)(rd_kafka_t *, rd_kafka_resp_err_t,
                                                                               rd_kafka_topic_partition_list_t *, void *)) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", servers);
    set(conf, "auto.offset.reset", "earliest");
    if (group)
        set(conf, "group.id", group);
    rd_kafka_conf_set_events(conf, events);
    if (rebalance_cb)
        rd_kafka_conf_set_rebalance_cb(conf, rebalance_cb);
    return client(RD_KAFKA_CONSUMER, conf);
}

/* So many records, in batches of ten. */
static void fill_with(const char *topic, int records) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    set(conf, "bootstrap.servers", servers);
    set(conf, "batch.num.messages", "10");
    rk = client(RD_KAFKA_PRODUCER, conf);
    while (records--)
        CHECK(!rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE("v", 1),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
              "produce");
    CHECK(!rd_kafka_flush(rk, PATIENCE), "flush");
    rd_kafka_destroy(rk);
}

static void fill(const char *topic) {
    fill_with(topic, 1);
}

static void subscribe(rd_kafka_t *rk, const char *topic) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    CHECK(!rd_kafka_subscribe(rk, list), "subscribe");
    rd_kafka_topic_partition_list_destroy(list);
}

static int bytes_in(int fd) {
    char bytes[64];
    ssize_t count = read(fd, bytes, sizeof(bytes));
    return count < 0 ? 0 : (int)count;
}

static void open_pipe(int *ends) {
    CHECK(!pipe(ends) && !fcntl(ends[0], F_SETFL, O_NONBLOCK), "pipe");
}

static void told(void) {
    rd_kafka_t *rk = producer(RD_KAFKA_EVENT_ERROR);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(rk), *own = rd_kafka_queue_new(rk);
    int ends[2];
    /* Once, also where something is there already. */
    open_pipe(ends);
    rd_kafka_test_fatal_error(rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "made up");
    rd_kafka_queue_io_event_enable(queue, ends[1], "w", 1);
    CHECK(bytes_in(ends[0]) == 1, "one byte");
    /* Nobody reads: no signal ends the process. */
    close(ends[0]);
    rd_kafka_queue_io_event_enable(queue, ends[1], "w", 1);
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
    close(ends[1]);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    rd_kafka_queue_destroy(own);

    /* A queue that is destroyed tells of nothing, though another is forwarded there. */
    rk = producer(RD_KAFKA_EVENT_ERROR);
    queue = rd_kafka_queue_get_main(rk);
    own = rd_kafka_queue_new(rk);
    open_pipe(ends);
    rd_kafka_queue_forward(queue, own);
    rd_kafka_queue_io_event_enable(own, ends[1], "w", 1);
    CHECK(bytes_in(ends[0]) == 1, "one byte");
    rd_kafka_queue_destroy(own);
    rd_kafka_test_fatal_error(rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "made up");
    CHECK(bytes_in(ends[0]) == 0, "none");
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    close(ends[0]);
    close(ends[1]);
}

/* A report's topic lives as long as the event. */
static void topic_of_a_report(void) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *topic;
    rd_kafka_timestamp_type_t timestamp_type;
    rd_kafka_event_t *event = NULL;
    const rd_kafka_message_t *message;
    rd_kafka_t *rk;
    set(conf, "bootstrap.servers", "127.0.0.1:1");
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    rk = client(RD_KAFKA_PRODUCER, conf);
    queue = rd_kafka_queue_get_main(rk);
    topic = rd_kafka_topic_new(rk, "a-topic-with-a-name-of-its-own", NULL);
    CHECK(!rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, "v", 1, NULL, 0, NULL), "produce");
    CHECK(!rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT), "purge");
    while (rd_kafka_event_type(event) != RD_KAFKA_EVENT_DR) {
        rd_kafka_event_destroy(event);
        CHECK((event = rd_kafka_queue_poll(queue, PATIENCE)), "a report");
    }
    message = rd_kafka_event_message_next(event);
    CHECK(message->err && rd_kafka_message_timestamp(message, &timestamp_type) == -1, "no time of what is not there");
    CHECK(timestamp_type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE, "%d", timestamp_type);
    rd_kafka_topic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    CHECK(!strcmp(rd_kafka_topic_name(message->rkt), "a-topic-with-a-name-of-its-own"), "its name");
    rd_kafka_event_destroy(event);
}

static void *one_event(void *queue) {
    return rd_kafka_queue_poll(queue, PATIENCE);
}

/* Who waits at a queue gets what is begun, or forwarded there, later; a loop is told as well. */
static void begun_later(void) {
    rd_kafka_t *rk = consumer(NULL, RD_KAFKA_EVENT_FETCH, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, "later", NULL);
    struct pollfd readable = {.fd = -1, .events = POLLIN, .revents = 0};
    rd_kafka_event_t *event;
    void *got = NULL;
    pthread_t waiter;
    int ends[2];
    fill("later");
    open_pipe(ends);
    rd_kafka_queue_io_event_enable(queue, ends[1], "w", 1);
    CHECK(bytes_in(ends[0]) == 1 && !rd_kafka_queue_poll(queue, 0), "nothing yet");
    CHECK(!rd_kafka_consume_start_queue(topic, 0, RD_KAFKA_OFFSET_BEGINNING, queue), "start");
    readable.fd = ends[0];
    CHECK(poll(&readable, 1, PATIENCE) == 1, "told in time");
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
    CHECK(!rd_kafka_consume_stop(topic, 0), "stop");

    CHECK(!pthread_create(&waiter, NULL, one_event, queue), "a thread");
    CHECK(!rd_kafka_consume_start_queue(topic, 0, RD_KAFKA_OFFSET_BEGINNING, queue), "start");
    CHECK(!pthread_join(waiter, &got) && got, "a record in time");
    event = got;
    CHECK(rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH, "%s", rd_kafka_event_name(event));
    rd_kafka_event_destroy(event);
    CHECK(!rd_kafka_consume_stop(topic, 0), "stop");
    rd_kafka_topic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    close(ends[0]);
    close(ends[1]);
}

/* Two topics' records, each of a consumer of its own, and all of them here already, come in turn out of the one queue that both
 * go to: message by message, or many at once. */
static void in_turn(size_t at_once) {
    enum { RECORDS = 1000, RUN = 100 };
    const char *names[] = {"in-turn-a", "in-turn-b"};
    rd_kafka_t *rk = consumer(NULL, 0, NULL);
    rd_kafka_queue_t *both = rd_kafka_queue_new(rk), *queues[2];
    rd_kafka_topic_t *topics[2];
    rd_kafka_message_t *messages[333];
    char errstr[256];
    ssize_t count, i;
    int which, run = 0, last = -1, got[2] = {1, 1};
    for (which = 0; which < 2; which++) {
        rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();
        CHECK(!rd_kafka_topic_conf_set(conf, "auto.offset.reset", which ? "latest" : "earliest", errstr, sizeof(errstr)),
              "%s", errstr);
        topics[which] = rd_kafka_topic_new(rk, names[which], conf);
        queues[which] = rd_kafka_queue_new(rk);
        CHECK(!rd_kafka_consume_start_queue(topics[which], 0, RD_KAFKA_OFFSET_BEGINNING, queues[which]), "start");
        messages[0] = rd_kafka_consume_queue(queues[which], PATIENCE);
        CHECK(messages[0] && !messages[0]->err, "the first one");
        rd_kafka_message_destroy(messages[0]);
        rd_kafka_queue_forward(queues[which], both);
    }
    while (got[0] + got[1] < 2 * RECORDS) {
        count = rd_kafka_consume_batch_queue(both, PATIENCE, messages, at_once);
        CHECK(count > 0, "records in time");
        for (i = 0; i < count; i++) {
            CHECK(!messages[i]->err, "%s", rd_kafka_message_errstr(messages[i]));
            which = messages[i]->rkt == topics[1];
            CHECK(messages[i]->offset == got[which]++, "in order");
            run = which == last ? run + 1 : 1;
            last = which;
            CHECK(run <= RUN || got[!last] == RECORDS, "%d of the one, %d of the other", got[last], got[!last]);
            rd_kafka_message_destroy(messages[i]);
        }
    }
    for (which = 0; which < 2; which++) {
        CHECK(!rd_kafka_consume_stop(topics[which], 0), "stop");
        rd_kafka_topic_destroy(topics[which]);
        rd_kafka_queue_destroy(queues[which]);
    }
    rd_kafka_queue_destroy(both);
    rd_kafka_destroy(rk);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int asking, polled, over, refused;

static void await(const int *what) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE / 1000;
    pthread_mutex_lock(&lock);
    while (!*what)
        CHECK(!pthread_cond_timedwait(&changed, &lock, &end), "in time");
    pthread_mutex_unlock(&lock);
}

static void tell(int *what) {
    pthread_mutex_lock(&lock);
    *what = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void asked(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *partitions, void *opaque) {
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_error_t *error;
    (void)opaque;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        /* Another polls meanwhile, and is back in its time. */
        tell(&asking);
        await(&polled);
        rd_kafka_event_destroy(rd_kafka_queue_poll(queue, 0));
        CHECK((error = rd_kafka_consumer_close_queue(rk, queue)), "closed in a callback");
        refused += rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__STATE;
        rd_kafka_error_destroy(error);
        rd_kafka_assign(rk, partitions);
    } else {
        rd_kafka_assign(rk, NULL);
    }
    rd_kafka_queue_destroy(queue);
}

static void *polls(void *queue) {
    await(&asking);
    CHECK(!rd_kafka_queue_poll(queue, 50), "nothing, since the other is asked");
    tell(&polled);
    return NULL;
}

static void polled_while_asked(void) {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_message_t *message = NULL;
    pthread_t other;
    fill("asked");
    rk = consumer("asked", 0, asked);
    queue = rd_kafka_queue_get_consumer(rk);
    subscribe(rk, "asked");
    CHECK(!pthread_create(&other, NULL, polls, queue), "a thread");
    message = rd_kafka_consumer_poll(rk, PATIENCE);
    CHECK(message && !message->err && refused == 1, "a record");
    rd_kafka_message_destroy(message);
    CHECK(!pthread_join(other, NULL), "join");
    rd_kafka_queue_destroy(queue);
    CHECK(!rd_kafka_consumer_close(rk), "close");
    rd_kafka_destroy(rk);
}

/* The descriptor may be another file's, once it is not to be written to any more. */
static void written_to_no_more(void) {
    rd_kafka_t *rk = consumer("late", 0, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_message_t *message;
    int ends[2];
    fill("late");
    rd_kafka_topic_partition_list_add(list, "late", 0);
    CHECK(!rd_kafka_assign(rk, list), "assign");
    rd_kafka_topic_partition_list_destroy(list);
    open_pipe(ends);
    rd_kafka_queue_io_event_enable(queue, ends[1], "w", 1);
    message = rd_kafka_consumer_poll(rk, PATIENCE);
    CHECK(message && !message->err, "a record");
    rd_kafka_message_destroy(message);
    CHECK(!rd_kafka_consumer_poll(rk, 0), "one only");
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
    while (bytes_in(ends[0]) > 0)
        ;
    fill("late");
    message = rd_kafka_consumer_poll(rk, PATIENCE);
    CHECK(message && !message->err, "another");
    rd_kafka_message_destroy(message);
    CHECK(bytes_in(ends[0]) == 0, "written to");
    rd_kafka_queue_destroy(queue);
    CHECK(!rd_kafka_consumer_close(rk), "close");
    rd_kafka_destroy(rk);
    close(ends[0]);
    close(ends[1]);
}

static void *until_null(void *queue) {
    rd_kafka_event_t *event;
    while ((event = rd_kafka_queue_poll(queue, -1)))
        rd_kafka_event_destroy(event);
    tell(&over);
    return NULL;
}

/* Who polls without end for the close of a consumer is told of it; who is refused may try again. */
static void closed_by_queue(void) {
    rd_kafka_t *rk = consumer("closed", RD_KAFKA_EVENT_REBALANCE, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk), *own = rd_kafka_queue_get_consumer(rk);
    rd_kafka_error_t *error;
    pthread_t waiter;
    rd_kafka_queue_forward(queue, own);
    CHECK((error = rd_kafka_consumer_close_queue(rk, queue)), "a circle");
    rd_kafka_error_destroy(error);
    rd_kafka_queue_forward(queue, NULL);
    CHECK(!rd_kafka_consumer_close_queue(rk, queue), "close");
    CHECK(!pthread_create(&waiter, NULL, until_null, queue), "a thread");
    await(&over);
    CHECK(!pthread_join(waiter, NULL) && rd_kafka_consumer_closed(rk), "closed");
    rd_kafka_queue_destroy(own);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

/* A close that nobody polled for ends with the client; its group is not left waiting. */
static void destroyed_while_it_closes(void) {
    rd_kafka_t *rk = consumer("destroyed", RD_KAFKA_EVENT_REBALANCE, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_event_t *event;
    fill("destroyed");
    subscribe(rk, "destroyed");
    CHECK((event = rd_kafka_queue_poll(queue, PATIENCE)), "a rebalance");
    CHECK(rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE, "%s", rd_kafka_event_name(event));
    CHECK(!rd_kafka_assign(rk, rd_kafka_event_topic_partition_list(event)), "assign");
    rd_kafka_event_destroy(event);
    CHECK(!rd_kafka_consumer_close_queue(rk, queue), "close");
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

/* A poll ends where it is told to, here or at the queue that it was forwarded to; the next one waits. */
static void yielded(void) {
    rd_kafka_t *rk = producer(0);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(rk), *own = rd_kafka_queue_new(rk);
    void *got = queue;
    pthread_t waiter;
    CHECK(!pthread_create(&waiter, NULL, one_event, queue), "a thread");
    rd_kafka_queue_yield(queue);
    CHECK(!pthread_join(waiter, &got) && !got, "no event");
    rd_kafka_queue_forward(queue, own);
    rd_kafka_queue_yield(own);
    CHECK(rd_kafka_outq_len(rk) == 1 && !rd_kafka_poll(rk, PATIENCE) && !rd_kafka_outq_len(rk), "nothing served");
    rd_kafka_queue_yield(NULL);
    rd_kafka_queue_destroy(own);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

int main(void) {
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(NULL, 1);
    CHECK(cluster, "a cluster");
    servers = rd_kafka_mock_cluster_bootstraps(cluster);
    told();
    topic_of_a_report();
    begun_later();
    fill_with("in-turn-a", 1000);
    fill_with("in-turn-b", 1000);
    in_turn(1);
    in_turn(333);
    polled_while_asked();
    written_to_no_more();
    closed_by_queue();
    destroyed_while_it_closes();
    yielded();
    rd_kafka_mock_cluster_destroy(cluster);
    CHECK(!rd_kafka_wait_destroyed(PATIENCE), "clients are left");
    return 0;
}
