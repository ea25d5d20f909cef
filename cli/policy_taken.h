/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Who else has a guest's MAC or addresses, without the privilege to claim them. */
#pragma once

#include <stdint.h>

struct address_list;
struct error;
struct link;

/* Looks for others that have them on an existing bridge, as helper/grant.c does, and in its words. mac: NULL:
 * none is given. Returns 0, also if it cannot be told; or -1 and who has one. */
int policy_taken(const struct link *bridge, const uint8_t *mac, const struct address_list *addresses,
                 struct error *why);
