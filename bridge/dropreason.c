/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "dropreason.h"

#include "base/name.h"
#include "base/text.h"
#include "judge.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>

enum { ARP_SIZE = 42, IP4_HEADER = 20, IP6_HEADER = 40, IP6_HEADERS_MAX = 8, IGMP_QUERY = 0x11 };

struct number_name {
    unsigned int number;
    const char *name;
};

/* A packet inside a frame, as far as it is there. */
struct packet {
    struct cidr from, to;
    unsigned int protocol;
    bool fragment; /* any but a whole packet */
    const uint8_t *upper;
    size_t upper_size; /* bytes from there on; 0: in a later fragment, or cut off */
};

static unsigned int half(const uint8_t *at)
{
    return (unsigned int)(at[0] << 8 | at[1]);
}

static const char *name_of(const struct number_name *names, size_t count, unsigned int number)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].number == number)
            return names[i].name;
    return NULL;
}

static const char *print_address(char out[INET6_ADDRSTRLEN], const struct cidr *address)
{
    inet_ntop(address->family, address->bytes, out, INET6_ADDRSTRLEN);
    return out;
}

static struct cidr address_at(int family, const uint8_t *at)
{
    struct cidr address = {.family = family, .prefix = (uint8_t)(8 * cidr_size(family))};

    memcpy(address.bytes, at, cidr_size(family));
    return address;
}

/* Returns whether a lock on addresses binds, and this is none of them. What a guest without an address uses
 * is everybody's. */
static bool is_foreign(const struct drop_bound *bound, const struct cidr *address)
{
    static const uint8_t none[16];

    if (bound->count == 0 || memcmp(address->bytes, none, cidr_size(address->family)) == 0)
        return false;
    for (size_t i = 0; i < bound->count; i++)
        if (cidr_overlap(&bound->addresses[i], address))
            return false;
    return !cidr_is_link_local(address);
}

static void say_link(char *out, const struct frame *f, unsigned int type)
{
    static const struct number_name names[] = {{ETH_P_8021Q, "a second VLAN tag"},
                                               {ETH_P_8021AD, "a second VLAN tag"},
                                               {0x9100, "a VLAN tag 0x9100"},
                                               {ETH_P_PAUSE, "PAUSE"},
                                               {ETH_P_SLOW, "LACP or another slow protocol"},
                                               {ETH_P_LLDP, "LLDP"},
                                               {0x88F5, "MVRP"},
                                               {0x88F6, "MMRP"},
                                               {0x22EA, "MSRP"},
                                               {0x88E3, "MRP"},
                                               {0x8902, "CFM"}};
    const char *name = name_of(names, sizeof(names) / sizeof(*names), type);
    char mac[MAC_TEXT];

    if (name)
        snprintf(out, DROP_REASON_SIZE, "%s", name);
    else if (type < ETH_P_802_3_MIN && f->size >= 16 && half(f->bytes + 14) == 0x4242)
        snprintf(out, DROP_REASON_SIZE, "spanning tree");
    else if (type < ETH_P_802_3_MIN)
        snprintf(out, DROP_REASON_SIZE, "an 802.3 frame to %s", mac_print(mac, f->bytes));
    else
        snprintf(out, DROP_REASON_SIZE, "a frame of type 0x%04x to %s", type, mac_print(mac, f->bytes));
}

static void say_arp(char *out, const struct frame *f, const struct drop_bound *bound, const char *name)
{
    static const char *const operations[] = {"", " request", " reply", " request", " reply"};
    const uint8_t *arp = f->bytes + ETH_HLEN;
    char mac[MAC_TEXT], text[INET6_ADDRSTRLEN];

    if (f->size < ARP_SIZE || half(arp + 6) < 1 || half(arp + 6) > 4) {
        snprintf(out, DROP_REASON_SIZE, "%s that is malformed", name);
        return;
    }
    const char *operation = operations[half(arp + 6)];
    const struct cidr sender = address_at(AF_INET, arp + 14), target = address_at(AF_INET, arp + 24);
    if (memcmp(arp + 8, bound->mac, 6) != 0)
        snprintf(out, DROP_REASON_SIZE, "%s%s with hardware address %s, which is not its own", name,
                 operation, mac_print(mac, arp + 8));
    else if (is_foreign(bound, &sender))
        snprintf(out, DROP_REASON_SIZE, "%s%s for %s, which is not its address", name, operation,
                 print_address(text, &sender));
    else if (half(arp + 6) == 1 && is_foreign(bound, &target))
        snprintf(out, DROP_REASON_SIZE, "%s probe for %s, which is not its address", name,
                 print_address(text, &target));
    else
        snprintf(out, DROP_REASON_SIZE, "%s%s that it may not send", name, operation);
}

/* Returns what only servers and routers send, or NULL. */
static const char *role_of(const struct packet *p)
{
    static const struct number_name icmp[] = {{ICMP_REDIRECT, "ICMP redirect"},
                                              {ICMP_ROUTERADVERT, "router advertisement"}};
    static const struct number_name icmp6[] = {{ND_ROUTER_ADVERT, "router advertisement"},
                                               {ND_REDIRECT, "ICMPv6 redirect"},
                                               {130, "MLD query"},
                                               {151, "multicast router discovery"},
                                               {153, "multicast router discovery"}};
    const bool ports = p->protocol == IPPROTO_UDP && p->upper_size >= 4;

    if (p->protocol == IPPROTO_PIM)
        return "PIM";
    if (p->protocol == IPPROTO_ICMP && p->upper_size)
        return name_of(icmp, sizeof(icmp) / sizeof(*icmp), *p->upper);
    if (p->protocol == IPPROTO_ICMPV6 && p->upper_size)
        return name_of(icmp6, sizeof(icmp6) / sizeof(*icmp6), *p->upper);
    if (p->protocol == IPPROTO_IGMP && p->upper_size)
        return *p->upper == IGMP_QUERY ? "IGMP query" : "IGMP of a router";
    if (ports && p->from.family == AF_INET && (half(p->upper) == 67 || half(p->upper + 2) == 68))
        return "DHCP server's message";
    if (ports && p->from.family == AF_INET6 && (half(p->upper) == 547 || half(p->upper + 2) == 546))
        return "DHCPv6 server's message";
    return NULL;
}

static void say_discovery(char *out, const struct packet *p, const struct drop_bound *bound)
{
    const char *name = text_if(*p->upper == ND_NEIGHBOR_ADVERT, "neighbour advertisement");
    char text[INET6_ADDRSTRLEN];

    if (!*name)
        name = "neighbour discovery";
    if (p->upper_size >= 24 && *p->upper >= ND_NEIGHBOR_SOLICIT) {
        const struct cidr target = address_at(AF_INET6, p->upper + 8);
        if (*p->upper == ND_NEIGHBOR_ADVERT && is_foreign(bound, &target)) {
            snprintf(out, DROP_REASON_SIZE, "%s for %s, which is not its address", name,
                     print_address(text, &target));
            return;
        }
    }
    snprintf(out, DROP_REASON_SIZE, "%s from %s with a hardware address that is not its own, or malformed",
             name, print_address(text, &p->from));
}

static void say_packet(char *out, const struct packet *p, const struct drop_bound *bound)
{
    const char *family = text_if(p->from.family == AF_INET6, "IPv6");
    const char *role = role_of(p);
    char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

    if (!*family)
        family = "IPv4";
    print_address(from, &p->from);
    print_address(to, &p->to);
    if (role)
        snprintf(out, DROP_REASON_SIZE, "%s from %s", role, from);
    else if (is_foreign(bound, &p->from))
        snprintf(out, DROP_REASON_SIZE, "%s from %s, which is not its address", family, from);
    else if (p->fragment)
        snprintf(out, DROP_REASON_SIZE, "%s fragment from %s without its headers, or to %s", family, from,
                 to);
    else if (p->protocol == IPPROTO_ICMPV6 && p->upper_size && *p->upper >= ND_ROUTER_SOLICIT &&
             *p->upper <= ND_REDIRECT)
        say_discovery(out, p, bound);
    else if ((p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP) && p->upper_size >= 4)
        snprintf(out, DROP_REASON_SIZE, "%s from %s to %s, %s port %u", family, from, to,
                 p->protocol == IPPROTO_TCP ? "TCP" : "UDP", half(p->upper + 2));
    else
        snprintf(out, DROP_REASON_SIZE, "%s from %s to %s, protocol %u, or malformed", family, from, to,
                 p->protocol);
}

static bool read_ip4(struct packet *p, const uint8_t *at, size_t size)
{
    if (size < IP4_HEADER)
        return false;
    const size_t length = 4 * (*at & 15U);
    *p = (struct packet){.from = address_at(AF_INET, at + 12),
                         .to = address_at(AF_INET, at + 16),
                         .protocol = at[9],
                         .fragment = half(at + 6) & 0x3FFF};
    if (length >= IP4_HEADER && length <= size && !(half(at + 6) & 0x1FFF)) {
        p->upper = at + length;
        p->upper_size = size - length;
    }
    return true;
}

/* Walks past extension headers, as far as they are there. */
static bool read_ip6(struct packet *p, const uint8_t *at, size_t size)
{
    size_t place = IP6_HEADER;

    if (size < IP6_HEADER)
        return false;
    *p = (struct packet){
        .from = address_at(AF_INET6, at + 8), .to = address_at(AF_INET6, at + 24), .protocol = at[6]};
    for (int i = 0; i < IP6_HEADERS_MAX && place + 8 <= size; i++) {
        const uint8_t *header = at + place;
        if (p->protocol == IPPROTO_FRAGMENT) {
            p->fragment = true;
            if (half(header + 2) & 0xFFF8) /* a later one */
                return true;
            place += 8;
        } else if (p->protocol == IPPROTO_HOPOPTS || p->protocol == IPPROTO_ROUTING ||
                   p->protocol == IPPROTO_DSTOPTS) {
            place += 8 * (1U + header[1]);
        } else {
            break;
        }
        p->protocol = header[0];
    }
    if (place <= size) {
        p->upper = at + place;
        p->upper_size = size - place;
    }
    return true;
}

static bool read_packet(struct packet *p, unsigned int type, const struct frame *f)
{
    if (type == ETH_P_IP)
        return read_ip4(p, f->bytes + ETH_HLEN, f->size - ETH_HLEN);
    return type == ETH_P_IPV6 && read_ip6(p, f->bytes + ETH_HLEN, f->size - ETH_HLEN);
}

/* Names a tag that is not one of a trunk, or that it has none without a native VLAN. Returns false if the
 * frame's tag is no reason. */
static bool say_tag(char *out, const struct frame *f, const struct drop_bound *bound)
{
    const unsigned int vlan = f->tag & 0xFFFU;
    const bool trunk = vlans_tagged(&bound->vlans);

    if (f->tagged && trunk && f->tag_type == bound->vlan_protocol && vlans_has(&bound->vlans, vlan))
        return false;
    if (!f->tagged && (!trunk || bound->vlans.untagged))
        return false;
    if (f->tagged)
        snprintf(out, DROP_REASON_SIZE, "with a tag of VLAN %u, type 0x%04x", vlan, f->tag_type);
    else
        snprintf(out, DROP_REASON_SIZE, "without a tag, on a trunk without a native VLAN");
    return true;
}

static bool is_link_control(const uint8_t *destination)
{
    static const uint8_t bridges[] = {0x01, 0x80, 0xC2, 0x00}, cisco[] = {0x01, 0x00, 0x0C};

    return memcmp(destination, bridges, sizeof(bridges)) == 0 ||
           memcmp(destination, cisco, sizeof(cisco)) == 0;
}

void drop_reason(char out[DROP_REASON_SIZE], const struct frame *f, const struct drop_bound *bound)
{
    struct packet packet;
    char mac[MAC_TEXT];

    if (f->size < ETH_HLEN) {
        snprintf(out, DROP_REASON_SIZE, "a frame without a header");
        return;
    }
    const unsigned int type = half(f->bytes + 12);
    const bool control = is_link_control(f->bytes);
    if (memcmp(f->bytes + 6, bound->mac, 6) != 0)
        snprintf(out, DROP_REASON_SIZE, "from MAC %s, which is not its own", mac_print(mac, f->bytes + 6));
    else if (say_tag(out, f, bound))
        return;
    else if (type == ETH_P_ARP && !control)
        say_arp(out, f, bound, "ARP");
    else if (type == ETH_P_RARP && !control)
        say_arp(out, f, bound, "RARP");
    else if (!control && read_packet(&packet, type, f))
        say_packet(out, &packet, bound);
    else
        say_link(out, f, type);
}
