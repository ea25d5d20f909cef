/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * IP addresses of interfaces. */
#pragma once

#include "cidr.h"
#include "rtnl.h"

#include <stdbool.h>
#include <stdint.h>

/* The address that an RTM_NEWADDR message is about. */
struct cidr address_of(const struct nlmsghdr *msg);
int address_index(const struct nlmsghdr *msg);      /* the interface's */
uint32_t address_flags(const struct nlmsghdr *msg); /* IFA_F_ */

/* Whether it is the one that the kernel makes for IPv6 by itself, which every interface has. */
bool address_is_link_local(const struct nlmsghdr *msg);

/* Appends the RTM_NEWADDR messages of one interface (0: of all), in the kernel's order. */
int addresses_read(struct rtnl *nl, int ifindex, struct messages *out);

/* Requests for a new, permanent address, and to remove one; NULL: no memory. */
struct nl_msg *address_new_message(int ifindex, const struct cidr *cidr);
struct nl_msg *address_drop_message(int ifindex, const struct cidr *cidr);
