/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "port.h"

#include "link.h"
#include "rtnl.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* Makes a request about a bridge port: struct ifinfomsg with family AF_BRIDGE. */
static struct nl_msg *port_message(int type, int nlm_flags, int ifindex)
{
    struct nl_msg *msg = rtnl_link_message(type, nlm_flags, ifindex, 0);

    if (msg)
        ((struct ifinfomsg *)nlmsg_data(nlmsg_hdr(msg)))->ifi_family = AF_BRIDGE;
    return msg;
}

int port_set(struct rtnl *nl, int ifindex, const struct port_options *options)
{
    struct nl_msg *msg = port_message(RTM_SETLINK, 0, ifindex);
    struct nlattr *nest = rtnl_nest(msg, IFLA_PROTINFO | NLA_F_NESTED);

    msg = rtnl_put_u8(msg, IFLA_BRPORT_ISOLATED, options->isolated);
    msg = rtnl_put_u8(msg, IFLA_BRPORT_LOCKED, options->locked);
    msg = rtnl_put_u8(msg, IFLA_BRPORT_LEARNING, options->learning);
    msg = rtnl_put_u8(msg, IFLA_BRPORT_UNICAST_FLOOD, options->flood);
    msg = rtnl_put_u8(msg, IFLA_BRPORT_GUARD, options->guard);
    msg = rtnl_put_u8(msg, IFLA_BRPORT_MULTICAST_ROUTER, options->router);
    msg = rtnl_put_u32(msg, PORT_MCAST_MAX_GROUPS, options->max_groups);
    rtnl_nest_end(msg, nest);
    return rtnl_talk(nl, msg);
}

static struct nl_msg *neighbour_message(int type, int nlm_flags, const struct ndmsg *entry,
                                        const uint8_t mac[6])
{
    return rtnl_put(rtnl_message(type, nlm_flags, entry, sizeof(*entry)), NDA_LLADDR, mac, 6);
}

static int on_address(void *arg, struct nlmsghdr *answer)
{
    const struct ndmsg *entry = nlmsg_data(answer);
    struct port_address *out = arg;

    if (nlmsg_datalen(answer) < (int)sizeof(*entry))
        return -EBADMSG;
    *out = (struct port_address){.ifindex = entry->ndm_ifindex,
                                 .local = entry->ndm_state & NUD_PERMANENT,
                                 .static_ = entry->ndm_state & NUD_NOARP,
                                 .sticky = entry->ndm_flags & NTF_STICKY};
    return 0;
}

int port_find_address(struct rtnl *nl, int bridge, const uint8_t mac[6], unsigned int vlan,
                      struct port_address *out)
{
    const struct ndmsg entry = {.ndm_family = AF_BRIDGE};
    const uint16_t vid = (uint16_t)vlan;
    struct nl_msg *msg =
        rtnl_put_u32(neighbour_message(RTM_GETNEIGH, 0, &entry, mac), NDA_MASTER, (uint32_t)bridge);

    if (vlan)
        msg = rtnl_put(msg, NDA_VLAN, &vid, sizeof(vid));
    return rtnl_ask(nl, msg, on_address, out);
}

int port_add_address(struct rtnl *nl, int ifindex, const uint8_t mac[6], bool moves)
{
    const struct ndmsg entry = {.ndm_family = AF_BRIDGE,
                                .ndm_ifindex = ifindex,
                                .ndm_state = NUD_NOARP,
                                .ndm_flags = NTF_MASTER | NTF_STICKY};

    const int flags = NLM_F_CREATE | (moves ? NLM_F_REPLACE : NLM_F_EXCL);

    return rtnl_talk(nl, neighbour_message(RTM_NEWNEIGH, flags, &entry, mac));
}

static int talk_vlan(struct rtnl *nl, int type, int ifindex, unsigned int vlan, unsigned int flags)
{
    const struct bridge_vlan_info info = {.flags = (uint16_t)flags, .vid = (uint16_t)vlan};
    struct nl_msg *msg = port_message(type, 0, ifindex);
    struct nlattr *nest = rtnl_nest(msg, IFLA_AF_SPEC);

    msg = rtnl_put(msg, IFLA_BRIDGE_VLAN_INFO, &info, sizeof(info));
    rtnl_nest_end(msg, nest);
    return rtnl_talk(nl, msg);
}

int port_set_vlan(struct rtnl *nl, int ifindex, unsigned int vlan, unsigned int default_vlan)
{
    const int err =
        talk_vlan(nl, RTM_SETLINK, ifindex, vlan, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);

    if (err || !default_vlan || default_vlan == vlan)
        return err;
    return talk_vlan(nl, RTM_DELLINK, ifindex, default_vlan, 0);
}

int port_deny_vlan_router(struct rtnl *nl, int ifindex, unsigned int vlan)
{
    const struct br_vlan_msg header = {.family = AF_BRIDGE, .ifindex = (uint32_t)ifindex};
    const struct bridge_vlan_info info = {.flags = BRIDGE_VLAN_INFO_ONLY_OPTS, .vid = (uint16_t)vlan};
    struct nl_msg *msg = rtnl_message(RTM_NEWVLAN, 0, &header, sizeof(header));
    struct nlattr *entry = rtnl_nest(msg, BRIDGE_VLANDB_ENTRY | NLA_F_NESTED);

    msg = rtnl_put(msg, BRIDGE_VLANDB_ENTRY_INFO, &info, sizeof(info));
    msg = rtnl_put_u8(msg, BRIDGE_VLANDB_ENTRY_MCAST_ROUTER, MDB_RTR_TYPE_DISABLED);
    rtnl_nest_end(msg, entry);
    return rtnl_talk(nl, msg);
}

struct vlans {
    port_vlan *each;
    void *arg;
};

static int on_vlans(void *arg, struct nlmsghdr *answer)
{
    const struct ifinfomsg *header = nlmsg_data(answer);
    struct nlattr *list = message_attr(answer, sizeof(*header), IFLA_AF_SPEC), *attr;
    const struct vlans *vlans = arg;
    struct bridge_vlan_info info;
    int rest;

    if (!list)
        return 0;
    nla_for_each_nested(attr, list, rest)
    {
        if (nla_type(attr) != IFLA_BRIDGE_VLAN_INFO || nla_len(attr) < (int)sizeof(info))
            continue;
        memcpy(&info, nla_data(attr), sizeof(info));
        vlans->each(vlans->arg, header->ifi_index, info.vid, info.flags);
    }
    return 0;
}

int port_each_vlan(struct rtnl *nl, port_vlan *each, void *arg)
{
    struct vlans vlans = {each, arg};
    struct nl_msg *msg = port_message(RTM_GETLINK, NLM_F_DUMP, 0);

    return rtnl_ask(nl, rtnl_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN), on_vlans, &vlans);
}

/* The VLANs of one port. */
struct membership {
    int ifindex;
    unsigned int vlan;
    unsigned int mine, others;
};

static void see_member(void *arg, int ifindex, unsigned int vlan, unsigned int flags)
{
    struct membership *found = arg;

    if (ifindex != found->ifindex)
        return;
    if (vlan == found->vlan && flags == (BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED))
        found->mine++;
    else
        found->others++;
}

int port_has_vlan(struct rtnl *nl, int ifindex, unsigned int vlan)
{
    struct membership found = {.ifindex = ifindex, .vlan = vlan};
    const int err = port_each_vlan(nl, see_member, &found);

    if (err)
        return err;
    return found.mine == 1 && !found.others;
}
