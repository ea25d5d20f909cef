/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One plan in the words of systemd-networkd, NetworkManager and netplan; ifupdown has a file of its own. */
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/process.h"
#include "persist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "# Written by `virt-tap bridge persist %s`; `virt-tap bridge unpersist %s` takes it back.\n"

/* An open text; NULL when memory is out. */
static FILE *begin(char **text, size_t *size, const struct persist_plan *plan)
{
    FILE *out = open_memstream(text, size);

    if (out)
        fprintf(out, HEAD, plan->bridge, plan->bridge);
    return out;
}

static char *finish(FILE *out, char **text)
{
    return out && fclose(out) == 0 ? *text : NULL;
}

static void networkd_addresses(FILE *out, const struct persist_plan *plan)
{
    char text[CIDR_TEXT];

    fprintf(out, "\n[Network]\nDHCP=%s\n", plan->dhcp ? "yes" : "no");
    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], text);
        fprintf(out, "Address=%s\n", text);
    }
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct persist_route *route = &plan->routes[i];
        fprintf(out, "\n[Route]\nDestination=%s\nGateway=%s\n",
                strcmp(route->to, "default") != 0 ? route->to
                : route->family == AF_INET        ? "0.0.0.0/0"
                                                  : "::/0",
                route->via);
        if (route->metric)
            fprintf(out, "Metric=%u\n", route->metric);
    }
}

static int write_networkd(const char *verb, const struct persist_plan *plan, struct persist_files *files)
{
    char *text = NULL;
    size_t size;
    FILE *out = begin(&text, &size, plan);
    (void)verb;

    if (out) {
        fprintf(out, "[NetDev]\nName=%s\nKind=bridge\nMACAddress=%s\n", plan->bridge, plan->mac);
        if (plan->mtu)
            fprintf(out, "MTUBytes=%u\n", plan->mtu);
        fprintf(out, "\n[Bridge]\nSTP=%s\nVLANFiltering=%s\n", plan->stp ? "yes" : "no",
                plan->vlan_filtering ? "yes" : "no");
        if (!plan->stp)
            fputs("ForwardDelaySec=0\n", out);
    }
    int err = persist_add(files, 0644, finish(out, &text), "/etc/systemd/network/05-virt-tap-%s.netdev",
                          plan->bridge);
    out = begin(&text, &size, plan);
    if (out) {
        fprintf(out, "[Match]\nName=%s\n", plan->bridge);
        networkd_addresses(out, plan);
    }
    if (err == 0)
        err = persist_add(files, 0644, finish(out, &text), "/etc/systemd/network/05-virt-tap-%s.network",
                          plan->bridge);
    if (err < 0 || !*plan->uplink)
        return err;
    out = begin(&text, &size, plan);
    if (out) {
        fprintf(out, "[Match]\nName=%s\n\n", plan->uplink);
        if (plan->mtu)
            fprintf(out, "[Link]\nMTUBytes=%u\n\n", plan->mtu);
        fprintf(out, "[Network]\nBridge=%s\nLinkLocalAddressing=no\n", plan->bridge);
    }
    return persist_add(files, 0644, finish(out, &text), "/etc/systemd/network/05-virt-tap-%s-uplink.network",
                       plan->bridge);
}

/* A profile needs a UUID that stays the same: one made of its name (FNV-1a, twice). */
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
    unsigned int count = 0, routes = 0;
    char text[CIDR_TEXT];

    fprintf(out, "\n[%s]\n", family == AF_INET ? "ipv4" : "ipv6");
    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], text);
        if (plan->addresses[i].family == family)
            fprintf(out, "address%u=%s\n", ++count, text);
    }
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct persist_route *route = &plan->routes[i];
        if (route->family != family)
            continue;
        fprintf(out, "route%u=%s,%s", ++routes,
                strcmp(route->to, "default") != 0 ? route->to
                : family == AF_INET               ? "0.0.0.0/0"
                                                  : "::/0",
                route->via);
        if (route->metric)
            fprintf(out, ",%u", route->metric);
        fputc('\n', out);
    }
    if (family == AF_INET)
        fprintf(out, "method=%s\n", plan->dhcp ? "auto" : count ? "manual" : "disabled");
    else
        fprintf(out, "method=%s\n", plan->dhcp || !count ? "auto" : "manual");
}

static int write_networkmanager(const char *verb, const struct persist_plan *plan,
                                struct persist_files *files)
{
    static const char folder[] = "/etc/NetworkManager/system-connections";
    char *text = NULL;
    size_t size;
    FILE *out = begin(&text, &size, plan);
    (void)verb;

    if (out) {
        fprintf(out, "[connection]\nid=virt-tap-%s\n", plan->bridge);
        print_uuid(out, plan->bridge, "bridge");
        fprintf(out,
                "type=bridge\ninterface-name=%s\nautoconnect-slaves=1\n\n[bridge]\nmac-address=%s\nstp=%s\n",
                plan->bridge, plan->mac, plan->stp ? "true" : "false");
        if (!plan->stp)
            fputs("forward-delay=0\n", out);
        if (plan->vlan_filtering)
            fputs("vlan-filtering=true\n", out);
        if (plan->mtu)
            fprintf(out, "\n[ethernet]\nmtu=%u\n", plan->mtu);
        keyfile_family(out, plan, AF_INET);
        keyfile_family(out, plan, AF_INET6);
    }
    int err =
        persist_add(files, 0600, finish(out, &text), "%s/virt-tap-%s.nmconnection", folder, plan->bridge);
    if (err < 0 || !*plan->uplink)
        return err;
    out = begin(&text, &size, plan);
    if (out) {
        fprintf(out, "[connection]\nid=virt-tap-%s-uplink\n", plan->bridge);
        print_uuid(out, plan->bridge, "uplink");
        fprintf(out,
                "type=ethernet\ninterface-name=%s\nmaster=%s\nslave-type=bridge\nautoconnect-priority=100\n",
                plan->uplink, plan->bridge);
        if (plan->mtu)
            fprintf(out, "\n[ethernet]\nmtu=%u\n", plan->mtu);
    }
    return persist_add(files, 0600, finish(out, &text), "%s/virt-tap-%s-uplink.nmconnection", folder,
                       plan->bridge);
}

static int write_netplan(const char *verb, const struct persist_plan *plan, struct persist_files *files)
{
    char *text = NULL, cidr[CIDR_TEXT];
    size_t size;
    FILE *out = begin(&text, &size, plan);
    (void)verb;

    if (out) {
        fputs("network:\n  version: 2\n", out);
        if (*plan->uplink)
            fprintf(
                out,
                "  ethernets:\n    \"%s\":\n      dhcp4: false\n      dhcp6: false\n      accept-ra: false\n      link-local: []\n",
                plan->uplink);
        if (*plan->uplink && plan->mtu)
            fprintf(out, "      mtu: %u\n", plan->mtu);
        fprintf(out,
                "  bridges:\n    \"%s\":\n      macaddress: \"%s\"\n      dhcp4: %s\n      interfaces: [",
                plan->bridge, plan->mac, plan->dhcp ? "true" : "false");
        if (*plan->uplink)
            fprintf(out, "\"%s\"", plan->uplink);
        fprintf(out, "]\n      parameters:\n        stp: %s\n", plan->stp ? "true" : "false");
        if (!plan->stp)
            fputs("        forward-delay: 0\n", out);
        if (plan->mtu)
            fprintf(out, "      mtu: %u\n", plan->mtu);
        for (size_t i = 0; i < plan->address_count; i++) {
            cidr_print(&plan->addresses[i], cidr);
            fprintf(out, "%s        - \"%s\"\n", i == 0 ? "      addresses:\n" : "", cidr);
        }
        for (size_t i = 0; i < plan->route_count; i++) {
            fprintf(out, "%s        - to: \"%s\"\n          via: \"%s\"\n", i == 0 ? "      routes:\n" : "",
                    plan->routes[i].to, plan->routes[i].via);
            if (plan->routes[i].metric)
                fprintf(out, "          metric: %u\n", plan->routes[i].metric);
        }
    }
    return persist_add(files, 0600, finish(out, &text), "/etc/netplan/99-virt-tap-%s.yaml", plan->bridge);
}

/* Whether a program takes what is there; one that is not installed has nothing against it. */
static int ask(const char *verb, const char *program, const char *word)
{
    _cleanup_free_ char *output = NULL;
    const int status =
        process_capture((const char *[]){program, word, NULL}, true, PROCESS_QUERY_MS, &output);

    if (status == 0 || status == -ENOENT)
        return 0;
    if (status == -ETIMEDOUT)
        return complain(1, verb,
                        "nothing is changed: `%s %s` did not finish within %d s and was killed; run it "
                        "yourself to see what it waits for, then try again",
                        program, word, PROCESS_QUERY_MS / 1000);
    return complain(1, verb, "nothing is changed, for %s does not take it: %.300s", program,
                    process_reason(output));
}

static int check_netplan(const char *verb, const struct persist_plan *plan, const struct persist_files *files)
{
    (void)plan, (void)files;
    return ask(verb, "netplan", "get");
}

static int check_ifupdown(const char *verb, const struct persist_plan *plan,
                          const struct persist_files *files)
{
    (void)files;
    return ask(verb, "ifquery", plan->bridge);
}

const struct persist_format persist_formats[] = {
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
const size_t persist_format_count = sizeof(persist_formats) / sizeof(persist_formats[0]);
