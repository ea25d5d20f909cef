/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The filter at a tap's clsact ingress, which judges what the guest sends before the bridge and the host see
 * it: cls_bpf with the program of portprogram.h, whose match means 'pass', and behind it one that drops
 * everything. (One filter that returned verdicts would pass whatever a load beyond the frame ends early.) It
 * goes with the tap, and is lost when the tap is moved to another network namespace. */
#pragma once

struct binding;
struct bpf;
struct error;
struct rtnl;

/* The preferences of the two: the lower one judges first. */
enum { PORTFILTER_PASS = 1, PORTFILTER_DROP = 2 };

/* The program of the second, an instruction. */
#define PORTFILTER_DROP_ALL                                                                                  \
    {                                                                                                        \
        BPF_RET | BPF_K, 0, 0, TC_ACT_SHOT                                                                   \
    }

/* Attaches the filter, reads it back, and checks that there is no other. One that is attached already is
 * replaced at once: no frame passes in between. If the binding names this host in egress= without its
 * addresses, those are read, too. CAP_NET_ADMIN must be effective now, and have been when nl was opened.
 * Returns 0, or -1 and why not, for a message that says what was to be done: ": %s". The tap must not be used
 * then. */
int portfilter_attach(struct rtnl *nl, int ifindex, const struct binding *binding, struct error *why);

/* Makes the pass program, with this host's addresses as they are now. Returns 0; -E2BIG: it is longer than
 * the kernel takes; -EOVERFLOW: the host has more than EGRESS_HOST_MAX; or another -errno, with the kernel's
 * message in nl->reason. */
int portfilter_make(struct rtnl *nl, const struct binding *binding, struct bpf *out);
