/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "firewall.h"
#include "fix_firewall.h"
#include "net/link.h"
#include "network.h"

#include <linux/netfilter.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* Lists what was lost: a whole family by its name only. Returns whether that is ARP, or both UDP and TCP over
 * IPv4, without which most guests have no network. */
static bool list_lost(const bool arrived[FRAME_KINDS], char *out, size_t size)
{
    enum frame_kind next = FRAME_ARP; /* those before it are listed */

    out[0] = '\0';
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (protocols[i].first < next || !frames_lost(arrived, protocols[i].first, protocols[i].last))
            continue;
        next = protocols[i].last + 1;
        const size_t length = strlen(out);
        snprintf(out + length, size - length, "%s%s", length ? ", " : "", protocols[i].name);
    }
    return !arrived[FRAME_ARP] || frames_lost(arrived, FRAME_UDP, FRAME_TCP);
}

/* Writes which chain may have dropped the frames: HOOK FAMILY TABLE CHAIN, as in fix_firewall.h. Returns
 * whether it is known to drop. */
static bool find_chain(const bool arrived[FRAME_KINDS], char *out, size_t size)
{
    const bool ip4 = frames_lost(arrived, FRAME_ICMP, FRAME_TCP),
               ip6 = frames_lost(arrived, FRAME_ICMP6, FRAME_TCP6);

    if (firewall_nft_drops(arrived, out, size) > 0)
        return true;
    const bool legacy4 = ip4 && firewall_legacy_drops(false) > 0;
    const bool legacy6 = !legacy4 && ip6 && firewall_legacy_drops(true) > 0;
    const char *family = "inet - -";
    if (legacy4)
        family = FIX_LEGACY4 " filter FORWARD";
    else if (legacy6)
        family = FIX_LEGACY6 " filter FORWARD";
    else if (!arrived[FRAME_ARP])
        family = "bridge - -";
    else if (arrived[FRAME_ICMP6] && arrived[FRAME_TCP6] && arrived[FRAME_UDP6])
        family = "ip filter FORWARD";
    else if (arrived[FRAME_ICMP] && arrived[FRAME_TCP] && arrived[FRAME_UDP])
        family = "ip6 filter FORWARD";
    snprintf(out, size, "%d %s", NF_INET_FORWARD, family);
    return legacy4 || legacy6;
}

static void report_lost(const char *bridge, const bool arrived[FRAME_KINDS], struct findings *out)
{
    char lost[128], chain[160], about[192], port[IFNAMSIZ], rules[128] = "";
    enum finding_id id = NET_FILTER_DROP;

    const bool serious = list_lost(arrived, lost, sizeof(lost));
    const bool known = find_chain(arrived, chain, sizeof(chain));
    const char *family = chain + strcspn(chain, " ") + 1;
    if (strncmp(family, FIX_LEGACY4 " ", sizeof(FIX_LEGACY4)) == 0 ||
        strncmp(family, FIX_LEGACY6 " ", sizeof(FIX_LEGACY6)) == 0)
        id = NET_FILTER_LEGACY;
    if (firewall_names_port(bridge, port) > 0)
        snprintf(rules, sizeof(rules), ", but the firewall has rules of its own for port %s", port);
    if (!serious || rules[0])
        id = NET_FILTER_PARTLY;
    if (known)
        finding_add(
            out, id,
            "%s does not pass %s between two new taps%s: the chain '%s' drops frames that no rule accepts",
            bridge, lost, rules, family);
    else
        finding_add(out, id,
                    "%s does not pass %s between two new taps%s: see `nft list ruleset` and `iptables-save`",
                    bridge, lost, rules);
    const int length = snprintf(about, sizeof(about), "%s %s", bridge, chain);
    finding_fixable(out, length < FINDING_ABOUT_SIZE ? about : bridge);
}

/* Each version of IP may have a firewall of its own, with its own fix. */
static void report_each_lost(const char *bridge, const bool arrived[FRAME_KINDS], struct findings *out)
{
    bool ip4[FRAME_KINDS], ip6[FRAME_KINDS];
    char chain4[160], chain6[160];

    for (int kind = 0; kind < FRAME_KINDS; kind++) {
        ip4[kind] = arrived[kind] || kind >= FRAME_ICMP6;
        ip6[kind] = arrived[kind] || kind < FRAME_ICMP6;
    }
    const bool both = arrived[FRAME_ARP] && !frames_arrived(ip4, 0, FRAME_KINDS - 1) &&
                      !frames_arrived(ip6, 0, FRAME_KINDS - 1);
    const bool known4 = both && find_chain(ip4, chain4, sizeof(chain4));
    const bool known6 = both && find_chain(ip6, chain6, sizeof(chain6));
    if ((known4 || known6) && strcmp(chain4, chain6) != 0) {
        report_lost(bridge, ip4, out);
        report_lost(bridge, ip6, out);
    } else {
        report_lost(bridge, arrived, out);
    }
}

static void report_passed(const char *bridge, struct findings *out)
{
    char port[IFNAMSIZ];

    finding_add(out, NET_FILTER, "%s passes ARP, IPv4 and IPv6 frames from one new tap to another", bridge);
    const int named = firewall_names_port(bridge, port);
    if (named > 0)
        finding_add(out, NET_FILTER_SKIPPED,
                    "the firewall has rules for port %s of %s, which this trial does not cover", port,
                    bridge);
    else if (named < 0)
        finding_add(out, NET_FILTER_SKIPPED, "the firewall's rules for ports of %s could not be read in time",
                    bridge);
}

static void report_bridge(const char *bridge, struct findings *out)
{
    bool arrived[FRAME_KINDS];
    const char *obstacle = firewall_try(bridge, arrived);

    if (obstacle)
        finding_add(out, NET_FILTER_SKIPPED, "the firewall was not tried on %s: %s", bridge, obstacle);
    else if (frames_arrived(arrived, 0, FRAME_KINDS - 1))
        report_passed(bridge, out);
    else
        report_each_lost(bridge, arrived, out);
}

void network_filter_probe(const struct probe_context *context, struct findings *out)
{
    const char *bridge = context->bridge, *problem = network_sys_problem();

    if (problem)
        finding_add(out, NET_FILTER_SKIPPED, NETWORK_PATH " cannot be read: %s", problem);
    else if (!bridge || !network_has(bridge, "bridge"))
        finding_add(out, NET_FILTER_SKIPPED,
                    "the firewall was not tried: there is no bridge to send through");
    else if (geteuid() != 0)
        finding_add_fixable(out, NET_FILTER_SKIPPED, bridge,
                            "the firewall was not tried on %s: only root can send frames through it", bridge);
    else
        report_bridge(bridge, out);
}
