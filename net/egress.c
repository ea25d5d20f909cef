/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "binding.h"

#include "bpf.h"
#include "rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>

const struct cidr *egress_networks(const struct egress *item, size_t *count)
{
    /* RFC 1918, 6598 and 4193; RFC 3927 and 4291 */
    static const struct cidr privates[] = {{AF_INET, {10}, 8},
                                           {AF_INET, {172, 16}, 12},
                                           {AF_INET, {192, 168}, 16},
                                           {AF_INET, {100, 64}, 10},
                                           {AF_INET6, {0xFC}, 7}};
    static const struct cidr link_local[] = {{AF_INET, {169, 254}, 16}, {AF_INET6, {0xFE, 0x80}, 10}};
    static const struct cidr all[] = {{AF_INET, {0}, 0}, {AF_INET6, {0}, 0}};
    static const struct {
        const struct cidr *list;
        size_t count;
    } groups[] = {
        [EGRESS_PRIVATE] = {privates, 5}, [EGRESS_LINK_LOCAL] = {link_local, 2}, [EGRESS_ALL] = {all, 2}};

    if (item->to == EGRESS_NETWORK) {
        *count = 1;
        return &item->network;
    }
    *count = groups[item->to].count;
    return groups[item->to].list;
}

static int add(struct egress_host *host, const struct nlattr *address, int family, size_t prefix)
{
    struct cidr found = {.family = family, .prefix = (uint8_t)prefix};

    if (!address || (size_t)nla_len(address) != cidr_size(family))
        return 0;
    memcpy(found.bytes, nla_data(address), cidr_size(family));
    for (size_t i = 0; i < host->count; i++)
        if (cidr_equal(&host->list[i], &found))
            return 0;
    if (host->count == EGRESS_HOST_MAX)
        return -E2BIG;
    host->list[host->count++] = found;
    return 0;
}

static int see_route(void *arg, struct nlmsghdr *answer)
{
    const struct rtmsg *route = nlmsg_data(answer);

    if (route->rtm_type != RTN_LOCAL && route->rtm_type != RTN_ANYCAST)
        return 0;
    return add(arg, message_attr(answer, sizeof(*route), RTA_DST), route->rtm_family, route->rtm_dst_len);
}

static int see_address(void *arg, struct nlmsghdr *answer)
{
    const struct ifaddrmsg *info = nlmsg_data(answer);
    const struct nlattr *address = message_attr(answer, sizeof(*info), IFA_LOCAL);

    if (!address) /* IPv6 has it only if the address has a peer */
        address = message_attr(answer, sizeof(*info), IFA_ADDRESS);
    return add(arg, address, info->ifa_family, 8 * cidr_size(info->ifa_family));
}

static int dump(struct rtnl *nl, int type, int (*see)(void *arg, struct nlmsghdr *), struct egress_host *out)
{
    const struct rtmsg every = {.rtm_family = AF_UNSPEC}; /* for addresses, only the family counts */
    int err = -EAGAIN;

    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++)
        err = rtnl_ask(nl, rtnl_message(type, NLM_F_DUMP, &every, sizeof(every)), see, out);
    return err;
}

int egress_read_host(struct rtnl *nl, struct egress_host *out)
{
    out->count = 0;
    const int err = dump(nl, RTM_GETROUTE, see_route, out);
    if (err)
        return err;
    return dump(nl, RTM_GETADDR, see_address, out);
}

enum { NUMBER = BPF_LD | BPF_IMM, STORE = BPF_ST, RECALL = BPF_LD | BPF_MEM, AND = BPF_ALU | BPF_AND };

/* Leaves 1 in memory if the destination is this host, else 0. */
static void look_for_host(struct bpf *p, int family, const struct egress_host *host)
{
    struct bpf_label is_host = {0}, done = {0};

    bpf_go_if_in(p, EGRESS_TO, family, host->list, host->count, &is_host);
    bpf_add(p, NUMBER, 0);
    bpf_go(p, &done);
    bpf_here(p, &is_host);
    bpf_add(p, NUMBER, 1);
    bpf_here(p, &done);
    bpf_add(p, STORE, EGRESS_IS_HOST);
}

/* Jumps to the label unless the packet has the item's protocol and port. A later fragment matches an item
 * that allows, since it may belong to a packet that does, and none that does not. */
static void require_port(struct bpf *p, const struct egress *item, struct bpf_label *other)
{
    struct bpf_label has = {0};

    if (!item->protocol && !item->port)
        return;
    bpf_add(p, RECALL, EGRESS_PORT);
    if (item->allows)
        bpf_go_if(p, BPF_JEQ, EGRESS_LATER_FRAGMENT, true, &has);
    if (!item->port)
        bpf_add(p, AND, 0xFFFF0000);
    if (item->protocol != IPPROTO_UDP)
        bpf_go_if(p, BPF_JEQ, IPPROTO_TCP << 16 | item->port, true, &has);
    if (item->protocol != IPPROTO_TCP)
        bpf_go_if(p, BPF_JEQ, IPPROTO_UDP << 16 | item->port, true, &has);
    bpf_go(p, other);
    bpf_here(p, &has);
}

void egress_add(struct bpf *p, const struct binding *b, int family, struct bpf_label *pass,
                struct bpf_label *drop)
{
    if (b->host)
        look_for_host(p, family, b->host);
    for (size_t i = 0; i < b->egress_count; i++) {
        const struct egress *item = &b->egress[i];
        struct bpf_label *verdict = item->allows ? pass : drop, next = {0};
        size_t count;
        const struct cidr *networks = egress_networks(item, &count);

        if (item->to == EGRESS_NETWORK && item->network.family != family)
            continue;
        require_port(p, item, &next);
        bpf_go_if_in(p, EGRESS_TO, family, networks, count, verdict);
        if (item->to == EGRESS_HOST && b->host) {
            bpf_add(p, RECALL, EGRESS_IS_HOST);
            bpf_go_if(p, BPF_JEQ, 1, true, verdict);
        }
        bpf_here(p, &next);
    }
    bpf_go(p, drop);
}
