/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "switch.h"
#include "port.h"
#include "rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <string.h>
#include <sys/random.h>

int switch_random_mac(uint8_t mac[6])
{
    if (getrandom(mac, 6, 0) != 6)
        return -errno;
    mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
    return 0;
}

static int put_options(struct nl_msg *msg, const struct switch_options *options)
{
    struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);
    struct nlattr *data = NULL;

    if (!info || nla_put_string(msg, IFLA_INFO_KIND, "bridge") < 0 ||
        !(data = nla_nest_start(msg, IFLA_INFO_DATA)) ||
        nla_put_u32(msg, IFLA_BR_STP_STATE, options->stp) < 0 ||
        (!options->stp && nla_put_u32(msg, IFLA_BR_FORWARD_DELAY, 0) < 0) ||
        (options->vlan_filtering && nla_put_u8(msg, IFLA_BR_VLAN_FILTERING, 1) < 0) ||
        nla_put_u32(msg, BRIDGE_FDB_MAX_LEARNED, BRIDGE_LEARNED) < 0)
        return -ENOMEM;
    nla_nest_end(msg, data);
    nla_nest_end(msg, info);
    return 0;
}

void switch_new(struct batch *batch, const struct switch_options *options)
{
    struct nl_msg *msg = rtnl_link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);

    if (msg &&
        (nla_put_string(msg, IFLA_IFNAME, options->name) < 0 ||
         (options->mac && nla_put(msg, IFLA_ADDRESS, 6, options->mac) < 0) ||
         (options->mtu && nla_put_u32(msg, IFLA_MTU, options->mtu) < 0) || put_options(msg, options) < 0)) {
        nlmsg_free(msg);
        msg = NULL;
    }
    batch_take(batch, msg, 0);
}

static void set_u32(struct batch *batch, int ifindex, int type, uint32_t value)
{
    struct nl_msg *msg = rtnl_link_message(RTM_SETLINK, 0, ifindex, 0);

    if (msg && nla_put_u32(msg, type, value) < 0) {
        nlmsg_free(msg);
        msg = NULL;
    }
    batch_take(batch, msg, 0);
}

void switch_join(struct batch *batch, int port, int bridge)
{
    set_u32(batch, port, IFLA_MASTER, (uint32_t)bridge);
}

void switch_set_mtu(struct batch *batch, int ifindex, unsigned int mtu)
{
    set_u32(batch, ifindex, IFLA_MTU, mtu);
}

void switch_set_alias(struct batch *batch, int ifindex, const char *alias)
{
    struct nl_msg *msg = rtnl_link_message(RTM_SETLINK, 0, ifindex, 0);

    if (msg && nla_put_string(msg, IFLA_IFALIAS, alias) < 0) {
        nlmsg_free(msg);
        msg = NULL;
    }
    batch_take(batch, msg, 0);
}

void switch_up(struct batch *batch, int ifindex)
{
    batch_take(batch, rtnl_link_message(RTM_SETLINK, 0, ifindex, IFF_UP), 0);
}

void switch_set_addr_gen_mode(struct batch *batch, int ifindex, int mode)
{
    struct nl_msg *msg = rtnl_link_message(RTM_SETLINK, 0, ifindex, 0);
    struct nlattr *spec = msg ? nla_nest_start(msg, IFLA_AF_SPEC) : NULL;
    struct nlattr *inet6 = spec ? nla_nest_start(msg, AF_INET6) : NULL;

    if (inet6 && nla_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, (uint8_t)mode) == 0) {
        nla_nest_end(msg, inet6);
        nla_nest_end(msg, spec);
    } else {
        nlmsg_free(msg);
        msg = NULL;
    }
    batch_take(batch, msg, 0);
}

void switch_delete(struct batch *batch, int ifindex)
{
    batch_take(batch, rtnl_link_message(RTM_DELLINK, 0, ifindex, 0), ENODEV);
}
