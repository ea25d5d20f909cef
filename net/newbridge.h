/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A bridge made to a declaration: each step is one request that can be repeated, so that whoever comes after
 * one that was killed finds out what is missing, and mends that. */
#pragma once

#include "cidr.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct rtnl;

/* Which bridges are ours. RTM_NEWLINK does not take an alias (rtnl_create_link), so a bridge that was made a
 * moment ago has none; it is known by its MAC. */
#define NEWBRIDGE_ALIAS "virt-tap bridge"

struct newbridge {
    char name[IFNAMSIZ];
    uint8_t mac[6];
    unsigned int mtu; /* bytes; 0: the kernel's choice, the least of its ports' */
    bool stp;
    unsigned int forward_delay; /* seconds */
    struct cidr addresses[2];   /* one of each family at most */
};

/* How a bridge differs from what it should be: bits. Those before NEWBRIDGE_MAC are mended one by one, in
 * this order; the others are settled when it is made. */
enum {
    NEWBRIDGE_NO_ALIAS = 1 << 0,
    NEWBRIDGE_RA = 1 << 1, /* it would take router advertisements, and make itself addresses from them */
    NEWBRIDGE_MTU = 1 << 2,
    NEWBRIDGE_ADDRESS = 1 << 3,        /* addresses[0] is missing */
    NEWBRIDGE_SECOND_ADDRESS = 1 << 4, /* addresses[1] is missing */
    NEWBRIDGE_LEARNED =
        1 << 5, /* it learns any number of addresses, which this kernel can limit (Linux 6.7) */
    NEWBRIDGE_DOWN = 1 << 6,
    NEWBRIDGE_MAC = 1 << 7,
    NEWBRIDGE_STP = 1 << 8,
    NEWBRIDGE_FORWARD_DELAY = 1 << 9,
};

struct newbridge_state {
    int ifindex;         /* 0: there is no such device */
    char name[IFNAMSIZ]; /* its own, where it was found by an alternative one */
    char kind[32];       /* "bridge"; or what else it is; "": hardware */
    bool ours;
    unsigned int differs; /* bits of the above */
};

/* Looks at the device of that name; no privilege is needed. Returns 0 or -errno (-EAGAIN: it was changed
 * meanwhile); that there is none is no failure. */
int newbridge_look(struct rtnl *nl, const struct newbridge *want, struct newbridge_state *out);

/* Makes it, down, in one request which fails when anything of that name is there (-EEXIST). */
int newbridge_make(struct rtnl *nl, const struct newbridge *want);

/* Mends one difference, one of the bits before NEWBRIDGE_MAC. That it is mended already is no failure.
 * NEWBRIDGE_RA is mended through /proc/sys/net, where the kernel lets CAP_NET_ADMIN write as it lets root
 * (net/sysctl_net.c, net_ctl_permissions); rtnetlink shows these two settings and takes neither. */
int newbridge_mend(struct rtnl *nl, const struct newbridge *want, int ifindex, unsigned int difference);
