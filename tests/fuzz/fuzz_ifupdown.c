/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * interfaces(5) of any bytes: the first line is the uplink's name, the rest the file, without '\0'. */
#include "bridge/persist_interfaces.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mark[] = "#virt-tap# ";

/* Edits the file for a bridge br0; returns what comes out, to be freed. refused: it is used for nothing. */
static char *edit(const char *text, const char *uplink, bool *changed, bool *refused)
{
    struct persist_plan plan = {.bridge = "br0"};
    struct persist_taken taken = {.plan = &plan};
    char *result = NULL, *options = NULL, *inet6 = NULL, *network = NULL;
    size_t size, options_size, inet6_size, network_size;
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r"), *out = open_memstream(&result, &size);

    strcpy(plan.uplink, uplink);
    taken.options = open_memstream(&options, &options_size);
    taken.inet6 = open_memstream(&inet6, &inet6_size);
    taken.network = open_memstream(&network, &network_size);
    hold(in && out && taken.options && taken.inet6 && taken.network);
    *changed = persist_edit_interfaces(in, out, &taken);
    *refused = taken.why.text[0] != '\0';
    fclose(in);
    hold(fclose(out) == 0 && fclose(taken.options) == 0 && fclose(taken.inet6) == 0);
    hold(fclose(taken.network) == 0);
    free(options);
    free(inet6);
    free(network);
    return result;
}

static size_t line_length(const char *line)
{
    const char *newline = strchr(line, '\n');

    return newline ? (size_t)(newline - line) : strlen(line);
}

static bool is_line(const char *line, const char *text, size_t length)
{
    return line_length(line) == length && strncmp(line, text, length) == 0;
}

/* Each line is still there, in order, as it was or with the mark in front: also one that has the mark, where
 * the line before continues on it. */
static void hold_lines(const char *before, const char *after)
{
    while (*before) {
        const size_t length = line_length(before);
        const bool marked = strncmp(after, mark, strlen(mark)) == 0;
        hold(*after);
        if (is_line(after, before, length) || (marked && is_line(after + strlen(mark), before, length)))
            before += length + (before[length] == '\n');
        after += line_length(after);
        after += *after == '\n';
    }
}

static void check(const char *text, const char *uplink)
{
    bool changed, again, refused, refused_again;
    char *after = edit(text, uplink, &changed, &refused);
    char *twice = edit(after, uplink, &again, &refused_again);

    hold_lines(text, after);
    hold(changed || strcmp(text, after) == 0);
    hold(refused || (!again && strcmp(after, twice) == 0)); /* nothing is left to be done */
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
        const bool is_name = *text && strlen(text) < IFNAMSIZ && !strpbrk(text, " \t\v\f\r#:");
        if (newline[1]) /* fmemopen() makes no empty file */
            check(newline + 1, is_name ? text : "eth0");
    }
    free(text);
    return 0;
}
