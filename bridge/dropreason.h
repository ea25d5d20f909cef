/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Says for a person why a port's filter drops a frame. The filter decides; this only names what most likely
 * made it so, and its words never hold anything but numbers and addresses of the frame. */
#pragma once

#include "net/cidr.h"

struct frame;

enum { DROP_REASON_SIZE = 160 };

/* What the guest is bound to, according to its tap's claims. */
struct drop_bound {
    uint8_t mac[6];
    struct cidr *addresses; /* none: only the MAC binds */
    size_t count;
};

void drop_reason(char out[DROP_REASON_SIZE], const struct frame *frame, const struct drop_bound *bound);
