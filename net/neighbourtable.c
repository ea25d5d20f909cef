/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "neighbourtable.h"

#include "base/array.h"
#include "link.h"
#include "rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

/* In all other states the kernel has no answer yet, or none any more. */
enum { KNOWN = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP };

static int take_neighbour(void *arg, struct nlmsghdr *answer)
{
    const struct ndmsg *header = nlmsg_data(answer);
    struct neighbour_table *all = arg;

    if (answer->nlmsg_type != RTM_NEWNEIGH || nlmsg_datalen(answer) < (int)sizeof(*header) ||
        (header->ndm_family != AF_INET && header->ndm_family != AF_INET6) || !(header->ndm_state & KNOWN))
        return 0;
    const struct nlattr *address = message_attr(answer, sizeof(*header), NDA_DST);
    const struct nlattr *mac = message_attr(answer, sizeof(*header), NDA_LLADDR);
    const size_t size = cidr_size(header->ndm_family);
    if (!address || nla_len(address) != (int)size || !mac || nla_len(mac) != 6)
        return 0;
    struct neighbour *list = array_grow(all->list, all->count, sizeof(*list));
    if (!list)
        return -ENOMEM;
    all->list = list;
    struct neighbour *found = &list[all->count++];
    *found = (struct neighbour){
        .ifindex = header->ndm_ifindex,
        .address = {.family = header->ndm_family, .prefix = (uint8_t)(8 * size)},
    };
    memcpy(found->address.bytes, nla_data(address), size);
    memcpy(found->mac, nla_data(mac), sizeof(found->mac));
    return 0;
}

int neighbour_table_read(struct rtnl *nl, struct neighbour_table *out)
{
    const struct ndmsg every = {.ndm_family = AF_UNSPEC};
    int err = -EAGAIN;

    *out = (struct neighbour_table){NULL, 0};
    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++) {
        neighbour_table_free(out);
        err =
            rtnl_ask(nl, rtnl_message(RTM_GETNEIGH, NLM_F_DUMP, &every, sizeof(every)), take_neighbour, out);
    }
    return err;
}

void neighbour_table_free(struct neighbour_table *neighbours)
{
    free(neighbours->list);
    *neighbours = (struct neighbour_table){NULL, 0};
}

static int take_device(void *arg, struct nlmsghdr *answer)
{
    const struct ifinfomsg *header = nlmsg_data(answer);
    struct vlan_devices *all = arg;
    const struct nlattr *lower = message_attr(answer, sizeof(*header), IFLA_LINK);
    struct nlattr *info = message_attr(answer, sizeof(*header), IFLA_LINKINFO);
    const struct nlattr *kind = info ? nla_find(nla_data(info), nla_len(info), IFLA_INFO_KIND) : NULL;
    struct nlattr *data = info ? nla_find(nla_data(info), nla_len(info), IFLA_INFO_DATA) : NULL;
    const struct nlattr *id = data ? nla_find(nla_data(data), nla_len(data), IFLA_VLAN_ID) : NULL;
    const struct nlattr *protocol = data ? nla_find(nla_data(data), nla_len(data), IFLA_VLAN_PROTOCOL) : NULL;

    if (!lower || message_attr(answer, sizeof(*header), IFLA_LINK_NETNSID) || !kind ||
        nla_strcmp(kind, "vlan") != 0 || !id)
        return 0;
    struct vlan_device *list = array_grow(all->list, all->count, sizeof(*list));
    if (!list)
        return -ENOMEM;
    all->list = list;
    list[all->count++] = (struct vlan_device){.ifindex = header->ifi_index,
                                              .lower = (int)nla_get_u32(lower),
                                              .vlan = nla_get_u16(id),
                                              .protocol = protocol ? ntohs(nla_get_u16(protocol)) : 0};
    return 0;
}

int vlan_devices_read(struct rtnl *nl, struct vlan_devices *out)
{
    int err = -EAGAIN;

    *out = (struct vlan_devices){NULL, 0};
    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++) {
        vlan_devices_free(out);
        err = rtnl_ask(nl, links_question("vlan"), take_device, out);
    }
    return err;
}

void vlan_devices_free(struct vlan_devices *devices)
{
    free(devices->list);
    *devices = (struct vlan_devices){NULL, 0};
}
