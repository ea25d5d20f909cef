/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The host's neighbour tables (ARP and IPv6 neighbour discovery), and the VLAN devices through which it has
 * neighbours. Only reads what the kernel has: nothing is sent. */
#pragma once

#include "cidr.h"

#include <stdint.h>

struct rtnl;

struct neighbour {
    int ifindex;         /* the host's interface */
    struct cidr address; /* a single one */
    uint8_t mac[6];
};

struct neighbour_table {
    struct neighbour *list;
    size_t count;
};

/* A device for the frames of one VLAN (`ip link add link LOWER type vlan id N`). */
struct vlan_device {
    int ifindex, lower;
    unsigned int vlan;
    uint16_t protocol; /* of the tag: ETH_P_8021Q or ETH_P_8021AD; 0: unknown */
};

struct vlan_devices {
    struct vlan_device *list;
    size_t count;
};

/* Read all of the namespace, without privilege: those neighbours whose MAC is known. Return 0 or -errno; the
 * caller must free them in either case. */
int neighbour_table_read(struct rtnl *nl, struct neighbour_table *out);
void neighbour_table_free(struct neighbour_table *neighbours);
int vlan_devices_read(struct rtnl *nl, struct vlan_devices *out);
void vlan_devices_free(struct vlan_devices *devices);
