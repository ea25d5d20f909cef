/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "guest.h"

#include "base/array.h"
#include "net/addresses.h"
#include "net/links.h"

#include <stdlib.h>
#include <string.h>

/* A guest can take all addresses of a DHCP server: beyond LEASED_MAX addresses, its leases are not looked at.
 */
enum { ANY_VLAN = -1, LEASED_MAX = 256 };

/* One guest, while its addresses are found. */
struct search {
    const struct guest_sight *sight;
    const struct link *tap, *bridge; /* bridge NULL: it is on none */
    struct guest_addresses *out;
    struct guest_macs macs;
};

const char *guest_source_word(unsigned int source)
{
    switch (source) {
    case GUEST_LOCK:
        return "lock";
    case GUEST_NEIGHBOUR:
        return "neighbour";
    case GUEST_LEASE:
        return "lease";
    default:
        return "agent";
    }
}

/* Where a bridge has a MAC, seen from a guest's port. */
enum place { NOWHERE, HERE, ELSEWHERE };

/* In that VLAN, or in any: HERE only if it is nowhere else. */
static enum place place_of(const struct search *s, const uint8_t mac[6], int vlan)
{
    enum place place = NOWHERE;
    size_t count;
    const struct fdb_entry *entry = fdb_find(&s->sight->fdb, s->tap->master, mac, &count);

    for (; count > 0; entry++, count--) {
        if (vlan != ANY_VLAN && entry->vlan != (unsigned int)vlan)
            continue;
        if (entry->port != s->tap->ifindex)
            return ELSEWHERE;
        place = HERE;
    }
    return place;
}

static bool is_claim_of_mac(const struct guest_claim *claim, const char *bridge, const uint8_t mac[6])
{
    return claim->is_mac && memcmp(claim->mac, mac, 6) == 0 && strcmp(claim->bridge, bridge) == 0;
}

/* Whose claim a MAC is on the guest's bridge. */
static enum place claim_of(const struct search *s, const uint8_t mac[6])
{
    for (size_t i = 0; i < s->sight->claim_count; i++)
        if (is_claim_of_mac(&s->sight->claims[i], s->bridge->name, mac))
            return s->sight->claims[i].tap == s->tap->ifindex ? HERE : ELSEWHERE;
    return NOWHERE;
}

/* Where a MAC belongs: where the bridge has it, else to whose claim. */
static enum place home_of(const struct search *s, const uint8_t mac[6], int vlan)
{
    const enum place place = place_of(s, mac, vlan);

    if (place == NOWHERE)
        return claim_of(s, mac);
    return place;
}

static bool is_card(const struct search *s, const uint8_t mac[6])
{
    const struct guest_cards *cards = s->sight->cards;

    for (size_t i = 0; i < cards->count; i++)
        if (strcmp(cards->list[i].tap, s->tap->name) == 0 && memcmp(cards->list[i].mac, mac, 6) == 0)
            return true;
    return false;
}

/* Whether a MAC is the guest's, in that VLAN. */
static bool has_mac(const struct search *s, const uint8_t mac[6], int vlan)
{
    const enum place place = place_of(s, mac, vlan);

    if (place == ELSEWHERE)
        return false;
    const enum place claimed = claim_of(s, mac);
    if (claimed == ELSEWHERE)
        return false;
    return place == HERE || claimed == HERE || is_card(s, mac);
}

static bool same_address(const struct cidr *one, const struct cidr *other)
{
    return one->family == other->family && memcmp(one->bytes, other->bytes, cidr_size(one->family)) == 0;
}

/* The segment of this guest's bridge that a neighbour is on; NULL: it is on another. */
static const struct guest_segment *segment_of(const struct search *s, const struct neighbour *neighbour)
{
    const struct guest_sight *sight = s->sight;

    for (size_t i = 0; i < sight->segment_count; i++)
        if (sight->segments[i].ifindex == neighbour->ifindex && sight->segments[i].bridge == s->tap->master)
            return &sight->segments[i];
    return NULL;
}

/* Whether a neighbour with this address belongs to the guest's port, or to another. */
static bool is_neighbour(const struct search *s, const struct cidr *address, enum place place)
{
    for (size_t i = 0; i < s->sight->neighbours.count; i++) {
        const struct neighbour *neighbour = &s->sight->neighbours.list[i];
        const struct guest_segment *segment = segment_of(s, neighbour);
        if (segment && same_address(&neighbour->address, address) &&
            home_of(s, neighbour->mac, (int)segment->fdb_vlan) == place)
            return true;
    }
    return false;
}

static bool serves(const struct lease *lease, const struct search *s)
{
    return !*lease->bridge || strcmp(lease->bridge, s->bridge->name) == 0;
}

/* Whether a MAC that belongs to the guest's port, or to another, has a lease for this address. */
static bool is_leased(const struct search *s, const struct cidr *address, int vlan, enum place place)
{
    size_t count;
    const struct lease *lease = leases_find(&s->sight->leases, address, &count);

    for (; count > 0; lease++, count--)
        if (serves(lease, s) && home_of(s, lease->mac, vlan) == place)
            return true;
    return false;
}

/* Whether the agent of another guest on this bridge says that it has this address. */
static bool is_said_elsewhere(const struct search *s, const struct cidr *address)
{
    const struct guest_cards *cards = s->sight->cards;

    for (size_t i = 0; i < cards->count; i++) {
        const struct guest_card *card = &cards->list[i];
        if (strcmp(card->tap, s->tap->name) == 0 || !same_address(&card->address, address))
            continue;
        const struct link *other = links_by_name(s->sight->links, card->tap);
        if (other && other->master == s->tap->master)
            return true;
    }
    return false;
}

static bool is_hosts(const struct search *s, const struct cidr *address)
{
    for (size_t i = 0; i < s->sight->own.count; i++) {
        const struct cidr own = address_of(s->sight->own.list[i]);
        if (same_address(&own, address))
            return true;
    }
    return false;
}

/* Whether the guest is locked to this very address, which is then nobody else's. */
static bool is_locked_to(const struct search *s, const struct cidr *address)
{
    for (size_t i = 0; i < s->sight->claim_count; i++) {
        const struct guest_claim *claim = &s->sight->claims[i];
        if (!claim->is_mac && claim->tap == s->tap->ifindex && cidr_equal(&claim->address, address))
            return true;
    }
    return false;
}

/* Whether claims leave this address to the guest. */
static bool is_free(const struct search *s, const struct cidr *address)
{
    bool locked = false, granted = false;

    for (size_t i = 0; i < s->sight->claim_count; i++) {
        const struct guest_claim *claim = &s->sight->claims[i];
        if (claim->is_mac || claim->address.family == 0)
            continue;
        if (claim->tap == s->tap->ifindex) {
            locked = true;
            granted = granted || cidr_overlap(&claim->address, address);
        } else if (s->bridge && strcmp(claim->bridge, s->bridge->name) == 0 &&
                   cidr_equal(&claim->address, address)) {
            return false;
        }
    }
    return !locked || granted || cidr_is_link_local(address);
}

/* An address seen in one VLAN is another one in another. */
static int add(struct search *s, const struct guest_address *found)
{
    struct guest_addresses *out = s->out;

    if (!cidr_is_unicast(&found->address) || !is_free(s, &found->address))
        return 0;
    for (size_t i = 0; i < out->count; i++) {
        struct guest_address *known = &out->list[i];
        if (!same_address(&known->address, &found->address) ||
            (known->ifindex && found->ifindex && known->ifindex != found->ifindex))
            continue;
        known->sources |= found->sources;
        if (!known->has_mac && found->has_mac)
            memcpy(known->mac, found->mac, sizeof(known->mac));
        known->has_mac = known->has_mac || found->has_mac;
        return 0;
    }
    struct guest_address address = *found;
    address.address.prefix = (uint8_t)(8 * cidr_size(found->address.family));
    return array_add(&out->list, &out->count, &address, sizeof(address));
}

static int add_at_mac(struct search *s, const struct cidr *address, const uint8_t mac[6],
                      const struct guest_segment *segment, enum guest_source source)
{
    struct guest_address found = {.address = *address, .has_mac = true, .sources = source};

    memcpy(found.mac, mac, sizeof(found.mac));
    if (segment) {
        found.ifindex = segment->ifindex;
        found.vlan = segment->vlan;
    }
    return add(s, &found);
}

static int find_neighbours(struct search *s)
{
    int err = 0;

    for (size_t i = 0; i < s->sight->neighbours.count && !err; i++) {
        const struct neighbour *neighbour = &s->sight->neighbours.list[i];
        const struct guest_segment *segment = segment_of(s, neighbour);
        if (!segment)
            continue;
        const int vlan = (int)segment->fdb_vlan;
        if (!has_mac(s, neighbour->mac, vlan))
            continue;
        const bool disputed = is_leased(s, &neighbour->address, vlan, ELSEWHERE) &&
                              !is_leased(s, &neighbour->address, vlan, HERE) &&
                              !is_locked_to(s, &neighbour->address);
        if (!disputed)
            err = add_at_mac(s, &neighbour->address, neighbour->mac, segment, GUEST_NEIGHBOUR);
    }
    return err;
}

static bool is_good_lease(const struct search *s, const struct lease *lease)
{
    const struct cidr *address = &lease->address;

    if (!serves(lease, s) || !has_mac(s, lease->mac, ANY_VLAN) || is_hosts(s, address))
        return false;
    return is_locked_to(s, address) || is_neighbour(s, address, HERE) ||
           (!is_neighbour(s, address, ELSEWHERE) && !is_leased(s, address, ANY_VLAN, ELSEWHERE));
}

static int find_leases(struct search *s)
{
    int err = 0;

    for (size_t i = 0; i < s->sight->leases.count && s->out->count < LEASED_MAX && !err; i++) {
        const struct lease *lease = &s->sight->leases.list[i];
        if (guest_macs_may_have(&s->macs, lease->mac) && is_good_lease(s, lease))
            err = add_at_mac(s, &lease->address, lease->mac, NULL, GUEST_LEASE);
    }
    return err;
}

static bool is_good_card(const struct search *s, const struct guest_card *card)
{
    const struct cidr *address = &card->address;

    if (!address->family || strcmp(card->tap, s->tap->name) != 0 || is_hosts(s, address))
        return false;
    if (!s->bridge || is_locked_to(s, address))
        return true;
    if (!has_mac(s, card->mac, ANY_VLAN) || is_neighbour(s, address, ELSEWHERE) ||
        is_leased(s, address, ANY_VLAN, ELSEWHERE))
        return false;
    return !is_said_elsewhere(s, address) || is_neighbour(s, address, HERE) ||
           is_leased(s, address, ANY_VLAN, HERE);
}

static int find_cards(struct search *s)
{
    int err = 0;

    for (size_t i = 0; i < s->sight->cards->count && !err; i++) {
        const struct guest_card *card = &s->sight->cards->list[i];
        if (is_good_card(s, card))
            err = add_at_mac(s, &card->address, card->mac, NULL, GUEST_AGENT);
    }
    return err;
}

static int find_locks(struct search *s)
{
    const struct guest_claim *mac = NULL;
    int err = 0;

    for (size_t i = 0; i < s->sight->claim_count; i++)
        if (s->sight->claims[i].tap == s->tap->ifindex && s->sight->claims[i].is_mac)
            mac = &s->sight->claims[i];
    for (size_t i = 0; i < s->sight->claim_count && !err; i++) {
        const struct guest_claim *claim = &s->sight->claims[i];
        if (claim->tap != s->tap->ifindex || claim->is_mac ||
            claim->address.prefix != 8 * cidr_size(claim->address.family))
            continue;
        struct guest_address found = {.address = claim->address, .sources = GUEST_LOCK};
        found.has_mac = mac != NULL;
        if (mac)
            memcpy(found.mac, mac->mac, sizeof(found.mac));
        err = add(s, &found);
    }
    return err;
}

/* IPv4, IPv6, and IPv6 link-local. */
static int rank(const struct guest_address *found)
{
    if (found->address.family == AF_INET)
        return 0;
    return cidr_is_link_local(&found->address) ? 2 : 1;
}

static int compare(const void *one, const void *other)
{
    const struct guest_address *a = one, *b = other;

    if (rank(a) != rank(b))
        return rank(a) - rank(b);
    const int order = memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
    if (order)
        return order;
    return a->ifindex - b->ifindex;
}

/* Neighbours first, each of which says by which interface. */
int guest_find(const struct guest_sight *sight, const struct link *tap, struct guest_addresses *out)
{
    struct search s = {.sight = sight, .tap = tap, .out = out};
    guest_macs_read(&s.macs, sight, tap);
    int err = 0;

    *out = (struct guest_addresses){NULL, 0};
    if (tap->is_port)
        s.bridge = links_by_index(sight->links, tap->master);
    if (s.bridge)
        err = find_neighbours(&s);
    if (!err && s.bridge)
        err = find_leases(&s);
    if (!err)
        err = find_cards(&s);
    if (!err)
        err = find_locks(&s);
    if (out->count)
        qsort(out->list, out->count, sizeof(*out->list), compare);
    return err;
}

void guest_addresses_free(struct guest_addresses *addresses)
{
    free(addresses->list);
    *addresses = (struct guest_addresses){NULL, 0};
}

bool guest_is_reachable(const struct guest_addresses *addresses)
{
    for (size_t i = 0; i < addresses->count; i++)
        if (!cidr_is_link_local(&addresses->list[i].address))
            return true;
    return false;
}
