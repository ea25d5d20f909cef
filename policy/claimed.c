/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "claimed.h"

#include <stdlib.h>
#include <string.h>

bool claim_is_held(const struct link *tap)
{
    if (tap->tun.kind.multi_queue)
        return tap->tun.queues > 0;
    return tap->carrier;
}

bool claim_is_unused(const struct link *tap, struct claim *claim, struct claim_alias *alias)
{
    return tap->tun.persist && claim_read(claim, tap->altname) && claim_read_alias(alias, tap->alias) &&
           !claim_is_held(tap);
}

bool claim_read_tap(struct claimed_tap *out, const struct link *tap)
{
    struct claim claim;
    struct claim_alias alias;
    const bool claimed = claim_read(&claim, tap->altname), noted = claim_read_alias(&alias, tap->alias);

    if (!claimed && !noted)
        return false;
    *out = (struct claimed_tap){.uid = claimed ? claim.uid : alias.uid, .claimed = claimed};
    out->owner_changed = tap->tun.owner != out->uid && tap->flags & IFF_UP; /* an unfinished one is root's */
    if (noted) {
        strcpy(out->domain, alias.domain);
        out->mac_changed = memcmp(alias.mac, tap->mac, sizeof(alias.mac)) != 0;
        out->persistence_changed = alias.stays != tap->tun.persist;
    }
    return true;
}

bool claim_read_mac(uint8_t out[6], const char *text, const char *bridge)
{
    const char *digits = strrchr(text, '.');
    char again[CLAIM_SIZE];

    if (!digits || strlen(++digits) != 12)
        return false;
    const unsigned long long number = strtoull(digits, NULL, 16);
    for (size_t i = 0; i < 6; i++)
        out[i] = (uint8_t)(number >> 8 * (5 - i));
    claim_write_mac(again, bridge, out);
    return strcmp(again, text) == 0;
}
