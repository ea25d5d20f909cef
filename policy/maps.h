/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * How domains from other hosts are adapted to this one, as bridges.conf (declared.h) says:
 *
 *     map bridge|network THEIRS OURS
 *
 * The helper grants nothing by these lines, and passes over them. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

enum { MAPS_NAME_SIZE = 256 /* of a libvirt network; libvirt sets no limit */ };

/* The name that a bridge or network of another host has here. */
struct map {
    bool network; /* a libvirt network */
    char theirs[MAPS_NAME_SIZE];
    char ours[IFNAMSIZ];
};

struct maps {
    struct map *list;
    size_t count;
};

/* Parses the text of a file that bridges_parse() has accepted; path is only used in messages. Returns 0, or
 * -1 and why not. The caller must call maps_free(out) in either case. Depends on its arguments alone. */
int maps_parse(struct maps *out, const char *path, const char *text, size_t size, struct error *why);

/* Likewise for the administrator's file, read with this process's credentials, whose declarations must be
 * valid, too; without it, nothing. */
int maps_read(struct maps *out, struct error *why);
void maps_free(struct maps *maps);
#define _cleanup_maps_ __attribute__((cleanup(maps_free)))

/* Finds this host's bridge for a bridge (or libvirt network) of another host; NULL: none. */
const char *maps_find(const struct maps *maps, bool network, const char *theirs);
