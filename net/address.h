/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * An interface's IP address in rtnetlink messages. */
#pragma once

#include "cidr.h"
#include "rtnl.h"

/* The address in an RTM_NEWADDR message. */
struct cidr address_of(const struct nlmsghdr *msg);
int address_index(const struct nlmsghdr *msg); /* the interface's */

/* Makes a request of that RTM_ type and with those NLM_F_ flags for a permanent address; NULL: no memory. */
struct nl_msg *address_request(int type, int flags, int ifindex, const struct cidr *cidr);
