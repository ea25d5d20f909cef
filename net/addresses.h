/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The IP addresses of interfaces. */
#pragma once

#include "address.h"
#include "messages.h"

#include <stdbool.h>
#include <stdint.h>

uint32_t address_flags(const struct nlmsghdr *msg); /* IFA_F_ */

/* Returns whether this is the IPv6 link-local address that the kernel generates for every interface. */
bool address_is_link_local(const struct nlmsghdr *msg);

/* Appends the RTM_NEWADDR messages of one interface (0: of all), in the kernel's order. */
int addresses_read(struct rtnl *nl, int ifindex, struct messages *out);
