/* Clients made and destroyed leave neither threads nor descriptors nor memory behind. */

#include <dirent.h>
#include <malloc.h>
#include <time.h>

#include "check.h"

/* What the client's tables may grow by, in bytes: less than a kilobyte for each client, which has sixteen and more. */
#define ROOM (128 * 1024)

static int count(const char *folder) {
    DIR *dir = opendir(folder);
    int entries = 0;
    CHECK(dir, "%s", folder);
    while (readdir(dir))
        entries++;
    closedir(dir);
    return entries;
}

/* The memory that the process has in use, in bytes. */
static size_t in_use(void) {
    struct mallinfo2 all = mallinfo2();
    return all.uordblks + all.hblkhd;
}

static void one(const char *servers, int i) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    set(conf, "bootstrap.servers", servers);
    if (i % 2) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_message_t *message;
        set(conf, "group.id", "many");
        set(conf, "auto.offset.reset", "earliest");
        set(conf, "enable.auto.commit", "false");
        rk = client(RD_KAFKA_CONSUMER, conf);
        rd_kafka_topic_partition_list_add(list, TOPIC, 0)->offset = 0;
        CHECK(!rd_kafka_assign(rk, list), "assign");
        rd_kafka_topic_partition_list_destroy(list);
        message = rd_kafka_consumer_poll(rk, PATIENCE);
        CHECK(message && !message->err, "a record");
        rd_kafka_message_destroy(message);
    } else {
        rk = client(RD_KAFKA_PRODUCER, conf);
        CHECK(!rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_VALUE("v", 1), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                 RD_KAFKA_V_END),
              "produce");
        CHECK(!rd_kafka_flush(rk, PATIENCE), "flush");
    }
    rd_kafka_destroy(rk);
}

int main(int argc, char **argv) {
    int i, threads, files, left;
    size_t before, after = 0;
    time_t end;
    CHECK(argc == 3, "usage: many SERVERS TOPIC");
    TOPIC = argv[2];
    for (i = 0; i < 10; i++)
        one(argv[1], i);
    threads = count("/proc/self/task");
    files = count("/proc/self/fd");
    for (i = 0; i < 100; i++)
        one(argv[1], i);
    before = in_use();
    for (i = 0; i < 200; i++)
        one(argv[1], i);
    CHECK(!rd_kafka_wait_destroyed(PATIENCE), "clients are left");
    CHECK(count("/proc/self/task") <= threads, "%d threads, then %d", threads, count("/proc/self/task"));
    /* Connections, and what goes with them, are closed by the thread that they belong to, in its own time. */
    end = time(NULL) + PATIENCE / 1000;
    while (((left = count("/proc/self/fd")) > files || (after = in_use()) > before + ROOM) && time(NULL) < end) {
    }
    CHECK(left <= files, "%d descriptors, then %d", files, left);
    CHECK(after <= before + ROOM, "%zu bytes, then %zu", before, after);
    return 0;
}
