/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "route.h"
#include "addresses.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* Flags that may be passed to the kernel; a hop's other flags are its own, and it refuses them. */
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

void addresses_remove(struct batch *batch, const struct messages *all)
{
    for (size_t i = all->count; i-- > 0;)
        batch_add(batch, all->list[i], RTM_DELADDR, 0, EADDRNOTAVAIL);
}

/* "eth0:web" becomes "br0:web"; a label that would be too long, or was chosen freely, becomes the plain
 * name. */
static void put_label(struct nl_msg *msg, const struct nlattr *attr, const struct address_target *target)
{
    char label[2 * IFNAMSIZ];
    const size_t length = strlen(target->from);
    const char *old = nla_data(attr);

    snprintf(label, sizeof(label), "%s%s", target->to,
             strncmp(old, target->from, length) == 0 && (old[length] == ':') ? old + length : "");
    if (strcmp(target->from, target->to) == 0)
        nla_put_string(msg, IFA_LABEL, old);
    else
        nla_put_string(msg, IFA_LABEL, strlen(label) < IFNAMSIZ ? label : target->to);
}

/* An address of a router advertisement may have an infinite lifetime, which in a request makes it permanent:
 * then it gets the longest finite one, until the next advertisement. */
static void put_lifetime(struct nl_msg *msg, const struct nlattr *attr, uint32_t elapsed, bool permanent)
{
    struct ifa_cacheinfo info = {.ifa_valid = 0};

    memcpy(&info, nla_data(attr), sizeof(info));
    if (info.ifa_valid != UINT32_MAX) /* the kernel accepts no lifetime of 0 */
        info.ifa_valid = info.ifa_valid > elapsed ? info.ifa_valid - elapsed : 1;
    else if (!permanent)
        info.ifa_valid = UINT32_MAX - 1;
    if (info.ifa_prefered != UINT32_MAX)
        info.ifa_prefered = info.ifa_prefered > elapsed ? info.ifa_prefered - elapsed : 0;
    nla_put(msg, IFA_CACHEINFO, sizeof(info), &info);
}

static struct nl_msg *address_message(const struct nlmsghdr *old, const struct address_target *target)
{
    struct ifaddrmsg info = *(const struct ifaddrmsg *)nlmsg_data(old);
    uint32_t flags = address_flags(old);
    struct nlattr *attr;
    int rest;

    if (info.ifa_family == AF_INET6 && !target->replace)
        flags |= IFA_F_NODAD;
    info.ifa_index = (uint32_t)target->ifindex;
    info.ifa_flags = (uint8_t)flags;
    struct nl_msg *msg = rtnl_message(
        RTM_NEWADDR, NLM_F_CREATE | (target->replace ? NLM_F_REPLACE : NLM_F_EXCL), &info, sizeof(info));
    if (!msg)
        return NULL;
    nlmsg_for_each_attr(attr, (struct nlmsghdr *)(uintptr_t)old, sizeof(info), rest)
    {
        if (nla_type(attr) == IFA_LABEL)
            put_label(msg, attr, target);
        else if (nla_type(attr) == IFA_CACHEINFO)
            put_lifetime(msg, attr, target->elapsed, flags & IFA_F_PERMANENT);
        else if (nla_type(attr) != IFA_FLAGS)
            nla_put(msg, nla_type(attr), nla_len(attr), nla_data(attr));
    }
    nla_put_u32(msg, IFA_FLAGS, flags);
    return msg;
}

void addresses_add(struct batch *batch, const struct messages *all, const struct address_target *target)
{
    for (size_t i = 0; i < all->count; i++)
        if (((const struct ifaddrmsg *)nlmsg_data(all->list[i]))->ifa_family == AF_INET && !target->replace)
            batch_take(batch, address_message(all->list[i], target), EEXIST);
    for (size_t i = all->count; i-- > 0;)
        if (((const struct ifaddrmsg *)nlmsg_data(all->list[i]))->ifa_family == AF_INET6 &&
            (!target->replace || !(address_flags(all->list[i]) & IFA_F_NODAD)))
            batch_take(batch, address_message(all->list[i], target), EEXIST);
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

/* Dumps show when an IPv6 route expires in another form than requests take it. */
static void put_expiry(struct nl_msg *msg, const struct nlattr *cache, uint32_t elapsed)
{
    struct rta_cacheinfo info = {.rta_expires = 0};

    memcpy(&info, nla_data(cache), sizeof(info));
    if (info.rta_expires == 0)
        return;
    const long left = (long)info.rta_expires / USER_HERTZ - (long)elapsed;
    nla_put_u32(msg, RTA_EXPIRES, left > 0 ? (uint32_t)left : 1);
}

static void put_attr(struct nl_msg *msg, const struct nlattr *attr, const struct route_target *target)
{
    switch (nla_type(attr)) {
    case RTA_OIF:
        nla_put_u32(msg, RTA_OIF, (uint32_t)target->to);
        break;
    case RTA_CACHEINFO:
        put_expiry(msg, attr, target->elapsed);
        break;
    default:
        nla_put(msg, attr->nla_type, nla_len(attr), nla_data(attr));
    }
}

static struct nl_msg *route_message(const struct nlmsghdr *old, const struct route_target *target)
{
    struct rtmsg route = *route_of(old);
    /* IPv4: append after equal routes, to preserve their order; IPv6 would merge them into one. */
    int flags = NLM_F_CREATE;
    if (target->only_ask)
        flags |= NLM_F_EXCL;
    else if (route.rtm_family == AF_INET)
        flags |= NLM_F_APPEND;
    struct nlattr *attr;
    int rest;

    route.rtm_flags &= settable;
    struct nl_msg *msg = rtnl_message(RTM_NEWROUTE, flags, &route, sizeof(route));
    if (!msg)
        return NULL;
    nlmsg_for_each_attr(attr, (struct nlmsghdr *)(uintptr_t)old, sizeof(route), rest)
    {
        put_attr(msg, attr, target);
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
            if (has_gateway(all->list[i]) == gateways && route_of(all->list[i])->rtm_protocol != RTPROT_RA)
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
