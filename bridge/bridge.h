/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the verbs of `virt-tap bridge` share. They are administration: the kernel decides, root is needed, and
 * no policy is asked. */
#pragma once

#include "base/verb.h"
#include "net/address.h"
#include "net/bridge.h"
#include "net/link.h"
#include "net/rtnl.h"

#include <stdbool.h>
#include <stdint.h>

/* An open socket and all interfaces, as a verb's first look found them. */
struct view {
    struct rtnl nl;
    struct links links;
};

/* Looks. Returns 0 or says why not and returns an exit status. view_close() in any case. */
int view_open(struct view *view, const char *verb, bool needs_root);
void view_close(struct view *view);

/* The bridge of that name, or NULL with the reason said. */
const struct link *view_bridge(const struct view *view, const char *verb, const char *name);

/* The interface of that name, or NULL with the reason said. */
const struct link *view_link(const struct view *view, const char *verb, const char *name);

/* Sends a batch; on failure says `cannot WHAT NAME: reason`. Returns 0 or 1. */
int view_send(struct view *view, const char *verb, const struct batch *batch, const char *what,
              const char *name);

/* Who manages the host's network, and is to know of the move: struct persist_format has the names. */
struct manager {
    const char *name;
    bool moves_itself; /* it makes the bridge and moves the addresses; otherwise the kernel is told by us,
                          before */
    /* Puts its files in place and has it read them. Returns 0 or says why not; move_restore() undoes it. */
    int (*take)(void *context, const char *verb);
    void *context;
};

/* What `bridge create` is asked for. */
struct create {
    const char *name;
    const char *uplink;      /* NULL: none */
    struct bridge_spec spec; /* of the bridge; its MAC is set if has_mac is */
    bool has_mac, has_stp;   /* requested; and so are the MTU, VLAN filtering and addresses of spec */
    unsigned int confirm_ms;
    bool dhcp, ignore_dependents;
    const struct manager *manager; /* NULL: none is to know */
};

enum { CONFIRM_MS = 60000 /* unless told */ };

/* "60s", "2m", "500ms"; a bare number is seconds. Returns milliseconds, 0 when it is no such time. */
unsigned int confirm_parse(const char *text);

int bridge_create(int argc, char *argv[]);
int bridge_delete(int argc, char *argv[]);
int bridge_add(int argc, char *argv[]);
int bridge_remove(int argc, char *argv[]);
int bridge_persist(int argc, char *argv[]);
int bridge_unpersist(int argc, char *argv[]);
