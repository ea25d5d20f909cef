/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Reads the policy's files as the helper does, but continues past errors at which the helper stops, so that
 * all of them can be reported at once. */
#pragma once

#include "policy.h"
#include "rootfile.h"

#include <stddef.h>

/* A line that is read as if it were empty; line 0: the file is read even though users other than root can
 * write it. */
struct policy_exception {
    char *path; /* owned */
    unsigned long line;
};

struct policy_files {
    enum policy_dialect dialect;
    struct rootfile rootfile;                /* follows the links that the helper follows in that dialect */
    struct policy_exception exceptions[128]; /* to apply while reading */
    size_t exception_count;
    const char *only;    /* read this file alone, as if no other were readable; NULL: read all */
    const char *for_all; /* if set, read only files that everybody can read, and this main file */
    const char *main;    /* the main file, */
    unsigned int times;  /* and how often it has been read since */
    char *untrusted;     /* owned; the last file rejected only because others can write it, or NULL */
    /* Called with the reason for each file or folder that could not be read or adds nothing; may be NULL. */
    void (*failed)(void *context, const char *path, int err, const char *reason);
    void *context; /* passed to failed() */
};

/* Initialises files with no exceptions and no filters. */
void policy_files_begin(struct policy_files *files, enum policy_dialect dialect);
void policy_files_free(struct policy_files *files);

/* Reads that main file and everything it includes, as policy_read() does, with the exceptions applied. */
int policy_files_read(struct policy_files *files, struct policy *out, const char *path, struct error *why);

/* Adds an exception: the line is treated as empty from now on, or with line 0 the file is trusted. Returns
 * false if it is there already, there are too many, or there is no memory. */
bool policy_files_except(struct policy_files *files, const char *path, unsigned long line);

/* Returns whether every user of the host can read that file (or list that folder), by its mode and those of
 * the folders above it. */
bool policy_files_readable_by_all(const char *path);

/* Returns the start of a line and its length without the newline, or NULL if there is no such line. Lines are
 * counted as the dialect does: in a bridge.conf, a line of more than 4,095 characters is several. */
const char *policy_files_line(const struct policy_text *text, enum policy_dialect dialect, unsigned long line,
                              size_t *length);
