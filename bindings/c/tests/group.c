/* A group's consumer: rebalances answered, offsets committed, sought, asked for; partitions' ends told. */

#include "check.h"

enum { RECORDS = 100 };

static int assigned, revoked, commits, nothing;
static int64_t committed_last;

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *partitions, void *opaque) {
    int i;
    CHECK(opaque == (void *)&assigned, "opaque");
    CHECK(!strcmp(rd_kafka_rebalance_protocol(rk), "EAGER"), "%s", rd_kafka_rebalance_protocol(rk));
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assigned += partitions->cnt;
        /* The second partition begins in its middle. */
        for (i = 0; i < partitions->cnt; i++)
            if (partitions->elems[i].partition == 1)
                partitions->elems[i].offset = 50;
        CHECK(!rd_kafka_assign(rk, partitions), "assign");
    } else {
        CHECK(err == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, "%s", rd_kafka_err2name(err));
        revoked += partitions->cnt;
        CHECK(!rd_kafka_assignment_lost(rk), "not lost");
        CHECK(!rd_kafka_assign(rk, NULL), "unassign");
    }
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *offsets, void *opaque) {
    (void)rk;
    (void)opaque;
    if (err == RD_KAFKA_RESP_ERR__NO_OFFSET) {
        CHECK(offsets->cnt == 1 && offsets->elems[0].offset == RD_KAFKA_OFFSET_INVALID, "%d partitions", offsets->cnt);
        nothing++;
        return;
    }
    CHECK(!err, "%s", rd_kafka_err2str(err));
    CHECK(offsets->cnt >= 1 && !offsets->elems[0].err, "offsets");
    committed_last = offsets->elems[0].offset;
    commits++;
}

static void fill(const char *servers) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    int i;
    set(conf, "bootstrap.servers", servers);
    rk = client(RD_KAFKA_PRODUCER, conf);
    for (i = 0; i < 2 * RECORDS; i++) {
        rd_kafka_resp_err_t err =
            rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_PARTITION(i % 2), RD_KAFKA_V_VALUE(&i, sizeof(i)),
                              RD_KAFKA_V_TIMESTAMP(1000000 + i), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        CHECK(!err, "%s", rd_kafka_err2str(err));
    }
    CHECK(!rd_kafka_flush(rk, PATIENCE), "flush");
    rd_kafka_destroy(rk);
}

/* Automatic commits are told like others, also the last one, which goes out while the consumer closes. */
static void commits_by_itself(const char *servers) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_message_t *message;
    rd_kafka_error_t *error;
    rd_kafka_t *rk;
    int64_t low, high;
    set(conf, "bootstrap.servers", servers);
    set(conf, "group.id", TOPIC);
    set(conf, "auto.commit.interval.ms", "10");
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
    rk = client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_topic_partition_list_add(list, TOPIC, 0)->offset = 20;
    CHECK(!rd_kafka_assign(rk, list), "assign");
    committed_last = nothing = 0;

    /* Nothing to commit is told, and no error. */
    list->elems[0].offset = RD_KAFKA_OFFSET_INVALID;
    CHECK(!rd_kafka_commit(rk, list, 1), "commit of nothing in the background");
    CHECK(rd_kafka_commit(rk, list, 0) == RD_KAFKA_RESP_ERR__NO_OFFSET, "commit of nothing");
    rd_kafka_topic_partition_list_destroy(list);
    message = rd_kafka_consumer_poll(rk, PATIENCE);
    CHECK(message && !message->err && message->offset == 20, "a record");
    rd_kafka_message_destroy(message);
    CHECK(nothing == 2, "%d", nothing);

    /* What is assigned can't be again, and what is not can't be taken away. */
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, TOPIC, 0);
    CHECK((error = rd_kafka_incremental_assign(rk, list)), "assigned twice");
    CHECK(rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__CONFLICT, "%s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    list->elems[0].partition = 1;
    CHECK((error = rd_kafka_incremental_unassign(rk, list)), "not assigned");
    CHECK(rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__INVALID_ARG, "%s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    CHECK(!rd_kafka_get_watermark_offsets(rk, TOPIC, 1, &low, &high), "nothing is known");
    CHECK(low == RD_KAFKA_OFFSET_INVALID && high == RD_KAFKA_OFFSET_INVALID, "%ld", (long)high);
    /* Twice the same topic, or none. */
    rd_kafka_topic_partition_list_add(list, TOPIC, -1);
    CHECK(rd_kafka_subscribe(rk, list) == RD_KAFKA_RESP_ERR__INVALID_ARG, "the same topic twice");
    rd_kafka_topic_partition_list_destroy(list);
    list = rd_kafka_topic_partition_list_new(0);
    CHECK(rd_kafka_subscribe(rk, list) == RD_KAFKA_RESP_ERR__INVALID_ARG, "no topic");
    rd_kafka_topic_partition_list_destroy(list);

    while (committed_last <= 20) {
        message = rd_kafka_consumer_poll(rk, 100);
        CHECK(!message || !message->err, "%s", rd_kafka_message_errstr(message));
        if (message)
            rd_kafka_message_destroy(message);
    }
    list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, TOPIC, 0)->offset = 30;
    CHECK(!rd_kafka_seek_partitions(rk, list, PATIENCE), "seek");
    rd_kafka_topic_partition_list_destroy(list);
    message = rd_kafka_consumer_poll(rk, PATIENCE);
    CHECK(message && !message->err && message->offset == 30, "a record");
    rd_kafka_message_destroy(message);
    CHECK(!rd_kafka_consumer_close(rk), "close");
    CHECK(committed_last == 31, "%ld", (long)committed_last);
    CHECK(rd_kafka_consumer_close(rk) == RD_KAFKA_RESP_ERR__DESTROY, "closed twice");
    rd_kafka_destroy(rk);
}

int main(int argc, char **argv) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1), *other = NULL;
    const struct rd_kafka_group_list *groups;
    rd_kafka_message_t *message;
    rd_kafka_t *rk;
    int64_t low, high;
    int records = 0, ends = 0;
    char *id;

    CHECK(argc == 3, "usage: group SERVERS TOPIC");
    TOPIC = argv[2];
    fill(argv[1]);
    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "group.id", TOPIC);
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.partition.eof", "true");
    rd_kafka_conf_set_opaque(conf, &assigned);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
    rk = client(RD_KAFKA_CONSUMER, conf);
    CHECK(!rd_kafka_poll_set_consumer(rk), "poll_set_consumer");
    CHECK(!strcmp(rd_kafka_rebalance_protocol(rk), "NONE"), "%s", rd_kafka_rebalance_protocol(rk));
    rd_kafka_topic_partition_list_add(list, TOPIC, RD_KAFKA_PARTITION_UA);
    CHECK(!rd_kafka_subscribe(rk, list), "subscribe");
    CHECK(!rd_kafka_subscription(rk, &other) && other->cnt == 1 && !strcmp(other->elems[0].topic, TOPIC), "subscription");
    rd_kafka_topic_partition_list_destroy(other);

    while (ends < 2) {
        message = rd_kafka_consumer_poll(rk, PATIENCE);
        CHECK(message, "in time: %d records, %d ends", records, ends);
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            CHECK(message->offset == RECORDS, "end at %ld", (long)message->offset);
            ends++;
        } else {
            CHECK(!message->err, "%s", rd_kafka_message_errstr(message));
            records++;
        }
        rd_kafka_message_destroy(message);
    }
    CHECK(records == RECORDS + RECORDS / 2, "%d records", records);
    CHECK(assigned == 2 && !revoked, "%d assigned", assigned);
    id = rd_kafka_memberid(rk);
    CHECK(id && *id, "a member id");
    rd_kafka_mem_free(rk, id);

    CHECK(!rd_kafka_assignment(rk, &other) && other->cnt == 2, "assignment");
    CHECK(!rd_kafka_position(rk, other), "position");
    CHECK(other->elems[0].offset == RECORDS && other->elems[1].offset == RECORDS, "positions");
    CHECK(!rd_kafka_commit(rk, NULL, 0), "commit");
    other->elems[0].offset = 10;
    CHECK(!rd_kafka_commit(rk, other, 1), "commit in the background");
    while (commits < 2)
        CHECK(!(message = rd_kafka_consumer_poll(rk, 100)), "%s", rd_kafka_message_errstr(message));
    other->elems[0].offset = other->elems[1].offset = RD_KAFKA_OFFSET_INVALID;
    CHECK(!rd_kafka_committed(rk, other, PATIENCE), "committed");
    CHECK(other->elems[0].offset == 10 && other->elems[1].offset == RECORDS, "%ld", (long)other->elems[0].offset);

    /* Back to the middle, one partition paused. */
    rd_kafka_topic_partition_list_del_by_idx(other, 1);
    CHECK(!rd_kafka_pause_partitions(rk, other) && !other->elems[0].err, "pause");
    other->elems[0].offset = 90;
    CHECK(!rd_kafka_seek_partitions(rk, other, PATIENCE) && !other->elems[0].err, "seek");
    CHECK(!rd_kafka_consumer_poll(rk, 100), "a paused partition has no records");
    CHECK(!rd_kafka_resume_partitions(rk, other), "resume");
    message = rd_kafka_consumer_poll(rk, PATIENCE);
    CHECK(message && !message->err && message->offset == 90, "after a seek");
    CHECK(!rd_kafka_commit_message(rk, message, 0), "commit of a message");
    rd_kafka_message_destroy(message);
    rd_kafka_topic_partition_list_destroy(other);

    CHECK(!rd_kafka_query_watermark_offsets(rk, TOPIC, 1, &low, &high, PATIENCE) && low == 0 && high == RECORDS, "watermarks");
    CHECK(!rd_kafka_get_watermark_offsets(rk, TOPIC, 0, &low, &high) && high == RECORDS, "known watermarks");
    other = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(other, TOPIC, 0)->offset = 1000000 + 20;
    rd_kafka_topic_partition_list_add(other, TOPIC, 1)->offset = 2000000;
    CHECK(!rd_kafka_offsets_for_times(rk, other, PATIENCE), "offsets_for_times");
    CHECK(other->elems[0].offset == 10 && other->elems[1].offset == RD_KAFKA_OFFSET_END, "%ld", (long)other->elems[0].offset);
    rd_kafka_topic_partition_list_destroy(other);

    CHECK(!rd_kafka_list_groups(rk, TOPIC, &groups, PATIENCE) && groups->group_cnt == 1, "one group");
    CHECK(!strcmp(groups->groups[0].group, TOPIC) && !groups->groups[0].err, "%s", rd_kafka_err2str(groups->groups[0].err));
    CHECK(!strcmp(groups->groups[0].state, "Stable") && !strcmp(groups->groups[0].protocol_type, "consumer"), "%s",
          groups->groups[0].state);
    CHECK(groups->groups[0].broker.id >= 0 && groups->groups[0].broker.port > 0 && *groups->groups[0].broker.host, "coordinator");
    CHECK(groups->groups[0].member_cnt == 1 && !strcmp(groups->groups[0].members[0].client_id, "rdkafka"), "its member");
    CHECK(groups->groups[0].members[0].member_assignment_size > 0 && groups->groups[0].members[0].member_metadata_size > 0,
          "what it was told");
    rd_kafka_group_list_destroy(groups);
    CHECK(!rd_kafka_list_groups(rk, NULL, &groups, PATIENCE) && groups->group_cnt >= 1, "all groups");
    rd_kafka_group_list_destroy(groups);

    CHECK(!rd_kafka_consumer_close(rk), "close");
    CHECK(revoked == 2, "%d revoked", revoked);
    CHECK(!rd_kafka_consumer_poll(rk, 0), "closed");
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    commits_by_itself(argv[1]);
    return 0;
}
