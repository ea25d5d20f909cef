/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The current state of the bridges that a policy allows. */
#include "base/error.h"
#include "base/quote.h"
#include "config.h"
#include "host/network.h"
#include "policy/declared.h"
#include "policy/maps.h"
#include "policy_lint.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

static bool is_about(const struct policy_rule *rule, const char *bridge)
{
    return rule->all || strcmp(rule->name, bridge) == 0;
}

/* The first rule that allows the bridge; NULL: none, or it is denied to everybody. */
static const struct policy_rule *find_allow(const struct policy *policy, const char *bridge)
{
    const struct policy_rule *found = NULL;

    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        if (!is_about(rule, bridge))
            continue;
        if (rule->deny && !rule->terms.user && !rule->terms.group)
            return NULL;
        if (!rule->deny && !found)
            found = rule;
    }
    return found;
}

/* The helper refuses what such a bridge cannot do. */
static void check_filtering(struct lint *lint, const struct policy *policy, const char *bridge)
{
    char name[64];

    if (!network_has(bridge, "bridge") || network_number(bridge, "bridge/vlan_filtering", 0))
        return;
    quote_into(bridge, name, sizeof(name));
    for (size_t i = 0; i < policy->rule_count; i++)
        if (!policy->rules[i].all && policy->rules[i].terms.vlan && is_about(&policy->rules[i], bridge))
            lint_warn(
                lint, policy->files[policy->rules[i].file].path, policy->rules[i].line,
                "nothing is granted: vlan= requires a bridge that filters VLANs, and '%s' does not; fix it: "
                "ip link set dev %s type bridge vlan_filtering 1",
                bridge, name);
}

static void check_mac(struct lint *lint, const struct policy *policy, const char *bridge)
{
    const struct policy_rule *rule = find_allow(policy, bridge);
    char mac[MAC_TEXT], name[64];

    if (!rule || !network_bridge_mac_varies(bridge))
        return;
    network_bridge_mac(bridge, mac);
    quote_into(bridge, name, sizeof(name));
    lint_warn(
        lint, policy->files[rule->file].path, rule->line,
        "the MAC of bridge '%s' is not fixed: whoever has a tap on it can change the host's own; fix it: "
        "ip link set dev %s address %s (`virt-tap check net` says how to make that stay)",
        bridge, name, mac);
}

/* An IP address as a network of its own. */
static bool take_address(const struct sockaddr *from, struct cidr *out)
{
    *out = (struct cidr){.family = from ? from->sa_family : AF_UNSPEC};
    if (out->family == AF_INET)
        memcpy(out->bytes, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    else if (out->family == AF_INET6)
        memcpy(out->bytes, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    else
        return false;
    out->prefix = (uint8_t)(8 * cidr_size(out->family));
    return true;
}

/* The host would look for all of the network on the bridge, as soon as a guest asks for that. */
static void check_declared(struct lint *lint, const struct bridges_entry *entry, const struct ifaddrs *all)
{
    char wanted[CIDR_TEXT], other[INET6_ADDRSTRLEN];
    struct cidr cidr;

    for (size_t i = 0; i < entry->is.address_count; i++)
        for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
            if (strcmp(at->ifa_name, entry->is.name) == 0 || !take_address(at->ifa_addr, &cidr))
                continue;
            if (!cidr_overlap(&entry->is.addresses[i], &cidr))
                continue;
            cidr_print(&entry->is.addresses[i], wanted);
            inet_ntop(cidr.family, cidr.bytes, other, sizeof(other));
            lint_warn(lint, BRIDGES_PATH, entry->line,
                      "the network of %s has %s of '%s' in it, and once the bridge is made, what is reached "
                      "there is looked for on the bridge: choose another network",
                      wanted, other, at->ifa_name);
            break;
        }
}

void lint_beside(struct lint *lint)
{
    _cleanup_bridges_ struct bridges bridges;
    _cleanup_maps_ struct maps maps = {.count = 0};
    struct ifaddrs *addresses = NULL;
    struct error why = {0};

    if (bridges_read(&bridges, &why) < 0)
        lint_error(lint, BRIDGES_PATH, 1, "no tap is granted: %s", why.text);
    else if (maps_read(&maps, &why) < 0)
        lint_error(lint, BRIDGES_PATH, 1, "no domain of another host is started: %s", why.text);
    if (getifaddrs(&addresses) < 0)
        addresses = NULL;
    for (size_t i = 0; i < bridges.count; i++) {
        const struct bridges_entry *entry = &bridges.entries[i];
        struct policy_rule rule = {.all = false};
        check_declared(lint, entry, addresses);
        strcpy(rule.name, entry->is.name);
        if (lint_name_trouble(&rule))
            lint_warn(lint, BRIDGES_PATH, entry->line,
                      "this declares a bridge called '%s': name one bridge per line, in full, without quotes "
                      "or a comment",
                      rule.name);
    }
    freeifaddrs(addresses);
}

void lint_bridges(struct lint *lint, const struct policy *policy)
{
    if (network_sys_problem())
        return;
    struct if_nameindex *interfaces = if_nameindex();
    for (const struct if_nameindex *at = interfaces; at && at->if_index; at++) {
        check_mac(lint, policy, at->if_name);
        check_filtering(lint, policy, at->if_name);
    }
    if (interfaces)
        if_freenameindex(interfaces);
}
