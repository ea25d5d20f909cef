/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * IP addresses of interfaces. */
#pragma once

#include "cidr.h"
#include "rtnl.h"

#include <stdbool.h>
#include <stdint.h>

/* The address in an RTM_NEWADDR message. */
struct cidr address_of(const struct nlmsghdr *msg);
int address_index(const struct nlmsghdr *msg);      /* the interface's */
uint32_t address_flags(const struct nlmsghdr *msg); /* IFA_F_ */

/* Returns whether this is the IPv6 link-local address that the kernel generates for every interface. */
bool address_is_link_local(const struct nlmsghdr *msg);

/* Appends the RTM_NEWADDR messages of one interface (0: of all), in the kernel's order. */
int addresses_read(struct rtnl *nl, int ifindex, struct messages *out);

/* Requests to add a permanent address, and to remove one; NULL: no memory. */
struct nl_msg *address_new_message(int ifindex, const struct cidr *cidr);
struct nl_msg *address_drop_message(int ifindex, const struct cidr *cidr);
