/* The groups' benchmarks over librdkafka: how soon a new group has its first record, and how long a group of many members (a handle
 * and a polling thread each) takes until each has its part of the partitions, as its rebalance callback is told. Prints one JSON
 * object with what each run took, in ms.
 *
 *   bench_groups first --bootstrap-servers B --topic T --runs N
 *   bench_groups rebalance --bootstrap-servers B --topic T --runs N --members 100 --partitions 1000 --strategy range
 *                          --heartbeat-ms 200
 */
#include <pthread.h>
#include <rdkafka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST_MEMBERS 1000
#define WITHIN_S 60

struct options {
        const char *mode, *bootstrap_servers, *topic, *strategy, *heartbeat_ms;
        int runs, members, partitions;
};

struct member {
        int number, look_ms;
        rd_kafka_t *rk;
        pthread_t thread;
        atomic_int leave;
        double left_at;
};

static struct options o = {.strategy = "range", .heartbeat_ms = "3000", .runs = 10, .members = 100, .partitions = 1000};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
/* How many partitions each member has, as its application was told. */
static int counts[MOST_MEMBERS];

static double now_ms(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *what, const char *why) {
        fprintf(stderr, "%s: %s\n", what, why);
        exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
        char error[512];
        if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK) die(name, error);
}

static rd_kafka_conf_t *configuration(int run) {
        char group[64];
        snprintf(group, sizeof(group), "bench-%d-%d", (int)getpid(), run);
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        set(conf, "bootstrap.servers", o.bootstrap_servers);
        set(conf, "group.id", group);
        set(conf, "auto.offset.reset", "earliest");
        return conf;
}

static rd_kafka_t *consumer(rd_kafka_conf_t *conf) {
        char error[512];
        rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
        if (!rk) die("rd_kafka_new", error);
        rd_kafka_poll_set_consumer(rk);
        rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(topics, o.topic, RD_KAFKA_PARTITION_UA);
        rd_kafka_resp_err_t failed = rd_kafka_subscribe(rk, topics);
        if (failed) die("rd_kafka_subscribe", rd_kafka_err2str(failed));
        rd_kafka_topic_partition_list_destroy(topics);
        return rk;
}

static void close_consumer(rd_kafka_t *rk) {
        rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
}

/* From before the handle is made until the consumer, the first of a new group, hands out a record. */
static void first(double *took) {
        for (int run = 0; run < o.runs; run++) {
                double begin = now_ms();
                rd_kafka_t *rk = consumer(configuration(run));
                for (;;) {
                        if (now_ms() - begin > WITHIN_S * 1e3) die("first", "no record came");
                        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);
                        if (!message) continue;
                        int is_record = !message->err;
                        took[run] = now_ms() - begin;
                        rd_kafka_message_destroy(message);
                        if (is_record) break;
                }
                close_consumer(rk);
        }
}

static void change(int member, int by) {
        pthread_mutex_lock(&lock);
        counts[member] += by;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *partitions, void *opaque) {
        struct member *member = opaque;
        int assigned = what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        rd_kafka_error_t *error = NULL;
        rd_kafka_resp_err_t failed = RD_KAFKA_RESP_ERR_NO_ERROR;
        if (!strcmp(rd_kafka_rebalance_protocol(rk), "COOPERATIVE"))
                error = assigned ? rd_kafka_incremental_assign(rk, partitions) : rd_kafka_incremental_unassign(rk, partitions);
        else
                failed = rd_kafka_assign(rk, assigned ? partitions : NULL);
        if (error) die("rebalance", rd_kafka_error_string(error));
        if (failed) die("rebalance", rd_kafka_err2str(failed));
        change(member->number, assigned ? partitions->cnt : -partitions->cnt);
}

static void *run_member(void *argument) {
        struct member *member = argument;
        while (!atomic_load(&member->leave)) {
                rd_kafka_message_t *message = rd_kafka_consumer_poll(member->rk, member->look_ms);
                if (message) rd_kafka_message_destroy(message);
        }
        member->left_at = now_ms();
        close_consumer(member->rk);
        return NULL;
}

static struct member *start(int number) {
        struct member *member = calloc(1, sizeof(*member));
        if (!member) die("calloc", "out of memory");
        member->number = number;
        /* The last one comes and goes, so it looks often whether it is to go. */
        member->look_ms = number + 1 == o.members ? 2 : 200;
        rd_kafka_conf_t *conf = configuration(0);
        set(conf, "partition.assignment.strategy", o.strategy);
        set(conf, "heartbeat.interval.ms", o.heartbeat_ms);
        rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
        rd_kafka_conf_set_opaque(conf, member);
        member->rk = consumer(conf);
        if (pthread_create(&member->thread, NULL, run_member, member)) die("pthread_create", "failed");
        return member;
}

/* Waits until the first so many members share all partitions as evenly as can be; answers with when that was. */
static double wait_for(int members) {
        struct timespec limit;
        clock_gettime(CLOCK_REALTIME, &limit);
        limit.tv_sec += WITHIN_S;
        int least = o.partitions / members, most = (o.partitions + members - 1) / members;
        pthread_mutex_lock(&lock);
        for (;;) {
                int sum = 0, even = 1;
                for (int i = 0; i < members; i++) {
                        sum += counts[i];
                        even = even && (counts[i] == least || counts[i] == most);
                }
                if (even && sum == o.partitions) break;
                if (pthread_cond_timedwait(&changed, &lock, &limit)) die("rebalance", "the members do not come to share the partitions");
        }
        pthread_mutex_unlock(&lock);
        return now_ms();
}

static void print(const char *name, const double *took, int count) {
        printf(",\"%s\":[", name);
        for (int i = 0; i < count; i++) printf("%s%.3f", i ? "," : "", took[i]);
        printf("]");
}

/* All members but one come; then, again and again, the last one comes and goes. */
static void rebalance(double *join, double *leave, double *form) {
        int last = o.members - 1;
        struct member *members[MOST_MEMBERS];
        double begin = now_ms();
        for (int i = 0; i < last; i++) members[i] = start(i);
        *form = wait_for(last) - begin;
        for (int run = 0; run < o.runs; run++) {
                begin = now_ms();
                struct member *member = start(last);
                join[run] = wait_for(o.members) - begin;
                atomic_store(&member->leave, 1);
                double settled = wait_for(last);
                pthread_join(member->thread, NULL);
                leave[run] = settled - member->left_at;
                free(member);
                pthread_mutex_lock(&lock);
                counts[last] = 0;
                pthread_mutex_unlock(&lock);
        }
        for (int i = 0; i < last; i++) atomic_store(&members[i]->leave, 1);
        for (int i = 0; i < last; i++) {
                pthread_join(members[i]->thread, NULL);
                free(members[i]);
        }
}

int main(int argc, char **argv) {
        if (argc < 2 || (strcmp(argv[1], "first") && strcmp(argv[1], "rebalance")))
                die("usage", "bench_groups first|rebalance --bootstrap-servers B --topic T --runs N ...");
        o.mode = argv[1];
        for (int i = 2; i + 1 < argc; i += 2) {
                const char *name = argv[i], *value = argv[i + 1];
                if (!strcmp(name, "--bootstrap-servers")) o.bootstrap_servers = value;
                else if (!strcmp(name, "--topic")) o.topic = value;
                else if (!strcmp(name, "--runs")) o.runs = atoi(value);
                else if (!strcmp(name, "--members")) o.members = atoi(value);
                else if (!strcmp(name, "--partitions")) o.partitions = atoi(value);
                else if (!strcmp(name, "--strategy")) o.strategy = value;
                else if (!strcmp(name, "--heartbeat-ms")) o.heartbeat_ms = value;
                else die("unknown option", name);
        }
        if (!o.bootstrap_servers || !o.topic || o.runs < 1 || o.members < 2 || o.members > MOST_MEMBERS)
                die("usage", "--bootstrap-servers, --topic, --runs from 1, --members from 2 to 1000");
        double *took = calloc((size_t)o.runs, sizeof(*took)), *leave = calloc((size_t)o.runs, sizeof(*leave)), form = 0;
        if (!took || !leave) die("calloc", "out of memory");
        if (!strcmp(o.mode, "first")) first(took);
        else rebalance(took, leave, &form);
        printf("{\"client\":\"librdkafka\",\"version\":\"%s\"", rd_kafka_version_str());
        if (!strcmp(o.mode, "first")) {
                print("first_ms", took, o.runs);
        } else {
                print("form_ms", &form, 1);
                print("join_ms", took, o.runs);
                print("leave_ms", leave, o.runs);
        }
        printf("}\n");
        return 0;
}
