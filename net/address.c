/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string.h>

struct cidr address_of(const struct nlmsghdr *msg)
{
    const struct ifaddrmsg *info = nlmsg_data(msg);
    struct cidr cidr = {.family = info->ifa_family, .prefix = info->ifa_prefixlen};
    const struct nlattr *attr = message_attr(msg, sizeof(*info), IFA_LOCAL);

    if (!attr) /* IPv6 has it only if the address has a peer */
        attr = message_attr(msg, sizeof(*info), IFA_ADDRESS);
    if (attr && nla_len(attr) <= (int)sizeof(cidr.bytes))
        memcpy(cidr.bytes, nla_data(attr), (size_t)nla_len(attr));
    return cidr;
}

int address_index(const struct nlmsghdr *msg)
{
    return (int)((const struct ifaddrmsg *)nlmsg_data(msg))->ifa_index;
}

struct nl_msg *address_request(int type, int flags, int ifindex, const struct cidr *cidr)
{
    const struct ifaddrmsg info = {.ifa_family = (uint8_t)cidr->family,
                                   .ifa_prefixlen = cidr->prefix,
                                   .ifa_scope = RT_SCOPE_UNIVERSE,
                                   .ifa_index = (uint32_t)ifindex};
    const size_t length = cidr_size(cidr->family);
    struct nl_msg *msg = rtnl_message(type, flags, &info, sizeof(info));
    uint32_t broadcast;

    msg = rtnl_put(msg, IFA_LOCAL, cidr->bytes, length);
    msg = rtnl_put(msg, IFA_ADDRESS, cidr->bytes, length);
    if (cidr->family != AF_INET || cidr->prefix > 30)
        return msg;
    memcpy(&broadcast, cidr->bytes, sizeof(broadcast));
    return rtnl_put_u32(msg, IFA_BROADCAST, broadcast | htonl(UINT32_MAX >> cidr->prefix));
}

struct visit {
    address_visitor *each;
    void *arg;
};

/* Shows the address at that offset of an attribute (NULL: none); of a network if the prefix is not 0. */
static int show(const struct visit *visit, const struct nlattr *attr, int offset, int prefix, int ifindex)
{
    const int length = attr ? nla_len(attr) - offset : 0;
    struct cidr address = {.family = length == 4 ? AF_INET : AF_INET6};

    if (length != 4 && length != 16)
        return 0;
    address.prefix = (uint8_t)(prefix ? prefix : 8 * length);
    memcpy(address.bytes, (const char *)nla_data(attr) + offset, (size_t)length);
    return visit->each(visit->arg, &address, ifindex);
}

static int see_own(void *arg, struct nlmsghdr *answer)
{
    const struct rtmsg *route = nlmsg_data(answer);

    if (route->rtm_type != RTN_LOCAL && route->rtm_type != RTN_ANYCAST)
        return 0;
    return show(arg, message_attr(answer, sizeof(*route), RTA_DST), 0, route->rtm_dst_len, 0);
}

static int see_address(void *arg, struct nlmsghdr *answer)
{
    const struct visit *visit = arg;
    struct cidr own = address_of(answer);

    own.prefix = (uint8_t)(8 * cidr_size(own.family));
    return visit->each(visit->arg, &own, address_index(answer));
}

/* A gateway is of the route's own family, or with RTA_VIA of another. */
static int see_hop(const struct visit *visit, const void *attrs, int length, int ifindex)
{
    const int err = show(visit, nla_find(attrs, length, RTA_GATEWAY), 0, 0, ifindex);

    if (err)
        return err;
    return show(visit, nla_find(attrs, length, RTA_VIA), sizeof(struct rtvia), 0, ifindex);
}

static int see_gateways(void *arg, struct nlmsghdr *answer)
{
    const int header = sizeof(struct rtmsg);
    const struct nlattr *oif = message_attr(answer, sizeof(struct rtmsg), RTA_OIF);
    const struct nlattr *hops = message_attr(answer, sizeof(struct rtmsg), RTA_MULTIPATH);
    int err = 0;

    if (oif)
        return see_hop(arg, nlmsg_attrdata(answer, header), nlmsg_attrlen(answer, header),
                       (int)nla_get_u32(oif));
    if (!hops)
        return 0;
    const struct rtnexthop *hop = nla_data(hops);
    for (int rest = nla_len(hops); RTNH_OK(hop, rest) && !err; hop = RTNH_NEXT(hop)) {
        err = see_hop(arg, hop + 1, hop->rtnh_len - (int)sizeof(*hop), hop->rtnh_ifindex);
        rest -= (int)RTNH_ALIGN(hop->rtnh_len);
    }
    return err;
}

static int see_object(void *arg, struct nlmsghdr *answer)
{
    const struct nlattr *oif = message_attr(answer, sizeof(struct nhmsg), NHA_OIF);

    if (!oif)
        return 0;
    return show(arg, message_attr(answer, sizeof(struct nhmsg), NHA_GATEWAY), 0, 0, (int)nla_get_u32(oif));
}

/* Since Linux 4.20 the kernel itself selects by the type of a route, and by an interface (0: any). */
static int dump(struct rtnl *nl, int type, const void *header, size_t size, int ifindex,
                int (*see)(void *arg, struct nlmsghdr *answer), struct visit *visit)
{
    const int on = 1, off = 0;
    int err = -EAGAIN;

    setsockopt(nl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++) {
        struct nl_msg *msg = rtnl_message(type, NLM_F_DUMP, header, size);
        if (ifindex)
            msg = rtnl_put_u32(msg, RTA_OIF, (uint32_t)ifindex);
        err = rtnl_ask(nl, msg, see, visit);
    }
    setsockopt(nl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &off, sizeof(off));
    return err;
}

int address_each_own(struct rtnl *nl, address_visitor *each, void *arg)
{
    const struct rtmsg local = {.rtm_type = RTN_LOCAL}, anycast = {.rtm_type = RTN_ANYCAST};
    const struct ifaddrmsg every = {.ifa_family = AF_UNSPEC};
    struct visit visit = {each, arg};
    int err = dump(nl, RTM_GETROUTE, &local, sizeof(local), 0, see_own, &visit);

    if (!err)
        err = dump(nl, RTM_GETROUTE, &anycast, sizeof(anycast), 0, see_own, &visit);
    if (!err)
        err = dump(nl, RTM_GETADDR, &every, sizeof(every), 0, see_address, &visit);
    return err;
}

/* With net.ipv4.nexthop_compat_mode=0 routes do not show the gateways of next hops that are objects. */
int address_each_gateway(struct rtnl *nl, int ifindex, address_visitor *each, void *arg)
{
    const struct rtmsg routes = {.rtm_type = RTN_UNICAST};
    const struct nhmsg objects = {.nh_family = AF_UNSPEC};
    struct visit visit = {each, arg};
    int err = dump(nl, RTM_GETROUTE, &routes, sizeof(routes), ifindex, see_gateways, &visit);

    if (!err)
        err = dump(nl, RTM_GETNEXTHOP, &objects, sizeof(objects), 0, see_object, &visit);
    if (err == -EOPNOTSUPP) /* before Linux 5.3 there are none */
        err = 0;
    return err;
}
