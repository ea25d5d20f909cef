/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a guest may send from a port that is bound, as a classic-BPF program that returns UINT32_MAX for what
 * may pass and 0 for the rest. docs/port-filter.md says which is which. */
#pragma once

struct binding;
struct bpf;

enum {
    PORTPROGRAM_HEADERS = 4, /* IPv6 extension headers that a packet may have */
    PORTPROGRAM_OPTIONS = 8, /* options that a message of neighbour discovery may have */
};

/* Makes the program. Returns 0, or -E2BIG: it is longer than the kernel takes, BPF_MAXINSNS. */
int portprogram_make(const struct binding *binding, struct bpf *out);
