/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The filter at a tap's clsact ingress, which judges what the guest sends before the bridge and the host see
 * it: cls_bpf with the program of portprogram.h, whose match means 'pass', and behind it one that drops
 * everything. (One filter that returned verdicts would pass whatever a load beyond the frame ends early.) It
 * goes with the tap, and is lost when the tap is moved to another network namespace. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct binding;
struct bpf;
struct error;
struct rtnl;

/* The preferences of the two: the lower one judges first. */
enum { PORTFILTER_PASS = 1, PORTFILTER_DROP = 2 };

/* Attaches the filter and reads it back. One that is attached already is replaced at once: no frame passes in
 * between. If the binding names this host in egress= without its addresses, those are read, too.
 * CAP_NET_ADMIN must be effective now, and have been when nl was opened. Returns 0, or -1 and why not, for a
 * message that says what was to be done: ": %s". The tap must not be used then. */
int portfilter_attach(struct rtnl *nl, int ifindex, const struct binding *binding, struct error *why);

struct portfilter_state {
    bool attached;    /* two filters, a pass program and one that drops everything, and no other */
    bool bound;       /* likewise, and the program is that of the binding asked about */
    uint32_t dropped; /* frames that it dropped since it was first attached */
};

/* Reads what is attached to an interface, without privilege. binding: as above; NULL: just read. Returns 0 or
 * -errno, with the kernel's message in nl->reason. */
int portfilter_read(struct rtnl *nl, int ifindex, const struct binding *binding,
                    struct portfilter_state *out);

/* Likewise the pass program itself. -ENOENT: the two filters are not attached, or not alone. */
int portfilter_program(struct rtnl *nl, int ifindex, struct bpf *out);
