/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bridges made, changed and removed by an administrator. The requests are added to a batch, so that what
 * belongs together is sent together. */
#pragma once

#include "batch.h"

#include <stdbool.h>
#include <stdint.h>

struct switch_options {
    const char *name;
    const uint8_t *mac;  /* NULL: one that is derived from nothing else and stays: see switch_random_mac() */
    unsigned int mtu;    /* 0: as the kernel has it */
    bool stp;            /* without it the bridge has no forwarding delay */
    bool vlan_filtering; /* asked of the kernel only when true: not every kernel has it */
};

/* A request for a new bridge, down. */
void switch_new(struct batch *batch, const struct switch_options *options);

/* Six bytes of a locally administered, unicast MAC. Returns 0 or -errno. */
int switch_random_mac(uint8_t mac[6]);

void switch_join(struct batch *batch, int port, int bridge);                /* bridge 0: leave */
void switch_set_alias(struct batch *batch, int ifindex, const char *alias); /* RTM_NEWLINK does not take it */
void switch_up(struct batch *batch, int ifindex);
void switch_set_mtu(struct batch *batch, int ifindex, unsigned int mtu);
void switch_set_addr_gen_mode(struct batch *batch, int ifindex, int mode);
void switch_delete(struct batch *batch, int ifindex);
