/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A new tap that nobody else has had a hand on.
 *
 * Until a multi-queue tap has an owner, anybody may attach to it (drivers/net/tun.c, tun_not_capable), change
 * what a holder may change, and leave again. So it is made under a random name, given to root or to a group,
 * and looked at; if somebody else had a hand on it, it is deleted and another is made. Only then it gets its
 * own name. A tap with a single queue cannot be attached to while we hold it.
 */
#pragma once

#include "tap.h"

struct rtnl;

/* With two others who attach to whatever appears, on two busy processors, one attempt in eight succeeds. */
enum { NEWTAP_TRIES = 128 };

/* Makes a tap or tun of that name and kind, attached to *fd (from tap_open()), and down. If it is multi-queue
 * it is that group's, or root's with NULL (an owner cannot be taken away again); otherwise nobody's. *fd may
 * be closed and opened again; the caller owns it in any case. Needs CAP_NET_ADMIN, now and when nl was
 * opened. Returns its ifindex, or -errno with nothing left behind. -EBUSY, -EEXIST, -EINVAL: the name is
 * taken. -EOPNOTSUPP: the kernel lacks what the kind asks for. -EPERM: somebody else made it his own while it
 * was made. -EAGAIN: somebody else attached to each of NEWTAP_TRIES taps. */
int newtap_create(struct rtnl *nl, int *fd, const char *name, struct tap_kind kind, const gid_t *group);
