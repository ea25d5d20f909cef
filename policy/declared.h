/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The bridges that the administrator has declared in /etc/virt-tap/bridges.conf:
 *
 *     bridge NAME [address=ADDRESS/PREFIX] [mtu=N] [mac=MAC] [stp=yes] [forward_delay=S] [isolated=yes]
 *
 * As strict as policy.conf: anything unknown or contradictory makes the whole file invalid, reported with
 * FILE:LINE. Only lines that begin with "map" are passed over: maps.h reads them. */
#pragma once

#include "net/bridge.h"

#include <stddef.h>

struct error;
struct policy_text;

#define DECLARED_BLANKS " \t\r" /* and what Windows has at the end of a line */

/* The line that is being read, and where to say what is wrong with it. */
struct declared_line {
    const char *path;
    unsigned long number; /* from 1 */
    struct error *why;
};

/* Says what is wrong with a line. Returns -1. */
int declared_wrong(const struct declared_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A bridge that may be made if it is requested and missing. */
struct bridges_entry {
    struct bridge_spec is; /* its MAC is all zeros unless has_mac is set */
    bool has_mac;
    bool isolated;      /* all of its ports are */
    unsigned long line; /* from 1 */
};

struct bridges {
    struct bridges_entry *entries;
    size_t count;
};

/* Parses the text of a file; path is only used in messages. Returns 0, or -1 and why not. The caller must
 * call bridges_free(out) in either case. Depends on its arguments alone. */
int bridges_parse(struct bridges *out, const char *path, const char *text, size_t size, struct error *why);

/* Likewise for the administrator's file, read with this process's credentials; without it, nothing. */
int bridges_read(struct bridges *out, struct error *why);

/* Reads that file's text, which the caller must free; without the file, none. Returns 0, or -1 and why not.
 */
int bridges_read_text(struct policy_text *out, struct error *why);
void bridges_free(struct bridges *bridges);
#define _cleanup_bridges_ __attribute__((cleanup(bridges_free)))

/* Finds the declaration of that bridge, which belongs to `bridges`; NULL: none. */
const struct bridges_entry *bridges_find(const struct bridges *bridges, const char *name);
