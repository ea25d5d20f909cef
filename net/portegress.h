/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The part of a port's program that judges where a packet goes (egress=). */
#pragma once

struct binding;
struct bpf;
struct bpf_label;

/* Words of memory: the destination's address, up to four; its port, with the protocol, IPPROTO_TCP or
 * IPPROTO_UDP, in the upper half, 0 for others; 1 if it is this host. The rest is free from EGRESS_WORDS on.
 */
enum { EGRESS_TO = 0, EGRESS_PORT = 4, EGRESS_IS_HOST, EGRESS_WORDS };

/* In place of the port: a later fragment, which carries none. */
enum { EGRESS_LATER_FRAGMENT = 1 << 24 };

/* Adds what jumps to the one label or the other, for a destination of that family whose address and port are
 * in memory. */
void portegress_add(struct bpf *p, const struct binding *b, int family, struct bpf_label *pass,
                    struct bpf_label *drop);
