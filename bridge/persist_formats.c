/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A plan as systemd-networkd, NetworkManager and netplan files. For ifupdown see persist_ifupdown.c. */
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/process.h"
#include "persist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A route's destination, for formats that have no keyword for the default route. */
static const char *destination(const struct persist_route *route)
{
    if (strcmp(route->to, "default") != 0)
        return route->to;
    return route->family == AF_INET ? "0.0.0.0/0" : "::/0";
}

static const char *yes_no(bool is)
{
    return is ? "yes" : "no";
}

static const char *true_false(bool is)
{
    return is ? "true" : "false";
}

static void networkd_network(FILE *out, const struct persist_plan *plan)
{
    char text[CIDR_TEXT];

    fprintf(out, "[Match]\nName=%s\n\n[Network]\nDHCP=%s\n", plan->bridge, yes_no(plan->dhcp));
    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], text);
        fprintf(out, "Address=%s\n", text);
    }
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct persist_route *route = &plan->routes[i];
        fprintf(out, "\n[Route]\nDestination=%s\nGateway=%s\n", destination(route), route->via);
        if (route->metric)
            fprintf(out, "Metric=%u\n", route->metric);
    }
}

static void networkd_netdev(FILE *out, const struct persist_plan *plan)
{
    fprintf(out, "[NetDev]\nName=%s\nKind=bridge\nMACAddress=%s\n", plan->bridge, plan->mac);
    if (plan->mtu)
        fprintf(out, "MTUBytes=%u\n", plan->mtu);
    fprintf(out, "\n[Bridge]\nSTP=%s\nVLANFiltering=%s\n", yes_no(plan->stp), yes_no(plan->vlan_filtering));
    if (!plan->stp)
        fputs("ForwardDelaySec=0\n", out);
}

static void networkd_uplink(FILE *out, const struct persist_plan *plan)
{
    fprintf(out, "[Match]\nName=%s\n\n", plan->uplink);
    if (plan->mtu)
        fprintf(out, "[Link]\nMTUBytes=%u\n\n", plan->mtu);
    fprintf(out, "[Network]\nBridge=%s\nLinkLocalAddressing=no\n", plan->bridge);
}

static int write_networkd(const struct persist_plan *plan, struct persist_files *files)
{
    static const char start[] = "/etc/systemd/network/05-virt-tap-";
    int err = persist_write(files, plan, 0644, networkd_netdev, "%s%s.netdev", start, plan->bridge);

    if (err == 0)
        err = persist_write(files, plan, 0644, networkd_network, "%s%s.network", start, plan->bridge);
    if (err < 0 || !*plan->uplink)
        return err;
    return persist_write(files, plan, 0644, networkd_uplink, "%s%s-uplink.network", start, plan->bridge);
}

/* A profile needs a stable UUID, so derive it from the name. */
static void print_uuid(FILE *out, const char *bridge, const char *part)
{
    uint64_t hash[2] = {HASH_START, HASH_START << 32 | HASH_START >> 32};
    char name[64];

    snprintf(name, sizeof(name), "virt-tap %s %s", bridge, part);
    for (int i = 0; i < 2; i++)
        hash[i] = hash_bytes(hash[i], name, strlen(name));
    fprintf(out, "uuid=%08x-%04x-4%03x-8%03x-%012llx\n", (unsigned int)(hash[0] >> 32),
            (unsigned int)(hash[0] >> 16) & 0xffff, (unsigned int)hash[0] & 0xfff,
            (unsigned int)(hash[1] >> 48) & 0xfff, (unsigned long long)hash[1] & 0xffffffffffff);
}

static void keyfile_family(FILE *out, const struct persist_plan *plan, int family)
{
    unsigned int addresses = 0, routes = 0;
    char text[CIDR_TEXT];

    fprintf(out, "\n[%s]\n", family == AF_INET ? "ipv4" : "ipv6");
    for (size_t i = 0; i < plan->address_count; i++) {
        if (plan->addresses[i].family != family)
            continue;
        cidr_print(&plan->addresses[i], text);
        fprintf(out, "address%u=%s\n", ++addresses, text);
    }
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct persist_route *route = &plan->routes[i];
        if (route->family != family)
            continue;
        fprintf(out, "route%u=%s,%s", ++routes, destination(route), route->via);
        if (route->metric)
            fprintf(out, ",%u", route->metric);
        fputc('\n', out);
    }
    const char *without = family == AF_INET ? "disabled" : "auto";
    if (plan->dhcp)
        without = "auto";
    fprintf(out, "method=%s\n", addresses && !plan->dhcp ? "manual" : without);
}

static void keyfile_bridge(FILE *out, const struct persist_plan *plan)
{
    fprintf(out, "[connection]\nid=virt-tap-%s\n", plan->bridge);
    print_uuid(out, plan->bridge, "bridge");
    fprintf(out, "type=bridge\ninterface-name=%s\nautoconnect-slaves=1\n\n[bridge]\nmac-address=%s\nstp=%s\n",
            plan->bridge, plan->mac, true_false(plan->stp));
    if (!plan->stp)
        fputs("forward-delay=0\n", out);
    if (plan->vlan_filtering)
        fputs("vlan-filtering=true\n", out);
    if (plan->mtu)
        fprintf(out, "\n[ethernet]\nmtu=%u\n", plan->mtu);
    keyfile_family(out, plan, AF_INET);
    keyfile_family(out, plan, AF_INET6);
}

static void keyfile_uplink(FILE *out, const struct persist_plan *plan)
{
    fprintf(out, "[connection]\nid=virt-tap-%s-uplink\n", plan->bridge);
    print_uuid(out, plan->bridge, "uplink");
    fprintf(out, "type=ethernet\ninterface-name=%s\nmaster=%s\nslave-type=bridge\nautoconnect-priority=100\n",
            plan->uplink, plan->bridge);
    if (plan->mtu)
        fprintf(out, "\n[ethernet]\nmtu=%u\n", plan->mtu);
}

static int write_networkmanager(const struct persist_plan *plan, struct persist_files *files)
{
    static const char start[] = "/etc/NetworkManager/system-connections/virt-tap-";
    const int err =
        persist_write(files, plan, 0600, keyfile_bridge, "%s%s.nmconnection", start, plan->bridge);

    if (err < 0 || !*plan->uplink)
        return err;
    return persist_write(files, plan, 0600, keyfile_uplink, "%s%s-uplink.nmconnection", start, plan->bridge);
}

static void netplan_lists(FILE *out, const struct persist_plan *plan)
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
        fprintf(out, "        - to: \"%s\"\n          via: \"%s\"\n", route->to, route->via);
        if (route->metric)
            fprintf(out, "          metric: %u\n", route->metric);
    }
}

static void netplan(FILE *out, const struct persist_plan *plan)
{
    fputs("network:\n  version: 2\n", out);
    if (*plan->uplink)
        fprintf(out,
                "  ethernets:\n    \"%s\":\n      dhcp4: false\n      dhcp6: false\n      accept-ra: false\n"
                "      link-local: []\n",
                plan->uplink);
    if (*plan->uplink && plan->mtu)
        fprintf(out, "      mtu: %u\n", plan->mtu);
    fprintf(out, "  bridges:\n    \"%s\":\n      macaddress: \"%s\"\n      dhcp4: %s\n      interfaces: [",
            plan->bridge, plan->mac, true_false(plan->dhcp));
    if (*plan->uplink)
        fprintf(out, "\"%s\"", plan->uplink);
    fprintf(out, "]\n      parameters:\n        stp: %s\n", true_false(plan->stp));
    if (!plan->stp)
        fputs("        forward-delay: 0\n", out);
    if (plan->mtu)
        fprintf(out, "      mtu: %u\n", plan->mtu);
    netplan_lists(out, plan);
}

static int write_netplan(const struct persist_plan *plan, struct persist_files *files)
{
    return persist_write(files, plan, 0600, netplan, "/etc/netplan/99-virt-tap-%s.yaml", plan->bridge);
}

static int refuse(const char *verb, const char *program, const char *reason)
{
    return complain(1, verb, "nothing was changed: %s rejects it: %.300s", program, reason);
}

/* Whether a program accepts the installed files, and what it says. A program that is not installed accepts
 * them. */
static int ask(const char *verb, const char *program, const char *word, char **output)
{
    const int status = process_capture((const char *[]){program, word, NULL}, true, PROCESS_QUERY_MS, output);

    if (status == 0 || status == -ENOENT)
        return 0;
    if (status == -ETIMEDOUT)
        return complain(1, verb,
                        "nothing was changed: `%s %s` did not finish within %d s and was killed; run it "
                        "yourself to see what it waits for, then try again",
                        program, word, PROCESS_QUERY_MS / 1000);
    return -1;
}

/* netplan prints a Python traceback, which ends with the reason, or `Command failed: REASON`, with version
 * 1.1 even if it exits with 0. */
static const char *netplan_reason(char *output, bool failed)
{
    char *found = output ? strstr(output, "Command failed: ") : NULL;

    if (found)
        return process_reason(found + strlen("Command failed: "));
    if (!failed)
        return NULL;
    if (!output || !strstr(output, "Traceback"))
        return process_reason(output);
    for (char *line = output; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (*line != ' ')
            found = line; /* the frames, and an excerpt of the file, are indented */
    return process_reason(found);
}

static int check_netplan(const char *verb, const struct persist_plan *plan)
{
    _cleanup_free_ char *output = NULL;
    const int status = ask(verb, "netplan", "get", &output);
    const bool other_kind = status < 0 && output && strstr(output, "changes device type");
    const char *reason = status > 0 ? NULL : netplan_reason(output, status < 0);

    if (!reason)
        return status;
    if (!other_kind)
        return refuse(verb, "netplan", reason);
    return complain(
        1, verb,
        "nothing was changed: netplan's own files define '%s' as a bond, a VLAN or another device "
        "that netplan makes, and virt-tap would define it as a network card; add the bridge there "
        "yourself, under bridges: with interfaces: [%s]",
        plan->uplink, plan->uplink);
}

static int check_ifupdown(const char *verb, const struct persist_plan *plan)
{
    _cleanup_free_ char *output = NULL;
    const int status = ask(verb, "ifquery", plan->bridge, &output);

    return status < 0 ? refuse(verb, "ifquery", process_reason(output)) : status;
}

static const struct persist_format formats[] = {
    {.name = "networkd",
     .write = write_networkd,
     .then = "networkctl reload",
     .owns_move = true,
     .apply = {"networkctl reload", "networkctl reconfigure %u"},
     .reattach = {"networkctl reload", "networkctl reconfigure %u"}},
    {.name = "networkmanager",
     .write = write_networkmanager,
     .then = "nmcli connection reload && nmcli connection up virt-tap-",
     .then_name = true,
     .owns_move = true,
     .apply = {"nmcli connection reload", "nmcli connection up virt-tap-%b",
               "nmcli connection up virt-tap-%b-uplink"},
     .reattach = {"nmcli connection reload", "nmcli device connect %u"}},
    {.name = "netplan",
     .write = write_netplan,
     .check = check_netplan,
     .then = "netplan try",
     .owns_move = true,
     .apply = {"netplan apply"},
     .reattach = {"netplan apply"}},
    {.name = "ifupdown",
     .write = persist_ifupdown,
     .check = check_ifupdown,
     .then = "ifup ",
     .then_name = true,
     .apply = {"ifup %b"},
     .detach = {"ifdown --force %b"}},
};
enum { FORMAT_COUNT = sizeof(formats) / sizeof(formats[0]) };

const struct persist_format *persist_find_format(const char *name)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}
