/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "live.h"

#include "base/quote.h"
#include "net/portlive.h"
#include "net/rtnl.h"

#include <errno.h>
#include <string.h>

static bool has_address(const struct address_list *list, const struct cidr *address)
{
    for (size_t i = 0; i < list->count; i++)
        if (cidr_equal(&list->list[i], address))
            return true;
    return false;
}

/* Returns the addresses that the tap is to claim: those that bind it, without what guests share. */
static struct address_list wanted_addresses(const struct live_tap *tap)
{
    const struct address_list *all = &tap->decision.addresses;
    struct address_list wanted = {.count = 0};

    for (size_t i = 0; tap->decision.protection.ip_lock && i < all->count; i++)
        if (!address_is_shared(&all->list[i]))
            wanted.list[wanted.count++] = all->list[i];
    return wanted;
}

static bool has_its_addresses(const struct live_tap *tap)
{
    const struct address_list wanted = wanted_addresses(tap);

    for (size_t i = 0; i < wanted.count; i++)
        if (!has_address(&tap->addresses, &wanted.list[i]))
            return false;
    return wanted.count == tap->addresses.count;
}

/* A tap that was made without a quota has a slot that does not count in any. */
static bool has_its_slot(const struct live_tap *tap)
{
    const unsigned int quota = tap->decision.quota;

    return !quota || (!tap->claim.unlimited && tap->claim.slot < quota);
}

static bool has_its_range(const struct live_tap *tap)
{
    const struct decision *decision = &tap->decision;
    char text[CLAIM_SIZE];

    if (!decision->uids.set)
        return !tap->range[0];
    for (unsigned int slot = 0; slot < decision->quota; slot++) {
        claim_write_range(text, tap->claim.bridge, decision->uids.first, decision->uids.last, slot);
        if (strcmp(text, tap->range) == 0)
            return true;
    }
    return false;
}

bool live_claims_differ(const struct live_tap *tap)
{
    return !has_its_slot(tap) || !has_its_range(tap) || !has_its_addresses(tap);
}

static int end_step(const struct rtnl *nl, const struct live_tap *tap, int err, const char *what,
                    struct error *why)
{
    if (!err)
        return 0;
    return error_set(why,
                     "cannot change the claim of tap '%s' to %s: %s; `ip link show dev %s` shows its claims",
                     tap->link.name, what, rtnl_problem(nl, err), quote(tap->link.name).text);
}

/* Takes the first free slot of a quota. Returns 0, with its claim in text; -EEXIST: there is none, because
 * taps that are refused have them; or another -errno. */
static int take_slot(struct rtnl *nl, const struct live_tap *tap, bool range, char text[CLAIM_SIZE])
{
    const struct decision *decision = &tap->decision;
    struct claim claim = tap->claim;
    int err = -EEXIST;

    claim.unlimited = false;
    for (claim.slot = 0; err == -EEXIST && claim.slot < decision->quota; claim.slot++) {
        if (range)
            claim_write_range(text, claim.bridge, decision->uids.first, decision->uids.last, claim.slot);
        else
            claim_write(text, &claim);
        err = link_add_altnames(nl, tap->link.ifindex, text, CLAIM_SIZE, 1);
    }
    return err;
}

static int move_slot(struct rtnl *nl, struct live_tap *tap, struct error *why)
{
    char text[CLAIM_SIZE];

    if (has_its_slot(tap))
        return 0;
    int err = take_slot(nl, tap, false, text);
    if (err == -EEXIST)
        return 0;
    if (!err)
        err = portlive_drop_altname(nl, tap->link.ifindex, tap->link.altname);
    if (err)
        return end_step(nl, tap, err, "a slot of its owner's quota", why);
    strcpy(tap->link.altname, text);
    claim_read(&tap->claim, text);
    return 0;
}

static int move_range(struct rtnl *nl, const struct live_tap *tap, struct error *why)
{
    char text[CLAIM_SIZE];
    int err = 0;

    if (has_its_range(tap))
        return 0;
    if (tap->decision.uids.set)
        err = take_slot(nl, tap, true, text);
    if (err == -EEXIST)
        return 0;
    if (!err && tap->range[0])
        err = portlive_drop_altname(nl, tap->link.ifindex, tap->range);
    return end_step(nl, tap, err, "a slot of the quota of a range of uids", why);
}

/* Gives up the claims to addresses that are in the first list and not in the second. Returns 0 or -errno. */
static int drop_addresses(struct rtnl *nl, const struct live_tap *tap, const struct address_list *list,
                          const struct address_list *kept)
{
    char text[CLAIM_SIZE];
    int err = 0;

    for (size_t i = 0; i < list->count && !err; i++) {
        claim_write_ip(text, tap->claim.bridge, &list->list[i]);
        if (!has_address(kept, &list->list[i]))
            err = portlive_drop_altname(nl, tap->link.ifindex, text);
    }
    return err;
}

int live_claims_check(struct rtnl *nl, const struct live_tap *tap, struct error *why)
{
    const struct address_list wanted = wanted_addresses(tap);

    for (size_t i = 0; i < wanted.count; i++)
        if (!has_address(&tap->addresses, &wanted.list[i]))
            return addresses_check(nl, &wanted, tap->mac, &tap->bridge, tap->link.ifindex, why);
    return 0;
}

/* As the helper does: claims first, and then looks for others who have them. */
static int add_addresses(struct rtnl *nl, const struct live_tap *tap, struct error *why)
{
    const struct address_list wanted = wanted_addresses(tap);
    struct address_list added = {.count = 0};
    char text[CLAIM_SIZE];
    int err = 0;

    for (size_t i = 0; i < wanted.count && !err; i++) {
        if (has_address(&tap->addresses, &wanted.list[i]))
            continue;
        claim_write_ip(text, tap->claim.bridge, &wanted.list[i]);
        err = link_add_altnames(nl, tap->link.ifindex, text, CLAIM_SIZE, 1);
        if (!err)
            added.list[added.count++] = wanted.list[i];
    }
    if (!added.count && !err)
        return 0;
    if (err == -EEXIST) /* which this also finds, with the address */
        err = 0;
    err = end_step(nl, tap, err, "an IP address", why);
    if (!err)
        err = addresses_check(nl, &wanted, tap->mac, &tap->bridge, tap->link.ifindex, why);
    if (err)
        drop_addresses(nl, tap, &added, &tap->addresses);
    return err;
}

int live_claims_add(struct rtnl *nl, struct live_tap *tap, struct error *why)
{
    if (add_addresses(nl, tap, why) < 0 || move_slot(nl, tap, why) < 0)
        return -1;
    return move_range(nl, tap, why);
}

int live_claims_drop(struct rtnl *nl, const struct live_tap *tap, struct error *why)
{
    const struct address_list wanted = wanted_addresses(tap);
    const int err = drop_addresses(nl, tap, &tap->addresses, &wanted);

    return end_step(nl, tap, err, "an IP address", why);
}
