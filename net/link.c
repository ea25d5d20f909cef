/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "link.h"

#include "base/error.h"

#include "rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/ioctl.h>

int ifname_check(const char *option, const char *name, struct error *why)
{
    if (ifname_valid(name))
        return 0;
    return error_set(
        why,
        "%s'%.64s' is not a name that an interface can have: 1 to %d characters, without blanks, '/', ':' and "
        "'%%', and not '.' or '..'; `ip link` shows the names of this host",
        option, name, IFNAMSIZ - 1);
}

int link_index(struct rtnl *nl, const char *name)
{
    struct ifreq request = {.ifr_ifindex = 0};

    if (strlen(name) >= IFNAMSIZ)
        return -ENAMETOOLONG;
    strcpy(request.ifr_name, name);
    /* Interface ioctls work on any socket (net/socket.c, sock_do_ioctl). */
    return ioctl(nl_socket_get_fd(nl->sock), SIOCGIFINDEX, &request) < 0 ? -errno : request.ifr_ifindex;
}

int link_rename(struct rtnl *nl, int ifindex, const char *name)
{
    struct nl_msg *msg = rtnl_link_message(RTM_SETLINK, 0, ifindex, 0);

    if (msg && nla_put_string(msg, IFLA_IFNAME, name) < 0) {
        nlmsg_free(msg);
        msg = NULL;
    }
    return rtnl_talk(nl, msg);
}

int link_add_altname(struct rtnl *nl, int ifindex, const char *altname)
{
    struct nl_msg *msg =
        rtnl_link_message(RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND, ifindex, 0);
    struct nlattr *list = msg ? nla_nest_start(msg, IFLA_PROP_LIST | NLA_F_NESTED) : NULL;

    if (!list || nla_put_string(msg, IFLA_ALT_IFNAME, altname) < 0) {
        nlmsg_free(msg);
        return -ENOMEM;
    }
    nla_nest_end(msg, list);
    return rtnl_talk(nl, msg);
}

static int put_no_addrgen(struct nl_msg *msg)
{
    struct nlattr *spec = nla_nest_start(msg, IFLA_AF_SPEC);
    struct nlattr *inet6 = spec ? nla_nest_start(msg, AF_INET6) : NULL;

    if (!inet6 || nla_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE) < 0)
        return -ENOMEM;
    nla_nest_end(msg, inet6);
    nla_nest_end(msg, spec);
    return 0;
}

int link_join(struct rtnl *nl, int ifindex, const struct link_join *join)
{
    struct nl_msg *msg = rtnl_link_message(RTM_SETLINK, 0, ifindex, 0);

    if (!msg || nla_put_u32(msg, IFLA_MASTER, (uint32_t)join->master) < 0 ||
        nla_put_u32(msg, IFLA_MTU, join->mtu) < 0 ||
        nla_put(msg, IFLA_ADDRESS, sizeof(join->mac), join->mac) < 0 ||
        nla_put_string(msg, IFLA_IFALIAS, join->alias) < 0 || (join->no_addrgen && put_no_addrgen(msg) < 0)) {
        nlmsg_free(msg);
        return -ENOMEM;
    }
    return rtnl_talk(nl, msg);
}

int link_up(struct rtnl *nl, int ifindex)
{
    return rtnl_talk(nl, rtnl_link_message(RTM_SETLINK, 0, ifindex, IFF_UP));
}

int link_delete(struct rtnl *nl, int ifindex)
{
    return rtnl_talk(nl, rtnl_link_message(RTM_DELLINK, 0, ifindex, 0));
}
