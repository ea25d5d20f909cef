/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Bridges made to a specification. Each step is one request that can be repeated, so if a process is killed
 * halfway, the next one finds out what is missing and completes it. */
#pragma once

#include "cidr.h"
#include "link.h"

struct rtnl;

/* Marks bridges as ours. RTM_NEWLINK does not take an alias (rtnl_create_link), so a bridge that was just
 * made has none. It is recognised by its MAC and by being down; the MAC alone is not enough, since a tap's
 * holder can give that MAC to the tap, and a bridge without a MAC of its own takes the tap's. */
#define BRIDGE_ALIAS "virt-tap bridge"
#define BRIDGE_CREATED_ALIAS                                                                                 \
    "virt-tap created" /* by an administrator's command: users' requests do not change it */

enum {
    BRIDGE_ADDRESSES_MAX = 16,
    BRIDGE_DEFAULT_DELAY = 15, /* seconds, with STP: the default of the standard and of the kernel */
    /* The number of addresses it learns: 16 for each of its 1,023 ports, which take 2 MB. Frames to other
     * addresses are flooded to every port with unknown-unicast flooding. */
    BRIDGE_LEARNED_MAX = 16384,
};

struct bridge_spec {
    char name[IFNAMSIZ];
    uint8_t mac[6];
    unsigned int mtu; /* bytes; 0: the kernel's choice, the lowest of its ports */
    bool created;     /* by a command: see BRIDGE_CREATED_ALIAS */
    bool stp;
    bool vlan_filtering;        /* requested only if true: not every kernel has it */
    unsigned int forward_delay; /* seconds */
    struct cidr addresses[BRIDGE_ADDRESSES_MAX];
    size_t address_count;
};

/* Computes the MAC that a bridge of that name has on this host. A bridge without a MAC of its own takes the
 * lowest of its ports', and changes it when that guest leaves. This one is derived from the host and the
 * name, not random: guests find the same neighbour when the bridge is recreated, two hosts do not share one,
 * and a bridge without an alias can be recognised by it. Returns 0 or -errno. */
int bridge_host_mac(const char *name, uint8_t mac[6]);

/* Bits for how a bridge differs from its specification. Those in BRIDGE_COMPLETED are set one by one, in this
 * order; the others are set when the bridge is made. */
enum {
    BRIDGE_NO_ALIAS = 1 << 0,
    BRIDGE_RA = 1 << 1, /* it would accept router advertisements and configure addresses from them */
    BRIDGE_MTU = 1 << 2,
    BRIDGE_ADDRESS = 1 << 3, /* addresses[0] is missing; shifted left by n: addresses[n] */
    BRIDGE_ADDRESSES = BRIDGE_ADDRESS * ((1 << BRIDGE_ADDRESSES_MAX) - 1),
    BRIDGE_LEARNED = BRIDGE_ADDRESS << BRIDGE_ADDRESSES_MAX, /* it learns an unlimited number of addresses,
                                                                and the kernel can limit them (Linux 6.7) */
    BRIDGE_DOWN = BRIDGE_LEARNED << 1,
    BRIDGE_MAC = BRIDGE_LEARNED << 2,
    BRIDGE_STP = BRIDGE_LEARNED << 3,
    BRIDGE_FORWARD_DELAY = BRIDGE_LEARNED << 4,
    BRIDGE_VLAN_FILTERING = BRIDGE_LEARNED << 5,
    BRIDGE_COMPLETED = BRIDGE_MAC - 1,
};

struct bridge_state {
    struct link link; /* ifindex 0: no such device */
    bool ours;
    unsigned int differs; /* the bits above */
};

/* Looks up the device by its name or alternative name; needs no privilege. Returns 0 or -errno (-EAGAIN: it
 * was changed meanwhile). It is not an error if there is no such device. */
int bridge_look(struct rtnl *nl, const struct bridge_spec *spec, struct bridge_state *out);

/* Makes a request that makes the bridge, down, and fails with -EEXIST if the name is taken. */
struct nl_msg *bridge_message(const struct bridge_spec *spec);

/* Fixes one difference: one bit of BRIDGE_COMPLETED. Not an error if there is nothing to fix. BRIDGE_RA is
 * written to /proc/sys/net, where the kernel lets CAP_NET_ADMIN write like root (net/sysctl_net.c,
 * net_ctl_permissions); rtnetlink only reports these two settings. */
int bridge_complete(struct rtnl *nl, const struct bridge_spec *spec, int ifindex, unsigned int difference);

/* Sets one option of a bridge: a u32 in IFLA_INFO_DATA. For max_groups of struct bridge_settings it is
 * IFLA_BR_MCAST_HASH_MAX (a power of 2), for max_learned BRIDGE_FDB_MAX_LEARNED. */
int bridge_set_option(struct rtnl *nl, int ifindex, int type, uint32_t value);
