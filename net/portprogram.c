/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "portprogram.h"

#include "portprogram_part.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

/* IPv4 fragments. Every hop carries 68 bytes whole (RFC 791): a shorter first fragment only hides headers. */
enum { OFFSET = 0x1FFF, MORE = 0x2000, FIRST_MIN = 68 };

enum { IGMP_REPORT = 0x12, IGMP_REPORT_2 = 0x16, IGMP_LEAVE = 0x17, IGMP_REPORT_3 = 0x22 };

/* Tags, and wrappers of whole frames; then what neighbours on a link tell each other: pause, LACP, LLDP, and
 * the registration protocols MVRP, MMRP and MSRP. */
static const uint16_t forbidden[] = {
    ETH_P_8021Q, ETH_P_8021AD, 0x9100,     0x9200, 0x9300, ETH_P_8021AH, 0x893F,
    ETH_P_PAUSE, ETH_P_SLOW,   ETH_P_LLDP, 0x88F5, 0x88F6, 0x22EA,
};

/* Drops tagged frames (the kernel has put the outermost tag into the frame's metadata), frames of another
 * MAC, and frames to the addresses of spanning tree and the like (01:80:c2:00) and of Cisco's (01:00:0c). */
static void judge_link(struct bpf *p, const struct binding *b)
{
    require(p, BYTE, (uint32_t)SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT, 0);
    require_mac(p, b, BPF_ABS, ETH_ALEN);
    bpf_add(p, WORD, 0);
    bpf_if(p, BPF_JEQ, 0x0180C200, &p->drop);
    bpf_add(p, AND, 0xFFFFFF00);
    bpf_if(p, BPF_JEQ, 0x01000C00, &p->drop);
}

/* The type is in A. Below 0x600 it is a length (IEEE 802.3): of spanning tree, or of anything in SNAP. */
static void judge_others(struct bpf *p, const struct binding *b)
{
    bpf_unless(p, BPF_JGE, ETH_P_802_3_MIN, &p->drop);
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++)
        bpf_if(p, BPF_JEQ, forbidden[i], &p->drop);
    if (b->ip_lock)
        bpf_go(p, &p->drop);
    bpf_go(p, &p->pass);
}

/* ARP for Ethernet and IPv4: requests and replies; of RARP only requests, since its replies assign addresses.
 * Whoever asks may have no address yet. */
static void judge_arp(struct bpf *p, const struct binding *b, uint32_t request, uint32_t replies)
{
    request |= 0x06040000; /* the addresses' sizes */
    bpf_add(p, BYTE, IP + 27);
    require(p, WORD, IP, 0x00010800);
    bpf_add(p, WORD, IP + 4);
    bpf_add(p, SUBTRACT, request);
    bpf_if(p, BPF_JGT, replies, &p->drop);
    require_mac(p, b, BPF_ABS, IP + 8);
    if (b->ip_lock) {
        match_own(p, b, AF_INET, WORD, IP + 14, &p->pass);
        require(p, WORD, IP + 14, INADDR_ANY);
        require(p, WORD, IP + 4, request);
    }
    bpf_go(p, &p->pass);
}

/* Guests report what they listen to. Everything else is of routers: queries, and how they find each other. */
static void judge_igmp(struct bpf *p)
{
    bpf_add(p, X_BYTE, IP + UPPER - 1);
    bpf_add(p, X_BYTE, IP);
    bpf_if(p, BPF_JEQ, IGMP_REPORT, &p->pass);
    bpf_if(p, BPF_JEQ, IGMP_REPORT_2, &p->pass);
    bpf_if(p, BPF_JEQ, IGMP_LEAVE, &p->pass);
    bpf_if(p, BPF_JEQ, IGMP_REPORT_3, &p->pass);
    bpf_go(p, &p->drop);
}

static void judge_icmp(struct bpf *p, const struct binding *b)
{
    bpf_add(p, X_BYTE, IP + UPPER - 1);
    bpf_add(p, X_BYTE, IP);
    if (!(b->serve & SERVE_RA)) {
        bpf_if(p, BPF_JEQ, ICMP_REDIRECT, &p->drop);
        bpf_if(p, BPF_JEQ, ICMP_ROUTERADVERT, &p->drop);
    }
    bpf_go(p, &p->pass);
}

/* A whole packet from 0.0.0.0: IGMP, or a DHCP client's. */
static void judge_without_address(struct bpf *p, struct bpf_label *igmp)
{
    require(p, WORD, IP + 12, INADDR_ANY);
    bpf_add(p, HALF, IP + 6);
    bpf_if(p, BPF_JSET, OFFSET | MORE, &p->drop);
    bpf_add(p, BYTE, IP + 9);
    bpf_if(p, BPF_JEQ, IPPROTO_IGMP, igmp);
    bpf_unless(p, BPF_JEQ, IPPROTO_UDP, &p->drop);
    require(p, WORD, IP + 16, INADDR_BROADCAST);
    bpf_add(p, X_BYTE, IP + UPPER - 1);
    require(p, X_WORD, IP, 68 << 16 | 67);
    bpf_go(p, &p->pass);
}

/* Later fragments pass, except at offset 1, where they would overwrite an upper header (RFC 3128). */
static void judge_ip4(struct bpf *p, const struct binding *b)
{
    struct bpf_label own = {0}, whole = {0}, udp = {0}, icmp = {0}, igmp = {0};

    bpf_add(p, BYTE, IP + 19);
    bpf_add(p, BYTE, IP);
    bpf_unless(p, BPF_JGE, 0x45, &p->drop);
    bpf_if(p, BPF_JGT, 0x4F, &p->drop);
    bpf_add(p, BPF_LDX | BPF_B | BPF_MSH, IP); /* X: the header's length */
    if (b->ip_lock) {
        match_own(p, b, AF_INET, WORD, IP + 12, &own);
        judge_without_address(p, &igmp);
    }
    bpf_here(p, &own);
    bpf_add(p, HALF, IP + 6);
    bpf_unless(p, BPF_JSET, OFFSET | MORE, &whole);
    bpf_add(p, AND, OFFSET);
    bpf_if(p, BPF_JEQ, 1, &p->drop);
    bpf_unless(p, BPF_JEQ, 0, &p->pass);
    bpf_add(p, BYTE, IP + FIRST_MIN - 1);
    bpf_add(p, HALF, IP + 2);
    bpf_unless(p, BPF_JGE, FIRST_MIN, &p->drop);
    bpf_here(p, &whole);
    bpf_add(p, BYTE, IP + 9);
    bpf_if(p, BPF_JEQ, IPPROTO_UDP, &udp);
    bpf_if(p, BPF_JEQ, IPPROTO_ICMP, &icmp);
    bpf_if(p, BPF_JEQ, IPPROTO_IGMP, &igmp);
    bpf_if(p, BPF_JEQ, IPPROTO_PIM, &p->drop);
    bpf_unless(p, BPF_JEQ, IPPROTO_TCP, &p->pass);
    bpf_add(p, X_BYTE, IP + UPPER - 1);
    bpf_go(p, &p->pass);
    bpf_here(p, &udp);
    judge_udp(p, IP, 67, 68, b->serve & SERVE_DHCP);
    bpf_here(p, &icmp);
    judge_icmp(p, b);
    bpf_here(p, &igmp);
    judge_igmp(p);
}

int portprogram_make(const struct binding *binding, struct bpf *out)
{
    struct bpf_label ip4 = {0}, ip6 = {0}, arp = {0}, rarp = {0};

    *out = (struct bpf){.count = 0};
    judge_link(out, binding);
    bpf_add(out, HALF, 2 * ETH_ALEN);
    bpf_if(out, BPF_JEQ, ETH_P_IP, &ip4);
    bpf_if(out, BPF_JEQ, ETH_P_IPV6, &ip6);
    bpf_if(out, BPF_JEQ, ETH_P_ARP, &arp);
    bpf_if(out, BPF_JEQ, ETH_P_RARP, &rarp);
    judge_others(out, binding);
    bpf_here(out, &ip4);
    judge_ip4(out, binding);
    bpf_here(out, &ip6);
    judge_ip6(out, binding);
    bpf_here(out, &arp);
    judge_arp(out, binding, 1, 1);
    bpf_here(out, &rarp);
    judge_arp(out, binding, 3, 0);
    return bpf_end(out);
}
