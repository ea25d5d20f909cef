/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "addresses.h"

#include "base/error.h"
#include "base/quote.h"
#include "claim.h"
#include "net/address.h"
#include "net/port.h"
#include "net/rtnl.h"

#include <errno.h>
#include <linux/rtnetlink.h>

enum { LEVELS = 8 /* of interfaces on top of each other (net/core/dev.h, MAX_NEST_DEV) */ };

/* What is looked for, and what was found. */
struct search {
    struct cidr list[BINDING_ADDRESSES_MAX + 1];
    size_t count;
    const struct link *bridge;
    int tap;
    struct cidr other; /* the address that one of ours overlaps with */
    bool has_upper;    /* an interface is on top of the bridge */
};

/* Returns whether one of the addresses overlaps with that one. */
static int meets(void *arg, const struct cidr *other, int ifindex)
{
    struct search *search = arg;
    (void)ifindex;

    search->other = *other;
    return cidr_overlap_any(other, search->list, search->count);
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

static int meets_there(void *arg, const struct cidr *other, int ifindex)
{
    const struct search *search = arg;

    return meets(arg, other, ifindex) && leads_to(search->bridge->ifindex, ifindex);
}

static int see_link(void *arg, struct nlmsghdr *answer)
{
    struct search *search = arg;
    const struct ifinfomsg *info = nlmsg_data(answer);
    const struct nlattr *lower = message_attr(answer, sizeof(*info), IFLA_LINK);
    struct nlattr *names = message_attr(answer, sizeof(*info), IFLA_PROP_LIST), *name;
    struct cidr other;
    int rest;

    if (lower && (int)nla_get_u32(lower) == search->bridge->ifindex)
        search->has_upper = true;
    if (!names || info->ifi_index == search->tap)
        return 0;
    nla_for_each_nested(name, names, rest)
    {
        if (claim_read_ip(&other, nla_data(name), search->bridge->name) && meets(search, &other, 0))
            return 1;
    }
    return 0;
}

static int look_at_links(struct rtnl *nl, struct search *search)
{
    int err = -EAGAIN;

    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++)
        err = rtnl_ask(nl, links_question(NULL), see_link, search);
    return err;
}

/* A guest's address that follows from its MAC is not claimed, but its MAC is. */
static int look_at_macs(struct rtnl *nl, struct search *search)
{
    char claim[CLAIM_SIZE];
    struct link tap;

    for (size_t i = 0; i < search->count; i++) {
        const uint8_t *of = search->list[i].bytes;
        const uint8_t mac[6] = {of[8] ^ 2, of[9], of[10], of[13], of[14], of[15]};

        search->other = cidr_link_local(mac);
        if (!cidr_equal(&search->other, &search->list[i]))
            continue;
        claim_write_mac(claim, search->bridge->name, mac);
        const int err = link_find(nl, claim, &tap);
        if (err && err != -ENODEV)
            return err;
        if (!err && tap.ifindex != search->tap)
            return 1;
    }
    return 0;
}

int addresses_check(struct rtnl *nl, const struct address_list *addresses, const uint8_t *mac,
                    const struct link *bridge, int tap, struct error *why)
{
    struct search search = {.bridge = bridge, .tap = tap};
    const char *problem = "another tap there has it (`virt-tap list`)";
    char text[CIDR_TEXT];

    for (size_t i = 0; i < addresses->count; i++)
        if (!address_is_shared(&addresses->list[i]))
            search.list[search.count++] = addresses->list[i];
    if (mac)
        search.list[search.count++] = cidr_link_local(mac);
    int err = look_at_links(nl, &search);
    if (!err)
        err = look_at_macs(nl, &search);
    if (!err) {
        problem = "it is this host's own (`ip address`)";
        err = address_each_own(nl, meets, &search);
    }
    if (!err) {
        problem = "it is a gateway that this host uses there (`ip route`)";
        err = address_each_gateway(nl, search.has_upper ? 0 : bridge->ifindex, meets_there, &search);
    }
    if (!err)
        return 0;
    if (err < 0)
        return error_set(why, "cannot find out who has the guest's IP addresses: %s; try again",
                         rtnl_problem(nl, err));
    cidr_print(&search.other, text);
    return error_set(
        why,
        "the guest cannot have %s on bridge '%s': %s; give it another by --ip=ADDRESS, or, if that "
        "follows from its MAC, by --mac=MAC",
        text, bridge->name, problem);
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
