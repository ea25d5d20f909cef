/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The filter at a tap's clsact ingress, which judges what the guest sends before the bridge and the host do:
 * cls_bpf with the program of portprogram.h, whose match means 'pass', and behind it one that drops
 * everything. One filter that says what to drop would pass whatever ends it early. It goes with the tap, and
 * is lost when the tap is moved to another network namespace. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct binding;
struct rtnl;

/* Attaches the filter, or replaces the one that is attached, so that no frame is judged by neither, and reads
 * it back. CAP_NET_ADMIN must be effective now, and have been when nl was opened. Returns 0 or -errno, with
 * the kernel's message in nl->reason; do not use the tap then:
 *
 *   -E2BIG: the program is longer than the kernel takes;
 *
 *   -ENOPKG, -ENOSYS: the kernel has no clsact, or no cls_bpf;
 *
 *   -EILSEQ: what was read back is not what was attached, or another filter is in front. */
int portfilter_attach(struct rtnl *nl, int ifindex, const struct binding *binding);

struct portfilter_state {
    bool attached;    /* a pass program, and behind it one that drops everything; no other filter is there */
    bool bound;       /* likewise, and the program is that of the binding asked about */
    uint32_t dropped; /* frames, since it was first attached */
};

/* Reads what is attached, by anybody. binding: NULL: do not compare. Needs no privilege. Returns 0 or
 * -errno. */
int portfilter_read(struct rtnl *nl, int ifindex, const struct binding *binding,
                    struct portfilter_state *out);
