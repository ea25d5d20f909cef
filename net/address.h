/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IP addresses of interfaces. */
#pragma once

#include "cidr.h"
#include "batch.h"

#include <stdbool.h>
#include <stdint.h>

struct rtnl;

/* The address that an RTM_NEWADDR message is about. */
struct cidr address_of(const struct nlmsghdr *msg);
int address_index(const struct nlmsghdr *msg);      /* the interface's */
uint32_t address_flags(const struct nlmsghdr *msg); /* IFA_F_ */

/* Whether it is the one that the kernel makes for IPv6 by itself, which every interface has. */
bool address_is_link_local(const struct nlmsghdr *msg);

/* Appends the RTM_NEWADDR messages of one interface (0: of all), in the kernel's order. */
int addresses_read(struct rtnl *nl, int ifindex, struct messages *out);

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

/* Add a request for a new, permanent address, and one that removes it; one that is gone is no failure. */
void address_new(struct batch *batch, int ifindex, const struct cidr *cidr);
void address_drop(struct batch *batch, int ifindex, const struct cidr *cidr);
