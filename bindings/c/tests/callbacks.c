/* Callbacks that end the poll that they are called from, or destroy their client; signals while a call waits; a process that ends
 * with records on their way. */

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { RECORDS = 1000 };

static int called, errors;
static volatile sig_atomic_t signals;

static void send(rd_kafka_t *rk) {
    CHECK(!rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_VALUE("v", 1), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_END),
          "produce");
}

static void destroys(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)message;
    (void)opaque;
    called++;
    rd_kafka_destroy(rk);
}

/* The client goes at the first report, out of a poll or a flush; there is no second. */
static void destroyed(const char *servers) {
    int flushed;
    for (flushed = 0; flushed < 2; flushed++) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        rd_kafka_t *rk;
        int i;
        set(conf, "bootstrap.servers", servers);
        rd_kafka_conf_set_dr_msg_cb(conf, destroys);
        rk = client(RD_KAFKA_PRODUCER, conf);
        called = 0;
        for (i = 0; i < RECORDS; i++)
            send(rk);
        if (flushed)
            CHECK(rd_kafka_flush(rk, PATIENCE) == RD_KAFKA_RESP_ERR__DESTROY, "flush");
        else
            CHECK(rd_kafka_poll(rk, PATIENCE) == 1, "poll");
        CHECK(called == 1, "%d reports", called);
        CHECK(!rd_kafka_wait_destroyed(PATIENCE), "it is left");
    }
}

static void yields(rd_kafka_t *rk, int err, const char *reason, void *opaque) {
    (void)err;
    (void)opaque;
    CHECK(*reason, "a reason");
    errors++;
    rd_kafka_yield(rk);
}

static void yielded(const char *servers) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    set(conf, "bootstrap.servers", servers);
    rd_kafka_conf_set_error_cb(conf, yields);
    rk = client(RD_KAFKA_PRODUCER, conf);
    CHECK(!rd_kafka_test_fatal_error(rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "a test"), "fatal");
    /* One call, and the poll is over, though it might wait. */
    CHECK(rd_kafka_poll(rk, PATIENCE) == 1 && errors == 1, "%d calls", errors);
    rd_kafka_destroy(rk);
}

static int ordered, at_last;

/* Each report ends its poll, up to a certain one. */
static void reports(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)opaque;
    CHECK(!message->err && (intptr_t)message->_private == 2 * ordered,
          "report %d, %ld", ordered, (long)(intptr_t)message->_private);
    ordered++;
    if (ordered < at_last)
        rd_kafka_yield(rk);
}

/* What a poll that was ended has not served is counted, and comes at the next one, in its order; as an event, too. */
static void yielded_by_reports(const char *servers) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *event;
    rd_kafka_t *rk;
    int i;
    set(conf, "bootstrap.servers", servers);
    set(conf, "linger.ms", "1000");
    rd_kafka_conf_set_dr_msg_cb(conf, reports);
    rk = client(RD_KAFKA_PRODUCER, conf);
    queue = rd_kafka_queue_get_main(rk);
    ordered = 0;
    at_last = RECORDS;
    for (i = 0; i < RECORDS; i++)
        CHECK(!rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE("v", 1),
                                 RD_KAFKA_V_OPAQUE((void *)(intptr_t)(2 * i)),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
              "produce");
    for (i = 1; i < 20; i++) {
        CHECK(rd_kafka_poll(rk, PATIENCE) == 1 && ordered == i, "%d reports after poll %d", ordered, i);
        CHECK(rd_kafka_outq_len(rk) >= RECORDS - i, "%d are left", rd_kafka_outq_len(rk));
    }
    for (; i < 40; i++)
        CHECK(rd_kafka_queue_poll_callback(queue, PATIENCE) == 1 && ordered == i, "%d reports after poll %d", ordered, i);
    CHECK(rd_kafka_flush(rk, PATIENCE) == RD_KAFKA_RESP_ERR__TIMED_OUT && ordered == i, "%d reports after a flush", ordered);
    /* The rest of the batch, or all of it. */
    event = rd_kafka_queue_poll(queue, PATIENCE);
    CHECK(rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR, "%s", rd_kafka_event_name(event));
    ordered += (int)rd_kafka_event_message_count(event);
    CHECK((intptr_t)rd_kafka_event_message_next(event)->_private == 2 * i, "the next one");
    rd_kafka_event_destroy(event);
    at_last = 0;
    CHECK(!rd_kafka_flush(rk, PATIENCE) && ordered == RECORDS && !rd_kafka_outq_len(rk), "%d reports", ordered);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

static void on_signal(int number) {
    (void)number;
    signals++;
}

static void *sends_later(void *rk) {
    /* Not before calls that wait were interrupted again and again. */
    while (signals < 200)
        sched_yield();
    send(rk);
    CHECK(!rd_kafka_flush(rk, PATIENCE), "flush");
    return NULL;
}

static void interrupted(const char *servers) {
    struct sigaction action;
    struct itimerval every = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new(), *other = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_message_t *message;
    rd_kafka_t *consumer, *producer;
    int64_t low, high;
    pthread_t sender;

    set(conf, "bootstrap.servers", servers);
    set(conf, "group.id", TOPIC);
    set(other, "bootstrap.servers", servers);
    consumer = client(RD_KAFKA_CONSUMER, conf);
    producer = client(RD_KAFKA_PRODUCER, other);
    CHECK(!rd_kafka_query_watermark_offsets(consumer, TOPIC, 0, &low, &high, PATIENCE), "watermarks");
    rd_kafka_topic_partition_list_add(list, TOPIC, 0)->offset = high;
    CHECK(!rd_kafka_assign(consumer, list), "assign");
    rd_kafka_topic_partition_list_destroy(list);

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    CHECK(!sigaction(SIGALRM, &action, NULL) && !sigaction(SIGINT, &action, NULL), "sigaction");
    CHECK(!pthread_create(&sender, NULL, sends_later, producer), "a thread");
    CHECK(!setitimer(ITIMER_REAL, &every, NULL) && !kill(getpid(), SIGINT), "signals");
    message = rd_kafka_consumer_poll(consumer, PATIENCE);
    CHECK(!setitimer(ITIMER_REAL, &never, NULL), "no more signals");
    CHECK(message && !message->err && message->offset == high, "a record after %d signals", (int)signals);
    rd_kafka_message_destroy(message);
    CHECK(!pthread_join(sender, NULL), "join");
    CHECK(!rd_kafka_consumer_close(consumer), "close");
    rd_kafka_destroy(consumer);
    rd_kafka_destroy(producer);
}

/* A process of its own, forked before there is a client, that ends with a full queue: it ends as it says. */
static void leaves(const char *servers) {
    pid_t child = fork();
    int status, i;
    CHECK(child >= 0, "fork");
    if (!child) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        rd_kafka_t *rk;
        set(conf, "bootstrap.servers", servers);
        set(conf, "linger.ms", "10000");
        rk = client(RD_KAFKA_PRODUCER, conf);
        for (i = 0; i < RECORDS; i++)
            send(rk);
        exit(7);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7, "the child: %d", status);
}

int main(int argc, char **argv) {
    CHECK(argc == 3, "usage: callbacks SERVERS TOPIC");
    TOPIC = argv[2];
    leaves(argv[1]);
    destroyed(argv[1]);
    yielded(argv[1]);
    yielded_by_reports(argv[1]);
    interrupted(argv[1]);
    CHECK(!rd_kafka_wait_destroyed(PATIENCE), "clients are left");
    return 0;
}
