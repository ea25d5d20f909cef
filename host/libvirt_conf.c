/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "libvirt_conf.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define BLANKS " \t"
#define ENDS "\r\n" /* of a line */

enum {
    DEPTH_MAX = 16 /* of lists in lists; libvirt has no limit, but also no setting that contains such lists */
};

struct reader {
    const char *at;
    unsigned int line;
};

/* A value: a string, or else the start is NULL. */
struct string {
    const char *start;
    size_t length;
};

static void skip(struct reader *in, const char *characters)
{
    for (; *in->at && strchr(characters, *in->at); in->at++)
        in->line += *in->at == '\n';
}

static void skip_line(struct reader *in)
{
    in->at += strcspn(in->at, ENDS);
}

static bool take(struct reader *in, char wanted)
{
    if (*in->at != wanted)
        return false;
    in->at++;
    return true;
}

/* In single or double quotes on one line, or in three double ones over several lines. */
static bool read_string(struct reader *in, struct string *out)
{
    static const char triple[] = "\"\"\"";
    const char quote[] = {*in->at, ENDS[0], ENDS[1], '\0'};

    if (strncmp(in->at, triple, 3) == 0 && strlen(in->at) > 6) {
        const char *end = strstr(in->at + 3, triple);
        if (!end)
            return false;
        *out = (struct string){in->at + 3, (size_t)(end - in->at - 3)};
        for (; in->at < end + 3; in->at++)
            in->line += *in->at == '\n';
        return true;
    }
    *out = (struct string){in->at + 1, strcspn(in->at + 1, quote)};
    in->at += 1 + out->length;
    return take(in, *quote);
}

static bool read_number(struct reader *in)
{
    in->at += *in->at == '-' || *in->at == '+';
    if (!isdigit((unsigned char)*in->at))
        return false;
    in->at += strspn(in->at, "0123456789");
    return true;
}

static bool read_value(struct reader *in, struct string *out, int depth);

/* A comma may also follow the last value. */
static bool read_list(struct reader *in, int depth)
{
    struct string ignored;

    take(in, '[');
    skip(in, BLANKS ENDS);
    while (*in->at != ']') {
        if (depth >= DEPTH_MAX || !read_value(in, &ignored, depth + 1))
            return false;
        skip(in, BLANKS ENDS);
        if (!take(in, ',') && *in->at != ']')
            return false;
        skip(in, BLANKS ENDS);
    }
    return take(in, ']');
}

static bool read_value(struct reader *in, struct string *out, int depth)
{
    *out = (struct string){NULL, 0};
    skip(in, BLANKS);
    if (*in->at == '"' || *in->at == '\'')
        return read_string(in, out);
    if (*in->at == '[')
        return read_list(in, depth);
    return read_number(in);
}

/* NAME = VALUE, and perhaps a comment. */
static bool read_setting(struct reader *in, struct string *name, struct string *value)
{
    *name = (struct string){in->at, 0};
    if (!isalpha((unsigned char)*in->at))
        return false;
    while (isalnum((unsigned char)name->start[name->length]) || name->start[name->length] == '_')
        name->length++;
    in->at += name->length;
    skip(in, BLANKS);
    if (!take(in, '=') || !read_value(in, value, 0))
        return false;
    skip(in, BLANKS);
    if (*in->at == '#')
        skip_line(in);
    return true;
}

static enum conf_result copy(const struct string *value, char *out, size_t size)
{
    if (!value->start || value->length >= size)
        return CONF_OTHER;
    memcpy(out, value->start, value->length);
    out[value->length] = '\0';
    return CONF_STRING;
}

enum conf_result libvirt_conf_read(const char *text, const char *name, char *out, size_t size,
                                   unsigned int *line)
{
    enum conf_result result = CONF_NONE;
    struct reader in = {text, 1};

    while (*in.at) {
        struct string found = {NULL, 0}, value;
        skip(&in, BLANKS ENDS);
        *line = in.line;
        if (*in.at == '#')
            skip_line(&in);
        else if (!read_setting(&in, &found, &value))
            return CONF_BROKEN;
        if (result == CONF_NONE && found.start && found.length == strlen(name) &&
            strncmp(found.start, name, found.length) == 0)
            result = copy(&value, out, size);
        skip(&in, BLANKS);
        if (!take(&in, ';') && *in.at && !strchr(ENDS, *in.at))
            return CONF_BROKEN;
        skip(&in, BLANKS ENDS);
    }
    return result;
}
