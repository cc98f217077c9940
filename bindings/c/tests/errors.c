/* What a library, which is loaded, says of each error code: for the comparison of two of them. */

#include <librdkafka/rdkafka.h>

#include "find.h"

int main(int argc, char **argv) {
    void (*descriptions)(const struct rd_kafka_err_desc **, size_t *);
    const char *(*name_of)(rd_kafka_resp_err_t), *(*text_of)(rd_kafka_resp_err_t);
    const struct rd_kafka_err_desc *all;
    void *library;
    size_t count, i;
    int code, last = 0;

    if (argc != 2 || !(library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL)))
        return 2;
    *(void **)&descriptions = find(library, "rd_kafka_get_err_descs");
    *(void **)&name_of = find(library, "rd_kafka_err2name");
    *(void **)&text_of = find(library, "rd_kafka_err2str");
    descriptions(&all, &count);
    /* librdkafka's own has empty places between them. */
    for (i = 0; i < count; i++) {
        if (!all[i].desc)
            continue;
        printf("described %d %s %s\n", (int)all[i].code, all[i].name, all[i].desc);
        if ((int)all[i].code > last)
            last = (int)all[i].code;
    }
    /* The end of our header is where the library's codes end. */
    printf("the last one %s the end\n", last + 1 == RD_KAFKA_RESP_ERR_END_ALL ? "is before" : "is not before");
    for (code = -210; code <= 210; code++)
        printf("%d %s %s\n", code, name_of((rd_kafka_resp_err_t)code), text_of((rd_kafka_resp_err_t)code));
    return 0;
}
