/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A plan as NetworkManager's profiles. nmcli writes both: from the profile that the NIC uses, the bridge gets
 * everything that is not the device's own, and the port the rest. The NIC's profile remains as it is and
 * yields by its lower priority, so that it is there if the others fail. */
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/process.h"
#include "base/text.h"
#include "persist_profile.h"
#include "uplink.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The two profiles: the bridge's, without what describes the device of the NIC's; and the port's. */
static const struct {
    const char *ending, *name, *awk;
} parts[] = {
    {"", "bridge",
     "/^\\[/ { section = $0; drop = /^\\[(match|ethtool|dcb|sriov|tc|link|bond|team|vlan|802-1x)\\]/ }"
     "section == \"[connection]\" && /^type=/ { $0 = \"type=bridge\" }"
     "section == \"[connection]\" && /^(multi-connect|timestamp|lldp)=/ { next }"
     "section == \"[ethernet]\" && /=/ && !/^mtu=/ { next }"
     "!drop"},
    {"-uplink", "uplink",
     "/^\\[/ { section = $0 }"
     "section == \"[connection]\" && /^(multi-connect|timestamp|secondaries|zone)=/ { next }"
     "section != \"[match]\""}};

/* A profile needs a stable UUID, so derive it from the name. */
static void add_names(struct words *words, const struct persist_plan *plan, bool port)
{
    uint64_t hash[2] = {HASH_START, HASH_START << 32 | HASH_START >> 32};
    char name[64];

    snprintf(name, sizeof(name), "virt-tap %s %s", plan->bridge, parts[port].name);
    for (int i = 0; i < 2; i++)
        hash[i] = hash_bytes(hash[i], name, strlen(name));
    words_set(words, "connection.id", "virt-tap-%s%s", plan->bridge, parts[port].ending);
    words_set(words, "connection.uuid", "%08x-%04x-4%03x-8%03x-%012llx", (unsigned int)(hash[0] >> 32),
              (unsigned int)(hash[0] >> 16) & 0xffff, (unsigned int)hash[0] & 0xfff,
              (unsigned int)(hash[1] >> 48) & 0xfff, (unsigned long long)hash[1] & 0xffffffffffff);
    words_set(words, "connection.autoconnect", "yes");
    if (plan->mtu)
        words_set(words, "802-3-ethernet.mtu", "%u", plan->mtu);
}

/* The kernel's addresses and routes, where no profile has them. */
static void add_network(struct words *words, const struct persist_plan *plan, int family, const char *group)
{
    const char *method = family == AF_INET ? "disabled" : "auto";
    char cidr[CIDR_TEXT], property[32];

    for (size_t i = 0; i < plan->address_count; i++) {
        if (plan->addresses[i].family != family)
            continue;
        cidr_print(&plan->addresses[i], cidr);
        snprintf(property, sizeof(property), "+%s.addresses", group);
        words_set(words, property, "%s", cidr);
        method = "manual";
    }
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct persist_route *route = &plan->routes[i];
        if (route->family != family)
            continue;
        snprintf(property, sizeof(property), "+%s.routes", group);
        char metric[16] = "";
        if (route->metric)
            snprintf(metric, sizeof(metric), " %u", route->metric);
        words_set(words, property, "%s %s%s%s", persist_destination(route), route->via, metric,
                  text_if(route->onlink, " onlink=true"));
    }
    snprintf(property, sizeof(property), "%s.method", group);
    words_set(words, property, "%s", plan->dhcp ? "auto" : method);
}

static void add_bridge(struct words *words, const struct persist_plan *plan)
{
    words_set(words, "connection.interface-name", "%s", plan->bridge);
    words_set(words, "connection.autoconnect-slaves", "1");
    words_set(words, "bridge.mac-address", "%s", plan->mac);
    words_set(words, "bridge.stp", "%s", plan->stp ? "yes" : "no");
    if (!plan->stp)
        words_set(words, "bridge.forward-delay", "0");
    if (plan->vlan_filtering)
        words_set(words, "bridge.vlan-filtering", "yes");
}

/* Addresses, DHCP, names and masquerading by NetworkManager and its dnsmasq. Its ipv6.method=shared asks a
 * router for a prefix, and gives none of its own. */
static void add_shared(struct words *words, const struct persist_plan *plan)
{
    char cidr[CIDR_TEXT];

    cidr_print(&plan->nat, cidr);
    words_set(words, "ipv4.method", "shared");
    words_set(words, "ipv4.addresses", "%s", cidr);
    words_set(words, "ipv6.method", "disabled");
}

static void add_port(struct words *words, const struct persist_plan *plan, const struct profile *profile)
{
    /* What is bound to a MAC follows the NIC if its name changes. */
    if (!profile_has(profile, "ethernet", "mac-address"))
        words_set(words, "connection.interface-name", "%s", plan->uplink);
    words_set(words, "connection.autoconnect-priority", "%d", profile->priority);
    words_set(words, "connection.master", "%s", plan->bridge);
    words_set(words, "connection.slave-type", "bridge");
}

/* What NetworkManager derives from the NIC's name or from the profile's UUID, and would be different for the
 * bridge: the metric of routes, who it is to DHCP servers, its part of addresses from router advertisements.
 */
static void add_identity(struct words *words, const struct persist_plan *plan, const struct profile *profile)
{
    static const char *const families[] = {"ipv4", "ipv6"};
    char property[32], iaid[9];

    for (int i = 0; i < 2; i++) {
        snprintf(property, sizeof(property), "%s.route-metric", families[i]);
        if (*profile->metric && !profile_has(profile, families[i], "route-metric"))
            words_set(words, property, "%s", profile->metric);
    }
    if (*profile->client_id &&
        strncmp(profile->client_id, "01:", 3) != 0) /* 01: the MAC, which is the same */
        words_set(words, "ipv4.dhcp-client-id", "%s", profile->client_id);
    if (*profile->duid && profile_has(profile, "ipv6", "dhcp-duid"))
        words_set(words, "ipv6.dhcp-duid", "%s", profile->duid);
    if (sscanf(profile->iaid, "%2s:%2s:%2s:%2s", iaid, iaid + 2, iaid + 4, iaid + 6) == 4)
        words_set(words, "ipv6.dhcp-iaid", "%lu", strtoul(iaid, NULL, 16));
    if (*plan->token && *profile->uuid && !profile_has(profile, "ipv6", "token")) {
        words_set(words, "ipv6.addr-gen-mode", "eui64");
        words_set(words, "ipv6.token", "%s", plan->token);
    }
}

/* A keyfile: what awk leaves of the NIC's, with changes; or, if it has none, of an empty one. */
static char *make_keyfile(const struct persist_plan *plan, const struct profile *profile, bool port,
                          struct error *why)
{
    struct words words = {.count = 0};

    add_names(&words, plan, port);
    if (port) {
        add_port(&words, plan, profile);
    } else {
        add_bridge(&words, plan);
        add_identity(&words, plan, profile);
    }
    if (plan->nat.family) {
        add_shared(&words, plan);
    } else if (!port && !*profile->uuid) {
        add_network(&words, plan, AF_INET, "ipv4");
        add_network(&words, plan, AF_INET6, "ipv6");
    }
    return nmcli_modify(profile->file, parts[port].awk, &words, why);
}

/* Whether the bridge's keyfile has what the kernel has, and no profile of before can have forgotten. */
static int check_bridge(const struct persist_plan *plan, const char *text, struct error *why)
{
    if (plan->managed && uplink_in_rule(text, plan->uplink))
        return error_set(why,
                         "the profile of '%s' names it beyond its interface-name, and would have to name the "
                         "bridge: see its routing rules",
                         plan->uplink);
    if (plan->managed && plan->many_tokens)
        return error_set(
            why,
            "'%s' has several IPv6 addresses from router advertisements that are not made from "
            "its MAC, and would have others as a bridge: set ipv6.addr-gen-mode eui64, or a token",
            plan->uplink);
    return persist_check_text(plan, text, "the profile that it uses", why);
}

/* The bridge's keyfile, or the port's. */
static int add_profile(const struct persist_plan *plan, const struct profile *profile, bool port,
                       struct persist_files *files, struct error *why)
{
    _cleanup_free_ char *text = make_keyfile(plan, profile, port, why);

    if (!text || (!port && check_bridge(plan, text, why) != 0))
        return -1;
    FILE *out = persist_open(files, plan, 0600, NM_OWN "%s%s.nmconnection", plan->bridge, parts[port].ending);
    if (port && *profile->uuid)
        fprintf(out, PERSIST_NOTE ": %s\n", profile->uuid);
    fputs(text, out);
    return 0;
}

/* Whether a part of unmanaged-devices, as `interface-name:br*`, is for the bridge (NetworkManager.conf(5)).
 */
static bool spec_matches(const char *spec, const char *bridge)
{
    static const char by_name[] = "interface-name:";

    if (strcmp(spec, "*") == 0 || strcmp(spec, "type:bridge") == 0)
        return true;
    if (strncmp(spec, by_name, strlen(by_name)) != 0)
        return false;
    spec += strlen(by_name);
    return fnmatch(spec + (*spec == '=' || *spec == '~'), bridge, 0) == 0;
}

/* The bridge would be left alone, and its port with the NIC's own profile. */
static int refuse_unmanaged(const struct persist_plan *plan, struct error *why)
{
    static const char except[] = "except:";
    _cleanup_free_ char *config = NULL;
    char list[1024];
    bool unmanaged = false, excepted = false;

    if (process_query(&config, "NetworkManager", "--print-config") != 0 || !config ||
        !text_value(config, "unmanaged-devices", list, sizeof(list)))
        return 0;
    _cleanup_free_ char *copy = persist_copy(list);
    char *rest = copy;
    for (const char *spec; (spec = strsep(&rest, ";,"));) {
        if (strncmp(spec, except, strlen(except)) == 0)
            excepted |= spec_matches(spec + strlen(except), plan->bridge);
        else
            unmanaged |= spec_matches(spec, plan->bridge);
    }
    if (!unmanaged || excepted)
        return 0;
    return error_set(why,
                     "NetworkManager is told to leave '%s' alone: unmanaged-devices=%.200s; except it there "
                     "(except:interface-name:%s)",
                     plan->bridge, list, plan->bridge);
}

int persist_networkmanager(const struct persist_plan *plan, struct persist_files *files, struct error *why)
{
    _cleanup_profile_ struct profile profile = {.text = NULL};

    if (refuse_unmanaged(plan, why) != 0 || (plan->nat.family && persist_networkmanager_free(plan, why) != 0))
        return -1;
    if (*plan->uplink && profile_read(plan->uplink, &profile, why) != 0)
        return -1;
    const int err = add_profile(plan, &profile, false, files, why);
    if (err < 0 || !*plan->uplink)
        return err;
    return add_profile(plan, &profile, true, files, why);
}
