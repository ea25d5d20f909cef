/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "address.h"

#include "bridge/portjson.h"
#include "net/links.h"
#include "policy/claimed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

int look_open(struct look *look, const struct guest_cards *cards)
{
    *look = (struct look){.links = {.count = 0}};
    int err = rtnl_open(&look->nl);
    if (!err)
        err = links_read(&look->nl, NULL, &look->links);
    links_sort(&look->links);
    if (!err)
        err = domain_names_read(&look->names);
    if (!err)
        err = guest_sight_read(&look->sight, &look->nl, &look->links, cards);
    return err;
}

void look_close(struct look *look)
{
    guest_sight_free(&look->sight);
    domain_names_free(&look->names);
    links_free(&look->links);
    rtnl_close(&look->nl);
}

json_t *look_json(const struct look *look, const struct link *tap, bool *reachable)
{
    _cleanup_guest_addresses_ struct guest_addresses found;
    const struct link *bridge = tap->is_port ? links_by_index(&look->links, tap->master) : NULL;
    struct claimed_tap claim = {.domain = ""};
    const int err = guest_find(&look->sight, tap, &found);
    const bool claimed = claim_read_tap(&claim, tap);

    if (err)
        return NULL;
    *reachable = guest_is_reachable(&found);
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o}", "tap", text_json(tap->name), "bridge",
        text_json_or_null(bridge ? bridge->name : ""), "domain", text_json_or_null(claim.domain),
        "domain_name",
        text_json_or_null(claimed ? domain_names_find(&look->names, claim.uid, claim.domain) : ""),
        "addresses", guest_json(&look->sight, &found));
}

/* Whether the tap belongs to this user; or to whomever, for root. */
static bool is_own(const struct link *tap)
{
    struct claimed_tap claim;

    if (!port_is_ours(tap))
        return false;
    return geteuid() == 0 || (claim_read_tap(&claim, tap) && claim.uid == geteuid());
}

/* Of a domain of this user's: anybody may make a tap for a domain with another's UUID or name. */
static bool is_of_domain(const struct look *look, const struct link *tap, const char *word)
{
    struct claimed_tap claim;

    if (!tap->is_tun || !*word || !claim_read_tap(&claim, tap) || claim.uid != geteuid())
        return false;
    return strcasecmp(claim.domain, word) == 0 ||
           strcmp(domain_names_find(&look->names, claim.uid, claim.domain), word) == 0;
}

static bool is_of_card(const struct guest_cards *cards, const struct link *tap)
{
    for (size_t i = 0; i < cards->count && tap->is_tun; i++)
        if (strcmp(cards->list[i].tap, tap->name) == 0)
            return true;
    return false;
}

static int note_domains(struct taps *taps)
{
    taps->domains = calloc(taps->count + 1, sizeof(*taps->domains));
    if (!taps->domains)
        return -ENOMEM;
    for (size_t i = 0; i < taps->count; i++) {
        struct claimed_tap claim;
        if (!claim_read_tap(&claim, &taps->list[i]) || !*claim.domain)
            continue;
        taps->domains[taps->domain_count] = strdup(claim.domain);
        if (!taps->domains[taps->domain_count++])
            return -ENOMEM;
    }
    return 0;
}

/* Adds those taps that are of the word, by the claims or by the cards. */
static void add_named(struct taps *out, const struct look *look, const struct guest_cards *cards,
                      const char *word)
{
    for (size_t i = 0; i < look->links.count; i++) {
        const struct link *tap = &look->links.list[i];
        if (cards ? is_of_card(cards, tap) : is_of_domain(look, tap, word))
            out->list[out->count++] = *tap;
    }
}

int look_taps(const struct look *look, const struct guest_cards *cards, const char *word, struct taps *out)
{
    const struct link *named = links_by_name(&look->links, word);

    *out = (struct taps){.list = calloc(look->links.count + 1, sizeof(*out->list))};
    if (!out->list)
        return -ENOMEM;
    for (size_t i = 0; i < look->links.count && !word; i++)
        if (is_own(&look->links.list[i]))
            out->list[out->count++] = look->links.list[i];
    if (named && named->is_tun)
        out->list[out->count++] = *named;
    if (word && !out->count)
        add_named(out, look, NULL, word);
    if (word && !out->count)
        add_named(out, look, cards, word);
    return note_domains(out);
}

void taps_free(struct taps *taps)
{
    for (size_t i = 0; i < taps->domain_count; i++)
        free((char *)(uintptr_t)taps->domains[i]);
    free(taps->domains);
    free(taps->list);
}
