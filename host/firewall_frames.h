/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The frames that are sent through a bridge to see what its firewall does to them. Each is well formed, since
 * br_netfilter drops others by itself (net/bridge/br_netfilter_hooks.c, br_validate_ipv4), and unicast. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_kind {
    FRAME_ARP,
    FRAME_ICMP,
    FRAME_UDP,
    FRAME_TCP,
    FRAME_ICMP6,
    FRAME_UDP6,
    FRAME_TCP6,
    FRAME_KINDS,
};

enum { FRAME_SIZE = 96 };

/* Who sends them to whom. */
struct frame_ends {
    uint8_t source_mac[6], target_mac[6];
    struct in_addr source, target;
    struct in6_addr source6, target6;
    uint32_t mark; /* tells these frames from others: each carries this plus its kind */
};

/* Whether all kinds from first to last arrived, or all were lost. */
bool frames_arrived(const bool arrived[FRAME_KINDS], int first, int last);
bool frames_lost(const bool arrived[FRAME_KINDS], int first, int last);

/* Writes a frame. Returns its length in bytes. */
size_t frame_write(uint8_t out[FRAME_SIZE], enum frame_kind kind, const struct frame_ends *ends);

/* Returns the kind of the frame if it is one of these, possibly with other addresses (NAT); -1: it is not. */
int frame_read(const uint8_t *frame, size_t size, const struct frame_ends *ends);
