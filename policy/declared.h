/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What the administrator has declared of bridges, in /etc/virt-tap/bridges.conf:
 *
 *     bridge NAME [address=ADDRESS/PREFIX] [mtu=N] [mac=MAC] [stp=yes] [forward_delay=S] [isolated=yes]
 *     map bridge|network THEIRS OURS
 *
 * As strict as policy.conf: whatever is not understood, or clashes, refuses everything, with FILE:LINE. */
#pragma once

#include "net/bridge.h"

#include <stddef.h>

struct error;

enum { BRIDGES_NAME_SIZE = 256 /* of a network of libvirt's, which sets no limit itself */ };

/* A bridge that may be made when it is asked for and missing. */
struct bridges_entry {
    struct bridge_spec is; /* its MAC is all zeros when has_mac is not set */
    bool has_mac;
    bool isolated;      /* every port of it is */
    unsigned long line; /* from 1 */
};

/* What a bridge or network that a domain from elsewhere names is called here. */
struct bridges_map {
    bool network; /* of libvirt's */
    char theirs[BRIDGES_NAME_SIZE];
    char ours[IFNAMSIZ];
};

struct bridges {
    struct bridges_entry *entries;
    size_t count;
    struct bridges_map *maps;
    size_t map_count;
};

/* Reads the text of a file; path is for the words of refusals. Returns 0, or -1 and why not. In both cases
 * the caller must bridges_free(out). A function of its arguments alone. */
int bridges_parse(struct bridges *out, const char *path, const char *text, size_t size, struct error *why);

/* The same of the administrator's file, read as this process; where there is none, nothing is declared. */
int bridges_read(struct bridges *out, struct error *why);
void bridges_free(struct bridges *bridges);
#define _cleanup_bridges_ __attribute__((cleanup(bridges_free)))

/* What is declared of that name; NULL: nothing. Belongs to `bridges`. */
const struct bridges_entry *bridges_find(const struct bridges *bridges, const char *name);

/* The bridge of this host that stands for one (or for a network of libvirt's) of elsewhere; NULL: none does.
 * Belongs to `bridges`. */
const char *bridges_map(const struct bridges *bridges, bool network, const char *theirs);
