/* A client goes through fork(): the child is told, and makes its own; the parent goes on. */

#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static rd_kafka_t *producer(const char *servers) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", servers);
    return client(RD_KAFKA_PRODUCER, conf);
}

static rd_kafka_resp_err_t send(rd_kafka_t *rk) {
    return rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_VALUE("v", 1), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_END);
}

int main(int argc, char **argv) {
    rd_kafka_t *rk;
    pid_t child;
    int status;

    CHECK(argc == 3, "usage: fork SERVERS TOPIC");
    TOPIC = argv[2];
    rk = producer(argv[1]);
    CHECK(!send(rk) && !rd_kafka_flush(rk, PATIENCE), "before");
    child = fork();
    CHECK(child >= 0, "fork");
    if (!child) {
        rd_kafka_t *own;
        CHECK(send(rk) == RD_KAFKA_RESP_ERR__STATE, "the parent's client in the child");
        CHECK(rd_kafka_poll(rk, 0) == 0, "nothing to poll");
        CHECK(rd_kafka_flush(rk, 1000) == RD_KAFKA_RESP_ERR__STATE, "nothing to flush");
        rd_kafka_destroy(rk);
        own = producer(argv[1]);
        CHECK(!send(own) && !rd_kafka_flush(own, PATIENCE), "a client of its own");
        rd_kafka_destroy(own);
        CHECK(!rd_kafka_wait_destroyed(PATIENCE), "clients are left");
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status), "the child: %d", status);
    CHECK(!send(rk) && !rd_kafka_flush(rk, PATIENCE), "after");
    rd_kafka_destroy(rk);
    return 0;
}
