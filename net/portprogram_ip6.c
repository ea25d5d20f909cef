/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "portprogram.h"
#include "portprogram_part.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>

/* Words of memory, for IPv6. */
enum {
    FRAGMENT,    /* 1: the packet is a fragment */
    UNSPECIFIED, /* 1: its source is ::, which is not the guest's own */
    END,         /* where the packet ends in the frame; no receiver reads what is behind it */
    NEXT,        /* the next header's type */
};

enum { MLD_REPORT_2 = 143, MULTICAST_ROUTER = 151 /* RFC 4286 */ };

static void set(struct bpf *p, uint32_t word, uint32_t value)
{
    bpf_add(p, NUMBER, value);
    bpf_add(p, STORE, word);
}

/* X += A. */
static void advance(struct bpf *p)
{
    bpf_add(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    bpf_add(p, BPF_MISC | BPF_TAX, 0);
}

static void skip(struct bpf *p, uint32_t size)
{
    bpf_add(p, X_BYTE, size - 1);
    bpf_add(p, NUMBER, size);
    advance(p);
}

/* A = how much of the packet there is from X on. */
static void load_rest(struct bpf *p)
{
    bpf_add(p, RECALL, END);
    bpf_add(p, BPF_ALU | BPF_SUB | BPF_X, 0);
    bpf_if(p, BPF_JGT, UINT16_MAX, &p->drop); /* X is behind it */
}

/* The type of the header at X is in A. Jumps to `upper` if it is no extension header, and to `later` if the
 * packet is a later fragment; walks past it otherwise. */
static void walk_header(struct bpf *p, struct bpf_label *upper, struct bpf_label *later)
{
    struct bpf_label options = {0}, next = {0};

    bpf_if(p, BPF_JEQ, IPPROTO_HOPOPTS, &options);
    bpf_if(p, BPF_JEQ, IPPROTO_ROUTING, &options);
    bpf_if(p, BPF_JEQ, IPPROTO_DSTOPTS, &options);
    bpf_unless(p, BPF_JEQ, IPPROTO_FRAGMENT, upper);
    set(p, FRAGMENT, 1);
    bpf_add(p, X_HALF, 2);
    bpf_if(p, BPF_JSET, 0xFFF8, later);
    bpf_add(p, X_BYTE, 0);
    bpf_add(p, STORE, NEXT);
    skip(p, 8);
    bpf_go(p, &next);
    bpf_here(p, &options);
    bpf_add(p, X_BYTE, 0);
    bpf_add(p, STORE, NEXT);
    bpf_add(p, X_BYTE, 1);
    bpf_add(p, ADD, 1);
    bpf_add(p, SHIFT, 3);
    advance(p);
    bpf_here(p, &next);
    bpf_add(p, RECALL, NEXT);
}

/* From X to the packet's end are options. Source and target link-layer addresses (1, 2) are the guest's. */
static void judge_options(struct bpf *p, const struct binding *b)
{
    for (int i = 0; i < PORTPROGRAM_OPTIONS; i++) {
        struct bpf_label other = {0};

        load_rest(p);
        bpf_if(p, BPF_JEQ, 0, &p->pass);
        bpf_add(p, X_BYTE, 0);
        bpf_add(p, SUBTRACT, 1);
        bpf_if(p, BPF_JGT, 1, &other);
        require(p, X_BYTE, 1, 1);
        require_mac(p, b, BPF_IND, 2);
        bpf_here(p, &other);
        bpf_add(p, X_BYTE, 1);
        bpf_if(p, BPF_JEQ, 0, &p->drop);
        bpf_add(p, SHIFT, 3);
        advance(p);
    }
    load_rest(p);
    bpf_unless(p, BPF_JEQ, 0, &p->drop);
    bpf_go(p, &p->pass);
}

/* Neighbour discovery, never in fragments (RFC 6980). A solicitation from :: asks whether its target is free:
 * like that of an advertisement, it is the guest's own. */
static void judge_discovery(struct bpf *p, const struct binding *b)
{
    struct bpf_label solicitation = {0}, target = {0}, neighbour = {0}, router = {0}, options = {0};

    require(p, RECALL, FRAGMENT, 0);
    bpf_add(p, X_BYTE, 0);
    bpf_if(p, BPF_JEQ, ND_NEIGHBOR_SOLICIT, &solicitation);
    bpf_if(p, BPF_JEQ, ND_ROUTER_SOLICIT, &router);
    require(p, RECALL, UNSPECIFIED, 0);
    bpf_add(p, X_BYTE, 0);
    bpf_if(p, BPF_JEQ, ND_NEIGHBOR_ADVERT, &target);
    bpf_if(p, BPF_JEQ, ND_REDIRECT, &p->pass);
    skip(p, sizeof(struct nd_router_advert));
    bpf_go(p, &options);
    bpf_here(p, &router);
    skip(p, sizeof(struct nd_router_solicit));
    bpf_go(p, &options);
    bpf_here(p, &solicitation);
    bpf_add(p, RECALL, UNSPECIFIED);
    bpf_if(p, BPF_JEQ, 0, &neighbour);
    bpf_here(p, &target);
    if (b->ip_lock) {
        match_own(p, b, AF_INET6, X_WORD, 8, &neighbour);
        bpf_go(p, &p->drop);
    }
    bpf_here(p, &neighbour);
    skip(p, sizeof(struct nd_neighbor_solicit));
    bpf_here(p, &options);
    judge_options(p, b);
}

static void judge_icmp6(struct bpf *p, const struct binding *b)
{
    struct bpf_label discovery = {0};

    bpf_add(p, X_BYTE, 0);
    bpf_if(p, BPF_JEQ, MLD_LISTENER_QUERY, &p->drop);
    bpf_if(p, BPF_JEQ, MULTICAST_ROUTER, &p->drop);
    if (!(b->serve & SERVE_RA)) {
        bpf_if(p, BPF_JEQ, ND_ROUTER_ADVERT, &p->drop);
        bpf_if(p, BPF_JEQ, ND_REDIRECT, &p->drop);
    }
    bpf_if(p, BPF_JEQ, MLD_LISTENER_REPORT, &p->pass);
    bpf_if(p, BPF_JEQ, MLD_LISTENER_REDUCTION, &p->pass);
    bpf_if(p, BPF_JEQ, MLD_REPORT_2, &p->pass);
    bpf_add(p, SUBTRACT, ND_ROUTER_SOLICIT);
    bpf_unless(p, BPF_JGT, ND_REDIRECT - ND_ROUTER_SOLICIT, &discovery);
    require(p, RECALL, UNSPECIFIED, 0);
    bpf_go(p, &p->pass);
    bpf_here(p, &discovery);
    judge_discovery(p, b);
}

/* The upper protocol is in A; its header is whole in the packet, so also in a first fragment. */
static void judge_upper(struct bpf *p, const struct binding *b)
{
    struct bpf_label icmp = {0};

    bpf_add(p, STORE, NEXT);
    load_rest(p);
    bpf_unless(p, BPF_JGE, UPPER, &p->drop);
    bpf_add(p, X_BYTE, UPPER - 1);
    bpf_add(p, RECALL, NEXT);
    bpf_if(p, BPF_JEQ, IPPROTO_ICMPV6, &icmp);
    bpf_if(p, BPF_JEQ, IPPROTO_PIM, &p->drop);
    require(p, RECALL, UNSPECIFIED, 0);
    bpf_add(p, RECALL, NEXT);
    bpf_unless(p, BPF_JEQ, IPPROTO_UDP, &p->pass);
    judge_udp(p, 0, 547, 546, b->serve & SERVE_DHCPV6);
    bpf_here(p, &icmp);
    judge_icmp6(p, b);
}

/* Sets UNSPECIFIED, or drops a source that is not the guest's own. */
static void judge_source(struct bpf *p, const struct binding *b)
{
    struct bpf_label own = {0};

    set(p, UNSPECIFIED, 0);
    if (!b->ip_lock)
        return;
    match_own(p, b, AF_INET6, WORD, IP + 8, &own);
    for (uint32_t offset = IP + 8; offset < IP + 24; offset += 4)
        require(p, WORD, offset, 0);
    set(p, UNSPECIFIED, 1);
    bpf_here(p, &own);
}

void judge_ip6(struct bpf *p, const struct binding *b)
{
    struct bpf_label upper = {0}, later = {0}, more = {0};

    bpf_add(p, BYTE, IP6_PAYLOAD - 1);
    bpf_add(p, BYTE, IP);
    bpf_add(p, AND, 0xF0);
    bpf_unless(p, BPF_JEQ, 0x60, &p->drop);
    set(p, FRAGMENT, 0);
    judge_source(p, b);
    bpf_add(p, HALF, IP + 4);
    bpf_add(p, ADD, IP6_PAYLOAD);
    bpf_add(p, STORE, END);
    bpf_add(p, BPF_LDX | BPF_IMM, IP6_PAYLOAD);
    bpf_add(p, BYTE, IP + 6);
    for (int i = 0; i < PORTPROGRAM_HEADERS; i++)
        walk_header(p, &upper, &later);
    bpf_if(p, BPF_JEQ, IPPROTO_HOPOPTS, &p->drop);
    bpf_if(p, BPF_JEQ, IPPROTO_ROUTING, &p->drop);
    bpf_if(p, BPF_JEQ, IPPROTO_DSTOPTS, &p->drop);
    bpf_if(p, BPF_JEQ, IPPROTO_FRAGMENT, &p->drop);
    bpf_here(p, &upper);
    bpf_unless(p, BPF_JEQ, IPPROTO_NONE, &more);
    bpf_here(p, &later);
    require(p, RECALL, UNSPECIFIED, 0);
    bpf_go(p, &p->pass);
    bpf_here(p, &more);
    judge_upper(p, b);
}
