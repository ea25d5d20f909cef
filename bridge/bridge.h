/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
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

#define _cleanup_view_ __attribute__((cleanup(view_close)))
#define _cleanup_batch_ __attribute__((cleanup(batch_free)))
#define _cleanup_messages_ __attribute__((cleanup(messages_free)))

/* Looks. Returns 0 or says why not and returns an exit status. view_close() in any case. */
int view_open(struct view *view, const char *verb, bool needs_root);
void view_close(struct view *view);

/* The bridge of that name, or NULL with the reason said. */
const struct link *view_bridge(const struct view *view, const char *verb, const char *name);

/* The interface of that name, or NULL with the reason said. */
const struct link *view_link(const struct view *view, const char *verb, const char *name);

#define UPLINK_ALIAS "virt-tap uplink=" /* how the alias of a bridge names the NIC whose network it has */

/* The uplink's name as the bridge's alias has it, or NULL. */
const char *view_alias_uplink(const struct link *bridge);

/* Sends a batch; on failure says `cannot WHAT NAME: reason`. Returns 0 or 1. */
int view_send(struct view *view, const char *verb, const struct batch *batch, const char *what,
              const char *name);

/* Who manages the host's network, and is to know of the move: struct persist_format has the names. */
struct manager {
    const char *name;
    bool owns_move; /* it makes the bridge and moves the addresses; otherwise the kernel is told by us,
                          before */
    /* Puts its files in place and has it read them. Returns 0 or says why not; move_restore() undoes it. */
    int (*apply)(void *context, const char *verb);
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

/* Of --confirm-within (OPTION_CALL): reads "60s", "2m", "500ms" or a number of seconds to an unsigned int, in
 * milliseconds, which is 0 if the option is not given. */
int take_confirm_within(const char *verb, const char *option, const char *text, void *place);
#define CONFIRM_WITHIN(type, field)                                                                          \
    OPTION_CALL("confirm-within", "TIME", "put everything back unless confirmed in that time (60s)", type,   \
                field, take_confirm_within)
enum { CONFIRM_MS = 60000 /* if it is not given */ };

/* The verbs: see struct verb. */
extern const struct option_entry bridge_create_options[], bridge_delete_options[], bridge_persist_options[];
int bridge_create(const struct call *call);
int bridge_delete(const struct call *call);
int bridge_add(const struct call *call);
int bridge_remove(const struct call *call);
int bridge_persist(const struct call *call);
int bridge_unpersist(const struct call *call);
int bridge_guard(const struct call *call);
int bridge_confirm(const struct call *call);
