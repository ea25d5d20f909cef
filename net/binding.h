/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a guest's port is bound to: the addresses that it speaks for, what it may serve, its VLANs, and where
 * it may send. */
#pragma once

#include "base/vlans.h"
#include "egress.h"

enum { BINDING_ADDRESSES_MAX = 64 };

/* What only some guests may send; zero: nothing. */
enum binding_serve {
    SERVE_DHCP = 1 << 0,   /* DHCP server replies */
    SERVE_DHCPV6 = 1 << 1, /* likewise for IPv6 */
    SERVE_RA = 1 << 2,     /* router advertisements and redirects */
    SERVE_STP = 1 << 3,    /* spanning tree, for the bridge: its BPDU guard then shuts the port */
};

struct binding {
    uint8_t mac[6];         /* the guest's */
    bool ip_lock;           /* the addresses bind; otherwise the MAC only */
    unsigned int serve;     /* SERVE_ */
    struct cidr *addresses; /* the guest's own; with a prefix shorter than the address, a whole network */
    size_t address_count;   /* up to BINDING_ADDRESSES_MAX */
    struct vlans vlans;     /* of its port; none, or an access VLAN: it sends no tags */
    uint16_t vlan_protocol; /* of the tags of its bridge: ETH_P_8021Q or ETH_P_8021AD */
    const struct egress *egress;    /* where it may send IPv4 and IPv6 to; at the end: nowhere */
    size_t egress_count;            /* up to EGRESS_ITEMS_MAX; 0: anywhere */
    const struct egress_host *host; /* for EGRESS_HOST; NULL: portfilter.h reads it */
};
