/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Says for a person why a port's filter drops a frame. The filter decides; this only names what most likely
 * made it so, and its words never hold anything but numbers and addresses of the frame. */
#pragma once

#include "base/vlans.h"
#include "net/cidr.h"

struct frame;

enum { DROP_REASON_SIZE = 160 };

/* What the guest is bound to, according to its tap's claims and its port's VLANs. */
struct drop_bound {
    uint8_t mac[6];
    struct cidr *addresses; /* none: only the MAC binds */
    size_t count;
    struct vlans vlans;     /* none, or an access VLAN: no tags */
    uint16_t vlan_protocol; /* of the tags of its bridge: ETH_P_8021Q or ETH_P_8021AD */
};

void drop_reason(char out[DROP_REASON_SIZE], const struct frame *frame, const struct drop_bound *bound);
