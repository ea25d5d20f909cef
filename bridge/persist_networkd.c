/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * A plan as systemd-networkd's files. What the NIC's own file says (name servers, domains, DHCP, rules) is
 * taken over as systemd-analyze shows it with all drop-ins; what the kernel has beyond it is added. What
 * networkd knows of an interface is in /run/systemd/netif. */
#include "base/cleanup.h"
#include "base/process.h"
#include "base/text.h"
#include "persist.h"
#include "uplink.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* networkd takes the first file, in the order of the names in all folders, that matches (systemd.network(5)):
 * this one comes before those that people number. */
#define START "0-virt-tap-"
#define FOLDER "/etc/systemd/network/"

/* Gets a value of what networkd keeps of an interface, its links or leases. Returns whether there is one. */
static bool read_state(const char *folder, const char *name, const char *key, char *value, size_t size)
{
    char path[64], text[8192];

    snprintf(path, sizeof(path), "/run/systemd/netif/%s/%u", folder, if_nametoindex(name));
    return text_read(path, text, sizeof(text)) > 0 && text_value(text, key, value, size);
}

bool persist_networkd_uses(const char *name, char path[PATH_MAX])
{
    return read_state("links", name, "NETWORK_FILE", path, PATH_MAX) && strrchr(path, '/');
}

bool persist_networkd_leased(const char *name, const struct cidr *address)
{
    char leased[64], text[CIDR_TEXT];

    cidr_print(address, text);
    text[strcspn(text, "/")] = '\0';
    return read_state("leases", name, "ADDRESS", leased, sizeof(leased)) && strcmp(leased, text) == 0;
}

/* The lease file has the client's identifier: ff, IAID, DUID (RFC 4361). */
static bool read_iaid(const char *interface, bool v4, unsigned int *iaid)
{
    char value[300], *number = value;

    if (!read_state(v4 ? "leases" : "links", interface, v4 ? "CLIENTID" : "DHCP6_CLIENT_IAID", value,
                    sizeof(value)))
        return false;
    if (v4 && (strncmp(value, "ff", 2) != 0 || strlen(value) < 10))
        return false;
    if (v4) {
        number = value + 2;
        value[10] = '\0';
    }
    *iaid = (unsigned int)strtoul(number, NULL, 16);
    return true;
}

bool persist_networkd_iaid(const struct persist_plan *plan, char text[PERSIST_IAID])
{
    unsigned int iaid;

    for (int v4 = plan->dhcp; v4 >= 0; v4--)
        if (read_iaid(plan->uplink, v4, &iaid) || read_iaid(plan->bridge, v4, &iaid)) {
            snprintf(text, PERSIST_IAID, "[DHCPv%d]\nIAID=%u\n", v4 ? 4 : 6, iaid);
            return true;
        }
    return false;
}

static const char *yes_no(bool is)
{
    return is ? "yes" : "no";
}

/* Whether a file's [Match] has a Name= that matches the NIC. */
static bool matches(const char *path, const char *nic)
{
    char text[16384], names[512];

    return text_read(path, text, sizeof(text)) >= 0 && text_value(text, "Name", names, sizeof(names)) &&
           uplink_in_patterns(names, nic);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(strrchr(*(char *const *)a, '/'), strrchr(*(char *const *)b, '/'));
}

/* Whether an earlier persist of this bridge noted the file that it read for the NIC, which networkd cannot
 * name any more once it uses ours; its name goes to the plan. */
static bool read_noted(struct persist_plan *plan)
{
    char path[sizeof(FOLDER START "-uplink.network") + IFNAMSIZ], text[16384], value[NAME_MAX + 1];

    snprintf(path, sizeof(path), FOLDER START "%s-uplink.network", plan->bridge);
    if (text_read(path, text, sizeof(text)) < 0 || !text_value(text, "Name", value, sizeof(value)) ||
        strcmp(value, plan->uplink) != 0 || !text_value(text, PERSIST_NOTE, value, sizeof(value)) ||
        strchr(value, '/'))
        return false;
    strcpy(plan->nic_file, value);
    return true;
}

/* Finds the first of the files that match the NIC; its name goes to the plan. */
static void find_file(struct persist_plan *plan)
{
    _cleanup_globfree_ glob_t found = {.gl_pathc = 0};

    glob("{/etc,/run,/usr/lib,/lib}/systemd/network/*.network", GLOB_BRACE, NULL, &found);
    qsort(found.gl_pathv, found.gl_pathc, sizeof(*found.gl_pathv), compare_names);
    for (size_t i = 0; i < found.gl_pathc && !*plan->nic_file; i++)
        if (!strstr(found.gl_pathv[i], "/" START) && matches(found.gl_pathv[i], plan->uplink))
            snprintf(plan->nic_file, sizeof(plan->nic_file), "%s", strrchr(found.gl_pathv[i], '/') + 1);
}

/* Finds the file of the NIC's: the one that networkd says to use; or did before an earlier persist; or else
 * the first one that matches. */
int persist_networkd_inspect(struct persist_plan *plan, struct error *why)
{
    char path[PATH_MAX], own[sizeof(FOLDER START ".network") + IFNAMSIZ];
    (void)why;

    if (!*plan->uplink)
        return 0;
    if (persist_networkd_uses(plan->uplink, path) && !strstr(path, START) && access(path, R_OK) == 0) {
        snprintf(plan->nic_file, sizeof(plan->nic_file), "%s", strrchr(path, '/') + 1);
        plan->managed = true;
    } else if (read_noted(plan)) {
        snprintf(own, sizeof(own), FOLDER START "%s.network", plan->bridge);
        plan->repeated = persist_networkd_uses(plan->bridge, path) && strcmp(path, own) == 0;
        plan->managed = plan->repeated;
    } else {
        find_file(plan);
    }
    return 0;
}

/* Copies the text's sections: what is the device's own to the port's, but for what the host waits for at
 * boot, since a port gets no address, and its VLANs; all others but [Match] to the bridge's. Returns 0, or -1
 * and what cannot be a bridge's. */
static int copy_sections(FILE *bridge, FILE *port, const struct persist_plan *plan, const char *text,
                         struct error *why)
{
    static const char on_top[] = "MACVLAN MACVTAP IPVLAN IPVTAP VXLAN Tunnel Xfrm Bridge Bond VRF MACsec "
                                 "IPoIB BatmanAdvanced";
    static const char devices[] = "Link SR-IOV Bridge BridgeFDB BridgeMDB BridgeVLAN";
    _cleanup_free_ char *copy = persist_copy(text);
    char section[32] = "", *rest = copy;
    FILE *to = NULL;

    for (const char *line; (line = strsep(&rest, "\n"));) {
        const char *start = line + strspn(line, " \t"), *setting = strchr(start, '=');
        char key[32] = "", value[8] = "";
        sscanf(start, "%31[^= \t] = %7s", key, value);
        if (sscanf(start, "[%31[^]]", section) == 1)
            to = text_has_word(devices, section) ? port : bridge;
        if (strcmp(section, "Match") == 0)
            to = NULL;
        if (!to || !*start || strchr("#;", *start))
            continue;
        if (to == port && text_has_word("RequiredForOnline RequiredFamilyForOnline", key)) {
            fprintf(bridge, "\n[Link]\n%s\n", start);
            if (!text_has_word("no false off 0", value))
                continue;
        }
        if (strcmp(section, "Network") == 0 && strcmp(key, "VLAN") == 0) { /* has its frames first */
            fprintf(port, "\n[Network]\n%s\n", start);
            continue;
        }
        if (to == port && strcmp(key, "Unmanaged") == 0 && text_is_yes(value))
            return error_set(why, "networkd is told to leave '%s' alone (%s)", plan->uplink, start);
        if (to == bridge && setting && uplink_in_rule(setting + 1, plan->uplink))
            return error_set(why,
                             "the file of '%s' for networkd names it, and would have to name the bridge: %s",
                             plan->uplink, start);
        if (text_has_word(on_top, key))
            return error_set(
                why, "the NIC's file for networkd has %s=, which cannot be carried over to a bridge", key);
        fprintf(to, "%s%s\n", text_if(*start == '[', "\n"), line);
    }
    return 0;
}

/* What the kernel has, and the text has not. */
static void print_rest(FILE *out, const struct persist_plan *plan, const char *text)
{
    char cidr[CIDR_TEXT], iaid[PERSIST_IAID], value[16];

    if (!*text || (plan->dhcp && !text_value(text, "DHCP", value, sizeof(value))))
        fprintf(out, "\n[Network]\nDHCP=%s\n", yes_no(plan->dhcp));
    for (size_t i = 0; i < plan->address_count; i++) {
        cidr_print(&plan->addresses[i], cidr);
        if (!persist_has_address(text, cidr))
            fprintf(out, "\n[Address]\nAddress=%s\n", cidr);
    }
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct persist_route *route = &plan->routes[i];
        if (persist_has_route(text, route))
            continue;
        fprintf(out, "\n[Route]\nDestination=%s\n", persist_destination(route));
        if (*route->via)
            fprintf(out, "Gateway=%s\n", route->via);
        else
            fputs("Scope=link\n", out);
        if (route->onlink)
            fputs("GatewayOnLink=yes\n", out);
        if (route->metric)
            fprintf(out, "Metric=%u\n", route->metric);
    }
    if (persist_networkd_iaid(plan, iaid))
        fprintf(out, "\n%s", iaid);
    if (*plan->token && strstr(text, "prefixstable")) /* made from the interface's name, too */
        fprintf(out, "\n[IPv6AcceptRA]\nToken=\nToken=static:%s\n", plan->token);
}

static void add_netdev(const struct persist_plan *plan, struct persist_files *files)
{
    FILE *out = persist_open(files, plan, 0644, FOLDER START "%s.netdev", plan->bridge);

    fprintf(out, "[NetDev]\nName=%s\nKind=bridge\nMACAddress=%s\n", plan->bridge, plan->mac);
    if (plan->mtu)
        fprintf(out, "MTUBytes=%u\n", plan->mtu);
    fprintf(out, "\n[Bridge]\nSTP=%s\n", yes_no(plan->stp));
    if (!plan->nat.family) /* on a kernel without it, networkd would set none of these */
        fprintf(out, "VLANFiltering=%s\n", yes_no(plan->vlan_filtering));
    if (!plan->stp)
        fputs("ForwardDelaySec=0\n", out);
}

static void add_port(const struct persist_plan *plan, const char *link, struct persist_files *files)
{
    FILE *out = persist_open(files, plan, 0644, FOLDER START "%s-uplink.network", plan->bridge);

    if (*plan->nic_file)
        fprintf(out, PERSIST_NOTE ": %s\n", plan->nic_file);
    fprintf(out, "[Match]\nName=%s\n%s", plan->uplink, link);
    if (plan->mtu)
        fprintf(out, "\n[Link]\nMTUBytes=%u\n", plan->mtu);
    fprintf(out, "\n[Network]\nBridge=%s\nLinkLocalAddressing=no\n", plan->bridge);
}

int persist_networkd_from(const struct persist_plan *plan, const char *text, struct persist_files *files,
                          struct error *why)
{
    _cleanup_free_ char *link = NULL;
    size_t size;

    if (plan->many_tokens && strstr(text, "prefixstable"))
        return error_set(why,
                         "'%s' has several IPv6 addresses from router advertisements that are made by "
                         "Token=prefixstable in %.200s, and would have others as a bridge: set Token=eui64",
                         plan->uplink, plan->nic_file);
    add_netdev(plan, files);
    FILE *out = persist_open(files, plan, 0644, FOLDER START "%s.network", plan->bridge);
    FILE *port = persist_begin_text(&link, &size);
    fprintf(out, "[Match]\nName=%s\n", plan->bridge);
    const int err = copy_sections(out, port, plan, text, why);
    persist_end_text(port);
    print_rest(out, plan, text);
    if (*plan->uplink)
        add_port(plan, link, files);
    return err;
}

/* Another configuration of networkd's (netplan's, in /run) that makes an interface of that name. */
static int refuse_netdev(const struct persist_plan *plan, struct error *why)
{
    static const char others[] = "--exclude=" START "*";
    _cleanup_free_ char *found = NULL;
    char line[IFNAMSIZ + 8];

    snprintf(line, sizeof(line), "Name=%s", plan->bridge);
    process_query(&found, "grep", "-rlsxF", "--include=*.netdev", others, line, "/etc/systemd/network",
                  "/run/systemd/network", "/usr/lib/systemd/network");
    if (!found || !*found)
        return 0;
    return error_set(why, "networkd has a file for '%s' already: %s: use that bridge, or choose another name",
                     plan->bridge, process_reason(found));
}

/* The DHCP server starts with the bridge's carrier, which its first guest gives it. */
static void add_nat(const struct persist_plan *plan, struct persist_files *files)
{
    FILE *out = persist_open(files, plan, 0644, FOLDER START "%s.network", plan->bridge);
    struct cidr network = plan->nat6;
    const bool v6 = plan->nat6.family != 0;
    char address[CIDR_TEXT];

    cidr_print(&plan->nat, address);
    fprintf(out,
            "[Match]\nName=%s\n\n[Link]\nRequiredForOnline=no\n\n[Network]\nAddress=%s\n"
            "ConfigureWithoutCarrier=yes\nDHCPServer=yes\nIPMasquerade=%s\nIPv6AcceptRA=no\n",
            plan->bridge, address, v6 ? "both" : "ipv4");
    if (!v6) {
        fputs("LinkLocalAddressing=no\n", out);
        return;
    }
    cidr_print(&plan->nat6, address);
    fprintf(out, "LinkLocalAddressing=ipv6\nIPv6SendRA=yes\nAddress=%s\n", address);
    memset(network.bytes + 8, 0, 8);
    cidr_print(&network, address);
    fprintf(out, "\n[IPv6Prefix]\nPrefix=%s\n", address);
}

int persist_networkd(const struct persist_plan *plan, struct persist_files *files, struct error *why)
{
    const char *name = plan->nic_file;
    _cleanup_free_ char *text = NULL;
    char path[NAME_MAX + 32];

    if (refuse_netdev(plan, why) < 0)
        return -1;
    if (plan->nat.family) {
        add_netdev(plan, files);
        add_nat(plan, files);
        return 0;
    }
    if (!*name)
        return persist_networkd_from(plan, "", files, why);
    if (strcmp(name, START) < 0)
        return error_set(
            why,
            "networkd reads %.200s before anything that is written here: rename it, to 10-%.200s for one",
            name, name);
    snprintf(path, sizeof(path), "systemd/network/%s", name);
    if (process_query(&text, "systemd-analyze", "cat-config", "--no-pager", path) != 0 || !text)
        return error_set(why, "the file of '%s', %.200s, cannot be read: systemd-analyze cat-config %s",
                         plan->uplink, name, path);
    return persist_networkd_from(plan, text, files, why);
}
