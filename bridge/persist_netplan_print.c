/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Writes netplan's file of a bridge. */
#include "persist.h"

#include <stdio.h>

static const char *true_false(bool is)
{
    return is ? "true" : "false";
}

static void print_lists(FILE *out, const struct persist_plan *plan)
{
    char cidr[CIDR_TEXT];

    if (plan->address_count)
        fputs("      addresses:\n", out);
    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], cidr);
        fprintf(out, "        - \"%s\"\n", cidr);
    }
    if (plan->route_count)
        fputs("      routes:\n", out);
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct persist_route *route = &plan->routes[i];
        fprintf(out, "        - to: \"%s\"\n", route->to);
        if (*route->via)
            fprintf(out, "          via: \"%s\"\n", route->via);
        else
            fputs("          scope: link\n", out);
        if (route->onlink)
            fputs("          on-link: true\n", out);
        if (route->metric)
            fprintf(out, "          metric: %u\n", route->metric);
    }
}

static void print_bridge(FILE *out, const struct persist_plan *plan, const char *id)
{
    fprintf(out, "  bridges:\n    \"%s\":\n      macaddress: \"%s\"\n      interfaces: [", plan->bridge,
            plan->mac);
    if (*plan->uplink)
        fprintf(out, "\"%s\"", id);
    fprintf(out, "]\n      parameters:\n        stp: %s\n", true_false(plan->stp));
    if (!plan->stp)
        fputs("        forward-delay: 0\n", out);
    if (plan->mtu)
        fprintf(out, "      mtu: %u\n", plan->mtu);
}

void persist_netplan_print(FILE *out, const struct persist_plan *plan, const char *section, const char *id,
                           const char *moved)
{
    persist_head(out, plan);
    fputs("network:\n  version: 2\n", out);
    if (*plan->uplink)
        fprintf(
            out,
            "  %s:\n    \"%s\":\n      dhcp4: false\n      dhcp6: false\n      accept-ra: false\n      link-local: []\n",
            section, id);
    if (*plan->uplink && plan->mtu)
        fprintf(out, "      mtu: %u\n", plan->mtu);
    print_bridge(out, plan, id);
    if (moved) {
        fputs(moved, out);
        return;
    }
    fprintf(out, "      dhcp4: %s\n", true_false(plan->dhcp));
    print_lists(out, plan);
}
