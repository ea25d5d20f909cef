/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Ports of a bridge. Every call returns 0 or -errno, the kernel's own words then being in nl->reason. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rtnl;

struct port_options;

/* Sets these options of a port, which is on its bridge already. Kernels that do not know one ignore it
 * silently (net/bridge/br_netlink.c, br_port_policy): ask with link_get(). */
int port_set(struct rtnl *nl, int ifindex, const struct port_options *options);

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
 * from an unlocked port would move it there. Kernels that do not know the flag ignore it: ask with
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

/* vlan is one that the port ifindex is in; flags: BRIDGE_VLAN_INFO_. */
typedef void port_vlan(void *arg, int ifindex, unsigned int vlan, unsigned int flags);

/* Calls each() for every VLAN of every port of the namespace, whether or not its bridge filters VLANs now:
 * the kernel has no request for one port. */
int port_each_vlan(struct rtnl *nl, port_vlan *each, void *arg);
