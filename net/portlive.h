/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What changes a port that is in use: apart from port.h, because the privileged helper, which only makes new
 * ones, does not need it. Calls return 0 or -errno, with the kernel's message in nl->reason. */
#pragma once

#include <stdint.h>

struct rtnl;

/* Removes the port's entries for an address in all its VLANs. */
int portlive_drop_address(struct rtnl *nl, int ifindex, const uint8_t mac[6]);

enum portlive_judge {
    PORTLIVE_NONE,
    PORTLIVE_QDISC,  /* a qdisc in the place of clsact, as libvirt's for <outbound> (virnetdevbandwidth.c):
                      * filters can be attached to it, and are gone when libvirt sets the limit again */
    PORTLIVE_FILTERS /* filters on clsact, and none of portfilter_attach()'s */
};

/* Finds out who else judges what a port receives: portfilter_attach() would decide in their place. Returns 0
 * or -errno. */
int portlive_find_judge(struct rtnl *nl, int ifindex, enum portlive_judge *out);

/* Removes the filter that portfilter_attach() attached: the one that drops goes first, so that at no moment
 * all is dropped. The clsact qdisc stays if something else is attached to it. */
int portlive_drop_filter(struct rtnl *nl, int ifindex);

/* Sets an interface down. */
int portlive_down(struct rtnl *nl, int ifindex);

/* Removes an alternative name. */
int portlive_drop_altname(struct rtnl *nl, int ifindex, const char *altname);
