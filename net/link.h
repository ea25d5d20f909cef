/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Network interfaces as rtnetlink sees them. Every call returns 0 or -errno, and then the kernel's own words,
 * if it gave any, are in nl->reason. No name here is ever cut: see ifname_valid(). */
#pragma once

#include "base/name.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct error;
struct rtnl;

/* Says which names are, if this one is not; `option` is what it was given by. Returns 0, or -1 and why not.
 */
int ifname_check(const char *option, const char *name, struct error *why);

/* The index of the interface of that name, or -errno. */
int link_index(struct rtnl *nl, const char *name);

/* Gives an interface that is down another name of its own. -EEXIST: the name is taken, as an alternative one,
 * too. */
int link_rename(struct rtnl *nl, int ifindex, const char *name);

/* Gives the interface one more name (Linux 5.5; -EOPNOTSUPP before). -EEXIST: somebody in this namespace has
 * it. */
int link_add_altname(struct rtnl *nl, int ifindex, const char *altname);

/* What link_join() sets in one message. */
struct link_join {
    int master;       /* ifindex of the bridge */
    unsigned int mtu; /* bytes */
    uint8_t mac[6];
    const char *alias; /* for people: ip link shows it */
    bool no_addrgen;   /* no IPv6 link-local address when it goes up */
};

/* Makes ifindex a port of a bridge. A failure may leave it half done (the kernel does not undo): delete it
 * then. Leaves the interface down, because the kernel applies IPv6 address generation last (do_setlink): with
 * 'up' in the same message the port would get an address and speak to the guest. */
int link_join(struct rtnl *nl, int ifindex, const struct link_join *join);

int link_up(struct rtnl *nl, int ifindex);
int link_delete(struct rtnl *nl, int ifindex);
