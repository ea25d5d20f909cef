/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Doing what was allowed: the tap, whole and on its bridge, or nothing. */
#pragma once

#include "net/link.h"

struct refusal;

struct grant {
    const char *bridge; /* its name: not an alternative one */
    const char *name;   /* of the tap; NULL: vt-<n>, n from 0 to 7 if one is free, else random */
    bool vnet_hdr;
    uid_t uid; /* whose tap it is */
};

struct granted {
    int fd; /* holds the tap: the kernel removes it when the last holder is gone */
    char name[IFNAMSIZ];
};

/* Makes the tap and bridges it; needs CAP_NET_ADMIN effective. Returns 0 and a descriptor that the caller
 * owns, or -1 and why not, nothing then being left behind. */
int grant_tap(struct granted *out, const struct grant *what, struct refusal *why);
