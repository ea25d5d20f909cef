/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What the taps under mac=lock are bound to, according to their claims, and what became of their filters. */
#pragma once

#include "net/link.h"

#include <jansson.h>

struct rtnl;

/* As docs/interfaces.md describes them; NULL: null. */
struct port_lock {
    json_t *bound, *filter;
};

/* Reads those of all locked ports with a claim, without privilege. out: all zeros, one for each of the links,
 * whose JSON the caller frees in either case. A filter that cannot be read is NULL. Returns 0 or -errno. */
int port_locks_read(struct port_lock *out, struct rtnl *nl, const struct links *links);
