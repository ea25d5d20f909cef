/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "firewall.h"
#include "net/link.h"
#include "network.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TRIAL_SECONDS = 3 /* of the probe's 5 */ };

static const struct {
    const char *name;
    enum frame_kind first, last;
} protocols[] = {
    {"ARP", FRAME_ARP, FRAME_ARP},
    {"IPv4", FRAME_ICMP, FRAME_TCP},
    {"ICMP", FRAME_ICMP, FRAME_ICMP},
    {"UDP", FRAME_UDP, FRAME_UDP},
    {"TCP", FRAME_TCP, FRAME_TCP},
    {"IPv6", FRAME_ICMP6, FRAME_TCP6},
    {"ICMPv6", FRAME_ICMP6, FRAME_ICMP6},
    {"UDP over IPv6", FRAME_UDP6, FRAME_UDP6},
    {"TCP over IPv6", FRAME_TCP6, FRAME_TCP6},
};

/* Lists what was lost: a whole family by its name only. Returns whether that is ARP or all of IPv4, without
 * which most guests have no network. */
static bool list_lost(const bool arrived[FRAME_KINDS], char *out, size_t size)
{
    enum frame_kind next = FRAME_ARP; /* those before it are listed */
    bool serious = false;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        bool lost = protocols[i].first >= next;
        for (enum frame_kind kind = protocols[i].first; kind <= protocols[i].last; kind++)
            lost &= !arrived[kind];
        if (!lost)
            continue;
        next = protocols[i].last + 1;
        serious |= i < 2;
        const size_t length = strlen(out);
        snprintf(out + length, size - length, "%s%s", length ? ", " : "", protocols[i].name);
    }
    return serious;
}

/* Names a chain that may have dropped the frames. Returns whether it is one of iptables-legacy. */
static bool find_chain(const bool arrived[FRAME_KINDS], char *out, size_t size)
{
    char where[160];
    const bool ip4 = !arrived[FRAME_ICMP], ip6 = !arrived[FRAME_ICMP6];

    if (firewall_nft_drops(arrived, where, sizeof(where)) > 0) {
        snprintf(out, size, "the chain '%s' of nftables drops what no rule accepts", where);
        return false;
    }
    const bool legacy4 = ip4 && firewall_legacy_drops(false) > 0;
    const bool legacy6 = !legacy4 && ip6 && firewall_legacy_drops(true) > 0;
    if (legacy4 || legacy6)
        snprintf(out, size, "the chain FORWARD of %s drops what no rule accepts",
                 legacy4 ? "iptables-legacy" : "ip6tables-legacy");
    else
        snprintf(out, size, "see `nft list ruleset`, `iptables-save` and `ebtables-save`");
    return legacy4 || legacy6;
}

static void report_lost(const char *bridge, const bool arrived[FRAME_KINDS], struct findings *out)
{
    char lost[128], chain[256], port[IFNAMSIZ];
    enum finding_id id = NET_FILTER_DROP;

    const bool serious = list_lost(arrived, lost, sizeof(lost));
    if (find_chain(arrived, chain, sizeof(chain)))
        id = NET_FILTER_LEGACY;
    const bool named = firewall_names_port(bridge, port);
    if (!serious || named)
        id = NET_FILTER_PARTLY;
    if (named)
        finding_add_fixable(out, id, bridge,
                            "%s does not pass %s between two new taps, but the firewall has rules of its own "
                            "for port %s: %s",
                            bridge, lost, port, chain);
    else
        finding_add_fixable(out, id, bridge, "%s does not pass %s between two new taps: %s", bridge, lost,
                            chain);
}

static void report_passed(const char *bridge, struct findings *out)
{
    char port[IFNAMSIZ];

    finding_add(out, NET_FILTER, "%s passes ARP, IPv4 and IPv6 frames from one new tap to another", bridge);
    if (firewall_names_port(bridge, port))
        finding_add(out, NET_FILTER_SKIPPED,
                    "the firewall has rules of its own for port %s of %s, which were not tried", port,
                    bridge);
}

static void report_bridge(const char *bridge, struct findings *out)
{
    bool arrived[FRAME_KINDS], all = true;
    char why[128];

    if (firewall_try(bridge, arrived, why, sizeof(why)) < 0) {
        finding_add(out, NET_FILTER_SKIPPED, "the firewall was not tried on %s: %s", bridge, why);
        return;
    }
    for (int kind = 0; kind < FRAME_KINDS; kind++)
        all &= arrived[kind];
    if (all)
        report_passed(bridge, out);
    else
        report_lost(bridge, arrived, out);
}

static bool is_wanted(const struct probe_context *context, const char *name)
{
    return network_has(name, "bridge") && (!context->bridge || strcmp(context->bridge, name) == 0);
}

static void report_each(const struct probe_context *context, struct findings *out)
{
    struct if_nameindex *interfaces = if_nameindex();
    const time_t end = time(NULL) + TRIAL_SECONDS;
    size_t count = 0;

    for (const struct if_nameindex *at = interfaces; at && at->if_index; at++) {
        if (!is_wanted(context, at->if_name))
            continue;
        if (geteuid() != 0)
            finding_add_fixable(out, NET_FILTER_SKIPPED, at->if_name,
                                "the firewall was not tried on %s: only root can send frames through it",
                                at->if_name);
        else if (time(NULL) <= end)
            report_bridge(at->if_name, out);
        else
            finding_add(out, NET_FILTER_SKIPPED,
                        "the firewall was not tried on %s: there are too many bridges", at->if_name);
        count++;
    }
    if (interfaces)
        if_freenameindex(interfaces);
    if (count == 0)
        finding_add(out, NET_FILTER_SKIPPED,
                    "the firewall was not tried: there is no bridge to send through");
}

void network_filter_probe(const struct probe_context *context, struct findings *out)
{
    const char *problem = network_sys_problem();

    if (problem)
        finding_add(out, NET_FILTER_SKIPPED, NETWORK_PATH " cannot be read: %s", problem);
    else
        report_each(context, out);
}
