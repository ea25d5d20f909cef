/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "addresses.h"

#include "base/error.h"
#include "base/quote.h"
#include "claim.h"
#include "net/port.h"
#include "net/rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

enum { LEVELS = 8 /* of interfaces on top of each other (net/core/dev.h, MAX_NEST_DEV) */ };

static const char own[] = "it is this host's own (`ip address`)";

/* What is looked for, and the first that was found. */
struct search {
    const struct address_list *addresses;
    const struct link *bridge;
    int tap;
    struct cidr other; /* the address that one of ours overlaps with */
    const char *problem;
};

/* Returns whether one of the addresses overlaps with search->other. */
static bool meets(const struct search *search)
{
    for (size_t i = 0; i < search->addresses->count; i++)
        if (!address_is_shared(&search->addresses->list[i]) &&
            cidr_overlap(&search->addresses->list[i], &search->other))
            return true;
    return false;
}

/* Takes the IP address at that offset of an attribute (NULL: none). Returns whether there is one. */
static bool take(struct search *search, const struct nlattr *attr, int offset)
{
    const int length = attr ? nla_len(attr) - offset : 0;

    if (length != 4 && length != 16)
        return false;
    search->other =
        (struct cidr){.family = length == 4 ? AF_INET : AF_INET6, .prefix = (uint8_t)(8 * length)};
    memcpy(search->other.bytes, (const char *)nla_data(attr) + offset, (size_t)length);
    return true;
}

/* Returns whether that interface is the bridge, or on top of it (VLAN, macvlan). */
static bool leads_to(int bridge, int ifindex)
{
    _cleanup_rtnl_ struct rtnl nl = {.buffer = NULL};
    struct link link = {.lower = ifindex};

    if (rtnl_open(&nl) < 0)
        return true;
    for (int level = 0; level < LEVELS && link.lower != bridge; level++)
        if (link_get(&nl, link.lower, &link) < 0)
            return false;
    return link.lower == bridge;
}

static bool see_hop(struct search *search, const void *attrs, int length, int oif)
{
    return (take(search, nla_find(attrs, length, RTA_GATEWAY), 0) ||
            take(search, nla_find(attrs, length, RTA_VIA), sizeof(struct rtvia))) &&
           meets(search) && leads_to(search->bridge->ifindex, oif);
}

static int see_route(void *arg, struct nlmsghdr *answer)
{
    struct search *search = arg;
    const struct rtmsg *route = nlmsg_data(answer);
    const int header = sizeof(*route);
    const struct nlattr *oif = message_attr(answer, sizeof(*route), RTA_OIF);
    const struct nlattr *hops = message_attr(answer, sizeof(*route), RTA_MULTIPATH);

    search->problem = own;
    if (route->rtm_type == RTN_LOCAL || route->rtm_type == RTN_ANYCAST) {
        if (!take(search, message_attr(answer, sizeof(*route), RTA_DST), 0))
            return 0;
        search->other.prefix = route->rtm_dst_len;
        return meets(search);
    }
    search->problem = "it is a gateway that this host uses there (`ip route`)";
    if (oif)
        return see_hop(search, nlmsg_attrdata(answer, header), nlmsg_attrlen(answer, header),
                       (int)nla_get_u32(oif));
    if (!hops)
        return 0;
    const struct rtnexthop *hop = nla_data(hops);
    for (int rest = nla_len(hops); RTNH_OK(hop, rest); hop = RTNH_NEXT(hop)) {
        if (see_hop(search, hop + 1, hop->rtnh_len - (int)sizeof(*hop), hop->rtnh_ifindex))
            return 1;
        rest -= (int)RTNH_ALIGN(hop->rtnh_len);
    }
    return 0;
}

/* An IPv6 address has no route while the interface is down or, as a bridge without a running port is, without
 * carrier (net/ipv6/addrconf.c, addrconf_dad_begin). */
static int see_address(void *arg, struct nlmsghdr *answer)
{
    struct search *search = arg;
    const size_t header = sizeof(struct ifaddrmsg);

    search->problem = own;
    return (take(search, message_attr(answer, header, IFA_LOCAL), 0) ||
            take(search, message_attr(answer, header, IFA_ADDRESS), 0)) &&
           meets(search);
}

static int see_claims(void *arg, struct nlmsghdr *answer)
{
    struct search *search = arg;
    const struct ifinfomsg *info = nlmsg_data(answer);
    struct nlattr *names = message_attr(answer, sizeof(*info), IFLA_PROP_LIST), *name;
    int rest;

    if (!names || info->ifi_index == search->tap)
        return 0;
    search->problem = "another tap there has it (`virt-tap list`)";
    nla_for_each_nested(name, names, rest)
    {
        if (claim_read_ip(&search->other, nla_data(name), search->bridge->name) && meets(search))
            return 1;
    }
    return 0;
}

/* Looks through what the kernel dumps. Returns 1: found; 0; or -errno. */
static int look(struct rtnl *nl, struct search *search, int type, int (*see)(void *arg, struct nlmsghdr *))
{
    const struct rtmsg every = {.rtm_family = AF_UNSPEC}; /* for addresses, only the family counts */
    int err = -EAGAIN;

    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++)
        if (type == RTM_GETLINK)
            err = rtnl_ask(nl, links_question("tun"), see, search);
        else
            err = rtnl_ask(nl, rtnl_message(type, NLM_F_DUMP, &every, sizeof(every)), see, search);
    return err;
}

int addresses_check(struct rtnl *nl, const struct address_list *addresses, const struct link *bridge, int tap,
                    struct error *why)
{
    struct search search = {.addresses = addresses, .bridge = bridge, .tap = tap};
    char text[CIDR_TEXT];

    int err = look(nl, &search, RTM_GETROUTE, see_route);
    if (!err)
        err = look(nl, &search, RTM_GETADDR, see_address);
    if (!err)
        err = look(nl, &search, RTM_GETLINK, see_claims);
    if (!err)
        return 0;
    if (err < 0)
        return error_set(why, "cannot find out who has the guest's IP addresses: %s; try again",
                         rtnl_problem(nl, err));
    cidr_print(&search.other, text);
    return error_set(why, "the guest cannot have %s on bridge '%s': %s; give it another by --ip=ADDRESS",
                     text, bridge->name, search.problem);
}

int mac_refuse_claimed(const struct link *bridge, const char *claim, struct error *why)
{
    return error_set(
        why,
        "--mac: another tap on bridge '%s' has that MAC; `ip link show dev %s` shows it; give the guest another",
        bridge->name, quote(claim).text);
}

static int refuse_mac(const struct link *bridge, const char *interface, const char *role, struct error *why)
{
    error_set(why, "--mac: on bridge '%s', interface '%s' %s; give the guest another MAC", bridge->name,
              interface, role);
    return 1;
}

int mac_look(struct rtnl *nl, const struct link *bridge, const uint8_t guest[6], struct error *why)
{
    static const char *const roles[] = {"has that MAC itself", "speaks for a guest with that MAC"};
    struct port_address found;
    uint8_t mac[6];
    char name[IFNAMSIZ] = "?";

    memcpy(mac, guest, sizeof(mac));
    if (memcmp(mac, bridge->mac, sizeof(mac)) == 0) /* even if its FDB entry was flushed */
        return refuse_mac(bridge, bridge->name, roles[0], why);
    for (int i = 0; i < 2; i++, mac[0] = 0xFE) {
        const int err = port_find_address(nl, bridge->ifindex, mac, 0, &found);
        if (err && err != -ENOENT && err != -EOPNOTSUPP)
            return err;
        if (err || !found.local)
            continue;
        if_indextoname((unsigned int)found.ifindex, name);
        return refuse_mac(bridge, name, roles[i], why);
    }
    const int on_top = port_is_on_top(nl, bridge->ifindex, guest);
    if (on_top > 0)
        error_set(
            why,
            "--mac: an interface on top of bridge '%s' has that MAC (a macvlan); give the guest another MAC",
            bridge->name);
    return on_top;
}
