/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "egress.h"

#include "rtnl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
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

static int see_route(void *arg, struct nlmsghdr *answer)
{
    struct egress_host *host = arg;
    const struct rtmsg *route = nlmsg_data(answer);
    const struct nlattr *to = message_attr(answer, sizeof(*route), RTA_DST);
    struct cidr found = {.family = route->rtm_family, .prefix = route->rtm_dst_len};

    if ((route->rtm_type != RTN_LOCAL && route->rtm_type != RTN_ANYCAST) || !to ||
        (size_t)nla_len(to) != cidr_size(found.family))
        return 0;
    memcpy(found.bytes, nla_data(to), cidr_size(found.family));
    for (size_t i = 0; i < host->count; i++)
        if (cidr_equal(&host->list[i], &found))
            return 0;
    if (host->count == EGRESS_HOST_MAX)
        return -E2BIG;
    host->list[host->count++] = found;
    return 0;
}

int egress_read_host(struct rtnl *nl, struct egress_host *out)
{
    const struct rtmsg every = {.rtm_family = AF_UNSPEC};
    int err = -EAGAIN;

    out->count = 0;
    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++)
        err = rtnl_ask(nl, rtnl_message(RTM_GETROUTE, NLM_F_DUMP, &every, sizeof(every)), see_route, out);
    return err;
}
