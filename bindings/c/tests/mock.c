/* A cluster in the process, its metadata, and what a topic's own configuration changes. */

#include <librdkafka/rdkafka_mock.h>

#include "check.h"

static int failed, statistics;

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    failed += message->err != 0;
}

static int on_stats(rd_kafka_t *rk, char *json, size_t length, void *opaque) {
    (void)rk;
    (void)opaque;
    CHECK(strlen(json) == length && strstr(json, "\"type\":\"producer\""), "%s", json);
    statistics++;
    /* Kept on every second call, and freed here. */
    if (statistics % 2)
        return 0;
    free(json);
    return 1;
}

int main(void) {
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(NULL, 3);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_conf_t *topic_conf = rd_kafka_topic_conf_new();
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic;
    rd_kafka_resp_err_t err;
    rd_kafka_t *rk;
    char errstr[256], *id;
    int i;

    CHECK(cluster, "a cluster");
    CHECK(!rd_kafka_mock_cluster_new(NULL, 0), "no brokers");
    set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster));
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    set(conf, "statistics.interval.ms", "50");
    rd_kafka_conf_set_stats_cb(conf, on_stats);
    rk = client(RD_KAFKA_PRODUCER, conf);
    CHECK(rd_kafka_topic_conf_set(topic_conf, "acks", "1", errstr, sizeof(errstr)) == RD_KAFKA_CONF_OK, "%s", errstr);
    topic = rd_kafka_topic_new(rk, "mocked", topic_conf);
    CHECK(topic && topic == rd_kafka_topic_new(rk, "mocked", NULL), "one handle for one topic");
    rd_kafka_topic_destroy(topic);
    for (i = 0; i < 100; i++)
        CHECK(!rd_kafka_produce(topic, i % 4, RD_KAFKA_MSG_F_COPY, &i, sizeof(i), NULL, 0, NULL), "record %d", i);
    CHECK(!rd_kafka_flush(rk, PATIENCE) && !failed, "%d failed", failed);

    for (i = 0; i < 600 && statistics < 3; i++)
        rd_kafka_poll(rk, 100);
    CHECK(statistics >= 3, "%d statistics", statistics);

    err = rd_kafka_metadata(rk, 0, topic, &metadata, PATIENCE);
    CHECK(!err, "%s", rd_kafka_err2str(err));
    CHECK(metadata->broker_cnt == 3 && metadata->topic_cnt == 1,
          "%d brokers, %d topics", metadata->broker_cnt, metadata->topic_cnt);
    CHECK(!strcmp(metadata->topics[0].topic, "mocked") && metadata->topics[0].partition_cnt == 4, "%d partitions",
          metadata->topics[0].partition_cnt);
    for (i = 0; i < 4; i++) {
        const rd_kafka_metadata_partition_t *partition = &metadata->topics[0].partitions[i];
        CHECK(partition->id == i && !partition->err && partition->leader > 0, "partition %d", i);
        CHECK(partition->replica_cnt >= 1 && partition->isr_cnt >= 1 && partition->replicas[0] > 0, "replicas of %d", i);
    }
    rd_kafka_metadata_destroy(metadata);
    CHECK(!rd_kafka_metadata(rk, 1, NULL, &metadata, PATIENCE) && metadata->topic_cnt >= 1, "all topics");
    rd_kafka_metadata_destroy(metadata);
    CHECK(rd_kafka_controllerid(rk, PATIENCE) > 0, "a controller");
    id = rd_kafka_clusterid(rk, PATIENCE);
    CHECK(id && *id, "an id");
    rd_kafka_mem_free(rk, id);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    rd_kafka_mock_cluster_destroy(cluster);
    return 0;
}
