/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Carries out what was allowed: a complete tap on its bridge, or nothing. */
#pragma once

#include "net/link.h"

struct binding;
struct decision;
struct error;
struct request;
struct rtnl;

struct grant {
    const struct request *request; /* for a tap; if it names none: vtap-<n>, n from 0 to 7, or random */
    const struct link *bridge;
    const struct decision *terms;
    const struct binding *binding; /* with mac=lock: what the guest may send as */
    /* The tap made for it: */
    int fd; /* holds the tap: the kernel removes it when the last holder closes it */
    int ifindex;
    char name[IFNAMSIZ];
};

/* Opens TAP_DEVICE. Returns a descriptor that the caller owns, or -1 and why not. */
int grant_open_device(struct error *why);

/* Makes the tap and adds it to the bridge; CAP_NET_ADMIN must be effective now, and have been when nl was
 * opened. Returns 0 and a descriptor that the caller owns, or -1 and why not, with nothing left behind. */
int grant_tap(struct rtnl *nl, struct grant *grant, struct error *why);
