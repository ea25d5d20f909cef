/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Bridges made to a specification: each step is one request that can be repeated, so that whoever comes after
 * one that was killed finds out what is missing, and completes it. */
#pragma once

#include "cidr.h"
#include "link.h"

struct rtnl;

/* A bridge's ifindex, MTU, MAC and name, and no more, by its name or alternative name: by ioctls, which the
 * policy asks without a netlink socket. To be called without CAP_NET_ADMIN effective, with which the kernel
 * would run modprobe for a name that is not there (net/core/dev_ioctl.c, dev_load). -ENODEV: there is no such
 * device; -EMEDIUMTYPE: it is not a bridge, and out->kind is its driver ("": unknown), which the kernel's
 * bridge alone calls "bridge". */
int bridge_find(const char *name, struct link *out);

/* Marks bridges as ours. RTM_NEWLINK does not take an alias (rtnl_create_link), so one that was made a moment
 * ago has none; it is known by its MAC, and by being down, since a tap's holder can give the tap that MAC and
 * a bridge without one of its own the tap's. */
#define BRIDGE_ALIAS "virt-tap bridge"
#define BRIDGE_CREATED_ALIAS                                                                                 \
    "virt-tap created" /* by an administrator's command: users' calls change nothing of it */

enum {
    BRIDGE_ADDRESSES_MAX = 16,
    BRIDGE_DEFAULT_DELAY = 15, /* seconds, with STP: the standard's and the kernel's */
};

struct bridge_spec {
    char name[IFNAMSIZ];
    uint8_t mac[6];
    unsigned int mtu; /* bytes; 0: the kernel's choice, the smallest of its ports' */
    bool created;     /* by a command: see BRIDGE_CREATED_ALIAS */
    bool stp;
    bool vlan_filtering;        /* requested only if true: not every kernel has it */
    unsigned int forward_delay; /* seconds */
    struct cidr addresses[BRIDGE_ADDRESSES_MAX];
    size_t address_count;
};

/* Computes the MAC that a bridge of that name has on this host. Without one of its own a bridge takes the
 * lowest of its ports', and another when that guest leaves. Made from host and name, and not by chance:
 * guests find the same neighbour when the bridge was made again, two hosts do not share one, and whoever
 * comes upon a bridge without alias knows it. Returns 0, or -errno: /etc/machine-id cannot be read. */
int bridge_host_mac(const char *name, uint8_t mac[6]);

/* How a bridge differs from its specification: bits. Those in BRIDGE_COMPLETED are set one by one, in this
 * order; the others are settled when it is made. */
enum {
    BRIDGE_NO_ALIAS = 1 << 0,
    BRIDGE_RA = 1 << 1, /* it would take router advertisements, and make itself addresses from them */
    BRIDGE_MTU = 1 << 2,
    BRIDGE_ADDRESS = 1 << 3, /* addresses[0] is missing; shifted by n: addresses[n] */
    BRIDGE_ADDRESSES = BRIDGE_ADDRESS * ((1 << BRIDGE_ADDRESSES_MAX) - 1),
    BRIDGE_LEARNED = BRIDGE_ADDRESS << BRIDGE_ADDRESSES_MAX, /* it learns any number of addresses, which this
                                                                kernel can limit (Linux 6.7) */
    BRIDGE_DOWN = BRIDGE_LEARNED << 1,
    BRIDGE_MAC = BRIDGE_LEARNED << 2,
    BRIDGE_STP = BRIDGE_LEARNED << 3,
    BRIDGE_FORWARD_DELAY = BRIDGE_LEARNED << 4,
    BRIDGE_VLAN_FILTERING = BRIDGE_LEARNED << 5,
    BRIDGE_COMPLETED = BRIDGE_MAC - 1,
};

struct bridge_state {
    struct link link; /* ifindex 0: there is no such device */
    bool ours;
    unsigned int differs; /* bits of the above */
};

/* Looks at the device of that name or alternative name; no privilege is needed. Returns 0 or -errno (-EAGAIN:
 * it was changed meanwhile); that there is none is not a failure. */
int bridge_look(struct rtnl *nl, const struct bridge_spec *spec, struct bridge_state *out);

/* A request that makes it, down, and fails when anything of that name is there (-EEXIST). */
struct nl_msg *bridge_message(const struct bridge_spec *spec);

/* Settles one difference, one bit of BRIDGE_COMPLETED. That it is settled already is not a failure. BRIDGE_RA
 * goes through /proc/sys/net, where the kernel lets CAP_NET_ADMIN write as it lets root (net/sysctl_net.c,
 * net_ctl_permissions); rtnetlink shows these two settings and takes neither. */
int bridge_complete(struct rtnl *nl, const struct bridge_spec *spec, int ifindex, unsigned int difference);

/* Sets one option of a bridge, of those in IFLA_INFO_DATA that are a u32: max_groups of struct
 * bridge_settings is IFLA_BR_MCAST_HASH_MAX (a power of 2), max_learned BRIDGE_FDB_MAX_LEARNED. */
int bridge_set_option(struct rtnl *nl, int ifindex, int type, uint32_t value);
