/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "newbridge.h"

#include "link.h"
#include "port.h"
#include "rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TICKS = 100 /* a second of IFLA_BR_FORWARD_DELAY (USER_HZ) */ };

static size_t address_size(const struct cidr *address)
{
    return address->family == AF_INET ? 4 : 16;
}

struct looking {
    const struct newbridge *want;
    struct newbridge_state *out;
};

/* spec: IFLA_AF_SPEC. An interface without IPv6 has no such part, and takes no router advertisements. */
static bool takes_advertisements(struct nlattr *spec)
{
    struct nlattr *inet6 = spec ? nla_find(nla_data(spec), nla_len(spec), AF_INET6) : NULL;
    struct nlattr *conf = inet6 ? nla_find(nla_data(inet6), nla_len(inet6), IFLA_INET6_CONF) : NULL;
    int32_t values[DEVCONF_ACCEPT_RA > DEVCONF_AUTOCONF ? DEVCONF_ACCEPT_RA + 1 : DEVCONF_AUTOCONF + 1] = {0};

    if (conf)
        nla_memcpy(values, conf, sizeof(values));
    return values[DEVCONF_ACCEPT_RA] != 0 || values[DEVCONF_AUTOCONF] != 0;
}

static unsigned int compare_options(struct nlattr *data, const struct newbridge *want)
{
    struct nlattr *stp = nla_find(nla_data(data), nla_len(data), IFLA_BR_STP_STATE);
    struct nlattr *delay = nla_find(nla_data(data), nla_len(data), IFLA_BR_FORWARD_DELAY);
    struct nlattr *learned = nla_find(nla_data(data), nla_len(data), BRIDGE_FDB_MAX_LEARNED);
    unsigned int differs = 0;

    if (learned && nla_get_u32(learned) == 0) /* another limit is somebody's choice */
        differs |= NEWBRIDGE_LEARNED;
    if (stp && (nla_get_u32(stp) != 0) != want->stp)
        differs |= NEWBRIDGE_STP;
    if (delay && nla_get_u32(delay) != TICKS * want->forward_delay)
        differs |= NEWBRIDGE_FORWARD_DELAY;
    return differs;
}

static void compare(struct newbridge_state *out, const struct newbridge *want, unsigned int flags,
                    struct nlattr *attrs[IFLA_MAX + 1])
{
    const struct nlattr *mac = attrs[IFLA_ADDRESS], *mtu = attrs[IFLA_MTU];
    const char *alias = attrs[IFLA_IFALIAS] ? nla_get_string(attrs[IFLA_IFALIAS]) : "";

    if (!mac || nla_len(mac) != sizeof(want->mac) || memcmp(nla_data(mac), want->mac, sizeof(want->mac)) != 0)
        out->differs |= NEWBRIDGE_MAC;
    if (want->mtu && mtu && nla_get_u32(mtu) != want->mtu)
        out->differs |= NEWBRIDGE_MTU;
    if (takes_advertisements(attrs[IFLA_AF_SPEC]))
        out->differs |= NEWBRIDGE_RA;
    if (!(flags & IFF_UP))
        out->differs |= NEWBRIDGE_DOWN;
    if (strcmp(alias, NEWBRIDGE_ALIAS) != 0)
        out->differs |= NEWBRIDGE_NO_ALIAS;
    out->ours = !(out->differs & NEWBRIDGE_NO_ALIAS) || (!*alias && !(out->differs & NEWBRIDGE_MAC));
}

static int on_link(void *arg, struct nl_msg *answer)
{
    const struct looking *looking = arg;
    struct newbridge_state *out = looking->out;
    const struct ifinfomsg *header = nlmsg_data(nlmsg_hdr(answer));
    struct nlattr *attrs[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1] = {NULL};

    if (nlmsg_parse(nlmsg_hdr(answer), sizeof(*header), attrs, IFLA_MAX, NULL) < 0 || !attrs[IFLA_IFNAME] ||
        (attrs[IFLA_LINKINFO] && nla_parse_nested(info, IFLA_INFO_MAX, attrs[IFLA_LINKINFO], NULL) < 0))
        return -EBADMSG;
    out->ifindex = header->ifi_index;
    nla_strlcpy(out->name, attrs[IFLA_IFNAME], sizeof(out->name));
    if (info[IFLA_INFO_KIND])
        nla_strlcpy(out->kind, info[IFLA_INFO_KIND], sizeof(out->kind));
    compare(out, looking->want, header->ifi_flags, attrs);
    if (info[IFLA_INFO_DATA])
        out->differs |= compare_options(info[IFLA_INFO_DATA], looking->want);
    return 0;
}

/* Strikes out the address that is there. */
static int on_address(void *arg, struct nl_msg *answer)
{
    const struct looking *looking = arg;
    const struct ifaddrmsg *header = nlmsg_data(nlmsg_hdr(answer));
    struct nlattr *attrs[IFA_MAX + 1];

    if (nlmsg_parse(nlmsg_hdr(answer), sizeof(*header), attrs, IFA_MAX, NULL) < 0)
        return -EBADMSG;
    const struct nlattr *found = attrs[IFA_LOCAL] ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS];
    for (int i = 0; i < 2; i++) {
        const struct cidr *address = &looking->want->addresses[i];
        if ((int)header->ifa_index == looking->out->ifindex && header->ifa_family == address->family &&
            header->ifa_prefixlen == address->prefix && found &&
            nla_len(found) == (int)address_size(address) &&
            memcmp(nla_data(found), address->bytes, address_size(address)) == 0)
            looking->out->differs &= ~((unsigned int)NEWBRIDGE_ADDRESS << i);
    }
    return 0;
}

/* A request that begins with a struct ifaddrmsg for that address; NULL: no memory. */
static struct nl_msg *address_message(int type, int flags, const struct cidr *address, int ifindex)
{
    const struct ifaddrmsg header = {.ifa_family = (uint8_t)address->family,
                                     .ifa_prefixlen = address->prefix,
                                     .ifa_index = (unsigned int)ifindex};
    struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags);

    if (msg && nlmsg_append(msg, (void *)(uintptr_t)&header, sizeof(header), NLMSG_ALIGNTO) == 0)
        return msg;
    nlmsg_free(msg);
    return NULL;
}

static int look_for_addresses(struct rtnl *nl, struct looking *looking)
{
    int err = 0;

    for (int i = 0; i < 2 && !err; i++) {
        const struct cidr any = {.family = looking->want->addresses[i].family};
        if (!any.family)
            continue;
        looking->out->differs |= (unsigned int)NEWBRIDGE_ADDRESS << i;
        err = rtnl_ask(nl, address_message(RTM_GETADDR, NLM_F_DUMP, &any, 0), on_address, looking);
    }
    return err;
}

int newbridge_look(struct rtnl *nl, const struct newbridge *want, struct newbridge_state *out)
{
    *out = (struct newbridge_state){.ifindex = 0};
    struct looking looking = {want, out};
    struct nl_msg *msg = rtnl_link_message(RTM_GETLINK, 0, 0, 0);

    if (msg && nla_put_string(msg, IFLA_IFNAME, want->name) < 0) {
        nlmsg_free(msg);
        msg = NULL;
    }
    const int err = rtnl_ask(nl, msg, on_link, &looking);
    return err == -ENODEV ? 0 : err ? err : look_for_addresses(nl, &looking);
}

static int put_options(struct nl_msg *msg, const struct newbridge *want)
{
    struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO), *data = NULL;

    if (!info || nla_put_string(msg, IFLA_INFO_KIND, "bridge") < 0 ||
        !(data = nla_nest_start(msg, IFLA_INFO_DATA)) ||
        nla_put_u32(msg, IFLA_BR_FORWARD_DELAY, TICKS * want->forward_delay) < 0 ||
        nla_put_u32(msg, IFLA_BR_STP_STATE, want->stp) < 0 ||
        nla_put_u32(msg, BRIDGE_FDB_MAX_LEARNED, BRIDGE_LEARNED) < 0)
        return -ENOMEM;
    nla_nest_end(msg, data);
    nla_nest_end(msg, info);
    return 0;
}

/* Without the MTU: given here, the kernel does not take it for the user's wish, and the bridge has 1,500
 * again when its last port is gone (net/bridge/br_if.c, br_mtu_auto_adjust). */
int newbridge_make(struct rtnl *nl, const struct newbridge *want)
{
    struct nl_msg *msg = rtnl_link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);

    if (!msg || nla_put_string(msg, IFLA_IFNAME, want->name) < 0 ||
        nla_put(msg, IFLA_ADDRESS, sizeof(want->mac), want->mac) < 0 || put_options(msg, want) < 0) {
        nlmsg_free(msg);
        return -ENOMEM;
    }
    return rtnl_talk(nl, msg);
}

static int add_address(struct rtnl *nl, int ifindex, const struct cidr *address)
{
    struct nl_msg *msg = address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address, ifindex);

    if (!msg || nla_put(msg, IFA_LOCAL, (int)address_size(address), address->bytes) < 0 ||
        nla_put(msg, IFA_ADDRESS, (int)address_size(address), address->bytes) < 0) {
        nlmsg_free(msg);
        return -ENOMEM;
    }
    const int err = rtnl_talk(nl, msg);
    return err == -EEXIST ? 0 : err;
}

static int set_conf(const char *name, const char *key)
{
    char path[64 + IFNAMSIZ];

    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", name, key);
    const int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ENODEV : -errno; /* it went with the bridge, or with its IPv6 */
    const int err = write(fd, "0", 1) == 1 ? 0 : -errno;
    close(fd);
    return err;
}

static int put_and_talk(struct rtnl *nl, struct nl_msg *msg, int type, const void *data, int size)
{
    if (msg && nla_put(msg, type, size, data) < 0) {
        nlmsg_free(msg);
        msg = NULL;
    }
    return rtnl_talk(nl, msg);
}

int newbridge_mend(struct rtnl *nl, const struct newbridge *want, int ifindex, unsigned int difference)
{
    const uint32_t mtu = want->mtu;
    int err;

    nl->reason[0] = '\0';
    switch (difference) {
    case NEWBRIDGE_NO_ALIAS:
        return put_and_talk(nl, rtnl_link_message(RTM_SETLINK, 0, ifindex, 0), IFLA_IFALIAS, NEWBRIDGE_ALIAS,
                            sizeof(NEWBRIDGE_ALIAS));
    case NEWBRIDGE_RA:
        err = set_conf(want->name, "accept_ra");
        return err ? err : set_conf(want->name, "autoconf");
    case NEWBRIDGE_MTU:
        return put_and_talk(nl, rtnl_link_message(RTM_SETLINK, 0, ifindex, 0), IFLA_MTU, &mtu, sizeof(mtu));
    case NEWBRIDGE_ADDRESS:
        return add_address(nl, ifindex, &want->addresses[0]);
    case NEWBRIDGE_SECOND_ADDRESS:
        return add_address(nl, ifindex, &want->addresses[1]);
    case NEWBRIDGE_LEARNED:
        return bridge_set_option(nl, ifindex, BRIDGE_FDB_MAX_LEARNED, BRIDGE_LEARNED);
    case NEWBRIDGE_DOWN:
        return link_up(nl, ifindex);
    default:
        return -EINVAL;
    }
}
