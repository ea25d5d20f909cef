/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a port's filter is and has done, and which VLANs a port is in: apart from port.h and portfilter.h,
 * because the privileged helper does not ask. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct binding;
struct bpf;
struct rtnl;
struct vlan_range;
struct vlans;

struct portfilter_state {
    bool attached;    /* two filters, a pass program and one that drops everything, and no other */
    bool bound;       /* likewise, and the program is that of the binding asked about */
    uint32_t dropped; /* frames that it dropped since it was first attached */
};

/* Reads what is attached to an interface, without privilege. binding: as for portfilter_attach(); NULL: just
 * read. Returns 0 or -errno, with the kernel's message in nl->reason. */
int portfilter_read(struct rtnl *nl, int ifindex, const struct binding *binding,
                    struct portfilter_state *out);

/* Reads the pass program of an interface, without privilege. Returns 1; 0: the two filters are not attached,
 * or not alone; or -errno. Something must have been asked of nl before: answers are as large as what the
 * socket has taken (net/netlink/af_netlink.c, netlink_dump), and a program is longer than the first. */
int portfilter_program(struct rtnl *nl, int ifindex, struct bpf *out);

/* Reads which VLANs a port is in. Returns 1; 0: in some way that port_enter_vlans() does not put it there (a
 * VLAN is untagged one way only); or -errno. */
int port_get_vlans(struct rtnl *nl, int ifindex, struct vlans *out);

/* range: of VLANs that port ifindex is in; flags: BRIDGE_VLAN_INFO_PVID, if frames that come in untagged
 * belong there, and BRIDGE_VLAN_INFO_UNTAGGED, if frames go out untagged. */
typedef void port_vlans(void *arg, int ifindex, const struct vlan_range *range, unsigned int flags);

/* Calls each() for the VLANs of a port or bridge, whether or not the bridge filters VLANs; ifindex 0: of all
 * in the namespace. Nothing if the kernel has no VLANs on bridges, or is older than Linux 5.6. Returns 0;
 * -EINVAL: it is neither; or another -errno. */
int port_each_vlans(struct rtnl *nl, int ifindex, port_vlans *each, void *arg);
