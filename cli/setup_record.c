/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The record of virt-tap setup, and --undo: it takes back what the record says, the last first, and nothing
 * else. */
#include "base/cleanup.h"
#include "base/complain.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "policy/rootfile.h"
#include "setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_PATH "/etc/virt-tap/setup"
#define FIRST_LINE "virt-tap-setup 1"

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
    const char *behind;
    unsigned long number = 0;

    if (strlen(text) != size || (size && text[size - 1] != '\n'))
        return refuse(name, 1);
    for (char *line; (line = strsep(&rest, "\n")) && rest;) {
        number++;
        if (number == 1 ? strcmp(line, FIRST_LINE) != 0 : !record_kind(line, &behind))
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

/* Writes the file, or removes it if there is no line. Returns 0, or 1 after reporting why not. */
static int save(const struct record *record, const char *name)
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
    const char *rest;

    for (size_t i = 0; i < record->count; i++)
        if (strcmp(record->lines[i], line) == 0)
            return 0;
    if (!record_kind(line, &rest))
        return complain(1, name, "this cannot be recorded, and is not done: %s", line);
    if (push(record, line) < 0)
        return complain(1, name, "no memory");
    return save(record, name);
}

/* Removes a line, and writes the file if it can: if it cannot, the same is taken back once more later, which
 * does no harm. */
static void forget(struct record *record, size_t index)
{
    struct error why = {0};

    free(record->lines[index]);
    record->count--;
    memmove(record->lines + index, record->lines + index + 1,
            (record->count - index) * sizeof(*record->lines));
    if (record->count > 0)
        write_lines(record, &why);
}

static void show(const struct record *record)
{
    const char *rest = "";

    puts("what setup did, and is taken back now, from the last to the first:");
    for (size_t i = record->count; i-- > 0;) {
        const struct record_kind *kind = record_kind(record->lines[i], &rest);
        printf("%3zu. %s%s%s\n", record->count - i, kind->means, text_if(*rest, ": "), rest);
    }
}

/* Goes on after a failure: the steps do not depend on each other. */
static int take_back(const char *name, struct record *record)
{
    size_t failed = 0;

    for (size_t i = record->count; i-- > 0 && !setup_stopped();) {
        const char *rest = "";
        const struct record_kind *kind = record_kind(record->lines[i], &rest);
        if (kind->undo(name, rest) != 0)
            failed++;
        else
            forget(record, i);
    }
    if (save(record, name) != 0 && record->count == 0)
        return 1;
    if (record->count == 0) {
        puts("everything that setup did is taken back");
        return 0;
    }
    if (setup_stopped())
        return complain(1, name, "stopped: %zu steps are not taken back yet; run this again to go on",
                        record->count);
    return complain(1, name, "%zu steps could not be taken back, for the reasons above; run this again then",
                    failed);
}

int setup_undo(const char *name, bool yes, bool dry_run)
{
    __attribute__((cleanup(record_free))) struct record record;

    if (record_read(&record, name) != 0)
        return 1;
    if (record.count == 0) {
        puts("there is nothing to take back: setup has changed nothing on this host");
        return finish_output(0, name);
    }
    show(&record);
    if (dry_run)
        return finish_output(0, name);
    if (setup_ask(name, "Take this back?", yes) != 0)
        return 1;
    return finish_output(take_back(name, &record), name);
}
