/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Has a NAT bridge made at once, and takes back what others were told of it. */
#include "base/cleanup.h"
#include "base/process.h"
#include "base/text.h"
#include "nat.h"
#include "net/link.h"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 30000, STEP_MS = 100, LOOKS = 3, LOOKS_MAX = 20, CLEAN_MS = 3000, SEEN_MS = 500 };

/* Whether some server of DHCP listens: a line `SLOT: ADDRESS:PORT REMOTE-ADDRESS...` has port 67. Users may
 * have any number of sockets before that one. */
static bool serves_dhcp(void)
{
    _cleanup_fclose_ FILE *sockets = fopen("/proc/net/udp", "re");
    char line[256];

    while (sockets && fgets(line, sizeof(line), sockets)) {
        const char *slot = strchr(line, ':'), *port = slot ? strchr(slot + 1, ':') : NULL;
        if (port && strncmp(port, ":0043 ", 6) == 0)
            return true;
    }
    return false;
}

static bool has_address(const struct persist_plan *plan)
{
    _cleanup_view_ struct view view;
    _cleanup_messages_ struct messages all = {.count = 0};

    if (view_read(&view) < 0)
        return false;
    const struct link *bridge = links_by_name(&view.links, plan->bridge);
    if (!bridge || !bridge->is_bridge || addresses_read(&view.nl, bridge->ifindex, &all) < 0)
        return false;
    for (size_t i = 0; i < all.count; i++) {
        const struct cidr address = address_of(all.list[i]);
        if (cidr_equal(&address, &plan->nat))
            return true;
    }
    return false;
}

/* Whether networkd masquerades the network, by its own table (systemd, src/shared/firewall-util-nft.c). */
static bool networkd_masquerades(const struct cidr *address)
{
    _cleanup_free_ char *rules = NULL;
    const struct cidr network = nat_network(address);
    char text[CIDR_TEXT];

    cidr_print(&network, text);
    if (process_query(&rules, "nft", "list", "table", "ip", "io.systemd.nat") != 0)
        return false;
    return rules && strstr(rules, text);
}

static bool by_networkmanager(const struct persist_plan *plan)
{
    return strcmp(plan->format->name, "networkmanager") == 0;
}

static bool networkmanager_activated(const char *bridge)
{
    _cleanup_free_ char *state = NULL;

    return process_query(&state, "nmcli", "-g", "GENERAL.STATE", "device", "show", bridge) == 0 && state &&
           strncmp(state, "100", 3) == 0;
}

/* Whether NetworkManager masquerades for the bridge, by a table of nft, or by rules with its name as comment.
 * When nft takes more than a second, it goes on without, and logs nothing (nm-firewall-utils.c). */
static bool networkmanager_masquerades(const char *bridge)
{
    _cleanup_free_ char *rules = NULL;
    char name[sizeof("nm-shared-") + IFNAMSIZ];

    snprintf(name, sizeof(name), "nm-shared-%s", bridge);
    if (process_query(NULL, "nft", "list", "table", "ip", name) == 0)
        return true;
    if (process_query(&rules, "iptables", "-w", "-t", "nat", "-S", "POSTROUTING") != 0)
        return false;
    return rules && strstr(rules, name);
}

/* Bridge, address, DHCP server, masquerading and filter. networkd's DHCP server waits for the first guest. */
static bool is_ready(const struct persist_plan *plan)
{
    const bool networkd = strcmp(plan->format->name, "networkd") == 0;
    char unit[64];

    if (!has_address(plan))
        return false;
    if (networkd ? !networkd_masquerades(&plan->nat) : !serves_dhcp())
        return false;
    if (by_networkmanager(plan))
        return networkmanager_activated(plan->bridge) && networkmanager_masquerades(plan->bridge);
    snprintf(unit, sizeof(unit), "virt-tap-nat-%s", plan->bridge);
    return process_query(NULL, "systemctl", "is-active", "--quiet", unit) == 0;
}

/* Tells Docker's chains, which a drop-in tells again whenever Docker starts. */
static void tell_docker(const char *bridge, bool remove_only)
{
    static const char *const programs[] = {"iptables", "ip6tables"};

    for (size_t i = 0; i < 2; i++) {
        if (process_query(NULL, programs[i], "-w", "-S", "DOCKER-USER") != 0)
            continue;
        for (int k = 0; k < NAT_DOCKER_RULES; k++)
            for (const char *act = remove_only ? "D" : "DI"; *act; act++) {
                char rule[PERSIST_COMMAND], option[] = {'-', *act, '\0'}, *rest = rule;
                const char *argv[16] = {programs[i], "-w", option, "DOCKER-USER"};
                nat_docker_rule(k, bridge, rule);
                for (size_t word = 4; rest && word < 15; word++)
                    argv[word] = strsep(&rest, " ");
                process_capture(argv, false, PROCESS_QUERY_MS, NULL);
            }
    }
}

/* What is listed of all zones but ours, without what is said of those in use: "public (active)". */
static char *zones(const char *which)
{
    const char *const argv[] = {"firewall-cmd", "--list-all-zones", which, NULL};
    _cleanup_free_ char *listed = NULL;
    bool ours = false;

    if (process_capture(argv, false, PROCESS_QUERY_MS, &listed) != 0 || !listed)
        return NULL;
    char *out = calloc(1, strlen(listed) + 1), *rest = listed;
    for (char *line; out && (line = strsep(&rest, "\n"));) {
        if (*line && !strchr(" \t", *line)) {
            ours = strncmp(line, "virt-tap", 8) == 0;
            line[strcspn(line, " ")] = '\0';
        }
        if (!ours && *line)
            strcat(strcat(out, line), "\n");
    }
    return out;
}

/* Whether a reload would drop nothing. firewalld sees changed files only after a moment. */
static bool is_permanent(void)
{
    for (int waited = 0; waited < CLEAN_MS; waited += SEEN_MS) {
        _cleanup_free_ char *now = zones(NULL), *permanent = zones("--permanent");
        if (now && permanent && strcmp(now, permanent) == 0)
            return true;
        poll(NULL, 0, SEEN_MS);
    }
    return false;
}

/* A zone that is new, or gone, is known after a reload only, which would drop what is not permanent. */
static void tell_firewalld(const char *verb)
{
    if (process_query(NULL, "firewall-cmd", "--state") != 0)
        return;
    if (!is_permanent()) {
        complain(0, verb,
                 "firewalld has rules that are not permanent and was not told: `firewall-cmd --reload` would "
                 "drop them, but until then it knows nothing of what was changed");
        return;
    }
    printf("running `firewall-cmd --reload`\n");
    fflush(stdout);
    process_query(NULL, "firewall-cmd", "--reload");
}

/* A base chain of the firewall that drops what is forwarded, unless one of its own rules accepts it: no rule
 * elsewhere can. Docker's is told by tell_docker(). */
static void warn_of_drops(const char *verb, const char *bridge, bool docker)
{
    _cleanup_free_ char *chains = NULL;
    char family[16] = "", table[64] = "", chain[64] = "";

    process_query(&chains, "nft", "list", "chains");
    char *rest = chains;
    for (char *line; (line = strsep(&rest, "\n"));) {
        sscanf(line, "table %15s %63s", family, table);
        sscanf(line, " chain %63s", chain);
        if (!strstr(line, "hook forward") || !strstr(line, "policy drop") || strcmp(family, "bridge") == 0)
            continue;
        const bool iptables = strcmp(table, "filter") == 0 && strcmp(chain, "FORWARD") == 0;
        if (iptables && docker)
            continue;
        complain(
            0, verb,
            "the firewall drops what guests on '%s' send to the outside and get from there (policy of the "
            "chain %.60s in table %.15s %.60s); to let it through: nft insert rule %.15s %.60s %.60s "
            "iifname %s accept; nft insert rule %.15s %.60s %.60s oifname %s ct state related,established "
            "accept; and likewise in its own configuration",
            bridge, chain, family, table, family, table, chain, bridge, family, table, chain, bridge);
    }
}

/* Whether a file is recorded whose path has this in it. */
static bool records(const struct persist_files *files, const char *part)
{
    for (size_t i = 0; i < files->count; i++)
        if (strstr(files->list[i].path, part))
            return true;
    return false;
}

static void forward(const char *key)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/sys/net/%s", key);
    if (text_number(path, 1) != 0)
        return;
    _cleanup_close_ const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "1", 1) == 1)
        printf("switched on: %s\n", path);
}

/* networkd leaves its tables when nothing is in them any more, and makes them again when it needs them. */
static void clean_networkd(const struct cidr *address)
{
    static const char *const families[] = {"ip", "ip6"};

    for (int waited = 0; waited < CLEAN_MS && networkd_masquerades(address); waited += STEP_MS)
        poll(NULL, 0, STEP_MS);
    for (int i = 0; i < 2; i++) {
        _cleanup_free_ char *rules = NULL;
        process_query(&rules, "nft", "list", "table", families[i], "io.systemd.nat");
        if (rules && !strstr(rules, "elements"))
            process_query(NULL, "nft", "delete", "table", families[i], "io.systemd.nat");
    }
}

void nat_clean(const char *verb, const struct persist_files *record, const struct cidr *address)
{
    if (records(record, "/docker.service.d/"))
        process_query(NULL, "systemctl", "daemon-reload");
    if (records(record, "/firewalld/"))
        tell_firewalld(verb);
    if (records(record, "/systemd/network/"))
        clean_networkd(address);
}

void nat_stop(const char *bridge)
{
    char path[64], unit[64];

    snprintf(path, sizeof(path), "/run/virt-tap-nat-%s", bridge);
    snprintf(unit, sizeof(unit), "virt-tap-nat-%s", bridge);
    tell_docker(bridge, true);
    if (access(path, F_OK) != 0)
        return;
    process_query(NULL, "systemctl", "stop", unit);
    process_query(NULL, "systemctl", "daemon-reload");
}

/* Waits until all is there. Returns whether it is, or reports why not. */
static bool await(const char *verb, const struct persist_plan *plan)
{
    const bool unit = strcmp(plan->format->name, "dnsmasq") == 0;
    int activated = 0, again = LOOKS;
    char name[64] = "";

    if (unit)
        snprintf(name, sizeof(name), "virt-tap-nat-%s", plan->bridge);
    for (int waited = 0; waited < WAIT_MS; waited += STEP_MS) {
        if (is_ready(plan))
            return true;
        if (by_networkmanager(plan) && networkmanager_activated(plan->bridge) && ++activated == again) {
            persist_tell(verb, plan); /* it does not try again by itself */
            again *= 2;
        }
        if (activated == LOOKS_MAX ||
            (unit && process_query(NULL, "systemctl", "is-failed", "--quiet", name) == 0))
            break;
        poll(NULL, 0, STEP_MS);
    }
    if (by_networkmanager(plan)) {
        if (networkmanager_activated(plan->bridge) && !networkmanager_masquerades(plan->bridge))
            return complain(0, verb,
                            "NetworkManager has not told the firewall to masquerade for '%s': does `nft list "
                            "ruleset` take longer than a second, or is `firewall-backend=none` configured?",
                            plan->bridge);
        strcpy(name, "NetworkManager");
    }
    complain(1, verb,
             "'%s' has not got its address, DHCP server and masquerading: `journalctl -b -u %s` says why",
             plan->bridge, *name ? name : "systemd-networkd");
    return false;
}

/* Has the manager make it, and before that, with networkd, who reaches it is restricted. */
static int tell(const char *verb, const struct persist_plan *plan)
{
    char unit[64];

    if (strcmp(plan->format->name, "networkd") == 0) {
        snprintf(unit, sizeof(unit), "virt-tap-nat-%s", plan->bridge);
        process_query(NULL, "systemctl", "daemon-reload");
        if (process_query(NULL, "systemctl", "restart", unit) != 0)
            return complain(1, verb, "cannot start '%s': `journalctl -b -u %s` says why", unit, unit);
    }
    if (by_networkmanager(plan))
        process_query(NULL, "modprobe", "--quiet", "--all", NAT_MODULES);
    return persist_tell(verb, plan);
}

/* As the rule for udev does, which knows it only after a moment. */
static void limit_learning(const char *name)
{
    _cleanup_view_ struct view view;

    if (view_read(&view) < 0)
        return;
    const struct link *bridge = links_by_name(&view.links, name);
    if (bridge && bridge->bridge.knows_learned && bridge->bridge.max_learned == 0)
        bridge_set_option(&view.nl, bridge->ifindex, BRIDGE_FDB_MAX_LEARNED, BRIDGE_LEARNED_MAX);
}

int nat_remove(const char *verb, const char *bridge)
{
    __attribute__((cleanup(persist_free))) struct persist_files record = {.count = 0};
    struct move move = {.mover = 0};
    _cleanup_view_ struct view view = {.links = {.count = 0}};
    struct cidr address;

    if (persist_check(verb, bridge, &record) != 0)
        return 1;
    if (!nat_recorded(&record, &address)) {
        nat_stop(bridge);
        return complain(0, verb, "nothing was changed: there is no bridge '%s'", bridge);
    }
    strcpy(move.bridge, bridge);
    strcpy(move.manager, persist_manager_of(&record));
    const bool detached = persist_detach(&move);
    if (view_read(&view) == 0 && links_by_name(&view.links, bridge))
        rtnl_talk(&view.nl, link_delete_message(links_by_name(&view.links, bridge)->ifindex));
    nat_stop(bridge);
    persist_reattach(&move);
    nat_clean(verb, &record, &address);
    return !detached;
}

int nat_apply(const char *verb, const struct persist_plan *plan)
{
    __attribute__((cleanup(persist_free))) struct persist_files record = {.count = 0};

    const bool there = if_nametoindex(plan->bridge) != 0; /* guests may use it */
    persist_recall(plan->bridge, &record);
    if (records(&record, "/sysctl.d/")) {
        forward("ipv4/ip_forward");
        if (plan->nat6.family)
            forward("ipv6/conf/all/forwarding");
    }
    if (!is_ready(plan) && (tell(verb, plan) != 0 || !await(verb, plan))) {
        if (!there)
            nat_remove(verb, plan->bridge);
        return 1;
    }
    limit_learning(plan->bridge);
    const bool docker = records(&record, "/docker.service.d/");
    if (docker) {
        process_query(NULL, "systemctl", "daemon-reload");
        tell_docker(plan->bridge, false);
    }
    if (records(&record, "/firewalld/"))
        tell_firewalld(verb);
    warn_of_drops(verb, plan->bridge, docker);
    return 0;
}
