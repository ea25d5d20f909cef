/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "port.h"

#include "base/vlans.h"
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

struct sought {
    int bridge;
    const uint8_t *mac;
};

static int on_self(void *arg, struct nlmsghdr *answer)
{
    const struct ndmsg *entry = nlmsg_data(answer);
    const struct nlattr *mac = message_attr(answer, sizeof(*entry), NDA_LLADDR);
    const struct sought *sought = arg;

    return entry->ndm_ifindex == sought->bridge && entry->ndm_flags & NTF_SELF && mac && nla_len(mac) == 6 &&
           memcmp(nla_data(mac), sought->mac, 6) == 0;
}

int port_is_on_top(struct rtnl *nl, int bridge, const uint8_t mac[6])
{
    struct sought sought = {bridge, mac};
    int err = -EAGAIN;

    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++)
        err = rtnl_ask(nl, port_message(RTM_GETNEIGH, NLM_F_DUMP, bridge), on_self, &sought);
    return err;
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

static struct nl_msg *put_vlan(struct nl_msg *msg, unsigned int vlan, unsigned int flags)
{
    const struct bridge_vlan_info info = {.flags = (uint16_t)flags, .vid = (uint16_t)vlan};

    return rtnl_put(msg, IFLA_BRIDGE_VLAN_INFO, &info, sizeof(info));
}

/* The kernel takes no range of one (net/bridge/br_netlink.c, br_process_vlan_info). */
static struct nl_msg *put_range(struct nl_msg *msg, const struct vlan_range *range)
{
    if (range->first == range->last)
        return put_vlan(msg, range->first, 0);
    msg = put_vlan(msg, range->first, BRIDGE_VLAN_INFO_RANGE_BEGIN);
    return put_vlan(msg, range->last, BRIDGE_VLAN_INFO_RANGE_END);
}

/* The untagged one comes last, since flags are replaced. */
int port_enter_vlans(struct rtnl *nl, int ifindex, const struct vlans *vlans)
{
    struct nl_msg *msg = port_message(RTM_SETLINK, 0, ifindex);
    struct nlattr *nest = rtnl_nest(msg, IFLA_AF_SPEC);
    struct vlan_range range = {0};

    while (vlans_next(vlans, &range))
        msg = put_range(msg, &range);
    if (vlans->untagged)
        msg = put_vlan(msg, vlans->untagged, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
    rtnl_nest_end(msg, nest);
    return rtnl_talk(nl, msg);
}

int port_leave_vlans(struct rtnl *nl, int ifindex, const struct vlan_range *range)
{
    struct nl_msg *msg = port_message(RTM_DELLINK, 0, ifindex);
    struct nlattr *nest = rtnl_nest(msg, IFLA_AF_SPEC);

    msg = put_range(msg, range);
    rtnl_nest_end(msg, nest);
    return rtnl_talk(nl, msg);
}

int port_deny_vlan_router(struct rtnl *nl, int ifindex, const struct vlan_range *vlans)
{
    const struct br_vlan_msg header = {.family = AF_BRIDGE, .ifindex = (uint32_t)ifindex};
    const struct bridge_vlan_info info = {.flags = BRIDGE_VLAN_INFO_ONLY_OPTS, .vid = (uint16_t)vlans->first};
    const uint16_t last = (uint16_t)vlans->last;
    struct nl_msg *msg = rtnl_message(RTM_NEWVLAN, 0, &header, sizeof(header));
    struct nlattr *entry = rtnl_nest(msg, BRIDGE_VLANDB_ENTRY | NLA_F_NESTED);

    msg = rtnl_put(msg, BRIDGE_VLANDB_ENTRY_INFO, &info, sizeof(info));
    if (last > info.vid)
        msg = rtnl_put(msg, BRIDGE_VLANDB_ENTRY_RANGE, &last, sizeof(last));
    msg = rtnl_put_u8(msg, BRIDGE_VLANDB_ENTRY_MCAST_ROUTER, MDB_RTR_TYPE_DISABLED);
    rtnl_nest_end(msg, entry);
    return rtnl_talk(nl, msg);
}
