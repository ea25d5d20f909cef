/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a guest bound to its addresses may send, as a classic-BPF program. docs/port-filter.md has the list.
 */
#pragma once

#include "bpf.h"

struct binding;

enum {
    PORTPROGRAM_PASS = -1,   /* what it returns for a frame that may pass; for all others, 0 */
    PORTPROGRAM_HEADERS = 4, /* IPv6 extension headers that a packet may have */
    PORTPROGRAM_OPTIONS = 8, /* options that a neighbour-discovery message may have */
};

/* Makes the program. Returns 0, or -E2BIG: it is longer than BPF_MAXINSNS. */
int portprogram_make(const struct binding *binding, struct bpf *out);
