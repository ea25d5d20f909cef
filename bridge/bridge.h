/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Shared by the verbs of `virt-tap bridge`. These are administrative commands: they require root, and the
 * kernel decides. The policy is not consulted. */
#pragma once

#include "base/options.h"
#include "base/verb.h"
#include "net/addresses.h"
#include "net/batch.h"
#include "net/bridge.h"
#include "net/links.h"

#include <stdbool.h>
#include <stdint.h>

/* A netlink socket and all interfaces, as found when the verb started. */
struct view {
    struct rtnl nl;
    struct links links;
};

#define _cleanup_view_ __attribute__((cleanup(view_close)))

/* Opens the socket and lists the interfaces. Returns 0, or an exit status after reporting the error. The
 * caller must view_close() in either case. */
int view_open(struct view *view, const char *verb, bool needs_root);
void view_close(struct view *view);

/* The same for whoever reports errors itself: returns 0 or -errno. */
int view_read(struct view *view);

/* Returns the bridge of that name, or NULL after reporting why. */
const struct link *view_bridge(const struct view *view, const char *verb, const char *name);

/* Returns the interface of that name, or NULL after reporting why. */
const struct link *view_link(const struct view *view, const char *verb, const char *name);

#define ALIAS_VERSIONED "virt-tap v="   /* prefix of those that a later virt-tap may give bridges */
#define UPLINK_ALIAS "virt-tap uplink=" /* prefix of a bridge's alias; the name of its uplink follows */

/* Sends a batch; reports failure as `cannot WHAT NAME: reason`. Returns 0 or 1. */
int view_send(struct view *view, const char *verb, const struct batch *batch, const char *what,
              const char *name);

/* The network manager of the host, to be told of the move; struct persist_format has the names. */
struct manager {
    const char *name;
    bool owns_move; /* it creates the bridge and moves the addresses; otherwise we do, before apply() */
    /* Installs the manager's files and makes it read them. Returns 0 or reports why not; move_restore()
     * undoes it. */
    int (*apply)(void *context, const char *verb);
    void *context;
};

/* The arguments of `bridge create`. */
struct create {
    const char *name;
    const char *uplink;      /* NULL: none */
    struct bridge_spec spec; /* of the bridge; its MAC is valid only if has_mac */
    bool has_mac, has_stp;   /* given explicitly; likewise the MTU, VLAN filtering and addresses in spec */
    unsigned int confirm_ms;
    const struct option_list *probes; /* addresses that must be reached as before */
    bool dhcp, ignore_dependents;
    const struct manager *manager; /* NULL: no manager to tell */
};

/* OPTION_CALL handler of --confirm-within and the like: parses "60s", "2m", "500ms" or a number of seconds
 * into an unsigned int, in milliseconds. */
int take_time(const char *verb, const char *option, const char *text, void *place);
enum { CONFIRM_DEFAULT = 60000 /* ms */ }; /* if it is not given, which leaves 0 */
#define CONFIRM_WITHIN(type, field)                                                                          \
    OPTION_ANY("confirm-within", "TIME", "put everything back unless confirmed in that time (60s)",          \
               OPTION_IS_CALL, type, field, 0, 0, 0, 0, take_time)

/* The verbs; see struct verb. */
extern const struct option_entry bridge_create_options[], bridge_delete_options[], bridge_persist_options[];
extern const struct option_entry bridge_show_options[];
extern const struct option_entry bridge_status_options[];
extern const char bridge_show_notes[], bridge_status_notes[];
int bridge_create(const struct call *call);
int bridge_delete(const struct call *call);
int bridge_add(const struct call *call);
int bridge_remove(const struct call *call);
int bridge_persist(const struct call *call);
int bridge_unpersist(const struct call *call);
int bridge_guard(const struct call *call);
int bridge_show(const struct call *call);
int bridge_status(const struct call *call);
int bridge_confirm(const struct call *call);
