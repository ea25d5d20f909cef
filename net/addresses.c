/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "addresses.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

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
