/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "address.h"
#include "rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <stdlib.h>
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

uint32_t address_flags(const struct nlmsghdr *msg)
{
    const struct ifaddrmsg *info = nlmsg_data(msg);
    struct nlattr *attr = message_attr(msg, sizeof(*info), IFA_FLAGS);
    if (attr)
        return nla_get_u32(attr);
    return info->ifa_flags;
}

bool address_is_link_local(const struct nlmsghdr *msg)
{
    const struct ifaddrmsg *info = nlmsg_data(msg);
    return info->ifa_family == AF_INET6 && info->ifa_scope == RT_SCOPE_LINK;
}

int addresses_read(struct rtnl *nl, int ifindex, struct messages *out)
{
    const struct ifaddrmsg every = {.ifa_family = AF_UNSPEC};
    struct messages all = {.count = 0};
    int err = rtnl_dump(nl, RTM_GETADDR, &every, sizeof(every), &all);

    for (size_t i = 0; err == 0 && i < all.count; i++) {
        const struct ifaddrmsg *info = nlmsg_data(all.list[i]);
        if (ifindex == 0 || (int)info->ifa_index == ifindex)
            err = messages_add(out, all.list[i]);
    }
    messages_free(&all);
    return err;
}

/* Makes a request of that type for one address, with no other attributes. */
static struct nl_msg *plain_message(int type, int flags, int ifindex, const struct cidr *cidr)
{
    const struct ifaddrmsg info = {.ifa_family = (uint8_t)cidr->family,
                                   .ifa_prefixlen = cidr->prefix,
                                   .ifa_scope = RT_SCOPE_UNIVERSE,
                                   .ifa_index = (uint32_t)ifindex};
    const size_t length = cidr_size(cidr->family);
    struct nl_msg *msg = rtnl_message(type, flags, &info, sizeof(info));

    msg = rtnl_put(msg, IFA_LOCAL, cidr->bytes, length);
    return rtnl_put(msg, IFA_ADDRESS, cidr->bytes, length);
}

struct nl_msg *address_new_message(int ifindex, const struct cidr *cidr)
{
    struct nl_msg *msg = plain_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, cidr);
    uint32_t broadcast;

    if (cidr->family != AF_INET || cidr->prefix > 30)
        return msg;
    memcpy(&broadcast, cidr->bytes, sizeof(broadcast));
    return rtnl_put_u32(msg, IFA_BROADCAST, broadcast | htonl(UINT32_MAX >> cidr->prefix));
}

struct nl_msg *address_drop_message(int ifindex, const struct cidr *cidr)
{
    return plain_message(RTM_DELADDR, 0, ifindex, cidr);
}
