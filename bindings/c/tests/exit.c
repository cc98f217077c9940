/* Programs that end while their producers have records left. Each is a process of its own, whose standard error is read. */

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define RECORDS 1000

/* What a process ends with, unless something of the program runs that should not. */
#define AS_IT_SAID 7

static const char *servers;

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)message;
    (void)opaque;
    fprintf(stderr, "a report was served\n");
    _exit(3);
}

static volatile int told, leaving;

static void on_event(rd_kafka_t *rk, void *opaque) {
    (void)rk;
    (void)opaque;
    if (leaving) {
        fprintf(stderr, "an event was told of\n");
        _exit(4);
    }
    told = 1;
}

static void leaves_now(void) {
    leaving = 1;
}

static rd_kafka_resp_err_t produce(rd_kafka_t *rk) {
    return rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE("v", 1),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
}

/* A producer that has as many records as may be, and sends none of them by itself. */
static rd_kafka_t *full(const char *at, const char *exit_timeout) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    int i;
    set(conf, "bootstrap.servers", at);
    set(conf, "linger.ms", "900000");
    set(conf, "batch.num.messages", "1000000");
    if (exit_timeout)
        set(conf, "exit.timeout.ms", exit_timeout);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rk = client(RD_KAFKA_PRODUCER, conf);
    for (i = 0; i < RECORDS; i++)
        CHECK(!produce(rk), "record %d", i);
    return rk;
}

/* Runs a program in a process of its own, and answers with what it wrote to its standard error. */
static const char *ends(void (*program)(void)) {
    static char text[4096];
    size_t length = 0;
    ssize_t more;
    int both[2], status;
    pid_t child;

    CHECK(!pipe(both), "pipe");
    child = fork();
    CHECK(child >= 0, "fork");
    if (!child) {
        CHECK(dup2(both[1], 2) == 2, "standard error");
        close(both[0]);
        close(both[1]);
        program();
        exit(AS_IT_SAID);
    }
    close(both[1]);
    while (length < sizeof(text) - 1 && (more = read(both[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)more;
    text[length] = 0;
    close(both[0]);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == AS_IT_SAID, "%d, %s", status, text);
    return text;
}

/* How many records the topic has. */
static int64_t written(void) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int64_t low, high;
    rd_kafka_t *rk;
    set(conf, "bootstrap.servers", servers);
    rk = client(RD_KAFKA_CONSUMER, conf);
    CHECK(!rd_kafka_query_watermark_offsets(rk, TOPIC, 0, &low, &high, PATIENCE), "watermarks");
    rd_kafka_destroy(rk);
    return high;
}

static void leaves_a_full_queue(void) {
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(full(servers, "60000"));
    rd_kafka_queue_cb_event_enable(queue, on_event, NULL);
    /* Once at once. */
    while (!told)
        sched_yield();
    /* Called before what the library has for the end: that was there first. */
    CHECK(!atexit(leaves_now), "atexit");
}

static void leaves_within_the_default(void) {
    full(servers, NULL);
}

/* A broker that takes connections and says nothing. */
static const char *silent(void) {
    static char address[64];
    struct sockaddr_in place;
    socklen_t size = sizeof(place);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    memset(&place, 0, sizeof(place));
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(listener >= 0 && !bind(listener, (struct sockaddr *)&place, sizeof(place)) && !listen(listener, 100), "listen");
    CHECK(!getsockname(listener, (struct sockaddr *)&place, &size), "its port");
    snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(place.sin_port));
    return address;
}

static const char *silence;

static void leaves_what_nobody_takes(void) {
    full(silence, "300");
}

/* That one's broker says nothing costs the other none of its time. */
static void leaves_two(void) {
    full(silence, "3000");
    full(servers, "3000");
}

static void leaves_at_once(void) {
    full(silence, "0");
}

static void leaves_without_a_word(void) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", silence);
    set(conf, "exit.timeout.ms", "10");
    rd_kafka_conf_set_log_cb(conf, NULL);
    CHECK(!produce(client(RD_KAFKA_PRODUCER, conf)), "a record");
}

/* It would wait for a minute if there were anything to wait for. */
static void leaves_nothing(void) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_t *topic;
    rd_kafka_t *rk;
    set(conf, "bootstrap.servers", servers);
    set(conf, "exit.timeout.ms", "2000000000");
    rk = client(RD_KAFKA_PRODUCER, conf);
    CHECK(!produce(rk) && !rd_kafka_flush(rk, PATIENCE), "flushed");
    rk = full(silence, "2000000000");
    /* The topic is kept, its client is not. */
    topic = rd_kafka_topic_new(rk, TOPIC, NULL);
    CHECK(topic, "a topic");
    rd_kafka_destroy(rk);
}

static void *goes_on(void *rk) {
    for (;;) {
        produce(rk);
        if (rd_kafka_outq_len(rk) > 100000)
            rd_kafka_flush(rk, 1);
    }
    return NULL;
}

static void leaves_with_threads(void) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    int i;
    set(conf, "bootstrap.servers", silence);
    set(conf, "exit.timeout.ms", "100");
    rk = client(RD_KAFKA_PRODUCER, conf);
    for (i = 0; i < 4; i++) {
        pthread_t thread;
        CHECK(!pthread_create(&thread, NULL, goes_on, rk), "a thread");
    }
    while (rd_kafka_outq_len(rk) < RECORDS)
        sched_yield();
}

/* The child has nothing of its own to send, and what its parent has is its parent's. */
static void leaves_to_its_parent(void) {
    pid_t child;
    int status;
    full(servers, "60000");
    child = fork();
    CHECK(child >= 0, "fork");
    if (!child)
        exit(AS_IT_SAID);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == AS_IT_SAID, "%d", status);
    CHECK(!written(), "records of the child's");
}

static void forks_and_leaves(void) {
    pid_t child;
    int status;
    full(silence, "0");
    child = fork();
    CHECK(child >= 0, "fork");
    if (!child) {
        full(servers, "60000");
        exit(AS_IT_SAID);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == AS_IT_SAID, "%d", status);
}

int main(int argc, char **argv) {
    const char *text;
    CHECK(argc == 3, "usage: exit SERVERS TOPIC");
    servers = argv[1];
    TOPIC = argv[2];
    silence = silent();

    text = ends(leaves_to_its_parent);
    CHECK(!*text && written() == RECORDS, "%ld records; %s", (long)written(), text);
    text = ends(leaves_a_full_queue);
    CHECK(!*text && written() == 2 * RECORDS, "%ld records; %s", (long)written(), text);
    text = ends(forks_and_leaves);
    CHECK(strstr(text, "1000 records") && written() == 3 * RECORDS, "%ld records; %s", (long)written(), text);
    text = ends(leaves_what_nobody_takes);
    CHECK(strstr(text, "1000 records were not delivered within the 300 ms of exit.timeout.ms"), "%s", text);
    text = ends(leaves_two);
    CHECK(strstr(text, "1000 records were not delivered within the 3000 ms") && written() == 4 * RECORDS, "%ld records; %s",
          (long)written(), text);
    text = ends(leaves_at_once);
    CHECK(strstr(text, "1000 records were not delivered within the 0 ms of exit.timeout.ms"), "%s", text);
    text = ends(leaves_without_a_word);
    CHECK(!*text, "%s", text);
    text = ends(leaves_nothing);
    CHECK(!strstr(text, "EXIT"), "%s", text);
    text = ends(leaves_with_threads);
    CHECK(strstr(text, "records were not delivered"), "%s", text);
    /* By default there is a second for it: all is delivered, or what is not is counted. */
    text = ends(leaves_within_the_default);
    CHECK(*text ? strstr(text, "within the 1000 ms") != NULL : written() >= 5 * RECORDS,
          "%ld records; %s", (long)written(), text);
    return 0;
}
