/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors
 *
 * The program is written as tables of steps, of which some stand for several. Offsets are those of
 * an untagged frame; or, behind headers of various lengths, relative to X. Where a header is not read to its
 * end, the frame's length is compared: that takes a tenth of the time that a load does to compile. */
#include "portprogram.h"

#include "binding.h"
#include "bpf.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

/* clang-format off */
/* What stands for several steps. */
enum {
    ONLY = STEPS_END, ALWAYS, /* until ALWAYS: only for bindings with that condition */
    MAC,                /* drop unless the guest's MAC is there */
    OPTION,             /* jump to the label if A begins an option with the guest's own MAC, ... */
    OPTION_END,         /* and drop unless A is that option's end */
    TAG,                /* drop unless the guest may send with that tag, or with none */
    OWN4, OWN6, X_OWN6, /* jump to the label if an address of the guest's is there; takes it to ADDRESS */
};

/* Conditions: that of SERVE_ is granted, or NO_ is not; IP_ONLY: under ip=lock or egress=. */
enum {
    NO_DHCP = SERVE_DHCP, NO_DHCPV6 = SERVE_DHCPV6, NO_RA = SERVE_RA, STP = SERVE_STP, IP_LOCK = 1 << 30, IP_ONLY = 1 << 29,
};

/* Words of memory: whether the packet is a fragment, of IPv4 the offset, too; the next header's type, or
 * EGRESS_LATER_FRAGMENT. For IPv6, 1 if its source is ::, which is not the guest's own; where it ends in the frame, since
 * no receiver reads what is behind it; the type of ICMPv6. And the address that OWN4, OWN6 or X_OWN6 looked at. */
enum { FRAGMENT = EGRESS_WORDS, NEXT, UNSPECIFIED, END, TYPE, ADDRESS, TO = EGRESS_TO };

/* The kernel has put a frame's outermost VLAN tag into its metadata: whether there is one, its type, and its 16
 * bits, of which 12 are the VLAN. */
#define TAG_PRESENT ((uint32_t)SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)
#define TAG_TYPE ((uint32_t)SKF_AD_OFF + SKF_AD_VLAN_TPID)
#define TAG_VALUE ((uint32_t)SKF_AD_OFF + SKF_AD_VLAN_TAG)

enum label {
    DROP, PASS = EGRESS_LABELS, NO_LINK, ARP, RARP, ANY_ARP, IP4, OWN, WHOLE, UPPER4, UDP, ICMP, IP6, OPTIONS, HEADER, UPPER, LATER, UDP6, ICMP6,
    DISCOVERY, SOLICITATION, ADVERTISEMENT, NEIGHBOUR, SOLICIT_ROUTER, ND_OPTION, LINK_ADDRESS, REST, PASS6,
    TO_TCP, TO_UDP, TO_LATER, JUDGE, ALLOWED, TAGGED, LABELS,
};
_Static_assert((int)LABELS <= BPF_LABELS_MAX, "labels");

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
/* The bridge takes only untagged spanning tree for its own. 01:80:c2:00 are the addresses of spanning
 * tree and other link protocols, 01:00:0c Cisco's. A type below 0x600 is a length (IEEE 802.3), of spanning
 * tree, or of anything in SNAP. RARP's replies assign addresses; without one, a guest may only ask. */
static const struct bpf_step link_and_arp[] = {
    {MAC, 6}, {WORD, 0}, {UNLESS_EQ, 0x0180C200, NO_LINK},
    {ONLY, STP}, {BYTE, TAG_PRESENT}, {UNLESS_EQ, 0}, {HALF, 4}, {UNLESS_EQ, 0}, {HALF, 12}, {IF_GT, 1500}, {HALF, 14}, {IF_EQ, 0x4242, PASS}, {ALWAYS},
    {GO},
    {HERE, 0, NO_LINK}, {AND, 0xFFFFFF00}, {IF_EQ, 0x01000C00}, {TAG},
    {HALF, 12}, {IF_EQ, ETH_P_IP, IP4}, {IF_EQ, ETH_P_IPV6, IP6}, {IF_EQ, ETH_P_ARP, ARP}, {IF_EQ, ETH_P_RARP, RARP},
    {ONLY, IP_ONLY}, {GO}, {ALWAYS},
    {UNLESS_GE, ETH_P_802_3_MIN},
    /* tags, and wrappers of whole frames */
    {IF_EQ, ETH_P_8021Q}, {IF_EQ, ETH_P_8021AD}, {IF_EQ, 0x9100}, {IF_EQ, 0x9200}, {IF_EQ, 0x9300},
    {IF_EQ, ETH_P_8021AH}, {IF_EQ, 0x893F}, {IF_EQ, 0x22F3}, {IF_EQ, 0x22F4},
    /* pause, LACP, LLDP; the registration protocols MVRP, MMRP, MSRP; MRP and CFM of rings, which Linux's bridge speaks */
    {IF_EQ, ETH_P_PAUSE}, {IF_EQ, ETH_P_SLOW}, {IF_EQ, ETH_P_LLDP}, {IF_EQ, 0x88F5}, {IF_EQ, 0x88F6}, {IF_EQ, 0x22EA}, {IF_EQ, 0x88E3}, {IF_EQ, 0x8902},
    {GO, 0, PASS},

    {HERE, 0, ARP}, {WORD, 18}, {SUB, 0x06040001}, {IF_GT, 1}, /* a request or a reply */ {GO, 0, ANY_ARP},
    {HERE, 0, RARP}, {WORD, 18}, {UNLESS_EQ, 0x06040003},
    {HERE, 0, ANY_ARP}, {LENGTH}, {UNLESS_GE, 42}, {WORD, 14}, {UNLESS_EQ, 0x00010800}, {MAC, 22},
    {ONLY, IP_LOCK}, {OWN4, 28, PASS}, {RECALL, ADDRESS}, {UNLESS_EQ, INADDR_ANY}, {HALF, 20},
    {IF_EQ, 3, PASS}, {UNLESS_EQ, 1}, {OWN4, 38, PASS}, {GO}, {ALWAYS}, /* asking for an address, or a probe */
    {GO, 0, PASS},
};

enum { OFFSET = 0x1FFF, MORE = 0x2000 /* of IPv4 fragments */ };

static const struct bpf_step ip4_header[] = {
    {HERE, 0, IP4}, {LENGTH}, {UNLESS_GE, 34}, {BYTE, 14}, {SUB, 0x40}, {UNLESS_GE, 5}, {IF_GT, 15}, {LEFT, 2}, {TO_X},
};

/* From 0.0.0.0 come whole packets of IGMP and of DHCP clients. Later fragments pass, except at offset 1, where
 * they would overwrite an upper header (RFC 3128). Every hop carries 68 bytes whole (RFC 791): shorter first
 * fragments only hide headers. Of IGMP, guests send reports; the rest is of routers, like PIM. */
static const struct bpf_step ip4[] = {
    {BYTE, 23}, {STORE, NEXT}, {HALF, 20}, {AND, OFFSET | MORE}, {STORE, FRAGMENT},
    {ONLY, IP_LOCK}, {OWN4, 26, OWN}, {RECALL, ADDRESS}, {UNLESS_EQ, INADDR_ANY}, {RECALL, FRAGMENT}, {UNLESS_EQ, 0},
    {RECALL, NEXT}, {IF_EQ, IPPROTO_IGMP, UPPER4}, {UNLESS_EQ, IPPROTO_UDP}, {WORD, 30}, {UNLESS_EQ, INADDR_BROADCAST},
    {X_WORD, 14}, {UNLESS_EQ, 68 << 16 | 67}, {GO, 0, UPPER4}, {ALWAYS},

    {HERE, 0, OWN}, {RECALL, FRAGMENT}, {IF_EQ, 0, WHOLE}, {AND, OFFSET}, {IF_EQ, 1}, {UNLESS_EQ, 0, PASS},
    {LENGTH}, {UNLESS_GE, 82}, {HALF, 16}, {UNLESS_GE, 68},
    {HERE, 0, WHOLE}, {RECALL, NEXT}, {IF_EQ, IPPROTO_UDP, UPPER4}, {IF_EQ, IPPROTO_ICMP, UPPER4}, {IF_EQ, IPPROTO_IGMP, UPPER4},
    {IF_EQ, IPPROTO_PIM}, {UNLESS_EQ, IPPROTO_TCP, PASS},

    {HERE, 0, UPPER4}, {LENGTH}, {SUB, 21}, {UNLESS_GT_X},
    {RECALL, NEXT}, {IF_EQ, IPPROTO_TCP, PASS}, {IF_EQ, IPPROTO_UDP, UDP}, {IF_EQ, IPPROTO_ICMP, ICMP},
    {X_BYTE, 14}, {IF_EQ, 0x12, PASS}, {IF_EQ, 0x16, PASS}, {IF_EQ, 0x17, PASS}, {IF_EQ, 0x22, PASS}, {GO},
    {HERE, 0, UDP}, {ONLY, NO_DHCP}, {X_HALF, 14}, {IF_EQ, 67}, {X_HALF, 16}, {IF_EQ, 68}, {ALWAYS}, {GO, 0, PASS},
    {HERE, 0, ICMP}, {ONLY, NO_RA}, {X_BYTE, 14}, {IF_EQ, ICMP_REDIRECT}, {IF_EQ, ICMP_ROUTERADVERT}, {ALWAYS}, {GO, 0, PASS},
};

static const struct bpf_step ip6[] = {
    {HERE, 0, IP6}, {LENGTH}, {UNLESS_GE, 54}, {BYTE, 14}, {AND, 0xF0}, {UNLESS_EQ, 0x60},
    {NUMBER, 0}, {STORE, FRAGMENT}, {STORE, UNSPECIFIED}, {WORD, 18}, {STORE, NEXT}, {RIGHT, 16}, {ADD, 54}, {STORE, END},
    {ONLY, IP_LOCK}, {OWN6, 22, OWN}, {RECALL, ADDRESS}, {UNLESS_EQ, 0}, {RECALL, ADDRESS + 1}, {UNLESS_EQ, 0},
    {RECALL, ADDRESS + 2}, {UNLESS_EQ, 0}, {RECALL, ADDRESS + 3}, {UNLESS_EQ, 0}, {NUMBER, 1}, {STORE, UNSPECIFIED}, {ALWAYS},
    {HERE, 0, OWN}, {X_NUMBER, 54}, {RECALL, NEXT}, {RIGHT, 8}, {AND, 0xFF},
};

/* Walks past the extension header at X, whose type is in A. */
static const struct bpf_step header[] = {
    {IF_EQ, IPPROTO_HOPOPTS, OPTIONS}, {IF_EQ, IPPROTO_ROUTING, OPTIONS}, {IF_EQ, IPPROTO_DSTOPTS, OPTIONS},
    {UNLESS_EQ, IPPROTO_FRAGMENT, UPPER},
    {NUMBER, 1}, {STORE, FRAGMENT}, {X_WORD, 0}, {IF_ANY, 0xFFF8, LATER},
    {RIGHT, 16}, {STORE, NEXT}, {LENGTH}, {SUB, 7}, {UNLESS_GT_X}, {NUMBER, 8}, {GO, 0, HEADER},
    {HERE, 0, OPTIONS}, {X_HALF, 0}, {STORE, NEXT}, {AND, 0xFF}, {ADD, 1}, {LEFT, 3},
    {HERE, 0, HEADER}, {ADD_X}, {TO_X}, {RECALL, NEXT}, {RIGHT, 8},
};

/* The upper header is in the packet and in the frame, so whole in a first fragment. Only duplicate detection
 * (a solicitation from :: for its own target), solicitations of routers, and reports come from ::. Neighbour
 * discovery is never in fragments (RFC 6980). 130 is an MLD query, 131, 132 and 143 are reports, 151 and
 * 153 are of multicast routers (RFC 4286). */
static const struct bpf_step upper[] = {
    {IF_EQ, IPPROTO_HOPOPTS}, {IF_EQ, IPPROTO_ROUTING}, {IF_EQ, IPPROTO_DSTOPTS}, {IF_EQ, IPPROTO_FRAGMENT},
    {HERE, 0, UPPER}, {STORE, NEXT}, {IF_EQ, IPPROTO_NONE, REST},
    {RECALL, END}, {SUB, 7}, {UNLESS_GT_X}, {LENGTH}, {SUB, 7}, {UNLESS_GT_X},
    {RECALL, NEXT}, {IF_EQ, IPPROTO_ICMPV6, ICMP6}, {IF_EQ, IPPROTO_PIM}, {IF_EQ, IPPROTO_UDP, UDP6}, {GO, 0, REST},
    {HERE, 0, LATER}, {NUMBER, EGRESS_LATER_FRAGMENT}, {STORE, NEXT},
    {HERE, 0, REST}, {RECALL, UNSPECIFIED}, {UNLESS_EQ, 0}, {GO, 0, PASS6},

    {HERE, 0, UDP6}, {RECALL, UNSPECIFIED}, {UNLESS_EQ, 0},
    {ONLY, NO_DHCPV6}, {X_HALF, 0}, {IF_EQ, 547}, {X_HALF, 2}, {IF_EQ, 546}, {ALWAYS}, {GO, 0, PASS6},

    {HERE, 0, ICMP6}, {X_BYTE, 0}, {STORE, TYPE}, {IF_EQ, 130}, {IF_EQ, 151}, {IF_EQ, 153},
    {ONLY, NO_RA}, {IF_EQ, ND_ROUTER_ADVERT}, {IF_EQ, ND_REDIRECT}, {ALWAYS},
    {IF_EQ, 131, PASS6}, {IF_EQ, 132, PASS6}, {IF_EQ, 143, PASS6},
    {SUB, ND_ROUTER_SOLICIT}, {UNLESS_GT, ND_REDIRECT - ND_ROUTER_SOLICIT, DISCOVERY},
    {RECALL, UNSPECIFIED}, {UNLESS_EQ, 0}, {GO, 0, PASS6},

    {HERE, 0, DISCOVERY}, {RECALL, FRAGMENT}, {UNLESS_EQ, 0},
    {RECALL, TYPE}, {IF_EQ, ND_NEIGHBOR_SOLICIT, SOLICITATION}, {IF_EQ, ND_ROUTER_SOLICIT, SOLICIT_ROUTER},
    {RECALL, UNSPECIFIED}, {UNLESS_EQ, 0}, {RECALL, TYPE}, {IF_EQ, ND_NEIGHBOR_ADVERT, ADVERTISEMENT}, {IF_EQ, ND_REDIRECT, PASS},
    {LENGTH}, {SUB, 15}, {UNLESS_GT_X}, {NUMBER, 16}, {GO, 0, ND_OPTION},
    {HERE, 0, SOLICIT_ROUTER}, {NUMBER, 8}, {GO, 0, ND_OPTION},
    {HERE, 0, SOLICITATION}, {RECALL, UNSPECIFIED}, {IF_EQ, 0, NEIGHBOUR},
    {HERE, 0, ADVERTISEMENT}, {ONLY, IP_LOCK}, {X_OWN6, 8, NEIGHBOUR}, {GO}, {ALWAYS},
    {HERE, 0, NEIGHBOUR}, {LENGTH}, {SUB, 23}, {UNLESS_GT_X}, {NUMBER, 24},
};

/* Walks on by A, to the option at X; passes at the packet's end. Link-layer addresses (1, 2) are the guest's
 * own. */
static const struct bpf_step option[] = {
    {HERE, 0, ND_OPTION}, {ADD_X}, {TO_X}, {RECALL, END}, {IF_EQ_X, 0, PASS}, {UNLESS_GT_X},
    {X_WORD, 0}, {OPTION, 0, LINK_ADDRESS}, {SUB, 0x01000000}, {UNLESS_GT, 0x01FFFFFF}, {RIGHT, 13}, {AND, 0xFF << 3}, {IF_EQ, 0}, {GO, 0, ND_OPTION},
    {HERE, 0, LINK_ADDRESS}, {X_WORD, 4}, {OPTION_END}, {NUMBER, 8},
};

static const struct bpf_step options_end[] = {
    {HERE, 0, ND_OPTION}, {ADD_X}, {TO_X}, {RECALL, END}, {IF_EQ_X, 0, PASS}, {GO},
    {HERE, 0, PASS6},
};

/* Where an IPv4 packet goes. Groups and broadcasts are not judged. With X at the upper header. */
static const struct bpf_step to4[] = {
    {WORD, 30}, {STORE, TO}, {IF_EQ, INADDR_BROADCAST, ALLOWED}, {AND, 0xF0000000}, {IF_EQ, 0xE0000000, ALLOWED},
    {HALF, 20}, {IF_ANY, OFFSET, TO_LATER},
    {BYTE, 23}, {IF_EQ, IPPROTO_TCP, TO_TCP}, {IF_EQ, IPPROTO_UDP, TO_UDP}, {NUMBER, 0}, {GO, 0, JUDGE},
    {HERE, 0, TO_TCP}, {X_HALF, 16}, {ADD, IPPROTO_TCP << 16}, {GO, 0, JUDGE},
    {HERE, 0, TO_UDP}, {X_HALF, 16}, {ADD, IPPROTO_UDP << 16}, {GO, 0, JUDGE},
    {HERE, 0, TO_LATER}, {NUMBER, EGRESS_LATER_FRAGMENT}, {HERE, 0, JUDGE}, {STORE, EGRESS_PORT},
};

/* Likewise of IPv6, for all that may pass but neighbour discovery. */
static const struct bpf_step to6[] = {
    {BYTE, 38}, {IF_EQ, 0xFF, ALLOWED}, {WORD, 38}, {STORE, TO}, {WORD, 42}, {STORE, TO + 1}, {WORD, 46}, {STORE, TO + 2},
    {WORD, 50}, {STORE, TO + 3},
    {RECALL, NEXT}, {IF_EQ, IPPROTO_TCP, TO_TCP}, {IF_EQ, IPPROTO_UDP, TO_UDP}, {IF_EQ, EGRESS_LATER_FRAGMENT, JUDGE}, {NUMBER, 0}, {GO, 0, JUDGE},
    {HERE, 0, TO_TCP}, {X_HALF, 2}, {ADD, IPPROTO_TCP << 16}, {GO, 0, JUDGE},
    {HERE, 0, TO_UDP}, {X_HALF, 2}, {ADD, IPPROTO_UDP << 16}, {HERE, 0, JUDGE}, {STORE, EGRESS_PORT},
};

static const struct bpf_step end[] = {
    {HERE, 0, PASS}, {BPF_RET, UINT32_MAX},
    {HERE, 0, DROP}, {BPF_RET, 0},
};
#pragma GCC diagnostic pop
/* clang-format on */

/* Jumps to `own` if an address of the guest's is there, or the link-local address that follows from its MAC.
 * A load from a frame takes ten times as long to compile as one from memory. */
static void match_own(struct bpf_steps *p, const struct binding *b, int family, int load, uint32_t offset,
                      unsigned int own)
{
    const struct cidr follows = cidr_link_local(b->mac);

    for (uint32_t word = 0; word < cidr_size(family) / 4; word++) {
        bpf_add(p, load, offset + 4 * word, 0);
        bpf_add(p, STORE, ADDRESS + word, 0);
    }
    bpf_go_if_in(p, ADDRESS, family, &follows, 1, own);
    bpf_go_if_in(p, ADDRESS, family, b->addresses, b->address_count, own);
}

static void require_mac(struct bpf_steps *p, const uint8_t mac[6], uint32_t offset)
{
    bpf_add(p, WORD, offset, 0);
    bpf_add(p, UNLESS_EQ, bpf_word(mac), DROP);
    bpf_add(p, HALF, offset + 4, 0);
    bpf_add(p, UNLESS_EQ, (uint32_t)(mac[4] << 8 | mac[5]), DROP);
}

static void require_tag(struct bpf_steps *p, const struct binding *b)
{
    struct vlan_range range = {0};

    bpf_add(p, BYTE, TAG_PRESENT, 0);
    if (!vlans_tagged(&b->vlans)) {
        bpf_add(p, UNLESS_EQ, 0, DROP);
        return;
    }
    bpf_add(p, IF_EQ, 0, b->vlans.untagged ? TAGGED : DROP);
    bpf_add(p, HALF, TAG_TYPE, 0);
    bpf_add(p, UNLESS_EQ, b->vlan_protocol, DROP);
    bpf_add(p, HALF, TAG_VALUE, 0);
    bpf_add(p, AND, 0xFFF, 0);
    while (vlans_next(&b->vlans, &range)) { /* ascending: what is below this one is in none */
        if (range.first == range.last) {
            bpf_add(p, IF_EQ, range.first, TAGGED);
            continue;
        }
        bpf_add(p, UNLESS_GE, range.first, DROP);
        bpf_add(p, UNLESS_GT, range.last, TAGGED);
    }
    bpf_add(p, GO, 0, DROP);
    bpf_add(p, HERE, 0, TAGGED);
}

/* Source or target link-layer address, 8 bytes long. */
static void match_option(struct bpf_steps *p, const uint8_t mac[6], unsigned int own)
{
    for (uint32_t type = 1; type <= 2; type++)
        bpf_add(p, IF_EQ, type << 24 | 1 << 16 | mac[0] << 8 | mac[1], own);
}

struct assembly {
    struct bpf_steps *p;
    const struct binding *b;
    unsigned int lacks; /* conditions that the binding does not have */
};

static void add_step(const struct assembly *a, const struct bpf_step *step)
{
    switch (step->code) {
    case MAC:
        require_mac(a->p, a->b->mac, step->k);
        break;
    case OPTION:
        match_option(a->p, a->b->mac, step->to);
        break;
    case OPTION_END:
        bpf_add(a->p, UNLESS_EQ, bpf_word(a->b->mac + 2), DROP);
        break;
    case TAG:
        require_tag(a->p, a->b);
        break;
    case OWN4:
        match_own(a->p, a->b, AF_INET, WORD, step->k, step->to);
        break;
    case OWN6:
        match_own(a->p, a->b, AF_INET6, WORD, step->k, step->to);
        break;
    case X_OWN6:
        match_own(a->p, a->b, AF_INET6, X_WORD, step->k, step->to);
        break;
    default:
        bpf_add(a->p, step->code, step->k, step->to);
    }
}

static void add_steps(const struct assembly *a, const struct bpf_step *steps, size_t count)
{
    bool skips = false;

    for (size_t i = 0; i < count; i++)
        if (steps[i].code == ONLY || steps[i].code == ALWAYS)
            skips = steps[i].k & a->lacks;
        else if (!skips)
            add_step(a, &steps[i]);
}

#define ADD_STEPS(a, steps) add_steps(a, steps, sizeof(steps) / sizeof(*(steps)))

/* Drops what the guest may not send to. */
static void judge(const struct assembly *a, int family)
{
    if (!a->b->egress_count)
        return;
    if (family == AF_INET)
        ADD_STEPS(a, to4);
    else
        ADD_STEPS(a, to6);
    egress_add(a->p, a->b, family, ALLOWED, DROP);
    bpf_add(a->p, HERE, 0, ALLOWED);
}

int portprogram_make(const struct binding *binding, struct bpf *out)
{
    static struct bpf_steps steps;
    struct assembly a = {.p = &steps, .b = binding, .lacks = binding->serve ^ STP};

    if (!binding->ip_lock)
        a.lacks |= IP_LOCK;
    if (!binding->ip_lock && !binding->egress_count)
        a.lacks |= IP_ONLY;
    steps.count = 0;
    steps.too_many = false;
    ADD_STEPS(&a, link_and_arp);
    ADD_STEPS(&a, ip4_header);
    judge(&a, AF_INET);
    ADD_STEPS(&a, ip4);
    ADD_STEPS(&a, ip6);
    for (int i = 0; i < PORTPROGRAM_HEADERS; i++)
        ADD_STEPS(&a, header);
    ADD_STEPS(&a, upper);
    for (int i = 0; i < PORTPROGRAM_OPTIONS; i++)
        ADD_STEPS(&a, option);
    ADD_STEPS(&a, options_end);
    judge(&a, AF_INET6);
    ADD_STEPS(&a, end);
    return bpf_assemble(&steps, out);
}
