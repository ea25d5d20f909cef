/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The record of virt-tap setup. */
#include "base/cleanup.h"
#include "base/complain.h"
#include "base/error.h"
#include "base/file.h"
#include "base/printable.h"
#include "policy/rootfile.h"
#include "setup.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_PATH "/etc/virt-tap/setup"
#define FIRST_LINE "virt-tap-setup 1"

static bool no_more(const char *rest)
{
    return *rest == '\0';
}

/* GROUP USER */
static bool is_membership(const char *rest)
{
    const size_t group = strspn(rest, SETUP_NAME_LETTERS);

    return group > 0 && *rest != '-' && rest[group] == ' ' && setup_user_is_plain(rest + group + 1);
}

/* allow BRIDGE user=NAME */
static bool is_rule(const char *rest)
{
    char bridge[IFNAMSIZ], user[256];
    int end = 0;

    return sscanf(rest, "allow %15s user=%255s%n", bridge, user, &end) == 2 && rest[end] == '\0' &&
           setup_bridge_is_plain(bridge) && setup_user_is_plain(user);
}

static bool is_file(const char *rest)
{
    const char *file = setup_find_file(rest);

    return file && strcmp(file, rest) == 0;
}

static bool is_text(const char *rest)
{
    return *rest && printable_is(rest);
}

/* The words that begin a line, and what may follow; setup_undo.c says what they mean. */
static const struct {
    const char *word; /* with the blank behind it, if something follows */
    bool (*valid)(const char *rest);
} kinds[] = {
    {"bridge ", setup_bridge_is_plain},
    {"persist ", setup_bridge_is_plain},
    {"policy-file", no_more},
    {"policy ", is_rule},
    {"group ", is_membership},
    {"session ", setup_user_is_plain},
    {"file ", is_file},
    {"hooks", no_more},
    {"broker", no_more},
    {"packages ", is_text},
    {"other ", is_text},
};

static bool is_valid(const char *line)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const size_t length = strlen(kinds[i].word);
        if (strncmp(line, kinds[i].word, length) == 0 && kinds[i].valid(line + length))
            return true;
    }
    return false;
}

void record_free(struct record *record)
{
    for (size_t i = 0; i < record->count; i++)
        free(record->lines[i]);
    free(record->lines);
    *record = (struct record){.count = 0};
}

static int push(struct record *record, const char *line)
{
    char **lines = reallocarray(record->lines, record->count + 1, sizeof(*lines));

    if (!lines)
        return -1;
    record->lines = lines;
    lines[record->count] = strdup(line);
    if (!lines[record->count])
        return -1;
    record->count++;
    return 0;
}

static int refuse(const char *name, unsigned long number)
{
    return complain(1, name,
                    "nothing was changed: " RECORD_PATH
                    ", the record of what setup did, is damaged in line %lu; "
                    "correct it, or move it away and take back by hand what it lists",
                    number);
}

/* text is cut into lines. */
static int parse(struct record *out, const char *name, char *text, size_t size)
{
    char *rest = text;
    unsigned long number = 0;

    if (strlen(text) != size || (size && text[size - 1] != '\n'))
        return refuse(name, 1);
    for (char *line; (line = strsep(&rest, "\n")) && rest;) {
        number++;
        if (number == 1 ? strcmp(line, FIRST_LINE) != 0 : !is_valid(line))
            return refuse(name, number);
        if (number > 1 && push(out, line) < 0)
            return complain(1, name, "no memory");
    }
    return number ? 0 : refuse(name, 1);
}

int record_read(struct record *out, const char *name)
{
    struct policy_text text = {.bytes = NULL};
    struct rootfile rootfile;
    struct error why = {0};

    *out = (struct record){.count = 0};
    rootfile_begin(&rootfile, ROOTFILE_NO_LINKS);
    const int err = rootfile_read(&rootfile, RECORD_PATH, 1 << 20, &text, &why);
    if (err == -ENOENT)
        return 0;
    if (err || !text.bytes)
        return complain(1, name, "nothing was changed: %s", err ? why.text : RECORD_PATH " is a folder");
    _cleanup_free_ char *copy = strndup(text.bytes, text.size);
    const int status = copy ? parse(out, name, copy, text.size) : complain(1, name, "no memory");
    free(text.bytes);
    return status;
}

static int write_lines(const struct record *record, struct error *why)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return error_set(why, "no memory");
    fputs(FIRST_LINE "\n", out);
    for (size_t i = 0; i < record->count; i++)
        fprintf(out, "%s\n", record->lines[i]);
    if (fclose(out) != 0)
        return error_set(why, "no memory");
    return file_configure(RECORD_PATH, text, 0600, why);
}

int record_save(const struct record *record, const char *name)
{
    struct error why = {0};

    if (record->count == 0 && unlink(RECORD_PATH) < 0 && errno != ENOENT)
        return complain(1, name, "cannot remove " RECORD_PATH ", the record: %s", strerror(errno));
    if (record->count == 0 || write_lines(record, &why) == 0)
        return 0;
    return complain(1, name, "cannot write " RECORD_PATH ", the record of what setup does: %s", why.text);
}

int record_add(struct record *record, const char *name, const char *line)
{
    for (size_t i = 0; i < record->count; i++)
        if (strcmp(record->lines[i], line) == 0)
            return 0;
    if (!is_valid(line))
        return complain(1, name, "this cannot be recorded, and is not done: %s", line);
    if (push(record, line) < 0)
        return complain(1, name, "no memory");
    return record_save(record, name);
}

void record_remove(struct record *record, size_t index)
{
    struct error why = {0};

    free(record->lines[index]);
    record->count--;
    memmove(record->lines + index, record->lines + index + 1,
            (record->count - index) * sizeof(*record->lines));
    if (record->count > 0)
        write_lines(record, &why);
}
