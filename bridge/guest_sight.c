/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "guest.h"

#include "base/array.h"
#include "base/complain.h"
#include "base/vlans.h"
#include "net/addresses.h"
#include "net/links.h"
#include "net/portread.h"
#include "net/rtnl.h"
#include "policy/claimed.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

static int add_segment(struct guest_sight *sight, const struct guest_segment *segment)
{
    return array_add(&sight->segments, &sight->segment_count, segment, sizeof(*segment));
}

/* Frames of the bridge itself are in the VLAN that its own port takes for those without a tag. */
static int see_bridge(struct guest_sight *sight, struct rtnl *nl, const struct link *bridge)
{
    struct guest_segment segment = {.ifindex = bridge->ifindex, .bridge = bridge->ifindex};
    struct vlans vlans;

    if (bridge->bridge.vlan_filtering) {
        const int err = port_get_vlans(nl, bridge->ifindex, &vlans);
        if (err < 0)
            return err;
        if (!vlans.untagged)
            return 0;
        segment.vlan = segment.fdb_vlan = vlans.untagged;
    }
    return add_segment(sight, &segment);
}

static int see_device(struct guest_sight *sight, const struct vlan_device *device)
{
    const struct link *bridge = links_by_index(sight->links, device->lower);
    const bool filters = bridge && bridge->bridge.vlan_filtering;
    const struct guest_segment segment = {.ifindex = device->ifindex,
                                          .bridge = device->lower,
                                          .vlan = device->vlan,
                                          .fdb_vlan = filters ? device->vlan : 0};

    if (!bridge || !bridge->is_bridge || (filters && device->protocol != bridge->bridge.vlan_protocol))
        return 0;
    return add_segment(sight, &segment);
}

static int read_segments(struct guest_sight *sight, struct rtnl *nl)
{
    struct vlan_devices devices;
    int err = vlan_devices_read(nl, &devices);

    for (size_t i = 0; i < devices.count && !err; i++)
        err = see_device(sight, &devices.list[i]);
    for (size_t i = 0; i < sight->links->count && !err; i++)
        if (sight->links->list[i].is_bridge)
            err = see_bridge(sight, nl, &sight->links->list[i]);
    vlan_devices_free(&devices);
    return err;
}

static int add_claim(struct guest_sight *sight, const struct guest_claim *claim)
{
    return array_add(&sight->claims, &sight->claim_count, claim, sizeof(*claim));
}

static int see_claims(void *arg, struct nlmsghdr *answer)
{
    struct guest_sight *sight = arg;
    const struct ifinfomsg *info = nlmsg_data(answer);
    const struct link *tap = links_by_index(sight->links, info->ifi_index);
    struct nlattr *names = message_attr(answer, sizeof(*info), IFLA_PROP_LIST), *name;
    struct claim owner;
    int rest, err = 0;

    if (!tap || !names || !tap->is_tun || !claim_read(&owner, tap->altname))
        return 0;
    nla_for_each_nested(name, names, rest)
    {
        struct guest_claim claim = {.tap = tap->ifindex};
        strcpy(claim.bridge, owner.bridge);
        claim.is_mac = claim_read_mac(claim.mac, nla_data(name), owner.bridge);
        if (!err && (claim.is_mac || claim_read_ip(&claim.address, nla_data(name), owner.bridge)))
            err = add_claim(sight, &claim);
    }
    return err;
}

static int read_claims(struct guest_sight *sight, struct rtnl *nl)
{
    int err = -EAGAIN;

    for (int tries = 0; tries < DUMP_TRIES && err == -EAGAIN; tries++) {
        sight->claim_count = 0; /* from an inconsistent dump */
        err = rtnl_ask(nl, links_question("tun"), see_claims, sight);
    }
    return err;
}

/* Those of the bridges that guests are on. */
static int read_leases(struct guest_sight *sight)
{
    int err = leases_read(&sight->leases, NULL);

    for (size_t i = 0; i < sight->links->count && !err; i++)
        if (sight->links->list[i].is_bridge)
            err = leases_read(&sight->leases, sight->links->list[i].name);
    leases_sort(&sight->leases);
    return err;
}

int guest_sight_read(struct guest_sight *out, struct rtnl *nl, const struct links *links,
                     const struct guest_cards *cards)
{
    *out = (struct guest_sight){.links = links, .cards = cards};
    /* A neighbour whose MAC appears at a port between the two is known the next time. */
    int err = neighbour_table_read(nl, &out->neighbours);
    if (!err)
        err = fdb_read(nl, &out->fdb);
    if (!err)
        err = addresses_read(nl, 0, &out->own);
    if (!err)
        err = read_segments(out, nl);
    if (!err)
        err = read_claims(out, nl);
    if (!err)
        err = read_leases(out);
    return err;
}

void guest_sight_report(const struct guest_sight *sight, const char *verb)
{
    if (sight->leases.cut)
        complain(0, verb, "%s has DHCP leases that were not looked at: above %d MiB, or %d leases in all",
                 sight->leases.cut, LEASES_FILE_MIB, LEASES_MAX);
}

void guest_sight_free(struct guest_sight *sight)
{
    fdb_free(&sight->fdb);
    neighbour_table_free(&sight->neighbours);
    messages_free(&sight->own);
    leases_free(&sight->leases);
    free(sight->segments);
    free(sight->claims);
}

const char *guest_sight_problem(int err)
{
    if (err != -E2BIG)
        return strerror(-err);
    return "the bridges of this host have more than 65536 MACs, as a guest without mac=lock can make them have; lock "
           "such guests by the policy, and empty the table: ip link set dev BRIDGE type bridge fdb_flush";
}

static void add_mac(struct guest_macs *macs, const uint8_t mac[6])
{
    if (macs->count < GUEST_MACS_MAX)
        memcpy(macs->list[macs->count], mac, 6);
    macs->count++;
}

void guest_macs_read(struct guest_macs *out, const struct guest_sight *sight, const struct link *tap)
{
    out->count = 0;
    for (size_t i = 0; i < sight->fdb.count; i++)
        if (sight->fdb.list[i].port == tap->ifindex)
            add_mac(out, sight->fdb.list[i].mac);
    for (size_t i = 0; i < sight->claim_count; i++)
        if (sight->claims[i].tap == tap->ifindex && sight->claims[i].is_mac)
            add_mac(out, sight->claims[i].mac);
    for (size_t i = 0; i < sight->cards->count; i++)
        if (strcmp(sight->cards->list[i].tap, tap->name) == 0)
            add_mac(out, sight->cards->list[i].mac);
}

bool guest_macs_may_have(const struct guest_macs *macs, const uint8_t mac[6])
{
    size_t i = 0;

    while (i < macs->count && i < GUEST_MACS_MAX && memcmp(macs->list[i], mac, 6) != 0)
        i++;
    return i < macs->count;
}
