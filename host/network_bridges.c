/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "base/cleanup.h"
#include "base/nat.h"
#include "base/text.h"
#include "libvirt_network.h"
#include "network.h"

#include <dirent.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STP_DELAY_MAX = 400 /* in 1/100 s; libvirt's bridges use 200 */ };

static bool is_up(const char *name)
{
    char flags[32];

    return network_text(name, "flags", flags, sizeof(flags)) && strtoul(flags, NULL, 16) & IFF_UP;
}

static bool is_wireless(const char *name)
{
    return network_has(name, "wireless") || network_has(name, "phy80211");
}

/* Returns the bytes of an IP address that is not link-local, and their number; NULL: it is none. */
static const uint8_t *ip_bytes(const struct sockaddr *address, size_t *size)
{
    const void *at = address;

    if (!address)
        return NULL;
    if (address->sa_family == AF_INET) {
        *size = sizeof(struct in_addr);
        return (const uint8_t *)&((const struct sockaddr_in *)at)->sin_addr;
    }
    *size = sizeof(struct in6_addr);
    if (address->sa_family == AF_INET6 &&
        !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)at)->sin6_addr))
        return ((const struct sockaddr_in6 *)at)->sin6_addr.s6_addr;
    return NULL;
}

/* Whether the port has an address that people and routes use; link-local ones are automatic. */
static bool has_address(const struct ifaddrs *addresses, const char *name)
{
    size_t size;

    for (const struct ifaddrs *at = addresses; at; at = at->ifa_next)
        if (strcmp(at->ifa_name, name) == 0 && ip_bytes(at->ifa_addr, &size))
            return true;
    return false;
}

/* Whether two are the same address in the same network, which is more than that address: a host's whole
 * address may be on several interfaces. */
static bool is_twin(const struct ifaddrs *one, const struct ifaddrs *other)
{
    size_t size, other_size, mask_size;
    const uint8_t *address = ip_bytes(one->ifa_addr, &size);
    const uint8_t *others = ip_bytes(other->ifa_addr, &other_size);

    if (!address || !others || size != other_size || memcmp(address, others, size) != 0)
        return false;
    const uint8_t *mask = ip_bytes(one->ifa_netmask, &mask_size);
    const uint8_t *others_mask = ip_bytes(other->ifa_netmask, &mask_size);
    return mask && others_mask && mask[size - 1] != 0xff && memcmp(mask, others_mask, size) == 0;
}

/* Returns another interface, which is no port, that has an address of the bridge's; NULL: none. */
static const char *find_twin(const struct ifaddrs *addresses, const char *bridge)
{
    for (const struct ifaddrs *at = addresses; at; at = at->ifa_next)
        for (const struct ifaddrs *other = addresses; other && strcmp(at->ifa_name, bridge) == 0;
             other = other->ifa_next)
            if (strcmp(other->ifa_name, bridge) != 0 && is_twin(at, other) &&
                !network_has(other->ifa_name, "brport"))
                return other->ifa_name;
    return NULL;
}

struct look {
    struct findings *out;
    struct ifaddrs *addresses;
    unsigned int uplinks;
    bool nat;
    bool plugged; /* one of them has a carrier; the bridge has none while STP keeps it waiting */
};

static void report_port(struct look *look, const char *bridge, const char *port)
{
    if (is_wireless(port))
        finding_add(look->out, NET_UPLINK_WIFI, "%s has the Wi-Fi interface %s", bridge, port);
    if (!has_address(look->addresses, port))
        return;
    finding_add_fixable(look->out, NET_UPLINK_ADDRESS, port,
                        "%s is a port of %s and has an address of its own", port, bridge);
}

/* One that goes meanwhile, as users' taps do, is no other port either. */
static bool is_other_than_tap(const char *port)
{
    return !network_has(port, "tun_flags") && network_has(port, ".") && !network_has(port, "tun_flags");
}

/* Reports each port that is not a tap. Returns how many there are; uplink is the first one's name. */
static unsigned int report_ports(struct look *look, const char *bridge, char uplink[IFNAMSIZ])
{
    char path[128];
    unsigned int count = 0;

    snprintf(path, sizeof(path), NETWORK_PATH "/%.15s/brif", bridge);
    _cleanup_closedir_ DIR *folder = opendir(path);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' || !is_other_than_tap(entry->d_name))
            continue;
        look->plugged = look->plugged || network_number(entry->d_name, "carrier", 0) == 1;
        if (count++ == 0)
            snprintf(uplink, IFNAMSIZ, "%.15s", entry->d_name);
        report_port(look, bridge, entry->d_name);
    }
    return count;
}

/* The delay is that of the root bridge (net/bridge/br_stp_bpdu.c, br_stp_rcv). */
static void report_stp(const char *bridge, struct findings *out)
{
    const long delay = network_number(bridge, "bridge/forward_delay", 0);

    if (network_number(bridge, "bridge/stp_state", 0) == 0 || delay <= STP_DELAY_MAX)
        return;
    if (network_number(bridge, "bridge/root_port", 0) == 0)
        finding_add_fixable(out, NET_BRIDGE_STP, bridge, "%s runs STP, and a new port waits %ld s", bridge,
                            2 * delay / 100);
    else
        finding_add(
            out, NET_BRIDGE_STP,
            "%s runs STP, and a new port waits %ld s: the delay is set by the root bridge, which is another one",
            bridge, 2 * delay / 100);
}

static void report_bridge(struct look *look, const char *bridge)
{
    char uplink[IFNAMSIZ] = "";
    struct findings *out = look->out;
    const size_t before = out->count;
    const unsigned int uplinks = report_ports(look, bridge, uplink);

    look->nat = nat_is_configured(bridge);
    look->uplinks = uplinks;
    if (!is_up(bridge))
        finding_add_fixable(out, NET_BRIDGE_DOWN, bridge, "%s is down", bridge);
    else if (uplinks && !look->plugged)
        finding_add_fixable(out, NET_BRIDGE_CARRIER, uplink,
                            "%s has no carrier: nothing is plugged into %s%s", bridge, uplink,
                            uplinks > 1 ? " and its other ports" : "");
    if (network_bridge_mac_varies(bridge))
        finding_add_fixable(out, NET_BRIDGE_MAC, bridge,
                            "the MAC of %s is not fixed: it is the lowest of its ports'", bridge);
    report_stp(bridge, out);
    const char *twin = find_twin(look->addresses, bridge);
    if (twin)
        finding_add_fixable(out, NET_BRIDGE_TWICE, twin, "%s and %s have an address in common", bridge, twin);
    if (out->count != before)
        return;
    if (uplinks)
        finding_add(out, NET_BRIDGE, "%s is up; uplink %s%s", bridge, uplink,
                    uplinks > 1 ? " and others" : "");
    else if (look->nat)
        finding_add(out, NET_BRIDGE, "%s is up; guests reach the outside through the host (NAT)", bridge);
    else
        finding_add(out, NET_BRIDGE, "%s is up, without uplink: guests reach each other and the host",
                    bridge);
}

static void report_missing(const char *bridge, struct findings *out)
{
    char network[256];

    if (libvirt_network_inactive(bridge, network, sizeof(network)))
        finding_add_fixable(out, NET_BRIDGE_INACTIVE, bridge,
                            "there is no bridge %s: libvirt's network '%s' is not started", bridge, network);
    else if (strncmp(bridge, "virbr", 5) == 0 && geteuid() != 0) /* the files of the networks are root's */
        finding_add(out, NET_BRIDGE_MISSING,
                    "there is no interface %s; if a network of libvirt creates it, start that: "
                    "virsh -c qemu:///system net-list --all",
                    bridge);
    else
        finding_add_fixable(out, NET_BRIDGE_MISSING, bridge, "there is no interface %s", bridge);
}

static void report_one(struct look *look, const char *bridge, bool declared)
{
    if (!bridge)
        finding_add_fixable(look->out, NET_BRIDGE_NONE, "", "this host has no bridge");
    else if (!if_nametoindex(bridge) && declared)
        finding_add(look->out, NET_BRIDGE_DECLARED, "%s is declared, and does not exist yet", bridge);
    else if (!if_nametoindex(bridge))
        report_missing(bridge, look->out);
    else if (network_has(bridge, "bridge"))
        report_bridge(look, bridge);
    else
        finding_add(look->out, NET_BRIDGE_FOREIGN, "%s is not a bridge", bridge);
}

static bool wireless_route(void *arg, const char *line, unsigned int number)
{
    char *interface = arg, destination[16];
    (void)number;

    if (sscanf(line, "%15s %15s", interface, destination) == 2 && strcmp(destination, "00000000") == 0 &&
        is_wireless(interface))
        return false;
    interface[0] = '\0';
    return true;
}

/* Without a bridge to the outside yet, the user will try the NIC that the host uses. */
static void report_way_out(struct look *look)
{
    char interface[IFNAMSIZ] = "";

    if (look->uplinks || look->nat)
        return;
    text_lines("/proc/net/route", wireless_route, interface);
    if (!interface[0])
        return;
    finding_add_fixable(look->out, NET_UPLINK_WIFI, "",
                        "this host's default route is through the Wi-Fi interface %s", interface);
}

void network_bridges_probe(const struct probe_context *context, struct findings *out)
{
    struct look look = {.out = out};
    const char *problem = network_sys_problem();

    if (problem) {
        finding_add(out, NET_UNKNOWN, NETWORK_PATH " cannot be read: %s", problem);
        return;
    }
    if (getifaddrs(&look.addresses) < 0)
        look.addresses = NULL;
    report_one(&look, context->bridge, context->declared);
    report_way_out(&look);
    if (look.addresses)
        freeifaddrs(look.addresses);
}
