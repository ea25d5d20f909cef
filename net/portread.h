/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What a port's filter is and has done: apart from portfilter.h, because the privileged helper does not ask.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct binding;
struct bpf;
struct rtnl;

struct portfilter_state {
    bool attached;    /* two filters, a pass program and one that drops everything, and no other */
    bool bound;       /* likewise, and the program is that of the binding asked about */
    uint32_t dropped; /* frames that it dropped since it was first attached */
};

/* Reads what is attached to an interface, without privilege. binding: as for portfilter_attach(); NULL: just
 * read. Returns 0 or -errno, with the kernel's message in nl->reason. */
int portfilter_read(struct rtnl *nl, int ifindex, const struct binding *binding,
                    struct portfilter_state *out);

/* Reads the pass program of an interface, without privilege. Returns 1; 0: the two filters are not attached,
 * or not alone; or -errno. Something must have been asked of nl before: answers are as large as what the
 * socket has taken (net/netlink/af_netlink.c, netlink_dump), and a program is longer than the first. */
int portfilter_program(struct rtnl *nl, int ifindex, struct bpf *out);
