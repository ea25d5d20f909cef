/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "links.h"
#include "batch.h"
#include "rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

static bool flag_of(struct nlattr *list, int type)
{
    struct nlattr *attr = nla_find(nla_data(list), nla_len(list), type);
    return attr && nla_len(attr) > 0 && *(const uint8_t *)nla_data(attr) != 0;
}

/* An unsigned number of whatever width the kernel chose for it. */
static uint32_t number(struct nlattr *attr, uint32_t otherwise)
{
    uint32_t value = 0;

    if (!attr || nla_len(attr) < 1 || nla_len(attr) > (int)sizeof(value))
        return otherwise;
    if (nla_len(attr) == 1)
        return *(const uint8_t *)nla_data(attr);
    if (nla_len(attr) == 2)
        return nla_get_u16(attr);
    memcpy(&value, nla_data(attr), (size_t)nla_len(attr));
    return value;
}

static uint32_t number_of(struct nlattr *list, int type, uint32_t otherwise)
{
    return number(nla_find(nla_data(list), nla_len(list), type), otherwise);
}

static void read_info(struct link *link, struct nlattr *info)
{
    struct nlattr *const kind = nla_find(nla_data(info), nla_len(info), IFLA_INFO_KIND);
    struct nlattr *const data = nla_find(nla_data(info), nla_len(info), IFLA_INFO_DATA);
    struct nlattr *const port_kind = nla_find(nla_data(info), nla_len(info), IFLA_INFO_SLAVE_KIND);
    struct nlattr *const port = nla_find(nla_data(info), nla_len(info), IFLA_INFO_SLAVE_DATA);

    if (kind)
        nla_strlcpy(link->kind, kind, sizeof(link->kind));
    if (port_kind)
        nla_strlcpy(link->port_kind, port_kind, sizeof(link->port_kind));
    if (data && strcmp(link->kind, "bridge") == 0) {
        link->bridge.stp = number_of(data, IFLA_BR_STP_STATE, 0) != 0;
        link->bridge.vlan_filtering = flag_of(data, IFLA_BR_VLAN_FILTERING);
        link->bridge.snooping = flag_of(data, IFLA_BR_MCAST_SNOOPING);
        link->bridge.forward_delay = number_of(data, IFLA_BR_FORWARD_DELAY, 0);
    }
    if (port && strcmp(link->port_kind, "bridge") == 0) {
        link->port.isolated = flag_of(port, IFLA_BRPORT_ISOLATED);
        link->port.locked = flag_of(port, IFLA_BRPORT_LOCKED);
        link->port.guard = flag_of(port, IFLA_BRPORT_GUARD);
        link->port.learning = flag_of(port, IFLA_BRPORT_LEARNING);
        link->port.flooding = flag_of(port, IFLA_BRPORT_UNICAST_FLOOD);
        link->port.state = (int)number_of(port, IFLA_BRPORT_STATE, 0);
    }
}

static void read_addr_gen_mode(struct link *link, struct nlattr *spec)
{
    struct nlattr *inet6 = nla_find(nla_data(spec), nla_len(spec), AF_INET6);

    if (inet6)
        link->addr_gen_mode = (int)number_of(inet6, IFLA_INET6_ADDR_GEN_MODE, 0);
}

static struct link read_link(const struct nlmsghdr *msg)
{
    const struct ifinfomsg *info = nlmsg_data(msg);
    struct link link = {
        .ifindex = info->ifi_index, .type = info->ifi_type, .flags = info->ifi_flags, .addr_gen_mode = -1};
    struct nlattr *attr;
    int rest;

    nlmsg_for_each_attr(attr, (struct nlmsghdr *)(uintptr_t)msg, sizeof(*info), rest)
    {
        switch (nla_type(attr)) {
        case IFLA_IFNAME:
            nla_strlcpy(link.name, attr, sizeof(link.name));
            break;
        case IFLA_IFALIAS:
            nla_strlcpy(link.alias, attr, sizeof(link.alias));
            break;
        case IFLA_ADDRESS:
            link.has_mac = nla_len(attr) == sizeof(link.mac);
            if (link.has_mac)
                memcpy(link.mac, nla_data(attr), sizeof(link.mac));
            break;
        case IFLA_MTU:
            link.mtu = number(attr, 0);
            break;
        case IFLA_MIN_MTU:
            link.min_mtu = number(attr, 0);
            break;
        case IFLA_MAX_MTU:
            link.max_mtu = number(attr, 0);
            break;
        case IFLA_MASTER:
            link.master = (int)number(attr, 0);
            break;
        case IFLA_LINK:
            link.lower = (int)number(attr, 0);
            break;
        case IFLA_OPERSTATE:
            link.operstate = (char)number(attr, 0);
            break;
        case IFLA_LINKINFO:
            read_info(&link, attr);
            break;
        case IFLA_AF_SPEC:
            read_addr_gen_mode(&link, attr);
            break;
        default:
            break;
        }
    }
    return link;
}

int links_read(struct rtnl *nl, struct links *out)
{
    const struct ifinfomsg all = {.ifi_family = AF_UNSPEC};
    struct messages messages = {.count = 0};
    int err = rtnl_dump(nl, RTM_GETLINK, &all, sizeof(all), &messages);

    *out = (struct links){.count = 0};
    if (err == 0 && messages.count > 0)
        out->list = calloc(messages.count, sizeof(*out->list));
    if (err == 0 && messages.count > 0 && !out->list)
        err = -ENOMEM;
    for (size_t i = 0; err == 0 && i < messages.count; i++)
        out->list[out->count++] = read_link(messages.list[i]);
    messages_free(&messages);
    return err;
}

void links_free(struct links *links)
{
    free(links->list);
    *links = (struct links){.count = 0};
}

const struct link *links_by_name(const struct links *links, const char *name)
{
    for (size_t i = 0; i < links->count; i++)
        if (strcmp(links->list[i].name, name) == 0)
            return &links->list[i];
    return NULL;
}

const struct link *links_by_index(const struct links *links, int ifindex)
{
    for (size_t i = 0; i < links->count; i++)
        if (links->list[i].ifindex == ifindex)
            return &links->list[i];
    return NULL;
}
