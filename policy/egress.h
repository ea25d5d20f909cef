/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The value of egress=: where a rule's guests may send to.
 *
 *     ITEM,ITEM...    ITEM: + or -, DESTINATION[:PORT][/tcp|/udp]
 *
 * DESTINATION is host, private, linklocal, all, or a network (ADDRESS is that one alone). One of IPv6 is in
 * brackets, with its prefix, [2001:db8::/64]:53/udp; without a port and protocol it need not be. */
#pragma once

#include "net/binding.h"

struct egress_list {
    struct egress list[EGRESS_ITEMS_MAX];
    size_t count;
};

/* Returns whether the whole value is valid, and not more than fit; if not, out->count is the number of items
 * before the one that is at fault. */
bool egress_parse(const char *text, struct egress_list *out);
