/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "binding.h"

#include "address.h"
#include "bpf.h"

#include <errno.h>
#include <netinet/in.h>

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

static int add(void *arg, const struct cidr *address, int ifindex)
{
    struct egress_host *host = arg;
    (void)ifindex;

    for (size_t i = 0; i < host->count; i++)
        if (cidr_equal(&host->list[i], address))
            return 0;
    if (host->count == EGRESS_HOST_MAX)
        return -EOVERFLOW;
    host->list[host->count++] = *address;
    return 0;
}

int egress_read_host(struct rtnl *nl, struct egress_host *out)
{
    out->count = 0;
    return address_each_own(nl, add, out);
}

enum { IS_HOST = BPF_LABELS, DONE, HAS_PORT, NEXT, TAKEN };
_Static_assert((int)TAKEN <= EGRESS_LABELS, "labels");

/* Leaves 1 in memory if the destination is this host, else 0. */
static void look_for_host(struct bpf_steps *p, int family, const struct egress_host *host)
{
    bpf_go_if_in(p, EGRESS_TO, family, host->list, host->count, IS_HOST);
    bpf_add(p, NUMBER, 0, 0);
    bpf_add(p, GO, 0, DONE);
    bpf_add(p, HERE, 0, IS_HOST);
    bpf_add(p, NUMBER, 1, 0);
    bpf_add(p, HERE, 0, DONE);
    bpf_add(p, STORE, EGRESS_IS_HOST, 0);
}

/* Jumps to NEXT unless the packet has the item's protocol and port. A later fragment matches an item that
 * allows, since it may belong to a packet that does, and none that does not. */
static void require_port(struct bpf_steps *p, const struct egress *item)
{
    if (!item->protocol && !item->port)
        return;
    bpf_add(p, RECALL, EGRESS_PORT, 0);
    if (item->allows)
        bpf_add(p, IF_EQ, EGRESS_LATER_FRAGMENT, HAS_PORT);
    if (!item->port)
        bpf_add(p, AND, 0xFFFF0000, 0);
    if (item->protocol != IPPROTO_UDP)
        bpf_add(p, IF_EQ, IPPROTO_TCP << 16 | item->port, HAS_PORT);
    if (item->protocol != IPPROTO_TCP)
        bpf_add(p, IF_EQ, IPPROTO_UDP << 16 | item->port, HAS_PORT);
    bpf_add(p, GO, 0, NEXT);
    bpf_add(p, HERE, 0, HAS_PORT);
}

void egress_add(struct bpf_steps *p, const struct binding *b, int family, unsigned int pass,
                unsigned int drop)
{
    if (b->host)
        look_for_host(p, family, b->host);
    for (size_t i = 0; i < b->egress_count; i++) {
        const struct egress *item = &b->egress[i];
        const unsigned int verdict = item->allows ? pass : drop;
        size_t count;
        const struct cidr *networks = egress_networks(item, &count);

        if (item->to == EGRESS_NETWORK && item->network.family != family)
            continue;
        require_port(p, item);
        bpf_go_if_in(p, EGRESS_TO, family, networks, count, verdict);
        if (item->to == EGRESS_HOST && b->host) {
            bpf_add(p, RECALL, EGRESS_IS_HOST, 0);
            bpf_add(p, IF_EQ, 1, verdict);
        }
        bpf_add(p, HERE, 0, NEXT);
    }
    bpf_add(p, GO, 0, drop);
}
