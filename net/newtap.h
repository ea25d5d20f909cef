/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Makes a new tap that nobody else has touched.
 *
 * Until a multi-queue tap has an owner, anybody may attach to it (drivers/net/tun.c, tun_not_capable), change
 * what a holder may change, and detach again. It is therefore made under a random name, given to root or to a
 * group, and inspected; if somebody else has touched it, it is deleted and another is made. Only then does it
 * get its own name. Nobody can attach to a single-queue tap while we hold it. */
#pragma once

#include "tap.h"

struct rtnl;

/* With two others attaching to every new tap, on two busy processors, one attempt in eight succeeds on one
 * machine, and one in fifty on another. */
enum { NEWTAP_TRIES = 512 };

/* Makes a tap or tun of that name and kind, attached to *fd (from tap_open()), and down. If multi-queue, it
 * belongs to that group, or to root if group is NULL (an owner cannot be unset); otherwise to nobody. *fd may
 * be closed and reopened; the caller owns it in any case. Needs CAP_NET_ADMIN, now and when nl was opened.
 * Returns its ifindex, or -errno with nothing left behind:
 *
 *   -EBUSY, -EEXIST, -EINVAL: the name is taken;
 *
 *   -EOPNOTSUPP: the kernel lacks what the kind asks for;
 *
 *   -EPERM: somebody else took ownership of it while it was made;
 *
 *   -EAGAIN: somebody else attached to each of NEWTAP_TRIES taps. */
int newtap_create(struct rtnl *nl, int *fd, const char *name, struct tap_kind kind, const gid_t *group);
