/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "firewall_frames.h"

#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

enum {
    PORT_FROM = 50100,
    PORT_TO = 443,
    LIFETIME = 64,
    MIN_SIZE = 60 /* of an Ethernet frame, without FCS */
};

/* RFC 1071, over data of any length. */
static uint32_t sum(uint32_t start, const void *data, size_t size)
{
    const uint8_t *at = data;
    uint16_t word = 0;

    for (; size > 1; size -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        start += ntohs(word);
    }
    if (size)
        return start + (uint32_t)(*at << 8);
    return start;
}

static uint16_t fold(uint32_t total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return htons((uint16_t)~total);
}

static size_t write_arp(uint8_t *out, const struct frame_ends *ends, uint32_t mark)
{
    struct ether_arp arp = {.ea_hdr = {htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), 6, 4, htons(ARPOP_REQUEST)}};

    memcpy(arp.arp_sha, ends->source_mac, 6);
    memcpy(arp.arp_spa, &ends->source, 4);
    memcpy(arp.arp_tpa, &ends->target, 4);
    memcpy(out, &arp, sizeof(arp));
    memcpy(out + sizeof(arp), &mark, sizeof(mark)); /* in the padding */
    return sizeof(arp) + sizeof(mark);
}

/* What the checksums of UDP, TCP and ICMPv6 cover besides the packet. */
static uint32_t pseudo_sum(const struct frame_ends *ends, bool ip6, uint8_t protocol, size_t size)
{
    uint32_t total = (uint32_t)size + protocol;

    if (ip6)
        return sum(sum(total, &ends->source6, 16), &ends->target6, 16);
    return sum(sum(total, &ends->source, 4), &ends->target, 4);
}

static size_t write_tcp(uint8_t *out, const struct frame_ends *ends, bool ip6, uint32_t mark)
{
    struct tcphdr tcp = {
        .source = htons(PORT_FROM), .dest = htons(PORT_TO), .seq = mark, .doff = 5, .syn = 1};

    tcp.window = htons(0xffff);
    tcp.check = fold(sum(pseudo_sum(ends, ip6, IPPROTO_TCP, sizeof(tcp)), &tcp, sizeof(tcp)));
    memcpy(out, &tcp, sizeof(tcp));
    return sizeof(tcp);
}

static size_t write_udp(uint8_t *out, const struct frame_ends *ends, bool ip6, uint32_t mark)
{
    struct {
        struct udphdr head;
        uint32_t mark;
    } udp = {{.source = htons(PORT_FROM), .dest = htons(PORT_TO), .len = htons(sizeof(udp))}, mark};

    udp.head.check = fold(sum(pseudo_sum(ends, ip6, IPPROTO_UDP, sizeof(udp)), &udp, sizeof(udp)));
    memcpy(out, &udp, sizeof(udp));
    return sizeof(udp);
}

/* An echo request; ICMPv6 differs in its number and in what the checksum covers. */
static size_t write_icmp(uint8_t *out, const struct frame_ends *ends, bool ip6, uint32_t mark)
{
    uint8_t icmp[sizeof(struct icmphdr) + sizeof(mark)] = {ip6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
    const uint32_t start = ip6 ? pseudo_sum(ends, true, IPPROTO_ICMPV6, sizeof(icmp)) : 0;

    memcpy(icmp + sizeof(struct icmphdr), &mark, sizeof(mark));
    const uint16_t check = fold(sum(start, icmp, sizeof(icmp)));
    memcpy(icmp + offsetof(struct icmphdr, checksum), &check, sizeof(check));
    memcpy(out, icmp, sizeof(icmp));
    return sizeof(icmp);
}

static void write_ip(uint8_t *out, const struct frame_ends *ends, uint8_t protocol, size_t size)
{
    struct iphdr ip = {.version = 4, .ihl = 5, .ttl = LIFETIME, .protocol = protocol};

    ip.tot_len = htons((uint16_t)(sizeof(ip) + size));
    ip.saddr = ends->source.s_addr;
    ip.daddr = ends->target.s_addr;
    ip.check = fold(sum(0, &ip, sizeof(ip)));
    memcpy(out, &ip, sizeof(ip));
}

static void write_ip6(uint8_t *out, const struct frame_ends *ends, uint8_t protocol, size_t size)
{
    struct ip6_hdr ip = {.ip6_src = ends->source6, .ip6_dst = ends->target6};

    ip.ip6_flow = htonl(6U << 28);
    ip.ip6_plen = htons((uint16_t)size);
    ip.ip6_nxt = protocol;
    ip.ip6_hlim = LIFETIME;
    memcpy(out, &ip, sizeof(ip));
}

static const struct {
    size_t (*write)(uint8_t *out, const struct frame_ends *ends, bool ip6, uint32_t mark); /* NULL: ARP */
    uint8_t protocol;
    bool ip6;
} kinds[FRAME_KINDS] = {
    [FRAME_ICMP] = {write_icmp, IPPROTO_ICMP, false}, [FRAME_UDP] = {write_udp, IPPROTO_UDP, false},
    [FRAME_TCP] = {write_tcp, IPPROTO_TCP, false},    [FRAME_ICMP6] = {write_icmp, IPPROTO_ICMPV6, true},
    [FRAME_UDP6] = {write_udp, IPPROTO_UDP, true},    [FRAME_TCP6] = {write_tcp, IPPROTO_TCP, true},
};

static size_t write_packet(uint8_t *out, enum frame_kind kind, const struct frame_ends *ends)
{
    const bool ip6 = kinds[kind].ip6;
    const size_t head = ip6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);

    if (!kinds[kind].write)
        return write_arp(out, ends, ends->mark + kind);
    const size_t size = kinds[kind].write(out + head, ends, ip6, ends->mark + kind);
    if (ip6)
        write_ip6(out, ends, kinds[kind].protocol, size);
    else
        write_ip(out, ends, kinds[kind].protocol, size);
    return head + size;
}

size_t frame_write(uint8_t out[FRAME_SIZE], enum frame_kind kind, const struct frame_ends *ends)
{
    struct ether_header head = {.ether_type = htons(ETHERTYPE_IP)};

    if (!kinds[kind].write)
        head.ether_type = htons(ETHERTYPE_ARP);
    else if (kinds[kind].ip6)
        head.ether_type = htons(ETHERTYPE_IPV6);
    memcpy(head.ether_dhost, ends->target_mac, 6);
    memcpy(head.ether_shost, ends->source_mac, 6);
    memset(out, 0, FRAME_SIZE);
    memcpy(out, &head, sizeof(head));
    const size_t size = sizeof(head) + write_packet(out + sizeof(head), kind, ends);
    if (size < MIN_SIZE)
        return MIN_SIZE;
    return size;
}

int frame_read(const uint8_t *frame, size_t size, const struct frame_ends *ends)
{
    if (size < sizeof(struct ether_header) || memcmp(frame + ETH_ALEN, ends->source_mac, ETH_ALEN) != 0)
        return -1;
    for (int kind = 0; kind < FRAME_KINDS; kind++) {
        const uint32_t mark = ends->mark + (uint32_t)kind;
        if (memmem(frame, size, &mark, sizeof(mark)))
            return kind;
    }
    return -1;
}

static bool are_all(const bool arrived[FRAME_KINDS], int first, int last, bool value)
{
    for (int kind = first; kind <= last; kind++)
        if (arrived[kind] != value)
            return false;
    return true;
}

bool frames_arrived(const bool arrived[FRAME_KINDS], int first, int last)
{
    return are_all(arrived, first, last, true);
}

bool frames_lost(const bool arrived[FRAME_KINDS], int first, int last)
{
    return are_all(arrived, first, last, false);
}
