/* The bodies of the functions with a variable number of arguments, which stable Rust can't define. They are hidden: the library
 * exports functions of the public names that jump here (src/variadic.rs). */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "prelude.h"

/* Defined in Rust: an error object from a text that is ready. Hidden here, it is not exported. */
__attribute__((visibility("hidden"))) rd_kafka_error_t *ottla_error_from_text(rd_kafka_resp_err_t code, const char *text);
rd_kafka_error_t *rd_kafka_produceva(rd_kafka_t *rk, const rd_kafka_vu_t *vus, size_t cnt);
rd_kafka_resp_err_t rd_kafka_error_code(const rd_kafka_error_t *error);
void rd_kafka_error_destroy(rd_kafka_error_t *error);

rd_kafka_resp_err_t ottla_producev(rd_kafka_t *rk, ...);
rd_kafka_error_t *ottla_error_new(rd_kafka_resp_err_t code, const char *format, ...);

enum { ON_STACK = 16 };

/* Reads one argument; 0 at the end of the list, -1 if its type is not known: what follows it can't be read then. */
static int next_argument(va_list *arguments, rd_kafka_vu_t *vu) {
    vu->vtype = (rd_kafka_vtype_t)va_arg(*arguments, int);
    switch (vu->vtype) {
    case RD_KAFKA_VTYPE_END:
        return 0;
    case RD_KAFKA_VTYPE_TOPIC:
        vu->u.cstr = va_arg(*arguments, const char *);
        return 1;
    case RD_KAFKA_VTYPE_RKT:
        vu->u.rkt = va_arg(*arguments, rd_kafka_topic_t *);
        return 1;
    case RD_KAFKA_VTYPE_PARTITION:
        vu->u.i32 = va_arg(*arguments, int32_t);
        return 1;
    case RD_KAFKA_VTYPE_VALUE:
    case RD_KAFKA_VTYPE_KEY:
        vu->u.mem.ptr = va_arg(*arguments, void *);
        vu->u.mem.size = va_arg(*arguments, size_t);
        return 1;
    case RD_KAFKA_VTYPE_OPAQUE:
        vu->u.ptr = va_arg(*arguments, void *);
        return 1;
    case RD_KAFKA_VTYPE_MSGFLAGS:
        vu->u.i = va_arg(*arguments, int);
        return 1;
    case RD_KAFKA_VTYPE_TIMESTAMP:
        vu->u.i64 = va_arg(*arguments, int64_t);
        return 1;
    case RD_KAFKA_VTYPE_HEADER:
        vu->u.header.name = va_arg(*arguments, const char *);
        vu->u.header.val = va_arg(*arguments, const void *);
        vu->u.header.size = va_arg(*arguments, ssize_t);
        return 1;
    case RD_KAFKA_VTYPE_HEADERS:
        vu->u.headers = va_arg(*arguments, rd_kafka_headers_t *);
        return 1;
    }
    return -1;
}

rd_kafka_resp_err_t ottla_producev(rd_kafka_t *rk, ...) {
    rd_kafka_vu_t on_stack[ON_STACK];
    rd_kafka_vu_t *vus = on_stack, *on_heap = NULL;
    size_t count = 0, room = ON_STACK;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_t *error;
    va_list arguments;

    va_start(arguments, rk);
    for (;;) {
        int more;
        if (count == room) {
            rd_kafka_vu_t *larger = (rd_kafka_vu_t *)realloc(on_heap, 2 * room * sizeof(*larger));
            size_t i;
            if (!larger) {
                code = RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
                break;
            }
            for (i = 0; !on_heap && i < count; i++)
                larger[i] = on_stack[i];
            vus = on_heap = larger;
            room *= 2;
        }
        more = next_argument(&arguments, &vus[count]);
        if (more < 0)
            code = RD_KAFKA_RESP_ERR__INVALID_ARG;
        if (more <= 0)
            break;
        count++;
    }
    va_end(arguments);

    if (!code && (error = rd_kafka_produceva(rk, vus, count)) != NULL) {
        code = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
    }
    free(on_heap);
    return code;
}

rd_kafka_error_t *ottla_error_new(rd_kafka_resp_err_t code, const char *format, ...) {
    char text[512];
    va_list arguments;

    if (!format)
        return ottla_error_from_text(code, NULL);
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return ottla_error_from_text(code, text);
}
