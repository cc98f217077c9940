/* The benchmarks' client over librdkafka's C API: produces or consumes so many records (by a queue's batches, or by polling) and
 * prints one JSON object about it. Time and CPU are those from when the handle has been made to the last report or record.
 *
 *   bench_client produce|consume|poll --bootstrap-servers B --topic T --records N
 *                [--value-size 100] [--linger-ms 5] [--acks all]
 */
#include <errno.h>
#include <rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* The library that this is compiled for. */
#ifndef CLIENT
#define CLIENT "librdkafka"
#endif

/* One record in so many carries the time at which it was handed over. */
#define SAMPLE_EVERY 1000

struct options {
        const char *mode, *bootstrap_servers, *topic, *linger_ms, *acks;
        int64_t records;
        size_t value_size;
};

static int64_t delivered, failed, latency_count;
static int64_t *latencies;

/* Of the whole process. */
static double cpu_us(void) {
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        return (double)usage.ru_utime.tv_sec * 1e6 + (double)usage.ru_utime.tv_usec + (double)usage.ru_stime.tv_sec * 1e6 +
               (double)usage.ru_stime.tv_usec;
}

static int64_t now_us(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *what, const char *why) {
        fprintf(stderr, "%s: %s\n", what, why);
        exit(1);
}

static struct options parse(int argc, char **argv) {
        struct options o = {.linger_ms = "5", .acks = "all", .value_size = 100, .records = 1000000};
        if (argc < 2 || (strcmp(argv[1], "produce") && strcmp(argv[1], "consume") && strcmp(argv[1], "poll")))
                die("usage", "bench_client produce|consume|poll --bootstrap-servers B --topic T --records N ...");
        o.mode = argv[1];
        for (int i = 2; i + 1 < argc; i += 2) {
                const char *name = argv[i], *value = argv[i + 1];
                if (!strcmp(name, "--bootstrap-servers")) o.bootstrap_servers = value;
                else if (!strcmp(name, "--topic")) o.topic = value;
                else if (!strcmp(name, "--records")) o.records = atoll(value);
                else if (!strcmp(name, "--value-size")) o.value_size = (size_t)atoll(value);
                else if (!strcmp(name, "--linger-ms")) o.linger_ms = value;
                else if (!strcmp(name, "--acks")) o.acks = value;
                else die("unknown option", name);
        }
        if (!o.bootstrap_servers || !o.topic || o.records < 1) die("usage", "--bootstrap-servers, --topic and --records");
        return o;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
        char error[512];
        if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK) die(name, error);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
        char error[512];
        rd_kafka_t *rk = rd_kafka_new(type, conf, error, sizeof(error));
        if (!rk) die("rd_kafka_new", error);
        return rk;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
        (void)rk;
        (void)opaque;
        delivered++;
        if (message->err) failed++;
        if (message->_private) latencies[latency_count++] = now_us() - (int64_t)(intptr_t)message->_private;
}

static int by_value(const void *a, const void *b) {
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
        return (x > y) - (x < y);
}

/* Where a run begins. */
struct meter {
        int64_t clock;
        double cpu;
};

static struct meter begin(void) { return (struct meter){.cpu = cpu_us(), .clock = now_us()}; }

static void report(const struct options *o, const struct meter *meter) {
        int64_t elapsed_us = now_us() - meter->clock;
        double cpu = cpu_us() - meter->cpu;
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        printf("{\"case\":\"%s\",\"client\":\"" CLIENT "\",\"version\":\"%s\",\"records_per_s\":%.0f,"
               "\"cpu_us_per_record\":%.4f,\"max_rss_mb\":%.1f,",
               o->mode, rd_kafka_version_str(), (double)o->records * 1e6 / (double)elapsed_us, cpu / (double)o->records,
               (double)usage.ru_maxrss / 1024.0);
        if (latency_count > 0) {
                qsort(latencies, (size_t)latency_count, sizeof(*latencies), by_value);
                printf("\"p50_us\":%lld,\"p99_us\":%lld}\n", (long long)latencies[latency_count / 2],
                       (long long)latencies[latency_count * 99 / 100]);
        } else {
                printf("\"p50_us\":null,\"p99_us\":null}\n");
        }
}

static void produce(const struct options *o) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        set(conf, "bootstrap.servers", o->bootstrap_servers);
        set(conf, "linger.ms", o->linger_ms);
        set(conf, "acks", o->acks);
        set(conf, "enable.idempotence", strcmp(o->acks, "all") && strcmp(o->acks, "-1") ? "false" : "true");
        set(conf, "queue.buffering.max.messages", "1000000");
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, conf);
        rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, o->topic, NULL);
        if (!topic) die("rd_kafka_topic_new", rd_kafka_err2str(rd_kafka_last_error()));
        char *value = malloc(o->value_size + 1);
        latencies = malloc(sizeof(*latencies) * (size_t)(o->records / SAMPLE_EVERY + 1));
        if (!value || !latencies) die("malloc", "out of memory");
        for (size_t i = 0; i < o->value_size; i++) value[i] = (char)('a' + i % 26);

        struct meter meter = begin();
        for (int64_t i = 0; i < o->records; i++) {
                void *opaque = i % SAMPLE_EVERY ? NULL : (void *)(intptr_t)now_us();
                while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, o->value_size, NULL, 0,
                                        opaque) == -1) {
                        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                                die("rd_kafka_produce", rd_kafka_err2str(rd_kafka_last_error()));
                        rd_kafka_poll(rk, 10);
                }
                if (i % 1000 == 0) rd_kafka_poll(rk, 0);
        }
        while (delivered < o->records) rd_kafka_poll(rk, 100);
        if (failed) die("delivery", "some records failed");
        report(o, &meter);
        rd_kafka_topic_destroy(topic);
        rd_kafka_destroy(rk);
}

/* All partitions of the topic from their start, without a group's rebalancing. */
static rd_kafka_topic_partition_list_t *partitions(rd_kafka_t *rk, const char *name) {
        rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
        const struct rd_kafka_metadata *metadata;
        rd_kafka_resp_err_t error = rd_kafka_metadata(rk, 0, topic, &metadata, 10000);
        if (error || metadata->topic_cnt != 1) die("rd_kafka_metadata", rd_kafka_err2str(error));
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
        for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
                rd_kafka_topic_partition_list_add(list, name, metadata->topics[0].partitions[i].id)->offset =
                    RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_metadata_destroy(metadata);
        rd_kafka_topic_destroy(topic);
        return list;
}

/* Takes some records, adds to their count, and answers with the bytes of their values. Waits for a second when there are none. */
typedef int64_t (*take_t)(rd_kafka_t *rk, rd_kafka_queue_t *queue, int64_t *records);

static int64_t take(rd_kafka_message_t *message) {
        if (message->err) die("consume", rd_kafka_message_errstr(message));
        int64_t bytes = (int64_t)message->len;
        rd_kafka_message_destroy(message);
        return bytes;
}

static int64_t by_batch(rd_kafka_t *rk, rd_kafka_queue_t *queue, int64_t *records) {
        (void)rk;
        rd_kafka_message_t *messages[1000];
        ssize_t n = rd_kafka_consume_batch_queue(queue, 1000, messages, 1000);
        if (n < 0) die("rd_kafka_consume_batch_queue", rd_kafka_err2str(rd_kafka_last_error()));
        int64_t bytes = 0;
        for (ssize_t i = 0; i < n; i++) bytes += take(messages[i]);
        *records += n;
        return bytes;
}

static int64_t by_poll(rd_kafka_t *rk, rd_kafka_queue_t *queue, int64_t *records) {
        (void)queue;
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 1000);
        if (!message) return 0;
        (*records)++;
        return take(message);
}

static void consume(const struct options *o, take_t some) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        set(conf, "bootstrap.servers", o->bootstrap_servers);
        set(conf, "group.id", "bench");
        set(conf, "enable.auto.commit", "false");
        rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, conf);
        rd_kafka_poll_set_consumer(rk);

        struct meter meter = begin();
        rd_kafka_topic_partition_list_t *list = partitions(rk, o->topic);
        rd_kafka_resp_err_t error = rd_kafka_assign(rk, list);
        if (error) die("rd_kafka_assign", rd_kafka_err2str(error));
        rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
        int64_t records = 0, bytes = 0;
        while (records < o->records) bytes += some(rk, queue, &records);
        if (bytes < records * (int64_t)o->value_size) die("consume", "values are shorter than they were produced");
        report(o, &meter);
        rd_kafka_queue_destroy(queue);
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
}

int main(int argc, char **argv) {
        struct options o = parse(argc, argv);
        if (!strcmp(o.mode, "produce")) produce(&o);
        else consume(&o, strcmp(o.mode, "poll") ? by_batch : by_poll);
        return 0;
}
