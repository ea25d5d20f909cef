/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A plan as NetworkManager's files, and the table of all formats. */
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/process.h"
#include "base/text.h"
#include "persist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *true_false(bool is)
{
    return is ? "true" : "false";
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

/* Asks NetworkManager for one value; "": none. */
static void nm_value(const char *const argv[], char *out, size_t size)
{
    _cleanup_free_ char *output = NULL;

    *out = '\0';
    if (process_capture(argv, false, PROCESS_QUERY_MS, &output) == 0 && output)
        snprintf(out, size, "%.*s", (int)strcspn(output, "\n"), output);
}

/* Writes a list of the profile that the NIC uses, such as its name servers: nmcli separates by commas, a
 * keyfile by semicolons. */
static void keyfile_list(FILE *out, const char *profile, const char *group, const char *key)
{
    char property[32], value[512];
    const char *argv[] = {"nmcli", "--escape", "no", "-g", property, "connection", "show", profile, NULL};

    snprintf(property, sizeof(property), "%s.%s", group, key);
    nm_value(argv, value, sizeof(value));
    if (!*profile || !*value)
        return;
    for (char *comma = value; (comma = strchr(comma, ','));)
        *comma = ';';
    fprintf(out, "%s=%s;\n", key, value);
}

static void keyfile_family(FILE *out, const struct persist_plan *plan, int family, const char *profile)
{
    const char *group = family == AF_INET ? "ipv4" : "ipv6";
    unsigned int addresses = 0, routes = 0;
    char text[CIDR_TEXT];

    fprintf(out, "\n[%s]\n", group);
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
        fprintf(out, "route%u=%s", ++routes, persist_destination(route));
        if (*route->via || route->metric)
            fprintf(out, ",%s", route->via);
        if (route->metric)
            fprintf(out, ",%u", route->metric);
        fputc('\n', out);
        if (route->onlink)
            fprintf(out, "route%u_options=onlink=true\n", routes);
    }
    keyfile_list(out, profile, group, "dns");
    keyfile_list(out, profile, group, "dns-search");
    const char *without = family == AF_INET ? "disabled" : "auto";
    if (plan->dhcp)
        without = "auto";
    fprintf(out, "method=%s\n", addresses && !plan->dhcp ? "manual" : without);
}

static void keyfile_bridge(FILE *out, const struct persist_plan *plan)
{
    char profile[128] = "";
    const char *argv[] = {"nmcli",  "--escape", "no",         "-g", "GENERAL.CONNECTION",
                          "device", "show",     plan->uplink, NULL};

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
    if (*plan->uplink)
        nm_value(argv, profile, sizeof(profile));
    keyfile_family(out, plan, AF_INET, profile);
    keyfile_family(out, plan, AF_INET6, profile);
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

static int write_networkmanager(const struct persist_plan *plan, struct persist_files *files,
                                struct error *why)
{
    (void)why;
    static const char start[] = "/etc/NetworkManager/system-connections/virt-tap-";
    const int err =
        persist_write(files, plan, 0600, keyfile_bridge, "%s%s.nmconnection", start, plan->bridge);

    if (err < 0 || !*plan->uplink)
        return err;
    return persist_write(files, plan, 0600, keyfile_uplink, "%s%s-uplink.nmconnection", start, plan->bridge);
}

/* Whether a program accepts the installed files. A program that is not installed accepts them. */
static int ask(const char *verb, const char *program, const char *word)
{
    _cleanup_free_ char *output = NULL;
    const int status =
        process_capture((const char *[]){program, word, NULL}, true, PROCESS_QUERY_MS, &output);

    if (status == 0 || status == -ENOENT)
        return 0;
    if (status == -ETIMEDOUT)
        return complain(1, verb,
                        "nothing was changed: `%s %s` did not finish within %d s and was killed; run it "
                        "yourself to see what it waits for, then try again",
                        program, word, PROCESS_QUERY_MS / 1000);
    return complain(1, verb, "nothing was changed: %s rejects it: %.300s", program, process_reason(output));
}

/* Asks ifupdown what it will do: bring the bridge up, and give its port no address. */
static int check_ifupdown(const char *verb, const struct persist_plan *plan)
{
    _cleanup_free_ char *port = NULL, *automatic = NULL;

    if (ask(verb, "ifquery", plan->bridge) != 0)
        return 1;
    process_capture((const char *[]){"ifquery", plan->uplink, NULL}, false, PROCESS_QUERY_MS, &port);
    if (port && (strncmp(port, "address:", 8) == 0 || strstr(port, "\naddress:")))
        return complain(1, verb,
                        "nothing was changed: ifupdown would still give '%s' an address (`ifquery %s`)",
                        plan->uplink, plan->uplink);
    const int status = process_capture((const char *[]){"ifquery", "--list", "-a", NULL}, false,
                                       PROCESS_QUERY_MS, &automatic);
    if (status == -ENOENT || (automatic && text_has_word(automatic, plan->bridge)))
        return 0;
    return complain(
        1, verb,
        "nothing was changed: ifupdown does not read what was written for '%s' (`ifquery --list -a`)",
        plan->bridge);
}

static const struct persist_format formats[] = {
    {.name = "networkd",
     .write = persist_networkd,
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
     .write = persist_netplan,
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
