/* Files out as records, and back: each file goes in pieces, in order, under its name as the key.
 *
 *     files SERVERS TOPIC OUT FILE...
 *
 * With "mock" for SERVERS a broker is started in this process. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

enum { PIECE = 65536, PATIENCE_MS = 60000 };

static long failed, delivered;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    if (message->err) {
        fprintf(stderr, "not delivered: %s\n", rd_kafka_err2str(message->err));
        failed++;
    } else {
        delivered++;
    }
}

static void die(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *servers, rd_kafka_conf_t *conf) {
    char why[512];
    rd_kafka_t *rk;
    if (rd_kafka_conf_set(conf, "bootstrap.servers", servers, why, sizeof(why)))
        die("bootstrap.servers", why);
    rk = rd_kafka_new(type, conf, why, sizeof(why));
    if (!rk)
        die("no client", why);
    return rk;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)))
        die(name, why);
}

static const char *base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Sends a file's pieces, and an empty one at its end. */
static long send_file(rd_kafka_t *rk, rd_kafka_topic_t *topic, const char *path) {
    static char piece[PIECE];
    FILE *file = fopen(path, "rb");
    long records = 0;
    size_t length;
    if (!file)
        die("can't read", path);
    do {
        length = fread(piece, 1, sizeof(piece), file);
        while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, piece, length, base(path), strlen(base(path)),
                                NULL)) {
            if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                die(path, rd_kafka_err2str(rd_kafka_last_error()));
            rd_kafka_poll(rk, 100);
        }
        records++;
        rd_kafka_poll(rk, 0);
    } while (length);
    fclose(file);
    return records;
}

static void append(const char *out, const rd_kafka_message_t *message) {
    char path[4096];
    FILE *file;
    snprintf(path, sizeof(path), "%s/%.*s", out, (int)message->key_len, (const char *)message->key);
    file = fopen(path, "ab");
    if (!file || fwrite(message->payload, 1, message->len, file) != message->len)
        die("can't write", path);
    fclose(file);
}

int main(int argc, char **argv) {
    rd_kafka_mock_cluster_t *mock = NULL;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *topics;
    rd_kafka_topic_t *topic;
    rd_kafka_t *rk;
    const char *servers;
    int i, ended = 0;
    long records = 0;

    if (argc < 5)
        die("usage", "files SERVERS TOPIC OUT FILE...");
    servers = argv[1];
    if (!strcmp(servers, "mock")) {
        mock = rd_kafka_mock_cluster_new(NULL, 1);
        if (!mock)
            die("mock", "no broker could be started");
        servers = rd_kafka_mock_cluster_bootstraps(mock);
    }

    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    set(conf, "compression.type", "zstd");
    rk = client(RD_KAFKA_PRODUCER, servers, conf);
    topic = rd_kafka_topic_new(rk, argv[2], NULL);
    if (!topic)
        die(argv[2], rd_kafka_err2str(rd_kafka_last_error()));
    for (i = 4; i < argc; i++)
        records += send_file(rk, topic, argv[i]);
    if (rd_kafka_flush(rk, PATIENCE_MS) || failed)
        die("flush", "not all was delivered");
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    printf("%d files, %ld records out\n", argc - 4, delivered);

    conf = rd_kafka_conf_new();
    set(conf, "group.id", "files");
    set(conf, "auto.offset.reset", "earliest");
    rk = client(RD_KAFKA_CONSUMER, servers, conf);
    rd_kafka_poll_set_consumer(rk);
    topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, argv[2], RD_KAFKA_PARTITION_UA);
    if (rd_kafka_subscribe(rk, topics))
        die("subscribe", argv[2]);
    rd_kafka_topic_partition_list_destroy(topics);
    while (ended < argc - 4) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, PATIENCE_MS);
        if (!message)
            die("consume", "no record in time");
        if (message->err)
            die("consume", rd_kafka_message_errstr(message));
        append(argv[3], message);
        ended += message->len == 0;
        rd_kafka_message_destroy(message);
        records--;
    }
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    if (mock)
        rd_kafka_mock_cluster_destroy(mock);
    printf("%d files back, %ld records missing\n", ended, records);
    return records ? 1 : 0;
}
