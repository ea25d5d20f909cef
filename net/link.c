/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "link.h"

#include "base/array.h"
#include "rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Reads an unsigned number of whatever width the kernel chose for it. */
static uint32_t number(const struct nlattr *attr, uint32_t fallback)
{
    if (!attr || nla_len(attr) < 1)
        return fallback;
    if (nla_len(attr) == 1)
        return nla_get_u8(attr);
    if (nla_len(attr) < 4)
        return nla_get_u16(attr);
    return nla_get_u32(attr);
}

static bool is_set(const struct nlattr *attr)
{
    return number(attr, 0) != 0;
}

/* Finds a nested attribute: nla_parse_nested() only accepts types that the headers know. */
static const struct nlattr *find(const struct nlattr *list, int type)
{
    return list ? nla_find(nla_data(list), nla_len(list), type) : NULL;
}

static void read_bridge(struct bridge_settings *out, const struct nlattr *data)
{
    const struct nlattr *learned = find(data, BRIDGE_FDB_MAX_LEARNED);
    const struct nlattr *multi = find(data, IFLA_BR_MULTI_BOOLOPT);
    struct br_boolopt_multi options = {.optmask = 0};

    if (multi)
        nla_memcpy(&options, multi, sizeof(options));
    *out = (struct bridge_settings){
        .stp = is_set(find(data, IFLA_BR_STP_STATE)),
        .kernel_stp = number(find(data, IFLA_BR_STP_STATE), 0) == 1, /* BR_KERNEL_STP */
        .vlan_filtering = is_set(find(data, IFLA_BR_VLAN_FILTERING)),
        .vlan_snooping = options.optmask & 1U << BR_BOOLOPT_MCAST_VLAN_SNOOPING,
        .knows_learned = learned,
        .max_learned = number(learned, 0),
        .max_groups = number(find(data, IFLA_BR_MCAST_HASH_MAX), UINT32_MAX),
        .default_vlan = number(find(data, IFLA_BR_VLAN_DEFAULT_PVID), 0),
        .vlan_protocol = ntohs((uint16_t)number(find(data, IFLA_BR_VLAN_PROTOCOL), 0)),
        .forward_delay = number(find(data, IFLA_BR_FORWARD_DELAY), 0),
    };
}

static void read_port(struct link *out, const struct nlattr *data)
{
    const struct nlattr *groups = find(data, PORT_MCAST_MAX_GROUPS);

    out->port_state = (int)number(find(data, IFLA_BRPORT_STATE), 0);
    out->port = (struct port_options){
        .isolated = is_set(find(data, IFLA_BRPORT_ISOLATED)),
        .locked = is_set(find(data, IFLA_BRPORT_LOCKED)),
        .learning = is_set(find(data, IFLA_BRPORT_LEARNING)),
        .flood = is_set(find(data, IFLA_BRPORT_UNICAST_FLOOD)),
        .guard = is_set(find(data, IFLA_BRPORT_GUARD)),
        .router = is_set(find(data, IFLA_BRPORT_MULTICAST_ROUTER)),
        .knows_groups = groups,
        .max_groups = number(groups, 0),
    };
}

static void read_tun(struct tun_settings *out, const struct nlattr *data)
{
    *out = (struct tun_settings){
        .kind = {.tun = number(find(data, IFLA_TUN_TYPE), IFF_TAP) == IFF_TUN,
                 .packet_info = is_set(find(data, IFLA_TUN_PI)),
                 .vnet_hdr = is_set(find(data, IFLA_TUN_VNET_HDR)),
                 .multi_queue = is_set(find(data, IFLA_TUN_MULTI_QUEUE))},
        .persist = is_set(find(data, IFLA_TUN_PERSIST)),
        .owner = number(find(data, IFLA_TUN_OWNER), UINT32_MAX),
        .group = number(find(data, IFLA_TUN_GROUP), UINT32_MAX),
        .queues =
            number(find(data, IFLA_TUN_NUM_QUEUES), 0) + number(find(data, IFLA_TUN_NUM_DISABLED_QUEUES), 0),
    };
}

static void read_info(struct link *out, const struct nlattr *info)
{
    const struct nlattr *kind = find(info, IFLA_INFO_KIND), *data = find(info, IFLA_INFO_DATA);
    const struct nlattr *port_kind = find(info, IFLA_INFO_SLAVE_KIND);

    if (kind)
        nla_strlcpy(out->kind, kind, sizeof(out->kind));
    if (port_kind)
        nla_strlcpy(out->port_kind, port_kind, sizeof(out->port_kind));
    out->is_bridge = strcmp(out->kind, "bridge") == 0;
    out->is_tun = strcmp(out->kind, "tun") == 0;
    out->is_port = strcmp(out->port_kind, "bridge") == 0;
    if (out->is_bridge)
        read_bridge(&out->bridge, data);
    if (out->is_tun)
        read_tun(&out->tun, data);
    if (out->is_port)
        read_port(out, find(info, IFLA_INFO_SLAVE_DATA));
}

static void read_altname(struct link *out, struct nlattr *list)
{
    struct nlattr *attr;
    int rest;

    nla_for_each_nested(attr, list, rest)
    {
        const bool claims = strncmp(nla_data(attr), LINK_CLAIM_PREFIX, strlen(LINK_CLAIM_PREFIX)) == 0;
        if (nla_type(attr) != IFLA_ALT_IFNAME || (out->altname[0] && !claims))
            continue;
        nla_strlcpy(out->altname, attr, sizeof(out->altname));
        if (claims)
            return;
    }
}

/* An interface without IPv6 has no such attribute, and ignores router advertisements. */
static void read_ipv6(struct link *out, const struct nlattr *inet6)
{
    const struct nlattr *conf = find(inet6, IFLA_INET6_CONF);
    int32_t values[DEVCONF_MAX] = {0};

    if (!inet6)
        return;
    out->addr_gen_mode = (int)number(find(inet6, IFLA_INET6_ADDR_GEN_MODE), 0);
    if (conf)
        nla_memcpy(values, conf, sizeof(values));
    out->takes_advertisements = values[DEVCONF_ACCEPT_RA] != 0 || values[DEVCONF_AUTOCONF] != 0;
}

static int link_read(void *arg, struct nlmsghdr *msg)
{
    struct link *out = arg;
    const struct ifinfomsg *info = nlmsg_data(msg);
    struct nlattr *attrs[IFLA_MAX + 1];

    if (nlmsg_parse(msg, sizeof(*info), attrs, IFLA_MAX, NULL) < 0 || !attrs[IFLA_IFNAME])
        return -EBADMSG;
    *out = (struct link){
        .ifindex = info->ifi_index,
        .type = info->ifi_type,
        .flags = info->ifi_flags,
        .master = (int)number(attrs[IFLA_MASTER], 0),
        .lower = (int)number(attrs[IFLA_LINK], 0),
        .mtu = number(attrs[IFLA_MTU], 0),
        .min_mtu = number(attrs[IFLA_MIN_MTU], 0),
        .max_mtu = number(attrs[IFLA_MAX_MTU], 0),
        .carrier = is_set(attrs[IFLA_CARRIER]),
        .has_mac = attrs[IFLA_ADDRESS] && nla_len(attrs[IFLA_ADDRESS]) == sizeof(out->mac),
        .addr_gen_mode = -1,
        .tun = {.owner = UINT32_MAX, .group = UINT32_MAX},
    };
    nla_strlcpy(out->name, attrs[IFLA_IFNAME], sizeof(out->name));
    if (out->has_mac)
        memcpy(out->mac, nla_data(attrs[IFLA_ADDRESS]), sizeof(out->mac));
    if (attrs[IFLA_IFALIAS])
        nla_strlcpy(out->alias, attrs[IFLA_IFALIAS], sizeof(out->alias));
    if (attrs[IFLA_LINKINFO])
        read_info(out, attrs[IFLA_LINKINFO]);
    if (attrs[IFLA_PROP_LIST])
        read_altname(out, attrs[IFLA_PROP_LIST]);
    read_ipv6(out, find(attrs[IFLA_AF_SPEC], AF_INET6));
    return 0;
}

int link_get(struct rtnl *nl, int ifindex, struct link *out)
{
    return rtnl_ask(nl, rtnl_link_message(RTM_GETLINK, 0, ifindex, 0), link_read, out);
}

int link_find(struct rtnl *nl, const char *name, struct link *out)
{
    struct nl_msg *msg = rtnl_link_message(RTM_GETLINK, 0, 0, 0);
    int attribute = IFLA_IFNAME; /* which the kernel also compares with alternative names */

    if (strlen(name) >= IFNAMSIZ)
        attribute = IFLA_ALT_IFNAME;
    return rtnl_ask(nl, rtnl_put_text(msg, attribute, name), link_read, out);
}

struct nl_msg *link_question(const char *name)
{
    struct nl_msg *msg = rtnl_put_text(rtnl_link_message(RTM_GETLINK, 0, 0, 0), IFLA_IFNAME, name);

    if (msg)
        nlmsg_hdr(msg)->nlmsg_flags = NLM_F_REQUEST; /* one answer, and no acknowledgement behind it */
    return msg;
}

int link_ask(struct rtnl *nl, struct nl_msg *question, struct link *out)
{
    _Alignas(struct nlmsghdr) char buffer[16384];
    struct nlmsghdr *answer = (struct nlmsghdr *)buffer;

    if (write(nl->fd, nlmsg_hdr(question), nlmsg_hdr(question)->nlmsg_len) < 0)
        return -errno;
    const ssize_t got = recv(nl->fd, buffer, sizeof(buffer), 0);
    if (got < 0)
        return -errno;
    if (!nlmsg_ok(answer, (int)got) || answer->nlmsg_type != RTM_NEWLINK ||
        answer->nlmsg_seq != 0) /* the question's: rtnl_ask() numbers from 1 */
        return -EIO;
    return link_read(out, answer);
}

int link_find_tap(struct rtnl *nl, const char *name, struct link *out)
{
    const int err = link_find(nl, name, out);

    if (err)
        return err;
    if (strcmp(out->name, name) != 0)
        return -ENODEV;
    return out->is_tun ? 0 : -EMEDIUMTYPE;
}

struct listing {
    struct links *out;
    const char *kind;
};

static int add_link(void *arg, struct nlmsghdr *answer)
{
    struct listing *listing = arg;
    struct link link;
    const int err = link_read(&link, answer);

    /* there are kernels that do not filter by kind */
    if (err || (listing->kind && strcmp(link.kind, listing->kind) != 0))
        return err;
    return array_add(&listing->out->list, &listing->out->count, &link, sizeof(link));
}

/* The kernel does the filtering by kind (net/core/rtnetlink.c, link_kind_filtered). Only for a dump with
 * IFLA_EXT_MASK does it make room for the longest message (rtnl_calcit); else it silently leaves out a tap
 * that has dozens of alternative names, if it is the first. */
struct nl_msg *links_question(const char *kind)
{
    struct nl_msg *msg = rtnl_link_message(RTM_GETLINK, NLM_F_DUMP, 0, 0);

    msg = rtnl_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);

    if (!kind)
        return msg;
    struct nlattr *info = rtnl_nest(msg, IFLA_LINKINFO);
    msg = rtnl_put_text(msg, IFLA_INFO_KIND, kind);
    rtnl_nest_end(msg, info);
    return msg;
}

int links_read(struct rtnl *nl, const char *kind, struct links *out)
{
    struct listing listing = {.out = out, .kind = kind};
    int err = -EAGAIN;

    *out = (struct links){.list = NULL};
    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++) {
        out->count = 0;
        err = rtnl_ask(nl, links_question(kind), add_link, &listing);
    }
    return err;
}

void links_free(struct links *links)
{
    free(links->list);
    *links = (struct links){.list = NULL};
}

int link_index(struct rtnl *nl, const char *name)
{
    struct ifreq request = {.ifr_ifindex = 0};

    if (strlen(name) >= IFNAMSIZ)
        return -ENAMETOOLONG;
    strcpy(request.ifr_name, name);
    /* Interface ioctls work on any socket (net/socket.c, sock_do_ioctl). */
    return ioctl(nl->fd, SIOCGIFINDEX, &request) < 0 ? -errno : request.ifr_ifindex;
}

static struct nl_msg *set_message(int ifindex)
{
    return rtnl_link_message(RTM_SETLINK, 0, ifindex, 0);
}

struct nl_msg *link_up_message(int ifindex)
{
    return rtnl_link_message(RTM_SETLINK, 0, ifindex, IFF_UP);
}

struct nl_msg *link_delete_message(int ifindex)
{
    return rtnl_link_message(RTM_DELLINK, 0, ifindex, 0);
}

struct nl_msg *link_master_message(int ifindex, int master)
{
    return rtnl_put_u32(set_message(ifindex), IFLA_MASTER, (uint32_t)master);
}

struct nl_msg *link_mtu_message(int ifindex, unsigned int mtu)
{
    return rtnl_put_u32(set_message(ifindex), IFLA_MTU, mtu);
}

struct nl_msg *link_name_message(int ifindex, const char *name)
{
    return rtnl_put_text(set_message(ifindex), IFLA_IFNAME, name);
}

struct nl_msg *link_alias_message(int ifindex, const char *alias)
{
    return rtnl_put_text(set_message(ifindex), IFLA_IFALIAS, alias);
}

static struct nl_msg *put_addr_gen_mode(struct nl_msg *msg, int mode)
{
    struct nlattr *spec = rtnl_nest(msg, IFLA_AF_SPEC), *inet6 = rtnl_nest(msg, AF_INET6);

    msg = rtnl_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, (uint8_t)mode);
    rtnl_nest_end(msg, inet6);
    rtnl_nest_end(msg, spec);
    return msg;
}

struct nl_msg *link_addr_gen_mode_message(int ifindex, int mode)
{
    return put_addr_gen_mode(set_message(ifindex), mode);
}

enum { ALTNAMES_OF_MESSAGE = 16 /* a message has 4 KiB (nlmsg_alloc(3)), and one of them up to 132 bytes */ };

int link_add_altnames(struct rtnl *nl, int ifindex, const char *altnames, size_t size, size_t count)
{
    int err = 0;

    for (size_t done = 0, end; done < count && !err;) {
        struct nl_msg *msg =
            rtnl_link_message(RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND, ifindex, 0);
        struct nlattr *list = rtnl_nest(msg, IFLA_PROP_LIST | NLA_F_NESTED);
        for (end = done + ALTNAMES_OF_MESSAGE; done < count && done < end; done++)
            msg = rtnl_put_text(msg, IFLA_ALT_IFNAME, altnames + done * size);
        rtnl_nest_end(msg, list);
        err = rtnl_talk(nl, msg);
    }
    return err;
}

int link_join(struct rtnl *nl, int ifindex, const struct link_join *join)
{
    struct nl_msg *msg = link_master_message(ifindex, join->master);

    msg = rtnl_put_u32(msg, IFLA_MTU, join->mtu);
    msg = rtnl_put(msg, IFLA_ADDRESS, join->mac, sizeof(join->mac));
    msg = rtnl_put_text(msg, IFLA_IFALIAS, join->alias);
    if (join->no_addrgen)
        msg = put_addr_gen_mode(msg, IN6_ADDR_GEN_MODE_NONE);
    return rtnl_talk(nl, msg);
}
