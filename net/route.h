/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Routes and permanent neighbours of an interface, as the kernel's own messages, which are sent back with
 * another interface in them: so every attribute (metrics, sources, preferences, encapsulation) goes along. */
#pragma once

#include "batch.h"

#include <stdbool.h>
#include <stdint.h>

struct rtnl;

/* Appends the RTM_NEWROUTE messages, of every table, that lead through the interface, but those which the
 * kernel makes with every address (table local) or for a while. */
int routes_read(struct rtnl *nl, int ifindex, struct messages *out);

/* Appends the interface's RTM_NEWNEIGH messages that somebody set for good. */
int neighbours_read(struct rtnl *nl, int ifindex, struct messages *out);

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
