/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "taps.h"

#include "rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 20 }; /* of a dump while others make and remove interfaces */

struct listing {
    const char *prefix;
    struct tap_state *taps;
    size_t count, room;
};

static void read_info(struct tap_state *out, struct nlattr *info[IFLA_TUN_MAX + 1])
{
    if (info[IFLA_TUN_OWNER])
        out->owner = nla_get_u32(info[IFLA_TUN_OWNER]);
    if (info[IFLA_TUN_GROUP])
        out->group = nla_get_u32(info[IFLA_TUN_GROUP]);
    out->kind.tun = info[IFLA_TUN_TYPE] && nla_get_u8(info[IFLA_TUN_TYPE]) == IFF_TUN;
    out->kind.packet_info = info[IFLA_TUN_PI] && nla_get_u8(info[IFLA_TUN_PI]);
    out->kind.vnet_hdr = info[IFLA_TUN_VNET_HDR] && nla_get_u8(info[IFLA_TUN_VNET_HDR]);
    out->kind.multi_queue = info[IFLA_TUN_MULTI_QUEUE] && nla_get_u8(info[IFLA_TUN_MULTI_QUEUE]);
    out->persist = info[IFLA_TUN_PERSIST] && nla_get_u8(info[IFLA_TUN_PERSIST]);
    if (info[IFLA_TUN_NUM_QUEUES])
        out->queues = nla_get_u32(info[IFLA_TUN_NUM_QUEUES]);
    if (info[IFLA_TUN_NUM_DISABLED_QUEUES])
        out->queues += nla_get_u32(info[IFLA_TUN_NUM_DISABLED_QUEUES]);
}

static void read_altname(struct tap_state *out, struct nlattr *list, const char *prefix)
{
    struct nlattr *attr;
    int rest;

    nla_for_each_nested(attr, list, rest)
    {
        if (nla_type(attr) != IFLA_ALT_IFNAME || strncmp(nla_get_string(attr), prefix, strlen(prefix)) != 0)
            continue;
        nla_strlcpy(out->altname, attr, sizeof(out->altname));
        return;
    }
}

/* Returns 0, -EMEDIUMTYPE when it is neither tap nor tun, or -EBADMSG. */
static int read_tap(struct tap_state *out, struct nlmsghdr *message, const char *prefix)
{
    const struct ifinfomsg *header = nlmsg_data(message);
    struct nlattr *attrs[IFLA_MAX + 1], *link[IFLA_INFO_MAX + 1], *info[IFLA_TUN_MAX + 1] = {NULL};

    *out = (struct tap_state){.owner = UINT32_MAX, .group = UINT32_MAX};
    if (nlmsg_parse(message, sizeof(*header), attrs, IFLA_MAX, NULL) < 0 || !attrs[IFLA_IFNAME])
        return -EBADMSG;
    out->ifindex = header->ifi_index;
    out->up = header->ifi_flags & IFF_UP;
    nla_strlcpy(out->name, attrs[IFLA_IFNAME], sizeof(out->name));
    if (!attrs[IFLA_LINKINFO] || nla_parse_nested(link, IFLA_INFO_MAX, attrs[IFLA_LINKINFO], NULL) < 0 ||
        !link[IFLA_INFO_KIND] || strcmp(nla_get_string(link[IFLA_INFO_KIND]), "tun") != 0)
        return -EMEDIUMTYPE;
    if (link[IFLA_INFO_DATA] && nla_parse_nested(info, IFLA_TUN_MAX, link[IFLA_INFO_DATA], NULL) < 0)
        return -EBADMSG;
    read_info(out, info);
    out->is_port = port_read(link, &out->port) == 0;
    if (attrs[IFLA_IFALIAS])
        nla_strlcpy(out->alias, attrs[IFLA_IFALIAS], sizeof(out->alias));
    if (attrs[IFLA_MASTER])
        out->master = (int)nla_get_u32(attrs[IFLA_MASTER]);
    if (attrs[IFLA_MTU])
        out->mtu = nla_get_u32(attrs[IFLA_MTU]);
    if (attrs[IFLA_ADDRESS])
        nla_memcpy(out->mac, attrs[IFLA_ADDRESS], sizeof(out->mac));
    out->carrier = attrs[IFLA_CARRIER] && nla_get_u8(attrs[IFLA_CARRIER]);
    if (prefix && attrs[IFLA_PROP_LIST])
        read_altname(out, attrs[IFLA_PROP_LIST], prefix);
    return 0;
}

int taps_read(struct nlmsghdr *header, struct tap_state *out)
{
    return read_tap(out, header, NULL);
}

static int on_link(void *arg, struct nl_msg *answer)
{
    struct listing *listing = arg;

    if (listing->count == listing->room) {
        const size_t room = listing->room ? 2 * listing->room : 16;
        struct tap_state *taps = reallocarray(listing->taps, room, sizeof(*taps));
        if (!taps)
            return -ENOMEM;
        listing->taps = taps;
        listing->room = room;
    }
    const int err = read_tap(&listing->taps[listing->count], nlmsg_hdr(answer), listing->prefix);
    if (err)
        return err == -EMEDIUMTYPE ? 0 : err; /* a kernel that does not filter by kind */
    listing->count++;
    return 0;
}

/* Only tuns, as the kernel itself can filter (net/core/rtnetlink.c, link_kind_filtered). */
static struct nl_msg *dump_message(void)
{
    struct nl_msg *msg = rtnl_link_message(RTM_GETLINK, NLM_F_DUMP, 0, 0);
    struct nlattr *info = msg ? nla_nest_start(msg, IFLA_LINKINFO) : NULL;

    if (!info || nla_put_string(msg, IFLA_INFO_KIND, "tun") < 0) {
        nlmsg_free(msg);
        return NULL;
    }
    nla_nest_end(msg, info);
    return msg;
}

int taps_list(struct rtnl *nl, const char *altname_prefix, struct tap_state **out, size_t *count)
{
    struct listing listing = {.prefix = altname_prefix};
    int err = -EAGAIN;

    for (int tries = 0; tries < TRIES && err == -EAGAIN; tries++) {
        listing.count = 0;
        err = rtnl_ask(nl, dump_message(), on_link, &listing);
    }
    if (err) {
        free(listing.taps);
        return err;
    }
    *out = listing.taps;
    *count = listing.count;
    return 0;
}

struct finding {
    struct tap_state *out;
    const char *prefix;
    const char *name; /* NULL: whatever its name */
};

static int on_found(void *arg, struct nl_msg *answer)
{
    const struct finding *finding = arg;
    const int err = read_tap(finding->out, nlmsg_hdr(answer), finding->prefix);

    if (err)
        return err;
    return !finding->name || strcmp(finding->out->name, finding->name) == 0 ? 0 : -ENODEV;
}

int taps_find(struct rtnl *nl, const char *altname_prefix, const char *name, struct tap_state *out)
{
    struct finding finding = {out, altname_prefix, name};
    struct nl_msg *msg = rtnl_link_message(RTM_GETLINK, 0, 0, 0);

    if (msg && nla_put_string(msg, IFLA_IFNAME, name) < 0) {
        nlmsg_free(msg);
        msg = NULL;
    }
    return rtnl_ask(nl, msg, on_found, &finding);
}

int taps_get(struct rtnl *nl, const char *altname_prefix, int ifindex, struct tap_state *out)
{
    struct finding finding = {out, altname_prefix, NULL};

    return rtnl_ask(nl, rtnl_link_message(RTM_GETLINK, 0, ifindex, 0), on_found, &finding);
}
