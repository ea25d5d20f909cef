/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The bridges that the administrator has declared in /etc/virt-tap/bridges.conf:
 *
 *     bridge NAME [address=ADDRESS/PREFIX] [mtu=N] [mac=MAC] [stp=yes] [forward_delay=S] [isolated=yes]
 *     map bridge|network THEIRS OURS
 *
 * As strict as policy.conf: anything unknown or contradictory makes the whole file invalid, reported with
 * FILE:LINE. */
#pragma once

#include "net/bridge.h"

#include <stddef.h>

struct error;

enum { BRIDGES_NAME_SIZE = 256 /* of a libvirt network; libvirt sets no limit */ };

/* A bridge that may be made if it is requested and missing. */
struct bridges_entry {
    struct bridge_spec is; /* its MAC is all zeros unless has_mac is set */
    bool has_mac;
    bool isolated;      /* all of its ports are */
    unsigned long line; /* from 1 */
};

/* The name that a bridge or network of another host has here. */
struct bridges_map {
    bool network; /* a libvirt network */
    char theirs[BRIDGES_NAME_SIZE];
    char ours[IFNAMSIZ];
};

struct bridges {
    struct bridges_entry *entries;
    size_t count;
    struct bridges_map *maps;
    size_t map_count;
};

/* Parses the text of a file; path is only used in messages. Returns 0, or -1 and why not. The caller must
 * call bridges_free(out) in either case. Depends on its arguments alone. */
int bridges_parse(struct bridges *out, const char *path, const char *text, size_t size, struct error *why);

/* Likewise for the administrator's file, read with this process's credentials; without it, nothing. */
int bridges_read(struct bridges *out, struct error *why);
void bridges_free(struct bridges *bridges);
#define _cleanup_bridges_ __attribute__((cleanup(bridges_free)))

/* Finds the declaration of that bridge, which belongs to `bridges`; NULL: none. */
const struct bridges_entry *bridges_find(const struct bridges *bridges, const char *name);

/* Finds this host's bridge for a bridge (or libvirt network) of another host; NULL: none. */
const char *bridges_map(const struct bridges *bridges, bool network, const char *theirs);
