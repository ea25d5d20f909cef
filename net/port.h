/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ports of a bridge, and what a bridge itself says that matters to them. Every call returns 0 or -errno, the
 * kernel's own words then being in nl->reason. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Of include/uapi/linux/if_link.h: Debian 12's, of Linux 6.1, lacks them. Kernels that do not know one pass
 * over it without a word, and do not have it in their answers. */
enum {
    PORT_MCAST_MAX_GROUPS = 42, /* IFLA_BRPORT_MCAST_MAX_GROUPS, u32, since Linux 6.3 */
    BRIDGE_FDB_MAX_LEARNED = 49 /* IFLA_BR_FDB_MAX_LEARNED, u32, since Linux 6.7 */
};

/* How many addresses a bridge that we make learns: 16 for each of its 1,023 ports, which are 2 MB. Frames for
 * others go to every port that is sent unknown ones. */
enum { BRIDGE_LEARNED = 16384 };

struct nlattr;
struct rtnl;

struct port_options {
    bool isolated; /* exchanges nothing with other isolated ports (Linux 4.18) */
    bool
        locked; /* takes frames only from addresses that the forwarding table has at this port (Linux 5.18) */
    bool learning; /* puts the source addresses of frames into that table */
    bool flood;    /* is sent frames for addresses that the table has not */
    bool guard;    /* goes down when an STP frame comes in */
    bool router;   /* becomes a multicast router's port, which is sent every group, when a query comes in */
    unsigned int max_groups; /* multicast groups it may be in, of all VLANs together; 0: any number */
    bool knows_groups;       /* of port_get() and port_read() only: the kernel has max_groups (Linux 6.3) */
};

/* Sets these options of a port, which is on its bridge already. Kernels that do not know one pass over it
 * without a word (net/bridge/br_netlink.c, br_port_policy): ask with port_get(). */
int port_set(struct rtnl *nl, int ifindex, const struct port_options *options);
int port_get(struct rtnl *nl, int ifindex, struct port_options *out);

/* The same from IFLA_LINKINFO of a link, parsed. Returns 0, or -EBADMSG: it is no bridge's port. */
int port_read(struct nlattr *linkinfo[], struct port_options *out);

/* What a bridge's forwarding table says of one address, without VLAN (Linux 5.0; net/core/rtnetlink.c,
 * rtnl_fdb_get). */
struct port_address {
    int ifindex;  /* the port, or the bridge itself */
    bool local;   /* that interface's own MAC */
    bool static_; /* put there, not learnt */
    bool sticky;  /* not moved by a frame from another port (Linux 4.20) */
};

/* Looks an address up. Returns 0; -ENOENT: the table does not have it; or another -errno. */
int port_find_address(struct rtnl *nl, int bridge, const uint8_t mac[6], struct port_address *out);

/* Puts an address at that port into the bridge's table for good, sticky: otherwise a frame with that source
 * from an unlocked port would move it there. Kernels that do not know the flag pass over it: ask with
 * port_find_address(). -EEXIST: the table has it already, wherever. */
int port_add_address(struct rtnl *nl, int ifindex, const uint8_t mac[6]);

/* Makes the port, on a bridge that filters VLANs, an access port: frames without a tag are of that VLAN, and
 * it is in no other. */
int port_set_vlan(struct rtnl *nl, int ifindex, unsigned int vlan, unsigned int default_vlan);

/* Where the bridge snoops multicast in each VLAN, struct port_options' router says nothing: each VLAN of a
 * port has its own. Denies it in that VLAN, which the port must be in. A kernel that can snoop so (struct
 * bridge_settings) does it or answers why not. */
int port_deny_vlan_router(struct rtnl *nl, int ifindex, unsigned int vlan);

/* Whether the port is an access port of that VLAN and of nothing else: 1 or 0, or -errno. */
int port_has_vlan(struct rtnl *nl, int ifindex, unsigned int vlan);

/* Calls each(arg, ifindex, vlan) for every port of the namespace that takes frames without a tag for a
 * VLAN's, whether or not its bridge filters VLANs now. */
int port_each_vlan(struct rtnl *nl, void (*each)(void *arg, int ifindex, unsigned int vlan), void *arg);

struct bridge_settings {
    bool stp;                  /* the kernel's own; not one that a daemon runs */
    bool vlan_filtering;       /* always false where the kernel has none */
    bool vlan_snooping;        /* the kernel can snoop multicast in each VLAN (Linux 5.15) */
    bool knows_learned;        /* the kernel has max_learned (Linux 6.7) */
    unsigned int max_learned;  /* addresses that it learns; 0: any number */
    unsigned int max_groups;   /* multicast groups, of all ports, at which it stops snooping for good */
    unsigned int default_vlan; /* which new ports are in; 0: none */
    uint8_t mac[6];
};

int bridge_settings(struct rtnl *nl, int ifindex, struct bridge_settings *out);

/* Sets one option of a bridge, of those in IFLA_INFO_DATA that are a u32: max_groups of struct
 * bridge_settings is IFLA_BR_MCAST_HASH_MAX (a power of 2), max_learned BRIDGE_FDB_MAX_LEARNED. */
int bridge_set_option(struct rtnl *nl, int ifindex, int type, uint32_t value);
