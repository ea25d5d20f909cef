/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "live.h"

#include "net/portread.h"
#include "net/rtnl.h"
#include "policy/claimed.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAKING_TRIES = 50, MAKING_MS = 20 };

static int see_names(void *arg, struct nlmsghdr *answer)
{
    struct live_tap *tap = arg;
    const char range[] = "virt-tap-range.";
    struct nlattr *names = message_attr(answer, sizeof(struct ifinfomsg), IFLA_PROP_LIST), *name;
    struct address_list *addresses = &tap->addresses;
    int rest;

    if (!names)
        return 0;
    nla_for_each_nested(name, names, rest)
    {
        const char *text = nla_data(name);
        struct cidr address;
        if (claim_read_mac(tap->mac, text, tap->claim.bridge))
            tap->has_mac = true;
        else if (claim_read_ip(&address, text, tap->claim.bridge) && addresses->count < BINDING_ADDRESSES_MAX)
            addresses->list[addresses->count++] = address;
        else if (strncmp(text, range, sizeof(range) - 1) == 0 && strlen(text) < sizeof(tap->range))
            strcpy(tap->range, text);
    }
    return 0;
}

/* Finds the bridge of the claim, by its own name only, as the helper does. */
static int find_bridge(struct live_tap *tap, struct rtnl *nl)
{
    const int err = link_find(nl, tap->claim.bridge, &tap->bridge);

    if (err == -ENODEV ||
        (!err && (!tap->bridge.is_bridge || strcmp(tap->bridge.name, tap->claim.bridge) != 0))) {
        tap->bridge = (struct link){.ifindex = 0};
        return 0;
    }
    return err;
}

/* Reads all but the VLANs of a tap with a claim. */
static int read_tap(struct live_tap *out, struct rtnl *nl, const struct link *link)
{
    out->link = *link;
    out->addresses.count = 0;
    out->has_mac = false;
    out->range[0] = '\0';
    out->complete = claim_read_alias(&out->alias, link->alias);
    out->later = claim_alias_is_later(link->alias);
    if (!claim_read(&out->claim, link->altname))
        return -ESTALE;
    const int err = rtnl_ask(nl, rtnl_link_message(RTM_GETLINK, 0, link->ifindex, 0), see_names, out);
    if (err)
        return err;
    return find_bridge(out, nl);
}

static void see_vlans(void *arg, int ifindex, const struct vlan_range *range, unsigned int flags)
{
    const struct live_taps *taps = arg;

    for (size_t i = 0; i < taps->count; i++) {
        struct live_tap *tap = &taps->list[i];
        if (tap->link.ifindex != ifindex)
            continue;
        for (unsigned int vlan = range->first; vlan <= range->last; vlan++)
            vlans_add(&tap->vlans, vlan);
        if (flags == (BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED))
            tap->vlans.untagged = range->first;
        else if (flags)
            tap->odd_vlans = true;
    }
}

static void forget_vlans(struct live_tap *tap)
{
    tap->vlans = (struct vlans){.untagged = 0};
    tap->odd_vlans = false;
}

static int read_vlans(const struct live_taps *taps, struct rtnl *nl)
{
    for (size_t i = 0; i < taps->count; i++)
        forget_vlans(&taps->list[i]);
    return port_each_vlans(nl, 0, see_vlans, (void *)(uintptr_t)taps);
}

/* Reads those of one tap, without asking for all ports, which takes longer the more taps there are. */
static int read_own_vlans(struct live_tap *tap, struct rtnl *nl)
{
    const struct live_taps only = {tap, 1};

    forget_vlans(tap);
    if (!tap->link.is_port)
        return 0;
    const int err = port_each_vlans(nl, tap->link.ifindex, see_vlans, (void *)(uintptr_t)&only);
    if (err == -EINVAL) /* it is no port any more */
        return 0;
    return err;
}

int live_refresh(struct live_tap *tap, struct rtnl *nl)
{
    struct link now;
    int err = link_get(nl, tap->link.ifindex, &now);

    if (err)
        return err;
    if (!now.is_tun || strcmp(now.name, tap->link.name) != 0 || strcmp(now.altname, tap->link.altname) != 0 ||
        strcmp(now.alias, tap->link.alias) != 0)
        return -ESTALE;
    err = read_tap(tap, nl, &now);
    if (err)
        return err;
    return read_own_vlans(tap, nl);
}

/* In the helper's order: the claim, the alias, up; persistent last. */
static bool is_being_made(const struct link *tap)
{
    return !tap->alias[0] || (!(tap->flags & IFF_UP) && !tap->tun.persist);
}

static bool any_is_being_made(const struct links *taps)
{
    struct claim claim;

    for (size_t i = 0; i < taps->count; i++)
        if (claim_read(&claim, taps->list[i].altname) && is_being_made(&taps->list[i]))
            return true;
    return false;
}

static int read_links(struct links *out, struct rtnl *nl)
{
    const struct timespec pause = {.tv_nsec = MAKING_MS * 1000 * 1000L};
    int err = links_read(nl, "tun", out);

    for (int tries = 0; !err && any_is_being_made(out) && tries < MAKING_TRIES; tries++) {
        nanosleep(&pause, NULL);
        links_free(out);
        err = links_read(nl, "tun", out);
    }
    return err;
}

static int by_age(const void *a, const void *b)
{
    const struct live_tap *one = a, *other = b;

    return (one->link.ifindex > other->link.ifindex) - (one->link.ifindex < other->link.ifindex);
}

int live_read(struct live_taps *out, struct rtnl *nl)
{
    _cleanup_links_ struct links links = {.list = NULL};
    struct claim claim;
    int err = read_links(&links, nl);

    *out = (struct live_taps){.list = NULL};
    if (err)
        return err;
    out->list = calloc(links.count + 1, sizeof(*out->list));
    if (!out->list)
        return -ENOMEM;
    for (size_t i = 0; i < links.count; i++) {
        if (!claim_read(&claim, links.list[i].altname))
            continue;
        err = read_tap(&out->list[out->count], nl, &links.list[i]);
        if (err && err != -ENODEV) /* gone meanwhile */
            return err;
        out->count += !err;
    }
    qsort(out->list, out->count, sizeof(*out->list), by_age);
    return read_vlans(out, nl);
}

void live_free(struct live_taps *taps)
{
    for (size_t i = 0; i < taps->count; i++)
        policy_free(&taps->list[i].policy);
    free(taps->list);
    *taps = (struct live_taps){.list = NULL};
}
