/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Addresses, routes and permanent neighbours of an interface, as the kernel's own messages, which are sent
 * back with another interface in them: so every attribute (metrics, sources, preferences, encapsulation) goes
 * along. */
#pragma once

#include "rtnl.h"

#include <stdbool.h>
#include <stdint.h>

/* Appends the RTM_NEWROUTE messages, of every table, that lead through the interface, but those which the
 * kernel makes with every address (table local) or for a while. */
int routes_read(struct rtnl *nl, int ifindex, struct messages *out);

/* Appends the interface's RTM_NEWNEIGH messages that somebody set for good. */
int neighbours_read(struct rtnl *nl, int ifindex, struct messages *out);

/* Adds requests that remove all of these addresses, the last first: so no primary address takes its secondary
 * ones along. One that is gone is no failure. */
void addresses_remove(struct batch *batch, const struct messages *all);

struct address_target {
    int ifindex;
    const char *from, *to; /* labels that begin with the name `from` begin with `to` instead */
    uint32_t elapsed;      /* seconds since the addresses were read: their lifetimes are shorter by that */
    bool replace;          /* of an address that is there, set the flags as they were read */
};

/* Adds requests that give these addresses to an interface, in the order that makes a dump show them as these
 * were: IPv6 from the last to the first. IPv6 ones carry IFA_F_NODAD: they were there before, and
 * duplicate detection would take a second. With `replace` that flag is as it was read. */
void addresses_add(struct batch *batch, const struct messages *all, const struct address_target *target);

struct route_target {
    int from, to;     /* ifindex */
    uint32_t elapsed; /* seconds since the routes were read: those that expire do so earlier by that */
    bool only_ask;    /* -EEXIST for routes that are there and could be set again; else why they could not */
    bool learnt_behind; /* give routes that a router advertised the next higher metric: see routes_add() */
};

/* Adds requests that make these routes through another interface; those that others need as their gateway's
 * first. One that is there is no failure. A default route learnt from a router advertisement is the kernel's
 * business: a copy of it in its place would make the kernel drop the next advertisement whole (ndisc.c,
 * ndisc_router_discovery), so the copy goes behind it and ends with its lifetime. */
void routes_add(struct batch *batch, const struct messages *all, const struct route_target *target);

/* Adds requests that remove the routes which removing these addresses leaves: with its last IPv4 address an
 * interface loses its IPv4 routes. One that is gone is no failure. */
void routes_remove(struct batch *batch, const struct messages *all, const struct messages *addresses);

void neighbours_add(struct batch *batch, const struct messages *all, int ifindex);

/* Whether a route is one through a gateway for everything. */
bool route_is_default(const struct nlmsghdr *msg);
