/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a guest's port is bound to: the addresses that it speaks for, what it may serve, its VLANs, and where
 * it may send. */
#pragma once

#include "base/vlans.h"
#include "cidr.h"

struct binding;
struct bpf_steps;
struct rtnl;

/* Where a guest may send to: an ordered list, of which the first item that matches decides. */
enum {
    EGRESS_ITEMS_MAX = 64,
    EGRESS_HOST_MAX = 1024,
};

enum egress_to { EGRESS_NETWORK, EGRESS_HOST, EGRESS_PRIVATE, EGRESS_LINK_LOCAL, EGRESS_ALL };

struct egress {
    bool allows;
    enum egress_to to;
    struct cidr network; /* EGRESS_NETWORK */
    int protocol;        /* IPPROTO_TCP or IPPROTO_UDP; 0: any, or with a port these two */
    unsigned int port;   /* 0: any */
};

/* Returns the networks that an item is about, of both families, and how many; EGRESS_HOST has none. */
const struct cidr *egress_networks(const struct egress *item, size_t *count);

/* What this host takes for itself. */
struct egress_host {
    struct cidr list[EGRESS_HOST_MAX];
    size_t count;
};

/* Reads them (address_each_own()). Returns 0, -EOVERFLOW, or another -errno with the kernel's message in
 * nl->reason. */
int egress_read_host(struct rtnl *nl, struct egress_host *out);

/* Words of memory: the destination's address, up to four; its port, with the protocol, IPPROTO_TCP or
 * IPPROTO_UDP, in the upper half, 0 for others; 1 if it is this host. Free from EGRESS_WORDS on. */
enum { EGRESS_TO = 0, EGRESS_PORT = 4, EGRESS_IS_HOST, EGRESS_WORDS };

/* In place of the port: a later fragment, which carries none. */
enum { EGRESS_LATER_FRAGMENT = 1 << 24 };

/* Adds what jumps to the one label or the other, for a destination of that family that is in memory. Takes
 * labels up to EGRESS_LABELS for itself. */
enum { EGRESS_LABELS = 8 };
void egress_add(struct bpf_steps *p, const struct binding *b, int family, unsigned int pass,
                unsigned int drop);

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
