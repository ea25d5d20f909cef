/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All network interfaces of this namespace, as one dump tells them. For what only taps have: net/taps.h. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rtnl;

struct link {
    int ifindex;
    int master;         /* ifindex of what it is a port or member of, or 0 */
    int lower;          /* IFLA_LINK: what it sits on (a macvlan's device, a veth's peer), or 0 */
    int type;           /* ARPHRD_ */
    unsigned int flags; /* IFF_ */
    unsigned int mtu;
    unsigned int max_mtu; /* 0: not told */
    unsigned int min_mtu;
    bool has_mac;
    uint8_t mac[6];
    char name[IFNAMSIZ];
    char kind[32];      /* "bridge", "tun", "veth", ...; "" for hardware */
    char port_kind[32]; /* "bridge", "bond", ... when it has a master */
    char alias[257];
    char operstate;    /* IF_OPER_ */
    int addr_gen_mode; /* IN6_ADDR_GEN_MODE_, or -1 without IPv6 */
    struct {
        bool stp, vlan_filtering, snooping;
        unsigned int forward_delay; /* in 1/100 s */
    } bridge;                       /* of kind "bridge" */
    struct {
        bool isolated, locked, guard, learning, flooding;
        int state; /* BR_STATE_ */
    } port;        /* of port_kind "bridge" */
};

struct links {
    struct link *list;
    size_t count;
};

/* Reads all interfaces. Returns 0 or -errno; links_free() in any case. */
int links_read(struct rtnl *nl, struct links *out);
void links_free(struct links *links);

/* NULL: there is none. */
const struct link *links_by_name(const struct links *links, const char *name);
const struct link *links_by_index(const struct links *links, int ifindex);
