/* SPDX-License-Identifier: GPL-2.0-or-later */
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

    if (!attr) /* IPv6 has it only where the address has a peer */
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
    return attr ? nla_get_u32(attr) : info->ifa_flags;
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

void addresses_remove(struct batch *batch, const struct messages *all)
{
    for (size_t i = all->count; i-- > 0;)
        batch_add(batch, all->list[i], RTM_DELADDR, 0, EADDRNOTAVAIL);
}

/* "eth0:web" becomes "br0:web"; what would be too long, or is somebody's own, becomes the plain name. */
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

static void put_lifetime(struct nl_msg *msg, const struct nlattr *attr, uint32_t elapsed)
{
    struct ifa_cacheinfo info = {.ifa_valid = 0};

    memcpy(&info, nla_data(attr), sizeof(info));
    if (info.ifa_valid != UINT32_MAX) /* 0 is no lifetime that the kernel would take */
        info.ifa_valid = info.ifa_valid > elapsed ? info.ifa_valid - elapsed : 1;
    if (info.ifa_prefered != UINT32_MAX)
        info.ifa_prefered = info.ifa_prefered > elapsed ? info.ifa_prefered - elapsed : 0;
    nla_put(msg, IFA_CACHEINFO, sizeof(info), &info);
}

static struct nl_msg *address_message(const struct nlmsghdr *old, const struct address_target *target)
{
    struct ifaddrmsg info = *(const struct ifaddrmsg *)nlmsg_data(old);
    uint32_t flags = address_flags(old);
    struct nl_msg *msg =
        nlmsg_alloc_simple(RTM_NEWADDR, NLM_F_CREATE | (target->replace ? NLM_F_REPLACE : NLM_F_EXCL));
    struct nlattr *attr;
    int rest;

    if (info.ifa_family == AF_INET6 && !target->replace)
        flags |= IFA_F_NODAD;
    info.ifa_index = (uint32_t)target->ifindex;
    info.ifa_flags = (uint8_t)flags;
    if (!msg || nlmsg_append(msg, &info, sizeof(info), NLMSG_ALIGNTO) < 0) {
        nlmsg_free(msg);
        return NULL;
    }
    nlmsg_for_each_attr(attr, (struct nlmsghdr *)(uintptr_t)old, sizeof(info), rest)
    {
        if (nla_type(attr) == IFA_LABEL)
            put_label(msg, attr, target);
        else if (nla_type(attr) == IFA_CACHEINFO)
            put_lifetime(msg, attr, target->elapsed);
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

/* A request of that type about one address, with nothing else in it. */
static struct nl_msg *plain_message(int type, int flags, int ifindex, const struct cidr *cidr)
{
    const struct ifaddrmsg info = {
        .ifa_family = (uint8_t)cidr->family, .ifa_prefixlen = cidr->prefix, .ifa_index = (uint32_t)ifindex};
    const int length = cidr->family == AF_INET ? 4 : 16;
    struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

    if (msg && (nlmsg_append(msg, (void *)(uintptr_t)&info, sizeof(info), NLMSG_ALIGNTO) < 0 ||
                nla_put(msg, IFA_LOCAL, length, cidr->bytes) < 0 ||
                nla_put(msg, IFA_ADDRESS, length, cidr->bytes) < 0)) {
        nlmsg_free(msg);
        msg = NULL;
    }
    return msg;
}

void address_new(struct batch *batch, int ifindex, const struct cidr *cidr)
{
    struct nl_msg *msg = plain_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, cidr);

    if (msg && cidr->family == AF_INET && cidr->prefix < 31) {
        uint32_t broadcast;
        memcpy(&broadcast, cidr->bytes, sizeof(broadcast));
        broadcast |= htonl(UINT32_MAX >> cidr->prefix);
        nla_put_u32(msg, IFA_BROADCAST, broadcast);
    }
    batch_take(batch, msg, 0);
}

void address_drop(struct batch *batch, int ifindex, const struct cidr *cidr)
{
    batch_take(batch, plain_message(RTM_DELADDR, 0, ifindex, cidr), EADDRNOTAVAIL);
}
