/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What the host must reach after a move, because it did before: the gateways of its default routes, by ARP or
 * neighbour discovery, which they answer even if they answer no ping; and the addresses given by --probe. */
#pragma once

#include "base/options.h"
#include "move.h"

enum { PROBE_GATEWAYS_MAX = 8 };

struct probe {
    const struct option_list *addresses;
    struct cidr gateways[PROBE_GATEWAYS_MAX]; /* that answered before */
    size_t gateway_count;
};

/* Adds --probe, a list of addresses. */
#define PROBE(type, field)                                                                                   \
    OPTION_LIST("probe", "ADDRESS",                                                                          \
                "put everything back unless ADDRESS answers a ping, as before; may be repeated", type,       \
                field)

/* Checks the addresses of --probe. Returns 0 or reports why not, with an exit status. */
int probe_check(const char *verb, const struct option_list *addresses);

/* Finds out what the host reaches through the uplink now. Returns 0; or reports which address of --probe does
 * not answer even now. */
int probe_before(struct view *view, const char *verb, const struct option_list *addresses,
                 const struct move *move, struct probe *out);

/* Waits until the host reaches all that through the bridge, at most for that time. Returns 0 or reports what
 * it does not reach. */
int probe_after(struct view *view, const char *verb, const struct move *move, const struct probe *probe,
                int seconds);
