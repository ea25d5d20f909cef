/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The policy's files, read as the helper reads them, but going on behind what the helper stops at; so that
 * all that is wrong can be told at once. */
#pragma once

#include "policy.h"
#include "rootfile.h"

#include <stddef.h>

/* A line that is read as if it were empty; line 0: the file is read although others than root can write it.
 */
struct policy_exception {
    char *path; /* owned */
    unsigned long line;
};

struct policy_files {
    enum policy_dialect dialect;
    struct rootfile rootfile;                /* follows what the helper follows in that dialect */
    struct policy_exception exceptions[128]; /* that reading makes */
    size_t exception_count;
    const char *only; /* this file alone is read, as if nobody could read the others; NULL: all are */
    const char
        *for_all;     /* if not NULL, only what everybody can read is read, and in any case this main file */
    const char *main; /* the file that reading began with, */
    unsigned int times; /* and how often it was read since */
    char *untrusted; /* owned; the last file met that could be read but for who else can write it, or NULL */
    /* Called for each file or folder that could not be read, or adds nothing, with the reason; NULL: nobody
     * is told. */
    void (*failed)(void *context, const char *path, int err, const char *reason);
    void *context; /* handed to it */
};

/* Begins with no exceptions and every filter off. */
void policy_files_begin(struct policy_files *files, enum policy_dialect dialect);
void policy_files_free(struct policy_files *files);

/* Reads that main file and all that it includes, as policy_read() does, with these exceptions. */
int policy_files_read(struct policy_files *files, struct policy *out, const char *path, struct error *why);

/* From now on that line counts as empty; line 0: that file is trusted. Returns false if it does already, or
 * if there are too many, or no memory. */
bool policy_files_except(struct policy_files *files, const char *path, unsigned long line);

/* Whether every user of the host can read that file (or list that folder), by its mode and those of the
 * folders above it. */
bool policy_files_readable_by_all(const char *path);

/* Where the line of that number begins, counting as the dialect does (in a bridge.conf a line of more than
 * 4,095 characters is several), and its length without newline. Returns NULL if there is none. */
const char *policy_files_line(const struct policy_text *text, enum policy_dialect dialect, unsigned long line,
                              size_t *length);
