/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * IP addresses in rtnetlink messages: of interfaces, of this host, and of those that it sends through. */
#pragma once

#include "cidr.h"
#include "rtnl.h"

/* The address in an RTM_NEWADDR message. */
struct cidr address_of(const struct nlmsghdr *msg);
int address_index(const struct nlmsghdr *msg); /* the interface's */

/* Makes a request of that RTM_ type and with those NLM_F_ flags for a permanent address; NULL: no memory. */
struct nl_msg *address_request(int type, int flags, int ifindex, const struct cidr *cidr);

/* Is shown an address, or network, and the interface that it is on or behind. Nonzero: enough. */
typedef int address_visitor(void *arg, const struct cidr *address, int ifindex);

/* Shows the addresses that the host answers to: those of routes in all tables that are RTN_LOCAL (the kernel
 * adds one for each address, for 127.0.0.0/8 and whatever else is on the loopback interface) or RTN_ANYCAST
 * (of an IPv6 router, each network's first address); and those of interfaces: IPv6 has no route for one whose
 * interface is down, or has no carrier, like a bridge that has no running port yet (net/ipv6/addrconf.c,
 * addrconf_dad_begin). May show one several times. Returns 0; what each() returned last; or -errno with the
 * kernel's message in nl->reason. */
int address_each_own(struct rtnl *nl, address_visitor *each, void *arg);

/* Likewise the gateways of all routes; of those with next hops on that interface only, if it is not 0 and the
 * kernel can select. */
int address_each_gateway(struct rtnl *nl, int ifindex, address_visitor *each, void *arg);
