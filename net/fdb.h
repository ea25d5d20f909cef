/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * At which ports bridges have learned, or were told, that MACs are. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rtnl;

/* Entries that are read. A guest without mac=lock fills the table of a bridge that has no limit of its own,
 * and each part of a dump takes the kernel longer than the one before (net/bridge/br_fdb.c, br_fdb_dump):
 * a second for this many, an hour for a few million. */
enum { FDB_MAX = 64 * 1024 };

/* One address of a guest or another machine, not of one of the host's own interfaces. */
struct fdb_entry {
    int bridge, port;  /* ifindexes */
    unsigned int vlan; /* 0: the bridge does not filter VLANs */
    uint8_t mac[6];
};

/* Sorted by bridge, MAC and VLAN; a bridge has a MAC once in each VLAN. */
struct fdb {
    struct fdb_entry *list;
    size_t count;
};

/* Reads the entries of all bridges of the namespace, without privilege. Returns 0; -E2BIG if there are more
 * than FDB_MAX, after which nl cannot be asked any more; or another -errno. The caller must fdb_free(out) in
 * any case. */
int fdb_read(struct rtnl *nl, struct fdb *out);
void fdb_free(struct fdb *fdb);

/* Returns the entries that a bridge has for a MAC, and their number. */
const struct fdb_entry *fdb_find(const struct fdb *fdb, int bridge, const uint8_t mac[6], size_t *count);
