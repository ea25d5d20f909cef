/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Whether a neighbour answers: the kernel's own ARP and neighbour discovery, made to ask at once. */
#pragma once

#include "cidr.h"
#include "rtnl.h"

/* Returns whether the host of that address (its prefix does not matter) answers on the interface within that
 * time, or has answered so recently that the kernel would not ask (NUD_REACHABLE, by default half a minute).
 * Permanent entries need no answer. 0 ms: asks, and tells what is known so far. */
bool neighbour_answers(struct rtnl *nl, int ifindex, const struct cidr *address, int ms);
