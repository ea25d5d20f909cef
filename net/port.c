/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "port.h"

#include "rtnl.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

/* A request about a port as such: struct ifinfomsg of family AF_BRIDGE. */
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
    struct nlattr *nest = msg ? nla_nest_start(msg, IFLA_PROTINFO | NLA_F_NESTED) : NULL;

    if (!nest || nla_put_u8(msg, IFLA_BRPORT_ISOLATED, options->isolated) < 0 ||
        nla_put_u8(msg, IFLA_BRPORT_LOCKED, options->locked) < 0 ||
        nla_put_u8(msg, IFLA_BRPORT_LEARNING, options->learning) < 0 ||
        nla_put_u8(msg, IFLA_BRPORT_UNICAST_FLOOD, options->flood) < 0 ||
        nla_put_u8(msg, IFLA_BRPORT_GUARD, options->guard) < 0 ||
        nla_put_u8(msg, IFLA_BRPORT_MULTICAST_ROUTER, options->router) < 0 ||
        nla_put_u32(msg, PORT_MCAST_MAX_GROUPS, options->max_groups) < 0) {
        nlmsg_free(msg);
        return -ENOMEM;
    }
    nla_nest_end(msg, nest);
    return rtnl_talk(nl, msg);
}

static bool is_set(struct nlattr *attr)
{
    return attr && nla_get_u8(attr);
}

/* IFLA_LINKINFO of a link, parsed. */
static int read_linkinfo(struct nl_msg *answer, struct nlattr *attrs[IFLA_MAX + 1],
                         struct nlattr *info[IFLA_INFO_MAX + 1])
{
    if (nlmsg_parse(nlmsg_hdr(answer), sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL) < 0 ||
        !attrs[IFLA_LINKINFO] || nla_parse_nested(info, IFLA_INFO_MAX, attrs[IFLA_LINKINFO], NULL) < 0)
        return -EBADMSG;
    return 0;
}

int port_read(struct nlattr *info[], struct port_options *out)
{
    struct nlattr *port[IFLA_BRPORT_MAX + 1], *data = info[IFLA_INFO_SLAVE_DATA];

    if (!info[IFLA_INFO_SLAVE_KIND] || strcmp(nla_get_string(info[IFLA_INFO_SLAVE_KIND]), "bridge") != 0 ||
        !data || nla_parse_nested(port, IFLA_BRPORT_MAX, data, NULL) < 0)
        return -EBADMSG;
    const struct nlattr *groups = nla_find(nla_data(data), nla_len(data), PORT_MCAST_MAX_GROUPS);
    *out = (struct port_options){
        .isolated = is_set(port[IFLA_BRPORT_ISOLATED]),
        .locked = is_set(port[IFLA_BRPORT_LOCKED]),
        .learning = is_set(port[IFLA_BRPORT_LEARNING]),
        .flood = is_set(port[IFLA_BRPORT_UNICAST_FLOOD]),
        .guard = is_set(port[IFLA_BRPORT_GUARD]),
        .router = is_set(port[IFLA_BRPORT_MULTICAST_ROUTER]),
        .knows_groups = groups,
        .max_groups = groups ? nla_get_u32(groups) : 0,
    };
    return 0;
}

static int on_port(void *arg, struct nl_msg *answer)
{
    struct nlattr *attrs[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];

    return read_linkinfo(answer, attrs, info) < 0 ? -EBADMSG : port_read(info, arg);
}

int port_get(struct rtnl *nl, int ifindex, struct port_options *out)
{
    return rtnl_ask(nl, rtnl_link_message(RTM_GETLINK, 0, ifindex, 0), on_port, out);
}

static struct nl_msg *neighbour_message(int type, int nlm_flags, const struct ndmsg *entry,
                                        const uint8_t mac[6])
{
    struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | nlm_flags);

    if (msg && (nlmsg_append(msg, (void *)(uintptr_t)entry, sizeof(*entry), NLMSG_ALIGNTO) < 0 ||
                nla_put(msg, NDA_LLADDR, 6, mac) < 0)) {
        nlmsg_free(msg);
        return NULL;
    }
    return msg;
}

static int on_address(void *arg, struct nl_msg *answer)
{
    const struct ndmsg *entry = nlmsg_data(nlmsg_hdr(answer));
    struct port_address *out = arg;

    if (nlmsg_datalen(nlmsg_hdr(answer)) < (int)sizeof(*entry))
        return -EBADMSG;
    *out = (struct port_address){.ifindex = entry->ndm_ifindex,
                                 .local = entry->ndm_state & NUD_PERMANENT,
                                 .static_ = entry->ndm_state & NUD_NOARP,
                                 .sticky = entry->ndm_flags & NTF_STICKY};
    return 0;
}

int port_find_address(struct rtnl *nl, int bridge, const uint8_t mac[6], struct port_address *out)
{
    const struct ndmsg entry = {.ndm_family = AF_BRIDGE};
    struct nl_msg *msg = neighbour_message(RTM_GETNEIGH, 0, &entry, mac);

    if (msg && nla_put_u32(msg, NDA_MASTER, (uint32_t)bridge) < 0) {
        nlmsg_free(msg);
        msg = NULL;
    }
    return rtnl_ask(nl, msg, on_address, out);
}

int port_add_address(struct rtnl *nl, int ifindex, const uint8_t mac[6])
{
    const struct ndmsg entry = {.ndm_family = AF_BRIDGE,
                                .ndm_ifindex = ifindex,
                                .ndm_state = NUD_NOARP,
                                .ndm_flags = NTF_MASTER | NTF_STICKY};

    return rtnl_talk(nl, neighbour_message(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &entry, mac));
}

static int talk_vlan(struct rtnl *nl, int type, int ifindex, unsigned int vlan, unsigned int flags)
{
    const struct bridge_vlan_info info = {.flags = (uint16_t)flags, .vid = (uint16_t)vlan};
    struct nl_msg *msg = port_message(type, 0, ifindex);
    struct nlattr *nest = msg ? nla_nest_start(msg, IFLA_AF_SPEC) : NULL;

    if (!nest || nla_put(msg, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info) < 0) {
        nlmsg_free(msg);
        return -ENOMEM;
    }
    nla_nest_end(msg, nest);
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
    struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWVLAN, NLM_F_REQUEST | NLM_F_ACK);
    struct nlattr *entry = NULL;

    if (!msg || nlmsg_append(msg, (void *)(uintptr_t)&header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
        !(entry = nla_nest_start(msg, BRIDGE_VLANDB_ENTRY | NLA_F_NESTED)) ||
        nla_put(msg, BRIDGE_VLANDB_ENTRY_INFO, sizeof(info), &info) < 0 ||
        nla_put_u8(msg, BRIDGE_VLANDB_ENTRY_MCAST_ROUTER, MDB_RTR_TYPE_DISABLED) < 0) {
        nlmsg_free(msg);
        return -ENOMEM;
    }
    nla_nest_end(msg, entry);
    return rtnl_talk(nl, msg);
}

/* A look at one VLAN of one port. */
typedef void see_vlan(void *arg, int ifindex, const struct bridge_vlan_info *info);

struct vlans {
    see_vlan *see;
    void *arg;
};

static int on_vlans(void *arg, struct nl_msg *answer)
{
    const struct ifinfomsg *header = nlmsg_data(nlmsg_hdr(answer));
    struct nlattr *attrs[IFLA_MAX + 1], *attr;
    const struct vlans *vlans = arg;
    struct bridge_vlan_info info;
    int rest;

    if (nlmsg_parse(nlmsg_hdr(answer), sizeof(*header), attrs, IFLA_MAX, NULL) < 0 || !attrs[IFLA_AF_SPEC])
        return 0;
    nla_for_each_nested(attr, attrs[IFLA_AF_SPEC], rest)
    {
        if (nla_type(attr) != IFLA_BRIDGE_VLAN_INFO || nla_len(attr) < (int)sizeof(info))
            continue;
        memcpy(&info, nla_data(attr), sizeof(info));
        vlans->see(vlans->arg, header->ifi_index, &info);
    }
    return 0;
}

/* From a dump of all ports: the kernel has no question about one. */
static int dump_vlans(struct rtnl *nl, see_vlan *see, void *arg)
{
    struct vlans vlans = {see, arg};
    struct nl_msg *msg = port_message(RTM_GETLINK, NLM_F_DUMP, 0);

    if (msg && nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN) < 0) {
        nlmsg_free(msg);
        msg = NULL;
    }
    return rtnl_ask(nl, msg, on_vlans, &vlans);
}

/* What one port is in. */
struct membership {
    int ifindex;
    unsigned int vlan;
    unsigned int mine, others;
};

static void see_member(void *arg, int ifindex, const struct bridge_vlan_info *info)
{
    struct membership *found = arg;

    if (ifindex != found->ifindex)
        return;
    if (info->vid == found->vlan && info->flags == (BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED))
        found->mine++;
    else
        found->others++;
}

int port_has_vlan(struct rtnl *nl, int ifindex, unsigned int vlan)
{
    struct membership found = {.ifindex = ifindex, .vlan = vlan};
    const int err = dump_vlans(nl, see_member, &found);

    return err ? err : found.mine == 1 && !found.others;
}

struct each_vlan {
    void (*each)(void *arg, int ifindex, unsigned int vlan);
    void *arg;
};

static void see_untagged(void *arg, int ifindex, const struct bridge_vlan_info *info)
{
    const struct each_vlan *to = arg;

    if (info->flags & BRIDGE_VLAN_INFO_PVID)
        to->each(to->arg, ifindex, info->vid);
}

int port_each_vlan(struct rtnl *nl, void (*each)(void *arg, int ifindex, unsigned int vlan), void *arg)
{
    struct each_vlan to = {each, arg};

    return dump_vlans(nl, see_untagged, &to);
}

static int on_bridge(void *arg, struct nl_msg *answer)
{
    struct nlattr *attrs[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *bridge[IFLA_BR_MAX + 1];
    struct bridge_settings *out = arg;
    struct br_boolopt_multi options = {.optmask = 0};

    if (read_linkinfo(answer, attrs, info) < 0 || !info[IFLA_INFO_DATA] || !attrs[IFLA_ADDRESS] ||
        nla_parse_nested(bridge, IFLA_BR_MAX, info[IFLA_INFO_DATA], NULL) < 0)
        return -EBADMSG;
    const struct nlattr *learned =
        nla_find(nla_data(info[IFLA_INFO_DATA]), nla_len(info[IFLA_INFO_DATA]), BRIDGE_FDB_MAX_LEARNED);
    nla_memcpy(&options, bridge[IFLA_BR_MULTI_BOOLOPT], sizeof(options));
    *out = (struct bridge_settings){
        .stp = bridge[IFLA_BR_STP_STATE] && nla_get_u32(bridge[IFLA_BR_STP_STATE]) == 1, /* BR_KERNEL_STP */
        .vlan_filtering = is_set(bridge[IFLA_BR_VLAN_FILTERING]),
        .vlan_snooping = options.optmask & 1U << BR_BOOLOPT_MCAST_VLAN_SNOOPING,
        .knows_learned = learned,
        .max_learned = learned ? nla_get_u32(learned) : 0,
        .max_groups =
            bridge[IFLA_BR_MCAST_HASH_MAX] ? nla_get_u32(bridge[IFLA_BR_MCAST_HASH_MAX]) : UINT32_MAX,
        .default_vlan =
            bridge[IFLA_BR_VLAN_DEFAULT_PVID] ? nla_get_u16(bridge[IFLA_BR_VLAN_DEFAULT_PVID]) : 0,
    };
    nla_memcpy(out->mac, attrs[IFLA_ADDRESS], sizeof(out->mac));
    return 0;
}

int bridge_settings(struct rtnl *nl, int ifindex, struct bridge_settings *out)
{
    return rtnl_ask(nl, rtnl_link_message(RTM_GETLINK, 0, ifindex, 0), on_bridge, out);
}

int bridge_set_option(struct rtnl *nl, int ifindex, int type, uint32_t value)
{
    struct nl_msg *msg = rtnl_link_message(RTM_NEWLINK, 0, ifindex, 0);
    struct nlattr *info = msg ? nla_nest_start(msg, IFLA_LINKINFO) : NULL, *data = NULL;

    if (!info || nla_put_string(msg, IFLA_INFO_KIND, "bridge") < 0 ||
        !(data = nla_nest_start(msg, IFLA_INFO_DATA)) || nla_put_u32(msg, type, value) < 0) {
        nlmsg_free(msg);
        return -ENOMEM;
    }
    nla_nest_end(msg, data);
    nla_nest_end(msg, info);
    return rtnl_talk(nl, msg);
}
