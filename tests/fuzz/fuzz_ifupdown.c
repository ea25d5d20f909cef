/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * interfaces(5) of any bytes: the first line is the uplink's name, the rest the file, without '\0'. */
#include "bridge/persist.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mark[] = "#virt-tap# ";

/* Comments out; returns what comes out, to be freed. */
static char *comment_out(const char *text, const char *uplink, bool *changed)
{
    char *result = NULL;
    size_t size;
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r"), *out = open_memstream(&result, &size);

    hold(in && out);
    *changed = persist_comment_out(in, out, uplink);
    fclose(in);
    hold(fclose(out) == 0);
    return result;
}

static const char *line_end(const char *line)
{
    const char *newline = strchr(line, '\n');

    return newline ? newline + 1 : line + strlen(line);
}

/* The word of this number in the line, without what is between words. */
static bool word_is(const char *line, int number, const char *expected)
{
    static const char blanks[] = " \t\v\f\r";

    line += strspn(line, blanks);
    for (; number > 0; number--) {
        line += strcspn(line, " \t\v\f\r\n");
        line += strspn(line, blanks);
    }
    return strncmp(line, expected, strlen(expected)) == 0 && strchr(" \t\v\f\r\n", line[strlen(expected)]);
}

/* Each line is as it was, or has the mark in front: taking the marks away gives back the bytes. Nothing is
 * left that configures the uplink, and no comment or empty line is marked. */
static void hold_restores(const char *before, const char *after, const char *uplink, bool changed)
{
    bool marked = false;

    while (*before) {
        const size_t length = (size_t)(line_end(before) - before);
        const bool same = strncmp(before, after, length) == 0;
        const bool with_mark = !same && strncmp(after, mark, strlen(mark)) == 0;
        hold(same || with_mark);
        if (with_mark) {
            after += strlen(mark);
            hold(strncmp(before, after, length) == 0);
            hold(before[strspn(before, " \t\v\f\r")] != '#' && strspn(before, " \t\v\f\r\n") < length);
        } else {
            hold(!word_is(before, 0, "iface") || !word_is(before, 1, uplink));
            hold(!word_is(before, 0, "auto") || !word_is(before, 1, uplink) || !word_is(before, 2, ""));
        }
        marked = marked || with_mark;
        before += length;
        after += length;
    }
    hold(!*after);
    hold(marked == changed);
}

static void check(const char *text, const char *uplink)
{
    bool changed, again;
    char *after = comment_out(text, uplink, &changed);
    char *twice = comment_out(after, uplink, &again);

    hold_restores(text, after, uplink, changed);
    hold(changed || strcmp(text, after) == 0);
    hold(!again && strcmp(after, twice) == 0);
    hold(!changed || strstr(text, uplink));
    free(twice);
    free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size), *newline;

    hold(text != NULL);
    if (strlen(text) == size && (newline = strchr(text, '\n')) != NULL) {
        *newline = '\0';
        const bool is_name = *text && strlen(text) < IFNAMSIZ && !strpbrk(text, " \t\v\f\r#");
        if (newline[1]) /* fmemopen() makes no empty file */
            check(newline + 1, is_name ? text : "eth0");
    }
    free(text);
    return 0;
}
