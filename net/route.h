/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * An interface's addresses, routes and permanent neighbours, kept as the kernel's own messages and sent back
 * with another interface in them, so that every attribute (metrics, sources, preferences, encapsulation) is
 * preserved. */
#pragma once

#include "batch.h"

#include <stdbool.h>
#include <stdint.h>

/* Appends the RTM_NEWROUTE messages, from all tables, of routes through the interface, except those that the
 * kernel adds for every address (table local) or temporarily. */
int routes_read(struct rtnl *nl, int ifindex, struct messages *out);

/* Appends the RTM_NEWNEIGH messages of the interface's permanent neighbours. */
int neighbours_read(struct rtnl *nl, int ifindex, struct messages *out);

/* Adds requests that remove all of these addresses, last one first, so that no primary address takes its
 * secondary ones with it. An address that is already gone is not an error. */
void addresses_remove(struct batch *batch, const struct messages *all);

struct address_target {
    int ifindex;
    const char *from, *to; /* in labels, the prefix `from` becomes `to` */
    uint32_t elapsed;      /* seconds since the addresses were read, subtracted from their lifetimes */
    bool replace;          /* if an address exists, set its flags to what was read */
};

/* Adds requests that give these addresses to an interface, in an order that preserves the order of a dump:
 * IPv6 from last to first. IPv6 addresses get IFA_F_NODAD: they were in use before, and duplicate detection
 * would take a second. With `replace`, that flag is as it was read. */
void addresses_add(struct batch *batch, const struct messages *all, const struct address_target *target);

struct route_target {
    int from, to;     /* ifindex */
    uint32_t elapsed; /* seconds since the routes were read, subtracted from their lifetimes */
    bool only_ask;    /* -EEXIST for routes that exist and could be set again; otherwise why they could not */
};

/* Adds requests that make these routes through another interface, starting with those that others need to
 * reach their gateway. A route that already exists is not an error. Routes from router advertisements are
 * left out: the kernel asks for an advertisement as soon as an interface gets its link-local address
 * (addrconf.c, addrconf_dad_completed), and a copy would make it drop that one whole (ndisc.c,
 * ndisc_router_discovery). */
void routes_add(struct batch *batch, const struct messages *all, const struct route_target *target);

/* Adds requests that remove the routes that removing these addresses leaves behind: an interface loses its
 * IPv4 routes with its last IPv4 address. A route that is already gone is not an error. */
void routes_remove(struct batch *batch, const struct messages *all, const struct messages *addresses);

void neighbours_add(struct batch *batch, const struct messages *all, int ifindex);

/* Returns whether this is a default route through a gateway. */
bool route_is_default(const struct nlmsghdr *msg);
