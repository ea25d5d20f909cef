/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * What this kernel's bridges cannot limit. Taps are granted nevertheless (policy/protect.c), so it is
 * reported here. */
#include "net/link.h"
#include "net/rtnl.h"
#include "network.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

/* What the kernel has revealed so far. */
struct limits {
    bool bridge, port; /* at least one was seen */
    bool addresses, groups;
};

static void look(struct rtnl *nl, const struct if_nameindex *interface, struct limits *out)
{
    struct link link;
    const int ifindex = (int)interface->if_index;

    if (!out->bridge && network_has(interface->if_name, "bridge") && link_get(nl, ifindex, &link) == 0) {
        out->bridge = true;
        out->addresses = link.bridge.knows_learned;
    }
    /* A kernel without multicast snooping lacks this file, and has nothing to limit. */
    if (!out->port && network_has(interface->if_name, "brport/multicast_router") &&
        link_get(nl, ifindex, &link) == 0) {
        out->port = true;
        out->groups = link.port.knows_groups;
    }
}

/* Without a port to examine: the Linux version that introduced it. */
static bool is_older(const char *release, unsigned long major, unsigned long minor)
{
    char *dot;
    const unsigned long is_major = strtoul(release, &dot, 10);
    const unsigned long is_minor = *dot == '.' ? strtoul(dot + 1, NULL, 10) : 0;

    return is_major < major || (is_major == major && is_minor < minor);
}

void network_limits_probe(const struct probe_context *context, struct findings *out)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    struct limits limits = {.bridge = false};
    struct utsname kernel;
    (void)context;

    if (network_sys_problem() || uname(&kernel) < 0 || rtnl_open(&nl) < 0)
        return;
    struct if_nameindex *interfaces = if_nameindex();
    for (const struct if_nameindex *at = interfaces; at && at->if_index; at++)
        look(&nl, at, &limits);
    if (interfaces)
        if_freenameindex(interfaces);
    if (!limits.bridge)
        return;
    if (!limits.addresses)
        finding_add_fixable(out, NET_LIMIT_ADDRESSES, "",
                            "this kernel (Linux %s) cannot limit how many addresses a bridge learns",
                            kernel.release);
    if (limits.port ? !limits.groups : is_older(kernel.release, 6, 3))
        finding_add_fixable(out, NET_LIMIT_GROUPS, "",
                            "this kernel (Linux %s) cannot limit how many multicast groups a guest is in",
                            kernel.release);
}
