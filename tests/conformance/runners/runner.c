/* The runner for C: librdkafka's calls as its users write them. README.md tells the protocol. */

#include "json.h"

#include "check.h"

#include <time.h>

static const char *topic;
static const json *scenario;
static rd_kafka_t *producer;

static long long millis(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static json *take(void) {
    static char *line;
    static size_t size;
    const char *at;
    if (getline(&line, &size, stdin) < 0)
        return NULL;
    at = line;
    return json_value(&at);
}

/* Bytes out of hex. */
typedef struct {
    char *bytes; /* null for null */
    size_t len;
} blob;

static blob decoded(const json *value) {
    blob made = {NULL, 0};
    size_t i;
    if (!value || value->type == JSON_NULL)
        return made;
    made.len = strlen(value->text) / 2;
    made.bytes = malloc(made.len + 1);
    for (i = 0; i < made.len; i++) {
        unsigned byte;
        CHECK(sscanf(value->text + 2 * i, "%2x", &byte) == 1, "%s", value->text);
        made.bytes[i] = (char)byte;
    }
    return made;
}

static void put_bytes(const void *bytes, size_t len) {
    size_t i;
    if (!bytes) {
        printf("null");
        return;
    }
    putchar('"');
    for (i = 0; i < len; i++)
        printf("%02x", ((const unsigned char *)bytes)[i]);
    putchar('"');
}

static void put_error(const char *name, const char *says) {
    printf("{\"error\":");
    json_put_text(name);
    printf(",\"says\":");
    json_put_text(says);
    printf("}");
}

/* A client of the scenario's properties for it; null, and the error printed, where it can't be had. */
static rd_kafka_t *client_of(rd_kafka_type_t type, const char *which, rd_kafka_conf_t *conf) {
    const json *property;
    rd_kafka_t *rk;
    char errstr[1024];
    for (property = json_member(scenario, which)->first; property; property = property->next) {
        rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, property->name, property->text, errstr, sizeof(errstr));
        if (result != RD_KAFKA_CONF_OK) {
            put_error(result == RD_KAFKA_CONF_UNKNOWN ? "CONF_UNKNOWN" : "CONF_INVALID", errstr);
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }
    rk = rd_kafka_new(type, conf, errstr, sizeof(errstr));
    if (!rk) {
        put_error(rd_kafka_err2name(rd_kafka_last_error()), errstr);
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

/* What became of a record. */
typedef struct {
    int reported;
    rd_kafka_resp_err_t err;
    int32_t partition;
    int64_t offset;
    char says[1024];
} report;

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    report *told = message->_private;
    (void)rk;
    (void)opaque;
    told->reported++;
    told->err = message->err;
    told->partition = message->partition;
    told->offset = message->offset;
    if (message->err)
        snprintf(told->says, sizeof(told->says), "%s", rd_kafka_message_errstr(message));
}

static void produce(const json *record, report *told) {
    blob key = decoded(json_member(record, "key")), value = decoded(json_member(record, "value"));
    const json *partition = json_member(record, "partition"), *timestamp = json_member(record, "timestamp");
    const json *headers = json_member(record, "headers"), *header;
    rd_kafka_headers_t *made = rd_kafka_headers_new(1);
    for (header = headers ? headers->first : NULL; header; header = header->next) {
        blob with = decoded(header->first->next);
        CHECK(!rd_kafka_header_add(made, header->first->text, -1, with.bytes, (ssize_t)with.len), "a header");
        free(with.bytes);
    }
    {
        rd_kafka_vu_t parts[] = {
            {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
            {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition ? (int32_t)partition->number : RD_KAFKA_PARTITION_UA},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key.bytes, key.len}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {value.bytes, value.len}},
            {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = timestamp ? timestamp->number : 0},
            {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = made},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
            {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = told},
        };
        rd_kafka_error_t *error = rd_kafka_produceva(producer, parts, sizeof(parts) / sizeof(*parts));
        if (error) {
            /* Headers are the library's only where the record was taken. */
            rd_kafka_headers_destroy(made);
            told->reported++;
            told->err = rd_kafka_error_code(error);
            snprintf(told->says, sizeof(told->says), "%s", rd_kafka_error_string(error));
            rd_kafka_error_destroy(error);
        }
    }
    free(key.bytes);
    free(value.bytes);
}

/* Whether there is a producer; else the error is printed. */
static int has_producer(void) {
    rd_kafka_conf_t *conf;
    if (producer)
        return 1;
    conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    producer = client_of(RD_KAFKA_PRODUCER, "producer", conf);
    return producer != NULL;
}

static void send_one(const json *record) {
    report told;
    memset(&told, 0, sizeof(told));
    produce(record, &told);
    CHECK(!rd_kafka_flush(producer, PATIENCE), "flush");
    CHECK(told.reported == 1, "%d reports", told.reported);
    if (told.err)
        put_error(rd_kafka_err2name(told.err), told.says);
    else
        printf("{\"partition\":%d,\"offset\":%lld}", told.partition, (long long)told.offset);
}

/* Sends a record until it is written. */
static void send_again(const json *record) {
    long long late = millis() + PATIENCE;
    report told = {0};
    if (!has_producer())
        return;
    do {
        CHECK(millis() < late, "%s", told.says);
        memset(&told, 0, sizeof(told));
        produce(record, &told);
        CHECK(!rd_kafka_flush(producer, PATIENCE), "flush");
    } while (told.err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
    if (told.err)
        put_error(rd_kafka_err2name(told.err), told.says);
    else
        printf("{\"partition\":%d}", told.partition);
}

static void send_each(const json *records) {
    const json *record;
    if (!has_producer())
        return;
    printf("[");
    for (record = records->first; record; record = record->next) {
        send_one(record);
        printf(record->next ? "," : "");
    }
    printf("]");
}

static void send_together(const json *records) {
    const json *record;
    report *told, *one;
    int count = 0, i;
    if (!has_producer())
        return;
    for (record = records->first; record; record = record->next)
        count++;
    told = calloc((size_t)count, sizeof(*told));
    for (record = records->first, one = told; record; record = record->next)
        produce(record, one++);
    CHECK(!rd_kafka_flush(producer, PATIENCE), "flush");
    for (i = 0; i < count; i++) {
        CHECK(told[i].reported == 1, "%d reports of record %d", told[i].reported, i);
        if (told[i].err) {
            put_error(rd_kafka_err2name(told[i].err), told[i].says);
            break;
        }
    }
    if (i == count)
        printf("{\"delivered\":%d}", count);
    free(told);
}

/* A consumer that subscribes to the topic, or to which its first partition is assigned. */
static rd_kafka_t *consumer(int is_assigned) {
    rd_kafka_topic_partition_list_t *topics;
    rd_kafka_t *rk = client_of(RD_KAFKA_CONSUMER, "consumer", rd_kafka_conf_new());
    if (!rk)
        return NULL;
    CHECK(!rd_kafka_poll_set_consumer(rk), "poll_set_consumer");
    topics = rd_kafka_topic_partition_list_new(1);
    if (is_assigned) {
        rd_kafka_topic_partition_list_add(topics, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
        CHECK(!rd_kafka_assign(rk, topics), "assign");
    } else {
        rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
        CHECK(!rd_kafka_subscribe(rk, topics), "subscribe");
    }
    rd_kafka_topic_partition_list_destroy(topics);
    return rk;
}

static void end(rd_kafka_t *rk) {
    rd_kafka_resp_err_t err = rd_kafka_consumer_close(rk);
    CHECK(!err, "close: %s", rd_kafka_err2str(err));
    rd_kafka_destroy(rk);
}

static int in_order(const void *a, const void *b) {
    const rd_kafka_message_t *one = *(rd_kafka_message_t *const *)a, *other = *(rd_kafka_message_t *const *)b;
    if (one->partition != other->partition)
        return one->partition < other->partition ? -1 : 1;
    return one->offset < other->offset ? -1 : one->offset > other->offset;
}

static void put_record(const rd_kafka_message_t *message) {
    rd_kafka_headers_t *headers;
    size_t i;
    printf("{\"at\":[%d,%lld],\"key\":", message->partition, (long long)message->offset);
    put_bytes(message->key, message->key_len);
    printf(",\"value\":");
    put_bytes(message->payload, message->len);
    printf(",\"headers\":[");
    if (!rd_kafka_message_headers(message, &headers)) {
        for (i = 0; i < rd_kafka_header_cnt(headers); i++) {
            const char *name;
            const void *value;
            size_t len;
            CHECK(!rd_kafka_header_get_all(headers, i, &name, &value, &len), "header %d", (int)i);
            printf(i ? ",[" : "[");
            json_put_text(name);
            putchar(',');
            put_bytes(value, len);
            putchar(']');
        }
    }
    printf("],\"timestamp\":%lld}", (long long)rd_kafka_message_timestamp(message, NULL));
}

static void read_records(int count, int is_assigned) {
    rd_kafka_message_t **got = calloc((size_t)count + 1, sizeof(*got));
    rd_kafka_t *rk = consumer(is_assigned);
    long long late = millis() + PATIENCE;
    int i, have = 0;
    if (!rk) {
        free(got);
        return;
    }
    while (have < count) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 1000);
        CHECK(millis() < late, "%d of %d records in time", have, count);
        if (message && message->err) {
            put_error(rd_kafka_err2name(message->err), rd_kafka_message_errstr(message));
            rd_kafka_message_destroy(message);
            break;
        }
        if (message)
            got[have++] = message;
    }
    end(rk);
    qsort(got, (size_t)have, sizeof(*got), in_order);
    if (have == count)
        printf("[");
    for (i = 0; i < have; i++) {
        if (have == count) {
            put_record(got[i]);
            printf(i + 1 < have ? "," : "");
        }
        rd_kafka_message_destroy(got[i]);
    }
    if (have == count)
        printf("]");
    free(got);
}

/* A member of a group, and the values that it got, in hex. */
typedef struct {
    rd_kafka_t *rk;
    int got;
    char values[16][64];
} member;

static int assigned(const member *one) {
    rd_kafka_topic_partition_list_t *list = NULL;
    int count;
    CHECK(!rd_kafka_assignment(one->rk, &list), "assignment");
    count = list->cnt;
    rd_kafka_topic_partition_list_destroy(list);
    return count;
}

static void poll_one(member *one) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(one->rk, 20);
    size_t i;
    if (!message)
        return;
    CHECK(!message->err, "%s", rd_kafka_message_errstr(message));
    CHECK(one->got < 16 && message->len < 32, "more than was sent");
    for (i = 0; i < message->len; i++)
        sprintf(one->values[one->got] + 2 * i, "%02x", ((const unsigned char *)message->payload)[i]);
    one->got++;
    rd_kafka_message_destroy(message);
}

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

static void put_values(member *one) {
    int i;
    qsort(one->values, (size_t)one->got, sizeof(one->values[0]), by_text);
    printf("[");
    for (i = 0; i < one->got; i++)
        printf("%s\"%s\"", i ? "," : "", one->values[i]);
    printf("]");
}

static void send_all(const json *records) {
    const json *record;
    CHECK(has_producer(), "a producer");
    for (record = records->first; record; record = record->next) {
        report told;
        memset(&told, 0, sizeof(told));
        produce(record, &told);
        CHECK(!rd_kafka_flush(producer, PATIENCE) && !told.err, "%s", told.says);
    }
}

static int length(const json *list) {
    const json *one;
    int count = 0;
    for (one = list->first; one; one = one->next)
        count++;
    return count;
}

static void members(const json *plan) {
    const json *while_both = json_member(plan, "while_both"), *when_one_left = json_member(plan, "when_one_left");
    static member first, second;
    long long late = millis() + PATIENCE;
    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    first.rk = consumer(0);
    second.rk = consumer(0);
    CHECK(first.rk && second.rk, "two members");
    while (assigned(&first) != 1 || assigned(&second) != 1) {
        CHECK(millis() < late, "%d and %d partitions", assigned(&first), assigned(&second));
        poll_one(&first);
        poll_one(&second);
    }
    send_all(while_both);
    while (first.got + second.got < length(while_both)) {
        CHECK(millis() < late, "%d and %d records", first.got, second.got);
        poll_one(&first);
        poll_one(&second);
    }
    printf("{\"shares\":[");
    put_values(strcmp(first.values[0], second.values[0]) < 0 ? &first : &second);
    printf(",");
    put_values(strcmp(first.values[0], second.values[0]) < 0 ? &second : &first);
    end(first.rk);
    second.got = 0;
    while (assigned(&second) != 2) {
        CHECK(millis() < late, "%d partitions", assigned(&second));
        poll_one(&second);
    }
    send_all(when_one_left);
    while (second.got < length(when_one_left)) {
        CHECK(millis() < late, "%d records", second.got);
        poll_one(&second);
    }
    printf("],\"left_to_one\":");
    put_values(&second);
    printf("}");
    end(second.rk);
}

/* Has the driver do something to the brokers. */
static void ask(const char *what) {
    json *answer;
    printf("{\"ask\":");
    json_put_text(what);
    printf("}\n");
    fflush(stdout);
    answer = take();
    CHECK(answer, "an answer");
    json_free(answer);
}

static void run(const json *step) {
    if (!strcmp(step->name, "ask")) {
        ask(step->text);
        return;
    }
    printf("{\"outcome\":");
    if (!strcmp(step->name, "send"))
        send_each(step);
    else if (!strcmp(step->name, "send_again"))
        send_again(step);
    else if (!strcmp(step->name, "send_together"))
        send_together(step);
    else if (!strcmp(step->name, "read"))
        read_records((int)step->number, 0);
    else if (!strcmp(step->name, "read_assigned"))
        read_records((int)step->number, 1);
    else if (!strcmp(step->name, "members"))
        members(step);
    else
        CHECK(0, "there is no step %s", step->name);
    printf("}\n");
    fflush(stdout);
}

int main(void) {
    json *line;
    for (; (line = take()); json_free(line)) {
        const json *step;
        scenario = line;
        topic = json_member(line, "topic")->text;
        for (step = json_member(line, "steps")->first; step; step = step->next)
            run(step->first);
        if (producer) {
            CHECK(!rd_kafka_flush(producer, PATIENCE), "flush");
            rd_kafka_destroy(producer);
            producer = NULL;
        }
    }
    return 0;
}
