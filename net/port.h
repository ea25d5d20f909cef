/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Ports of a bridge. Every call returns 0 or -errno, with the kernel's message in nl->reason. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rtnl;

struct port_options;
struct vlan_range;
struct vlans;

/* Sets these options of a port that is already on its bridge. Kernels silently ignore options that they do
 * not know (net/bridge/br_netlink.c, br_port_policy): check with link_get(). */
int port_set(struct rtnl *nl, int ifindex, const struct port_options *options);

/* A bridge's FDB entry for one address (Linux 5.0; net/core/rtnetlink.c, rtnl_fdb_get). */
struct port_address {
    int ifindex;  /* the port, or the bridge itself */
    bool local;   /* that interface's own MAC */
    bool static_; /* added by a user, not learned */
    bool sticky;  /* does not move to another port that receives a frame from it (Linux 4.20) */
};

/* Looks up an address in one VLAN; 0: the entry without one, which a bridge uses that does not filter VLANs.
 * Returns 0; -ENOENT: the FDB does not have it; or another -errno. */
int port_find_address(struct rtnl *nl, int bridge, const uint8_t mac[6], unsigned int vlan,
                      struct port_address *out);

/* Returns 1 if an interface on top of the bridge (macvlan, VLAN) has that address, in whatever network
 * namespace it is: such a one adds it to those that the bridge takes frames for (net/core/dev_addr_lists.c,
 * dev_uc_add), which a dump of the bridge's FDB has, too (ndo_dflt_fdb_dump); 0; or -errno. */
int port_is_on_top(struct rtnl *nl, int bridge, const uint8_t mac[6]);

/* Adds a permanent, sticky FDB entry for an address at that port: without sticky, a frame with that source on
 * an unlocked port would move it there. port_find_address() reads it back. moves: an entry that the FDB has
 * already becomes such a one; otherwise -EEXIST. */
int port_add_address(struct rtnl *nl, int ifindex, const uint8_t mac[6], bool moves);

/* Puts a port of a VLAN-filtering bridge into these VLANs, up to VLANS_RANGES_MAX ranges of them: only frames
 * of the untagged VLAN, if any, have no tag. */
int port_enter_vlans(struct rtnl *nl, int ifindex, const struct vlans *vlans);

/* Takes a port out of those VLANs that it is in (net/bridge/br_netlink.c, br_vlan_info, minds no others). */
int port_leave_vlans(struct rtnl *nl, int ifindex, const struct vlan_range *range);

/* If the bridge snoops multicast per VLAN, `router` of struct port_options has no effect: each VLAN of a port
 * has its own setting. Disables it in those VLANs, which the port must be in. A kernel with per-VLAN snooping
 * (struct bridge_settings) does this or returns why not. */
int port_deny_vlan_router(struct rtnl *nl, int ifindex, const struct vlan_range *vlans);
