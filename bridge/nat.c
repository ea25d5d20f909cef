/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * Which network a NAT bridge has, and who makes it. */
#include "nat.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/number.h"
#include "base/process.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST = 76, COUNT = 24, SHORTEST = 16, LONGEST = 29, CONFIG_SIZE = 256 * 1024 };

/* netplan has no words for this: whoever it writes for is told directly. */
const struct persist_format *nat_format(const char *verb, const char *name)
{
    if (strcmp(name, "netplan") == 0 || strcmp(name, "ifupdown") == 0) {
        complain(
            2, verb,
            "%s cannot make a NAT bridge: leave --format out, or name networkd, networkmanager or dnsmasq",
            name);
        return NULL;
    }
    if (strcmp(name, "auto") == 0) {
        name = "dnsmasq";
        if (persist_any_file("/run/systemd/netif/links/*"))
            name = "networkd";
        if (persist_any_file("/run/NetworkManager/devices/*"))
            name = "networkmanager";
    }
    const bool ours = strcmp(name, "dnsmasq") == 0, shared = strcmp(name, "networkmanager") == 0;
    const char *lacks = NULL;
    if (!shared && access("/run/systemd/system", F_OK) != 0)
        lacks = "systemd";
    if (!shared && !process_exists("nft"))
        lacks = "nft (package nftables)";
    if (strcmp(name, "networkd") != 0 && !process_exists("dnsmasq"))
        lacks = "dnsmasq (package dnsmasq-base, or dnsmasq)";
    if (!lacks)
        return persist_find_format(name);
    const char *whose = shared ? " of NetworkManager's" : " of systemd-networkd's";
    if (ours)
        whose = " on a host without NetworkManager and systemd-networkd";
    complain(1, verb, "nothing was changed: a NAT bridge%s needs %s, which is not there: install it", whose,
             lacks);
    return NULL;
}

/* In XML of libvirt's, a netmask or prefix may follow in the same tag. */
static void read_mask(const char *rest, struct cidr *out)
{
    const size_t length = strcspn(rest, ">\n");
    char tag[128], mask[20];
    uint32_t bits;

    snprintf(tag, sizeof(tag), "%.*s", (int)(length < sizeof(tag) ? length : sizeof(tag) - 1), rest);
    const char *at = strstr(tag, "netmask=");
    if (at && sscanf(at + 8, "%*1['\"]%15[0-9.]", mask) == 1 && inet_pton(AF_INET, mask, &bits) == 1)
        out->prefix = (uint8_t)__builtin_popcount(bits);
    at = strstr(tag, " prefix=");
    unsigned long prefix;
    if (at && sscanf(at + 8, "%*1['\"]%2[0-9]", mask) == 1 && number_parse(mask, 0, 32, &prefix))
        out->prefix = (uint8_t)prefix;
}

bool nat_text_overlaps(const char *text, const struct cidr *network, uint8_t min_prefix, struct cidr *found)
{
    static const char address[] = "0123456789./";

    for (const char *at = text; *at; at++) {
        const size_t length = strspn(at, address);
        if (length == 0)
            continue;
        const bool whole = at == text || !(isalnum((unsigned char)at[-1]) || strchr(":-_", at[-1]));
        const size_t dot = at[length - 1] == '.'; /* of a sentence */
        if (whole && cidr_parse_any(at, length - dot, found)) {
            if (found->prefix == 32)
                read_mask(at + length, found);
            if (found->prefix >= min_prefix && found->prefix > 0 && cidr_overlap(found, network))
                return true;
        }
        at += length - 1;
    }
    return false;
}

static bool file_overlaps(const char *path, const struct cidr *network, struct cidr *found)
{
    _cleanup_free_ char *text = malloc(CONFIG_SIZE);

    return text && text_read(path, text, CONFIG_SIZE) > 0 && nat_text_overlaps(text, network, 0, found);
}

/* What is in force, and what others will want at the next start. Rules of the firewall often name large
 * blocks, such as all private networks: those do not count. */
static bool is_taken(const struct cidr *network, struct error *why)
{
    static const struct {
        const char *shown, *argv[8];
    } asked[] = {{"ip address", {"ip", "-4", "-o", "address", "show"}},
                 {"ip route", {"ip", "-4", "route", "show", "table", "all"}},
                 {"ip rule", {"ip", "-4", "rule", "show"}},
                 {"nft list ruleset", {"nft", "list", "ruleset"}}};
    static const char files[] =
        "{/etc/libvirt/qemu/networks/*.xml,/etc/docker/daemon.json,/etc/netplan/*.yaml,"
        "/etc/systemd/network/*,/etc/NetworkManager/system-connections/*,"
        "/etc/network/interfaces,/etc/network/interfaces.d/*,/etc/wireguard/*.conf,"
        "/etc/virt-tap/nat/*,/etc/virt-tap/bridges.conf}";
    _cleanup_globfree_ glob_t found = {.gl_pathc = 0};
    char wanted[CIDR_TEXT], other[CIDR_TEXT];
    struct cidr hit;

    cidr_print(network, wanted);
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        _cleanup_free_ char *text = NULL;
        const bool nft = strcmp(asked[i].argv[0], "nft") == 0;
        process_capture(asked[i].argv, false, PROCESS_QUERY_MS, &text);
        if (!text || !nat_text_overlaps(text, network, nft ? SHORTEST : 0, &hit))
            continue;
        cidr_print(&hit, other);
        error_set(why, "%s overlaps %s, which is in use (`%s`)", wanted, other, asked[i].shown);
        return true;
    }
    glob(files, GLOB_BRACE, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (!file_overlaps(found.gl_pathv[i], network, &hit))
            continue;
        cidr_print(&hit, other);
        error_set(why, "%s overlaps %s in %.200s", wanted, other, found.gl_pathv[i]);
        return true;
    }
    return false;
}

/* Whether it is in a network of RFC 1918. */
static bool is_private(const struct cidr *cidr)
{
    static const struct cidr blocks[] = {
        {AF_INET, {10}, 8}, {AF_INET, {172, 16}, 12}, {AF_INET, {192, 168}, 16}};

    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        if (cidr->prefix >= blocks[i].prefix && cidr_overlap(cidr, &blocks[i]))
            return true;
    return false;
}

/* Parses --nat=CIDR: the bridge's address, or the network, whose first address is then the bridge's. */
static int parse(const char *verb, const char *text, struct cidr *out)
{
    if (!strchr(text, '/') || !cidr_parse_any(text, strlen(text), out) || out->family != AF_INET)
        return complain(2, verb,
                        "--nat takes a network or the bridge's address in it, such as 192.168.76.0/24, "
                        "not '%.64s'",
                        text);
    if (!is_private(out))
        return complain(2, verb,
                        "--nat=%.64s is not private: choose a network of 10.0.0.0/8, 172.16.0.0/12 or "
                        "192.168.0.0/16",
                        text);
    if (out->prefix < SHORTEST || out->prefix > LONGEST)
        return complain(2, verb, "--nat=%.64s: the prefix is from /%d to /%d", text, SHORTEST, LONGEST);
    const struct cidr network = nat_network(out);
    if (memcmp(network.bytes, out->bytes, 4) == 0)
        out->bytes[3] |= 1;
    uint32_t bits;
    memcpy(&bits, out->bytes, sizeof(bits));
    const uint32_t host = ~(uint32_t)0 >> out->prefix;
    if ((ntohl(bits) & host) == host)
        return complain(2, verb, "--nat=%.64s is the broadcast address of its network: choose another", text);
    return 0;
}

bool nat_recorded(const struct persist_files *record, struct cidr *address)
{
    char text[512], cidr[CIDR_TEXT];

    if (record->count == 0 || text_read(record->list[0].path, text, sizeof(text)) <= 0)
        return false;
    const char *mark = strstr(text, NAT_MARK);
    return mark && sscanf(mark + strlen(NAT_MARK), "%31[0-9./]", cidr) == 1 &&
           cidr_parse_any(cidr, strlen(cidr), address);
}

/* Takes the first network that is free: 192.168.76.0/24 to 192.168.99.0/24, 10.176.76.0/24 to 10.176.99.0/24.
 */
static int choose(const char *verb, struct cidr *out)
{
    struct error why = {0};

    for (int i = 0; i < 2 * COUNT; i++) {
        const uint8_t number = (uint8_t)(FIRST + i % COUNT);
        *out = (struct cidr){AF_INET, {192, 168, number}, 24};
        if (i >= COUNT)
            memcpy(out->bytes, (uint8_t[]){10, 176}, 2);
        if (is_taken(out, &why))
            continue;
        out->bytes[3] = 1;
        return 0;
    }
    return complain(1, verb, "nothing was changed: no network is free: %s; name one: --nat=CIDR", why.text);
}

/* A host that begins to forward IPv6 loses the routes that it has from routers: the kernel purges its own
 * (net/ipv6/route.c, rt6_purge_dflt_routers), or, with accept_ra=2, which ifupdown sets only after the link
 * is up, asks no router at the next start and waits for minutes; systemd-networkd 257 stops listening.
 * Whoever forwards already has seen to that. */
static bool may_forward6(const char *verb)
{
    _cleanup_free_ char *text = NULL;
    char device[16] = "";

    if (access("/proc/sys/net/ipv6", F_OK) != 0 || text_number("/proc/sys/net/ipv6/conf/all/disable_ipv6", 0))
        return false;
    if (text_number("/proc/sys/net/ipv6/conf/all/forwarding", 0) == 1)
        return true;
    process_query(&text, "ip", "-6", "-o", "route", "show", "default", "proto", "ra");
    const char *at = text ? strstr(text, " dev ") : NULL;
    if (!at || sscanf(at, " dev %15s", device) != 1)
        return true;
    complain(0, verb,
             "guests get no IPv6: the host has its own route from a router by '%s', and could lose it if it "
             "forwarded IPv6; to have both, first have the host forward (net.ipv6.conf.all.forwarding=1) and "
             "still listen to routers (accept_ra=2, or IPv6AcceptRA=yes of networkd)",
             device);
    return false;
}

/* A unique local /64 (RFC 4193) of this host and bridge, the same at each start. */
static void choose6(struct persist_plan *plan, const uint8_t mac[6])
{
    uint64_t hash = hash_bytes(HASH_START, (const char *)mac, 6);

    hash = hash_bytes(hash, plan->bridge, strlen(plan->bridge));
    plan->nat6 = (struct cidr){AF_INET6, {0xfd}, 64};
    for (int i = 1; i < 8; i++)
        plan->nat6.bytes[i] = (uint8_t)(hash >> 8 * i);
    plan->nat6.bytes[15] = 1;
}

/* What the bridge has already, by its record. Returns 0 or reports why it cannot be made. */
static int look(struct view *view, const char *verb, struct persist_plan *plan, struct cidr *was)
{
    __attribute__((cleanup(persist_free))) struct persist_files record = {.count = 0};
    const struct link *link = links_by_name(&view->links, plan->bridge);

    *was = (struct cidr){.family = 0};
    const int err = persist_recall(plan->bridge, &record);
    if (err < 0)
        return complain(1, verb, "nothing was changed: what is recorded for '%s' cannot be read: %s",
                        plan->bridge, strerror(-err));
    if (!nat_recorded(&record, was))
        was->family = 0;
    if (record.count > 0 && !was->family)
        return complain(
            1, verb,
            "nothing was changed: '%s' is persisted already, without NAT: choose another name, or "
            "take that back first (virt-tap bridge unpersist %s)",
            plan->bridge, plan->bridge);
    if (link && !(was->family && link->is_bridge))
        return complain(1, verb,
                        "nothing was changed: '%s' exists already, and was not made by persist --nat: choose "
                        "another name, or delete it first",
                        plan->bridge);
    return 0;
}

int nat_plan(struct view *view, const char *verb, const char *text, struct persist_plan *plan)
{
    struct cidr was, network;
    struct error why = {0};
    uint8_t mac[6];
    char had[CIDR_TEXT] = "";

    if (*text && parse(verb, text, &plan->nat) != 0)
        return 2;
    if (look(view, verb, plan, &was) != 0)
        return 1;
    if (was.family)
        cidr_print(&was, had);
    if (*text && was.family && !cidr_equal(&was, &plan->nat))
        return complain(1, verb,
                        "nothing was changed: '%s' has %s already: to change that, delete it first (virt-tap "
                        "bridge delete %s)",
                        plan->bridge, had, plan->bridge);
    if (was.family)
        plan->nat = was;
    else if (!*text && choose(verb, &plan->nat) != 0)
        return 1;
    network = nat_network(&plan->nat);
    if (*text && !was.family && is_taken(&network, &why))
        return complain(1, verb, "nothing was changed: %s; choose another network, or have one chosen: --nat",
                        why.text);
    const int err = bridge_host_mac(plan->bridge, mac);
    if (err < 0)
        return complain(1, verb, "cannot choose a MAC, for /etc/machine-id cannot be read: %s",
                        strerror(-err));
    mac_print(plan->mac, mac);
    plan->max_learned = BRIDGE_LEARNED_MAX;
    if (strcmp(plan->format->name, "networkmanager") == 0)
        complain(0, verb, "guests get no IPv6: NetworkManager shares IPv4 only");
    else if (may_forward6(verb))
        choose6(plan, mac);
    return 0;
}

int nat_refuse(const char *verb, const char *bridge)
{
    __attribute__((cleanup(persist_free))) struct persist_files record = {.count = 0};
    struct cidr address;

    if (persist_recall(bridge, &record) < 0 || !nat_recorded(&record, &address))
        return 0;
    return complain(1, verb,
                    "nothing was changed: '%s' is persisted with NAT: use --nat, or take that back first "
                    "(virt-tap bridge unpersist %s)",
                    bridge, bridge);
}
