/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "route.h"
#include "rtnl.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

/* What may be given to the kernel; the rest of a hop's flags is its own finding, and refused. */
static const unsigned char settable = RTNH_F_ONLINK | RTNH_F_PERVASIVE;

enum { USER_HERTZ = 100 }; /* of rta_expires */

static const struct rtmsg *route_of(const struct nlmsghdr *msg)
{
    return nlmsg_data(msg);
}

static bool leads_through(const struct nlmsghdr *msg, int ifindex)
{
    struct nlattr *oif = message_attr(msg, sizeof(struct rtmsg), RTA_OIF);
    struct nlattr *hops = message_attr(msg, sizeof(struct rtmsg), RTA_MULTIPATH);

    if (oif && (int)nla_get_u32(oif) == ifindex)
        return true;
    if (!hops)
        return false;
    struct rtnexthop *hop = nla_data(hops);
    for (int rest = nla_len(hops); RTNH_OK(hop, rest) && hop->rtnh_len > 0;) {
        if (hop->rtnh_ifindex == ifindex)
            return true;
        rest -= (int)RTNH_ALIGN(hop->rtnh_len);
        hop = RTNH_NEXT(hop);
    }
    return false;
}

static bool of_interest(const struct nlmsghdr *msg)
{
    const struct rtmsg *route = route_of(msg);

    if (route->rtm_flags & RTM_F_CLONED || (route->rtm_family != AF_INET && route->rtm_family != AF_INET6))
        return false;
    return route->rtm_protocol != RTPROT_KERNEL ||
           (route->rtm_type == RTN_UNICAST && route->rtm_table != RT_TABLE_LOCAL);
}

int routes_read(struct rtnl *nl, int ifindex, struct messages *out)
{
    const struct rtmsg every = {.rtm_family = AF_UNSPEC};
    struct messages all = {.count = 0};
    int err = rtnl_dump(nl, RTM_GETROUTE, &every, sizeof(every), &all);

    for (size_t i = 0; err == 0 && i < all.count; i++)
        if (of_interest(all.list[i]) && leads_through(all.list[i], ifindex))
            err = messages_add(out, all.list[i]);
    messages_free(&all);
    return err;
}

int neighbours_read(struct rtnl *nl, int ifindex, struct messages *out)
{
    const struct ndmsg every = {.ndm_family = AF_UNSPEC};
    struct messages all = {.count = 0};
    int err = rtnl_dump(nl, RTM_GETNEIGH, &every, sizeof(every), &all);

    for (size_t i = 0; err == 0 && i < all.count; i++) {
        const struct ndmsg *info = nlmsg_data(all.list[i]);
        if (info->ndm_ifindex == ifindex && info->ndm_state & NUD_PERMANENT &&
            (info->ndm_family == AF_INET || info->ndm_family == AF_INET6))
            err = messages_add(out, all.list[i]);
    }
    messages_free(&all);
    return err;
}

static void redirect_hops(struct nlattr *hops, const struct route_target *target)
{
    struct rtnexthop *hop = nla_data(hops);

    for (int rest = nla_len(hops); RTNH_OK(hop, rest) && hop->rtnh_len > 0;) {
        if (hop->rtnh_ifindex == target->from)
            hop->rtnh_ifindex = target->to;
        hop->rtnh_flags &= settable;
        rest -= (int)RTNH_ALIGN(hop->rtnh_len);
        hop = RTNH_NEXT(hop);
    }
}

/* Dumps tell when an IPv6 route expires, in another form than requests. */
static void put_expiry(struct nl_msg *msg, const struct nlattr *cache, uint32_t elapsed)
{
    struct rta_cacheinfo info = {.rta_expires = 0};

    memcpy(&info, nla_data(cache), sizeof(info));
    if (info.rta_expires == 0)
        return;
    const long left = (long)info.rta_expires / USER_HERTZ - (long)elapsed;
    nla_put_u32(msg, RTA_EXPIRES, left > 0 ? (uint32_t)left : 1);
}

static void put_attr(struct nl_msg *msg, const struct nlattr *attr, const struct route_target *target,
                     bool behind)
{
    switch (nla_type(attr)) {
    case RTA_OIF:
        nla_put_u32(msg, RTA_OIF, (uint32_t)target->to);
        break;
    case RTA_CACHEINFO:
        put_expiry(msg, attr, target->elapsed);
        break;
    case RTA_PRIORITY:
        nla_put_u32(msg, RTA_PRIORITY, nla_get_u32(attr) + (behind ? 1 : 0));
        break;
    default:
        nla_put(msg, attr->nla_type, nla_len(attr), nla_data(attr));
    }
}

static struct nl_msg *route_message(const struct nlmsghdr *old, const struct route_target *target)
{
    struct rtmsg route = *route_of(old);
    /* IPv4: behind its equals, so that their order stays; IPv6 would join them into one. */
    const int flags = NLM_F_CREATE | (target->only_ask              ? NLM_F_EXCL
                                      : route.rtm_family == AF_INET ? NLM_F_APPEND
                                                                    : 0);
    const bool behind = target->learnt_behind && route.rtm_protocol == RTPROT_RA;
    struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWROUTE, flags);
    struct nlattr *attr;
    int rest;

    route.rtm_flags &= settable;
    if (!msg || nlmsg_append(msg, &route, sizeof(route), NLMSG_ALIGNTO) < 0) {
        nlmsg_free(msg);
        return NULL;
    }
    nlmsg_for_each_attr(attr, (struct nlmsghdr *)(uintptr_t)old, sizeof(route), rest)
    {
        put_attr(msg, attr, target, behind);
    }
    struct nlattr *hops = message_attr(nlmsg_hdr(msg), sizeof(route), RTA_MULTIPATH);
    if (hops)
        redirect_hops(hops, target);
    return msg;
}

static bool has_gateway(const struct nlmsghdr *msg)
{
    return message_attr(msg, sizeof(struct rtmsg), RTA_GATEWAY) ||
           message_attr(msg, sizeof(struct rtmsg), RTA_VIA) ||
           message_attr(msg, sizeof(struct rtmsg), RTA_MULTIPATH);
}

void routes_add(struct batch *batch, const struct messages *all, const struct route_target *target)
{
    for (int gateways = 0; gateways < 2; gateways++)
        for (size_t i = 0; i < all->count; i++)
            if (has_gateway(all->list[i]) == gateways)
                batch_take(batch, route_message(all->list[i], target), EEXIST);
}

void routes_remove(struct batch *batch, const struct messages *all, const struct messages *addresses)
{
    bool go_by_themselves = false;

    for (size_t i = 0; i < addresses->count; i++)
        go_by_themselves = go_by_themselves || route_of(addresses->list[i])->rtm_family == AF_INET;
    for (size_t i = 0; i < all->count; i++)
        if (!go_by_themselves || route_of(all->list[i])->rtm_family != AF_INET ||
            message_attr(all->list[i], sizeof(struct rtmsg), RTA_MULTIPATH))
            batch_add(batch, all->list[i], RTM_DELROUTE, 0, ESRCH);
}

void neighbours_add(struct batch *batch, const struct messages *all, int ifindex)
{
    for (size_t i = 0; i < all->count; i++) {
        ((struct ndmsg *)nlmsg_data(all->list[i]))->ndm_ifindex = ifindex;
        batch_add(batch, all->list[i], RTM_NEWNEIGH, NLM_F_CREATE, EEXIST);
    }
}

bool route_is_default(const struct nlmsghdr *msg)
{
    return route_of(msg)->rtm_dst_len == 0 && has_gateway(msg);
}
