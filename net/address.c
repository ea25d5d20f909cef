/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "address.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
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
