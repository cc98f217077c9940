/* As much of JSON as the runner's protocol has: reading a line into a tree, finding members, printing text. */
#ifndef JSON_H
#define JSON_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_OBJECT } json_type;

/* A value: an array's items and an object's members are a list of their own. */
typedef struct json {
    json_type type;
    long long number; /* of a number; of a bool 0 or 1 */
    char *text;       /* of a text */
    char *name;       /* of a member of an object */
    struct json *first, *next;
} json;

static inline void json_broken(const char *at) {
    fprintf(stderr, "no JSON that this runner reads: %.80s\n", at);
    exit(1);
}

static inline const char *json_space(const char *at) {
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

static inline char *json_text(const char **from) {
    const char *at = *from + 1;
    char *text = malloc(strlen(at) + 1), *to = text;
    while (*at && *at != '"') {
        if (*at == '\\') {
            at++;
            if (*at == 'n')
                *to++ = '\n';
            else if (*at == '"' || *at == '\\' || *at == '/')
                *to++ = *at;
            else
                json_broken(at);
            at++;
        } else {
            *to++ = *at++;
        }
    }
    if (!*at)
        json_broken(*from);
    *to = 0;
    *from = at + 1;
    return text;
}

static inline json *json_value(const char **from);

static inline void json_list(json *list, const char **from, char end) {
    json **place = &list->first;
    const char *at = json_space(*from + 1);
    while (*at != end) {
        char *name = NULL;
        if (end == '}') {
            if (*at != '"')
                json_broken(at);
            name = json_text(&at);
            at = json_space(at);
            if (*at++ != ':')
                json_broken(at);
        }
        *place = json_value(&at);
        (*place)->name = name;
        place = &(*place)->next;
        at = json_space(at);
        if (*at == ',')
            at = json_space(at + 1);
        else if (*at != end)
            json_broken(at);
    }
    *from = at + 1;
}

static inline json *json_value(const char **from) {
    json *value = calloc(1, sizeof(*value));
    const char *at = *from = json_space(*from);
    if (*at == '"') {
        value->type = JSON_TEXT;
        value->text = json_text(from);
    } else if (*at == '[' || *at == '{') {
        value->type = *at == '[' ? JSON_ARRAY : JSON_OBJECT;
        json_list(value, from, *at == '[' ? ']' : '}');
    } else if (!strncmp(at, "null", 4)) {
        *from = at + 4;
    } else if (!strncmp(at, "true", 4) || !strncmp(at, "false", 5)) {
        value->type = JSON_BOOL;
        value->number = *at == 't';
        *from = at + (*at == 't' ? 4 : 5);
    } else {
        char *end;
        value->type = JSON_NUMBER;
        value->number = strtoll(at, &end, 10);
        if (end == at)
            json_broken(at);
        *from = end;
    }
    return value;
}

/* A member by its name; null if there is none. */
static inline const json *json_member(const json *object, const char *name) {
    const json *one = object ? object->first : NULL;
    while (one && strcmp(one->name, name))
        one = one->next;
    return one;
}

static inline void json_free(json *value) {
    json *one = value ? value->first : NULL;
    while (one) {
        json *next = one->next;
        json_free(one);
        one = next;
    }
    if (value) {
        free(value->text);
        free(value->name);
        free(value);
    }
}

static inline void json_put_text(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            printf("\\u%04x", *text);
        else
            putchar(*text);
    }
    putchar('"');
}

#endif
