/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Lists of rtnetlink messages, as dumps return them. */
#pragma once

#include "rtnl.h"

/* The kernel's messages; each is a copy that the list owns. All zeros: empty. */
struct messages {
    struct nlmsghdr **list;
    size_t count;
};

#define _cleanup_messages_ __attribute__((cleanup(messages_free)))
void messages_free(struct messages *all);

/* Appends a copy of msg. Returns 0 or -ENOMEM. */
int messages_add(struct messages *all, const struct nlmsghdr *msg);

/* Appends the whole dump of an RTM_GET type; header as for rtnl_message(). Returns 0 or -errno; what was read
 * until then stays in the list. */
int rtnl_dump(struct rtnl *nl, int type, const void *header, size_t size, struct messages *all);
